// SPDX-License-Identifier: Apache-2.0
/* test_bound.c - each term of the bound, and that no schedule beats it. */
#include "coordinator/plan/bound.h"

#include "protocol/base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void expect(const uint64_t *durations, size_t n, uint64_t slots, uint64_t bound,
		   enum bound_by by)
{
	uint64_t copy[16];
	enum bound_by found = BOUND_BY_MAX;
	memcpy(copy, durations, n * sizeof(*durations));
	assert_int_equal(bound_makespan_us(copy, n, slots, &found), bound);
	assert_int_equal(found, by);
	assert_true(strlen(bound_by_text(found)) > 10);
}

static void test_terms(void **state)
{
	(void)state;
	const uint64_t even[] = { 3, 3, 3, 3 }, long_one[] = { 1, 9, 1 }, pair[] = { 5, 5, 5 };
	expect(even, 4, 2, 6, BOUND_BY_WORK);
	expect(even, 4, 1, 12, BOUND_BY_WORK);
	expect(long_one, 3, 2, 9, BOUND_BY_LONGEST);
	expect(pair, 3, 2, 10, BOUND_BY_PAIR);
	assert_int_equal(bound_makespan_us(NULL, 0, 4, NULL), 0);
}

/* Longest first onto the least loaded slot: a real schedule, never below the bound. */
static uint64_t schedule(const uint64_t *sorted, size_t n, size_t slots)
{
	uint64_t loads[8] = { 0 }, makespan = 0;
	for (size_t i = 0; i < n; i++) {
		size_t least = 0;
		for (size_t s = 1; s < slots; s++)
			least = loads[s] < loads[least] ? s : least;
		loads[least] += sorted[i];
		makespan = loads[least] > makespan ? loads[least] : makespan;
	}
	return makespan;
}

static void test_no_schedule_beats_it(void **state)
{
	(void)state;
	struct rng rng;
	rng_seed(&rng, 7);
	for (int round = 0; round < 2000; round++) {
		uint64_t durations[40];
		size_t n = 1 + rng_below(&rng, 40), slots = 1 + rng_below(&rng, 8);
		for (size_t i = 0; i < n; i++)
			durations[i] = rng_below(&rng, 1000);
		uint64_t bound = bound_makespan_us(durations, n, slots, NULL);
		uint64_t found = schedule(durations, n, slots); /* the bound sorted them */
		assert_true(found >= bound);
		assert_true(found * 3 <= bound * 4 + 3); /* Graham: at most 4/3 of the best */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_terms),
		cmocka_unit_test(test_no_schedule_beats_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
