// SPDX-License-Identifier: Apache-2.0
/* test_ctest.c - the list of a build folder as CTest 3.25 prints it, its tests' commands, and
 * CTest's rules of judgement. */
#include "tests/kit/adaptlog.h"

#include <errno.h>
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
	struct str out = adaptlog_fixture("ctest-list.json");
	char *text = adaptlog_list(&adapt_ctest, adaptlog_program(), out, &fine);
	assert_string_equal(text, "plain detail=cwd=/b\targ=/bin/true\t\n"
				  "fails odd \"name\" timeout=12500000 tags=a,b "
				  "detail=cwd=/tmp\targ=/bin/sh\targ=-c\t"
				  "arg=echo 'hello world'; exit 3\tenv=A=1\tenv=B=x "
				  "y\tmod=PATH=path_list_prepend:/opt/bin\tmod=A=set:2\t"
				  "mod=C=unset:\twillfail=1\t\n"
				  "regex serial processors=2 locks=db,net after=plain "
				  "detail=cwd=/b\targ=/bin/echo\targ=all good\t"
				  "pass=g[o]+d\tpass=never\tfail=bad\tskip=skipme\tskipcode=4\t\n"
				  "missing detail=cwd=/b\t\n"
				  "needfile detail=cwd=/b\targ=/bin/true\tfile=/no/such/file\t\n"
				  "dis disabled detail=cwd=/b\targ=/bin/true\t\n"
				  "fsetup detail=cwd=/b\targ=/bin/true\t\n"
				  "freq needs=fsetup detail=cwd=/b\targ=/bin/true\t\n"
				  "fclean after=freq,fsetup detail=cwd=/b\targ=/bin/true\t\n"
				  "notbuilt_NOT_BUILT detail=cwd=/b\t\n"
				  "relative detail=cwd=/b\targ=/usr/bin/sh\targ=-c\targ=true\t\n"
				  "cost detail=cwd=/b\targ=/bin/true\tafter=ready\t"
				  "afterus=5000000\t\n"
				  "to0 detail=cwd=/b\targ=/bin/true\t\n");
	free(text);
	free((char *)out.data);
}

static void expect_list(struct str out, struct adapt_exit how, const char *transcript)
{
	char *text = adaptlog_list(&adapt_ctest, adaptlog_program(), out, &how);
	assert_string_equal(text, transcript);
	free(text);
}

static void test_odd_listings(void **state)
{
	(void)state;
	expect_list(STR_LIT("{\"tests\":[]}"), fine, "");
	expect_list(STR_LIT("a test file says hello\n"
			    "{\"tests\":[{\"name\":\"x\"},{\"name\":\"x\"},{}]}\nbye"),
		    fine, "x\nx#2\n3\n");
	expect_list(STR_LIT("{\"tests\":{}}"), fine, "");
	expect_list(
		STR_LIT("{\"tests\":[1,null,{\"name\":3,\"command\":\"x\",\"properties\":{}}]}"),
		fine, "1\n2\n3\n");
	char *text = adaptlog_list(&adapt_ctest, adaptlog_program(),
				   STR_LIT("No tests were found!!!\n"), &fine);
	assert_non_null(strstr(text, "printed no list of CTest tests"));
	free(text);
	text = adaptlog_list(&adapt_ctest, adaptlog_program(), STR_LIT("{\"tests\":[}"), &fine);
	assert_non_null(strstr(text, "what ctest printed is no JSON: line 1"));
	free(text);
	expect_list(STR_LIT(""),
		    (struct adapt_exit){ .code = 1, .errors = STR_LIT("CMake Error: parse\n") },
		    "error: cannot list /t/bin: it ended with exit code 1; it said: "
		    "CMake Error: parse");
}

static void expect_command(const char *detail, const char *words)
{
	struct arena arena = { 0 };
	struct adapt_command command;
	struct err err = { 0 };
	struct adapt_case one = { .name = STR_LIT("x"), .detail = str_of(detail), .timeout_us = 7 };
	char *text;
	if (adapt_ctest.run_command(adaptlog_program(), &one, 1, &arena, &command, &err) == 1) {
		assert_int_equal(command.timeout_us, 7);
		text = adaptlog_argv(&command);
		assert_string_equal(text, words);
		free(text);
	} else {
		assert_string_equal(err.text, words);
	}
	arena_done(&arena);
}

