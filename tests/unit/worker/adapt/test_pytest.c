// SPDX-License-Identifier: Apache-2.0
/* test_pytest.c - what the plugin said of pytest 7.2, recorded, and lines that no plugin of ours
 * would write. */
#include "tests/kit/adaptlog.h"
#include "worker/adapt/pytest_plugin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct adapt_exit fine = { .code = 0 };

static struct adapt_program program_at(const char *path)
{
	struct adapt_program program = *adaptlog_program();
	program.path = str_of(path);
	return program;
}

static void test_listing_of_a_file(void **state)
{
	(void)state;
	struct adapt_program program = program_at("/w/test_all.py");
	struct str out = adaptlog_fixture("pytest-list.txt");
	char *text = adaptlog_list(&adapt_pytest, &program, out, &fine);
	const char *first = "test_pass detail=test_all.py::test_pass\t/w/test_all.py\t/w\t\t\n";
	assert_true(strncmp(text, first, strlen(first)) == 0);
	assert_non_null(strstr(
		text, "\ntest_param[c::d] detail=test_all.py::test_param[c::d]\t/w/test_all.py\t"));
	assert_non_null(
		strstr(text,
		       "\ntest_param[caf\\xe9] detail=test_all.py::test_param[caf\\\\xe9]\t"));
	assert_non_null(strstr(
		text,
		"\ntest_param[back\\\\slash] detail=test_all.py::test_param[back\\\\\\\\slash]\t"));
	assert_non_null(strstr(text, "\nU::test_sub detail=test_all.py::U::test_sub\t"));
	free(text);
	free((char *)out.data);
}

static void test_listing_of_a_folder(void **state)
{
	(void)state;
	struct adapt_program program = program_at("/w/sub/");
	char *text = adaptlog_list(
		&adapt_pytest, &program,
		STR_LIT("begin\t/w\t/w/tox.ini\t\n"
			"case\tsub/a/test_x.py::T::m\t/w/sub/a/test_x.py\t\n"
			"case\todd.txt\t/w/odd.txt\t\ncase\tsubx/t.py::y\t/w/subx/t.py\t\n"
			"case\tsub/a/test_x.py::T::m\t/w/sub/a/test_x.py\t\ndone\t\n"),
		&fine);
	assert_string_equal(
		text,
		"a/test_x.py::T::m detail=sub/a/test_x.py::T::m\t/w/sub/a/test_x.py\t/w\t/w/tox"
		".ini\t\n"
		"odd.txt detail=odd.txt\t/w/odd.txt\t/w\t/w/tox.ini\t\n"
		"subx/t.py::y detail=subx/t.py::y\t/w/subx/t.py\t/w\t/w/tox.ini\t\n"
		"a/test_x.py::T::m#2 "
		"detail=sub/a/test_x.py::T::m\t/w/sub/a/test_x.py\t/w\t/w/tox.ini\t\n");
	free(text);
}

static void expect_list(struct str out, struct adapt_exit how, const char *words)
{
	char *text = adaptlog_list(&adapt_pytest, adaptlog_program(), out, &how);
	if (!strstr(text, words))
		fail_msg("no \"%s\" in \"%s\"", words, text);
	free(text);
}

static void test_listing_failures(void **state)
{
	(void)state;
	struct str broken = adaptlog_fixture("pytest-broken.txt");
	expect_list(broken, (struct adapt_exit){ .code = 2 },
		    "error: cannot list /t/bin: broken_test.py: ImportError");
	expect_list(broken, (struct adapt_exit){ .code = 2 }, "No module named 'nosuchmodule'");
	free((char *)broken.data);
	expect_list(STR_LIT(""),
		    (struct adapt_exit){ .code = 1, .errors = STR_LIT("No module named pytest\n") },
		    "exit code 1; it said: No module named pytest");
	expect_list(STR_LIT(""), fine, "printed no list of pytest tests");
	expect_list(STR_LIT("begin\t/w\t\t\n"),
		    (struct adapt_exit){ .code = 4, .errors = STR_LIT("ERROR: not found") },
		    "exit code 4; it said: ERROR: not found");
	expect_list(STR_LIT("begin\t/w\t\t\ncase\tx\n"), fine,
		    "a line of the plugin cannot be read");
	char *text = adaptlog_list(&adapt_pytest, adaptlog_program(),
				   STR_LIT("begin\t/w\t\t\ndone\t\n"),
				   &(struct adapt_exit){ .code = 5 });
	assert_string_equal(text, "");
	free(text);
}

