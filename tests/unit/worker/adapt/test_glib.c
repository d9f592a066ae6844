// SPDX-License-Identifier: Apache-2.0
/* test_glib.c - g_test programs as recorded from GLib 2.74: prefixes, crashes, and output without
 * newlines. */
#include "tests/kit/adaptlog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct adapt_exit fine = { .code = 0 };

static void test_listing(void **state)
{
	(void)state;
	struct str out = adaptlog_fixture("glib-list.txt");
	char *text = adaptlog_list(&adapt_glib, adaptlog_program(), out, &fine);
	assert_string_equal(
		text, "/a/b detail=x/a/b\n/a/skip detail=p/a/skip\n/a/inc detail=p/a/inc\n"
		      "/a/b/c detail=p/a/b/c\n/z/fail detail=p/z/fail\n/z/failp detail=p/z/failp\n"
		      "/z/assert detail=p/z/assert\n/z/msg detail=p/z/msg\n/z/seg detail=p/z/seg\n"
		      "/with space/x - y detail=p/with space/x - y\n");
	free(text);
	free((char *)out.data);
}

static void expect_list(struct str out, struct adapt_exit how, const char *words)
{
	char *text = adaptlog_list(&adapt_glib, adaptlog_program(), out, &how);
	if (!strstr(text, words))
		fail_msg("no \"%s\" in \"%s\"", words, text);
	free(text);
}

static void test_odd_listings(void **state)
{
	(void)state;
	char *text = adaptlog_list(&adapt_glib, adaptlog_program(),
				   STR_LIT("# random seed: x\n1..0\n"), &fine);
	assert_string_equal(text, "");
	free(text);
	expect_list(STR_LIT("hello\n"), fine, "printed no list of test paths");
	expect_list(STR_LIT("/a\n"), (struct adapt_exit){ .signalled = true, .signal = 5 },
		    "ended by signal 5");
	expect_list(STR_LIT("noise\n/\n//\n/a\n/a\n/caf\xc3\xa9/\xff\n"), fine,
		    "// detail=p//\n/a detail=p/a\n/a#2 detail=p/a\n"
		    "/caf\xc3\xa9/\xef\xbf\xbd detail=p/caf\xc3\xa9/\xff\n");
}

static size_t make_cases(struct adapt_case *cases, const char *const *details)
{
	size_t n = 0;
	for (; details[n]; n++)
		cases[n] = (struct adapt_case){ .name = str_of(details[n] + 1),
						.detail = str_of(details[n]) };
	return n;
}

static void expect(const char *const *details, struct str out, struct adapt_exit how,
		   const char *transcript)
{
	struct adapt_case cases[16];
	struct adaptlog_run run = { .ops = &adapt_glib,
				    .program = adaptlog_program(),
				    .cases = cases,
				    .n = make_cases(cases, details),
				    .out = out,
				    .how = how };
	char *text = adaptlog_all(&run);
	assert_string_equal(text, transcript);
	free(text);
}

#define CASES(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void test_recorded_run(void **state)
{
	(void)state;
	struct str out = adaptlog_fixture("glib-run.txt");
	expect(CASES("x/a/b", "p/a/skip", "p/a/inc", "p/z/fail", "p/z/failp", "p/z/msg",
		     "p/with space/x - y"),
	       out, (struct adapt_exit){ .code = 1 },
	       "start /a/b\npass /a/b\nstart /a/skip\nskip /a/skip: not today\n"
	       "start /a/inc\nskip /a/inc: todo: half done\nstart /z/fail\nfail /z/fail\n"
	       "start /z/failp\nfail /z/failp: sum is 3\nstart /z/msg\npass /z/msg\n"
	       "start /with space/x - y\npass /with space/x - y\n");
	free((char *)out.data);
}

static void test_assertion(void **state)
{
	(void)state;
	struct str out = adaptlog_fixture("glib-assert.txt");
	expect(CASES("p/z/assert", "p/z/msg"), out,
	       (struct adapt_exit){ .signalled = true, .signal = 6 },
	       "start /z/assert\ncrash /z/assert: SIGABRT: ERROR:g.c:4:as: assertion failed (1 "
	       "== 2): (1 == 2)\n");
	expect(CASES("p/z/assert", "p/z/msg"), out, (struct adapt_exit){ .code = 1 },
	       "start /z/assert\nfail /z/assert: ERROR:g.c:4:as: assertion failed (1 == 2): (1 "
	       "== 2)\n");
	free((char *)out.data);
}

