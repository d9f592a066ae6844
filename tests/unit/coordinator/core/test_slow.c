// SPDX-License-Identifier: Apache-2.0
/* test_slow.c - which cases are told as slow, when, and that it changes nothing else. */
#include "tests/kit/desk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct msg_submit in_ten = { .slow_us = 10 * DESK_S };

/* Time passes; the worker is heard and the core asked whenever it wants to be. */
static void pass(struct desk *desk, uint64_t worker, uint64_t us)
{
	uint64_t end = desk->now_us + us;
	while (desk->now_us < end) {
		uint64_t due = core_deadline_us(desk->core);
		desk->now_us = due < end ? due : end;
		if (worker)
			core_worker_ready(desk->core, desk->now_us, worker);
		core_tick(desk->core, desk->now_us);
		desk_drain(desk);
	}
}

static size_t told(const struct desk *desk)
{
	return desk_count(desk, MSG_RUN_CASE_SLOW);
}

static void start(struct desk *desk, const struct desk_order *order, size_t at)
{
	assert_int_equal(desk_tell(desk, order,
				   (struct msg_event){ .kind = MSG_EVENT_STARTED,
						       .index = order->index[at] }),
			 0);
}

/* A run of the cases x and y, their shards ordered. */
static uint64_t begin(struct desk *desk, struct msg_submit submission, uint64_t slots,
		      uint64_t retries)
{
	struct msg_listed listed[] = { { .name = STR_LIT("x") }, { .name = STR_LIT("y") } };
	uint64_t worker = desk_join(desk, "w", slots);
	desk_submit(desk, submission, 1, retries);
	desk_list(desk, listed, 2);
	return worker;
}

static void test_each_time_it_passes(void **state)
{
	struct desk *desk = *state;
	uint64_t worker = begin(desk, in_ten, 1, 0);
	struct desk_order order = desk_next(desk);
	pass(desk, worker, 30 * DESK_S); /* ordered, but not begun */
	assert_int_equal(told(desk), 0);
	start(desk, &order, 0);
	pass(desk, worker, 10 * DESK_S - 1);
	assert_int_equal(told(desk), 0);
	assert_int_equal(core_deadline_us(desk->core), desk->now_us + 1);
	pass(desk, worker, 1);
	assert_int_equal(told(desk), 1);
	pass(desk, worker, 25 * DESK_S);
	assert_int_equal(told(desk), 3);
	const struct msg_run_event *last = desk_last(desk, MSG_RUN_CASE_SLOW, "x");
	assert_int_equal(last->count, 3);
	assert_int_equal(last->duration_us, 30 * DESK_S);
	assert_int_equal(last->attempt, 1);
	assert_string_equal(last->worker.data, "w");
	desk_end(desk, &order, 0, OUTCOME_PASS);
	desk_close(desk, &order, MSG_CLOSE_FINE);
	pass(desk, worker, 60 * DESK_S);
	assert_int_equal(told(desk), 3);
	desk_run(desk, OUTCOME_PASS);
	desk_expect_end(desk, EXIT_CODE_OK, 2);
}

/* Each by its own start, in whichever order they end. */
static void test_several(void **state)
{
	struct desk *desk = *state;
	uint64_t worker = begin(desk, in_ten, 2, 0);
	struct desk_order x = desk_next(desk), y = desk_next(desk);
	start(desk, &x, 0);
	pass(desk, worker, 4 * DESK_S);
	start(desk, &y, 0);
	start(desk, &y, 0); /* said twice */
	pass(desk, worker, 6 * DESK_S);
	assert_int_equal(told(desk), 1);
	assert_non_null(desk_last(desk, MSG_RUN_CASE_SLOW, x.names[0]));
	pass(desk, worker, 4 * DESK_S);
	assert_int_equal(told(desk), 2);
	assert_int_equal(desk_last(desk, MSG_RUN_CASE_SLOW, NULL)->duration_us, 10 * DESK_S);
	desk_end(desk, &x, 0, OUTCOME_PASS);
	pass(desk, worker, 10 * DESK_S);
	assert_int_equal(told(desk), 3);
	assert_non_null(desk_last(desk, MSG_RUN_CASE_SLOW, y.names[0]));
}

/* What was told of an attempt says nothing of the next; the count is the case's. */
static void test_attempts_begin_anew(void **state)
{
	struct desk *desk = *state;
	uint64_t worker = begin(desk, in_ten, 1, 1);
	struct desk_order first = desk_next(desk);
	start(desk, &first, 0);
	pass(desk, worker, 10 * DESK_S);
	desk_end(desk, &first, 0, OUTCOME_FAIL);
	desk_close(desk, &first, MSG_CLOSE_FINE);
	struct desk_order again = desk_next(desk);
	assert_string_equal(again.names[0], first.names[0]);
	pass(desk, worker, 30 * DESK_S);
	assert_int_equal(told(desk), 1);
	start(desk, &again, 0);
	pass(desk, worker, 10 * DESK_S);
	assert_int_equal(told(desk), 2);
	assert_int_equal(desk_last(desk, MSG_RUN_CASE_SLOW, NULL)->attempt, 2);
	assert_int_equal(desk_last(desk, MSG_RUN_CASE_SLOW, NULL)->count, 2);
	assert_int_equal(desk_last(desk, MSG_RUN_CASE_SLOW, NULL)->duration_us, 10 * DESK_S);
	desk_end(desk, &again, 0, OUTCOME_PASS);
	desk_close(desk, &again, MSG_CLOSE_FINE);
	desk_run(desk, OUTCOME_PASS);
	desk_expect_end(desk, EXIT_CODE_OK, 2);
}

/* Its worker is gone: it does not run until another begins it. */
static void test_lost(void **state)
{
	struct desk *desk = *state;
	uint64_t worker = begin(desk, in_ten, 1, 0);
	struct desk_order order = desk_next(desk);
	start(desk, &order, 0);
	core_worker_left(desk->core, desk->now_us, worker, "gone");
	desk_drain(desk);
	pass(desk, 0, 60 * DESK_S);
	assert_int_equal(told(desk), 0);
}

static void test_never(void **state)
{
	struct desk *desk = *state;
	uint64_t worker = begin(desk, (struct msg_submit){ 0 }, 1, 0);
	struct desk_order order = desk_next(desk);
	start(desk, &order, 0);
	pass(desk, worker, 3600 * DESK_S);
	assert_int_equal(told(desk), 0);
}

/* A client that asks for too much is told ten times a second. */
static void test_not_too_often(void **state)
{
	struct desk *desk = *state;
	uint64_t worker = begin(desk, (struct msg_submit){ .slow_us = 1 }, 1, 0);
	struct desk_order order = desk_next(desk);
	start(desk, &order, 0);
	pass(desk, worker, DESK_S);
	assert_int_equal(told(desk), 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_each_time_it_passes, desk_setup,
						desk_teardown),
		cmocka_unit_test_setup_teardown(test_several, desk_setup, desk_teardown),
		cmocka_unit_test_setup_teardown(test_attempts_begin_anew, desk_setup,
						desk_teardown),
		cmocka_unit_test_setup_teardown(test_lost, desk_setup, desk_teardown),
		cmocka_unit_test_setup_teardown(test_never, desk_setup, desk_teardown),
		cmocka_unit_test_setup_teardown(test_not_too_often, desk_setup, desk_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
