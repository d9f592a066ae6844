// SPDX-License-Identifier: Apache-2.0
/* bound.c - lower bounds of identical-machine scheduling (Graham 1969). */
#include "coordinator/plan/bound.h"

#include "protocol/base/assert.h"

#include <stdlib.h>

static int descending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x < y) - (x > y);
}

uint64_t bound_makespan_us(uint64_t *durations_us, size_t n, uint64_t slots, enum bound_by *ret_by)
{
	ASSERT(slots > 0);
	uint64_t sum = 0, bound;
	enum bound_by by = BOUND_BY_WORK;
	if (n) /* there may be no array at all */
		qsort(durations_us, n, sizeof(*durations_us), descending);
	for (size_t i = 0; i < n; i++)
		sum += durations_us[i];
	bound = (sum + slots - 1) / slots;
	if (n && durations_us[0] > bound) {
		bound = durations_us[0];
		by = BOUND_BY_LONGEST;
	}
	if (n > slots && durations_us[slots - 1] + durations_us[slots] > bound) {
		bound = durations_us[slots - 1] + durations_us[slots];
		by = BOUND_BY_PAIR;
	}
	if (ret_by)
		*ret_by = by;
	return bound;
}

const char *bound_by_text(enum bound_by by)
{
	static const char *const texts[BOUND_BY_MAX] = {
		[BOUND_BY_WORK] = "the work itself: all slots busy, more slots would help",
		[BOUND_BY_LONGEST] = "the longest piece: more slots would not help",
		[BOUND_BY_PAIR] =
			"two long pieces that must share a slot: one more slot would help",
	};
	ASSERT(by < BOUND_BY_MAX);
	return texts[by];
}
