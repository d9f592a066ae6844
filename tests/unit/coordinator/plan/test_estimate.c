// SPDX-License-Identifier: Apache-2.0
/* test_estimate.c - estimates from few, many, changed and wild samples. */
#include "coordinator/plan/estimate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct estimate_history of(const uint64_t *samples, size_t n)
{
	struct estimate_history history = { 0 };
	for (size_t i = 0; i < n; i++) /* oldest first */
		estimate_add_sample(&history, samples[i]);
	return history;
}

static void test_unseen(void **state)
{
	(void)state;
	struct estimate_history red = {
		.runs = 3, .failures = 3, .failed_last = true, .isolate = true
	};
	struct estimate estimate = estimate_of(NULL, 1234);
	assert_int_equal(estimate.expect_us, 1234);
	assert_int_equal(estimate.upper_us, 1234);
	assert_false(estimate.seen);
	estimate = estimate_of(&red,
			       1234); /* it never ran to an end: known, but not how long it takes */
	assert_false(estimate.seen);
	assert_true(estimate.failed_last && estimate.isolate);
	assert_int_equal(estimate.expect_us, 1234);
}

static void test_few_samples_lean_on_the_prior_spread(void **state)
{
	(void)state;
	const uint64_t samples[] = { 100000, 100000, 100000 };
	struct estimate_history one = of(samples, 1), three = of(samples, 3);
	struct estimate few = estimate_of(&one, 5), enough = estimate_of(&three, 5);
	assert_true(few.seen && enough.seen);
	assert_in_range(few.expect_us, 99990, 100010);
	assert_in_range(few.upper_us, 130000, 140000);
	assert_in_range(enough.upper_us, 99990, 100010);
}

static void test_one_outlier_changes_nothing(void **state)
{
	(void)state;
	const uint64_t samples[] = { 1000, 1010, 990, 1005, 995, 60000000, 1000, 1002 };
	struct estimate_history history = of(samples, 8);
	struct estimate estimate = estimate_of(&history, 0);
	assert_in_range(estimate.expect_us, 990, 1010);
	assert_in_range(estimate.upper_us, 990, 1100);
}

static void test_a_change_shows_after_a_few_runs(void **state)
{
	(void)state;
	uint64_t samples[16];
	for (size_t i = 0; i < 16; i++)
		samples[i] = i < 12 ? 1000 : 9000;
	struct estimate_history history = of(samples, 16);
	assert_in_range(estimate_of(&history, 0).expect_us, 8900, 9100);
	struct estimate_history early = of(samples, 13);
	assert_in_range(estimate_of(&early, 0).expect_us, 990, 1010);
}

static void test_keeps_the_newest(void **state)
{
	(void)state;
	struct estimate_history history = { 0 };
	for (uint64_t i = 0; i < 100; i++)
		estimate_add_sample(&history, i);
	assert_int_equal(history.n, ESTIMATE_SAMPLES_MAX);
	assert_int_equal(history.samples_us[0], 99);
	assert_int_equal(history.samples_us[ESTIMATE_SAMPLES_MAX - 1], 100 - ESTIMATE_SAMPLES_MAX);
}

static void test_extremes(void **state)
{
	(void)state;
	const uint64_t zero[] = { 0, 0, 0 },
		       day[] = { UINT64_C(86400000000), UINT64_C(86400000000), 1 };
	struct estimate_history none = of(zero, 3), long_one = of(day, 3);
	assert_int_equal(estimate_of(&none, 7).expect_us, 0);
	assert_true(estimate_of(&none, 7).seen);
	assert_true(estimate_of(&long_one, 7).upper_us >= estimate_of(&long_one, 7).expect_us);
}

static void test_table(void **state)
{
	(void)state;
	struct estimate_table table = { 0 };
	assert_null(estimate_table_find(&table, STR_LIT("a")));
	for (uint64_t i = 0; i < 1000; i++) {
		struct estimate_history *history =
			estimate_table_at(&table, (struct str){ (const char *)&i, sizeof(i) });
		assert_non_null(history);
		history->runs = (uint32_t)i;
	}
	for (uint64_t i = 0; i < 1000; i++)
		assert_int_equal(estimate_table_find(&table,
						     (struct str){ (const char *)&i, sizeof(i) })
					 ->runs,
				 i);
	assert_int_equal(table.len, 1000);
	estimate_table_done(&table);
	estimate_table_done(NULL);
	assert_int_equal(table.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unseen),
		cmocka_unit_test(test_few_samples_lean_on_the_prior_spread),
		cmocka_unit_test(test_one_outlier_changes_nothing),
		cmocka_unit_test(test_a_change_shows_after_a_few_runs),
		cmocka_unit_test(test_keeps_the_newest),
		cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