static void test_commands(void **state)
{
	(void)state;
	expect_command("cwd=/b\targ=/bin/echo\targ=a\\tb\t", "/bin/echo|a\tb");
	expect_command(
		"cwd=/b\t",
		"test x: ctest found no executable for its command when the build folder was "
		"listed; "
		"build it, then run again");
	expect_command(
		"arg=/bin/true\tfile=/a b\tfile=c\t",
		"/bin/sh|-c|[ -e \"$1\" ] || { echo \"required file is missing: $1\" >&2; exit "
		"125; }; shift; "
		"[ -e \"$1\" ] || { echo \"required file is missing: $1\" >&2; exit 125; }; shift; "
		"exec \"$@\"|sh|/a b|c|/bin/true");
	expect_command(
		"arg=t\tmod=P=path_list_prepend:/x:y\tmod=P=path_list_append:z\tmod=S=string_ap"
		"pend:q\t"
		"mod=U=unset:\tmod=L=cmake_list_append:1\tmod=V=set:v=w\t",
		"/bin/sh|-c|export P=\"$1${P:+:$P}\"; shift; export P=\"${P:+$P:}$1\"; shift; "
		"export S=\"$S$1\"; shift; unset U; export L=\"${L:+$L;}$1\"; shift; V=$1; "
		"export V; shift; "
		"exec \"$@\"|sh|/x:y|z|q|1|v=w|t");
	expect_command(
		"arg=t\tmod=A=set:1\tmod=B=set:2\tmod=A=reset:\tmod=A=string_append:3\t",
		"/bin/sh|-c|B=$1; export B; shift; export A=\"$A$1\"; shift; exec \"$@\"|sh|2|3|t");
	expect_command(
		"arg=t\tmod=A=nonsense:1\t",
		"test x: ENVIRONMENT_MODIFICATION \"A=nonsense:1\" is not NAME=OPERATION:VALUE "
		"with a known operation");
	expect_command(
		"arg=t\tmod=A;rm=set:1\t",
		"test x: ENVIRONMENT_MODIFICATION \"A;rm=set:1\" is not NAME=OPERATION:VALUE "
		"with a known operation");
	expect_command("garbage", "test x: its listing cannot be read");
}

static void test_environment(void **state)
{
	(void)state;
	struct arena arena = { 0 };
	struct adapt_command command;
	struct err err = { 0 };
	struct adapt_case one = { .name = STR_LIT("x"),
				  .detail = STR_LIT("cwd=/w\targ=t\tenv=A=1\tenv=B=x y\t") };
	assert_int_equal(adapt_ctest.run_command(adaptlog_program(), &one, 1, &arena, &command,
						 &err),
			 1);
	assert_string_equal(command.env[0], "A=1");
	assert_string_equal(command.env[1], "B=x y");
	assert_null(command.env[2]);
	assert_string_equal(command.cwd, "/w");
	assert_int_equal(adapt_ctest.list_command(adaptlog_program(), &arena, &command, &err), 1);
	char *text = adaptlog_argv(&command);
	assert_string_equal(text, "ctest|--show-only=json-v1");
	assert_string_equal(command.cwd, "/t/bin");
	free(text);
	arena_done(&arena);
}

static void expect(const char *detail, const char *out, int code, const char *verdict)
{
	struct adapt_case one = { .name = STR_LIT("x"), .detail = str_of(detail) };
	struct adaptlog_run run = { .ops = &adapt_ctest,
				    .program = adaptlog_program(),
				    .cases = &one,
				    .n = 1,
				    .out = str_of(out),
				    .err = STR_LIT("on the other stream\n"),
				    .how = { .code = code, .errors = str_of(out) } };
	char *text = adaptlog_all(&run);
	assert_true(strncmp(text, "start x\n", 8) == 0);
	assert_string_equal(text + 8, verdict);
	free(text);
}

