// SPDX-License-Identifier: Apache-2.0
/*
 * test_trust.c - workers that fail more than chance explains: one that reddens all it runs, and is
 * fast at it, is out after a few shards, and nothing is red for it where cases are tried again; and
 * in thousands of worlds without such a worker, none is.
 *
 * ctest: timeout=120
 */
#include "coordinator/sim/sim.h"
#include "protocol/base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MS UINT64_C(1000)
enum { PROGRAMS = 12, CASES = 40, WORKERS = 6 };

/* A suite: some of its cases fail always, some the first time. */
struct plan {
	struct sim_program programs[PROGRAMS];
	struct sim_case cases[PROGRAMS][CASES];
	struct sim_worker workers[WORKERS];
	struct sim_run run;
	struct sim_world world;
};

static char names[CASES][8], program_names[PROGRAMS][8];

static void fill(struct plan *plan, uint64_t seed, size_t n_cases, double broken, double flaky)
{
	struct rng rng;
	rng_seed(&rng, seed);
	*plan = (struct plan){ 0 };
	for (size_t i = 0; i < PROGRAMS; i++) {
		snprintf(program_names[i], sizeof(program_names[i]), "p%zu", i);
		plan->programs[i] =
			(struct sim_program){ .spec = { .suite = STR_LIT("s"),
							.name = str_of(program_names[i]),
							.kind = STR_LIT("gtest"),
							.path = STR_LIT("/p"),
							.retries = 2 },
					      .cases = plan->cases[i],
					      .n_cases = n_cases,
					      .list_us = MS,
					      .startup_us = MS };
		bool all = rng_unit(&rng) < broken;
		for (size_t j = 0; j < n_cases; j++) {
			snprintf(names[j], sizeof(names[j]), "%zu", j);
			bool once = rng_unit(&rng) < flaky;
			plan->cases[i][j] = (struct sim_case){
				.listed = { .name = str_of(names[j]) },
				.duration_us = (50 + rng_below(&rng, 400)) * MS,
				.outcome = OUTCOME_FAIL,
				.spoiled = all ? 100 : once,
			};
		}
	}
	for (size_t i = 0; i < WORKERS; i++)
		plan->workers[i] = (struct sim_worker){ .slots = 1 + rng_below(&rng, 3) };
	plan->run = (struct sim_run){ .programs = plan->programs, .n_programs = PROGRAMS };
	plan->world = (struct sim_world){ .runs = &plan->run,
					  .n_runs = 1,
					  .workers = plan->workers,
					  .n_workers = WORKERS,
					  .seed = seed,
					  .case_us = MS,
					  .handover_us = MS,
					  .quarantine = true };
}

/* How many workers are out after all runs. */
static uint64_t play(const struct plan *plan, struct sim_result *ret_results)
{
	struct err err = { 0 };
	struct sim_cost cost;
	assert_int_equal(sim_world_run(&plan->world, ret_results, &cost, &err), 0);
	for (size_t i = 0; i < plan->world.n_runs; i++)
		assert_true(ret_results[i].ended);
	return cost.quarantined;
}

/* Let n runs of the plan, the next when the last may be over, be its world. */
static void repeat(struct plan *plan, struct sim_run *runs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		runs[i] = plan->run;
		runs[i].at_us = i * 60000 * MS;
	}
	plan->world.runs = runs;
	plan->world.n_runs = n;
}

/* The bad one is fifty times as fast: failing takes no time. */
static void catch_bad_workers(uint64_t retries)
{
	enum { WORLDS = 100, RUNS = 8 };
	uint64_t caught = 0, red = 0, red_before = 0;
	struct plan *plan = malloc(sizeof(*plan));
	struct sim_run runs[RUNS];
	struct sim_result results[RUNS];
	assert_non_null(plan);
	for (uint64_t seed = 1; seed <= WORLDS; seed++) {
		fill(plan, seed, CASES, 0, 0.01);
		for (size_t i = 0; i < PROGRAMS; i++)
			plan->programs[i].spec.retries = retries;
		plan->workers[0] = (struct sim_worker){ .slots = 2, .slowness = 0.02, .ruins = 1 };
		repeat(plan, runs, RUNS);
		caught += play(plan, results);
		for (size_t i = 0; i < RUNS; i++)
			red += results[i].outcomes[OUTCOME_FAIL];
		plan->world.quarantine = false;
		assert_int_equal(play(plan, results), 0);
		for (size_t i = 0; i < RUNS; i++)
			red_before += results[i].outcomes[OUTCOME_FAIL];
	}
	print_message("%llu retries: of %d bad workers %llu are out; red cases %llu, without "
		      "quarantine %llu\n",
		      (unsigned long long)retries, WORLDS, (unsigned long long)caught,
		      (unsigned long long)red, (unsigned long long)red_before);
	assert_true(caught * 100 >= WORLDS * 95);
	assert_true(retries ? red == 0 : red * 3 < red_before);
	free(plan);
}

