// SPDX-License-Identifier: Apache-2.0
/* Who runs next and who is to blame: each story is a transcript of what the shard told. */
#include "worker/shard.h"

#include "protocol/base/buf.h"
#include "protocol/base/rng.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { CASES_MAX = 64, FIRST = 100 }; /* the coordinator numbers cases from FIRST on */

struct story {
	struct buf log;
	struct shard *shard;
	struct shard_verdict last;
	char message[512];	      /* of the last verdict */
	unsigned verdicts[CASES_MAX]; /* per listed case */
};

static void on_started(void *data, uint32_t index, uint64_t at_us)
{
	struct story *story = data;
	(void)at_us;
	assert_int_equal(buf_printf(&story->log, "+%u ", index - FIRST), 0);
}

static void on_ended(void *data, const struct shard_verdict *verdict)
{
	struct story *story = data;
	story->last = *verdict;
	snprintf(story->message, sizeof(story->message), "%.*s", STR_ARG(verdict->message));
	if (verdict->name.len) {
		assert_int_equal(buf_printf(&story->log, "(%.*s)=%s ", STR_ARG(verdict->name),
					    outcome_name(verdict->outcome)),
				 0);
		return;
	}
	assert_true(verdict->index >= FIRST && verdict->index < FIRST + CASES_MAX);
	story->verdicts[verdict->index - FIRST]++;
	assert_int_equal(buf_printf(&story->log, "%u=%s ", verdict->index - FIRST,
				    outcome_name(verdict->outcome)),
			 0);
}

static void begin(struct story *story, size_t n, const struct shard_options *options)
{
	static struct msg_shard_case cases[CASES_MAX];
	struct shard_sink sink = { .data = story, .started = on_started, .ended = on_ended };
	memset(story, 0, sizeof(*story));
	buf_init(&story->log, 1 << 20);
	for (size_t i = 0; i < n; i++)
		cases[i] = (struct msg_shard_case){ .index = FIRST + i, .name = STR_LIT("case") };
	story->shard = shard_new(cases, n, options, &sink);
	assert_non_null(story->shard);
}

static void finish(struct story *story)
{
	shard_free(story->shard);
	buf_done(&story->log);
}

static void assert_log(const struct story *story, const char *expected)
{
	assert_string_equal(buf_text(&story->log), expected);
}

static size_t offered(const struct story *story)
{
	const struct adapt_case *cases;
	return shard_offer(story->shard, &cases);
}

static void ended(struct story *story, size_t i, enum outcome outcome, uint64_t now_us)
{
	struct adapt_verdict verdict = { .index = i,
					 .outcome = outcome,
					 .message = STR_LIT("why") };
	shard_ended(story->shard, &verdict, now_us);
}

static void found(struct story *story, size_t i, struct str name, enum outcome outcome)
{
	struct adapt_verdict verdict = { .index = i, .name = name, .outcome = outcome };
	shard_ended(story->shard, &verdict, 0);
}

static void over(struct story *story, struct shard_end end, uint64_t now_us)
{
	shard_end(story->shard, &end, now_us);
}

static const struct shard_options several, per_case = { .process_per_case = true };
static const struct shard_end fine = { .how = SHARD_EXITED };
static const struct shard_end segv = { .how = SHARD_SIGNALLED, .signal = SIGSEGV };

static void test_all_report(void **state)
{
	struct story story;
	(void)state;
	begin(&story, 3, &several);
	assert_int_equal(offered(&story), 3);
	shard_begin(story.shard, 3, 1000);
	for (size_t i = 0; i < 3; i++) {
		shard_started(story.shard, i, 2000 + i * 100);
		ended(&story, i, i == 1 ? OUTCOME_FAIL : OUTCOME_PASS, 2050 + i * 100);
		assert_int_equal(story.last.duration_us, 50);
	}
	over(&story, (struct shard_end){ .how = SHARD_EXITED, .code = 1 }, 3000);
	assert_log(&story, "+0 0=pass +1 1=fail +2 2=pass ");
	assert_int_equal(offered(&story), 0);
	assert_int_equal(shard_startup_us(story.shard), 1000);
	finish(&story);
}

