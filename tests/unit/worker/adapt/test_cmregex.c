// SPDX-License-Identifier: Apache-2.0
/* test_cmregex.c - CMake's dialect; expectations were checked against string(REGEX MATCH) of
 * CMake 3.25. */
#include "worker/adapt/cmregex.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct {
	const char *pattern, *text;
	bool found;
} table[] = {
#define MATCH(pattern, text)  { pattern, text, true },
#define DIFFER(pattern, text) { pattern, text, false },
#include "tests/fixtures/adapt/cmregex.def"
};

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (cmregex_match(str_of(table[i].pattern), str_of(table[i].text)) !=
		    table[i].found)
			fail_msg("\"%s\" on \"%s\" should be %d", table[i].pattern, table[i].text,
				 table[i].found);
}

static void test_refused(void **state)
{
	(void)state;
	static const char *const bad[] = { "*a",  "a**",   "(*)", "a|+", "[abc",
					   "a\\", "[z-a]", "[]",  "^*" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct buf buf;
		buf_init(&buf, 1024);
		assert_int_equal(cmregex_translate(&buf, str_of(bad[i])), -EINVAL);
		assert_false(cmregex_match(str_of(bad[i]), str_of("a")));
		buf_done(&buf);
	}
}

static void test_bytes(void **state)
{
	(void)state;
	assert_true(cmregex_match(STR_LIT("after$"), STR_LIT("before\0after")));
	assert_false(cmregex_match(STR_LIT("a\0b"), STR_LIT("a\0b")));
	assert_true(cmregex_match(STR_LIT("\xff[\x80-\xfe]"), STR_LIT("x\xff\x90")));
	assert_true(cmregex_match(STR_LIT("x*"), (struct str){ "", 0 }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
