// SPDX-License-Identifier: Apache-2.0
/* test_pack.c - how much work a shard gets. */
#include "coordinator/plan/pack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static uint64_t target(uint64_t left_us, uint64_t slots, uint64_t startup_us)
{
	return pack_target_us(&(struct pack_input){
		.left_us = left_us, .slots = slots, .startup_us = startup_us });
}

static void test_half_an_equal_share(void **state)
{
	(void)state;
	assert_int_equal(target(160000000, 16, 2000), 5000000);
	assert_int_equal(target(80000000, 16, 2000), 2500000);
}

static void test_worth_its_startup(void **state)
{
	(void)state;
	assert_int_equal(target(16000000, 16, 100000),
			 800000); /* 8 times, where the share allows it */
	assert_int_equal(target(6400000, 16, 100000),
			 400000); /* else an equal share: no slot stays idle */
	assert_int_equal(target(160000, 16, 100000), 100000); /* but never less than the start-up */
}

static void test_a_process_per_case(void **state)
{
	(void)state;
	assert_int_equal(target(160000000, 16, 0),
			 20000); /* only the hand-over is to be amortised */
	assert_int_equal(target(640000, 16, 0), 10000);
	assert_int_equal(target(0, 16, 0), 0);
}

static void test_shards_shrink_to_the_end(void **state)
{
	(void)state;
	uint64_t left = 100000000, last = UINT64_MAX, shards = 0;
	while (left) {
		uint64_t work = target(left, 8, 5000);
		assert_true(work > 0 && work <= last);
		last = work;
		left -= work < left ? work : left;
		shards++;
	}
	assert_in_range(shards, 8, 200);
}

static void test_extremes(void **state)
{
	(void)state;
	assert_true(target(UINT64_MAX, 1, UINT64_MAX) == UINT64_MAX);
	assert_int_equal(target(0, 1024, 1), 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_half_an_equal_share),
		cmocka_unit_test(test_worth_its_startup),
		cmocka_unit_test(test_a_process_per_case),
		cmocka_unit_test(test_shards_shrink_to_the_end),
		cmocka_unit_test(test_extremes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