/* Started and never ended: the worker blames it, not the one before. */
static void test_crash(void **state)
{
	(void)state;
	struct str out = adaptlog_fixture("glib-segv.txt");
	expect(CASES("p/z/msg", "p/z/seg"), out,
	       (struct adapt_exit){ .signalled = true, .signal = 11 },
	       "start /z/msg\npass /z/msg\nstart /z/seg\n");
	free((char *)out.data);
	expect(CASES("p/z/msg"), STR_LIT(""),
	       (struct adapt_exit){ .signalled = true, .signal = 11 }, "start /z/msg\n");
	expect(CASES("p/a", "p/b"), STR_LIT("not ok 1 /a\n"),
	       (struct adapt_exit){ .signalled = true, .signal = 11 },
	       "start /a\nfail /a\nstart /b\n");
}

/* A failed case, then the end of the program for its sake: nobody else is to blame. */
static void test_bail_out_after_failure(void **state)
{
	(void)state;
	struct str out = adaptlog_fixture("glib-fatal.txt");
	expect(CASES("p/z/fail", "p/z/msg"), out,
	       (struct adapt_exit){ .signalled = true, .signal = 6 },
	       "start /z/fail\nfail /z/fail\n");
	free((char *)out.data);
}

static void test_killed(void **state)
{
	(void)state;
	expect(CASES("p/a", "p/b"), STR_LIT("# random\nok 1 /a\nnot ok 2 /b"),
	       (struct adapt_exit){ .killed = true }, "start /a\npass /a\nstart /b\nfail /b\n");
}

static void test_overreach(void **state)
{
	(void)state;
	/* plans repeat, unknown paths and repeated points are passed over */
	expect(CASES("p/b", "x/a"),
	       STR_LIT("ok 1 /b\n1..1\nok 2 /a\nok 3 /a/x\nnot ok 4 /b\n1..4\n"), fine,
	       "start /b\npass /b\nstart /a\npass /a\n");
}

static void test_output_without_newline(void **state)
{
	(void)state;
	expect(CASES("p/a", "p/b", "p/c"),
	       STR_LIT("halfok 1 /a\nx not ok 2 /b - no\nok 3 /cc\nlook ok 3 /c# no\nok 3 /c\n"),
	       fine, "start /a\npass /a\nstart /b\nfail /b: no\nstart /c\npass /c\n");
}

static void test_exit(void **state)
{
	(void)state;
	expect(CASES("p/a"), STR_LIT("ok 1 /a\n"),
	       (struct adapt_exit){ .code = 23, .errors = STR_LIT("leak\n") },
	       "start /a\npass /a\nfound fail exit (/a): the program ended with exit code 23 "
	       "though no case failed "
	       "(23 is what the leak checker uses): / leak\n");
	expect(CASES("p/a"), STR_LIT("1..0\n"), fine, "start /a\n");
}

static ptrdiff_t command(const char *const *details, char **ret_words)
{
	struct adapt_case cases[16];
	struct arena arena = { 0 };
	struct adapt_command out;
	struct err err;
	size_t n = make_cases(cases, details);
	ptrdiff_t covered = adapt_glib.run_command(adaptlog_program(), cases, n, &arena, &out,
						   &err);
	*ret_words = adaptlog_argv(&out);
	arena_done(&arena);
	return covered;
}

static void test_commands(void **state)
{
	(void)state;
	char *text;
	assert_int_equal(command(CASES("p/a/x", "p/with space/x"), &text), 2);
	assert_string_equal(text, "/t/bin|--tap|-k|-p|/a/x|-p|/with space/x");
	free(text);
	assert_int_equal(command(CASES("p/q", "x/a", "p/a/b"), &text), 2);
	assert_string_equal(text, "/t/bin|--tap|-k|-p|/q|-p|/a");
	free(text);
}

static void test_many_paths(void **state)
{
	(void)state;
	enum { N = 5000 };
	struct arena arena = { 0 };
	struct adapt_command out;
	struct err err;
	struct adapt_case *cases = calloc(N, sizeof(*cases));
	assert_non_null(cases);
	for (size_t i = 0; i < N; i++)
		cases[i].detail = str_of(
			arena_printf(&arena, "p/some/suite/with/a/long/path/case-%zu", i));
	ptrdiff_t covered = adapt_glib.run_command(adaptlog_program(), cases, N, &arena, &out,
						   &err);
	assert_in_range(covered, 2000, 4000);
	free(cases);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_listing),
		cmocka_unit_test(test_odd_listings),
		cmocka_unit_test(test_recorded_run),
		cmocka_unit_test(test_assertion),
		cmocka_unit_test(test_crash),
		cmocka_unit_test(test_bail_out_after_failure),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_overreach),
		cmocka_unit_test(test_output_without_newline),
		cmocka_unit_test(test_exit),
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_many_paths),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
