// SPDX-License-Identifier: Apache-2.0
/*
 * collect.h - every verdict of a run, kept until the end and handed out sorted by suite, program
 * and case: for reports that must come out the same whatever order the verdicts arrived in.
 */
#ifndef PADDOCK_COORDINATOR_REPORT_COLLECT_H
#define PADDOCK_COORDINATOR_REPORT_COLLECT_H

#include "coordinator/report/tally.h"
#include "protocol/wire/msg.h"

#include <stdbool.h>
#include <stddef.h>

struct collect;

/* A case with its verdict, or a program that could not be listed. */
struct collect_case {
	const struct msg_run_event *verdict;  /* CASE_FINISHED, or LIST_FAILED with an empty name */
	const struct msg_run_event *attempts; /* earlier ones, CASE_RETRIED, in order */
	size_t n_attempts;
	const struct msg_run_event *artifacts; /* by attempt and path */
	size_t n_artifacts;
};

/* What the run said of itself. */
struct collect_run {
	struct str name;
	bool finished;		  /* in order */
	struct msg_run_event end; /* RUN_FINISHED when finished */
	struct tally tally;
};

/* An empty one, NULL on no memory. */
struct collect *collect_new(void);

/* Free it. Accepts NULL. */
void collect_free(struct collect *collect);

/* Copy what matters of an event. 0 or -ENOMEM. */
int collect_event(struct collect *collect, const struct msg_run_event *event);

/* Sort: call once, after the last event. 0 or -ENOMEM. */
int collect_sort(struct collect *collect);

/* Case number i after collect_sort; false past the end. */
bool collect_nth(const struct collect *collect, size_t i, struct collect_case *ret_case);

/* What the run said of itself. */
const struct collect_run *collect_run(const struct collect *collect);

/* Do two entries belong to the same program of the same suite? */
bool collect_same_program(const struct msg_run_event *a, const struct msg_run_event *b);

#endif
