// SPDX-License-Identifier: Apache-2.0
/*
 * test_report.c - every reporter against stored files (tests/golden/report; PADDOCK_BLESS=1 writes
 * them anew), the promises all share: the same bytes for every order of arrival, no half-written
 * file, errors told at the end.
 */
#include "coordinator/report/report.h"
#include "protocol/base/escape.h"
#include "protocol/base/rng.h"
#include "protocol/wire/outcome.h"
#include "tests/unit/coordinator/report/sample.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

static void compare_with_golden(const char *golden, struct str text)
{
	const char *source = getenv("PADDOCK_SOURCE"), *bless = getenv("PADDOCK_BLESS");
	char path[4200];
	struct err err = { 0 };
	struct buf wanted;
	snprintf(path, sizeof(path), "%s/tests/golden/report/%s", source ? source : ".", golden);
	if (bless && *bless) {
		if (fd_write_file(path, text.data, text.len, &err) != 0)
			fail_msg("%s", err.text);
		return;
	}
	if (fd_read_file(path, 1 << 20, &wanted) != 0)
		fail_msg("cannot read %s: run this test with PADDOCK_BLESS=1", path);
	if (!str_eq(buf_str(&wanted), text))
		fail_msg("%s differs; run with PADDOCK_BLESS=1 and look at git diff. Got:\n%.*s",
			 path, STR_ARG(text));
	buf_done(&wanted);
}

static void check_golden(const char *reporter, const char *golden, struct report_options options)
{
	struct buf text = sample_write(reporter, &options, sample_events, SAMPLE_EVENTS);
	compare_with_golden(golden, buf_str(&text));
	buf_done(&text);
}

static void test_jsonl(void **state)
{
	(void)state;
	check_golden("jsonl", "sample.jsonl", sample_options(sample_path("jsonl")));
}

static void test_junit(void **state)
{
	(void)state;
	check_golden("junit", "sample.junit.xml", sample_options(sample_path("junit")));
}

static void test_lines(void **state)
{
	(void)state;
	check_golden("lines", "sample.lines", sample_options(sample_path("lines")));
}

static void test_lines_verbose_and_coloured(void **state)
{
	struct report_options options = sample_options(sample_path("lines-verbose"));
	(void)state;
	options.color = options.verbose = true;
	options.failure_output = REPORT_OUTPUT_FINAL;
	check_golden("lines", "sample.lines-verbose", options);
}

static void test_tap(void **state)
{
	(void)state;
	check_golden("tap", "sample.tap", sample_options(sample_path("tap")));
}

static void test_html(void **state)
{
	(void)state;
	check_golden("html", "sample.html", sample_options(sample_path("html")));
}

static void test_trace(void **state)
{
	(void)state;
	check_golden("trace", "sample.trace.json", sample_options(sample_path("trace")));
}

static void test_github(void **state)
{
	(void)state;
	struct buf page;
	char path[160];
	snprintf(path, sizeof(path), "%s", sample_path("step-summary"));
	setenv("GITHUB_STEP_SUMMARY", path, 1);
	check_golden("github", "sample.github", sample_options(sample_path("github")));
	unsetenv("GITHUB_STEP_SUMMARY");
	assert_int_equal(fd_read_file(path, 1 << 20, &page), 0);
	compare_with_golden("sample.step-summary.md", buf_str(&page));
	buf_done(&page);
	unlink(path);
}

/* With time passing between events, on a terminal of 60 columns. */
static void test_bar(void **state)
{
	struct report_options options = sample_options(sample_path("bar"));
	const struct report_ops *ops = report_find("bar");
	struct buf text;
	(void)state;
	options.columns = 60;
	options.color = true;
	struct report *report = sample_open("bar", &options);
	for (size_t i = 0; i < SAMPLE_EVENTS; i++) {
		ops->event(report, &sample_events[i]);
		if (i % 4 == 1)
			ops->tick(report, 1000000 + sample_events[i].at_us);
	}
	sample_close("bar", report);
	assert_int_equal(fd_read_file(options.path, 1 << 20, &text), 0);
	unlink(options.path);
	compare_with_golden("sample.bar", buf_str(&text));
	buf_done(&text);
}

/* The panel shows eight slots however many run, each line within the terminal. */
static void test_bar_is_never_wider_than_the_terminal(void **state)
{
	struct report_options options = sample_options(sample_path("wide"));
	const struct report_ops *ops = report_find("bar");
	struct buf text;
	(void)state;
	options.columns = 40;
	struct report *report = sample_open("bar", &options);
	ops->tick(report, 1000000);
	for (unsigned i = 0; i < 100; i++) {
		struct msg_run_event event = {
			.kind = MSG_RUN_CASE_STARTED,
			.suite = STR_LIT("suite"),
			.program = STR_LIT("p\033[2J"),
			.slot = i,
			.name = STR_LIT(
				"\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5"
				"\xad\x97 long\tname of a case"),
			.worker = STR_LIT("w"),
		};
		ops->event(report, &event);
	}
	ops->tick(report, 2000000);
	ops->tick(report, 3000000);
	sample_close("bar", report);
	assert_int_equal(fd_read_file(options.path, 1 << 20, &text), 0);
	unlink(options.path);
	assert_null(strstr(buf_text(&text), "\033[2J"));
	assert_non_null(strstr(buf_text(&text), "\033[9A\r\033[J"));
	struct str rest = buf_str(&text), line;
	while (str_line(&rest, &line) && !strstr(line.data, "Summary"))
		assert_true(escape_width(line) <
			    40 + 12); /* the codes that erase count as characters here */
	buf_done(&text);
}

