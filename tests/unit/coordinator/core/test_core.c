// SPDX-License-Identifier: Apache-2.0
/* test_core.c - the doors of the core: a plain run, stopping, workers that come and go. */
#include "tests/kit/desk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* ---- a plain run ---- */

static void test_all_pass(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") }, { .name = STR_LIT("y") } };
	desk_join(desk, "w", 1);
	desk_submit(desk, (struct msg_submit){ 0 }, 1, 0);
	desk_list(desk, listed, 2);
	desk_run(desk, OUTCOME_PASS);
	desk_run(desk, OUTCOME_PASS);
	desk_expect_end(desk, EXIT_CODE_OK, 2);
	assert_true(core_deadline_us(desk->core) != UINT64_MAX); /* the worker's lease still runs */
	core_run_forget(desk->core, desk->run);
	assert_int_equal(core_run_status(desk->core, desk->run).cases, 0);
}

static void test_one_fails(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") }, { .name = STR_LIT("y") } };
	desk_join(desk, "w", 1);
	desk_submit(desk, (struct msg_submit){ 0 }, 1, 0);
	desk_list(desk, listed, 2);
	desk_run(desk, OUTCOME_FAIL);
	desk_run(desk, OUTCOME_PASS); /* the default is to go on */
	desk_expect_end(desk, EXIT_CODE_FAILED, 2);
}

static void test_nothing_selected(void **state)
{
	struct desk *desk = *state;
	static const struct {
		uint64_t no_tests;
		int exit_code;
		size_t warnings;
	} ways[] = { { 0, 4, 1 }, { 1, 0, 1 }, { 2, 0, 0 } };
	struct msg_listed listed[] = { { .name = STR_LIT("x") } };
	struct str filter = STR_LIT("none()");
	desk_join(desk, "w", 1);
	for (size_t i = 0; i < 3; i++) {
		desk->events.len = 0;
		desk->done = false;
		desk_submit(desk,
			    (struct msg_submit){ .filters = &filter,
						 .n_filters = 1,
						 .no_tests = ways[i].no_tests },
			    1, 0);
		desk_list(desk, listed, 1);
		desk_expect_end(desk, ways[i].exit_code, 0);
		assert_int_equal(desk_count(desk, MSG_RUN_WARNING), ways[i].warnings);
		core_run_forget(desk->core, desk->run);
	}
}

static void test_bad_filter_is_refused(void **state)
{
	struct desk *desk = *state;
	struct str filter = STR_LIT("test(");
	struct msg_submit submission = { .filters = &filter, .n_filters = 1 };
	struct err err = { 0 };
	assert_int_equal(core_run_submit(desk->core, desk->now_us, &submission, "run", NULL, &err),
			 0);
	assert_non_null(strstr(err.text, "test("));
}

static void test_list_only(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") },
				       { .name = STR_LIT("y"), .disabled = 1 } };
	desk_join(desk, "w", 1);
	desk_submit(desk, (struct msg_submit){ .list_only = 1 }, 1, 0);
	desk_list(desk, listed, 2);
	desk_expect_end(desk, EXIT_CODE_OK, 0);
	assert_int_equal(desk_count(desk, MSG_RUN_CASE_LISTED), 2);
	assert_int_equal(desk_last(desk, MSG_RUN_CASE_LISTED, "y")->outcome, OUTCOME_SKIP);
	assert_int_equal(desk->orders.len, 0);
}

static void test_disabled_is_skipped(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x"), .disabled = 1 } };
	desk_join(desk, "w", 1);
	desk_submit(desk, (struct msg_submit){ 0 }, 1, 0);
	desk_list(desk, listed, 1);
	desk_expect_end(desk, EXIT_CODE_OK, 1);
	assert_int_equal(desk_verdict(desk, "x"), OUTCOME_SKIP);
}

/* ---- stopping ---- */

static void test_max_fail(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") },
				       { .name = STR_LIT("y") },
				       { .name = STR_LIT("z") } };
	desk_join(desk, "w", 1);
	desk_submit(desk, (struct msg_submit){ .max_fail = 1 }, 1, 0);
	desk_list(desk, listed, 3);
	desk_run(desk, OUTCOME_FAIL);
	desk_expect_end(desk, EXIT_CODE_FAILED, 3);
	assert_int_equal(desk_verdict(desk, "z"), OUTCOME_NOTRUN);
}

