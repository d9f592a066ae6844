// SPDX-License-Identifier: Apache-2.0
/* query.h - what `paddock history` tells: rankings over a table of histories. Pure. */
#ifndef PADDOCK_COORDINATOR_HISTORY_QUERY_H
#define PADDOCK_COORDINATOR_HISTORY_QUERY_H

#include "coordinator/plan/estimate.h"

#include <stddef.h>
#include <stdint.h>

enum query_by {
	QUERY_SLOWEST,	 /* by median duration */
	QUERY_FLAKIEST,	 /* by share of verdicts that needed a retry; then failures */
	QUERY_REGRESSED, /* by how much slower the newest five are than those before */
	QUERY_BY_MAX,
};

enum {
	QUERY_RECENT = 5,     /* samples that count as new */
	QUERY_BEFORE_MIN = 3, /* older ones needed for a comparison */
};

struct query_row {
	struct str key;				/* the table's */
	const struct estimate_history *history; /* the table's */
	uint64_t median_us;			/* of all samples */
	uint64_t before_us, after_us; /* medians of the older and the newest five; regressed only */
	double score;		      /* what it is ranked by */
};

/*
 * The rows that belong in the ranking, best first, at most limit. 0 with *ret_rows (free it) and
 * *ret_n, or -ENOMEM. Equal scores are in the order of their keys.
 */
int query_rank(const struct estimate_table *table, enum query_by by, size_t limit,
	       struct query_row **ret_rows, size_t *ret_n);

#endif