static void shuffle(struct msg_run_event *events, size_t n, struct rng *rng)
{
	for (size_t i = n; i > 1; i--) {
		size_t j = (size_t)rng_below(rng, i);
		struct msg_run_event held = events[i - 1];
		events[i - 1] = events[j];
		events[j] = held;
	}
}

/* All between the first and the last event may come in any order. */
static void check_order(const char *reporter)
{
	struct msg_run_event events[SAMPLE_EVENTS];
	struct report_options options = sample_options(sample_path(reporter));
	struct buf wanted = sample_write(reporter, &options, sample_events, SAMPLE_EVENTS);
	struct rng rng;
	rng_seed(&rng, 1);
	memcpy(events, sample_events, sizeof(events));
	for (int i = 0; i < 20; i++) {
		shuffle(events + 1, SAMPLE_EVENTS - 2, &rng);
		struct buf got = sample_write(reporter, &options, events, SAMPLE_EVENTS);
		assert_true(str_eq(buf_str(&wanted), buf_str(&got)));
		buf_done(&got);
	}
	buf_done(&wanted);
}

static void test_junit_is_the_same_for_every_order(void **state)
{
	(void)state;
	check_order("junit");
}

static void test_tap_and_html_are_the_same_for_every_order(void **state)
{
	(void)state;
	check_order("tap");
	check_order("html");
}

static void test_a_run_that_was_cut_off_shows_in_junit(void **state)
{
	struct report_options options = sample_options(sample_path("cut"));
	struct buf text = sample_write("junit", &options, sample_events, 7);
	(void)state;
	assert_non_null(strstr(buf_text(&text), "the run did not end in order"));
	assert_non_null(strstr(buf_text(&text), "errors=\"2\"")); /* the listing, and the end */
	assert_non_null(strstr(buf_text(&text), "</testsuites>"));
	buf_done(&text);
}

static void test_a_file_appears_whole_or_not_at_all(void **state)
{
	struct stat st;
	struct err err = { 0 };
	struct report_options options = sample_options(sample_path("whole"));
	struct report *report = sample_open("junit", &options);
	(void)state;
	report_find("junit")->event(report, &sample_events[0]);
	assert_int_equal(stat(options.path, &st), -1);
	sample_close("junit", report);
	assert_int_equal(stat(options.path, &st), 0);
	unlink(options.path);
	options.path = "/proc/none/such.xml";
	assert_int_equal(report_find("junit")->open(&options, &report, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/proc/none/such.xml"));
}

static void test_a_run_that_never_began_leaves_an_older_report_alone(void **state)
{
	struct err err = { 0 };
	struct buf text;
	struct report_options options = sample_options(sample_path("older"));
	(void)state;
	for (const char *const *name =
		     (const char *const[]){ "junit", "tap", "html", "trace", NULL };
	     *name; name++) {
		assert_int_equal(fd_write_file(options.path, "older", 5, &err), 0);
		assert_int_equal(report_find(*name)->close(sample_open(*name, &options), &err),
				 -ECANCELED);
		assert_int_equal(fd_read_file(options.path, 100, &text), 0);
		assert_string_equal(buf_text(&text), "older");
		buf_done(&text);
	}
	unlink(options.path);
}

static void test_a_full_disk_is_told_by_close(void **state)
{
	(void)state;
	for (size_t i = 0; report_nth(i); i++) {
		const struct report_ops *ops = report_nth(i);
		struct report_options options = sample_options("/dev/full");
		struct report *report = sample_open(ops->name, &options);
		struct err err = { 0 };
		for (size_t k = 0; k < SAMPLE_EVENTS; k++)
			ops->event(report, &sample_events[k]);
		assert_int_equal(ops->close(report, &err), -ENOSPC);
		assert_non_null(strstr(err.text, "/dev/full"));
	}
}

static void test_find_and_nth_agree(void **state)
{
	(void)state;
	assert_null(report_find("nonsense"));
	for (size_t i = 0; report_nth(i); i++)
		assert_ptr_equal(report_find(report_nth(i)->name), report_nth(i));
	assert_non_null(report_find("junit"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_jsonl),
		cmocka_unit_test(test_junit),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_lines_verbose_and_coloured),
		cmocka_unit_test(test_tap),
		cmocka_unit_test(test_html),
		cmocka_unit_test(test_trace),
		cmocka_unit_test(test_github),
		cmocka_unit_test(test_bar),
		cmocka_unit_test(test_bar_is_never_wider_than_the_terminal),
		cmocka_unit_test(test_tap_and_html_are_the_same_for_every_order),
		cmocka_unit_test(test_junit_is_the_same_for_every_order),
		cmocka_unit_test(test_a_run_that_was_cut_off_shows_in_junit),
		cmocka_unit_test(test_a_file_appears_whole_or_not_at_all),
		cmocka_unit_test(test_a_run_that_never_began_leaves_an_older_report_alone),
		cmocka_unit_test(test_a_full_disk_is_told_by_close),
		cmocka_unit_test(test_find_and_nth_agree),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
