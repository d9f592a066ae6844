// SPDX-License-Identifier: Apache-2.0
/*
 * test_merge.c - event files back into events, several into one, whatever their order; files nobody
 * should believe.
 */
#include "coordinator/report/merge.h"
#include "protocol/wire/outcome.h"
#include "tests/unit/coordinator/report/sample.h"

#include <errno.h>

struct collected {
	struct buf text;
	struct report *report;
	const struct report_ops *ops;
};

/* An event file with one program and verdicts "name=outcome,...". */
static struct buf run_file(const char *run, const char *verdicts, bool finished)
{
	struct buf text;
	struct str rest = str_of(verdicts), one, name;
	unsigned index = 0;
	buf_init(&text, 1 << 20);
	assert_int_equal(
		buf_printf(
			&text,
			"{\"event\":\"run_started\",\"version\":1,\"run\":\"%s\",\"programs\":1}\n",
			run),
		0);
	while (rest.len && str_split(&rest, ',', &one)) {
		str_split(&one, '=', &name);
		assert_int_equal(
			buf_printf(&text,
				   "{\"event\":\"case\",\"suite\":\"s\",\"program\":\"p\",\"case\":"
				   "\"%.*s\",\"index\":%u,\"outcome\":\"%.*s\"}\n",
				   STR_ARG(name), index++, STR_ARG(one)),
			0);
	}
	if (finished)
		assert_int_equal(
			buf_puts(
				&text,
				"{\"event\":\"run_finished\",\"exit_code\":0,\"makespan_us\":5}\n"),
			0);
	return text;
}

static void note(void *data, const struct msg_run_event *event)
{
	struct collected *collected = data;
	if (event->kind == MSG_RUN_CASE_FINISHED)
		assert_int_equal(buf_printf(&collected->text, "%.*s=%s ", STR_ARG(event->name),
					    outcome_name((enum outcome)event->outcome)),
				 0);
	if (event->kind == MSG_RUN_FINISHED)
		assert_int_equal(buf_printf(&collected->text, "end %d", (int)event->exit_code), 0);
}

static void check_pair(const struct buf *a, const struct buf *b, int code, const char *wanted)
{
	struct merge *merge = merge_new();
	struct err err = { 0 };
	struct collected collected = { 0 };
	buf_init(&collected.text, 1 << 16);
	assert_int_equal(merge_bytes(merge, "a", buf_str(a), &err), 0);
	assert_int_equal(merge_bytes(merge, "b", buf_str(b), &err), 0);
	assert_int_equal(merge_emit(merge, note, &collected), code);
	assert_string_equal(buf_text(&collected.text), wanted);
	buf_done(&collected.text);
	merge_free(merge);
}

static void check(struct buf a, struct buf b, int code, const char *wanted)
{
	check_pair(&a, &b, code, wanted);
	check_pair(&b, &a, code, wanted);
	buf_done(&a);
	buf_done(&b);
}

static void test_shards_add_up(void **state)
{
	(void)state;
	check(run_file("r1", "b=pass,d=skip", true), run_file("r2", "c=pass,a=pass", true), 0,
	      "a=pass b=pass c=pass d=skip end 0");
}

static void test_a_rerun_supersedes(void **state)
{
	(void)state;
	check(run_file("r1", "a=fail,b=pass", true), run_file("r2", "a=pass", true), 0,
	      "a=pass b=pass end 0");
	check(run_file("r1", "a=pass", true), run_file("r2", "a=crash", true), 100,
	      "a=crash end 100");
}

static void test_a_verdict_beats_none(void **state)
{
	(void)state;
	check(run_file("r1", "a=fail", true), run_file("r2", "a=notrun", true), 100,
	      "a=fail end 100");
	check(run_file("r1", "a=lost", true), run_file("r2", "a=lost", true), 111,
	      "a=lost end 111");
}

static void test_the_same_file_twice_is_one(void **state)
{
	(void)state;
	check(run_file("r", "a=fail,b=pass", true), run_file("r", "a=fail,b=pass", true), 100,
	      "a=fail b=pass end 100");
}

static void test_a_run_cut_off_is_incomplete(void **state)
{
	(void)state;
	check(run_file("r1", "a=pass", true), run_file("r2", "b=pass", false), 111,
	      "a=pass b=pass ");
}

static void test_no_case_is_no_tests(void **state)
{
	(void)state;
	check(run_file("r1", "", true), run_file("r2", "", true), 4, "end 4");
}

static void forward(void *data, const struct msg_run_event *event)
{
	struct collected *collected = data;
	collected->ops->event(collected->report, event);
}

