// SPDX-License-Identifier: Apache-2.0
/*
 * test_core.c - the core by hand: one event at a time, and what it says to each. Every scenario is a promise of the
 * contract, or a mistake that was made once; the random worlds are in tests/sim.
 */
#include "coordinator/core/core.h"

#include "protocol/base/arena.h"
#include "protocol/base/vec.h"
#include "protocol/wire/ids.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define S UINT64_C(1000000)

/* An order as it was received, copied. */
struct order {
	uint64_t worker, attempt, epoch;
	bool list, cancel;
	uint64_t retry, n_cases;
	uint32_t index[16];
	char names[16][32];
};

struct desk {
	struct core *core;
	uint64_t now_us, run;
	struct arena arena;
	struct { struct order *items; size_t len, cap; } orders;	/* not yet dealt with by the test */
	struct { struct msg_run_event *items; size_t len, cap; } events;	/* texts in the arena */
	bool done;
	int exit_code;
	uint64_t clock_of_done_us;
};

static struct str keep(struct desk *desk, struct str text)
{
	char *copy = arena_copy(&desk->arena, text);
	assert_non_null(copy);
	return (struct str){ copy, text.len };
}

static void take_order(struct desk *desk, const struct core_action *action)
{
	struct order order = { .worker = action->worker, .cancel = action->kind == CORE_ACTION_CANCEL };
	if (order.cancel) {
		order.attempt = action->cancel->attempt;
		order.epoch = action->cancel->epoch;
	} else {
		order.attempt = action->assign->attempt;
		order.epoch = action->assign->epoch;
		order.list = action->assign->list;
		order.retry = action->assign->retry;
		order.n_cases = action->assign->n_cases;
		for (size_t i = 0; i < order.n_cases && i < 16; i++) {
			order.index[i] = (uint32_t)action->assign->cases[i].index;
			snprintf(order.names[i], sizeof(order.names[i]), "%.*s", STR_ARG(action->assign->cases[i].name));
		}
	}
	assert_int_equal(VEC_PUSH(&desk->orders, order), 0);
}

static void drain(struct desk *desk)
{
	struct core_action action;
	while (core_next_action(desk->core, &action)) {
		if (action.kind == CORE_ACTION_RUN_DONE) {
			assert_false(desk->done && action.run == desk->run);
			desk->done = true;
			desk->exit_code = action.exit_code;
			desk->clock_of_done_us = desk->now_us;
		} else if (action.kind == CORE_ACTION_EVENT) {
			struct msg_run_event event = *action.event;
			event.name = keep(desk, event.name);
			event.message = keep(desk, event.message);
			event.worker = keep(desk, event.worker);
			event.out = keep(desk, event.out);
			event.program = keep(desk, event.program);
			assert_int_equal(VEC_PUSH(&desk->events, event), 0);
		} else {
			take_order(desk, &action);
		}
	}
}

static int setup(void **state)
{
	struct desk *desk = calloc(1, sizeof(*desk));
	assert_non_null(desk);
	desk->core = core_new(NULL);
	desk->now_us = 100 * S;
	*state = desk;
	return 0;
}

static int teardown(void **state)
{
	struct desk *desk = *state;
	core_free(desk->core);
	arena_done(&desk->arena);
	free(desk->orders.items);
	free(desk->events.items);
	free(desk);
	return 0;
}

/* ---- what tests say to it ---- */

static uint64_t join(struct desk *desk, const char *name, uint64_t slots)
{
	uint64_t worker = core_worker_joined(desk->core, desk->now_us, &(struct core_worker_spec){
		.name = str_of(name), .slots = slots });
	assert_true(worker > 0);
	drain(desk);
	return worker;
}

static void submit(struct desk *desk, struct msg_submit submission, size_t n_programs, uint64_t retries)
{
	static const char *const names[] = { "a", "b", "c" };
	struct msg_program programs[3] = { 0 };
	struct err err = { 0 };
	for (size_t i = 0; i < n_programs; i++)
		programs[i] = (struct msg_program){ .suite = STR_LIT("s"), .name = str_of(names[i]), .kind = STR_LIT("gtest"),
						    .path = STR_LIT("/p"), .retries = retries };
	submission.programs = programs;
	submission.n_programs = n_programs;
	desk->run = core_run_submit(desk->core, desk->now_us, &submission, "run", NULL, &err);
	assert_true(desk->run > 0);
	drain(desk);
}

/* The oldest order not dealt with. */
static struct order next_order(struct desk *desk)
{
	assert_true(desk->orders.len > 0);
	struct order order = desk->orders.items[0];
	memmove(desk->orders.items, desk->orders.items + 1, --desk->orders.len * sizeof(order));
	return order;
}

static int tell(struct desk *desk, const struct order *order, struct msg_event event)
{
	event.attempt = order->attempt;
	event.epoch = order->epoch;
	int r = core_worker_event(desk->core, desk->now_us, order->worker, &event, NULL);
	drain(desk);
	return r;
}