static void test_a_bad_worker_is_out(void **state)
{
	(void)state;
	catch_bad_workers(0);
	catch_bad_workers(2);
}

/* Broken programs fail wherever they run, flaky cases anywhere: no worker's fault. */
static void test_nobody_is_out_by_chance(void **state)
{
	enum { WORLDS = 3000 };
	static const double rates[][2] = { { 0, 0 }, { 0.3, 0.02 }, { 0, 0.2 }, { 1, 0 } };
	struct plan *plan = malloc(sizeof(*plan));
	struct sim_result result;
	(void)state;
	assert_non_null(plan);
	for (uint64_t seed = 1; seed <= WORLDS; seed++) {
		const double *rate = rates[seed % 4];
		fill(plan, seed, seed % 3 ? 8 : CASES / 2, rate[0], rate[1]);
		if (play(plan, &result) != 0)
			fail_msg("world %llu: a worker like any other is quarantined",
				 (unsigned long long)seed);
	}
	free(plan);
}

/* Programs of one case each, which nobody else runs: held against each other. */
static void test_programs_of_one_case(void **state)
{
	enum { RUNS = 30 };
	struct plan *plan = malloc(sizeof(*plan));
	struct sim_run runs[RUNS];
	struct sim_result results[RUNS];
	uint64_t caught = 0;
	(void)state;
	assert_non_null(plan);
	for (uint64_t seed = 1; seed <= 50; seed++) {
		fill(plan, seed, 1, 0, 0);
		repeat(plan, runs, RUNS);
		plan->workers[0] = (struct sim_worker){ .slots = 1, .ruins = 1 };
		caught += play(plan, results);
	}
	print_message("of 50 bad workers among programs of one case %llu are out\n",
		      (unsigned long long)caught);
	assert_true(caught >= 45);
	free(plan);
}

/* Of two, one may be out; where half are bad, it is something else. */
static void test_not_half_of_them(void **state)
{
	struct plan *plan = malloc(sizeof(*plan));
	struct sim_result result;
	(void)state;
	assert_non_null(plan);
	for (uint64_t seed = 1; seed <= 50; seed++) {
		fill(plan, seed, CASES, 0, 0);
		for (size_t i = 0; i < WORKERS - 1; i++)
			plan->workers[i] = (struct sim_worker){ .slots = 1, .ruins = 0.9 };
		assert_true(play(plan, &result) <= WORKERS / 2);
		plan->world.n_workers = 1;
		assert_int_equal(play(plan, &result), 0);
	}
	free(plan);
}

/* Some programs run at the bad one alone: without it their run would wait for ever. */
static void test_not_the_only_one(void **state)
{
	static const struct str tags[] = { STR_LIT("gpu=a100") };
	struct plan *plan = malloc(sizeof(*plan));
	struct sim_run runs[8];
	struct sim_result results[8];
	(void)state;
	assert_non_null(plan);
	for (uint64_t seed = 1; seed <= 50; seed++) {
		fill(plan, seed, CASES, 0, 0);
		plan->workers[0] = (struct sim_worker){
			.slots = 2, .slowness = 0.02, .ruins = 1, .tags = tags, .n_tags = 1
		};
		repeat(plan, runs, 8);
		assert_int_equal(play(plan, results), 1); /* as long as nobody needs it */
		plan->programs[PROGRAMS - 1].spec.requires = tags;
		plan->programs[PROGRAMS - 1].spec.n_requires = 1;
		assert_int_equal(play(plan, results), 0);
	}
	free(plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_bad_worker_is_out),
		cmocka_unit_test(test_nobody_is_out_by_chance),
		cmocka_unit_test(test_programs_of_one_case),
		cmocka_unit_test(test_not_half_of_them),
		cmocka_unit_test(test_not_the_only_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
