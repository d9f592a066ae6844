// SPDX-License-Identifier: Apache-2.0
/*
 * test_queue.c - which case is next, and which must wait: locks, serial and wide cases,
 * dependencies.
 */
#include "tests/kit/desk.h"

#include "protocol/wire/ids.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* ---- constraints ---- */

static void test_locks_exclude(void **state)
{
	struct desk *desk = *state;
	struct str ab[] = { STR_LIT("a"), STR_LIT("b") }, bc[] = { STR_LIT("b"), STR_LIT("c") };
	struct msg_listed listed[] = { { .name = STR_LIT("x"), .locks = ab, .n_locks = 2 },
				       { .name = STR_LIT("y"), .locks = bc, .n_locks = 2 },
				       { .name = STR_LIT("z"), .locks = bc + 1, .n_locks = 1 } };
	desk_join(desk, "w", 4);
	desk_submit(desk, (struct msg_submit){ 0 }, 1, 0);
	desk_list(desk, listed, 3);
	assert_int_equal(desk->orders.len, 2); /* x and z: y waits for b */
	assert_string_equal(desk->orders.items[0].names[0], "x");
	assert_string_equal(desk->orders.items[1].names[0], "z");
	desk_run(desk, OUTCOME_PASS);
	assert_int_equal(desk->orders.len, 1); /* y was woken, but c is taken */
	desk_run(desk, OUTCOME_PASS);
	desk_run(desk, OUTCOME_PASS);
	desk_expect_end(desk, EXIT_CODE_OK, 3);
}

static void test_serial_is_alone(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x"), .serial = 1 },
				       { .name = STR_LIT("y") },
				       { .name = STR_LIT("z"), .serial = 1 } };
	desk_join(desk, "w", 4);
	desk_submit(desk, (struct msg_submit){ 0 }, 1, 0);
	desk_list(desk, listed, 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(desk->orders.len, 1);
		desk_run(desk, OUTCOME_PASS);
	}
	desk_expect_end(desk, EXIT_CODE_OK, 3);
}

/* A wide serial case of one run, while another run holds a slot. */
static void test_serial_waits_for_room(void **state)
{
	struct desk *desk = *state;
	struct msg_listed narrow[] = { { .name = STR_LIT("n") } };
	struct msg_listed wide[] = { { .name = STR_LIT("w"), .serial = 1, .processors = 2 } };
	desk_join(desk, "w", 2);
	desk_submit(desk, (struct msg_submit){ 0 }, 1, 0);
	desk_list(desk, narrow, 1);
	struct desk_order order = desk_next(desk);
	desk_submit(desk, (struct msg_submit){ 0 }, 1, 0);
	desk_list(desk, wide, 1);
	assert_int_equal(desk->orders.len, 0);
	desk_end(desk, &order, 0, OUTCOME_PASS);
	desk_close(desk, &order, MSG_CLOSE_FINE);
	desk->done = false; /* that was the first run */
	desk_run(desk, OUTCOME_PASS);
	assert_true(desk->done);
}

/* What one worker had to leave, another takes, and then the first gets the next. */
static void test_wide_case_does_not_idle_a_slot(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("wide"), .processors = 2 },
				       { .name = STR_LIT("x") } };
	desk_join(desk, "one", 1);
	uint64_t two = desk_join(desk, "two", 2);
	desk_submit(desk, (struct msg_submit){ 0 }, 1, 0);
	desk_list(desk, listed, 2);
	assert_int_equal(desk->orders.len, 2);
	assert_true(desk->orders.items[0].worker == two || desk->orders.items[1].worker == two);
}

static void test_needs(void **state)
{
	struct desk *desk = *state;
	struct str x = STR_LIT("x"), y = STR_LIT("y");
	struct msg_listed listed[] = { { .name = x },
				       { .name = y, .needs = &x, .n_needs = 1 },
				       { .name = STR_LIT("z"), .needs = &y, .n_needs = 1 },
				       { .name = STR_LIT("later"), .after = &x, .n_after = 1 } };
	desk_join(desk, "w", 4);
	desk_submit(desk, (struct msg_submit){ 0 }, 1, 0);
	desk_list(desk, listed, 4);
	assert_int_equal(desk->orders.len, 1);
	desk_run(desk, OUTCOME_FAIL);
	desk_run(desk, OUTCOME_PASS);
	desk_expect_end(desk, EXIT_CODE_FAILED, 4);
	assert_int_equal(desk_verdict(desk, "y"), OUTCOME_NOTRUN);
	assert_int_equal(desk_verdict(desk, "z"), OUTCOME_NOTRUN);
	assert_int_equal(desk_verdict(desk, "later"), OUTCOME_PASS);
}

/* A fixture that is skipped is no reason not to run, as in ctest. */
static void test_needs_what_is_skipped(void **state)
{
	struct desk *desk = *state;
	struct str x = STR_LIT("x");
	struct msg_listed listed[] = { { .name = x },
				       { .name = STR_LIT("y"), .needs = &x, .n_needs = 1 } };
	desk_join(desk, "w", 4);
	desk_submit(desk, (struct msg_submit){ 0 }, 1, 0);
	desk_list(desk, listed, 2);
	desk_run(desk, OUTCOME_SKIP);
	desk_run(desk, OUTCOME_PASS);
	desk_expect_end(desk, EXIT_CODE_OK, 2);
	assert_int_equal(desk_verdict(desk, "y"), OUTCOME_PASS);
}