static void test_stop_during_listing_with_dependents(void **state)
{
	struct desk *desk = *state;
	struct str x = STR_LIT("x"), y = STR_LIT("y");
	struct msg_listed listed[] = { { .name = x },
				       { .name = y, .after = &x, .n_after = 1 },
				       { .name = STR_LIT("z"), .after = &y, .n_after = 1 } };
	desk_join(desk, "w", 1);
	desk_submit(desk, (struct msg_submit){ 0 }, 1, 0);
	core_run_stop(desk->core, desk->now_us, desk->run, "enough", EXIT_CODE_DEADLINE, true);
	desk_drain(desk);
	desk_list(desk, listed, 3); /* its end and the order to cancel cross */
	assert_true(desk_next(desk).cancel);
	desk_expect_end(desk, EXIT_CODE_DEADLINE, 3);
	assert_int_equal(desk_verdict(desk, "z"), OUTCOME_NOTRUN);
}

static void test_stop_before_anything_is_incomplete(void **state)
{
	struct desk *desk = *state;
	desk_submit(desk, (struct msg_submit){ 0 }, 2, 0); /* nobody is there to list */
	core_run_stop(desk->core, desk->now_us, desk->run, "enough", 0, true);
	desk_drain(desk);
	desk_expect_end(desk, EXIT_CODE_INCOMPLETE, 0);
}

static void test_stop_while_a_partition_waits(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") } };
	desk_join(desk, "w", 1);
	desk_submit(desk, (struct msg_submit){ .partition = STR_LIT("slice:1/1") }, 3, 0);
	desk_list(desk, listed, 1);
	core_run_stop(desk->core, desk->now_us, desk->run, "enough", 0, true);
	desk_drain(desk);
	struct desk_order order = desk_next(desk);
	desk_close(desk, &order, MSG_CLOSE_CANCELLED);
	desk_expect_end(desk, EXIT_CODE_FAILED, 1);
	assert_int_equal(desk_verdict(desk, "x"), OUTCOME_NOTRUN);
}

static void test_deadline(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") } };
	desk_join(desk, "w", 1);
	desk_submit(desk, (struct msg_submit){ .deadline_us = 2 * DESK_S }, 1, 0);
	desk_list(desk, listed, 1);
	assert_int_equal(core_deadline_us(desk->core), desk->now_us + 2 * DESK_S);
	struct desk_order order = desk_next(desk);
	desk->now_us += 2 * DESK_S;
	core_tick(desk->core, desk->now_us);
	desk_drain(desk);
	assert_false(desk->done);
	assert_true(desk_next(desk).cancel);
	desk_close(desk, &order, MSG_CLOSE_CANCELLED);
	desk_expect_end(desk, EXIT_CODE_DEADLINE, 1);
}

/* ---- workers ---- */

static void test_lost_worker(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") } };
	uint64_t one = desk_join(desk, "one", 1);
	desk_submit(desk, (struct msg_submit){ 0 }, 1, 0);
	desk_list(desk, listed, 1);
	struct desk_order lost = desk_next(desk);
	uint64_t two = desk_join(desk, "two", 1);
	desk->now_us += 14 * DESK_S;
	core_worker_ready(desk->core, desk->now_us, two);
	desk->now_us += DESK_S;
	core_tick(desk->core, desk->now_us);
	desk_drain(desk);
	assert_int_equal(lost.worker, one);
	assert_int_equal(desk_count(desk, MSG_RUN_WORKER_LEFT), 1);
	assert_int_equal(desk->orders.items[0].worker, two);
	desk_run(desk, OUTCOME_PASS);
	desk_expect_end(desk, EXIT_CODE_OK, 1);
}

/* A worker was late, not lost: its verdict is the first, so it counts, and the other is ended. */
static void test_late_verdict_wins(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") } };
	uint64_t one = desk_join(desk, "one", 1);
	desk_submit(desk, (struct msg_submit){ 0 }, 1, 0);
	desk_list(desk, listed, 1);
	struct desk_order late = desk_next(desk);
	core_worker_left(desk->core, desk->now_us, one, "silent");
	desk_drain(desk);
	desk_join(desk, "two", 1);
	struct desk_order again = desk_next(desk);
	desk_end(desk, &late, 0, OUTCOME_FAIL);
	assert_string_equal(desk_last(desk, MSG_RUN_CASE_FINISHED, NULL)->worker.data, "one");
	assert_true(desk_next(desk).cancel);
	desk_end(desk, &again, 0, OUTCOME_PASS);
	assert_int_equal(desk_count(desk, MSG_RUN_CASE_DUPLICATE), 1);
	desk_close(desk, &again, MSG_CLOSE_CANCELLED);
	desk_expect_end(desk, EXIT_CODE_FAILED, 1);
}