static void close_order(struct desk *desk, const struct order *order, enum msg_close_cause cause)
{
	assert_int_equal(tell(desk, order, (struct msg_event){ .kind = MSG_EVENT_CLOSED, .cause = cause,
							       .message = STR_LIT("why") }), 0);
}

static void list(struct desk *desk, struct msg_listed *listed, size_t n)
{
	struct order order = next_order(desk);
	assert_true(order.list && !order.n_cases);
	assert_int_equal(tell(desk, &order, (struct msg_event){ .kind = MSG_EVENT_LISTED, .listed = listed,
								.n_listed = n }), 0);
	close_order(desk, &order, MSG_CLOSE_FINE);
}

static void end(struct desk *desk, const struct order *order, size_t at, enum outcome outcome)
{
	desk->now_us += S / 10;
	assert_int_equal(tell(desk, order, (struct msg_event){
		.kind = MSG_EVENT_ENDED, .index = order->index[at], .outcome = outcome, .duration_us = S / 10 }), 0);
}

/* Run the next order whole: all its cases end so. */
static struct order run_order(struct desk *desk, enum outcome outcome)
{
	struct order order = next_order(desk);
	assert_true(!order.list && !order.cancel && order.n_cases);
	for (size_t i = 0; i < order.n_cases; i++)
		end(desk, &order, i, outcome);
	close_order(desk, &order, MSG_CLOSE_FINE);
	return order;
}

static size_t count(const struct desk *desk, enum msg_run_kind kind)
{
	size_t n = 0;
	for (size_t i = 0; i < desk->events.len; i++)
		n += desk->events.items[i].kind == (uint64_t)kind;
	return n;
}

static const struct msg_run_event *last(const struct desk *desk, enum msg_run_kind kind, const char *name)
{
	for (size_t i = desk->events.len; i > 0; i--) {
		const struct msg_run_event *event = &desk->events.items[i - 1];
		if (event->kind == (uint64_t)kind && (!name || str_eq(event->name, str_of(name))))
			return event;
	}
	fail_msg("no event of kind %d about %s", kind, name ? name : "anything");
	return NULL;
}

static enum outcome verdict(const struct desk *desk, const char *name)
{
	return (enum outcome)last(desk, MSG_RUN_CASE_FINISHED, name)->outcome;
}

static void expect_end(const struct desk *desk, int exit_code, size_t verdicts)
{
	assert_true(desk->done);
	assert_int_equal(desk->exit_code, exit_code);
	assert_int_equal(count(desk, MSG_RUN_CASE_FINISHED), verdicts);
	assert_int_equal(last(desk, MSG_RUN_FINISHED, NULL)->count, verdicts);
}

/* ---- a plain run ---- */

static void test_all_pass(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") }, { .name = STR_LIT("y") } };
	join(desk, "w", 1);
	submit(desk, (struct msg_submit){ 0 }, 1, 0);
	list(desk, listed, 2);
	run_order(desk, OUTCOME_PASS);
	run_order(desk, OUTCOME_PASS);
	expect_end(desk, EXIT_CODE_OK, 2);
	assert_true(core_deadline_us(desk->core) != UINT64_MAX);	/* the worker's lease still runs */
	core_run_forget(desk->core, desk->run);
	assert_int_equal(core_run_status(desk->core, desk->run).cases, 0);
}

static void test_one_fails(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") }, { .name = STR_LIT("y") } };
	join(desk, "w", 1);
	submit(desk, (struct msg_submit){ 0 }, 1, 0);
	list(desk, listed, 2);
	run_order(desk, OUTCOME_FAIL);
	run_order(desk, OUTCOME_PASS);	/* the default is to go on */
	expect_end(desk, EXIT_CODE_FAILED, 2);
}

static void test_nothing_selected(void **state)
{
	struct desk *desk = *state;
	static const struct { uint64_t no_tests; int exit_code; size_t warnings; } ways[] = { { 0, 4, 1 }, { 1, 0, 1 }, { 2, 0, 0 } };
	struct msg_listed listed[] = { { .name = STR_LIT("x") } };
	struct str filter = STR_LIT("none()");
	join(desk, "w", 1);
	for (size_t i = 0; i < 3; i++) {
		desk->events.len = 0;
		desk->done = false;
		submit(desk, (struct msg_submit){ .filters = &filter, .n_filters = 1, .no_tests = ways[i].no_tests }, 1, 0);
		list(desk, listed, 1);
		expect_end(desk, ways[i].exit_code, 0);
		assert_int_equal(count(desk, MSG_RUN_WARNING), ways[i].warnings);
		core_run_forget(desk->core, desk->run);
	}
}

