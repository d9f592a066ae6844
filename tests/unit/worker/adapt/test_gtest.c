// SPDX-License-Identifier: Apache-2.0
/* test_gtest.c - GoogleTest's listings and output as recorded from 1.12, and what tests print to
 * mislead a reader. */
#include "tests/kit/adaptlog.h"
#include "worker/adapt/args.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct adapt_exit fine = { .code = 0 };

/* The cases called `names`, each its own detail, as the listing makes them. */
static size_t make_cases(struct adapt_case *cases, const char *const *names)
{
	size_t n = 0;
	for (; names[n]; n++)
		cases[n] = (struct adapt_case){ .name = str_of(names[n]),
						.detail = str_of(names[n]) };
	return n;
}

#define CASES(...)                                              \
	struct adapt_case cases[32];                            \
	const char *const case_names[] = { __VA_ARGS__, NULL }; \
	size_t n_cases = make_cases(cases, case_names)

static void expect(const struct adapt_case *cases, size_t n, struct str out, struct adapt_exit how,
		   const char *transcript)
{
	struct adaptlog_run run = { .ops = &adapt_gtest,
				    .program = adaptlog_program(),
				    .cases = cases,
				    .n = n,
				    .out = out,
				    .how = how };
	char *text = adaptlog_all(&run);
	assert_string_equal(text, transcript);
	free(text);
}

static const char listed[] =
	"Plain.Passes\nPlain.Fails\nPlain.Skips\nPlain.NoNewline\nPlain.LookAlike\n"
	"Plain.DISABLED_Off disabled\nPlain.Garbage\nDISABLED_Whole.One disabled\n"
	"Ty/0.Has\nTy/1.Has\nDeath.Dies\nCrash.Segv\nCrash.Exits\nCrash.Throws\n"
	"Last.Here\nS.A\nS.B\nInst/P.Val/0\nInst/P.Val/1\nInst/P.Val/2\n"
	"Named/P.Val/n_x\nNamed/P.Val/n_y\n";

static void test_list_text(void **state)
{
	(void)state;
	struct str out = adaptlog_fixture("gtest-list.txt");
	char *text = adaptlog_list(&adapt_gtest, adaptlog_program(), out, &fine);
	assert_string_equal(text, listed);
	free(text);
	free((char *)out.data);
}

static void test_list_json(void **state)
{
	(void)state;
	struct str json = adaptlog_fixture("gtest-list.json");
	struct adapt_exit how = { .result = json };
	char *text = adaptlog_list(&adapt_gtest, adaptlog_program(), STR_LIT("noise.\n  more\n"),
				   &how);
	assert_string_equal(text, listed);
	free(text);
	free((char *)json.data);
}

static void test_list_with_banner(void **state)
{
	(void)state;
	struct str out = STR_LIT(
		"Running main() from gmock_main.cc\nhello world\n  not a case\nA.\n  b\n"
		"  two words\n\n  c  # GetParam() = 4-byte object <01-00>\n");
	char *text = adaptlog_list(&adapt_gtest, adaptlog_program(), out, &fine);
	assert_string_equal(text, "A.b\nA.c\n");
	free(text);
}

static void expect_list_error(struct str out, struct adapt_exit how, const char *words)
{
	char *text = adaptlog_list(&adapt_gtest, adaptlog_program(), out, &how);
	assert_non_null(strstr(text, "error: cannot list /t/bin"));
	assert_non_null(strstr(text, words));
	free(text);
}

static void test_list_failures(void **state)
{
	(void)state;
	expect_list_error(STR_LIT("A.\n  b\n"),
			  (struct adapt_exit){ .code = 1, .errors = STR_LIT("boom\n") },
			  "exit code 1; it said: boom");
	expect_list_error(STR_LIT("A.\n"), (struct adapt_exit){ .signalled = true, .signal = 11 },
			  "signal 11");
	expect_list_error(STR_LIT(""), (struct adapt_exit){ .killed = true }, "in time");
	expect_list_error(STR_LIT("usage: bin FILE\n"), fine, "it said: usage: bin FILE");
	char *text = adaptlog_list(&adapt_gtest, adaptlog_program(), STR_LIT(""), &fine);
	assert_string_equal(text, "");
	free(text);
}

