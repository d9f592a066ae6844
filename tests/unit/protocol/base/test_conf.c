// SPDX-License-Identifier: Apache-2.0
/* test_conf.c - the option engine, on a table of its own: spellings, sources, errors, texts. */
#include "protocol/base/conf.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum {
	JOBS,
	VERBOSE,
	COLOR,
	WAIT,
	SIZE,
	TAGS,
	SHUFFLE,
	NAME,
	SERVE_ONLY,
	NO_TESTS,
	FAST,
	SECRET,
	N_OPTIONS
};

static const struct conf_option options[N_OPTIONS] = {
	[JOBS] = { .name = "jobs",
		   .verbs = 3,
		   .type = CONF_U64,
		   .letter = 'j',
		   .metavar = "N",
		   .min = 1,
		   .max = 64,
		   .fallback = "2",
		   .group = "Running",
		   .help = "How many at once." },
	[VERBOSE] = { .name = "verbose",
		      .verbs = 3,
		      .type = CONF_FLAG,
		      .letter = 'v',
		      .group = "Display",
		      .help = "Say more." },
	[COLOR] = { .name = "color",
		    .verbs = 1,
		    .type = CONF_ENUM,
		    .choices = "auto|always|never",
		    .fallback = "auto",
		    .group = "Display",
		    .help = "Colours." },
	[WAIT] = { .name = "wait",
		   .verbs = 1,
		   .type = CONF_DURATION,
		   .metavar = "DURATION",
		   .max = 60000000,
		   .group = "Running",
		   .help = "How long to wait, in a sentence that is long enough to be wrapped when "
			   "it is shown." },
	[SIZE] = { .name = "size",
		   .verbs = 1,
		   .type = CONF_SIZE,
		   .metavar = "SIZE",
		   .group = "Running",
		   .help = "A size." },
	[TAGS] = { .name = "tag",
		   .verbs = 1,
		   .type = CONF_LIST,
		   .letter = 't',
		   .metavar = "K=V",
		   .group = "Running",
		   .help = "Tags." },
	[SHUFFLE] = { .name = "shuffle",
		      .verbs = 1,
		      .type = CONF_U64,
		      .metavar = "SEED",
		      .implied = "0",
		      .group = "Running",
		      .help = "Shuffle." },
	[NAME] = { .name = "name",
		   .verbs = 1,
		   .type = CONF_STRING,
		   .letter = 'n',
		   .metavar = "FILE",
		   .group = "Running",
		   .help = "It's .a 'name' with \\ in it." },
	[SERVE_ONLY] = { .name = "listen",
			 .verbs = 2,
			 .type = CONF_LIST,
			 .metavar = "URL",
			 .group = "Server",
			 .help = "Listen." },
	[NO_TESTS] = { .name = "no-tests",
		       .verbs = 1,
		       .type = CONF_ENUM,
		       .choices = "fail|pass",
		       .fallback = "fail",
		       .group = "Running",
		       .help = "None." },
	[FAST] = { .name = "fast",
		   .verbs = 1,
		   .type = CONF_FLAG,
		   .fallback = "true",
		   .group = "Running",
		   .help = "Fast." },
	[SECRET] = { .name = "secret",
		     .verbs = 1,
		     .type = CONF_FLAG,
		     .group = "Running",
		     .help = "Hidden.",
		     .hidden = true,
		     .flag_only = true },
};

static const struct conf_verb verbs[] = {
	{ .name = "run",
	  .operands = "[SUITE...]",
	  .rest = "WORD...",
	  .summary = "run suites",
	  .about = "One paragraph.\n\n  kept  as it is\nAnother." },
	{ .name = "serve", .summary = "serve" },
	{ .name = "show",
	  .operands = "WHAT",
	  .min_operands = 1,
	  .max_operands = 1,
	  .summary = "show one" },
};

static const struct conf_table table = {
	.program = "prog",
	.summary = "a program",
	.about = "About it.",
	.prefix = "PROG_",
	.file = "prog.yaml",
	.verbs = verbs,
	.n_verbs = 3,
	.options = options,
	.n_options = N_OPTIONS,
};

#define PARSE(conf, err, ...)                                                     \
	conf_parse_args(conf, sizeof((char *[]){ __VA_ARGS__ }) / sizeof(char *), \
			(char *[]){ __VA_ARGS__ }, err)

static void test_defaults(void **state)
{
	(void)state;
	struct conf *conf = conf_new(&table, 0);
	assert_int_equal(conf_u64(conf, JOBS), 2);
	assert_int_equal(conf_source(conf, JOBS), CONF_SOURCE_DEFAULT);
	assert_false(conf_is_set(conf, JOBS));
	assert_string_equal(conf_text(conf, COLOR), "auto");
	assert_true(conf_flag(conf, FAST));
	assert_false(conf_flag(conf, VERBOSE));
	assert_null(conf_text(conf, NAME));
	assert_int_equal(conf_source(conf, NAME), CONF_SOURCE_NONE);
	conf_free(conf);
	conf_free(NULL);
}

