// SPDX-License-Identifier: Apache-2.0
/*
 * ctest_watch.h - waits for the output line that a test's TIMEOUT_AFTER_MATCH names, while the test
 * runs.
 */
#ifndef PADDOCK_WORKER_ADAPT_CTEST_WATCH_H
#define PADDOCK_WORKER_ADAPT_CTEST_WATCH_H

#include "protocol/base/buf.h"
#include "worker/adapt/ctest_props.h"

#include <stdbool.h>

/* Embedded by its owner; zeroed waits for nothing. */
struct ctest_watch {
	struct str *patterns; /* borrowed; those still waited for */
	size_t n_patterns;
	struct buf recent; /* the end of the output */
	bool is_cut;	   /* it does not hold the beginning */
	bool line_by_line;
};

/* Wait for any of `patterns`, which outlive the watch. Allocates nothing. */
void ctest_watch_init(struct ctest_watch *watch, const struct ctest_props_list *patterns);

/* Free it. Accepts zeroed. */
void ctest_watch_done(struct ctest_watch *watch);

/*
 * Output came. True when one of the patterns matches it, which is told once: a second match changes
 * nothing. Any split of the output gives the same answer.
 */
bool ctest_watch_feed(struct ctest_watch *watch, struct str bytes);

#endif