static size_t make_cases(struct adapt_case *cases, const char *const *details)
{
	size_t n = 0;
	for (; details[n]; n++) {
		struct str detail = str_of(details[n]);
		ptrdiff_t tab = str_find(detail, STR_LIT("\t"));
		cases[n] = (struct adapt_case){ .name = { detail.data, (size_t)tab },
						.detail = detail };
	}
	return n;
}

static void expect(const char *const *details, struct str report, struct adapt_exit how,
		   const char *transcript)
{
	struct adapt_case cases[16];
	struct adaptlog_run run = { .ops = &adapt_pytest,
				    .program = adaptlog_program(),
				    .cases = cases,
				    .n = make_cases(cases, details),
				    .out = STR_LIT("start\ta\t\nend\ta\tfail\t0\tnot here\t\n"),
				    .report = report,
				    .how = how };
	char *text = adaptlog_all(&run);
	assert_string_equal(text, transcript);
	free(text);
}

#define CASES(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void test_recorded_run(void **state)
{
	(void)state;
	struct str report = adaptlog_fixture("pytest-run.txt");
	expect(CASES("test_all.py::test_pass\t/f\t/w\t\t", "test_all.py::test_skip\t/f\t/w\t\t",
		     "test_all.py::test_xfail\t/f\t/w\t\t", "test_all.py::test_xpass\t/f\t/w\t\t",
		     "test_all.py::test_xpass_strict\t/f\t/w\t\t",
		     "test_all.py::test_param[new\\\\nline]\t/f\t/w\t\t",
		     "test_all.py::U::test_uskip\t/f\t/w\t\t"),
	       report, (struct adapt_exit){ .code = 1 },
	       "start test_all.py::test_pass\npass test_all.py::test_pass\n"
	       "start test_all.py::test_skip\nskip test_all.py::test_skip: no\tnetwork\n"
	       "start test_all.py::test_xfail\n"
	       "skip test_all.py::test_xfail: fails as expected: known bug\n"
	       "start test_all.py::test_xpass\n"
	       "pass test_all.py::test_xpass: passes, but a failure is expected: known bug\n"
	       "start test_all.py::test_xpass_strict\n"
	       "fail test_all.py::test_xpass_strict: [XPASS(strict)] strict one\n"
	       "start test_all.py::test_param[new\\\\nline]\n"
	       "pass test_all.py::test_param[new\\\\nline]\n"
	       "start test_all.py::U::test_uskip\nskip test_all.py::U::test_uskip: unit says\n");
	free((char *)report.data);
}

static void test_failure_message(void **state)
{
	(void)state;
	expect(CASES("a\t/f\t/w\t\t"),
	       STR_LIT("begin\t/w\t\t\nstart\ta\t\n"
		       "end\ta\tfail\t12\tfirst\\n\\ttabbed \\\\ slash\\0\xff\\n\t\n"),
	       (struct adapt_exit){ .code = 1 },
	       "start a\nfail a: first / \ttabbed \\ slash \xef\xbf\xbd\n");
}

static void test_crash(void **state)
{
	(void)state;
	struct str report = adaptlog_fixture("pytest-crash.txt");
	expect(CASES("test_all.py::test_fork\t/f\t/w\t\t", "test_all.py::test_crash\t/f\t/w\t\t",
		     "test_all.py::test_last\t/f\t/w\t\t"),
	       report, (struct adapt_exit){ .signalled = true, .signal = 6 },
	       "start test_all.py::test_fork\npass test_all.py::test_fork\n"
	       "start test_all.py::test_crash\n");
	free((char *)report.data);
}

static void test_broken_run(void **state)
{
	(void)state;
	expect(CASES("a\t/f\t/w\t\t", "b\t/f\t/w\t\t"),
	       STR_LIT("begin\t/w\t\t\nerror\tx.py\tno module\\nhere\t\n"),
	       (struct adapt_exit){ .code = 2 },
	       "start a\nerror a: pytest ended with exit code 2 before any test: x.py: no "
	       "module / here\n"
	       "start b\nerror b: pytest ended with exit code 2 before any test: x.py: no "
	       "module / here\n");
	expect(CASES("a\t/f\t/w\t\t"), STR_LIT(""),
	       (struct adapt_exit){ .code = 4, .errors = STR_LIT("usage: x\n") },
	       "start a\nerror a: pytest ended with exit code 4 before any test: usage: x\n");
	/* it had begun, or says that nothing matched: the worker reconciles */
	expect(CASES("a\t/f\t/w\t\t", "b\t/f\t/w\t\t"),
	       STR_LIT("start\ta\t\nend\ta\tpass\t1\t\t\n"), (struct adapt_exit){ .code = 2 },
	       "start a\npass a\n");
	expect(CASES("a\t/f\t/w\t\t"), STR_LIT("begin\t/w\t\t\n"), (struct adapt_exit){ .code = 5 },
	       "");
}