static void test_every_spelling(void **state)
{
	(void)state;
	struct conf *conf = conf_new(&table, 0);
	assert_int_equal(PARSE(conf, NULL, "--jobs=3", "suite", "--color", "never", "-vtone", "-t",
			       "two", "-n=x", "--no-fast", "--wait", "1.5s", "--size=2K",
			       "--no-tests", "pass", "-", "--", "-j4", "--"),
			 0);
	assert_int_equal(conf_u64(conf, JOBS), 3);
	assert_int_equal(conf_choice(conf, COLOR), 2);
	assert_true(conf_flag(conf, VERBOSE));
	assert_string_equal(conf_text(conf, NAME), "x");
	assert_false(conf_flag(conf, FAST));
	assert_int_equal(conf_u64(conf, WAIT), 1500000);
	assert_int_equal(conf_u64(conf, SIZE), 2048);
	assert_int_equal(conf_choice(conf, NO_TESTS), 1);
	size_t n;
	const char *const *tags = conf_list(conf, TAGS, &n);
	assert_int_equal(n, 2);
	assert_string_equal(tags[0], "one");
	assert_string_equal(tags[1], "two");
	const char *const *operands = conf_operands(conf, &n);
	assert_int_equal(n, 2);
	assert_string_equal(operands[0], "suite");
	assert_string_equal(operands[1], "-");
	const char *const *rest = conf_rest(conf, &n);
	assert_int_equal(n, 2);
	assert_string_equal(rest[0], "-j4");
	assert_string_equal(rest[1], "--");
	conf_free(conf);
}

static void test_optional_value(void **state)
{
	(void)state;
	struct conf *conf = conf_new(&table, 0);
	assert_false(conf_is_set(conf, SHUFFLE));
	assert_int_equal(PARSE(conf, NULL, "--shuffle", "42"), 0);
	assert_true(conf_is_set(conf, SHUFFLE));
	assert_int_equal(conf_u64(conf, SHUFFLE), 0);
	size_t n;
	assert_string_equal(conf_operands(conf, &n)[0], "42");
	assert_int_equal(PARSE(conf, NULL, "--shuffle=42"), 0);
	assert_int_equal(conf_u64(conf, SHUFFLE), 42);
	conf_free(conf);
}

static void test_stronger_source_wins_in_any_order(void **state)
{
	(void)state;
	struct conf *conf = conf_new(&table, 0);
	assert_int_equal(PARSE(conf, NULL, "-j8", "--tag", "flag"), 0);
	assert_int_equal(conf_set(conf, JOBS, CONF_SOURCE_FILE, "prog.yaml: jobs", str_of("4"),
				  NULL),
			 0);
	assert_int_equal(conf_set(conf, COLOR, CONF_SOURCE_FILE, "prog.yaml: color",
				  str_of("always"), NULL),
			 0);
	assert_int_equal(conf_set(conf, TAGS, CONF_SOURCE_FILE, "prog.yaml: tag", str_of("file"),
				  NULL),
			 0);
	char *env[] = { "PROG_JOBS=5",	      "PROG_COLOR=never", "PROG_NAME=",
			"PROG_NO_TESTS=pass", "PROG_JOBSX=1",	  NULL };
	assert_int_equal(conf_parse_env(conf, env, NULL), 0);
	assert_int_equal(conf_u64(conf, JOBS), 8);
	assert_int_equal(conf_choice(conf, COLOR), 2);
	assert_int_equal(conf_source(conf, COLOR), CONF_SOURCE_ENVIRONMENT);
	assert_int_equal(conf_choice(conf, NO_TESTS), 1);
	assert_null(conf_text(conf, NAME));
	size_t n;
	assert_string_equal(conf_list(conf, TAGS, &n)[0], "flag");
	assert_int_equal(n, 1);
	assert_int_equal(conf_set(conf, COLOR, CONF_SOURCE_PROFILE, "profile", str_of("auto"),
				  NULL),
			 0);
	assert_int_equal(conf_choice(conf, COLOR), 2);
	conf_free(conf);
}