static void test_crash_blames_the_running_case_and_resumes(void **state)
{
	struct story story;
	(void)state;
	begin(&story, 4, &several);
	shard_begin(story.shard, 4, 0);
	shard_started(story.shard, 0, 1);
	ended(&story, 0, OUTCOME_PASS, 2);
	shard_started(story.shard, 1, 3);
	over(&story, segv, 4);
	assert_log(&story, "+0 0=pass +1 1=crash ");
	assert_non_null(strstr(story.message, "SIGSEGV"));
	assert_int_equal(story.last.signal, SIGSEGV);
	assert_int_equal(offered(&story), 2);
	shard_begin(story.shard, 2, 5);
	shard_started(story.shard, 0, 6);
	ended(&story, 0, OUTCOME_PASS, 7);
	shard_started(story.shard, 1, 8);
	ended(&story, 1, OUTCOME_SKIP, 9);
	over(&story, fine, 10);
	assert_log(&story, "+0 0=pass +1 1=crash +2 2=pass +3 3=skip ");
	finish(&story);
}

static void test_crash_between_cases_runs_the_rest_again(void **state)
{
	struct story story;
	(void)state;
	begin(&story, 3, &several);
	shard_begin(story.shard, 3, 0);
	ended(&story, 0, OUTCOME_PASS, 2);
	over(&story, segv, 4);
	assert_log(&story, "0=pass ");
	assert_int_equal(offered(&story), 2);
	finish(&story);
}

static void test_death_before_any_case_blames_one_then_all(void **state)
{
	struct story story;
	(void)state;
	begin(&story, 6, &several);
	for (size_t left = 6; left > 3; left--) {
		assert_int_equal(offered(&story), left);
		shard_begin(story.shard, left, 0);
		over(&story, segv, 1);
	}
	assert_log(&story, "0=crash 1=crash 2=crash 3=crash 4=crash 5=crash ");
	assert_int_equal(offered(&story), 0);
	assert_non_null(strstr(story.message, "before any case began"));
	finish(&story);
}

static void test_death_after_all_verdicts_is_told(void **state)
{
	struct story story;
	(void)state;
	begin(&story, 2, &several);
	shard_begin(story.shard, 2, 0);
	ended(&story, 0, OUTCOME_PASS, 1);
	ended(&story, 1, OUTCOME_PASS, 2);
	over(&story, segv, 4);
	assert_log(&story, "0=pass 1=pass (exit)=crash ");
	finish(&story);
	begin(&story, 2, &several);
	shard_begin(story.shard, 2, 0);
	ended(&story, 0, OUTCOME_PASS, 1);
	ended(&story, 1, OUTCOME_PASS, 2);
	found(&story, 1, STR_LIT("teardown"), OUTCOME_FAIL);
	over(&story, segv, 4);
	assert_log(&story, "0=pass 1=pass (teardown)=fail "); /* the adapter said it better */
	finish(&story);
}

static void test_silent_end_is_an_error_for_each(void **state)
{
	struct story story;
	(void)state;
	begin(&story, 2, &several);
	shard_begin(story.shard, 2, 0);
	over(&story, fine, 1);
	assert_log(&story, "0=error 1=error ");
	assert_non_null(strstr(story.message, "without reporting this case (exit code 0)"));
	finish(&story);
}

/* Only found cases are news, but no progress: the step is not repeated for ever. */
static void test_found_cases_are_no_progress(void **state)
{
	struct story story;
	(void)state;
	begin(&story, 2, &several);
	shard_begin(story.shard, 2, 0);
	found(&story, 0, STR_LIT("extra"), OUTCOME_PASS);
	over(&story, fine, 1);
	assert_log(&story, "(extra)=pass 0=error 1=error ");
	finish(&story);
}

