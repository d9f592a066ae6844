// SPDX-License-Identifier: Apache-2.0
/* test_tap.c - TAP 12 to 14 as prove judges it, from producers that were recorded and from lines
 * made to hurt. */
#include "tests/kit/adaptlog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct adapt_exit fine = { .code = 0 };

static void expect(struct str out, struct adapt_exit how, const char *transcript)
{
	struct adapt_case one = { .name = STR_LIT("main") };
	struct adaptlog_run run = { .ops = &adapt_tap,
				    .program = adaptlog_program(),
				    .cases = &one,
				    .n = 1,
				    .out = out,
				    .err = STR_LIT("not ok 9 on the wrong stream\n"),
				    .how = how };
	char *text = adaptlog_all(&run);
	assert_string_equal(text, transcript);
	free(text);
}

#define OUT(text) STR_LIT(text), fine

static void test_plan_first_and_last(void **state)
{
	(void)state;
	expect(OUT("1..2\nok 1 - one\nok 2 two\n"),
	       "found pass one (main)\nfound pass two (main)\nstart main\npass main\n");
	expect(OUT("ok\nok 2\n1..2"),
	       "found pass 1 (main)\nfound pass 2 (main)\nstart main\npass main\n");
	expect(OUT("TAP version 14\r\n1..1\r\nok 1 - crlf\r\n"),
	       "found pass crlf (main)\nstart main\npass main\n");
}

static void test_failures(void **state)
{
	(void)state;
	expect(OUT("1..3\nok 1 a\nnot ok 2 b\n# got 1\n#  wanted 2\nnot ok 3\n"),
	       "found pass a (main)\nfound fail b (main): got 1 / wanted 2\nfound fail 3 (main)\n"
	       "start main\nfail main: 2 of 3 points failed: b, 3\n");
	expect(STR_LIT("1..1\nok 1 a\n"), (struct adapt_exit){ .code = 2 },
	       "found pass a (main)\nstart main\nfail main: exit code 2\n");
	expect(STR_LIT("1..2\nok 1 a\nnot ok 2 b\n"),
	       (struct adapt_exit){ .signalled = true, .signal = 11 },
	       "found pass a (main)\nfound fail b (main)\n");
	expect(STR_LIT("1..2\nok 1 a\n"), (struct adapt_exit){ .killed = true },
	       "found pass a (main)\n");
}

static void test_plan_problems(void **state)
{
	(void)state;
	expect(OUT(""), "start main\nfail main: no TAP was printed: neither a plan nor a point\n");
	expect(OUT("# only a comment\n"),
	       "start main\nfail main: no TAP was printed: neither a plan nor a point\n");
	expect(OUT("ok 1\n"),
	       "found pass 1 (main)\nstart main\nfail main: no plan was printed (1..N)\n");
	expect(OUT("1..3\nok 1 a\n"),
	       "found pass a (main)\nstart main\nfail main: 3 points were planned, 1 came\n");
	expect(OUT("1..1\nok 1 a\nok 2 b\n"),
	       "found pass a (main)\nfound pass b (main)\nstart main\n"
	       "fail main: 1 points were planned, 2 came\n");
	expect(OUT("1..1\nok 1 a\n1..1\n"),
	       "found pass a (main)\nstart main\nfail main: 2 plans were printed\n");
	expect(OUT("ok 1 a\n1..2\nok 2 b\n"),
	       "found pass a (main)\nfound pass b (main)\nstart main\n"
	       "fail main: the plan stands amid the points\n");
	expect(OUT("1..2\nok 2 a\nok 1 b\n"),
	       "found pass a (main)\nfound pass b (main)\nstart main\n"
	       "fail main: a point says it is number 2 where 1 was due\n");
	expect(OUT("1..5\n"), "start main\nfail main: 5 points were planned, 0 came\n");
}