static void test_stronger_list_replaces(void **state)
{
	(void)state;
	struct conf *conf = conf_new(&table, 0);
	size_t n;
	assert_int_equal(conf_set(conf, TAGS, CONF_SOURCE_FILE, "f", str_of("a"), NULL), 0);
	assert_int_equal(conf_set(conf, TAGS, CONF_SOURCE_FILE, "f", str_of("b"), NULL), 0);
	conf_list(conf, TAGS, &n);
	assert_int_equal(n, 2);
	assert_int_equal(conf_set(conf, TAGS, CONF_SOURCE_PROFILE, "p", str_of("c"), NULL), 0);
	assert_string_equal(conf_list(conf, TAGS, &n)[0], "c");
	assert_int_equal(n, 1);
	conf_free(conf);
}

/* The words given to `run` must be refused with a text that holds `part`. */
static void refused(char *const *words, size_t n, const char *part)
{
	struct err err = { 0 };
	struct conf *conf = conf_new(&table, 0);
	assert_int_equal(conf_parse_args(conf, n, words, &err), -EINVAL);
	if (!strstr(err.text, part))
		fail_msg("\"%s\" does not say \"%s\"", err.text, part);
	conf_free(conf);
}

#define REFUSED(part, ...) \
	refused((char *[]){ __VA_ARGS__ }, sizeof((char *[]){ __VA_ARGS__ }) / sizeof(char *), part)

static void test_errors_name_option_value_and_range(void **state)
{
	(void)state;
	REFUSED("--jobs: 65 is out of range; allowed is from 1 to 64", "--jobs=65");
	REFUSED("-j: \"x\" is not a whole number; allowed is from 1 to 64", "-jx");
	REFUSED("--jobs: \"-1\" is not a whole number", "--jobs", "-1");
	REFUSED("-j: 18446744073709551616 is out of range", "-j18446744073709551616");
	REFUSED("--jobs: needs a value: --jobs N", "--jobs");
	REFUSED("--color: \"red\" is not one of auto|always|never", "--color=red");
	REFUSED("--wait: \"soon\" is not a duration", "--wait=soon");
	REFUSED("--wait: 2m is out of range", "--wait=2m");
	REFUSED("--size: \"1X\" is not a size", "--size=1X");
	REFUSED("--fast: \"maybe\" is neither true nor false", "--fast=maybe");
	REFUSED("--no-fast takes no value", "--no-fast=1");
}

static void test_unknown_options_suggest(void **state)
{
	(void)state;
	REFUSED("--jbos: no such option; did you mean --jobs?", "--jbos=3");
	REFUSED("did you mean --verbose?", "--verb");
	REFUSED("--zzzzzz: no such option; prog run --help lists them", "--zzzzzz");
	REFUSED("--listen: prog run has no such option, though other verbs do", "--listen", "x");
	REFUSED("-x: no such option", "-vx");
	REFUSED("--no-jobs: no such option", "--no-jobs");
	REFUSED("no such option", "--=3");
}

static void test_operands_are_counted(void **state)
{
	(void)state;
	struct err err = { 0 };
	struct conf *conf = conf_new(&table, 2);
	assert_int_equal(conf_finish(conf, &err), -EINVAL);
	assert_non_null(strstr(err.text, "WHAT is missing; see prog show --help"));
	assert_int_equal(PARSE(conf, &err, "a", "--", "-b"), 0);
	assert_int_equal(conf_finish(conf, &err), -EINVAL);
	assert_non_null(strstr(err.text, "\"-b\" is one too many"));
	conf_free(conf);
	conf = conf_new(&table, 1);
	assert_int_equal(PARSE(conf, &err, "a"), -EINVAL);
	assert_non_null(strstr(err.text, "\"a\" is too much"));
	assert_int_equal(conf_finish(conf, &err), 0);
	conf_free(conf);
}

static void test_values_are_checked_wherever_they_come_from(void **state)
{
	(void)state;
	struct err err = { 0 };
	struct conf *conf = conf_new(&table, 0);
	char *env[] = { "PROG_JOBS=many", NULL };
	assert_int_equal(conf_parse_env(conf, env, &err), -EINVAL);
	assert_non_null(strstr(err.text, "PROG_JOBS: \"many\" is not a whole number"));
	assert_int_equal(PARSE(conf, &err, "-j3"), 0);
	assert_int_equal(conf_set(conf, JOBS, CONF_SOURCE_FILE, "prog.yaml:3: jobs", str_of("0"),
				  &err),
			 -EINVAL);
	assert_string_equal(err.text,
			    "prog.yaml:3: jobs: 0 is out of range; allowed is from 1 to 64");
	struct str nul = { "a\0b", 3 };
	assert_int_equal(conf_set(conf, NAME, CONF_SOURCE_FILE, "f", nul, &err), -EINVAL);
	conf_free(conf);
}

