// SPDX-License-Identifier: Apache-2.0
/* test_installed_tests.c - key files as packages ship them, and verdicts: the exit code first, then
 * TAP. */
#include "tests/kit/adaptlog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect_list(struct str content, const char *transcript)
{
	char *text = adaptlog_list(&adapt_installed_tests, adaptlog_program(), content, NULL);
	assert_string_equal(text, transcript);
	free(text);
}

static void test_key_file(void **state)
{
	(void)state;
	expect_list(STR_LIT("[Test]\nType=session\n"
			    "Exec=/usr/libexec/installed-tests/glib/strfuncs\nOutput=TAP\n"),
		    "main detail=tap\targ=/usr/libexec/installed-tests/glib/strfuncs\t\n");
	expect_list(STR_LIT("# comment\n[Other]\nExec=no\n\n[Test]\nExec[de]=nein\n"
			    " Type = session-exclusive \n"
			    "Exec = env A=b \"two words\" 'single \"q\"' back\\\\\\\\ "
			    "slash\\sblank ''\r\n[More]\nType=x\n"),
		    "main serial detail=exit\targ=env\targ=A=b\targ=two words\targ=single \"q\"\t"
		    "arg=back\\\\\targ=slash\targ=blank\targ=\t\n");
	expect_list(STR_LIT("[Test]\nType=session\nExec=x\nTestEnvironment=A=1;B=x\\;y;junk;\n"),
		    "main detail=exit\tenv=A=1\tenv=B=x;y\targ=x\t\n");
}

static void test_refused(void **state)
{
	(void)state;
	expect_list(STR_LIT("Exec=x\n"),
		    "error: cannot list /t/bin: it has no Exec= in a group [Test]");
	expect_list(
		STR_LIT("[Test]\nExec=x\n"),
		"error: cannot list /t/bin: it has no Type= in a group [Test]; say Type=session");
	expect_list(STR_LIT("[Test]\nType=weird\nExec=x\n"),
		    "error: cannot list /t/bin: its Type=weird is neither session nor "
		    "session-exclusive");
	expect_list(STR_LIT("[Test]\nType=session\nExec=sh -c 'open\n"),
		    "error: cannot list /t/bin: its Exec= has an open quote, no word or too many: "
		    "sh -c 'open");
	expect_list(STR_LIT("\0\xff"),
		    "error: cannot list /t/bin: it has no Exec= in a group [Test]");
}

static void test_command(void **state)
{
	(void)state;
	struct arena arena = { 0 };
	struct adapt_cases cases = { 0 };
	struct adapt_command command;
	struct err err;
	struct adapt_program program = *adaptlog_program();
	struct str content = STR_LIT(
		"[Test]\nType=session\nExec=env A=b sh -c \"echo\\\\t1..0\"\nOutput=TAP\n"
		"TestEnvironment=LC_ALL=C\n");
	assert_int_equal(adapt_installed_tests.list_parse(&program, content, NULL, &arena, &cases,
							  &err),
			 0);
	assert_int_equal(adapt_installed_tests.run_command(&program, cases.items, 1, &arena,
							   &command, &err),
			 1);
	char *text = adaptlog_argv(&command);
	assert_string_equal(text, "env|A=b|sh|-c|echo\\t1..0");
	assert_string_equal(command.env[0], "GIO_USE_VFS=local");
	assert_string_equal(command.env[1], "LC_ALL=C");
	assert_null(command.env[2]);
	assert_string_equal(command.cwd, "/s");
	program.cwd = STR_LIT("/elsewhere");
	assert_int_equal(adapt_installed_tests.run_command(&program, cases.items, 1, &arena,
							   &command, &err),
			 1);
	assert_null(command.cwd);
	free(text);
	free(cases.items);
	arena_done(&arena);
}

static void expect(const char *detail, struct str out, struct adapt_exit how,
		   const char *transcript)
{
	struct adapt_case one = { .name = STR_LIT("main"), .detail = str_of(detail) };
	struct adaptlog_run run = { .ops = &adapt_installed_tests,
				    .program = adaptlog_program(),
				    .cases = &one,
				    .n = 1,
				    .out = out,
				    .how = how };
	char *text = adaptlog_all(&run);
	assert_string_equal(text, transcript);
	free(text);
}

static const struct adapt_exit fine = { .code = 0 }, skip = { .code = 77 }, one = { .code = 1 };

static void test_exit_code_alone(void **state)
{
	(void)state;
	expect("exit\targ=x\t", STR_LIT("ok 1 a\n"), fine, "start main\npass main\n");
	expect("exit\targ=x\t", STR_LIT(""), skip,
	       "start main\nskip main: exit code 77 says skip\n");
	expect("exit\targ=x\t", STR_LIT(""), one, "start main\nfail main: exit code 1\n");
	expect("exit\targ=x\t", STR_LIT(""), (struct adapt_exit){ .signalled = true, .signal = 5 },
	       "");
	expect("exit\targ=x\t", STR_LIT(""), (struct adapt_exit){ .killed = true }, "");
}

static void test_tap(void **state)
{
	(void)state;
	const char *tap = "tap\targ=x\t";
	expect(tap, STR_LIT("1..2\nok 1 /a\n# Start of b tests\nok 2 /b/c # SKIP no\n"), fine,
	       "found pass /a (main)\nfound skip /b/c (main): no\nstart main\npass main\n");
	/* the native runner passes all of these, since they exit with 0 */
	expect(tap, STR_LIT("1..2\nnot ok 1 /a\n"), fine,
	       "found fail /a (main)\nstart main\n"
	       "fail main: 1 of 1 points failed: /a; 2 points were planned, 1 came\n");
	expect(tap, STR_LIT("1..2\nok 1 /a\n"), fine,
	       "found pass /a (main)\nstart main\nfail main: 2 points were planned, 1 came\n");
	expect(tap, STR_LIT("1..2\nok 1 /a\nBail out! no more\n"), fine,
	       "found pass /a (main)\nstart main\nfail main: Bail out! no more\n");
	expect(tap, STR_LIT("1..0 # SKIP too slow\n"), fine,
	       "start main\nskip main: skips all: too slow\n");
	expect(tap, STR_LIT("1..0 # SKIP too slow\n"), skip,
	       "start main\nskip main: skips all: too slow\n");
	/* promised TAP, printed none */
	expect(tap, STR_LIT("hello\n"), fine, "start main\npass main\n");
	expect(tap, STR_LIT("hello\n"), one, "start main\nfail main: exit code 1\n");
	expect(tap, STR_LIT("ok 1 # SKIP unreliable\n1..1\n"), skip,
	       "found skip 1 (main): unreliable\nstart main\nskip main: exit code 77 says skip\n");
	expect(tap, STR_LIT("1..1\nok 1 /a\n"), one,
	       "found pass /a (main)\nstart main\nfail main: exit code 1\n");
	expect(tap, STR_LIT("1..3\nok 1 /a\nBail out! ERROR:x.c:1: no\n"),
	       (struct adapt_exit){ .signalled = true, .signal = 6 }, "found pass /a (main)\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_key_file), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_command),	 cmocka_unit_test(test_exit_code_alone),
		cmocka_unit_test(test_tap),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