static void test_bad_filter_is_refused(void **state)
{
	struct desk *desk = *state;
	struct str filter = STR_LIT("test(");
	struct msg_submit submission = { .filters = &filter, .n_filters = 1 };
	struct err err = { 0 };
	assert_int_equal(core_run_submit(desk->core, desk->now_us, &submission, "run", NULL, &err), 0);
	assert_non_null(strstr(err.text, "test("));
}

static void test_list_only(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") }, { .name = STR_LIT("y"), .disabled = 1 } };
	join(desk, "w", 1);
	submit(desk, (struct msg_submit){ .list_only = 1 }, 1, 0);
	list(desk, listed, 2);
	expect_end(desk, EXIT_CODE_OK, 0);
	assert_int_equal(count(desk, MSG_RUN_CASE_LISTED), 2);
	assert_int_equal(last(desk, MSG_RUN_CASE_LISTED, "y")->outcome, OUTCOME_SKIP);
	assert_int_equal(desk->orders.len, 0);
}

static void test_disabled_is_skipped(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x"), .disabled = 1 } };
	join(desk, "w", 1);
	submit(desk, (struct msg_submit){ 0 }, 1, 0);
	list(desk, listed, 1);
	expect_end(desk, EXIT_CODE_OK, 1);
	assert_int_equal(verdict(desk, "x"), OUTCOME_SKIP);
}

/* ---- listings ---- */

static void test_listing_fails(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") } };
	join(desk, "w", 1);
	submit(desk, (struct msg_submit){ 0 }, 2, 0);
	struct order order = next_order(desk);
	close_order(desk, &order, MSG_CLOSE_LISTING);
	list(desk, listed, 1);
	run_order(desk, OUTCOME_PASS);
	expect_end(desk, EXIT_CODE_LISTING, 2);
	assert_int_equal(verdict(desk, "(listing)"), OUTCOME_ERROR);
	assert_string_equal(last(desk, MSG_RUN_LIST_FAILED, NULL)->message.data, "why");
}

static void test_listing_moves_on_when_its_worker_fails(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") } };
	join(desk, "w", 1);
	submit(desk, (struct msg_submit){ 0 }, 1, 0);
	struct order order = next_order(desk);
	assert_int_equal(tell(desk, &order, (struct msg_event){ .kind = MSG_EVENT_LISTED, .listed = listed,
								.n_listed = 1 }), 0);
	close_order(desk, &order, MSG_CLOSE_WORKER);
	list(desk, listed, 1);	/* the piece of the lost listing does not count twice */
	run_order(desk, OUTCOME_PASS);
	expect_end(desk, EXIT_CODE_OK, 1);
}

static void test_listing_lost_thrice_is_an_error(void **state)
{
	struct desk *desk = *state;
	join(desk, "w", 1);
	submit(desk, (struct msg_submit){ 0 }, 1, 0);
	for (int i = 0; i < 3; i++) {
		struct order order = next_order(desk);
		close_order(desk, &order, MSG_CLOSE_WORKER);
	}
	expect_end(desk, EXIT_CODE_INCOMPLETE, 1);
}

static void test_too_many_repetitions(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[5] = { 0 };
	for (size_t i = 0; i < 5; i++)
		listed[i].name = (struct str){ "abcde" + i, 1 };
	join(desk, "w", 1);
	submit(desk, (struct msg_submit){ .repeat = 1000000 }, 1, 0);
	list(desk, listed, 5);
	expect_end(desk, EXIT_CODE_LISTING, 1);
	assert_non_null(strstr(last(desk, MSG_RUN_LIST_FAILED, NULL)->message.data, "--repeat"));
}

/* ---- the ledger ---- */

static void test_duplicates_count_once(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") }, { .name = STR_LIT("y") } };
	join(desk, "w", 1);
	submit(desk, (struct msg_submit){ 0 }, 1, 0);
	list(desk, listed, 2);
	struct order order = next_order(desk);
	for (int i = 0; i < 2; i++)
		assert_int_equal(tell(desk, &order, (struct msg_event){ .kind = MSG_EVENT_STARTED,
									.index = order.index[0] }), 0);
	assert_int_equal(count(desk, MSG_RUN_CASE_STARTED), 1);
	end(desk, &order, 0, OUTCOME_PASS);
	end(desk, &order, 0, OUTCOME_FAIL);
	close_order(desk, &order, MSG_CLOSE_FINE);
	close_order(desk, &order, MSG_CLOSE_FINE);
	run_order(desk, OUTCOME_PASS);
	expect_end(desk, EXIT_CODE_OK, 2);
}