static void test_recorded_run(void **state)
{
	(void)state;
	CASES("Plain.Passes", "Plain.Fails", "Plain.Skips", "Plain.NoNewline", "Plain.LookAlike",
	      "Plain.Garbage", "Ty/0.Has", "Ty/1.Has", "Death.Dies", "Crash.Segv", "Last.Here",
	      "Inst/P.Val/1", "Named/P.Val/n_y");
	struct str out = adaptlog_fixture("gtest-run.txt");
	expect(cases, n_cases, out, (struct adapt_exit){ .code = 1 },
	       "start Plain.Passes\npass Plain.Passes\n"
	       "start Plain.Fails\nfail Plain.Fails: t.cc:7: Failure / Expected equality of "
	       "these values: / "
	       "  1 /   2 / sum is off / t.cc:7: Failure / Value of: false /   Actual: false / "
	       "Expected: true\n"
	       "start Plain.Skips\nskip Plain.Skips: t.cc:8: Skipped / no network here\n"
	       "start Plain.NoNewline\npass Plain.NoNewline\n"
	       "start Plain.LookAlike\npass Plain.LookAlike\n"
	       "start Plain.Garbage\npass Plain.Garbage\n"
	       "start Ty/0.Has\nfail Ty/0.Has: t.cc:21: Failure / "
	       "Expected: (sizeof(TypeParam)) > (4u), actual: 4 vs 4\n"
	       "start Ty/1.Has\npass Ty/1.Has\nstart Death.Dies\npass Death.Dies\n"
	       "start Crash.Segv\npass Crash.Segv\nstart Last.Here\npass Last.Here\n"
	       "start Inst/P.Val/1\nfail Inst/P.Val/1: t.cc:15: Failure / "
	       "Expected: (GetParam()) != (\"bad\\nvalue\"), actual: \"bad\\nvalue\" vs "
	       "\"bad\\nvalue\"\n"
	       "start Named/P.Val/n_y\npass Named/P.Val/n_y\n");
	free((char *)out.data);
}

static void test_durations(void **state)
{
	(void)state;
	CASES("A.b", "A.c");
	struct adaptlog_run run = {
		.ops = &adapt_gtest,
		.program = adaptlog_program(),
		.cases = cases,
		.n = n_cases,
		.out = STR_LIT(
			"[ RUN      ] A.b\n[       OK ] A.b (1234 ms)\n"
			"[ RUN      ] A.c\n[  FAILED  ] A.c, where GetParam() = (5 ms) (7 ms)\n"),
		.times = true
	};
	char *text = adaptlog_all(&run);
	assert_string_equal(text, "start A.b\npass A.b 1234000\nstart A.c\nfail A.c 7000\n");
	free(text);
}

/* Started and never ended: said nothing about, the worker blames it. */
static void test_crash(void **state)
{
	(void)state;
	CASES("Crash.Segv", "Crash.Exits", "S.A");
	struct str out = adaptlog_fixture("gtest-crash.txt");
	expect(cases, n_cases, out, (struct adapt_exit){ .signalled = true, .signal = 11 },
	       "start Crash.Segv\n");
	free((char *)out.data);
	out = adaptlog_fixture("gtest-exits.txt");
	expect(cases, n_cases, out, fine, "start Crash.Segv\npass Crash.Segv\nstart Crash.Exits\n");
	free((char *)out.data);
}

static void test_suite_setup_fails(void **state)
{
	(void)state;
	CASES("Crash.Segv", "S.A", "S.B");
	struct str out = adaptlog_fixture("gtest-suitefail.txt");
	expect(cases, n_cases, out, (struct adapt_exit){ .code = 1 },
	       "start Crash.Segv\npass Crash.Segv\nstart S.A\nskip S.A: t.cc:29: Skipped\n"
	       "start S.B\nskip S.B: t.cc:29: Skipped\n"
	       "found fail exit (S.B): the program ended with exit code 1 though no case failed: / "
	       "t.cc:28: Failure / Failed / suite broke\n");
	free((char *)out.data);
}

