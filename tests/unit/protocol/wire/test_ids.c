// SPDX-License-Identifier: Apache-2.0
/* test_ids.c - how runs and cases are named. */
#include "protocol/wire/ids.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void check_key(const char *name, const char *want)
{
	struct buf key;
	buf_init(&key, 1000);
	assert_int_equal(ids_history_key(&key, STR_LIT("s"), STR_LIT("p"), str_of(name)), 0);
	assert_string_equal(buf_text(&key), want);
	buf_done(&key);
}

static void test_a_case_is_named_by_its_three_parts(void **state)
{
	struct buf id;
	(void)state;
	buf_init(&id, 100);
	assert_int_equal(ids_case(&id, STR_LIT("suite"), STR_LIT("dir/program"), STR_LIT("a::b")),
			 0);
	assert_string_equal(buf_text(&id), "suite::dir/program::a::b");
	buf_done(&id);
}

static void test_history_pools_positional_parameters(void **state)
{
	(void)state;
	check_key("Inst/Suite.Case/12", "s::p::Inst/Suite.Case/N");
	check_key("Typed/0.Has", "s::p::Typed/N.Has");
	check_key("path/12a/b", "s::p::path/12a/b");
	check_key("plain", "s::p::plain");
	check_key("/1/2/3", "s::p::/N/N/N");
	check_key("", "s::p::");
}

static void test_history_knows_no_repetitions(void **state)
{
	(void)state;
	check_key("case@3", "s::p::case");
	check_key("case@x3", "s::p::case@x3");
	check_key("case@", "s::p::case@");
	check_key("@3", "s::p::@3");
	check_key("Inst/1@25", "s::p::Inst/N");
}

static void test_runs_sort_by_time(void **state)
{
	char early[IDS_RUN_BYTES], late[IDS_RUN_BYTES];
	(void)state;
	ids_run(early, UINT64_C(1700000000000000), 0xffff);
	ids_run(late, UINT64_C(1700000001000000), 0);
	assert_string_equal(late, "20231114-221321-0000");
	assert_true(strcmp(early, late) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_case_is_named_by_its_three_parts),
		cmocka_unit_test(test_history_pools_positional_parameters),
		cmocka_unit_test(test_history_knows_no_repetitions),
		cmocka_unit_test(test_runs_sort_by_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
