// SPDX-License-Identifier: Apache-2.0
/* sample.h - one small run with everything in it that reports must show, and helpers to feed
 * reporters and read what they wrote. */
#ifndef PADDOCK_TESTS_UNIT_COORDINATOR_REPORT_SAMPLE_H
#define PADDOCK_TESTS_UNIT_COORDINATOR_REPORT_SAMPLE_H

#include "coordinator/report/report.h"
#include "protocol/base/fd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SAMPLE_ATTEMPT(what, p, n, o, us)                                                    \
	.kind = (what), .suite = STR_LIT("unit"), .program = STR_LIT(p), .name = STR_LIT(n), \
	.file = STR_LIT("/src/build/" p), .outcome = (o), .duration_us = (us),               \
	.worker = STR_LIT("local")
#define SAMPLE_CASE(p, n, o, us)    SAMPLE_ATTEMPT(MSG_RUN_CASE_FINISHED, p, n, o, us), .attempt = 1
#define SAMPLE_AGAIN(p, n, o, us)   SAMPLE_ATTEMPT(MSG_RUN_CASE_FINISHED, p, n, o, us)
#define SAMPLE_RETRIED(p, n, o, us) SAMPLE_ATTEMPT(MSG_RUN_CASE_RETRIED, p, n, o, us), .attempt = 1

#define SAMPLE_SLOW(p, n, us)	    SAMPLE_ATTEMPT(MSG_RUN_CASE_SLOW, p, n, 0, us), .attempt = 1

#define SAMPLE_FILE(p, n, f)                                                       \
	.kind = MSG_RUN_ARTIFACT, .suite = STR_LIT("unit"), .program = STR_LIT(p), \
	.name = STR_LIT(n), .worker = STR_LIT("local"), .count = 1, .path = STR_LIT(f)

