// SPDX-License-Identifier: Apache-2.0
/* test_merge.c - the ledger: each case one verdict, retries, output. */
#include "tests/kit/desk.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* ---- the ledger ---- */

static void test_duplicates_count_once(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") }, { .name = STR_LIT("y") } };
	desk_join(desk, "w", 1);
	desk_submit(desk, (struct msg_submit){ 0 }, 1, 0);
	desk_list(desk, listed, 2);
	struct desk_order order = desk_next(desk);
	for (int i = 0; i < 2; i++)
		assert_int_equal(desk_tell(desk, &order,
					   (struct msg_event){ .kind = MSG_EVENT_STARTED,
							       .index = order.index[0] }),
				 0);
	assert_int_equal(desk_count(desk, MSG_RUN_CASE_STARTED), 1);
	desk_end(desk, &order, 0, OUTCOME_PASS);
	desk_end(desk, &order, 0, OUTCOME_FAIL);
	desk_close(desk, &order, MSG_CLOSE_FINE);
	desk_close(desk, &order, MSG_CLOSE_FINE);
	desk_run(desk, OUTCOME_PASS);
	desk_expect_end(desk, EXIT_CODE_OK, 2);
}

static void test_nonsense_closes_the_peer(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") } };
	desk_join(desk, "w", 1);
	desk_submit(desk, (struct msg_submit){ 0 }, 1, 0);
	struct desk_order listing = desk->orders.items[0];
	assert_int_equal(desk_tell(desk, &listing, (struct msg_event){ .kind = MSG_EVENT_ENDED }),
			 -EPROTO);
	desk_list(desk, listed, 1);
	struct desk_order order = desk->orders.items[0];
	assert_int_equal(desk_tell(desk, &order,
				   (struct msg_event){ .kind = MSG_EVENT_LISTED,
						       .listed = listed,
						       .n_listed = 1 }),
			 -EPROTO);
	assert_int_equal(desk_tell(desk, &order,
				   (struct msg_event){ .kind = MSG_EVENT_ENDED, .index = 7 }),
			 -EPROTO);
	desk_run(desk, OUTCOME_PASS);
	desk_expect_end(desk, EXIT_CODE_OK, 1);
}

static void test_shard_without_verdict(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") } };
	desk_join(desk, "w", 1);
	desk_submit(desk, (struct msg_submit){ 0 }, 1, 0);
	desk_list(desk, listed, 1);
	struct desk_order order = desk_next(desk);
	desk_close(desk, &order, MSG_CLOSE_FINE);
	desk_expect_end(desk, EXIT_CODE_FAILED, 1);
	assert_int_equal(desk_verdict(desk, "x"), OUTCOME_ERROR);
}

static void test_setup_failure(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") } };
	desk_join(desk, "w", 1);
	desk_submit(desk, (struct msg_submit){ 0 }, 1, 3);
	desk_list(desk, listed, 1);
	struct desk_order order = desk_next(desk);
	desk_close(desk, &order, MSG_CLOSE_SETUP);
	desk_expect_end(desk, EXIT_CODE_SETUP, 1);
}

static void test_sandbox_cannot_be_enforced(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") }, { .name = STR_LIT("y") } };
	desk_join(desk, "w", 1);
	desk_submit(desk, (struct msg_submit){ 0 }, 1, 0);
	desk_list(desk, listed, 2);
	struct desk_order order = desk_next(desk);
	desk_close(desk, &order, MSG_CLOSE_SANDBOX);
	desk_expect_end(desk, EXIT_CODE_SANDBOX, 2);
	assert_int_equal(desk_verdict(desk, "x"), OUTCOME_ERROR);
	assert_int_equal(desk_verdict(desk, "y"), OUTCOME_NOTRUN);
}

/* ---- retries ---- */

static void test_flaky(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") } };
	desk_join(desk, "w", 1);
	desk_submit(desk, (struct msg_submit){ 0 }, 1, 2);
	desk_list(desk, listed, 1);
	assert_int_equal(desk_run(desk, OUTCOME_CRASH).retry, 1);
	assert_int_equal(desk_count(desk, MSG_RUN_CASE_RETRIED), 1);
	assert_int_equal(desk_run(desk, OUTCOME_PASS).retry, 2);
	desk_expect_end(desk, EXIT_CODE_OK, 1);
	assert_true(desk_last(desk, MSG_RUN_CASE_FINISHED, "x")->flaky);
	assert_int_equal(desk_last(desk, MSG_RUN_CASE_FINISHED, "x")->attempt, 2);
}

static void test_retries_run_out(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") } };
	desk_join(desk, "w", 1);
	desk_submit(desk, (struct msg_submit){ 0 }, 1, 1);
	desk_list(desk, listed, 1);
	desk_run(desk, OUTCOME_FAIL);
	desk_run(desk, OUTCOME_FAIL);
	desk_expect_end(desk, EXIT_CODE_FAILED, 1);
	assert_false(desk_last(desk, MSG_RUN_CASE_FINISHED, "x")->flaky);
}