static void test_nonsense_closes_the_peer(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") } };
	join(desk, "w", 1);
	submit(desk, (struct msg_submit){ 0 }, 1, 0);
	struct order listing = desk->orders.items[0];
	assert_int_equal(tell(desk, &listing, (struct msg_event){ .kind = MSG_EVENT_ENDED }), -EPROTO);
	list(desk, listed, 1);
	struct order order = desk->orders.items[0];
	assert_int_equal(tell(desk, &order, (struct msg_event){ .kind = MSG_EVENT_LISTED, .listed = listed,
								.n_listed = 1 }), -EPROTO);
	assert_int_equal(tell(desk, &order, (struct msg_event){ .kind = MSG_EVENT_ENDED, .index = 7 }), -EPROTO);
	order.worker += UINT64_C(1) << 20;
	assert_int_equal(tell(desk, &order, (struct msg_event){ .kind = MSG_EVENT_ENDED }), -EPROTO);
	run_order(desk, OUTCOME_PASS);
	expect_end(desk, EXIT_CODE_OK, 1);
}

static void test_shard_without_verdict(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") } };
	join(desk, "w", 1);
	submit(desk, (struct msg_submit){ 0 }, 1, 0);
	list(desk, listed, 1);
	struct order order = next_order(desk);
	close_order(desk, &order, MSG_CLOSE_FINE);
	expect_end(desk, EXIT_CODE_FAILED, 1);
	assert_int_equal(verdict(desk, "x"), OUTCOME_ERROR);
}

static void test_setup_failure(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") } };
	join(desk, "w", 1);
	submit(desk, (struct msg_submit){ 0 }, 1, 3);
	list(desk, listed, 1);
	struct order order = next_order(desk);
	close_order(desk, &order, MSG_CLOSE_SETUP);
	expect_end(desk, EXIT_CODE_SETUP, 1);
}

static void test_sandbox_cannot_be_enforced(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") }, { .name = STR_LIT("y") } };
	join(desk, "w", 1);
	submit(desk, (struct msg_submit){ 0 }, 1, 0);
	list(desk, listed, 2);
	struct order order = next_order(desk);
	close_order(desk, &order, MSG_CLOSE_SANDBOX);
	expect_end(desk, EXIT_CODE_SANDBOX, 2);
	assert_int_equal(verdict(desk, "x"), OUTCOME_ERROR);
	assert_int_equal(verdict(desk, "y"), OUTCOME_NOTRUN);
}

/* ---- retries ---- */

static void test_flaky(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") } };
	join(desk, "w", 1);
	submit(desk, (struct msg_submit){ 0 }, 1, 2);
	list(desk, listed, 1);
	assert_int_equal(run_order(desk, OUTCOME_CRASH).retry, 1);
	assert_int_equal(count(desk, MSG_RUN_CASE_RETRIED), 1);
	assert_int_equal(run_order(desk, OUTCOME_PASS).retry, 2);
	expect_end(desk, EXIT_CODE_OK, 1);
	assert_true(last(desk, MSG_RUN_CASE_FINISHED, "x")->flaky);
	assert_int_equal(last(desk, MSG_RUN_CASE_FINISHED, "x")->attempt, 2);
}

static void test_retries_run_out(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") } };
	join(desk, "w", 1);
	submit(desk, (struct msg_submit){ 0 }, 1, 1);
	list(desk, listed, 1);
	run_order(desk, OUTCOME_FAIL);
	run_order(desk, OUTCOME_FAIL);
	expect_end(desk, EXIT_CODE_FAILED, 1);
	assert_false(last(desk, MSG_RUN_CASE_FINISHED, "x")->flaky);
}

static void test_retry_goes_to_another_worker(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") }, { .name = STR_LIT("y") } };
	uint64_t one = join(desk, "one", 1), two = join(desk, "two", 1);
	submit(desk, (struct msg_submit){ 0 }, 1, 1);
	list(desk, listed, 2);
	struct order first = next_order(desk), second = next_order(desk);
	assert_int_equal(first.worker, one);
	assert_int_equal(second.worker, two);
	end(desk, &first, 0, OUTCOME_FAIL);
	close_order(desk, &first, MSG_CLOSE_FINE);
	assert_int_equal(desk->orders.len, 0);	/* the other is busy, but it will come free */
	end(desk, &second, 0, OUTCOME_PASS);
	close_order(desk, &second, MSG_CLOSE_FINE);
	assert_int_equal(run_order(desk, OUTCOME_PASS).worker, two);
	expect_end(desk, EXIT_CODE_OK, 2);
}

static void test_found_case_red_retries_its_parent(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") } };
	join(desk, "w", 1);
	submit(desk, (struct msg_submit){ 0 }, 1, 1);
	list(desk, listed, 1);
	for (int attempt = 0; attempt < 2; attempt++) {
		struct order order = next_order(desk);
		assert_int_equal(tell(desk, &order, (struct msg_event){
			.kind = MSG_EVENT_ENDED, .index = order.index[0], .name = STR_LIT("x/1"),
			.outcome = attempt ? OUTCOME_PASS : OUTCOME_FAIL }), 0);
		assert_int_equal(count(desk, MSG_RUN_CASE_FINISHED), 0);	/* held until the verdict around it */
		end(desk, &order, 0, OUTCOME_PASS);
		close_order(desk, &order, MSG_CLOSE_FINE);
	}
	expect_end(desk, EXIT_CODE_OK, 2);
	assert_true(last(desk, MSG_RUN_CASE_FINISHED, "x/1")->flaky);
	assert_true(last(desk, MSG_RUN_CASE_FINISHED, "x/1")->found);
}