static void test_global_teardown_fails(void **state)
{
	(void)state;
	CASES("S.B");
	struct str out = adaptlog_fixture("gtest-tearfail.txt");
	expect(cases, n_cases, out, (struct adapt_exit){ .code = 1 },
	       "start S.B\npass S.B\n"
	       "found fail exit (S.B): the program ended with exit code 1 though no case "
	       "failed: / t.cc:27: Failure / Failed / teardown broke\n");
	free((char *)out.data);
}

static void test_leak_checker(void **state)
{
	(void)state;
	CASES("A.b");
	struct adapt_exit how = { .code = 23, .errors = STR_LIT("==1==ERROR: LeakSanitizer\n") };
	expect(cases, n_cases, STR_LIT("[ RUN      ] A.b\n[       OK ] A.b (0 ms)\n"), how,
	       "start A.b\npass A.b\n"
	       "found fail exit (A.b): the program ended with exit code 23 though no case failed "
	       "(23 is what the leak checker uses): / ==1==ERROR: LeakSanitizer\n");
}

/* The environment's set-up skips: no test starts, and the result file calls all of them completed.
 */
static void test_environment_skips(void **state)
{
	(void)state;
	CASES("S.A", "S.B");
	struct str out = adaptlog_fixture("gtest-envskip.txt"),
		   json = adaptlog_fixture("gtest-envskip.json");
	expect(cases, n_cases, out, (struct adapt_exit){ .result = json },
	       "start S.A\nskip S.A: t.cc:27: Skipped / env says no / env says no\n"
	       "start S.B\nskip S.B: t.cc:27: Skipped / env says no / env says no\n");
	free((char *)out.data);
	free((char *)json.data);
}

/* A test that closes or redirects standard output takes the markers with it; the result file has
 * the verdicts. */
static void test_lost_markers(void **state)
{
	(void)state;
	CASES("Plain.Passes", "Plain.Fails", "Plain.Skips", "Plain.DISABLED_Off", "Nobody.Knows");
	struct str json = adaptlog_fixture("gtest-run.json");
	expect(cases, n_cases, STR_LIT("[ RUN      ] Plain.Passes\n"),
	       (struct adapt_exit){ .code = 1, .result = json },
	       "start Plain.Passes\npass Plain.Passes\nstart Plain.Fails\n"
	       "fail Plain.Fails: t.cc:7 / "
	       "Expected equality of these values: /   1 /   2 / sum is off\n"
	       "start Plain.Skips\nskip Plain.Skips\n");
	free((char *)json.data);
}

static void test_misleading_output(void **state)
{
	(void)state;
	CASES("A.b", "A.bc", "A.z");
	/* other names' markers, prefixes, markers in idle output, a start amid a line, the summary
	 */
	expect(cases, n_cases,
	       STR_LIT("[       OK ] A.b (0 ms)\n[ RUN      ] A.b\nx [       OK ] A.bc (0 ms)\n"
		       "[ RUN      ] A.z\n[  FAILED  ] A.bx (1 ms)\n[       OK ] A.b(0 ms)\n"
		       "y[       OK ] A.q (0 ms)[       OK ] A.b (0 ms)\n  [ RUN      ] A.z\n"
		       "[ RUN      ] A.bc\n[  SKIPPED ] A.bc\n[ RUN      ] Other.case\n"
		       "[  FAILED  ] A.z (0 ms)\n"
		       "[  FAILED  ] Other.case (0 ms)\n[ RUN      ] A.z\n[       OK ] A.z (0 ms)\n"
		       "[  FAILED  ] A.z\n"),
	       fine, "start A.b\npass A.b\nstart A.bc\nskip A.bc\nstart A.z\npass A.z\n");
}

/* A test's message or output holds its own end; the framework's comes behind it. */
static void test_misleading_end(void **state)
{
	(void)state;
	CASES("A.b", "A.c", "A.d");
	expect(cases, n_cases,
	       STR_LIT("[ RUN      ] A.b\nt.cc:1: Skipped\none\n[       OK ] A.b (0 ms)\n\n"
		       "[  SKIPPED ] A.b (0 ms)\n[ RUN      ] A.c\n[  FAILED  ] A.c (0 ms)\n"
		       "[==========] 1 test ran.\n[       OK ] A.c (7 ms)\n"
		       "[----------] 2 tests from A (0 ms total)\n\n[  FAILED  ] A.c (0 ms)\n"
		       "[ RUN      ] A.d\n[       OK ] A.d (1 ms)\n"),
	       (struct adapt_exit){ .signalled = true, .signal = 11 },
	       "start A.b\nskip A.b: t.cc:1: Skipped / one\n"
	       "start A.c\npass A.c\nstart A.d\npass A.d\n");
}