/* The epoch is the proof of whose attempt it is: with another nothing is merged. */
static void test_epoch_fences(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") } };
	desk_join(desk, "w", 1);
	desk_submit(desk, (struct msg_submit){ 0 }, 1, 0);
	desk_list(desk, listed, 1);
	struct desk_order order = desk->orders.items[0];
	order.epoch++;
	desk_end(desk, &order, 0, OUTCOME_FAIL);
	assert_int_equal(desk_count(desk, MSG_RUN_CASE_FINISHED), 0);
	desk_run(desk, OUTCOME_PASS);
	desk_expect_end(desk, EXIT_CODE_OK, 1);
}

static bool has_case(const struct desk_order *order, const char *name)
{
	for (size_t i = 0; i < order->n_cases; i++)
		if (strcmp(order->names[i], name) == 0)
			return true;
	return false;
}

/* One case of sixteen kills whoever runs it: it ends alone, everything else passes. */
static void test_killer_is_isolated(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[16];
	char names[16][8];
	unsigned losses = 0;
	for (size_t i = 0; i < 16; i++) {
		snprintf(names[i], sizeof(names[i]), "c%zu", i);
		listed[i] = (struct msg_listed){ .name = str_of(names[i]) };
	}
	desk_join(desk, "w", 1);
	desk_submit(desk, (struct msg_submit){ 0 }, 1, 0);
	desk_list(desk, listed, 16);
	while (!desk->done) {
		if (!has_case(&desk->orders.items[0], "c11")) {
			desk_run(desk, OUTCOME_PASS);
			continue;
		}
		assert_true(++losses < 8);
		core_worker_left(desk->core, desk->now_us, desk_next(desk).worker, "killed");
		desk_drain(desk);
		if (!desk->done)
			desk_join(desk, "w", 1);
	}
	desk_expect_end(desk, EXIT_CODE_INCOMPLETE, 16);
	assert_int_equal(desk_verdict(desk, "c11"), OUTCOME_LOST);
	assert_non_null(strstr(desk_last(desk, MSG_RUN_CASE_FINISHED, "c11")->message.data,
			       "workers were lost with it"));
	for (size_t i = 0; i < 16; i++)
		if (i != 11)
			assert_int_equal(desk_verdict(desk, names[i]), OUTCOME_PASS);
}

static void test_lost_for_good(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") } };
	uint64_t worker = desk_join(desk, "w", 1);
	desk_submit(desk, (struct msg_submit){ 0 }, 1, 0);
	desk_list(desk, listed, 1);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(desk_next(desk).n_cases, 1);
		core_worker_left(desk->core, desk->now_us, worker, "gone");
		desk_drain(desk);
		if (i < 2)
			worker = desk_join(desk, "w", 1);
	}
	desk_expect_end(desk, EXIT_CODE_INCOMPLETE, 1);
	assert_int_equal(desk_verdict(desk, "x"), OUTCOME_LOST);
}

static void test_suspect_gets_nothing(void **state)
{
	struct desk *desk = *state;
	uint64_t worker = desk_join(desk, "w", 1);
	desk->now_us += 5 * DESK_S;
	desk_submit(desk, (struct msg_submit){ 0 }, 1, 0);
	assert_int_equal(desk->orders.len, 0);
	core_worker_ready(desk->core, desk->now_us,
			  worker); /* heard again: that alone makes it eligible */
	desk_drain(desk);
	assert_true(desk_next(desk).list);
}

static void test_who_was_given_up_has_to_join(void **state)
{
	struct desk *desk = *state;
	uint64_t worker = desk_join(desk, "w", 1);
	assert_true(core_worker_ready(desk->core, desk->now_us, worker));
	desk->now_us += 15 * DESK_S;
	core_tick(desk->core, desk->now_us);
	assert_false(core_worker_ready(desk->core, desk->now_us, worker));
	assert_false(core_worker_ready(desk->core, desk->now_us, 0));
}