static void test_quarantine_does_not_redden(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") } };
	struct msg_override override = { .filter = STR_LIT("test(x)"), .has = MSG_OVERRIDE_QUARANTINE, .quarantine = 1 };
	join(desk, "w", 1);
	submit(desk, (struct msg_submit){ .overrides = &override, .n_overrides = 1 }, 1, 0);
	list(desk, listed, 1);
	run_order(desk, OUTCOME_FAIL);
	expect_end(desk, EXIT_CODE_OK, 1);
	assert_true(last(desk, MSG_RUN_CASE_FINISHED, "x")->quarantined);
}

static void test_leak_does_not_redden(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") } };
	join(desk, "w", 1);
	submit(desk, (struct msg_submit){ 0 }, 1, 0);
	list(desk, listed, 1);
	run_order(desk, OUTCOME_LEAK);
	expect_end(desk, EXIT_CODE_OK, 1);
}

/* ---- stopping ---- */

static void test_max_fail(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") }, { .name = STR_LIT("y") }, { .name = STR_LIT("z") } };
	join(desk, "w", 1);
	submit(desk, (struct msg_submit){ .max_fail = 1 }, 1, 0);
	list(desk, listed, 3);
	run_order(desk, OUTCOME_FAIL);
	expect_end(desk, EXIT_CODE_FAILED, 3);
	assert_int_equal(verdict(desk, "z"), OUTCOME_NOTRUN);
}

static void test_stop_during_listing_with_dependents(void **state)
{
	struct desk *desk = *state;
	struct str x = STR_LIT("x"), y = STR_LIT("y");
	struct msg_listed listed[] = { { .name = x }, { .name = y, .after = &x, .n_after = 1 },
				       { .name = STR_LIT("z"), .after = &y, .n_after = 1 } };
	join(desk, "w", 1);
	submit(desk, (struct msg_submit){ 0 }, 1, 0);
	core_run_stop(desk->core, desk->now_us, desk->run, "enough", EXIT_CODE_DEADLINE, true);
	drain(desk);
	list(desk, listed, 3);	/* its end and the order to cancel cross */
	assert_true(next_order(desk).cancel);
	expect_end(desk, EXIT_CODE_DEADLINE, 3);
	assert_int_equal(verdict(desk, "z"), OUTCOME_NOTRUN);
}

static void test_stop_before_anything_is_incomplete(void **state)
{
	struct desk *desk = *state;
	submit(desk, (struct msg_submit){ 0 }, 2, 0);	/* nobody is there to list */
	core_run_stop(desk->core, desk->now_us, desk->run, "enough", 0, true);
	drain(desk);
	expect_end(desk, EXIT_CODE_INCOMPLETE, 0);
}

static void test_stop_while_a_partition_waits(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") } };
	join(desk, "w", 1);
	submit(desk, (struct msg_submit){ .partition = STR_LIT("slice:1/1") }, 3, 0);
	list(desk, listed, 1);
	core_run_stop(desk->core, desk->now_us, desk->run, "enough", 0, true);
	drain(desk);
	struct order order = next_order(desk);
	close_order(desk, &order, MSG_CLOSE_CANCELLED);
	expect_end(desk, EXIT_CODE_FAILED, 1);
	assert_int_equal(verdict(desk, "x"), OUTCOME_NOTRUN);
}

static void test_deadline(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") } };
	join(desk, "w", 1);
	submit(desk, (struct msg_submit){ .deadline_us = 2 * S }, 1, 0);
	list(desk, listed, 1);
	assert_int_equal(core_deadline_us(desk->core), desk->now_us + 2 * S);
	struct order order = next_order(desk);
	desk->now_us += 2 * S;
	core_tick(desk->core, desk->now_us);
	drain(desk);
	assert_false(desk->done);
	assert_true(next_order(desk).cancel);
	close_order(desk, &order, MSG_CLOSE_CANCELLED);
	expect_end(desk, EXIT_CODE_DEADLINE, 1);
}

/* ---- workers ---- */

static void test_lost_worker(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") } };
	uint64_t one = join(desk, "one", 1);
	submit(desk, (struct msg_submit){ 0 }, 1, 0);
	list(desk, listed, 1);
	struct order lost = next_order(desk);
	uint64_t two = join(desk, "two", 1);
	desk->now_us += 14 * S;
	core_worker_ready(desk->core, desk->now_us, two, 1);
	desk->now_us += S;
	core_tick(desk->core, desk->now_us);
	drain(desk);
	assert_int_equal(lost.worker, one);
	assert_int_equal(count(desk, MSG_RUN_WORKER_LEFT), 1);
	assert_int_equal(desk->orders.items[0].worker, two);
	assert_int_equal(tell(desk, &lost, (struct msg_event){ .kind = MSG_EVENT_ENDED, .index = lost.index[0],
							       .outcome = OUTCOME_FAIL }), -EPROTO);
	run_order(desk, OUTCOME_PASS);
	expect_end(desk, EXIT_CODE_OK, 1);
}

