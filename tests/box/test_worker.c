// SPDX-License-Identifier: Apache-2.0
/*
 * ctest: timeout=120
 *
 * A real worker with a real keeper, from order to closed, without and with a sandbox. The
 * coordinator is the kit's.
 */
#include "protocol/base/buf.h"
#include "protocol/base/clock.h"
#include "protocol/base/fd.h"
#include "protocol/wire/outcome.h"
#include "sandbox/box.h"
#include "tests/kit/fakecoord.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { CASES_MAX = 32 };

struct fixture {
	struct fakecoord *coord;
	char folder[64];
	struct msg_program program;
	struct msg_assign assign;
	struct msg_shard_case cases[CASES_MAX];
	struct str env[1];
	char path[128];
};

static void write_text(const char *path, const char *text, mode_t mode)
{
	struct err err = { 0 };
	if (fd_write_file(path, text, strlen(text), &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(chmod(path, mode), 0);
}

/* A worker, and an order for a program of `kind` whose file holds `text`. */
static void set_up(struct fixture *f, const char *kind, const char *text, enum box_level level)
{
	memset(f, 0, sizeof(*f));
	snprintf(f->folder, sizeof(f->folder), "/var/tmp/worker-test-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	assert_int_equal(chmod(f->folder, 0755), 0);
	snprintf(f->path, sizeof(f->path), "%s/program", f->folder);
	if (text)
		write_text(f->path, text, 0755);
	f->env[0] = STR_LIT("PATH=/usr/bin:/bin");
	f->program = (struct msg_program){
		.suite = STR_LIT("suite"),
		.name = STR_LIT("program"),
		.kind = str_of(kind),
		.path = str_of(f->path),
		.env = f->env,
		.n_env = 1,
		.workspace = str_of(f->folder),
		.level = level,
		.timeout_us = 10 * CLOCK_US_PER_S,
	};
	f->assign = (struct msg_assign){
		.retry = 1, .run = STR_LIT("run"), .program = &f->program, .n_program = 1
	};
	f->coord = fakecoord_start(2);
}

static void tear_down(struct fixture *f)
{
	int status = fakecoord_stop(f->coord);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	unlink(f->path);
	assert_int_equal(rmdir(f->folder), 0);
}

static void add_case(struct fixture *f, const char *name, const char *detail)
{
	size_t i = f->assign.n_cases++;
	assert_true(i < CASES_MAX);
	f->cases[i] = (struct msg_shard_case){ .index = i,
					       .name = str_of(name),
					       .detail = str_of(detail) };
	f->assign.cases = f->cases;
}

/* "0=pass 1=fail " of the attempt's verdicts, in order. */
static const char *verdicts(struct fixture *f, uint64_t attempt, char *out, size_t size)
{
	const struct msg_event *events;
	size_t n = fakecoord_events(f->coord, &events), len = 0;
	out[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		if (events[i].attempt != attempt || events[i].kind != MSG_EVENT_ENDED)
			continue;
		if (events[i].name.len)
			len += (size_t)snprintf(out + len, size - len, "(%.*s)",
						STR_ARG(events[i].name));
		else
			len += (size_t)snprintf(out + len, size - len, "%u",
						(unsigned)events[i].index);
		len += (size_t)snprintf(out + len, size - len, "=%s ",
					outcome_name((enum outcome)events[i].outcome));
		assert_true(len < size);
	}
	return out;
}

static const struct msg_event *verdict_of(struct fixture *f, uint64_t attempt, size_t index)
{
	const struct msg_event *events;
	size_t n = fakecoord_events(f->coord, &events);
	for (size_t i = 0; i < n; i++)
		if (events[i].attempt == attempt && events[i].kind == MSG_EVENT_ENDED &&
		    events[i].index == index && !events[i].name.len)
			return &events[i];
	fail_msg("no verdict of case %zu", index);
	return NULL;
}

static void assert_closed(const struct msg_event *closed, enum msg_close_cause cause,
			  const char *part)
{
	if (closed->cause != cause || !strstr(closed->message.data, part))
		fail_msg("closed with cause %d: %s", (int)closed->cause, closed->message.data);
}

static void list_program(enum box_level level)
{
	struct fixture f;
	set_up(&f, "list", "one\ttrue\n# comment\ntwo\tfalse\n", level);
	f.assign.list = 1;
	uint64_t attempt = fakecoord_order(f.coord, &f.assign);
	assert_closed(fakecoord_wait_closed(f.coord, attempt), MSG_CLOSE_FINE, "");
	const struct msg_event *listed = fakecoord_wait(f.coord, attempt, MSG_EVENT_LISTED);
	assert_int_equal(listed->n_listed, 2);
	assert_string_equal(listed->listed[1].name.data, "two");
	assert_string_equal(listed->listed[1].detail.data, "false");
	tear_down(&f);
}

static void run_commands(enum box_level level)
{
	struct fixture f;
	char text[512];
	set_up(&f, "list", "x\n", level);
	add_case(&f, "passes", "true");
	add_case(&f, "fails", "echo out; echo err >&2; exit 3");
	add_case(&f, "skips", "exit 77");
	add_case(&f, "dies", "kill -SEGV $$");
	add_case(&f, "leaks", "sleep 100 >/dev/null 2>&1 & exit 0");
	add_case(&f, "environment",
		 "test \"$PADDOCK_CASE/$PADDOCK_RUN/$PADDOCK_WORKER\" = environment/run/tester && "
		 "touch \"$PADDOCK_ARTIFACTS/a\" \"$PADDOCK_TMPDIR/b\" \"$TEST_TMPDIR/c\"");
	uint64_t attempt = fakecoord_order(f.coord, &f.assign);
	const struct msg_event *closed = fakecoord_wait_closed(f.coord, attempt);
	assert_closed(closed, MSG_CLOSE_FINE, "");
	assert_int_equal(closed->processes, 6);
	assert_string_equal(verdicts(&f, attempt, text, sizeof(text)),
			    "0=pass 1=fail 2=skip 3=crash 4=leak 5=pass ");
	assert_int_equal(verdict_of(&f, attempt, 1)->exit_code, 3);
	assert_int_equal(verdict_of(&f, attempt, 3)->signal, SIGSEGV);
	tear_down(&f);
}

/* The kept output of a red case comes before its verdict, of a green one not at all. */
static void test_output_of_red_cases(void **state)
{
	struct fixture f;
	const struct msg_event *events;
	(void)state;
	set_up(&f, "list", "x\n", BOX_LEVEL_OFF);
	add_case(&f, "green", "echo quiet");
	add_case(&f, "red", "echo loud; echo 'and \xff' >&2; exit 1");
	uint64_t attempt = fakecoord_order(f.coord, &f.assign);
	fakecoord_wait_closed(f.coord, attempt);
	size_t n = fakecoord_events(f.coord, &events), outputs = 0;
	for (size_t i = 0; i < n; i++) {
		if (events[i].kind != MSG_EVENT_OUTPUT)
			continue;
		outputs++;
		assert_int_equal(events[i].index, 1);
		assert_string_equal(events[i].data.data,
				    events[i].stream == 1 ? "loud\n" : "and \xff\n");
		assert_int_not_equal(events[i + 1].kind, MSG_EVENT_CLOSED);
	}
	assert_int_equal(outputs, 2);
	tear_down(&f);
}

static void test_flood_is_capped(void **state)
{
	struct fixture f;
	(void)state;
	set_up(&f, "list", "x\n", BOX_LEVEL_OFF);
	f.program.output_bytes = 10000;
	add_case(&f, "flood", "head -c 50000000 /dev/zero; exit 1");
	uint64_t attempt = fakecoord_order(f.coord, &f.assign);
	fakecoord_wait_closed(f.coord, attempt);
	assert_int_equal(verdict_of(&f, attempt, 0)->outcome, OUTCOME_FAIL);
	assert_int_equal(verdict_of(&f, attempt, 0)->dropped_bytes, 50000000 - 10000);
	tear_down(&f);
}

static void time_out(enum box_level level)
{
	struct fixture f;
	char text[128];
	set_up(&f, "list", "x\n", level);
	f.program.timeout_us = 300 * CLOCK_US_PER_MS;
	f.program.grace_us = 100 * CLOCK_US_PER_MS;
	add_case(&f, "hangs", "trap '' TERM; setsid sleep 1000 & sleep 1000; sleep 1000");
	add_case(&f, "next", "true");
	uint64_t attempt = fakecoord_order(f.coord, &f.assign);
	assert_closed(fakecoord_wait_closed(f.coord, attempt), MSG_CLOSE_FINE, "");
	assert_string_equal(verdicts(&f, attempt, text, sizeof(text)), "0=timeout 1=pass ");
	assert_true(verdict_of(&f, attempt, 0)->duration_us < 5 * CLOCK_US_PER_S);
	tear_down(&f);
}

/* The limit of a test that waits for a line of its output is the worker's to watch. */
static void time_out_after_match(enum box_level level)
{
	struct fixture f;
	char text[128];
	set_up(&f, "ctest", "", level);
	f.program.grace_us = 100 * CLOCK_US_PER_MS;
	add_case(&f, "sooner",
		 "arg=sh\targ=-c\targ=echo ready; sleep 1000\tafter=ready\t"
		 "afterus=20000\t");
	add_case(&f, "later",
		 "arg=sh\targ=-c\targ=echo ready; sleep 2.5\tafter=ready\t"
		 "afterus=60000000\t");
	add_case(&f, "silent", "arg=sleep\targ=1000\tafter=ready\tafterus=60000000\t");
	add_case(&f, "ordinary", "arg=true\t");
	f.cases[1].timeout_us = 2 * CLOCK_US_PER_S;
	f.cases[2].timeout_us = 300 * CLOCK_US_PER_MS;
	uint64_t attempt = fakecoord_order(f.coord, &f.assign);
	assert_closed(fakecoord_wait_closed(f.coord, attempt), MSG_CLOSE_FINE, "");
	assert_string_equal(verdicts(&f, attempt, text, sizeof(text)),
			    "0=timeout 1=pass 2=timeout 3=pass ");
	assert_non_null(strstr(verdict_of(&f, attempt, 0)->message.data,
			       "within 20 ms of the output that its limit counts from"));
	assert_non_null(strstr(verdict_of(&f, attempt, 2)->message.data, "within 300 ms and"));
	tear_down(&f);
}

static void test_cancel(void **state)
{
	struct fixture f;
	char text[128];
	(void)state;
	set_up(&f, "list", "x\n", BOX_LEVEL_OFF);
	add_case(&f, "waits", "sleep 1000");
	add_case(&f, "never", "true");
	uint64_t attempt = fakecoord_order(f.coord, &f.assign);
	fakecoord_wait(f.coord, attempt, MSG_EVENT_STARTED);
	fakecoord_cancel(f.coord, attempt);
	assert_closed(fakecoord_wait_closed(f.coord, attempt), MSG_CLOSE_CANCELLED, "cancelled");
	assert_string_equal(verdicts(&f, attempt, text, sizeof(text)), "");
	tear_down(&f);
}

static void test_missing_program(void **state)
{
	struct fixture f;
	(void)state;
	set_up(&f, "gtest", NULL, BOX_LEVEL_OFF);
	f.assign.list = 1;
	uint64_t attempt = fakecoord_order(f.coord, &f.assign);
	assert_closed(fakecoord_wait_closed(f.coord, attempt), MSG_CLOSE_LISTING,
		      "no such executable");
	f.assign.list = 0;
	add_case(&f, "A.b", "A.b");
	attempt = fakecoord_order(f.coord, &f.assign);
	assert_closed(fakecoord_wait_closed(f.coord, attempt), MSG_CLOSE_FINE, "");
	assert_int_equal(verdict_of(&f, attempt, 0)->outcome, OUTCOME_ERROR);
	assert_non_null(strstr(verdict_of(&f, attempt, 0)->message.data, "no such executable"));
	tear_down(&f);
}

static void test_listing_that_hangs(void **state)
{
	struct fixture f;
	(void)state;
	set_up(&f, "gtest", "#!/bin/sh\nexec sleep 1000\n", BOX_LEVEL_OFF);
	f.program.timeout_us = 300 * CLOCK_US_PER_MS;
	f.assign.list = 1;
	uint64_t attempt = fakecoord_order(f.coord, &f.assign);
	assert_closed(fakecoord_wait_closed(f.coord, attempt), MSG_CLOSE_LISTING,
		      "did not end within");
	tear_down(&f);
}

/*
 * A program that speaks as GoogleTest does: one case passes, one dies, the one after it still runs.
 */
static const char fake_gtest[] =
	"#!/bin/sh\n"
	"for a in \"$@\"; do case $a in\n"
	"--gtest_list_tests) printf 'S.\\n  ok\\n  dies\\n  last\\n'; exit 0;;\n"
	"--gtest_filter=*) f=${a#*=};;\n"
	"esac; done\n"
	"IFS=:; for c in $f; do\n"
	"echo \"[ RUN      ] $c\"\n"
	"case $c in S.dies) echo dying words; echo assert >&2; kill -ABRT $$;;\n"
	"S.hangs) sleep 100;; esac\n"
	"echo \"[       OK ] $c (0 ms)\"\n"
	"done\n";

static void run_gtest(enum box_level level)
{
	struct fixture f;
	char text[128];
	set_up(&f, "gtest", fake_gtest, level);
	f.program.timeout_us = CLOCK_US_PER_S;
	f.program.grace_us = 10 * CLOCK_US_PER_MS;
	add_case(&f, "S.ok", "S.ok");
	add_case(&f, "S.dies", "S.dies");
	add_case(&f, "S.hangs", "S.hangs");
	add_case(&f, "S.last", "S.last");
	uint64_t attempt = fakecoord_order(f.coord, &f.assign);
	const struct msg_event *closed = fakecoord_wait_closed(f.coord, attempt);
	assert_closed(closed, MSG_CLOSE_FINE, "");
	assert_int_equal(closed->processes, 3);
	assert_string_equal(verdicts(&f, attempt, text, sizeof(text)),
			    "0=pass 1=crash 2=timeout 3=pass ");
	const struct msg_event *events;
	size_t n = fakecoord_events(f.coord, &events);
	for (size_t i = 0; i < n; i++)
		if (events[i].kind == MSG_EVENT_OUTPUT && events[i].index == 1 &&
		    events[i].stream == 1)
			assert_string_equal(events[i].data.data,
					    "[ RUN      ] S.dies\ndying words\n");
	tear_down(&f);
}

static void test_session_is_resumed(void **state)
{
	struct fixture f;
	char text[128];
	(void)state;
	set_up(&f, "list", "x\n", BOX_LEVEL_OFF);
	add_case(&f, "waits", "sleep 0.5");
	uint64_t attempt = fakecoord_order(f.coord, &f.assign);
	fakecoord_wait(f.coord, attempt, MSG_EVENT_STARTED);
	fakecoord_forget(f.coord);
	assert_closed(fakecoord_wait_closed(f.coord, attempt), MSG_CLOSE_FINE, "");
	assert_string_equal(verdicts(&f, attempt, text, sizeof(text)), "0=pass ");
	assert_true(fakecoord_hellos(f.coord) >= 2);
	tear_down(&f);
}

/* Both lanes are told that the session is unknown, the second while the hello is on its way. */
static void test_a_late_refusal_ends_no_worker(void **state)
{
	struct fixture f;
	char text[128];
	(void)state;
	set_up(&f, "list", "x\n", BOX_LEVEL_OFF);
	add_case(&f, "quick", "true");
	fakecoord_mute(f.coord, true);
	uint64_t attempt = fakecoord_order(f.coord, &f.assign);
	fakecoord_serve(f.coord, 500 * CLOCK_US_PER_MS);
	fakecoord_forget(f.coord);
	fakecoord_mute(f.coord, false);
	assert_closed(fakecoord_wait_closed(f.coord, attempt), MSG_CLOSE_FINE, "");
	assert_string_equal(verdicts(&f, attempt, text, sizeof(text)), "0=pass ");
	assert_int_equal(fakecoord_hellos(f.coord), 2);
	tear_down(&f);
}

/* The first SIGTERM lets what runs end and be told; the second kills it. */
static void test_drains(void **state)
{
	struct fixture f;
	char text[128];
	(void)state;
	set_up(&f, "list", "x\n", BOX_LEVEL_OFF);
	add_case(&f, "waits", "sleep 0.5");
	uint64_t attempt = fakecoord_order(f.coord, &f.assign);
	fakecoord_wait(f.coord, attempt, MSG_EVENT_STARTED);
	kill(fakecoord_worker(f.coord), SIGTERM);
	assert_closed(fakecoord_wait_closed(f.coord, attempt), MSG_CLOSE_FINE, "");
	assert_string_equal(verdicts(&f, attempt, text, sizeof(text)), "0=pass ");
	tear_down(&f);
	set_up(&f, "list", "x\n", BOX_LEVEL_OFF);
	add_case(&f, "waits", "sleep 1000");
	attempt = fakecoord_order(f.coord, &f.assign);
	fakecoord_wait(f.coord, attempt, MSG_EVENT_STARTED);
	kill(fakecoord_worker(f.coord), SIGTERM);
	fakecoord_serve(f.coord, 200 * CLOCK_US_PER_MS);
	kill(fakecoord_worker(f.coord), SIGTERM);
	assert_closed(fakecoord_wait_closed(f.coord, attempt), MSG_CLOSE_CANCELLED, "cancelled");
	tear_down(&f);
}

/* Nobody acknowledges: the tests' output is left in their pipes, and all goes on once somebody
 * does. */
static void test_a_full_spool_holds_the_tests_back(void **state)
{
	struct fixture f;
	char text[256];
	(void)state;
	set_up(&f, "list", "x\n", BOX_LEVEL_OFF);
	f.program.output_bytes = 64 << 20;
	for (int i = 0; i < 4; i++)
		add_case(&f, "flood", "head -c 60000000 /dev/zero; exit 1");
	uint64_t attempt = fakecoord_order(f.coord, &f.assign);
	fakecoord_wait(f.coord, attempt, MSG_EVENT_STARTED);
	fakecoord_mute(f.coord, true);
	fakecoord_serve(f.coord, 3 * CLOCK_US_PER_S);
	fakecoord_mute(f.coord, false);
	fakecoord_wait_closed(f.coord, attempt);
	assert_string_equal(verdicts(&f, attempt, text, sizeof(text)),
			    "0=fail 1=fail 2=fail 3=fail ");
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(verdict_of(&f, attempt, i)->dropped_bytes, 0);
	tear_down(&f);
}

/* The keeper is the worker's only child. */
static pid_t keeper_of(pid_t worker)
{
	char path[64];
	struct buf buf;
	uint64_t pid;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", worker, worker);
	assert_int_equal(fd_read_file(path, 4096, &buf), 0);
	struct str rest = buf_str(&buf), word;
	assert_true(str_split(&rest, ' ', &word));
	assert_int_equal(str_parse_u64(word, 2, INT32_MAX, &pid), 0);
	buf_done(&buf);
	return (pid_t)pid;
}

static void test_keeper_is_replaced(void **state)
{
	struct fixture f;
	char text[128];
	(void)state;
	set_up(&f, "list", "x\n", BOX_LEVEL_OFF);
	add_case(&f, "waits", "sleep 100");
	uint64_t attempt = fakecoord_order(f.coord, &f.assign);
	fakecoord_wait(f.coord, attempt, MSG_EVENT_STARTED);
	kill(keeper_of(fakecoord_worker(f.coord)), SIGKILL);
	assert_closed(fakecoord_wait_closed(f.coord, attempt), MSG_CLOSE_WORKER, "keeper");
	f.cases[0].detail = STR_LIT("true");
	attempt = fakecoord_order(f.coord, &f.assign);
	assert_closed(fakecoord_wait_closed(f.coord, attempt), MSG_CLOSE_FINE, "");
	assert_string_equal(verdicts(&f, attempt, text, sizeof(text)), "0=pass ");
	tear_down(&f);
}

static void test_listing_bare(void **state)
{
	(void)state;
	list_program(BOX_LEVEL_OFF);
}
static void test_listing_boxed(void **state)
{
	(void)state;
	list_program(BOX_LEVEL_DEFAULT);
}
static void test_commands_bare(void **state)
{
	(void)state;
	run_commands(BOX_LEVEL_OFF);
}
static void test_commands_boxed(void **state)
{
	(void)state;
	run_commands(BOX_LEVEL_DEFAULT);
}
static void test_timeout_bare(void **state)
{
	(void)state;
	time_out(BOX_LEVEL_OFF);
}
static void test_timeout_boxed(void **state)
{
	(void)state;
	time_out(BOX_LEVEL_DEFAULT);
}
static void test_timeout_after_match_bare(void **state)
{
	(void)state;
	time_out_after_match(BOX_LEVEL_OFF);
}
static void test_timeout_after_match_boxed(void **state)
{
	(void)state;
	time_out_after_match(BOX_LEVEL_DEFAULT);
}
static void test_gtest_bare(void **state)
{
	(void)state;
	run_gtest(BOX_LEVEL_OFF);
}
static void test_gtest_boxed(void **state)
{
	(void)state;
	run_gtest(BOX_LEVEL_DEFAULT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_listing_bare),
		cmocka_unit_test(test_commands_bare),
		cmocka_unit_test(test_output_of_red_cases),
		cmocka_unit_test(test_flood_is_capped),
		cmocka_unit_test(test_timeout_bare),
		cmocka_unit_test(test_timeout_after_match_bare),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_missing_program),
		cmocka_unit_test(test_listing_that_hangs),
		cmocka_unit_test(test_gtest_bare),
		cmocka_unit_test(test_session_is_resumed),
		cmocka_unit_test(test_a_late_refusal_ends_no_worker),
		cmocka_unit_test(test_keeper_is_replaced),
		cmocka_unit_test(test_drains),
		cmocka_unit_test(test_a_full_spool_holds_the_tests_back),
		cmocka_unit_test(test_listing_boxed),
		cmocka_unit_test(test_commands_boxed),
		cmocka_unit_test(test_timeout_boxed),
		cmocka_unit_test(test_timeout_after_match_boxed),
		cmocka_unit_test(test_gtest_boxed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
