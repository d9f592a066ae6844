// SPDX-License-Identifier: Apache-2.0
/* test_ignore.c - what git would leave out by the same lines. */
#include "coordinator/serve/ignore.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Checked against `git check-ignore --no-index` of git 2.39. */
static const struct {
	const char *rules, *path;
	bool folder, left_out;
} table[] = {
	{ "*.o", "a.o", false, true },
	{ "*.o", "x/y/a.o", false, true },
	{ "*.o", "a.oo", false, false },
	{ "/a", "a", false, true },
	{ "/a", "x/a", false, false },
	{ "x/a", "x/a", false, true },
	{ "x/a", "y/x/a", false, false },
	{ "build/", "build", true, true },
	{ "build/", "build", false, false },
	{ "build/", "x/build", true, true },
	{ "**/b", "x/y/b", false, true },
	{ "**/b", "b", false, true },
	{ "x/**/b", "x/b", false, true },
	{ "x/**/b", "x/1/2/b", false, true },
	{ "x/**/b", "x/1/2/c", false, false },
	{ "x/**", "x/1/2", false, true },
	{ "*\n!keep", "keep", false, false },
	{ "*\n!keep", "other", false, true },
	{ "!keep\n*", "keep", false, true },
	{ "# a\n\n  \na", "a", false, true },
	{ "a?c", "abc", false, true },
	{ "a[0-9]", "a5", false, true },
	{ "x/*/b", "x/1/2/b", false, false },
	{ "x/*/b", "x/1/b", false, true },
	{ "a\r\nb\r\n", "a", false, true },
	{ "**/x/**/y", "1/x/2/x/y", false, true },
	{ "/", "a", false, false },
	{ "", "a", false, false },
};

static void lines_mean_what_they_mean_to_git(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct ignore ignore = { 0 };
		assert_int_equal(ignore_add(&ignore, str_of(table[i].rules)), 0);
		if (ignore_has(&ignore, str_of(table[i].path), table[i].folder) !=
		    table[i].left_out)
			fail_msg("\"%s\" and %s", table[i].rules, table[i].path);
		ignore_done(&ignore);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_mean_what_they_mean_to_git),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
