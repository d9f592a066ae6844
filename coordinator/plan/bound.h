// SPDX-License-Identifier: Apache-2.0
/*
 * bound.h - the least time a set of durations can take on m slots, and which term of it binds.
 * Pure.
 */
#ifndef PADDOCK_PLAN_BOUND_H
#define PADDOCK_PLAN_BOUND_H

#include <stddef.h>
#include <stdint.h>

enum bound_by {
	BOUND_BY_WORK,	  /* all slots busy all the time: more slots would help */
	BOUND_BY_LONGEST, /* the longest piece: only splitting or speeding it up would help */
	BOUND_BY_PAIR,	  /* the m-th and (m+1)-th longest must share a slot */
	BOUND_BY_MAX,
};

/*
 * Lower bound of the makespan of n durations on `slots` >= 1 identical slots: max(sum / m, p[0],
 * p[m-1] + p[m]) with p sorted descending. Sorts `durations_us` in place. *ret_by (may be NULL)
 * says which term won.
 */
uint64_t bound_makespan_us(uint64_t *durations_us, size_t n, uint64_t slots, enum bound_by *ret_by);

/* A phrase for a report: "the work of all slots", ... */
const char *bound_by_text(enum bound_by by);

#endif