static void test_lost_for_good(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") } };
	uint64_t worker = join(desk, "w", 1);
	submit(desk, (struct msg_submit){ 0 }, 1, 0);
	list(desk, listed, 1);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(next_order(desk).n_cases, 1);
		core_worker_left(desk->core, desk->now_us, worker, "gone");
		drain(desk);
		if (i < 2)
			worker = join(desk, "w", 1);
	}
	expect_end(desk, EXIT_CODE_INCOMPLETE, 1);
	assert_int_equal(verdict(desk, "x"), OUTCOME_LOST);
}

static void test_suspect_gets_nothing(void **state)
{
	struct desk *desk = *state;
	uint64_t worker = join(desk, "w", 1);
	desk->now_us += 5 * S;
	submit(desk, (struct msg_submit){ 0 }, 1, 0);
	assert_int_equal(desk->orders.len, 0);
	core_worker_ready(desk->core, desk->now_us, worker, 0);	/* heard again: that alone makes it eligible */
	drain(desk);
	assert_true(next_order(desk).list);
}

static void test_draining_worker_finishes(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") }, { .name = STR_LIT("y") } };
	uint64_t one = join(desk, "one", 1);
	submit(desk, (struct msg_submit){ 0 }, 1, 0);
	list(desk, listed, 2);
	core_worker_drain(desk->core, desk->now_us, one, true);
	run_order(desk, OUTCOME_PASS);
	assert_int_equal(desk->orders.len, 0);
	uint64_t two = join(desk, "two", 1);
	assert_int_equal(run_order(desk, OUTCOME_PASS).worker, two);
	expect_end(desk, EXIT_CODE_OK, 2);
}

static void test_leaving_before_the_drain(void **state)
{
	struct desk *desk = *state;
	submit(desk, (struct msg_submit){ 0 }, 1, 0);
	uint64_t worker = core_worker_joined(desk->core, desk->now_us, &(struct core_worker_spec){
		.name = STR_LIT("brief"), .slots = 1 });
	core_worker_left(desk->core, desk->now_us, worker, "gone");
	drain(desk);	/* the name of the joined event outlived the worker */
	assert_string_equal(last(desk, MSG_RUN_WORKER_JOINED, NULL)->worker.data, "brief");
}

static void test_shards_spread_over_workers(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") }, { .name = STR_LIT("y") } };
	join(desk, "one", 4);
	join(desk, "two", 4);
	submit(desk, (struct msg_submit){ 0 }, 1, 0);
	list(desk, listed, 2);
	assert_true(desk->orders.items[0].worker != desk->orders.items[1].worker);
}

/* ---- constraints ---- */

static void test_locks_exclude(void **state)
{
	struct desk *desk = *state;
	struct str ab[] = { STR_LIT("a"), STR_LIT("b") }, bc[] = { STR_LIT("b"), STR_LIT("c") };
	struct msg_listed listed[] = { { .name = STR_LIT("x"), .locks = ab, .n_locks = 2 },
				       { .name = STR_LIT("y"), .locks = bc, .n_locks = 2 },
				       { .name = STR_LIT("z"), .locks = bc + 1, .n_locks = 1 } };
	join(desk, "w", 4);
	submit(desk, (struct msg_submit){ 0 }, 1, 0);
	list(desk, listed, 3);
	assert_int_equal(desk->orders.len, 2);	/* x and z: y waits for b */
	assert_string_equal(desk->orders.items[0].names[0], "x");
	assert_string_equal(desk->orders.items[1].names[0], "z");
	run_order(desk, OUTCOME_PASS);
	assert_int_equal(desk->orders.len, 1);	/* y was woken, but c is taken */
	run_order(desk, OUTCOME_PASS);
	run_order(desk, OUTCOME_PASS);
	expect_end(desk, EXIT_CODE_OK, 3);
}

static void test_serial_is_alone(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x"), .serial = 1 }, { .name = STR_LIT("y") },
				       { .name = STR_LIT("z"), .serial = 1 } };
	join(desk, "w", 4);
	submit(desk, (struct msg_submit){ 0 }, 1, 0);
	list(desk, listed, 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(desk->orders.len, 1);
		run_order(desk, OUTCOME_PASS);
	}
	expect_end(desk, EXIT_CODE_OK, 3);
}