static void test_retry_goes_to_another_worker(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") }, { .name = STR_LIT("y") } };
	uint64_t one = desk_join(desk, "one", 1), two = desk_join(desk, "two", 1);
	desk_submit(desk, (struct msg_submit){ 0 }, 1, 1);
	desk_list(desk, listed, 2);
	struct desk_order first = desk_next(desk), second = desk_next(desk);
	assert_int_equal(first.worker, one);
	assert_int_equal(second.worker, two);
	desk_end(desk, &first, 0, OUTCOME_FAIL);
	desk_close(desk, &first, MSG_CLOSE_FINE);
	assert_int_equal(desk->orders.len, 0); /* the other is busy, but it will come free */
	desk_end(desk, &second, 0, OUTCOME_PASS);
	desk_close(desk, &second, MSG_CLOSE_FINE);
	assert_int_equal(desk_run(desk, OUTCOME_PASS).worker, two);
	desk_expect_end(desk, EXIT_CODE_OK, 2);
}

static void test_found_case_red_retries_its_parent(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") } };
	desk_join(desk, "w", 1);
	desk_submit(desk, (struct msg_submit){ 0 }, 1, 1);
	desk_list(desk, listed, 1);
	for (int attempt = 0; attempt < 2; attempt++) {
		struct desk_order order = desk_next(desk);
		assert_int_equal(desk_tell(desk, &order,
					   (struct msg_event){ .kind = MSG_EVENT_ENDED,
							       .index = order.index[0],
							       .name = STR_LIT("x/1"),
							       .outcome = attempt ? OUTCOME_PASS
										  : OUTCOME_FAIL }),
				 0);
		assert_int_equal(desk_count(desk, MSG_RUN_CASE_FINISHED),
				 0); /* held until the verdict around it */
		desk_end(desk, &order, 0, OUTCOME_PASS);
		desk_close(desk, &order, MSG_CLOSE_FINE);
	}
	desk_expect_end(desk, EXIT_CODE_OK, 2);
	assert_true(desk_last(desk, MSG_RUN_CASE_FINISHED, "x/1")->flaky);
	assert_true(desk_last(desk, MSG_RUN_CASE_FINISHED, "x/1")->found);
}

static void test_quarantine_does_not_redden(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") } };
	struct msg_override override = { .filter = STR_LIT("test(x)"),
					 .has = MSG_OVERRIDE_QUARANTINE,
					 .quarantine = 1 };
	desk_join(desk, "w", 1);
	desk_submit(desk, (struct msg_submit){ .overrides = &override, .n_overrides = 1 }, 1, 0);
	desk_list(desk, listed, 1);
	desk_run(desk, OUTCOME_FAIL);
	desk_expect_end(desk, EXIT_CODE_OK, 1);
	assert_true(desk_last(desk, MSG_RUN_CASE_FINISHED, "x")->quarantined);
}

static void test_leak_does_not_redden(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") } };
	desk_join(desk, "w", 1);
	desk_submit(desk, (struct msg_submit){ 0 }, 1, 0);
	desk_list(desk, listed, 1);
	desk_run(desk, OUTCOME_LEAK);
	desk_expect_end(desk, EXIT_CODE_OK, 1);
}

/* ---- output ---- */

/* The verdict of the order's only case, whose worker says how much output it sent. */
static void end_with_output(struct desk *desk, const struct desk_order *order, uint64_t bytes)
{
	assert_int_equal(desk_tell(desk, order,
				   (struct msg_event){ .kind = MSG_EVENT_ENDED,
						       .index = order->index[0],
						       .outcome = OUTCOME_FAIL,
						       .output_bytes = bytes }),
			 0);
	desk_close(desk, order, MSG_CLOSE_FINE);
}

static void test_lost_output_is_told(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") } };
	desk_join(desk, "w", 1);
	desk_submit(desk, (struct msg_submit){ 0 }, 1, 0);
	desk_list(desk, listed, 1);
	struct desk_order order = desk_next(desk);
	assert_int_equal(desk_tell(desk, &order,
				   (struct msg_event){ .kind = MSG_EVENT_OUTPUT,
						       .index = order.index[0],
						       .stream = 2,
						       .data = STR_LIT("seven..") }),
			 0);
	end_with_output(desk, &order, 10);
	desk_expect_end(desk, EXIT_CODE_INCOMPLETE, 1);
	const struct msg_run_event *event = desk_last(desk, MSG_RUN_WARNING, "x");
	assert_true(str_find(event->message, STR_LIT("7 bytes of the output of x arrived where its "
						     "worker sent 10")) >= 0);
}

