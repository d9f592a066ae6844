// SPDX-License-Identifier: Apache-2.0
/*
 * test_fairness.c - who waits for whom, between runs: a stream of short runs that never ends does
 * not starve a long one, and neither do runs of a higher priority; the bound that assign.c promises
 * holds; and short runs do not wait as long as they would first come, first served.
 *
 * ctest: timeout=60
 */
#include "coordinator/sim/sim.h"
#include "protocol/base/assert.h"
#include "protocol/base/rng.h"
#include "protocol/wire/ids.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define S UINT64_C(1000000)
enum { SLOTS = 4, CASES_MAX = 400, HEAD_START_S = 600 };

/* A run of n cases of the same duration, known to history. */
struct plan {
	struct sim_program program;
	struct estimate_table history;
	struct sim_case *cases;
};

static char names[CASES_MAX][24];

static void plan_run(struct plan *plan, struct sim_run *run, size_t n, uint64_t case_us)
{
	plan->cases = calloc(n, sizeof(*plan->cases));
	assert_non_null(plan->cases);
	for (size_t i = 0; i < n; i++) {
		struct buf key;
		snprintf(names[i], sizeof(names[i]), "%zu", i);
		plan->cases[i] = (struct sim_case){ .listed = { .name = str_of(names[i]) },
						    .duration_us = case_us };
		buf_init(&key, 256);
		assert_int_equal(ids_history_key(&key, STR_LIT("s"), STR_LIT("p"),
						 str_of(names[i])),
				 0);
		for (int k = 0; k < 3; k++)
			estimate_add_sample(estimate_table_at(&plan->history, buf_str(&key)),
					    case_us);
		buf_done(&key);
	}
	plan->program = (struct sim_program){ .spec = { .suite = STR_LIT("s"),
							.name = STR_LIT("p"),
							.kind = STR_LIT("gtest"),
							.path = STR_LIT("/p"),
							.isolate = 1 },
					      .cases = plan->cases,
					      .n_cases = n,
					      .list_us = 1000 };
	run->programs = &plan->program;
	run->n_programs = 1;
	run->history = &plan->history;
}

static void plan_done(struct plan *plans, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(plans[i].cases);
		estimate_table_done(&plans[i].history);
	}
	free(plans);
}

static void play(struct sim_run *runs, size_t n, uint64_t slots, struct sim_result *results)
{
	struct sim_worker worker = { .slots = slots };
	struct err err = { 0 };
	assert_int_equal(sim_world_run(&(struct sim_world){ .runs = runs,
							    .n_runs = n,
							    .workers = &worker,
							    .n_workers = 1,
							    .seed = 1 },
				       results, NULL, &err),
			 0);
}

/*
 * A long run of 400 s of work on four slots, and for an hour every 4 s a short one of 20 s: more
 * than four slots can do. Its turn is 100 s after it begins, so what comes later waits for it.
 */
static uint64_t long_among_short(uint64_t priority_of_short)
{
	enum { SHORT = 900 };
	struct plan *plans = calloc(SHORT + 1, sizeof(*plans));
	struct sim_run *runs = calloc(SHORT + 1, sizeof(*runs));
	struct sim_result *results = calloc(SHORT + 1, sizeof(*results));
	assert_true(plans && runs && results);
	plan_run(&plans[0], &runs[0], CASES_MAX, S);
	for (size_t i = 1; i <= SHORT; i++) {
		plan_run(&plans[i], &runs[i], 20, S);
		runs[i].at_us = i * 4 * S;
		runs[i].submit.priority = priority_of_short;
	}
	play(runs, SHORT + 1, SLOTS, results);
	uint64_t makespan_us = results[0].makespan_us;
	assert_true(results[0].ended && results[0].verdicts == CASES_MAX);
	plan_done(plans, SHORT + 1);
	free(runs);
	free(results);
	return makespan_us;
}

static void test_nobody_starves(void **state)
{
	(void)state;
	uint64_t makespan_us = long_among_short(0);
	print_message("a long run among short ones at 125%% load: %.0f s, alone 100 s\n",
		      (double)makespan_us / 1e6);
	/* Ahead of it: what came before its turn, 25 runs of 20 s; then its own 400 s. */
	assert_true(makespan_us <= (25 * 20 + 400) * S / SLOTS + 5 * S);
	assert_true(makespan_us > 110 * S); /* and the short ones did go first */
}

static void test_priority_is_a_head_start(void **state)
{
	(void)state;
	uint64_t makespan_us = long_among_short(1);
	print_message("... of a lower priority: %.0f s\n", (double)makespan_us / 1e6);
	uint64_t ahead = (100 + HEAD_START_S) / 4;
	assert_true(makespan_us <= (ahead * 20 + 400) * S / SLOTS + 5 * S);
	assert_true(makespan_us > HEAD_START_S * S);
}

/* ---- against first come, first served ---- */

enum { RUNS = 400, SEEDS = 5 };

struct turnaround {
	double mean, p50, p95, p99;
};

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/*
 * Twenty runs an hour of 40 cases of a minute in the mean, both exponential, on 18 slots: 74% busy.
 * First come, first served is the same core with falling priorities.
 */
static void arrivals(uint64_t seed, bool in_turn, double *turnarounds)
{
	struct plan *plans = calloc(RUNS, sizeof(*plans));
	struct sim_run *runs = calloc(RUNS, sizeof(*runs));
	struct sim_result *results = calloc(RUNS, sizeof(*results));
	struct rng rng;
	double at = 0;
	assert_true(plans && runs && results);
	rng_seed(&rng, seed);
	for (size_t i = 0; i < RUNS; i++) {
		double n = 1 - 40 * log(1 - rng_unit(&rng)), us = -60e6 * log(1 - rng_unit(&rng));
		at += -180e6 * log(1 - rng_unit(&rng));
		plan_run(&plans[i], &runs[i], n < CASES_MAX ? (size_t)n : CASES_MAX,
			 (uint64_t)us + 1000);
		runs[i].at_us = (uint64_t)at;
		runs[i].submit.priority = in_turn ? 0 : 1000 - i;
	}
	play(runs, RUNS, 18, results);
	for (size_t i = 0; i < RUNS; i++)
		turnarounds[i] = (double)results[i].makespan_us / 1e6;
	plan_done(plans, RUNS);
	free(runs);
	free(results);
}

static struct turnaround measure(const char *what, bool in_turn)
{
	static double all[RUNS * SEEDS];
	struct turnaround found = { 0 };
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		arrivals(seed, in_turn, all + (seed - 1) * RUNS);
	qsort(all, RUNS * SEEDS, sizeof(all[0]), by_value);
	for (size_t i = 0; i < RUNS * SEEDS; i++)
		found.mean += all[i] / (RUNS * SEEDS);
	found.p50 = all[RUNS * SEEDS / 2];
	found.p95 = all[RUNS * SEEDS * 95 / 100];
	found.p99 = all[RUNS * SEEDS * 99 / 100];
	print_message("%-28s p50 %.0f, mean %.0f, p95 %.0f, p99 %.0f s\n", what, found.p50,
		      found.mean, found.p95, found.p99);
	return found;
}

static void test_short_runs_go_first(void **state)
{
	(void)state;
	struct turnaround fifo = measure("first come, first served:", false),
			  turns = measure("by their turns:", true);
	assert_true(turns.mean < 0.9 * fifo.mean);
	assert_true(turns.p95 <= fifo.p95);
	assert_true(turns.p99 <= 1.15 * fifo.p99);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nobody_starves),
		cmocka_unit_test(test_priority_is_a_head_start),
		cmocka_unit_test(test_short_runs_go_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