static void test_skip_all(void **state)
{
	(void)state;
	expect(OUT("1..0 # SKIP no database\n"), "start main\nskip main: no database\n");
	expect(OUT("1..0 # Skipped: no database\n"), "start main\nskip main: no database\n");
	expect(OUT("1..0\n"), "start main\nskip main\n");
	expect(STR_LIT("1..0 # SKIP x\n"), (struct adapt_exit){ .code = 1 },
	       "start main\nfail main: exit code 1\n");
	expect(OUT("1..0 # SKIP x\nok 1\n"),
	       "found pass 1 (main)\nstart main\nfail main: 0 points were planned, 1 came\n");
}

static void test_directives(void **state)
{
	(void)state;
	expect(OUT("1..8\nok 1 a # SKIP why not\nnot ok 2 b # Todo later\n"
		   "ok 3 c # todo done early\n"
		   "ok 4 d \\# SKIP not a directive\nok 5 e # SKIPPED is another word\n"
		   "not ok 6 f # skip\n"
		   "ok 7 # SKIP\nok 8 g#1 # SKIP second sign\n"),
	       "found skip a (main): why not\nfound skip b (main): todo: later\n"
	       "found pass c (main): todo, yet it passes: done early\n"
	       "found pass d \\# SKIP not a directive (main)\n"
	       "found pass e # SKIPPED is another word (main)\nfound skip f (main)\n"
	       "found skip 7 (main)\n"
	       "found pass g#1 # SKIP second sign (main)\nstart main\npass main\n");
}

static void test_bail_out(void **state)
{
	(void)state;
	expect(OUT("1..3\nok 1 a\nBail out! no database\n"),
	       "found pass a (main)\nstart main\nfail main: Bail out! no database\n");
	expect(STR_LIT("ok 1 a\n    Bail out!\n"), (struct adapt_exit){ .code = 255 },
	       "found pass a (main)\nstart main\nfail main: Bail out! ; exit code 255\n");
}

static void test_yaml(void **state)
{
	(void)state;
	expect(OUT("TAP version 13\nnot ok 1 should be equal\n  ---\n    operator: equal\n"
		   "    expected: 1\n\n"
		   "    text: |-\n      ok 7 inside\n  ...\nok 2 b\n  ---\n  duration_ms: 1\n"
		   "  ...\n1..2\n"),
	       "found fail should be equal (main): operator: equal /     expected: 1 /  /     "
	       "text: |- / "
	       "      ok 7 inside\nfound pass b (main)\nstart main\n"
	       "fail main: 1 of 2 points failed: should be equal\n");
	/* a block that never ends is ended by what is not indented */
	expect(OUT("1..2\nnot ok 1 a\n  ---\n  x: 1\nok 2 b\n"),
	       "found fail a (main): x: 1\nfound pass b (main)\nstart main\n"
	       "fail main: 1 of 2 points failed: a\n");
}

static void test_subtests(void **state)
{
	(void)state;
	expect(OUT("TAP version 14\n1..2\n# Subtest: inner\n    1..2\n    ok 1 x\n"
		   "    not ok 2 y\n      ---\n      a: 1\n"
		   "      ...\nnot ok 1 - inner\n# Subtest: two\n    ok 1 - z\n    1..1\n"
		   "ok 2 - two\n"),
	       "found fail inner (main)\nfound pass two (main)\nstart main\n"
	       "fail main: 1 of 2 points failed: inner\n");
	expect(OUT("\tok 1 tab\n        ok 2 deep\n1..0\n"), "start main\nskip main\n");
}

static void test_names(void **state)
{
	(void)state;
	expect(OUT("1..9\nok 1 same\nok 2 same\nok 3 same#2\nok 4 same\n"
		   "ok 5 \033[32mgreen\033[0m %% \\n\n"
		   "ok 6 caf\xc3\xa9 \xff\xfe\0x\nok 7\nok 8 -\nok 9 - - dash\n"),
	       "found pass same (main)\nfound pass same#2 (main)\nfound pass same#2#2 (main)\n"
	       "found pass same#3 (main)\n"
	       "found pass green %% \\n (main)\n"
	       "found pass caf\xc3\xa9 \xef\xbf\xbd\xef\xbf\xbd x (main)\n"
	       "found pass 7 (main)\nfound pass 8 (main)\nfound pass - dash (main)\n"
	       "start main\npass main\n");
	/* node-tap puts a duration where a directive goes */
	expect(OUT("1..3\nok 1 - a # time=6.65ms\nok 2 # time=1s\nok 3 - b # time=s\n"),
	       "found pass a (main)\nfound pass 2 (main)\nfound pass b # time=s (main)\n"
	       "start main\npass main\n");
}