static void test_silence_of_our_own_loses_nobody(void **state)
{
	struct desk *desk = *state;
	uint64_t worker = desk_join(desk, "w", 1);
	desk->now_us += 60 * DESK_S;
	core_renew_leases(desk->core, desk->now_us);
	core_tick(desk->core, desk->now_us);
	assert_true(core_worker_ready(desk->core, desk->now_us, worker));
}

/* An order that no frame holds would be lost, and its case never end. */
static void test_too_large_a_program_is_refused(void **state)
{
	struct desk *desk = *state;
	static char variable[100 << 10];
	struct str env[4];
	struct msg_program program = {
		.name = STR_LIT("big"), .kind = STR_LIT("list"), .env = env, .n_env = 4
	};
	struct err err = { 0 };
	memset(variable, 'x', sizeof(variable));
	for (size_t i = 0; i < 4; i++)
		env[i] = (struct str){ variable, sizeof(variable) };
	struct msg_submit submission = { .programs = &program, .n_programs = 1 };
	assert_int_equal(core_run_submit(desk->core, desk->now_us, &submission, "run", NULL, &err),
			 0);
	assert_non_null(strstr(err.text, "environment of big"));
	program.n_env = 3;
	assert_true(core_run_submit(desk->core, desk->now_us, &submission, "run", NULL, &err));
}

static void test_no_threads_are_one(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") }, { .name = STR_LIT("y") } };
	struct msg_override override = { .filter = STR_LIT("all()"), .has = MSG_OVERRIDE_THREADS };
	desk_join(desk, "w", 1);
	desk_submit(desk, (struct msg_submit){ .overrides = &override, .n_overrides = 1 }, 1, 0);
	desk_list(desk, listed, 2);
	size_t running = core_run_status(desk->core, desk->run).running;
	assert_int_equal(desk->orders.len, 1); /* the one slot is taken by the first shard */
	assert_true(running > 0);
}

static void test_draining_worker_finishes(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") }, { .name = STR_LIT("y") } };
	uint64_t one = desk_join(desk, "one", 1);
	desk_submit(desk, (struct msg_submit){ 0 }, 1, 0);
	desk_list(desk, listed, 2);
	core_worker_drain(desk->core, desk->now_us, one, true);
	desk_run(desk, OUTCOME_PASS);
	assert_int_equal(desk->orders.len, 0);
	uint64_t two = desk_join(desk, "two", 1);
	assert_int_equal(desk_run(desk, OUTCOME_PASS).worker, two);
	desk_expect_end(desk, EXIT_CODE_OK, 2);
}

static void test_leaving_before_the_drain(void **state)
{
	struct desk *desk = *state;
	desk_submit(desk, (struct msg_submit){ 0 }, 1, 0);
	uint64_t worker = core_worker_joined(desk->core, desk->now_us,
					     &(struct core_worker_spec){ .name = STR_LIT("brief"),
									 .slots = 1 });
	core_worker_left(desk->core, desk->now_us, worker, "gone");
	desk_drain(desk); /* the name of the joined event outlived the worker */
	assert_string_equal(desk_last(desk, MSG_RUN_WORKER_JOINED, NULL)->worker.data, "brief");
}

static void test_shards_spread_over_workers(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") }, { .name = STR_LIT("y") } };
	desk_join(desk, "one", 4);
	desk_join(desk, "two", 4);
	desk_submit(desk, (struct msg_submit){ 0 }, 1, 0);
	desk_list(desk, listed, 2);
	assert_true(desk->orders.items[0].worker != desk->orders.items[1].worker);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, desk_setup, desk_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_pass),
		TEST(one_fails),
		TEST(nothing_selected),
		TEST(bad_filter_is_refused),
		TEST(list_only),
		TEST(disabled_is_skipped),
		TEST(max_fail),
		TEST(stop_during_listing_with_dependents),
		TEST(stop_before_anything_is_incomplete),
		TEST(stop_while_a_partition_waits),
		TEST(deadline),
		TEST(lost_worker),
		TEST(late_verdict_wins),
		TEST(epoch_fences),
		TEST(killer_is_isolated),
		TEST(lost_for_good),
		TEST(suspect_gets_nothing),
		TEST(who_was_given_up_has_to_join),
		TEST(silence_of_our_own_loses_nobody),
		TEST(too_large_a_program_is_refused),
		TEST(no_threads_are_one),
		TEST(draining_worker_finishes),
		TEST(leaving_before_the_drain),
		TEST(shards_spread_over_workers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