/* A megabyte without a newline before the marker, and NUL and invalid bytes around it. */
static void test_long_line(void **state)
{
	(void)state;
	CASES("A.b");
	size_t flood = 300000;
	char *out = malloc(flood + 256);
	assert_non_null(out);
	size_t n = (size_t)snprintf(out, 64, "[ RUN      ] A.b\n");
	for (size_t i = 0; i < flood; i++)
		out[n++] = i % 997 == 0 ? '\0' : i % 13 == 0 ? '\xff' : '[';
	memcpy(out + n, "[       OK ] A.b (3 ms)\n", 24);
	struct adaptlog_run run = { .ops = &adapt_gtest,
				    .program = adaptlog_program(),
				    .cases = cases,
				    .n = n_cases,
				    .out = { out, n + 24 } };
	char *whole = adaptlog_feed(&run, SIZE_MAX), *split = adaptlog_feed(&run, 4093);
	assert_string_equal(whole, "start A.b\npass A.b\n");
	assert_string_equal(split, whole);
	free(whole);
	free(split);
	free(out);
}

static void test_commands(void **state)
{
	(void)state;
	CASES("A.b", "Inst/P.Val/0", "Odd.na-me*?:x");
	struct arena arena = { 0 };
	struct adapt_command command;
	struct err err;
	assert_int_equal(adapt_gtest.list_command(adaptlog_program(), &arena, &command, &err), 1);
	char *text = adaptlog_argv(&command);
	assert_string_equal(
		text,
		"/t/bin|--gtest_list_tests|--gtest_color=no|--gtest_output=json:/s/gtest.json");
	free(text);
	assert_int_equal(adapt_gtest.run_command(adaptlog_program(), cases, n_cases, &arena,
						 &command, &err),
			 3);
	text = adaptlog_argv(&command);
	assert_string_equal(text,
			    "/t/bin|--gtest_filter=A.b:Inst/P.Val/0:Odd.na?me???x|--gtest_color=no|"
			    "--gtest_print_time=1|--gtest_output=json:/s/gtest.json");
	assert_string_equal(command.result_file, "gtest.json");
	assert_string_equal(command.env[0], "GTEST_TOTAL_SHARDS");
	free(text);
	arena_done(&arena);
}

static void test_long_filter(void **state)
{
	(void)state;
	enum { N = 8000 };
	struct arena arena = { 0 };
	struct adapt_command command;
	struct err err;
	struct adapt_case *cases = calloc(N, sizeof(*cases));
	assert_non_null(cases);
	for (size_t i = 0; i < N; i++) {
		const char *name = arena_printf(&arena, "SomeSuite.SomeCaseWithALongName_%zu", i);
		cases[i] = (struct adapt_case){ .name = str_of(name), .detail = str_of(name) };
	}
	assert_int_equal(adapt_gtest.run_command(adaptlog_program(), cases, N, &arena, &command,
						 &err),
			 N);
	assert_int_equal(command.n_files, 1);
	assert_string_equal(command.files[0].name, "gtest.flags");
	assert_true(
		str_starts(command.files[0].content, STR_LIT("--gtest_filter=SomeSuite.SomeCase")));
	assert_true(str_ends(command.files[0].content, STR_LIT("_7999\n")));
	assert_string_equal(command.argv[1], "--gtest_flagfile=/s/gtest.flags");
	free(cases);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list_text),
		cmocka_unit_test(test_list_json),
		cmocka_unit_test(test_list_with_banner),
		cmocka_unit_test(test_list_failures),
		cmocka_unit_test(test_recorded_run),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_crash),
		cmocka_unit_test(test_suite_setup_fails),
		cmocka_unit_test(test_global_teardown_fails),
		cmocka_unit_test(test_leak_checker),
		cmocka_unit_test(test_environment_skips),
		cmocka_unit_test(test_lost_markers),
		cmocka_unit_test(test_misleading_output),
		cmocka_unit_test(test_misleading_end),
		cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_long_filter),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