static void test_exit(void **state)
{
	(void)state;
	expect(CASES("a\t/f\t/w\t\t"), STR_LIT("start\ta\t\nend\ta\tpass\t1\t\t\n"),
	       (struct adapt_exit){ .code = 1, .errors = STR_LIT("coverage too low\n") },
	       "start a\npass a\nfound fail exit (a): the program ended with exit code 1 "
	       "though no case failed: / "
	       "coverage too low\n");
}

static void test_odd_lines(void **state)
{
	(void)state;
	expect(CASES("a\t/f\t/w\t\t", "b\t/f\t/w\t\t", "c\t/f\t/w\t\t"),
	       STR_LIT("\n\t\nend\nend\t\nend\ta\nend\ta\tpass\nend\ta\tbogus\t1\t\t\n"
		       "end\ta\ttimeout\t1\t\t\nstart\t\n"
		       "start\tzzz\t\nend\tzzz\tpass\t1\t\t\nend\ta\tpass\tx\t\t\n"
		       "end\tb\tfail\t1\tcut short\\\n"
		       "end\tc\tfail\t1\tbad \\q escape\t\nend\ta\tfail\t1\tagain\t"),
	       (struct adapt_exit){ .code = 1 },
	       "start a\npass a\nstart b\nfail b: cut short\nstart c\nfail c\n");
}

static void test_commands(void **state)
{
	(void)state;
	struct arena arena = { 0 };
	struct adapt_command command;
	struct err err = { 0 };
	struct adapt_case cases[4];
	struct adapt_program program = program_at("/w/test_a.py");
	assert_int_equal(adapt_pytest.list_command(&program, &arena, &command, &err), 1);
	char *text = adaptlog_argv(&command);
	assert_string_equal(
		text, "/bin/sh|-c|export PYTHONPATH=\"$1${PYTHONPATH:+:$PYTHONPATH}\"; shift; exec "
		      "\"$@\"|sh|/s|"
		      "python3|-m|pytest|-p|paddock_pytest|--color=no|-o|cache_dir=/s/pytest_cache|"
		      "--collect-only|-q|/w/test_a.py");
	assert_true(command.report_fd);
	assert_int_equal(command.n_files, 1);
	assert_string_equal(command.files[0].name, "paddock_pytest.py");
	free(text);
	size_t n = make_cases(cases, CASES("t.py::a[x\\ty]\t/w/t.py\t/w\t/w/tox.ini\t",
					   "t.py::b\t/w/t.py\t/w\t/w/tox.ini\t",
					   "u.py::c\t/w/u.py\t/w\t/w/tox.ini\t"));
	program.args = (const struct str[]){ STR_LIT("/usr/bin/python3.11"), STR_LIT("-m"),
					     STR_LIT("pytest") };
	program.n_args = 3;
	assert_int_equal(adapt_pytest.run_command(&program, cases, n, &arena, &command, &err), 3);
	text = adaptlog_argv(&command);
	assert_non_null(strstr(text, "|sh|/s|/usr/bin/python3.11|-m|pytest|-p|paddock_pytest|"));
	assert_non_null(strstr(text, "|--rootdir=/w|-c|/w/tox.ini|/w/t.py|/w/u.py"));
	assert_int_equal(command.n_files, 2);
	assert_string_equal(command.files[1].name, PYTEST_PLUGIN_IDS);
	assert_true(
		str_eq(command.files[1].content, STR_LIT("t.py::a[x\\ty]\nt.py::b\nu.py::c\n")));
	free(text);
	cases[0].detail = STR_LIT("no fields");
	assert_true(adapt_pytest.run_command(&program, cases, n, &arena, &command, &err) < 0);
	assert_non_null(strstr(err.text, "its listing cannot be read"));
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_listing_of_a_file),
		cmocka_unit_test(test_listing_of_a_folder),
		cmocka_unit_test(test_listing_failures),
		cmocka_unit_test(test_recorded_run),
		cmocka_unit_test(test_failure_message),
		cmocka_unit_test(test_crash),
		cmocka_unit_test(test_broken_run),
		cmocka_unit_test(test_exit),
		cmocka_unit_test(test_odd_lines),
		cmocka_unit_test(test_commands),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
