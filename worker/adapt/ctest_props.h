// SPDX-License-Identifier: Apache-2.0
/*
 * ctest_props.h - what running and judging one CTest test takes, and how it travels in a case's
 * detail.
 */
#ifndef PADDOCK_WORKER_ADAPT_CTEST_PROPS_H
#define PADDOCK_WORKER_ADAPT_CTEST_PROPS_H

#include "protocol/base/arena.h"
#include "protocol/base/buf.h"
#include "worker/adapt/jdoc.h"

#include <stdbool.h>
#include <stdint.h>

struct ctest_props_list {
	struct str *items;
	size_t len, cap;
};

/* Views of a JSON document or of a detail. */
struct ctest_props {
	struct ctest_props_list command, env, mods, required;
	struct ctest_props_list pass, fail, skip; /* regular expressions */
	struct ctest_props_list after;		  /* TIMEOUT_AFTER_MATCH: what to wait for, */
	uint64_t after_us;			  /* and the limit from then on; 0: over at once */
	struct str cwd;
	bool will_fail;
	bool has_skip_code;
	int64_t skip_code;
};

/* Take the properties of one "tests" element; lists from the arena. 0, -E2BIG, -ENOMEM. */
int ctest_props_read(const struct jdoc_node *test, struct arena *arena,
		     struct ctest_props *ret_props);

/* The value of property `name` of a "tests" element, or NULL. */
const struct jdoc_node *ctest_props_find(const struct jdoc_node *test, const char *name);

/* Append as a detail. 0, or buf_append's errors. */
int ctest_props_put(struct buf *detail, const struct ctest_props *props);

/* Take from a detail; memory from the arena. 0, -EINVAL when it is none, -E2BIG, -ENOMEM. */
int ctest_props_take(struct str detail, struct arena *arena, struct ctest_props *ret_props);

#endif