static void test_early_end_runs_the_rest_again(void **state)
{
	struct story story;
	(void)state;
	begin(&story, 3, &several);
	shard_begin(story.shard, 3, 0);
	shard_started(story.shard, 0, 1);
	over(&story, (struct shard_end){ .how = SHARD_EXITED, .code = 3 }, 2);
	assert_log(&story, "+0 0=fail ");
	assert_string_equal(story.message, "the process exited with code 3 while this case ran");
	assert_int_equal(story.last.exit_code, 3);
	assert_int_equal(offered(&story), 2);
	shard_begin(story.shard, 2, 3);
	ended(&story, 1, OUTCOME_PASS, 4);
	over(&story, fine, 5);
	assert_int_equal(offered(&story), 1);
	shard_begin(story.shard, 1, 6);
	over(&story, fine, 7);
	assert_log(&story, "+0 0=fail 2=pass +1 1=error ");
	assert_int_equal(offered(&story), 0);
	finish(&story);
}

static void test_timeout_of_one_of_several(void **state)
{
	struct story story;
	struct shard_options options = { .timeout_us = 1000 };
	(void)state;
	begin(&story, 3, &options);
	shard_begin(story.shard, 3, 0);
	assert_int_equal(shard_limit(story.shard), 0);
	assert_int_equal(shard_deadline(story.shard), 1000);
	shard_started(story.shard, 0, 500);
	assert_int_equal(shard_deadline(story.shard), 1500);
	ended(&story, 0, OUTCOME_PASS, 600);
	assert_int_equal(shard_deadline(story.shard), 1600);
	shard_started(story.shard, 1, 700);
	over(&story, (struct shard_end){ .how = SHARD_TIMED_OUT, .signal = SIGKILL }, 1800);
	assert_log(&story, "+0 0=pass +1 1=timeout ");
	assert_int_equal(story.last.duration_us, 1100);
	assert_int_equal(offered(&story), 1);
	finish(&story);
}

/* A step of one case: its limit counts from its start, then from where it was moved to. */
static void test_limit_is_moved(void **state)
{
	struct story story;
	struct shard_options options = { .process_per_case = true, .timeout_us = 1000 };
	struct shard_end late = { .how = SHARD_TIMED_OUT, .wall_us = 5900 };
	(void)state;
	begin(&story, 2, &options);
	shard_begin(story.shard, 1, 100);
	assert_int_equal(shard_deadline(story.shard), 1100);
	shard_move_limit(story.shard, 5000, 900);
	assert_int_equal(shard_deadline(story.shard), 5900);
	over(&story, late, 6000);
	assert_log(&story, "+0 0=timeout ");
	assert_string_equal(
		story.message,
		"did not end within 5.0 ms of the output that its limit counts from and "
		"was killed; raise that limit if it is healthy");
	shard_begin(story.shard, 1, 7000);
	assert_int_equal(shard_deadline(story.shard), 8000);
	shard_move_limit(story.shard, 0, 7100);
	assert_in_range(shard_deadline(story.shard), 7100, 7101);
	over(&story, fine, 7200);
	assert_log(&story, "+0 0=timeout +1 1=pass ");
	finish(&story);
}

/* Processor time has a deadline of its own, and the message says which one it was. */
static void test_processor_time_is_named(void **state)
{
	struct story story;
	struct shard_end hot = { .how = SHARD_TIMED_OUT, .cpu_deadline = true, .cpu_us = 5000 };
	(void)state;
	begin(&story, 1, &per_case);
	shard_begin(story.shard, 1, 100);
	over(&story, hot, 6000);
	assert_log(&story, "+0 0=timeout ");
	assert_string_equal(story.message, "used 5.0 ms of processor time and was killed; raise "
					   "that limit if it is healthy");
	finish(&story);
}

static void test_timeout_after_the_last_case(void **state)
{
	struct story story;
	struct shard_options options = { .timeout_us = 1000 };
	(void)state;
	begin(&story, 2, &options);
	shard_begin(story.shard, 2, 0);
	ended(&story, 0, OUTCOME_PASS, 10);
	ended(&story, 1, OUTCOME_PASS, 20);
	assert_int_equal(shard_deadline(story.shard), 1020);
	over(&story, (struct shard_end){ .how = SHARD_TIMED_OUT }, 1100);
	assert_log(&story, "0=pass 1=pass (exit)=timeout ");
	finish(&story);
}

