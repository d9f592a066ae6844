// SPDX-License-Identifier: Apache-2.0
/* test_listing.c - what becomes of listings, good and bad. */
#include "tests/kit/desk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_listing_fails(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") } };
	desk_join(desk, "w", 1);
	desk_submit(desk, (struct msg_submit){ 0 }, 2, 0);
	struct desk_order order = desk_next(desk);
	desk_close(desk, &order, MSG_CLOSE_LISTING);
	desk_list(desk, listed, 1);
	desk_run(desk, OUTCOME_PASS);
	desk_expect_end(desk, EXIT_CODE_LISTING, 2);
	assert_int_equal(desk_verdict(desk, "(listing)"), OUTCOME_ERROR);
	assert_string_equal(desk_last(desk, MSG_RUN_LIST_FAILED, NULL)->message.data, "why");
}

static void test_listing_moves_on_when_its_worker_fails(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[] = { { .name = STR_LIT("x") } };
	desk_join(desk, "w", 1);
	desk_submit(desk, (struct msg_submit){ 0 }, 1, 0);
	struct desk_order order = desk_next(desk);
	assert_int_equal(desk_tell(desk, &order,
				   (struct msg_event){ .kind = MSG_EVENT_LISTED,
						       .listed = listed,
						       .n_listed = 1 }),
			 0);
	desk_close(desk, &order, MSG_CLOSE_WORKER);
	desk_list(desk, listed, 1); /* the piece of the lost listing does not count twice */
	desk_run(desk, OUTCOME_PASS);
	desk_expect_end(desk, EXIT_CODE_OK, 1);
}

static void test_listing_lost_thrice_is_an_error(void **state)
{
	struct desk *desk = *state;
	desk_join(desk, "w", 1);
	desk_submit(desk, (struct msg_submit){ 0 }, 1, 0);
	for (int i = 0; i < 3; i++) {
		struct desk_order order = desk_next(desk);
		desk_close(desk, &order, MSG_CLOSE_WORKER);
	}
	desk_expect_end(desk, EXIT_CODE_INCOMPLETE, 1);
}

static void test_too_many_repetitions(void **state)
{
	struct desk *desk = *state;
	struct msg_listed listed[5] = { 0 };
	for (size_t i = 0; i < 5; i++)
		listed[i].name = (struct str){ &"abcde"[i], 1 };
	desk_join(desk, "w", 1);
	desk_submit(desk, (struct msg_submit){ .repeat = 1000000 }, 1, 0);
	desk_list(desk, listed, 5);
	desk_expect_end(desk, EXIT_CODE_LISTING, 1);
	assert_non_null(
		strstr(desk_last(desk, MSG_RUN_LIST_FAILED, NULL)->message.data, "--repeat"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, desk_setup, desk_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(listing_fails),
		TEST(listing_moves_on_when_its_worker_fails),
		TEST(listing_lost_thrice_is_an_error),
		TEST(too_many_repetitions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