/* A wide serial case of one run, while another run holds a slot. */
static void test_serial_waits_for_room(void **state)
{
	struct desk *desk = *state;
	struct msg_listed narrow[] = { { .name = STR_LIT("n") } };
	struct msg_listed wide[] = { { .name = STR_LIT("w"), .serial = 1, .processors = 2 } };
	join(desk, "w", 2);
	submit(desk, (struct msg_submit){ 0 }, 1, 0);
	list(desk, narrow, 1);
	struct order order = next_order(desk);
	submit(desk, (struct msg_submit){ 0 }, 1, 0);
	list(desk, wide, 1);
	assert_int_equal(desk->orders.len, 0);
	end(desk, &order, 0, OUTCOME_PASS);
	close_order(desk, &order, MSG_CLOSE_FINE);
	desk->done = false;	/* that was the first run */
	run_order(desk, OUTCOME_PASS);
	assert_true(desk->done);
}

/* What one worker had to leave, another takes, and then the first gets the next. */
static void test_wide_case_does_not_idle_a_slot(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("wide"), .processors = 2 }, { .name = STR_LIT("x") } };
	join(desk, "one", 1);
	uint64_t two = join(desk, "two", 2);
	submit(desk, (struct msg_submit){ 0 }, 1, 0);
	list(desk, listed, 2);
	assert_int_equal(desk->orders.len, 2);
	assert_true(desk->orders.items[0].worker == two || desk->orders.items[1].worker == two);
}

static void test_needs(void **state)
{
	struct desk *desk = *state;
	struct str x = STR_LIT("x"), y = STR_LIT("y");
	struct msg_listed listed[] = { { .name = x }, { .name = y, .needs = &x, .n_needs = 1 },
				       { .name = STR_LIT("z"), .needs = &y, .n_needs = 1 },
				       { .name = STR_LIT("later"), .after = &x, .n_after = 1 } };
	join(desk, "w", 4);
	submit(desk, (struct msg_submit){ 0 }, 1, 0);
	list(desk, listed, 4);
	assert_int_equal(desk->orders.len, 1);
	run_order(desk, OUTCOME_FAIL);
	run_order(desk, OUTCOME_PASS);
	expect_end(desk, EXIT_CODE_FAILED, 4);
	assert_int_equal(verdict(desk, "y"), OUTCOME_NOTRUN);
	assert_int_equal(verdict(desk, "z"), OUTCOME_NOTRUN);
	assert_int_equal(verdict(desk, "later"), OUTCOME_PASS);
}

static void test_needed_cases_are_selected_too(void **state)
{
	struct desk *desk = *state;
	struct str x = STR_LIT("x"), y = STR_LIT("y"), only = STR_LIT("s::a::z");
	struct msg_listed listed[] = { { .name = STR_LIT("z"), .needs = &y, .n_needs = 1 }, { .name = x },
				       { .name = y, .needs = &x, .n_needs = 1 }, { .name = STR_LIT("other") } };
	join(desk, "w", 4);
	submit(desk, (struct msg_submit){ .only = &only, .n_only = 1 }, 1, 0);
	list(desk, listed, 4);
	for (int i = 0; i < 3; i++)
		run_order(desk, OUTCOME_PASS);
	expect_end(desk, EXIT_CODE_OK, 3);
}

static void test_circle_is_an_error(void **state)
{
	struct desk *desk = *state;
	struct str x = STR_LIT("x"), y = STR_LIT("y");
	struct msg_listed listed[] = { { .name = x, .needs = &y, .n_needs = 1 }, { .name = y, .needs = &x, .n_needs = 1 },
				       { .name = STR_LIT("z") } };
	join(desk, "w", 4);
	submit(desk, (struct msg_submit){ 0 }, 1, 0);
	list(desk, listed, 3);
	run_order(desk, OUTCOME_PASS);
	expect_end(desk, EXIT_CODE_FAILED, 3);
	assert_int_equal(verdict(desk, "x"), OUTCOME_ERROR);
}

/* A chain of needs as long as a listing piece: concluded without recursion. */
static void test_long_chain_fails_at_its_head(void **state)
{
	struct desk *desk = *state;
	enum { N = 4096, PIECES = 16 };
	static struct msg_listed listed[N];
	static struct str needs[N * PIECES];
	join(desk, "w", 1);
	submit(desk, (struct msg_submit){ 0 }, 1, 0);
	struct order order = next_order(desk);
	for (size_t piece = 0; piece < PIECES; piece++) {
		for (size_t i = 0; i < N; i++) {
			size_t at = piece * N + i;
			char *name = arena_printf(&desk->arena, "c%zu", at);
			needs[at] = str_of(name);
			listed[i] = (struct msg_listed){ .name = str_of(name), .needs = at ? &needs[at - 1] : NULL,
							 .n_needs = at > 0 };
		}
		assert_int_equal(tell(desk, &order, (struct msg_event){ .kind = MSG_EVENT_LISTED, .listed = listed,
									.n_listed = N }), 0);
	}
	close_order(desk, &order, MSG_CLOSE_FINE);
	run_order(desk, OUTCOME_FAIL);
	expect_end(desk, EXIT_CODE_FAILED, N * PIECES);
}

