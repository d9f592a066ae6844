// SPDX-License-Identifier: Apache-2.0
/* test_import.c - files as other runners really write them, and files nobody should believe. */
#include "coordinator/history/import.h"
#include "protocol/base/buf.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const prove_state =
	"---\ngeneration: 1\nlast_run_time: 1795404419.35619\ntests:\n  t/a.t:\n    elapsed:"
	" 0.09\n    gen: 1\n"
	"    last_result: 0\n    seq: 1\n  \"t/b c.t\":\n    elapsed: 0.07\n    last_result: 2\n "
	" t/never.t:\n    gen: 1\n"
	"version: 1\n...\n";
static const char *const ctest_costs =
	"ok 1 0.0025546\nhas space 2 0.5\nbad 3 0.25\nnope 0 0\n---\nbad\nnope\n";
static const char *const lit_times = "1.5e+00 sub/a.test\n-0.5 sub/b c.test\n\n";
static const char *const durations =
	"{\n  \"tests/test_a.py::TestX::test_y[a\\u00e9\\\"b]\": 0.25,\n "
	" \"tests/test_a.py::test_z\": 1e-3\n}\n";
static const char *const ctest_junit =
	"<?xml version=\"1.0\"?>\n<testsuite name=\"(empty)\" tests=\"3\">\n"
	"<testcase name=\"ok\" classname=\"ok\" time=\"0.25\""
	" status=\"run\"><system-out></system-out></testcase>\n"
	"<testcase name=\"bad\" classname=\"bad\" time=\"1,000.5\"><failure"
	" message=\"\"/></testcase>\n"
	"<testcase name=\"nope\" classname=\"nope\" time=\"0\"><skipped message=\"Unable to"
	" find\"/></testcase>\n"
	"</testsuite>\n";
static const char *const pytest_junit =
	"<testsuites><testsuite name=\"pytest\"><testcase classname=\"tests.test_a.TestX\""
	" name=\"test_y\""
	" file=\"tests/test_a.py\" line=\"1\" time=\"0.001\" /><testcase"
	" classname=\"tests.test_a\" name=\"test_z\""
	" file=\"tests/test_a.py\" time=\"0.002\"><error message=\"assert"
	" 0\">x</error></testcase></testsuite></testsuites>";
static const char *const gtest_junit =
	"<testsuites><testsuite name=\"Math\"><testcase name=\"Adds\" time=\"0.002\""
	" classname=\"Math\"/>"
	"</testsuite></testsuites>";
static const char *const our_junit =
	"<testsuites><testsuite name=\"unit::alpha\"><testcase name=\"A.b\""
	" classname=\"unit::alpha\" time=\"3\"/>"
	"</testsuite></testsuites>";

static int read_text(const char *text, enum import_format format, const char *program,
		     struct import *import, struct err *err)
{
	struct import_options options = { format, STR_LIT("suite"), str_of(program) };
	return import_bytes(import, "the file", str_of(text), &options, err);
}

/* Samples as "suite::program::name 123us[ failed]\n". */
static void check_text(const char *text, enum import_format format, const char *program,
		       const char *wanted)
{
	struct import import = { 0 };
	struct err err = { 0 };
	struct buf got;
	if (read_text(text, format, program, &import, &err) != 0)
		fail_msg("%s", err.text);
	buf_init(&got, 1 << 16);
	for (size_t i = 0; i < import.len; i++) {
		const struct store_sample *s = &import.items[i];
		assert_int_equal(buf_printf(&got, "%.*s::%.*s::%.*s %lluus%s\n", STR_ARG(s->suite),
					    STR_ARG(s->program), STR_ARG(s->name),
					    (unsigned long long)s->duration_us,
					    s->failed ? " failed" : ""),
				 0);
	}
	assert_string_equal(buf_text(&got), wanted);
	buf_done(&got);
	import_done(&import);
}

/* The right format, and the same when it is to be found out. */
static void check(const char *text, enum import_format format, const char *program,
		  const char *wanted)
{
	check_text(text, format, program, wanted);
	check_text(text, IMPORT_AUTO, program, wanted);
}

static void test_prove(void **state)
{
	(void)state;
	check(prove_state, IMPORT_PROVE, "",
	      "suite::t/a.t::main 90000us\nsuite::t/b c.t::main 70000us failed\n");
}

static void test_ctest(void **state)
{
	(void)state;
	check(ctest_costs, IMPORT_CTEST, "build",
	      "suite::build::ok 2555us\nsuite::build::has space 500000us\nsuite::build::bad"
	      " 250000us failed\n");
}

static void test_lit(void **state)
{
	(void)state;
	check(lit_times, IMPORT_LIT, "",
	      "suite::sub/a.test::main 1500000us\nsuite::sub/b c.test::main 500000us failed\n");
	check(lit_times, IMPORT_LIT, "p",
	      "suite::p::sub/a.test 1500000us\nsuite::p::sub/b c.test 500000us failed\n");
}

static void test_pytest_split(void **state)
{
	(void)state;
	check(durations, IMPORT_PYTEST_SPLIT, "",
	      "suite::tests/test_a.py::TestX::test_y[a\xc3\xa9\"b]"
	      " 250000us\nsuite::tests/test_a.py::test_z 1000us\n");
	check("{}", IMPORT_PYTEST_SPLIT, "", "");
}