/* The JUnit file written from a JSONL file is the one written from the events themselves. */
static void test_nothing_is_lost_on_the_way(void **state)
{
	char jsonl[160], again[160];
	struct err err = { 0 };
	struct report_options options = sample_options(sample_path("events.jsonl"));
	(void)state;
	snprintf(jsonl, sizeof(jsonl), "%s", options.path);
	options.path = jsonl;
	struct report *report = sample_open("jsonl", &options);
	for (size_t i = 0; i < SAMPLE_EVENTS; i++)
		report_find("jsonl")->event(report, &sample_events[i]);
	sample_close("jsonl", report);
	struct merge *merge = merge_new();
	if (merge_file(merge, jsonl, &err) != 0)
		fail_msg("%s", err.text);
	snprintf(again, sizeof(again), "%s", sample_path("again.xml"));
	options.path = again;
	struct collected collected = { .ops = report_find("junit") };
	collected.report = sample_open("junit", &options);
	assert_int_equal(merge_emit(merge, forward, &collected), 111);
	sample_close("junit", collected.report);
	merge_free(merge);
	unlink(jsonl);

	struct buf got, wanted;
	assert_int_equal(fd_read_file(again, 1 << 20, &got), 0);
	unlink(again);
	options.path = sample_path("direct.xml");
	wanted = sample_write("junit", &options, sample_events, SAMPLE_EVENTS);
	assert_string_equal(buf_text(&got), buf_text(&wanted));
	buf_done(&got);
	buf_done(&wanted);
}

static void test_errors_name_file_and_line(void **state)
{
	static const struct {
		const char *text, *words;
		int code;
	} rows[] = {
		{ "{\"event\":\"warning\",\"message\":\"m\"}\nnot json\n", "line 2", -EPROTO },
		{ "{\"event\":\"run_started\",\"version\":2}\n", "newer paddock", -EPROTO },
		{ "{\"event\":\"case\",\"outcome\":\"great\"}\n", "outcome", -EPROTO },
		{ "{\"event\":\"case\",\"outcome\":\"pass\",\"index\":-1}\n", "index", -EPROTO },
		{ "{\"event\":\"case\",\"outcome\":\"pass\",\"signal_number\":1000}\n",
		  "signal_number", -EPROTO },
		{ "{\"event\":\"case\",\"outcome\":\"pass\",\"suite\":1}\n", "suite", -EPROTO },
		{ "{\"event\":\"case\",\"outcome\":\"pass\",\"flaky\":1}\n", "flaky", -EPROTO },
		{ "{\"no\":\"event\"}\n", "no event file", -EPROTO },
		{ "[]\n", "object", -EPROTO },
		{ "", "none in it", -EPROTO },
		{ "{\"event\":\"from the future\"}\n", "none in it", -EPROTO },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct merge *merge = merge_new();
		struct err err = { 0 };
		assert_int_equal(merge_bytes(merge, "events.jsonl", str_of(rows[i].text), &err),
				 rows[i].code);
		if (!strstr(err.text, rows[i].words) || !strstr(err.text, "events.jsonl"))
			fail_msg("row %zu: '%s' does not say '%s'", i, err.text, rows[i].words);
		merge_free(merge);
	}
}

static void test_a_name_that_is_too_long_is_refused(void **state)
{
	struct merge *merge = merge_new();
	struct err err = { 0 };
	struct buf text;
	(void)state;
	buf_init(&text, 1 << 20);
	assert_int_equal(buf_puts(&text, "{\"event\":\"case\",\"outcome\":\"pass\",\"case\":\""),
			 0);
	for (int i = 0; i <= LIMIT_NAME_BYTES; i++)
		assert_int_equal(buf_puts(&text, "x"), 0);
	assert_int_equal(buf_puts(&text, "\"}\n"), 0);
	assert_int_equal(merge_bytes(merge, "f", buf_str(&text), &err), -EMSGSIZE);
	buf_done(&text);
	merge_free(merge);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shards_add_up),
		cmocka_unit_test(test_a_rerun_supersedes),
		cmocka_unit_test(test_a_verdict_beats_none),
		cmocka_unit_test(test_the_same_file_twice_is_one),
		cmocka_unit_test(test_a_run_cut_off_is_incomplete),
		cmocka_unit_test(test_no_case_is_no_tests),
		cmocka_unit_test(test_nothing_is_lost_on_the_way),
		cmocka_unit_test(test_errors_name_file_and_line),
		cmocka_unit_test(test_a_name_that_is_too_long_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
