// SPDX-License-Identifier: Apache-2.0
/*
 * partition.h - the static split of a run between machines that do not talk: `--partition
 * time:K/N|slice:K/N|hash:K/N`. Every machine computes the same split from the same list (and the
 * same history for `time`). Pure.
 */
#ifndef PADDOCK_PLAN_PARTITION_H
#define PADDOCK_PLAN_PARTITION_H

#include "protocol/base/err.h"
#include "protocol/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum partition_kind {
	PARTITION_NONE,
	PARTITION_TIME,	 /* longest first onto the least loaded part */
	PARTITION_SLICE, /* every N-th of the sorted list */
	PARTITION_HASH,	 /* by the id alone: stable when other cases come and go */
};

struct partition {
	enum partition_kind kind;
	uint64_t part, parts; /* 1-based */
};

struct partition_item {
	struct str id; /* canonical */
	uint64_t expect_us;
	bool mine; /* out */
};

/* Parse "time:2/5"; "" gives PARTITION_NONE. 0 or -EINVAL with err. */
int partition_parse(struct str text, struct partition *ret_partition, struct err *err);

/* Set `mine` of each item. The result does not depend on the order of the items. 0 or -ENOMEM. */
int partition_apply(const struct partition *partition, struct partition_item *items, size_t n);

#endif