static void test_exit_codes(void **state)
{
	(void)state;
	expect("arg=t\t", "", 0, "pass x\n");
	expect("arg=t\t", "", 77, "fail x: exit code 77\n");
	expect("arg=t\tskipcode=77\t", "", 77, "skip x: exit code 77 is its SKIP_RETURN_CODE\n");
	expect("arg=t\tskipcode=0\t", "", 0, "skip x: exit code 0 is its SKIP_RETURN_CODE\n");
	expect("arg=t\twillfail=1\t", "", 1, "pass x\n");
	expect("arg=t\twillfail=1\t", "", 0,
	       "fail x: it succeeded, but WILL_FAIL says that it must not\n");
	expect("arg=t\twillfail=1\tskipcode=3\t", "", 3,
	       "skip x: exit code 3 is its SKIP_RETURN_CODE\n");
}

static void test_expressions(void **state)
{
	(void)state;
	expect("arg=t\tpass=go+d\t", "all gooood", 5, "pass x\n");
	expect("arg=t\tpass=no\tpass=o.h.r str\t", "", 5, "pass x\n");
	expect("arg=t\tpass=^best$\tpass=x\t", "good", 0,
	       "fail x: the output does not match PASS_REGULAR_EXPRESSION ^best$ nor the others\n");
	expect("arg=t\tpass=good\tfail=o+d\t", "good", 0,
	       "fail x: the output matches FAIL_REGULAR_EXPRESSION o+d\n");
	expect("arg=t\tfail=bad\twillfail=1\t", "bad", 0, "pass x\n");
	expect("arg=t\tskip=later\tfail=later\t", "later", 1,
	       "skip x: the output matches SKIP_REGULAR_EXPRESSION later\n");
	expect("arg=t\tpass=[\t", "[", 0,
	       "fail x: the output does not match PASS_REGULAR_EXPRESSION [\n");
}

/* What is listed of TIMEOUT_AFTER_MATCH, beside TIMEOUT or not. */
static void test_after_match_listed(void **state)
{
	static const struct {
		const char *properties, *detail;
	} rows[] = {
		{ "{\"name\":\"TIMEOUT_AFTER_MATCH\",\"value\":{\"regex\":[\"a\",\"b\"],"
		  "\"timeout\":0.25}}",
		  "x detail=after=a\tafter=b\tafterus=250000\t\n" },
		{ "{\"name\":\"TIMEOUT_AFTER_MATCH\",\"value\":{\"regex\":[\"a\"],"
		  "\"timeout\":0.0}}",
		  "x detail=after=a\tafterus=0\t\n" },
		{ "{\"name\":\"TIMEOUT\",\"value\":2.0},"
		  "{\"name\":\"TIMEOUT_AFTER_MATCH\",\"value\":{\"regex\":[\"a\"],"
		  "\"timeout\":0.0}}",
		  "x timeout=2000000\n" },
		{ "{\"name\":\"TIMEOUT_AFTER_MATCH\",\"value\":{\"regex\":[\"a\"],"
		  "\"timeout\":-1.0}}",
		  "x detail=after=a\tafterus=1000000000000000\t\n" },
		{ "{\"name\":\"TIMEOUT_AFTER_MATCH\",\"value\":{\"timeout\":1.0}}", "x\n" },
		{ "{\"name\":\"TIMEOUT_AFTER_MATCH\",\"value\":[\"1\",\"a\"]}", "x\n" },
	};
	char text[512];
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text), "{\"tests\":[{\"name\":\"x\",\"properties\":[%s]}]}",
			 rows[i].properties);
		expect_list(str_of(text), fine, rows[i].detail);
	}
}

/* The transcript of a test killed by its limit. */
static void expect_limit(const char *patterns, const char *out, const char *err,
			 const char *transcript)
{
	char detail[256];
	snprintf(detail, sizeof(detail), "arg=t\t%safterus=7\t", patterns);
	struct adapt_case one = { .name = STR_LIT("x"), .detail = str_of(detail) };
	struct adaptlog_run run = { .ops = &adapt_ctest,
				    .program = adaptlog_program(),
				    .cases = &one,
				    .n = 1,
				    .out = str_of(out),
				    .err = str_of(err),
				    .how = { .killed = true } };
	char *text = adaptlog_all(&run);
	assert_string_equal(text, transcript);
	free(text);
}