static void test_output_fits_one_event(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") } };
	static char text[LIMIT_CHUNK_BYTES];
	desk_join(desk, "w", 1);
	desk_submit(desk, (struct msg_submit){ 0 }, 1, 0);
	desk_list(desk, listed, 1);
	struct desk_order order = desk_next(desk);
	for (char piece = 'a'; piece < 'd'; piece++) {
		memset(text, piece, sizeof(text));
		assert_int_equal(desk_tell(desk, &order,
					   (struct msg_event){ .kind = MSG_EVENT_OUTPUT,
							       .index = order.index[0],
							       .stream = 1,
							       .data = { text, sizeof(text) } }),
				 0);
	}
	end_with_output(desk, &order, 3 * LIMIT_CHUNK_BYTES);
	desk_expect_end(desk, EXIT_CODE_FAILED, 1);
	const struct msg_run_event *event = desk_last(desk, MSG_RUN_CASE_FINISHED, "x");
	assert_true(event->out.len <= LIMIT_CHUNK_BYTES && event->out.len > LIMIT_CHUNK_BYTES / 2);
	assert_int_equal(event->out.data[0], 'a');
	assert_int_equal(event->out.data[event->out.len - 1], 'c');
	assert_true(event->dropped_bytes > 2 * LIMIT_CHUNK_BYTES - 1000);
}

static int tell_artifact(struct desk *desk, const struct desk_order *order, uint64_t index)
{
	return desk_tell(desk, order,
			 (struct msg_event){ .kind = MSG_EVENT_ARTIFACT,
					     .index = index,
					     .name = STR_LIT("a/b"),
					     .data = STR_LIT("bytes"),
					     .offset = 7,
					     .more = 1,
					     .cases = 2,
					     .message = STR_LIT("why") });
}

/* Files go to whoever watches, also after the verdict, under the attempt they are of; and change no
 * verdict. */
static void test_artifacts_pass(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") }, { .name = STR_LIT("y") } };
	desk_join(desk, "w", 1);
	desk_submit(desk, (struct msg_submit){ 0 }, 1, 1);
	struct desk_order listing = desk->orders.items[0];
	assert_int_equal(tell_artifact(desk, &listing, 0), -EPROTO);
	desk_list(desk, listed, 2);
	struct desk_order order = desk_next(desk);
	assert_int_equal(tell_artifact(desk, &order, 0), 0);
	const struct msg_run_event *event = desk_last(desk, MSG_RUN_ARTIFACT, "x");
	assert_true(str_eq(event->path, STR_LIT("a/b")) && str_eq(event->out, STR_LIT("bytes")));
	assert_true(event->offset == 7 && event->more == 1 && event->count == 2);
	assert_true(str_eq(event->message, STR_LIT("why")) && str_eq(event->worker, STR_LIT("w")));
	assert_int_equal(event->attempt, 1);
	desk_end(desk, &order, 0, OUTCOME_FAIL);
	assert_int_equal(tell_artifact(desk, &order, 0), 0); /* its retry waits already */
	assert_int_equal(desk_last(desk, MSG_RUN_ARTIFACT, "x")->attempt, 1);
	assert_true(str_eq(desk_last(desk, MSG_RUN_ARTIFACT, "x")->worker, STR_LIT("w")));
	if (order.n_cases == 2)
		desk_end(desk, &order, 1, OUTCOME_PASS);
	assert_int_equal(tell_artifact(desk, &order, 99), -EPROTO);
	desk_close(desk, &order, MSG_CLOSE_FINE);
	assert_int_equal(desk_count(desk, MSG_RUN_ARTIFACT), 2);
	(void)tell_artifact(desk, &order, 0); /* an attempt that is over */
	assert_int_equal(desk_count(desk, MSG_RUN_ARTIFACT), 2);
	while (desk->orders.len) {
		struct desk_order again = desk->orders.items[0];
		if (again.index[0] == 0 && again.retry == 2) {
			assert_int_equal(tell_artifact(desk, &again, 0), 0);
			assert_int_equal(desk_last(desk, MSG_RUN_ARTIFACT, "x")->attempt, 2);
		}
		desk_run(desk, OUTCOME_PASS);
	}
	desk_expect_end(desk, EXIT_CODE_OK, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, desk_setup, desk_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(duplicates_count_once),
		TEST(nonsense_closes_the_peer),
		TEST(shard_without_verdict),
		TEST(setup_failure),
		TEST(sandbox_cannot_be_enforced),
		TEST(flaky),
		TEST(retries_run_out),
		TEST(retry_goes_to_another_worker),
		TEST(found_case_red_retries_its_parent),
		TEST(quarantine_does_not_redden),
		TEST(leak_does_not_redden),
		TEST(output_fits_one_event),
		TEST(artifacts_pass),
		TEST(lost_output_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
