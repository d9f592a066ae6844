// SPDX-License-Identifier: Apache-2.0
/* test_list.c - files of commands: what is a case, what is refused, and what exit codes mean. */
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
	char *text = adaptlog_list(&adapt_list, adaptlog_program(), content, NULL);
	assert_string_equal(text, transcript);
	free(text);
}

static void test_lines(void **state)
{
	(void)state;
	expect_list(STR_LIT("# comment\n\n/bin/true\n  # more\nname\techo 'a b'\tc\r\n/bin/true\n"
			    "name\tfalse\n"
			    "  indented --x  \n\tno name\nlast"),
		    "/bin/true\nname detail=echo 'a b'\tc\n/bin/true#2 detail=/bin/true\n"
		    "name#2 detail=false\n"
		    "indented --x\nno name\nlast\n");
	expect_list(STR_LIT(""), "");
	expect_list(STR_LIT("\xef\xbb\xbf/bin/true\r\n"), "/bin/true\n");
	expect_list(STR_LIT("\n\n# nothing\n"), "");
}

static void test_names_are_cleaned(void **state)
{
	(void)state;
	expect_list(STR_LIT("\033[31mred\033[0m\x01 caf\xc3\xa9 \xff\ttrue\na#2\ttrue\na\ttrue\n"
			    "a\ttrue\n"),
		    "red  caf\xc3\xa9 \xef\xbf\xbd detail=true\na#2 detail=true\na detail=true\n"
		    "a#3 detail=true\n");
}

static void test_refused(void **state)
{
	(void)state;
	expect_list(STR_LIT("true\nbroken\t  \n"),
		    "error: cannot list /t/bin: line 2 names \"broken\" but has no command after "
		    "the tab");
	expect_list(
		STR_LIT("true\nx\0y\n"),
		"error: cannot list /t/bin: line 2 holds a NUL byte: is it a list of commands?");
}

static void test_long_command(void **state)
{
	(void)state;
	size_t size = 200 << 10;
	char *content = malloc(size);
	assert_non_null(content);
	memset(content, 'x', size);
	char *text = adaptlog_list(&adapt_list, adaptlog_program(), (struct str){ content, size },
				   NULL);
	assert_non_null(strstr(text, "error: cannot list /t/bin: case xxx"));
	free(text);
	text = adaptlog_list(&adapt_list, adaptlog_program(), (struct str){ content, 100 << 10 },
			     NULL);
	assert_int_equal(strchr(text, ' ') - text, 4096 - 32);
	free(text);
	free(content);
}

static void expect_run(struct adapt_exit how, const char *transcript)
{
	struct adapt_case one = { .name = STR_LIT("x"), .detail = STR_LIT("do it") };
	struct adaptlog_run run = { .ops = &adapt_list,
				    .program = adaptlog_program(),
				    .cases = &one,
				    .n = 1,
				    .out = STR_LIT("anything\n"),
				    .how = how };
	char *text = adaptlog_all(&run);
	assert_string_equal(text, transcript);
	free(text);
}

static void test_exit_codes(void **state)
{
	(void)state;
	expect_run((struct adapt_exit){ .code = 0 }, "start x\npass x\n");
	expect_run((struct adapt_exit){ .code = 3 }, "start x\nfail x: exit code 3\n");
	expect_run((struct adapt_exit){ .code = 77 }, "start x\nskip x: exit code 77 says skip\n");
	expect_run((struct adapt_exit){ .code = 99 },
		   "start x\nerror x: exit code 99 says that the test could not be set up\n");
	expect_run((struct adapt_exit){ .code = 139 },
		   "start x\nfail x: exit code 139, as a shell tells signal 11\n");
	expect_run((struct adapt_exit){ .code = 127 }, "start x\nfail x: exit code 127\n");
	expect_run((struct adapt_exit){ .code = 127,
					.errors = STR_LIT("sh: 1: nope: not found\n") },
		   "start x\nerror x: sh: 1: nope: not found\n");
	expect_run((struct adapt_exit){ .code = 126,
					.errors = STR_LIT("sh: 1: /x: Permission denied\n") },
		   "start x\nerror x: sh: 1: /x: Permission denied\n");
	/* crashes and kills are the worker's to judge */
	expect_run((struct adapt_exit){ .signalled = true, .signal = 6 }, "");
	expect_run((struct adapt_exit){ .killed = true }, "");
}

static void test_commands(void **state)
{
	(void)state;
	struct arena arena = { 0 };
	struct adapt_command command;
	struct err err;
	struct adapt_case one = { .name = STR_LIT("x"), .detail = STR_LIT("do it") };
	assert_true(adapt_list.process_per_case);
	assert_int_equal(adapt_list.list_command(adaptlog_program(), &arena, &command, &err), 0);
	assert_int_equal(adapt_list.run_command(adaptlog_program(), &one, 1, &arena, &command,
						&err),
			 1);
	char *text = adaptlog_argv(&command);
	assert_string_equal(text, "/bin/sh|-c|do it");
	free(text);
	arena_done(&arena);
}

/* Command words of its own: one case, whatever the file holds. */
static void test_plain_program(void **state)
{
	(void)state;
	struct arena arena = { 0 };
	struct adapt_command command;
	struct err err;
	struct adapt_case one = { .name = STR_LIT("main") };
	struct adapt_program program = *adaptlog_program();
	program.args = (const struct str[]){ STR_LIT("/t/bin"), STR_LIT("--quick run") };
	program.n_args = 2;
	char *text = adaptlog_list(&adapt_list, &program, STR_LIT("\177ELF\0\0"), NULL);
	assert_string_equal(text, "main\n");
	free(text);
	assert_int_equal(adapt_list.run_command(&program, &one, 1, &arena, &command, &err), 1);
	text = adaptlog_argv(&command);
	assert_string_equal(text, "/t/bin|--quick run");
	free(text);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),	      cmocka_unit_test(test_names_are_cleaned),
		cmocka_unit_test(test_refused),	      cmocka_unit_test(test_long_command),
		cmocka_unit_test(test_exit_codes),    cmocka_unit_test(test_commands),
		cmocka_unit_test(test_plain_program),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