/* As ctest 3.25 does on the same output. */
static void test_after_match(void **state)
{
	(void)state;
	expect_limit("after=ready\t", "get ready\n", "", "limit 7\n");
	expect_limit("after=ready\t", "", "ready\n", "limit 7\n");
	expect_limit("after=never\tafter=re[a]dy\t", "not yet\nready\nready\n", "", "limit 7\n");
	expect_limit("after=ready\t", "ready", "", "");
	expect_limit("after=ready\t", "steady\n", "", "");
	expect_limit("after=[;ready\t", "ready\n", "", "");
	expect_limit("after=one.two\t", "one\ntwo\n", "", "limit 7\n");
	expect_limit("after=^first\t", "first\nsecond\n", "", "limit 7\n");
	expect_limit("after=^second\t", "first\nsecond\n", "", "");
	expect_limit("after=ready$\t", "ready\n", "", "");
	expect_limit("after=ready.$\t", "ready\nmore\n", "", "limit 7\n");
	expect_limit("", "ready\n", "", "");
	expect_command("arg=t\tafter=ready\tafterus=7\t", "t");
	expect_command("arg=t\tafter=ready\tafterus=x\t", "test x: its listing cannot be read");
}

/* Behind a flood a match is seen still, and what stands there is not the beginning. */
static void test_after_match_behind_much_output(void **state)
{
	enum { LINES = 4096 };
	static const char line[] = "another line\n";
	size_t n = sizeof(line) - 1;
	char *out = malloc(LINES * n + 16);
	(void)state;
	assert_non_null(out);
	for (size_t i = 0; i < LINES; i++)
		memcpy(out + i * n, line, n);
	memcpy(out + LINES * n, "ready\n", 7);
	expect_limit("after=line.ready\t", out, "", "limit 7\n");
	expect_limit("after=^line|^$|^another line.ready\t", out, "", "");
	free(out);
}

static void test_required_files(void **state)
{
	(void)state;
	expect("arg=t\tfile=/a\t", "required file is missing: /a\n", 125,
	       "error x: required file is missing: /a\n");
	expect("arg=t\tfile=/a\t", "", 125, "fail x: exit code 125\n");
	expect("arg=t\t", "required file is missing: /a\n", 125, "fail x: exit code 125\n");
}

static void test_crash_is_not_ours(void **state)
{
	(void)state;
	struct adapt_case one = { .name = STR_LIT("x"), .detail = STR_LIT("arg=t\twillfail=1\t") };
	struct adaptlog_run run = { .ops = &adapt_ctest,
				    .program = adaptlog_program(),
				    .cases = &one,
				    .n = 1,
				    .how = { .signalled = true, .signal = 11 } };
	char *text = adaptlog_all(&run);
	assert_string_equal(text, "");
	free(text);
}

/* Ten megabytes: the first two and the last two are seen, memory stays there. */
static void test_window(void **state)
{
	(void)state;
	size_t size = 10 << 20;
	char *out = malloc(size + 1);
	assert_non_null(out);
	memset(out, '.', size);
	memcpy(out, "HEAD", 4);
	memcpy(out + size / 2, "MIDDLE", 6);
	memcpy(out + size - 4, "TAIL", 4);
	out[size] = '\0';
	const char *details[] = { "arg=t\tfail=HEAD\t", "arg=t\tfail=TAIL$\t",
				  "arg=t\tfail=MIDDLE\t" };
	for (size_t i = 0; i < 3; i++) {
		struct adapt_case one = { .name = STR_LIT("x"), .detail = str_of(details[i]) };
		struct adaptlog_run run = { .ops = &adapt_ctest,
					    .program = adaptlog_program(),
					    .cases = &one,
					    .n = 1,
					    .out = { out, size } };
		char *text = adaptlog_feed(&run, 65536);
		assert_int_equal(strncmp(text, "start x\nfail x", 14) == 0, i < 2);
		free(text);
	}
	free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_listing),
		cmocka_unit_test(test_odd_listings),
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_exit_codes),
		cmocka_unit_test(test_expressions),
		cmocka_unit_test(test_after_match_listed),
		cmocka_unit_test(test_after_match),
		cmocka_unit_test(test_after_match_behind_much_output),
		cmocka_unit_test(test_required_files),
		cmocka_unit_test(test_crash_is_not_ours),
		cmocka_unit_test(test_window),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
