// SPDX-License-Identifier: Apache-2.0
/* Deadlines by the clock given, and causes by facts. */
#include "sandbox/watch.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void a_deadline_asks_then_kills(void **state)
{
	struct box_spec spec = { .wall_us = 1000, .grace_us = 100 };
	struct watch watch;

	(void)state;
	watch_start(&watch, &spec, 5000);
	assert_int_equal(watch.due_us, 6000);
	assert_int_equal(watch_tick(&watch, 5999, 5010), WATCH_WAIT);
	/* It counts from the payload's own start. */
	assert_int_equal(watch_tick(&watch, 6000, 5010), WATCH_WAIT);
	assert_int_equal(watch.due_us, 6010);
	assert_int_equal(watch_tick(&watch, 6010, 5010), WATCH_TERM);
	assert_int_equal(watch.reason, BOX_CAUSE_TIMEOUT);
	assert_int_equal(watch_tick(&watch, 6109, 5010), WATCH_WAIT);
	assert_int_equal(watch_tick(&watch, 6110, 5010), WATCH_KILL);
	assert_int_equal(watch.due_us, UINT64_MAX);
	assert_int_equal(watch_tick(&watch, 999999, 5010), WATCH_WAIT);
}

static void no_deadline_is_never_due(void **state)
{
	struct box_spec spec = { .grace_us = 100 };
	struct watch watch;

	(void)state;
	watch_start(&watch, &spec, 5000);
	assert_int_equal(watch.due_us, UINT64_MAX);
	assert_int_equal(watch_tick(&watch, UINT64_MAX - 1, 1), WATCH_WAIT);
}

static void a_request_ends_it_at_once(void **state)
{
	struct box_spec spec = { .wall_us = 1000000, .grace_us = 100 };
	struct watch watch;

	(void)state;
	watch_start(&watch, &spec, 0);
	watch_ask(&watch, 10, 0);
	assert_int_equal(watch_tick(&watch, 10, 5), WATCH_KILL);
	assert_int_equal(watch.reason, BOX_CAUSE_KILLED);

	watch_start(&watch, &spec, 0);
	watch_ask(&watch, 10, UINT64_MAX);
	assert_int_equal(watch_tick(&watch, 10, 5), WATCH_TERM);
	/* A second, less patient one shortens the grace and keeps the reason. */
	watch_ask(&watch, 20, 0);
	assert_int_equal(watch_tick(&watch, 20, 5), WATCH_KILL);
	assert_int_equal(watch.reason, BOX_CAUSE_KILLED);
}

static void processor_time_is_looked_at_no_sooner_than_it_could_be_used_up(void **state)
{
	struct box_spec spec = { .wall_us = 900000, .cpu_us = 400000, .grace_us = 100 };
	struct watch watch;

	(void)state;
	watch_start(&watch, &spec, 1000);
	assert_int_equal(watch.cpu_due_us, 1000);
	watch_cpu(&watch, 1000, 0, 4);
	assert_int_equal(watch.cpu_due_us, 101000);
	assert_int_equal(watch_tick(&watch, 101000, 1000), WATCH_WAIT);
	watch_cpu(&watch, 101000, 300000, 4);
	assert_int_equal(watch.cpu_due_us, 126000);
	/* Never more often than the kernel counts. */
	watch_cpu(&watch, 126000, 399999, 4);
	assert_int_equal(watch.cpu_due_us, 130000);
	watch_cpu(&watch, 130000, 400000, 4);
	assert_int_equal(watch_tick(&watch, 130000, 1000), WATCH_TERM);
	assert_int_equal(watch.reason, BOX_CAUSE_CPU_TIME);
	assert_int_equal(watch.cpu_due_us, UINT64_MAX);
	assert_int_equal(watch_tick(&watch, 130100, 1000), WATCH_KILL);
	assert_int_equal(watch.reason, BOX_CAUSE_CPU_TIME);

	spec.cpu_us = 0;
	watch_start(&watch, &spec, 1000);
	assert_int_equal(watch.cpu_due_us, UINT64_MAX);
}

