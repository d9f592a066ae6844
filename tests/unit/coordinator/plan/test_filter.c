// SPDX-License-Identifier: Apache-2.0
/* test_filter.c - what each expression selects, and what is said to those that are none. */
#include "coordinator/plan/filter.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct str program_tags[] = { { "fast", 4 }, { "net", 3 } };
static const struct str case_tags[] = { { "db:postgres", 11 } };

static bool matches(const char *text, const char *name)
{
	struct filter *filter = NULL;
	struct err err = { 0 };
	struct filter_subject subject = { .suite = STR_LIT("core"),
					  .program = STR_LIT("bin/unit_core"),
					  .kind = STR_LIT("gtest"),
					  .name = str_of(name),
					  .tags = program_tags,
					  .n_tags = 2,
					  .case_tags = case_tags,
					  .n_case_tags = 1 };
	if (filter_parse(str_of(text), &filter, &err) < 0)
		fail_msg("%s", err.text);
	bool match = filter_match(filter, &subject);
	filter_free(filter);
	return match;
}

static void test_sets(void **state)
{
	(void)state;
	assert_true(matches("all()", "A.b") && !matches("none()", "A.b"));
	assert_true(matches("test(b)", "A.b") && !matches("test(c)", "A.b"));
	assert_true(matches("test(=A.b)", "A.b") && !matches("test(=A)", "A.b"));
	assert_true(matches("test(~.b)", "A.b"));
	assert_true(matches("test(#A.*)", "A.b") && !matches("test(#a*)", "A.b") &&
		    matches("test(#?.[a-c])", "A.b"));
	assert_true(matches("test(/^A\\.b$/)", "A.b") && !matches("test(/^b/)", "A.b"));
	assert_true(matches("suite(core)", "x") && !matches("suite(cor)", "x") &&
		    matches("suite(c*)", "x"));
	assert_true(matches("program(*unit_core)", "x") && matches("program(~unit)", "x"));
	assert_true(matches("kind(gtest)", "x") && !matches("kind(tap)", "x"));
	assert_true(matches("tag(net)", "x") && matches("tag(db:*)", "x") &&
		    !matches("tag(slow)", "x"));
}

static void test_operators(void **state)
{
	(void)state;
	assert_true(matches("test(a) and test(b)", "ab") && !matches("test(a) and test(b)", "a"));
	assert_true(matches("test(a) & test(b)", "ab") && matches("test(a)|test(b)", "b"));
	assert_true(matches("test(a) or test(b)", "b") && matches("test(a)+test(b)", "a"));
	assert_true(matches("not test(a)", "b") && matches("!test(a)", "b") &&
		    matches("not not test(a)", "a"));
	assert_true(matches("test(a) - test(b)", "a") && !matches("test(a) - test(b)", "ab"));
	/* "and" binds tighter than "or"; parentheses tighter than both */
	assert_true(matches("test(a) or test(b) and test(c)", "a"));
	assert_false(matches("(test(a) or test(b)) and test(c)", "a"));
	assert_true(matches("not(test(a))", "b"));
	assert_true(matches("  test( a )  ", "a"));
}

static void test_escapes(void **state)
{
	(void)state;
	assert_true(matches("test(=f(x\\))", "f(x)"));
	assert_true(matches("test(/a\\/b/)", "a/b"));
	assert_true(matches("test(=a\\b)", "a\\b"));
	assert_true(matches("test(=)", "") && !matches("test(=)", "a"));
}

static void refused(const char *text, const char *word)
{
	struct filter *filter = NULL;
	struct err err = { 0 };
	int r = filter_parse(str_of(text), &filter, &err);
	if (r != -EINVAL || filter || !strstr(err.text, word))
		fail_msg("'%s' gave %d, \"%s\", which does not say \"%s\"", text, r, err.text,
			 word);
}

static void test_mistakes(void **state)
{
	(void)state;
	refused("", "something is missing at column 1");
	refused("test(a) or", "something is missing at column 11");
	refused("tset(a)", "no such set at column 1");
	refused("test(a", "missing )");
	refused("test(/a)", "closing /");
	refused("test(/a(/)", "regular expression");
	refused("(test(a)", "missing )");
	refused("test(a))", "unexpected text at column 8");
	refused("test(a) test(b)", "unexpected text");
	refused("nottest(a)", "no such set");
}

static void test_hostile(void **state)
{
	(void)state;
	enum { N = 100000 };
	char *text = malloc(N + 1);
	assert_non_null(text);
	memset(text, '(', N);
	text[N] = '\0';
	refused(text, "nested too deep");
	for (size_t i = 0; i < N; i++)
		text[i] = "!"[0];
	refused(text, "nested too deep");
	for (size_t i = 0; i + 6 <= N; i += 6)
		memcpy(text + i, "all()+", 6);
	text[N / 6 * 6 - 1] = '\0';
	refused(text, "too many parts");
	free(text);
	refused("test(/((a{1,200}){1,200}){1,200}/)", "repeats");
	refused("test(/a+++++++++++++++++++++++++++/)", "repeats");
	assert_true(
		matches("test(/(a)+(b)+(c)+(d)+(e)+(f)+(g)+(h)+(i)+(j)+(k)+(l)+(m)+(n)+[]{9}]?/)",
			"abcdefghijklmn"));
	/* a pattern of many stars against a long name must not take for ever */
	char name[4001];
	memset(name, 'a', 4000);
	name[4000] = '\0';
	assert_false(matches("test(#*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b)", name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sets),	cmocka_unit_test(test_operators),
		cmocka_unit_test(test_escapes), cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_hostile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