static void test_lists_have_a_cap(void **state)
{
	(void)state;
	struct err err = { 0 };
	struct conf *conf = conf_new(&table, 0);
	for (int i = 0; i < CONF_LIST_MAX; i++)
		assert_int_equal(conf_set(conf, TAGS, CONF_SOURCE_FLAG, "--tag", str_of("x"), &err),
				 0);
	assert_int_equal(conf_set(conf, TAGS, CONF_SOURCE_FLAG, "--tag", str_of("x"), &err),
			 -EINVAL);
	conf_free(conf);
}

static void test_help_is_asked_for(void **state)
{
	(void)state;
	struct conf *conf = conf_new(&table, 0);
	assert_false(conf_wants_help(conf));
	assert_int_equal(PARSE(conf, NULL, "-vh"), 0);
	assert_true(conf_wants_help(conf));
	conf_free(conf);
}

static void test_help_text(void **state)
{
	(void)state;
	struct buf buf;
	buf_init(&buf, CONF_TEXT_MAX_BYTES);
	assert_int_equal(conf_help(&table, 0, &buf), 0);
	const char *text = buf_text(&buf);
	assert_non_null(strstr(text, "usage: prog run [OPTION...] [SUITE...] [-- WORD...]\n"));
	assert_non_null(strstr(text, "  -j, --jobs N            How many at once. [default: 2]\n"));
	assert_non_null(strstr(text, "      --shuffle[=SEED]"));
	assert_non_null(strstr(text, "      --no-fast"));
	assert_non_null(strstr(text, "  kept  as it is\n"));
	assert_null(strstr(text, "--listen"));
	assert_null(strstr(text, "--secret"));
	struct str rest = buf_str(&buf), line;
	while (str_line(&rest, &line))
		assert_in_range(line.len, 0, 80);
	buf_clear(&buf);
	assert_int_equal(conf_help(&table, table.n_verbs, &buf), 0);
	assert_non_null(strstr(buf_text(&buf), "  serve      serve\n"));
	buf_done(&buf);
}

static void test_man_page_escapes(void **state)
{
	(void)state;
	struct buf buf;
	buf_init(&buf, CONF_TEXT_MAX_BYTES);
	assert_int_equal(conf_man(&table, 0, &buf), 0);
	const char *text = buf_text(&buf);
	assert_non_null(strstr(text, ".TH PROG\\-RUN 1"));
	assert_non_null(strstr(text, "prog\\-run \\- run suites\n"));
	assert_non_null(strstr(text, "It's .a 'name' with \\e in it.\n"));
	assert_non_null(strstr(text, "Variable: PROG_NO_TESTS.\n"));
	assert_null(strstr(text, "secret"));
	struct buf small;
	buf_init(&small, 64);
	assert_int_equal(conf_man(&table, 0, &small), -ENOBUFS);
	buf_done(&small);
	buf_done(&buf);
}

static void test_completions_name_every_option(void **state)
{
	(void)state;
	for (int shell = 0; shell < CONF_SHELL_MAX; shell++) {
		struct buf buf;
		buf_init(&buf, CONF_TEXT_MAX_BYTES);
		assert_int_equal(conf_complete(&table, (enum conf_shell)shell, &buf), 0);
		for (size_t i = 0; i < N_OPTIONS; i++)
			if (!options[i].hidden)
				assert_non_null(strstr(buf_text(&buf), options[i].name));
		assert_null(strstr(buf_text(&buf), "secret"));
		buf_done(&buf);
	}
}

static void test_nearest(void **state)
{
	(void)state;
	static const char *const names[] = { "suites", "profiles", "overrides" };
	assert_string_equal(conf_nearest(str_of("suite"), names, 3), "suites");
	assert_string_equal(conf_nearest(str_of("porfiles"), names, 3), "profiles");
	assert_string_equal(conf_nearest(str_of("over"), names, 3), "overrides");
	assert_null(conf_nearest(str_of("xyz"), names, 3));
	assert_null(conf_nearest(str_of(""), names, 3));
	static const char *const letters[] = { "a" };
	assert_null(conf_nearest(str_of("b"), letters, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_every_spelling),
		cmocka_unit_test(test_optional_value),
		cmocka_unit_test(test_stronger_source_wins_in_any_order),
		cmocka_unit_test(test_stronger_list_replaces),
		cmocka_unit_test(test_errors_name_option_value_and_range),
		cmocka_unit_test(test_unknown_options_suggest),
		cmocka_unit_test(test_operands_are_counted),
		cmocka_unit_test(test_values_are_checked_wherever_they_come_from),
		cmocka_unit_test(test_lists_have_a_cap),
		cmocka_unit_test(test_help_is_asked_for),
		cmocka_unit_test(test_help_text),
		cmocka_unit_test(test_man_page_escapes),
		cmocka_unit_test(test_completions_name_every_option),
		cmocka_unit_test(test_nearest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