static void test_single_is_judged_by_its_end(void **state)
{
	static const struct {
		struct shard_end end;
		const char *log;
	} rows[] = {
		{ { .how = SHARD_EXITED }, "+0 0=pass " },
		{ { .how = SHARD_EXITED, .code = 1 }, "+0 0=fail " },
		{ { .how = SHARD_EXITED, .leftovers = 2 }, "+0 0=leak " },
		{ { .how = SHARD_SIGNALLED, .signal = SIGABRT }, "+0 0=crash " },
		{ { .how = SHARD_OOM, .signal = SIGKILL }, "+0 0=oom " },
		{ { .how = SHARD_TIMED_OUT, .signal = SIGTERM }, "+0 0=timeout " },
		{ { .how = SHARD_NOT_STARTED, .reason = STR_LIT("no such file") }, "+0 0=error " },
		{ { .how = SHARD_CANCELLED }, "+0 " },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct story story;
		begin(&story, 1, &per_case);
		shard_begin(story.shard, 1, 0);
		over(&story, rows[i].end, 10);
		assert_log(&story, rows[i].log);
		assert_int_equal(offered(&story), 0);
		finish(&story);
	}
}

static void test_single_holds_its_verdict(void **state)
{
	struct story story;
	(void)state;
	begin(&story, 1, &several);
	shard_begin(story.shard, 1, 0);
	ended(&story, 0, OUTCOME_PASS, 5);
	ended(&story, 0, OUTCOME_FAIL, 6); /* only the first counts */
	found(&story, 0, STR_LIT("point 1"), OUTCOME_PASS);
	assert_log(&story, "+0 (point 1)=pass ");
	over(&story,
	     (struct shard_end){ .how = SHARD_EXITED, .wall_us = 77, .cpu_us = 5, .peak_bytes = 9 },
	     10);
	assert_log(&story, "+0 (point 1)=pass 0=pass ");
	assert_int_equal(story.last.duration_us, 77);
	assert_int_equal(story.last.cpu_us, 5);
	assert_int_equal(story.last.peak_bytes, 9);
	assert_string_equal(story.message, "why");
	finish(&story);
}

static void test_single_that_ends_its_process_early(void **state)
{
	struct story story;
	(void)state;
	begin(&story, 1, &several);
	shard_begin(story.shard, 1, 0);
	shard_started(story.shard, 0, 1);
	over(&story, fine, 10);
	assert_log(&story, "+0 0=fail ");
	assert_string_equal(story.message, "the process exited with code 0 while this case ran");
	finish(&story);
}

static void test_single_timeout_beats_what_was_said(void **state)
{
	struct story story;
	(void)state;
	begin(&story, 1, &several);
	shard_begin(story.shard, 1, 0);
	ended(&story, 0, OUTCOME_PASS, 5);
	over(&story, (struct shard_end){ .how = SHARD_TIMED_OUT, .wall_us = 1000000 }, 10);
	assert_log(&story, "+0 0=timeout ");
	finish(&story);
}

static void test_leftovers_of_several_are_a_found_case(void **state)
{
	struct story story;
	(void)state;
	begin(&story, 2, &several);
	shard_begin(story.shard, 2, 0);
	ended(&story, 0, OUTCOME_PASS, 1);
	ended(&story, 1, OUTCOME_PASS, 2);
	over(&story, (struct shard_end){ .how = SHARD_EXITED, .leftovers = 1 }, 3);
	assert_log(&story, "0=pass 1=pass (leftover processes)=leak ");
	finish(&story);
}

static void test_one_process_per_case(void **state)
{
	struct story story;
	struct shard_options isolate = { .isolate = true };
	(void)state;
	begin(&story, 3, &per_case);
	assert_int_equal(offered(&story), 1);
	finish(&story);
	begin(&story, 3, &isolate);
	assert_int_equal(offered(&story), 1);
	finish(&story);
}

static void test_cancelled_tells_nothing(void **state)
{
	struct story story;
	(void)state;
	begin(&story, 3, &several);
	shard_begin(story.shard, 3, 0);
	shard_started(story.shard, 0, 1);
	over(&story, (struct shard_end){ .how = SHARD_CANCELLED }, 2);
	assert_log(&story, "+0 ");
	assert_int_equal(offered(&story), 0);
	finish(&story);
}