static void test_not_tap(void **state)
{
	(void)state;
	expect(OUT("okay then\nnot okay\nok_1\nnotok 1\n 1..3\n1..\n1..x\n"
		   "1..99999999999999999999999\n1..2 tests\n"
		   "OK 1\nok-ish\n1..1\n"),
	       "found pass -ish (main)\nstart main\npass main\n");
}

static void test_long_lines(void **state)
{
	(void)state;
	size_t flood = 200000;
	char *out = malloc(flood + 64);
	assert_non_null(out);
	memcpy(out, "1..2\nok 1 ", 10);
	memset(out + 10, 'n', flood);
	memcpy(out + 10 + flood, "\nok 2 b\n", 8);
	struct adapt_case one = { .name = STR_LIT("main") };
	struct adaptlog_run run = { .ops = &adapt_tap,
				    .program = adaptlog_program(),
				    .cases = &one,
				    .n = 1,
				    .out = { out, 10 + flood + 8 } };
	char *whole = adaptlog_feed(&run, SIZE_MAX), *split = adaptlog_feed(&run, 1001);
	assert_string_equal(whole, split);
	assert_non_null(strstr(whole, "\nfound pass b (main)\nstart main\npass main\n"));
	assert_in_range(strlen(whole), 4000, 4200);
	free(whole);
	free(split);
	free(out);
}

static void expect_command(const char *path, struct str content, const char *words)
{
	struct arena arena = { 0 };
	struct adapt_cases cases = { 0 };
	struct adapt_command command;
	struct err err;
	struct adapt_program program = *adaptlog_program();
	program.path = str_of(path);
	assert_int_equal(adapt_tap.list_command(&program, &arena, &command, &err), 0);
	assert_int_equal(adapt_tap.list_parse(&program, content, NULL, &arena, &cases, &err), 0);
	assert_int_equal(cases.len, 1);
	assert_true(str_eq(cases.items[0].name, STR_LIT("main")));
	assert_int_equal(adapt_tap.run_command(&program, cases.items, 1, &arena, &command, &err),
			 1);
	char *text = adaptlog_argv(&command);
	assert_string_equal(text, words);
	free(text);
	free(cases.items);
	arena_done(&arena);
}

static void test_commands(void **state)
{
	(void)state;
	expect_command("/t/a", STR_LIT("\177ELF\2\1\1"), "/t/a");
	expect_command("/t/a.t", STR_LIT("#!/usr/bin/perl -w\nuse Test::More;\n"),
		       "/usr/bin/perl|-w|/t/a.t");
	expect_command("/t/a", STR_LIT("#! /usr/bin/env  node --x y \r\n"),
		       "/usr/bin/env|node --x y|/t/a");
	expect_command("/t/a.t", STR_LIT("use Test::More;\n"), "perl|/t/a.t");
	expect_command("/t/a.js", STR_LIT("require('tape')\n"), "node|/t/a.js");
	expect_command("/t/a.sh", STR_LIT(""), "sh|/t/a.sh");
	expect_command("/t/a", STR_LIT("echo 1..0\n"), "/t/a");
	expect_command("/t/a", STR_LIT("#!\n"), "/t/a");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plan_first_and_last),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_plan_problems),
		cmocka_unit_test(test_skip_all),
		cmocka_unit_test(test_directives),
		cmocka_unit_test(test_bail_out),
		cmocka_unit_test(test_yaml),
		cmocka_unit_test(test_subtests),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_not_tap),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_commands),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
