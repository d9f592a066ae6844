// SPDX-License-Identifier: Apache-2.0
/* test_words.c - whatever is quoted is read back, and a shell reads the same. */
#include "coordinator/cli/words.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_round_trip(void **state)
{
	(void)state;
	static const char *const all[] = { "plain",	"with space", "it's",  "",
					   "a\\b",	"'",	      "''x''", "$HOME",
					   "tab\there", "/a/b-c_d.e", "\n" };
	enum { N = sizeof(all) / sizeof(all[0]) };
	struct arena arena = { 0 };
	struct words words = { 0 };
	struct buf buf;
	buf_init(&buf, 4096);
	for (size_t i = 0; i < N; i++)
		assert_int_equal(words_quote(&buf, str_of(all[i])), 0);
	assert_int_equal(words_parse(buf_str(&buf), &arena, &words), 0);
	assert_int_equal(words.len, N);
	for (size_t i = 0; i < N; i++)
		assert_string_equal(words.items[i], all[i]);
	words_done(&words);
	arena_done(&arena);
	buf_done(&buf);
}

static void test_quoting(void **state)
{
	(void)state;
	struct buf buf;
	buf_init(&buf, 24);
	assert_int_equal(words_quote(&buf, STR_LIT("a/b")), 0);
	assert_int_equal(words_quote(&buf, STR_LIT("it's")), 0);
	assert_string_equal(buf_text(&buf), "a/b 'it'\\''s'");
	assert_int_equal(words_quote(&buf, STR_LIT("much too long to fit")), -ENOBUFS);
	assert_string_equal(buf_text(&buf), "a/b 'it'\\''s'");
	buf_done(&buf);
}

static void test_parsing(void **state)
{
	(void)state;
	struct arena arena = { 0 };
	struct words words = { 0 };
	assert_int_equal(words_parse(STR_LIT("  a\\ b  c'd e'f \n"), &arena, &words), 0);
	assert_int_equal(words.len, 2);
	assert_string_equal(words.items[0], "a b");
	assert_string_equal(words.items[1], "cd ef");
	assert_int_equal(words_parse(STR_LIT("'open"), &arena, &words), -EINVAL);
	assert_int_equal(words_parse(STR_LIT(" "), &arena, &words), 0);
	assert_int_equal(words.len, 2);
	words_done(&words);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_quoting),
		cmocka_unit_test(test_parsing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