/* ---- output ---- */

static void test_output_fits_one_event(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") } };
	static char text[LIMIT_CHUNK_BYTES];
	join(desk, "w", 1);
	submit(desk, (struct msg_submit){ 0 }, 1, 0);
	list(desk, listed, 1);
	struct order order = next_order(desk);
	for (char piece = 'a'; piece < 'd'; piece++) {
		memset(text, piece, sizeof(text));
		assert_int_equal(tell(desk, &order, (struct msg_event){
			.kind = MSG_EVENT_OUTPUT, .index = order.index[0], .stream = 1,
			.data = { text, sizeof(text) } }), 0);
	}
	end(desk, &order, 0, OUTCOME_FAIL);
	close_order(desk, &order, MSG_CLOSE_FINE);
	const struct msg_run_event *event = last(desk, MSG_RUN_CASE_FINISHED, "x");
	assert_true(event->out.len <= LIMIT_CHUNK_BYTES && event->out.len > LIMIT_CHUNK_BYTES / 2);
	assert_int_equal(event->out.data[0], 'a');
	assert_int_equal(event->out.data[event->out.len - 1], 'c');
	assert_true(event->dropped_bytes > 2 * LIMIT_CHUNK_BYTES - 1000);
}

/* ---- order ---- */

static void put_history(struct estimate_table *table, const char *name, uint64_t duration_us, bool failed)
{
	struct buf key;
	buf_init(&key, 256);
	assert_int_equal(ids_history_key(&key, STR_LIT("s"), STR_LIT("a"), str_of(name)), 0);
	struct estimate_history *history = estimate_table_at(table, buf_str(&key));
	for (int i = 0; i < 3; i++)
		estimate_add_sample(history, duration_us);
	history->failed_last = failed;
	buf_done(&key);
}

static void test_order_of_cases(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("short") }, { .name = STR_LIT("long") },
				       { .name = STR_LIT("unseen") }, { .name = STR_LIT("failed") } };
	struct msg_program program = { .suite = STR_LIT("s"), .name = STR_LIT("a"), .kind = STR_LIT("tap"),
				       .path = STR_LIT("/p") };
	struct msg_submit submission = { .programs = &program, .n_programs = 1 };
	struct estimate_table history = { 0 };
	put_history(&history, "short", S, false);
	put_history(&history, "long", 5 * S, false);
	put_history(&history, "failed", S / 2, true);
	join(desk, "w", 1);
	desk->run = core_run_submit(desk->core, desk->now_us, &submission, "run", &history, NULL);
	assert_int_equal(history.len, 0);	/* taken over */
	drain(desk);
	list(desk, listed, 4);
	static const char *const expected[] = { "failed", "unseen", "long", "short" };
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(run_order(desk, OUTCOME_PASS).names[0], expected[i]);
	expect_end(desk, EXIT_CODE_OK, 4);
}

static void test_priority_between_runs(void **state)
{
	struct desk *desk = *state;
	submit(desk, (struct msg_submit){ .priority = 1 }, 1, 0);
	submit(desk, (struct msg_submit){ .priority = 9 }, 1, 0);
	join(desk, "w", 1);
	struct order order = next_order(desk);
	close_order(desk, &order, MSG_CLOSE_LISTING);
	assert_true(desk->done);
	assert_int_equal(core_run_status(desk->core, desk->run).programs_listed, 1);	/* the one submitted last */
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_pass), TEST(one_fails), TEST(nothing_selected), TEST(bad_filter_is_refused), TEST(list_only),
		TEST(disabled_is_skipped), TEST(listing_fails), TEST(listing_moves_on_when_its_worker_fails),
		TEST(listing_lost_thrice_is_an_error), TEST(too_many_repetitions), TEST(duplicates_count_once),
		TEST(nonsense_closes_the_peer), TEST(shard_without_verdict), TEST(setup_failure),
		TEST(sandbox_cannot_be_enforced), TEST(flaky), TEST(retries_run_out), TEST(retry_goes_to_another_worker),
		TEST(found_case_red_retries_its_parent), TEST(quarantine_does_not_redden), TEST(leak_does_not_redden),
		TEST(max_fail), TEST(stop_during_listing_with_dependents), TEST(stop_before_anything_is_incomplete),
		TEST(stop_while_a_partition_waits), TEST(deadline), TEST(lost_worker), TEST(lost_for_good),
		TEST(suspect_gets_nothing), TEST(draining_worker_finishes), TEST(leaving_before_the_drain),
		TEST(shards_spread_over_workers), TEST(locks_exclude), TEST(serial_is_alone), TEST(serial_waits_for_room),
		TEST(wide_case_does_not_idle_a_slot), TEST(needs), TEST(needed_cases_are_selected_too),
		TEST(circle_is_an_error), TEST(long_chain_fails_at_its_head), TEST(output_fits_one_event),
		TEST(order_of_cases), TEST(priority_between_runs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