static void test_junit_dialects(void **state)
{
	(void)state;
	check(ctest_junit, IMPORT_JUNIT, "build",
	      "suite::build::ok 250000us\nsuite::build::bad 1000500000us failed\n");
	check(pytest_junit, IMPORT_JUNIT, "",
	      "suite::tests/test_a.py::TestX::test_y 1000us\nsuite::tests/test_a.py::test_z"
	      " 2000us failed\n");
	check(gtest_junit, IMPORT_JUNIT, "math_test", "suite::math_test::Math.Adds 2000us\n");
	check(our_junit, IMPORT_JUNIT, "ignored", "unit::alpha::A.b 3000000us\n");
}

static void test_errors_name_the_line(void **state)
{
	static const struct {
		enum import_format format;
		const char *text, *words;
	} rows[] = {
		{ IMPORT_CTEST, "ok 1 0.1\nbroken\n", "line 2" },
		{ IMPORT_CTEST, "1 0.1\n", "no name" },
		{ IMPORT_CTEST, "x many 0.1\n", "count of runs" },
		{ IMPORT_CTEST, "x 1 nan\n", "cost" },
		{ IMPORT_LIT, "0.1 a\nb c\n", "line 2" },
		{ IMPORT_LIT, "0.1\n", "no path" },
		{ IMPORT_PROVE, "tests:\n  a:\n    elapsed: soon\n", "line 3" },
		{ IMPORT_PROVE, "nothing: 1\n", "no state of prove" },
		{ IMPORT_PYTEST_SPLIT, "{\n\"a::b\": 1,\n\"c\": 2}", "line 3" },
		{ IMPORT_PYTEST_SPLIT, "{\"a::b\": }", "number of seconds" },
		{ IMPORT_PYTEST_SPLIT, "{\"a::b\": -1}", "number of seconds" },
		{ IMPORT_PYTEST_SPLIT, "{\"a::\\q\": 1}", "bad escape" },
		{ IMPORT_PYTEST_SPLIT, "{\"a::b", "does not end" },
		{ IMPORT_PYTEST_SPLIT, "{\"a::b\": 1} x", "more behind" },
		{ IMPORT_PYTEST_SPLIT, "{\"a::b\": 1 \"c::d\": 2}", "comma" },
		{ IMPORT_PYTEST_SPLIT, "[]", "object" },
		{ IMPORT_JUNIT, "<testsuite>\n<testcase name=\"a\" time=\"1\">\n</testsuite>",
		  "line 3" },
		{ IMPORT_JUNIT, "<html>\n</html>", "no JUnit" },
		{ IMPORT_JUNIT, "", "line 1" },
		{ IMPORT_AUTO, "what is this\n", "--format" },
		{ IMPORT_AUTO, "", "--format" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct import import = { 0 };
		struct err err = { 0 };
		assert_int_equal(read_text(rows[i].text, rows[i].format, "", &import, &err),
				 -EPROTO);
		if (!strstr(err.text, rows[i].words) || !strstr(err.text, "the file"))
			fail_msg("row %zu: '%s' does not say '%s'", i, err.text, rows[i].words);
		import_done(&import);
	}
}

static void test_entities_are_not_expanded_and_nothing_is_loaded(void **state)
{
	static const char *const text =
		"<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>"
		"<testsuite name=\"s\"><testcase name=\"&e;\" time=\"1\"/></testsuite>";
	struct import import = { 0 };
	struct err err = { 0 };
	(void)state;
	int r = read_text(text, IMPORT_JUNIT, "", &import, &err);
	for (size_t i = 0; i < import.len; i++)
		assert_int_equal(str_find(import.items[i].name, STR_LIT("root:")), -1);
	assert_true(r == -EPROTO || import.len <= 1);
	import_done(&import);
}

static void test_long_names_are_refused(void **state)
{
	struct import import = { 0 };
	struct err err = { 0 };
	char *text = malloc(20000);
	(void)state;
	memset(text, 'x', 20000);
	memcpy(text + 19990, " 1 1.0\n", 8);
	assert_int_equal(read_text(text, IMPORT_CTEST, "", &import, &err), -EPROTO);
	assert_non_null(strstr(err.text, "too long"));
	free(text);
	import_done(&import);
}

static void test_a_file_that_cannot_be_read_is_named(void **state)
{
	struct import import = { 0 };
	struct err err = { 0 };
	struct import_options options = { IMPORT_AUTO, STR_LIT("s"), STR_LIT("") };
	(void)state;
	assert_int_equal(import_file(&import, "/nonexistent/x.xml", &options, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nonexistent/x.xml"));
	import_done(&import);
}

static void test_formats_have_names(void **state)
{
	(void)state;
	for (int i = 0; i < IMPORT_FORMAT_MAX; i++)
		assert_int_equal(import_format_parse(
					 str_of(import_format_name((enum import_format)i))),
				 i);
	assert_null(import_format_name(IMPORT_FORMAT_MAX));
	assert_int_equal(import_format_parse(STR_LIT("xunit")), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prove),
		cmocka_unit_test(test_ctest),
		cmocka_unit_test(test_lit),
		cmocka_unit_test(test_pytest_split),
		cmocka_unit_test(test_junit_dialects),
		cmocka_unit_test(test_errors_name_the_line),
		cmocka_unit_test(test_entities_are_not_expanded_and_nothing_is_loaded),
		cmocka_unit_test(test_long_names_are_refused),
		cmocka_unit_test(test_a_file_that_cannot_be_read_is_named),
		cmocka_unit_test(test_formats_have_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