static const struct msg_run_event sample_events[] = {
	{ .kind = MSG_RUN_STARTED, .name = STR_LIT("20261122-101112-7f3a"), .count = 3 },
	{ .kind = MSG_RUN_WORKER_JOINED, .at_us = 10, .worker = STR_LIT("local"), .slots = 2 },
	{ .kind = MSG_RUN_LISTED,
	  .at_us = 1000,
	  .suite = STR_LIT("unit"),
	  .program = STR_LIT("alpha"),
	  .adapter = STR_LIT("gtest"),
	  .file = STR_LIT("/src/build/alpha"),
	  .count = 8 },
	{ .kind = MSG_RUN_LISTED,
	  .at_us = 1100,
	  .suite = STR_LIT("unit"),
	  .program = STR_LIT("beta"),
	  .adapter = STR_LIT("list"),
	  .file = STR_LIT("/src/build/beta"),
	  .count = 5 },
	{ .kind = MSG_RUN_LIST_FAILED,
	  .at_us = 1200,
	  .suite = STR_LIT("unit"),
	  .program = STR_LIT("gone"),
	  .file = STR_LIT("/src/build/gone"),
	  .message = STR_LIT("running /src/build/gone --list: no such file; build it") },
	{ SAMPLE_CASE("gone", "(listing)", OUTCOME_ERROR, 0), .at_us = 1200, .index = 13,
	  .message = STR_LIT("running /src/build/gone --list: no such file; build it") },
	{ .kind = MSG_RUN_CASE_STARTED,
	  .at_us = 2000,
	  .suite = STR_LIT("unit"),
	  .program = STR_LIT("alpha"),
	  .name = STR_LIT("A.passes"),
	  .attempt = 1,
	  .estimate_us = 12000,
	  .worker = STR_LIT("local") },
	{ SAMPLE_CASE("alpha", "A.passes", OUTCOME_PASS, 12345), .at_us = 14345, .index = 0,
	  .estimate_us = 12000, .cpu_us = 11000, .peak_bytes = 4096 },
	{ SAMPLE_CASE("alpha", "A.fails", OUTCOME_FAIL, 1200000), .at_us = 1300000, .index = 1,
	  .exit_code = 1, .slot = 1, .message = STR_LIT("expected <1> & got \"2\"\nat alpha.c:12"),
	  .out = STR_LIT("out line 1\n\033[31mred\033[0m and \xff byte\n"),
	  .err = STR_LIT("err\x01line]]>\n") },
	{ SAMPLE_CASE("alpha", "A.skips", OUTCOME_SKIP, 10), .at_us = 1300010, .index = 2,
	  .message = STR_LIT("no network") },
	{ SAMPLE_CASE("alpha", "A.crashes", OUTCOME_CRASH, 5000), .at_us = 1310000, .index = 3,
	  .signal = 11, .quarantined = 0, .dropped_bytes = 77 },
	{ SAMPLE_SLOW("alpha", "A.hangs", 1000000), .at_us = 2310000, .index = 4, .count = 1 },
	{ SAMPLE_SLOW("alpha", "A.hangs", 1900000), .at_us = 3210000, .index = 4, .count = 2 },
	{ SAMPLE_CASE("alpha", "A.hangs", OUTCOME_TIMEOUT, 2000000), .at_us = 3310000, .index = 4,
	  .message = STR_LIT("killed after 2 s") },
	{ SAMPLE_RETRIED("alpha", "A.flaky", OUTCOME_FAIL, 7000), .at_us = 3320000, .index = 5,
	  .message = STR_LIT("lost a race"), .out = STR_LIT("first try\n") },
	{ SAMPLE_AGAIN("alpha", "A.flaky", OUTCOME_PASS, 6000), .attempt = 2, .at_us = 3330000,
	  .index = 5, .flaky = 1 },
	{ SAMPLE_CASE("alpha", "A.known", OUTCOME_FAIL, 3000), .at_us = 3340000, .index = 6,
	  .quarantined = 1, .message = STR_LIT("issue 12") },
	{ SAMPLE_CASE("alpha", "A.leaks", OUTCOME_LEAK, 4000), .at_us = 3350000, .index = 7,
	  .message = STR_LIT("2 processes left behind") },
	{ SAMPLE_FILE("alpha", "A.fails", "shots/1 & 2.png"), .at_us = 1290000, .index = 1,
	  .file = STR_LIT("/state/runs/r/artifacts/unit/alpha/A.fails/shots/1 & 2.png"),
	  .offset = 54321 },
	{ SAMPLE_FILE("alpha", "A.fails", "passwd"), .at_us = 1291000, .index = 1,
	  .message = STR_LIT("a symbolic link") },
	{ SAMPLE_FILE("alpha", "A.flaky", "log"), .at_us = 3329000, .index = 5,
	  .file = STR_LIT("/state/runs/r/artifacts/unit/alpha/A.flaky~attempt-2/log"), .offset = 5,
	  .attempt = 2 },
	{ .kind = MSG_RUN_WARNING,
	  .at_us = 3360000,
	  .message = STR_LIT("the cgroup could not be made\nlimits are off") },
	{ SAMPLE_CASE("beta", "name\twith ::odd\n\xe2\x80\xae parts", OUTCOME_PASS, 1),
	  .at_us = 3370000, .index = 8 },
	{ SAMPLE_CASE("beta", "broken", OUTCOME_ERROR, 0), .at_us = 3380000, .index = 9,
	  .message = STR_LIT("no sandbox: user namespaces are off") },
	{ SAMPLE_RETRIED("beta", "lost", OUTCOME_LOST, 0), .at_us = 3385000, .index = 10 },
	{ SAMPLE_AGAIN("beta", "lost", OUTCOME_LOST, 0), .attempt = 2, .at_us = 3390000,
	  .index = 10 },
	{ SAMPLE_CASE("beta", "extra point", OUTCOME_PASS, 20), .at_us = 3391000,
	  .index = UINT32_MAX, .found = 1 },
	{ SAMPLE_AGAIN("beta", "waits", OUTCOME_NOTRUN, 0), .at_us = 3392000, .index = 11,
	  .message = STR_LIT("stopped after 3 failures") },
	{ SAMPLE_CASE("beta", "eats", OUTCOME_OOM, 90000), .at_us = 3393000, .index = 12,
	  .peak_bytes = 1 << 30 },
	{ .kind = MSG_RUN_WORKER_LEFT,
	  .at_us = 3400000,
	  .worker = STR_LIT("local"),
	  .message = STR_LIT("done") },
	{ .kind = MSG_RUN_FINISHED,
	  .at_us = 3400000,
	  .count = 15,
	  .exit_code = 111,
	  .makespan_us = 3400000,
	  .bound_us = 3200000,
	  .slots = 2,
	  .busy_us = 3300000,
	  .message = STR_LIT("the longest case, unit::alpha::A.hangs") },
};

enum { SAMPLE_EVENTS = sizeof(sample_events) / sizeof(sample_events[0]) };

/* A path of this process's own in the temporary folder. */
static inline const char *sample_path(const char *name)
{
	static char path[128];
	snprintf(path, sizeof(path), "/tmp/paddock-report-%ld-%s", (long)getpid(), name);
	return path;
}

/* Options as most tests want them. */
static inline struct report_options sample_options(const char *path)
{
	return (struct report_options){ .path = path,
					.durations = 3,
					.failure_output = REPORT_OUTPUT_IMMEDIATE };
}

/* An open reporter; fails the test when it cannot be opened. */
static inline struct report *sample_open(const char *name, const struct report_options *options)
{
	struct report *report = NULL;
	struct err err = { 0 };
	if (report_find(name)->open(options, &report, &err) != 0)
		fail_msg("%s", err.text);
	return report;
}

/* Close it; fails the test when that fails. */
static inline void sample_close(const char *name, struct report *report)
{
	struct err err = { 0 };
	if (report_find(name)->close(report, &err) != 0)
		fail_msg("%s", err.text);
}

/* What reporter `name` writes about events in the order given, in a buffer the caller frees. */
static inline struct buf sample_write(const char *name, const struct report_options *options,
				      const struct msg_run_event *events, size_t n)
{
	struct buf text;
	struct report *report = sample_open(name, options);
	for (size_t i = 0; i < n; i++)
		report_find(name)->event(report, &events[i]);
	sample_close(name, report);
	assert_int_equal(fd_read_file(options->path, 64 << 20, &text), 0);
	unlink(options->path);
	return text;
}

#endif