static void test_needed_cases_are_selected_too(void **state)
{
	struct desk *desk = *state;
	struct str x = STR_LIT("x"), y = STR_LIT("y"), only = STR_LIT("s::a::z");
	struct msg_listed listed[] = { { .name = STR_LIT("z"), .needs = &y, .n_needs = 1 },
				       { .name = x },
				       { .name = y, .needs = &x, .n_needs = 1 },
				       { .name = STR_LIT("other") } };
	desk_join(desk, "w", 4);
	desk_submit(desk, (struct msg_submit){ .only = &only, .n_only = 1 }, 1, 0);
	desk_list(desk, listed, 4);
	for (int i = 0; i < 3; i++)
		desk_run(desk, OUTCOME_PASS);
	desk_expect_end(desk, EXIT_CODE_OK, 3);
}

static void test_circle_is_an_error(void **state)
{
	struct desk *desk = *state;
	struct str x = STR_LIT("x"), y = STR_LIT("y");
	struct msg_listed listed[] = { { .name = x, .needs = &y, .n_needs = 1 },
				       { .name = y, .needs = &x, .n_needs = 1 },
				       { .name = STR_LIT("z") } };
	desk_join(desk, "w", 4);
	desk_submit(desk, (struct msg_submit){ 0 }, 1, 0);
	desk_list(desk, listed, 3);
	desk_run(desk, OUTCOME_PASS);
	desk_expect_end(desk, EXIT_CODE_FAILED, 3);
	assert_int_equal(desk_verdict(desk, "x"), OUTCOME_ERROR);
}

/* A chain of needs as long as a listing piece: concluded without recursion. */
static void test_long_chain_fails_at_its_head(void **state)
{
	struct desk *desk = *state;
	enum { N = 4096, PIECES = 16 };
	static struct msg_listed listed[N];
	static struct str needs[N * PIECES];
	desk_join(desk, "w", 1);
	desk_submit(desk, (struct msg_submit){ 0 }, 1, 0);
	struct desk_order order = desk_next(desk);
	for (size_t piece = 0; piece < PIECES; piece++) {
		for (size_t i = 0; i < N; i++) {
			size_t at = piece * N + i;
			char *name = arena_printf(&desk->arena, "c%zu", at);
			needs[at] = str_of(name);
			listed[i] = (struct msg_listed){ .name = str_of(name),
							 .needs = at ? &needs[at - 1] : NULL,
							 .n_needs = at > 0 };
		}
		assert_int_equal(desk_tell(desk, &order,
					   (struct msg_event){ .kind = MSG_EVENT_LISTED,
							       .listed = listed,
							       .n_listed = N }),
				 0);
	}
	desk_close(desk, &order, MSG_CLOSE_FINE);
	desk_run(desk, OUTCOME_FAIL);
	desk_expect_end(desk, EXIT_CODE_FAILED, N * PIECES);
}

/* ---- order ---- */

static void put_history(struct estimate_table *table, const char *name, uint64_t duration_us,
			bool failed)
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
	struct msg_listed listed[] = { { .name = STR_LIT("short") },
				       { .name = STR_LIT("as long") },
				       { .name = STR_LIT("long") },
				       { .name = STR_LIT("unseen") },
				       { .name = STR_LIT("failed") } };
	struct msg_program program = { .suite = STR_LIT("s"),
				       .name = STR_LIT("a"),
				       .kind = STR_LIT("tap"),
				       .path = STR_LIT("/p") };
	struct msg_submit submission = { .programs = &program, .n_programs = 1 };
	struct estimate_table history = { 0 };
	put_history(&history, "short", DESK_S, false);
	put_history(&history, "as long", DESK_S * 49 / 10, false); /* within an eighth */
	put_history(&history, "long", 5 * DESK_S, false);
	put_history(&history, "failed", DESK_S / 2, true);
	desk_join(desk, "w", 1);
	desk->run = core_run_submit(desk->core, desk->now_us, &submission, "run", &history, NULL);
	assert_int_equal(history.len, 0); /* taken over */
	desk_drain(desk);
	desk_list(desk, listed, 5);
	static const char *const expected[] = { "failed", "unseen", "as long", "long", "short" };
	for (size_t i = 0; i < 5; i++)
		assert_string_equal(desk_run(desk, OUTCOME_PASS).names[0], expected[i]);
	desk_expect_end(desk, EXIT_CODE_OK, 5);
}

static void test_priority_between_runs(void **state)
{
	struct desk *desk = *state;
	desk_submit(desk, (struct msg_submit){ .priority = 1 }, 1, 0);
	desk_submit(desk, (struct msg_submit){ .priority = 9 }, 1, 0);
	desk_join(desk, "w", 1);
	struct desk_order order = desk_next(desk);
	desk_close(desk, &order, MSG_CLOSE_LISTING);
	assert_true(desk->done);
	assert_int_equal(core_run_status(desk->core, desk->run).programs_listed,
			 1); /* the one submitted last */
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, desk_setup, desk_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(locks_exclude),
		TEST(serial_is_alone),
		TEST(serial_waits_for_room),
		TEST(wide_case_does_not_idle_a_slot),
		TEST(needs),
		TEST(needs_what_is_skipped),
		TEST(needed_cases_are_selected_too),
		TEST(circle_is_an_error),
		TEST(long_chain_fails_at_its_head),
		TEST(order_of_cases),
		TEST(priority_between_runs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
