// SPDX-License-Identifier: Apache-2.0
/* test_outputs.c - which reports and which display options ask for. */
#include "coordinator/cli/outputs.h"

#include "coordinator/cli/options.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct outputs_terminal screen = { .is_terminal = true, .columns = 120 };
static const struct outputs_terminal file = { .is_terminal = false };

/* Outputs of `paddock run ARGS...` on this terminal. */
static int make(const struct outputs_terminal *terminal, size_t n, char *const *args,
		struct outputs *outputs, struct err *err)
{
	struct conf *conf = conf_new(&options_table, OPTIONS_VERB_RUN);
	assert_int_equal(conf_parse_args(conf, n, args, err), 0);
	int r = outputs_files(conf, OPTIONS_VERB_RUN, outputs, err);
	r = r < 0 ? r : outputs_display(conf, terminal, outputs, err);
	/* names are literals of args, so they outlive conf only as far as these tests look */
	for (size_t i = 0; r == 0 && i < outputs->n; i++)
		outputs->items[i].options.path = NULL;
	conf_free(conf);
	return r;
}

#define MAKE(terminal, outputs, err, ...)                                      \
	make(terminal, sizeof((char *[]){ __VA_ARGS__ }) / sizeof(char *) - 1, \
	     (char *[]){ __VA_ARGS__ } + 1, outputs, err)

static const char *name(const struct outputs *outputs, size_t i)
{
	assert_in_range(i, 0, outputs->n - 1);
	return outputs->items[i].ops->name;
}

static void test_display_follows_the_terminal(void **state)
{
	(void)state;
	struct outputs outputs;
	struct outputs_terminal dumb = screen;
	dumb.is_dumb = true;
	assert_int_equal(MAKE(&file, &outputs, NULL, ""), 0);
	assert_string_equal(name(&outputs, 0), "lines");
	assert_false(outputs.items[0].options.color);
	assert_int_equal(MAKE(&screen, &outputs, NULL, ""), 0);
	assert_string_equal(name(&outputs, 0), "bar");
	assert_true(outputs.items[0].options.color);
	assert_int_equal(outputs.items[0].options.columns, 120);
	assert_int_equal(MAKE(&dumb, &outputs, NULL, ""), 0);
	assert_string_equal(name(&outputs, 0), "lines");
	assert_int_equal(MAKE(&screen, &outputs, NULL, "", "--progress", "none"), 0);
	assert_int_equal(outputs.n, 0);
	assert_int_equal(MAKE(&file, &outputs, NULL, "", "--progress=bar"), 0);
	assert_string_equal(name(&outputs, 0), "bar");
}

static void test_colors(void **state)
{
	(void)state;
	struct outputs outputs;
	struct outputs_terminal plain = screen;
	plain.no_color = true;
	assert_int_equal(MAKE(&plain, &outputs, NULL, ""), 0);
	assert_false(outputs.items[0].options.color);
	assert_int_equal(MAKE(&plain, &outputs, NULL, "", "--color=always"), 0);
	assert_true(outputs.items[0].options.color);
	assert_int_equal(MAKE(&screen, &outputs, NULL, "", "--color=never"), 0);
	assert_false(outputs.items[0].options.color);
}

static void test_files(void **state)
{
	(void)state;
	struct outputs outputs;
	struct err err = { 0 };
	assert_int_equal(MAKE(&file, &outputs, &err, "", "--junit", "a", "--events", "b", "--tap",
			      "c", "--durations", "5", "--failure-output", "never", "-v"),
			 0);
	assert_int_equal(outputs.n, 4);
	assert_string_equal(name(&outputs, 0), "junit");
	assert_string_equal(name(&outputs, 1), "jsonl");
	assert_string_equal(name(&outputs, 2), "tap");
	assert_string_equal(name(&outputs, 3), "lines");
	assert_int_equal(outputs.items[3].options.durations, 5);
	assert_int_equal(outputs.items[3].options.failure_output, REPORT_OUTPUT_NEVER);
	assert_true(outputs.items[3].options.verbose);
}

static void test_two_reports_for_one_file(void **state)
{
	(void)state;
	struct outputs outputs;
	struct err err = { 0 };
	assert_int_equal(MAKE(&file, &outputs, &err, "", "--junit", "a", "--tap", "a"), -EINVAL);
	assert_string_equal(err.text, "--tap: another report goes to a already; name another file");
}

static void test_report_on_standard_output_alone(void **state)
{
	(void)state;
	struct outputs outputs;
	assert_int_equal(MAKE(&screen, &outputs, NULL, "", "--tap", "-"), 0);
	assert_int_equal(outputs.n, 1);
	assert_int_equal(MAKE(&screen, &outputs, NULL, "", "--tap", "-", "--progress", "lines"), 0);
	assert_int_equal(outputs.n, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_display_follows_the_terminal),
		cmocka_unit_test(test_colors),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_two_reports_for_one_file),
		cmocka_unit_test(test_report_on_standard_output_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
