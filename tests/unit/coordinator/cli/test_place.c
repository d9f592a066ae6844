// SPDX-License-Identifier: Apache-2.0
/* test_place.c - where history is, by option and environment. */
#include "coordinator/cli/place.h"

#include "coordinator/cli/options.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The history file of a run with --history GIVEN (NULL: without) must be `expected`. */
static void expect_history(char *given, const char *expected)
{
	struct conf *conf = conf_new(&options_table, OPTIONS_VERB_RUN);
	char *args[] = { "--history", given };
	struct err err = { 0 };
	struct buf path;
	assert_int_equal(conf_parse_args(conf, given ? 2 : 0, args, &err), 0);
	assert_int_equal(place_history(conf, &path, &err), 0);
	assert_string_equal(buf_text(&path), expected);
	buf_done(&path);
	conf_free(conf);
}

static void test_history(void **state)
{
	(void)state;
	setenv("HOME", "/home/x", 1);
	setenv("XDG_STATE_HOME", "/state", 1);
	expect_history(NULL, "/state/paddock/history.db");
	expect_history("a/b.db", "a/b.db");
	expect_history("none", "");
	setenv("XDG_STATE_HOME", "relative", 1);
	expect_history(NULL, "/home/x/.local/state/paddock/history.db");
	unsetenv("XDG_STATE_HOME");
	expect_history(NULL, "/home/x/.local/state/paddock/history.db");
}

static void test_nowhere(void **state)
{
	struct conf *conf = conf_new(&options_table, OPTIONS_VERB_RUN);
	struct err err = { 0 };
	struct buf path;
	(void)state;
	unsetenv("XDG_STATE_HOME");
	unsetenv("HOME");
	assert_int_equal(place_history(conf, &path, &err), -ENOENT);
	assert_non_null(strstr(err.text, "set one, or give --history FILE"));
	conf_free(conf);
}

static void test_no_history_to_open(void **state)
{
	struct conf *conf = conf_new(&options_table, OPTIONS_VERB_REPORT);
	struct store *store = NULL;
	struct err err = { 0 };
	char *args[] = { "--history", "/nonexistent/h.db" };
	(void)state;
	assert_int_equal(conf_parse_args(conf, 2, args, &err), 0);
	assert_int_equal(place_open_history(conf, &store, &err), -ENOENT);
	assert_null(store);
	assert_non_null(strstr(err.text, "/nonexistent/h.db: no run was recorded there yet"));
	conf_free(conf);
}

static void test_programs_are_siblings_or_in_path(void **state)
{
	struct buf path;
	(void)state;
	assert_int_equal(place_program("no-such-program", &path), 0);
	assert_string_equal(buf_text(&path), "no-such-program");
	buf_done(&path);
	/* this test is its own sibling */
	assert_int_equal(place_program("place", &path), 0);
	assert_true(buf_text(&path)[0] == '/');
	buf_done(&path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_history),
		cmocka_unit_test(test_nowhere),
		cmocka_unit_test(test_no_history_to_open),
		cmocka_unit_test(test_programs_are_siblings_or_in_path),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