static struct box_result record(const struct slate *slate, enum watch_stage stage, bool oom)
{
	struct watch watch = { .stage = stage, .reason = BOX_CAUSE_TIMEOUT, .asked_us = 10 };
	struct cg_slot_usage usage = { .oom = oom };
	struct box_result result = { .id = 7 };

	watch_record(&watch, slate, &usage, &result);
	assert_int_equal(result.id, 7);
	return result;
}

static void causes_come_from_facts(void **state)
{
	struct slate slate = { .start_us = 20, .end_us = 120, .status = 3 << 8 };
	struct box_result result = record(&slate, WATCH_RUNNING, false);

	(void)state;
	assert_int_equal(result.cause, BOX_CAUSE_EXIT);
	assert_int_equal(result.exit_code, 3);
	assert_int_equal(result.wall_us, 100);
	assert_int_equal(result.setup_us, 10);
	slate.status = SIGSEGV;
	assert_int_equal(record(&slate, WATCH_RUNNING, false).cause, BOX_CAUSE_SIGNAL);
	assert_int_equal(record(&slate, WATCH_RUNNING, true).cause, BOX_CAUSE_OOM);
	assert_int_equal(record(&slate, WATCH_KILLED, true).cause, BOX_CAUSE_TIMEOUT);
	assert_int_equal(record(&slate, WATCH_RUNNING, true).term_signal, SIGSEGV);
	slate.status = 137 << 8;
	assert_int_equal(record(&slate, WATCH_RUNNING, false).cause, BOX_CAUSE_EXIT);
}

static void the_group_knows_more_than_what_was_reaped(void **state)
{
	struct slate slate = { .start_us = 20, .end_us = 120, .user_us = 30, .system_us = 10 };
	struct cg_slot_usage usage = { .cpu_us = 80, .peak_bytes = 4096 };
	struct watch watch = { .asked_us = 10 };
	struct box_result result = { 0 };

	(void)state;
	watch_record(&watch, &slate, &usage, &result);
	assert_int_equal(result.user_us, 60);
	assert_int_equal(result.system_us, 20);
	assert_int_equal(result.peak_bytes, 4096);
	slate.maxrss_bytes = 8192;
	usage.cpu_us = 0;
	watch_record(&watch, &slate, &usage, &result);
	assert_int_equal(result.user_us, 30);
	assert_int_equal(result.system_us, 10);
	assert_int_equal(result.peak_bytes, 8192);
}

static void what_never_ran_says_why(void **state)
{
	struct slate slate = { .step = "chdir", .error = ENOENT, .object = "/x" };
	struct box_result result = record(&slate, WATCH_RUNNING, false);

	(void)state;
	assert_int_equal(result.cause, BOX_CAUSE_SETUP);
	assert_string_equal(result.setup_step, "chdir");
	assert_string_equal(result.setup_object, "/x");
	assert_int_equal(result.setup_errno, ENOENT);
	slate.refused = 1;
	assert_int_equal(record(&slate, WATCH_RUNNING, false).cause, BOX_CAUSE_REFUSED);
	slate = (struct slate){ .step = "mount" };
	assert_int_equal(record(&slate, WATCH_KILLED, false).cause, BOX_CAUSE_TIMEOUT);
	assert_int_equal(record(&slate, WATCH_RUNNING, true).cause, BOX_CAUSE_OOM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_deadline_asks_then_kills),
		cmocka_unit_test(no_deadline_is_never_due),
		cmocka_unit_test(a_request_ends_it_at_once),
		cmocka_unit_test(processor_time_is_looked_at_no_sooner_than_it_could_be_used_up),
		cmocka_unit_test(causes_come_from_facts),
		cmocka_unit_test(the_group_knows_more_than_what_was_reaped),
		cmocka_unit_test(what_never_ran_says_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
