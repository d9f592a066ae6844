// SPDX-License-Identifier: Apache-2.0
/*
 * estimate.h - what history says a case will cost. A table maps history keys (ids_history_key) to
 * samples; an estimate is robust (median, and an upper quantile of the log-durations) and decays
 * (the newest samples count most). Without samples it is the caller's prior: the core takes the
 * mean of the program's known cases, else ESTIMATE_DEFAULT_US. With fewer than
 * ESTIMATE_SAMPLES_MIN the spread is taken from other machines' experience.
 */
#ifndef PADDOCK_PLAN_ESTIMATE_H
#define PADDOCK_PLAN_ESTIMATE_H

#include "protocol/base/map.h"
#include "protocol/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ESTIMATE_SAMPLES_MAX = 16,    /* kept per key: the newest */
	ESTIMATE_SAMPLES_MIN = 3,     /* fewer: the upper estimate leans on the prior's spread */
	ESTIMATE_DEFAULT_US = 100000, /* nothing at all is known */
};

/* One key's history. Zeroed means never seen. */
struct estimate_history {
	uint32_t n; /* samples held */
	uint64_t samples_us
		/* newest first; durations of attempts that ran to a verdict */
		[ESTIMATE_SAMPLES_MAX];
	uint32_t runs;	   /* verdicts ever */
	uint32_t failures; /* red ones */
	uint32_t flakes;   /* passed after a retry */
	bool failed_last;
	bool isolate;	     /* crashed or timed out lately: runs alone */
	uint64_t peak_bytes; /* largest peak memory of the kept samples; 0 unknown */
	uint64_t cpu_us;     /* median processor time; 0 unknown */
};

struct estimate {
	uint64_t expect_us; /* median */
	uint64_t upper_us;  /* for ordering: longest first */
	bool seen;
	bool failed_last;
	bool isolate;
};

/* All histories a run needs. Zeroed is empty. */
struct estimate_table {
	struct map keys; /* history key -> index into histories */
	struct estimate_history *histories;
	size_t len, cap;
	struct map startups; /* "suite::program" -> learned start-up per process, microseconds */
};

/* Free everything and zero. Accepts NULL. */
void estimate_table_done(struct estimate_table *table);

/* The history of `key`, made when absent; valid until the next call. NULL on no memory. */
struct estimate_history *estimate_table_at(struct estimate_table *table, struct str key);

/* The history of `key`, or NULL. */
const struct estimate_history *estimate_table_find(const struct estimate_table *table,
						   struct str key);

/* Put a sample in front, pushing out the oldest. */
void estimate_add_sample(struct estimate_history *history, uint64_t duration_us);

/*
 * The estimate of one history (may be NULL: unseen); prior_us is used when it has no samples.
 * Pure.
 */
struct estimate estimate_of(const struct estimate_history *history, uint64_t prior_us);

#endif
