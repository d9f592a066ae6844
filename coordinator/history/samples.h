// SPDX-License-Identifier: Apache-2.0
/*
 * samples.h - from verdicts to what the planner reads: the newest durations per history key, with
 * failures, flakes and whether it should run alone. Works on an open database; transactions are the
 * caller's.
 */
#ifndef PADDOCK_COORDINATOR_HISTORY_SAMPLES_H
#define PADDOCK_COORDINATOR_HISTORY_SAMPLES_H

#include "coordinator/history/db.h"
#include "coordinator/plan/estimate.h"
#include "protocol/wire/outcome.h"

#include <stddef.h>
#include <stdint.h>

enum {
	SAMPLES_PER_RUN =
		4, /* kept of one key of one run: instances of a parameterised case share a key */
};

/* What one attempt at a case says about its key. */
struct samples_verdict {
	struct str suite, program, name;
	enum outcome outcome;
	bool final; /* the verdict, not an attempt that was repeated */
	bool flaky;
	uint64_t duration_us, cpu_us, peak_bytes;
};

/* Verdicts of one run, gathered per key. */
struct samples;

/* An empty one; NULL on no memory. */
struct samples *samples_new(void);

/* Free it. Accepts NULL. */
void samples_free(struct samples *samples);

/* Count a verdict. 0 or -ENOMEM. */
int samples_add(struct samples *samples, const struct samples_verdict *verdict);

/* Write what was gathered to the history; `wall_us` is when. 0 or -errno with err. */
int samples_write(struct samples *samples, struct db *db, uint64_t wall_us, struct err *err);

/* Gather the verdicts of a run of the journal. 0 or -errno with err. */
int samples_gather(struct samples *samples, struct db *db, uint64_t run, struct err *err);

/* Fill the table with the keys of the suites named (n 0: all) and with all start-up costs. 0 or
 * -errno with err. */
int samples_load(struct db *db, const struct str *suites, size_t n, struct estimate_table *table,
		 struct err *err);

/* A start-up cost measured, mixed into the one known. 0 or -errno with err. */
int samples_startup(struct db *db, struct str program, uint64_t startup_us, struct err *err);

#endif