static void test_nonsense_from_an_adapter_is_ignored(void **state)
{
	struct story story;
	(void)state;
	begin(&story, 2, &several);
	shard_begin(story.shard, 2, 0);
	shard_started(story.shard, 7, 1);
	ended(&story, 7, OUTCOME_PASS, 1);
	ended(&story, 0, OUTCOME_PASS, 1);
	shard_started(story.shard, 0, 1);
	ended(&story, 0, OUTCOME_FAIL, 1);
	assert_int_equal(shard_running(story.shard), -1);
	ended(&story, 1, OUTCOME_PASS, 1);
	over(&story, fine, 2);
	assert_log(&story, "0=pass 1=pass ");
	finish(&story);
}

/* One step of random news and a random end. */
static void random_step(struct story *story, struct rng *rng)
{
	size_t n = offered(story);
	n = 1 + rng_below(rng, n);
	shard_begin(story->shard, n, 1);
	for (uint64_t news = rng_below(rng, 2 * n + 1); news; news--) {
		size_t i = rng_below(rng, n + 1);
		if (rng_below(rng, 2))
			shard_started(story->shard, i, 2);
		else if (rng_below(rng, 5))
			ended(story, i, (enum outcome)rng_below(rng, OUTCOME_LEAK), 3);
		else
			found(story, i, STR_LIT("found"),
			      (enum outcome)rng_below(rng, OUTCOME_LEAK));
	}
	enum shard_how how = (enum shard_how)rng_below(rng, SHARD_HOW_MAX);
	struct shard_end end = {
		.how = how == SHARD_CANCELLED ? SHARD_EXITED : how,
		.signal = SIGKILL,
		.code = (int)rng_below(rng, 3),
		.leftovers = (uint32_t)rng_below(rng, 2),
	};
	over(story, end, 4);
}

static void test_every_case_gets_one_verdict_whatever_happens(void **state)
{
	struct rng rng;
	(void)state;
	for (uint64_t seed = 1; seed <= 3000; seed++) {
		struct story story;
		rng_seed(&rng, seed);
		size_t n = 1 + rng_below(&rng, CASES_MAX);
		struct shard_options options = { .process_per_case = rng_below(&rng, 4) == 0,
						 .timeout_us = rng_below(&rng, 2) };
		size_t steps = 0;
		begin(&story, n, &options);
		while (offered(&story)) {
			random_step(&story, &rng);
			if (++steps > n)
				fail_msg("seed %llu: no end in sight", (unsigned long long)seed);
		}
		for (size_t i = 0; i < n; i++)
			if (story.verdicts[i] != 1)
				fail_msg("seed %llu: case %zu has %u verdicts",
					 (unsigned long long)seed, i, story.verdicts[i]);
		finish(&story);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_report),
		cmocka_unit_test(test_crash_blames_the_running_case_and_resumes),
		cmocka_unit_test(test_crash_between_cases_runs_the_rest_again),
		cmocka_unit_test(test_death_before_any_case_blames_one_then_all),
		cmocka_unit_test(test_death_after_all_verdicts_is_told),
		cmocka_unit_test(test_silent_end_is_an_error_for_each),
		cmocka_unit_test(test_found_cases_are_no_progress),
		cmocka_unit_test(test_early_end_runs_the_rest_again),
		cmocka_unit_test(test_timeout_of_one_of_several),
		cmocka_unit_test(test_limit_is_moved),
		cmocka_unit_test(test_processor_time_is_named),
		cmocka_unit_test(test_timeout_after_the_last_case),
		cmocka_unit_test(test_single_is_judged_by_its_end),
		cmocka_unit_test(test_single_holds_its_verdict),
		cmocka_unit_test(test_single_that_ends_its_process_early),
		cmocka_unit_test(test_single_timeout_beats_what_was_said),
		cmocka_unit_test(test_leftovers_of_several_are_a_found_case),
		cmocka_unit_test(test_one_process_per_case),
		cmocka_unit_test(test_cancelled_tells_nothing),
		cmocka_unit_test(test_nonsense_from_an_adapter_is_ignored),
		cmocka_unit_test(test_every_case_gets_one_verdict_whatever_happens),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
