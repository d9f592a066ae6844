// SPDX-License-Identifier: Apache-2.0
/*
 * test_forecast.c - a run that the simulator plays is journalled in a store; the forecast made
 * from that store is held
 * against the simulator playing the same world with other pools. And: which runs count as whole.
 */
#include "coordinator/sim/forecast.h"

#include "coordinator/sim/sim.h"
#include "protocol/base/rng.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { CASES = 120, PROGRAMS = 3 };

struct fixture {
	char folder[64], path[96];
	struct store *store;
	uint64_t run, wall_us;
	struct sim_case cases[PROGRAMS][CASES];
	char names[CASES][16];
	struct sim_program programs[PROGRAMS];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err err = { 0 };
	struct rng rng;
	assert_non_null(f);
	rng_seed(&rng, 5);
	snprintf(f->folder, sizeof(f->folder), "/tmp/paddock-forecast.XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	snprintf(f->path, sizeof(f->path), "%s/history.db", f->folder);
	assert_int_equal(store_open(f->path, &f->store, &err), 0);
	f->wall_us = UINT64_C(1700000000) * 1000000;
	static const char *const names[PROGRAMS] = { "p0", "p1", "p2" };
	static const char *const files[PROGRAMS] = { "/suites/a/p0", "/suites/a/p1",
						     "/suites/b/p2" };
	for (size_t p = 0; p < PROGRAMS; p++) {
		for (size_t i = 0; i < CASES; i++) {
			snprintf(f->names[i], sizeof(f->names[i]), "case%zu", i);
			f->cases[p][i].listed.name = str_of(f->names[i]);
			f->cases[p][i].duration_us = (uint64_t)(60000 * exp(rng_normal(&rng)));
		}
		f->programs[p] = (struct sim_program){ .spec = { .suite = p < 2 ? STR_LIT("a")
										: STR_LIT("b"),
								 .name = str_of(names[p]),
								 .kind = STR_LIT("gtest"),
								 .path = str_of(files[p]) },
						       .cases = f->cases[p],
						       .n_cases = CASES,
						       .list_us = 40000,
						       .startup_us = 15000 };
	}
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char path[128];
	store_close(f->store);
	unlink(f->path);
	for (const char *const *end = (const char *const[]){ "-wal", "-shm", NULL }; *end; end++) {
		snprintf(path, sizeof(path), "%s%s", f->path, *end);
		unlink(path);
	}
	rmdir(f->folder);
	free(f);
	return 0;
}

static void journal(void *data, uint64_t now_us, const struct core_action *action)
{
	struct fixture *f = data;
	(void)now_us;
	if (action->kind == CORE_ACTION_EVENT)
		assert_int_equal(store_run_event(f->store, f->run, action->event), 0);
}

/* Play a pool; with `name`, journal it. */
static struct sim_result play(struct fixture *f, size_t n_programs, uint64_t workers,
			      uint64_t slots, const char *name, double noise, uint64_t stop_us)
{
	struct sim_worker crew[16] = { 0 };
	struct estimate_table history = { 0 };
	struct err err = { 0 };
	struct sim_observer observer = { .action = journal, .data = f };
	struct sim_result result;
	for (uint64_t i = 0; i < workers; i++)
		crew[i] = (struct sim_worker){ .slots = slots, .join_us = 30000 };
	assert_int_equal(store_load_estimates(f->store, NULL, 0, &history, &err), 0);
	struct sim_run run = { .programs = f->programs,
			       .n_programs = n_programs,
			       .history = &history,
			       .stop_us = stop_us,
			       .stop_code = EXIT_CODE_INCOMPLETE,
			       .stop_immediate = true };
	struct sim_world world = { .runs = &run,
				   .n_runs = 1,
				   .workers = crew,
				   .n_workers = workers,
				   .handover_us = 700,
				   .case_us = 3000,
				   .noise = noise,
				   .seed = 3,
				   .observer = name ? &observer : NULL };
	f->wall_us += 1000000;
	if (name)
		assert_int_equal(store_run_begin(f->store, str_of(name), f->wall_us,
						 STR_LIT("suites"), &f->run, &err),
				 0);
	assert_int_equal(sim_world_run(&world, &result, NULL, &err), 0);
	assert_true(result.ended);
	if (name) {
		for (size_t p = 0; p < n_programs; p++)
			assert_int_equal(store_startup(f->store, f->programs[p].spec.suite,
						       f->programs[p].spec.name,
						       f->programs[p].startup_us),
					 0);
		assert_int_equal(store_run_finish(f->store, f->run, f->wall_us + result.makespan_us,
						  result.exit_code, &err),
				 0);
	}
	estimate_table_done(&history);
	return result;
}

static void expect_near(uint64_t got, uint64_t want, double tolerance, const char *what)
{
	double ratio = (double)got / (double)want;
	if (ratio < 1 - tolerance || ratio > 1 + tolerance)
		fail_msg("%s: %llu us forecast, %llu us true: %.3f", what, (unsigned long long)got,
			 (unsigned long long)want, ratio);
}

/*
 * Recorded with one worker of four slots; forecast for others, and held against what then
 * happens.
 */
static void test_forecast_comes_true(void **state)
{
	struct fixture *f = *state;
	struct forecast *forecast = NULL;
	struct err err = { 0 };
	for (int i = 0; i < 3; i++) {
		char name[16];
		snprintf(name, sizeof(name), "run%d", i);
		play(f, PROGRAMS, 1, 4, name, 0.05, 0);
	}
	assert_int_equal(forecast_load(f->store, NULL, 0, &forecast, &err), 0);
	struct forecast_basis basis = forecast_basis(forecast);
	assert_int_equal(basis.cases, PROGRAMS * CASES);
	assert_int_equal(basis.programs, PROGRAMS);
	assert_int_equal(basis.unseen, 0);
	assert_string_equal(basis.run, "run2");
	for (uint64_t workers = 1; workers <= 8; workers *= 2) {
		struct forecast_row row;
		char what[32];
		struct sim_result real = play(f, PROGRAMS, workers, 4, NULL, 0.05, 0);
		assert_int_equal(forecast_pool(forecast, workers, 4, &row, &err), 0);
		snprintf(what, sizeof(what), "%llu workers", (unsigned long long)workers);
		expect_near(row.makespan_us, real.makespan_us, 0.05, what);
		assert_int_equal(row.slots, workers * 4);
		assert_true(row.late_us >= row.makespan_us && row.makespan_us >= row.bound_us);
		assert_true(row.busy_us <= row.makespan_us * row.slots);
		assert_true(row.bounded_by[0]);
	}
	forecast_free(forecast);
}

static size_t cases_of(struct fixture *f, const struct str *wanted, size_t n, char ret_run[64])
{
	struct forecast *forecast = NULL;
	struct err err = { 0 };
	if (forecast_load(f->store, wanted, n, &forecast, &err) < 0) {
		assert_int_equal(err.code, -ENOENT);
		assert_non_null(strstr(err.text, "paddock run"));
		return 0;
	}
	struct forecast_basis basis = forecast_basis(forecast);
	memcpy(ret_run, basis.run, sizeof(basis.run));
	forecast_free(forecast);
	return basis.cases;
}

static void test_what_is_wanted(void **state)
{
	struct fixture *f = *state;
	char run[64];
	struct str suite = STR_LIT("b"), program = STR_LIT("/suites/a/p1"),
		   folder = STR_LIT("/suites/a"), none = STR_LIT("/suites/aa");
	play(f, PROGRAMS, 1, 4, "one", 0, 0);
	assert_int_equal(cases_of(f, &suite, 1, run), CASES);
	assert_int_equal(cases_of(f, &program, 1, run), CASES);
	assert_int_equal(cases_of(f, &folder, 1, run), 2 * CASES);
	assert_int_equal(cases_of(f, &none, 1, run), 0);
}

static void test_which_run(void **state)
{
	struct fixture *f = *state;
	char run[64];
	assert_int_equal(cases_of(f, NULL, 0, run), 0); /* nothing recorded: a sentence */
	play(f, PROGRAMS, 1, 4, "whole", 0, 0);
	play(f, PROGRAMS, 1, 4, "cut-off", 0, 300000);
	assert_int_equal(cases_of(f, NULL, 0, run), PROGRAMS * CASES);
	assert_string_equal(run, "whole");
	/* a later run of a part: each suite from its own newest whole run */
	play(f, 2, 1, 4, "part", 0, 0);
	assert_int_equal(cases_of(f, NULL, 0, run), PROGRAMS * CASES);
	/* a rerun of a few cases does not stand for the suite */
	f->programs[0].n_cases = 5;
	play(f, 1, 1, 4, "rerun", 0, 0);
	assert_int_equal(cases_of(f, NULL, 0, run), PROGRAMS * CASES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_forecast_comes_true, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_wanted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_which_run, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
