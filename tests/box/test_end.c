// SPDX-License-Identifier: Apache-2.0
/* An end that is an end: deadlines, kills, leftovers, dead keepers, at level default and off. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/kit/boxkit.h"

static struct boxkit kit;
static const enum box_level levels[] = { BOX_LEVEL_DEFAULT, BOX_LEVEL_OFF };

/* How long a payload may take to be ready for its end: longer on an emulated machine. */
static uint64_t patience(uint64_t us)
{
	return getenv("BOX_SLOW") ? us * 10 : us;
}

static int open_kit(void **state)
{
	(void)state;
	boxkit_open(&kit, 2);
	return 0;
}

static int close_kit(void **state)
{
	(void)state;
	boxkit_close(&kit);
	return 0;
}

static void a_deadline_ends_everything(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		const char *word = boxkit_unique_word();
		const char *argv[] = { boxkit_probe(), "stubborn", word, NULL };
		struct box_spec spec = boxkit_spec(argv);

		spec.level = levels[i];
		spec.wall_us = patience(300000);
		spec.grace_us = 200000;
		boxkit_run(&kit, &spec);
		assert_int_equal(kit.result.cause, BOX_CAUSE_TIMEOUT);
		assert_int_equal(kit.result.term_signal, SIGKILL);
		assert_true(kit.result.wall_us >= spec.wall_us + 150000 ||
			    levels[i] == BOX_LEVEL_OFF);
		assert_int_equal(boxkit_count_processes(word), 0);
	}
}

static void term_comes_before_kill(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		const char *argv[] = { "/bin/sh", "-c",
				       "trap 'echo bye; exit 4' TERM; while :; do sleep 0.01; done",
				       NULL };
		struct box_spec spec = boxkit_spec(argv);

		spec.level = levels[i];
		spec.wall_us = patience(200000);
		spec.grace_us = 10000000;
		boxkit_run(&kit, &spec);
		assert_int_equal(kit.result.cause, BOX_CAUSE_TIMEOUT);
		assert_non_null(strstr(kit.out, "bye\n"));
		assert_int_equal(kit.result.exit_code, 4);
	}
}

/* The daemon holds stdout open, which is a pipe here: the result comes all the same. */
static void a_leak_delays_nothing(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		const char *word = boxkit_unique_word();
		const char *argv[] = { boxkit_probe(), "daemon", word, NULL };
		struct box_spec spec = boxkit_spec(argv);
		struct pollfd pfd = { .fd = box_fd(kit.box), .events = POLLIN };
		int ends[2];
		int fds[3];
		char text[16];

		spec.level = levels[i];
		spec.leak_grace_us = 50000;
		assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
		fds[0] = fds[1] = fds[2] = ends[1];
		assert_int_equal(box_spawn(kit.box, 9, &spec, fds, 3), 0);
		close(ends[1]);
		assert_int_equal(poll(&pfd, 1, 10000), 1);
		assert_int_equal(box_receive(kit.box, &kit.result), 1);
		assert_int_equal(kit.result.cause, BOX_CAUSE_EXIT);
		assert_int_equal(kit.result.exit_code, 0);
		assert_int_equal(kit.result.leftovers, 1);
		assert_int_equal(boxkit_count_processes(word), 0);
		assert_int_equal(read(ends[0], text, sizeof(text)), 3);
		assert_int_equal(read(ends[0], text, sizeof(text)), 0);
		close(ends[0]);
	}
}

static void no_leftovers_are_no_leftovers(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		const char *argv[] = { "/bin/sh", "-c", "sleep 0.05 & exit 0", NULL };
		struct box_spec spec = boxkit_spec(argv);

		spec.level = levels[i];
		spec.leak_grace_us = 5000000;
		boxkit_run(&kit, &spec);
		assert_int_equal(kit.result.leftovers, 0);
		assert_int_equal(kit.result.cause, BOX_CAUSE_EXIT);
	}
}

static void kill_is_obeyed(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		const char *word = boxkit_unique_word();
		const char *argv[] = { boxkit_probe(), "stubborn", word, NULL };
		struct box_spec spec = boxkit_spec(argv);
		struct pollfd pfd = { .fd = box_fd(kit.box), .events = POLLIN };

		spec.level = levels[i];
		assert_int_equal(box_spawn(kit.box, 11, &spec, NULL, 0), 0);
		assert_int_equal(box_spawn(kit.box, 12, &spec, NULL, 0), -EBUSY);
		poll(&pfd, 1, 100);
		assert_int_equal(box_kill(kit.box, 11, 0), 0);
		assert_int_equal(poll(&pfd, 1, 10000), 1);
		assert_int_equal(box_receive(kit.box, &kit.result), 1);
		assert_int_equal(kit.result.cause, BOX_CAUSE_KILLED);
		assert_int_equal(boxkit_count_processes(word), 0);
	}
}

static void causes_are_told_apart(void **state)
{
	(void)state;
	boxkit_sh(&kit, "kill -SEGV $$");
	assert_int_equal(kit.result.cause, BOX_CAUSE_SIGNAL);
	assert_int_equal(kit.result.term_signal, SIGSEGV);
	/* What a test says about itself proves nothing. */
	boxkit_sh(&kit, "exit 137");
	assert_int_equal(kit.result.cause, BOX_CAUSE_EXIT);
	assert_int_equal(kit.result.exit_code, 137);
	boxkit_sh(&kit, "kill -KILL $$");
	assert_int_equal(kit.result.cause, BOX_CAUSE_SIGNAL);
	assert_false(kit.result.oom);
}

static pid_t parent_of(pid_t pid)
{
	char path[64];
	char text[512];
	FILE *file;
	char *at;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	at = strrchr(text, ')');
	return at ? (pid_t)strtol(at + 4, NULL, 10) : 0;
}

/* The keeper is the only child of ours that is called paddock-box. */
static pid_t find_keeper(void)
{
	char command[64];
	FILE *list;
	int pid = 0;

	snprintf(command, sizeof(command), "pgrep -P %d paddock-box", (int)getpid());
	list = popen(command, "re");
	assert_non_null(list);
	assert_int_equal(fscanf(list, "%d", &pid), 1);
	pclose(list);
	assert_int_equal(parent_of(pid), getpid());
	return pid;
}

static void a_dead_keeper_takes_all_along(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		char word[64];
		const char *argv[] = { boxkit_probe(), "stubborn", word, NULL };
		struct box_spec spec = boxkit_spec(argv);
		struct pollfd pfd = { .fd = -1, .events = POLLIN };
		struct boxkit other;

		snprintf(word, sizeof(word), "%s", boxkit_unique_word());
		boxkit_close(&kit);
		boxkit_open(&other, 1);
		spec.level = levels[i];
		assert_int_equal(box_spawn(other.box, 1, &spec, NULL, 0), 0);
		/* Counted once: a process that becomes another program has no name meanwhile. */
		for (int n = 0; boxkit_count_processes(word) < 2; n++) {
			assert_in_range(n, 0, 2000);
			poll(NULL, 0, 10);
		}
		assert_int_equal(kill(find_keeper(), SIGKILL), 0);
		pfd.fd = box_fd(other.box);
		assert_int_equal(poll(&pfd, 1, 10000), 1);
		assert_int_equal(box_receive(other.box, &other.result), -EPIPE);
		assert_int_equal(boxkit_await_gone(word), 0);
		assert_int_equal(box_spawn(other.box, 2, &spec, NULL, 0), -EBUSY);
		boxkit_close(&other);
		boxkit_open(&kit, 2);
	}
}

/* Every child of the keeper that waits for something to do is killed; returns how many. */
static int kill_those_who_wait(void)
{
	char command[64];
	FILE *list;
	int pid, n = 0;

	snprintf(command, sizeof(command), "pgrep -P %d", (int)find_keeper());
	list = popen(command, "re");
	assert_non_null(list);
	while (fscanf(list, "%d", &pid) == 1) {
		assert_int_equal(kill(pid, SIGKILL), 0);
		n++;
	}
	pclose(list);
	return n;
}

/* The zygote and the next run's init are there before anybody asks: without them all is as before.
 */
static void those_who_wait_may_die(void **state)
{
	const char *argv[] = { "/bin/true", NULL };
	struct box_spec spec = boxkit_spec(argv);

	(void)state;
	for (int i = 0; i < 5; i++) {
		boxkit_run(&kit, &spec);
		assert_int_equal(kit.result.cause, BOX_CAUSE_EXIT);
		for (int n = 0; kill_those_who_wait() < 2; n++) {
			assert_in_range(n, 0, 2000);
			poll(NULL, 0, 10); /* they are being made */
		}
		/* The keeper may hear of it after it has handed over the next request. */
		boxkit_run(&kit, &spec);
		if (kit.result.cause != BOX_CAUSE_EXIT) {
			assert_int_equal(kit.result.cause, BOX_CAUSE_SETUP);
			assert_int_equal(kit.result.setup_errno, ECHILD);
		}
	}
	boxkit_run(&kit, &spec);
	assert_int_equal(kit.result.cause, BOX_CAUSE_EXIT);
}

/* Whether or not somebody has the request by then, nobody gets it later. */
static void a_run_may_be_killed_at_once(void **state)
{
	const char *argv[] = { "/bin/sh", "-c", "echo first; exec sleep 60", NULL };
	struct box_spec spec = boxkit_spec(argv);

	(void)state;
	for (int i = 0; i < 60; i++) {
		struct pollfd pfd = { .fd = box_fd(kit.box), .events = POLLIN };

		spec.level = levels[i % 2];
		assert_int_equal(box_spawn(kit.box, 7, &spec, NULL, 0), 0);
		poll(NULL, 0, i % 6); /* in all stages of its start */
		assert_int_equal(box_kill(kit.box, 7, 0), 0);
		assert_int_equal(poll(&pfd, 1, 10000), 1);
		assert_int_equal(box_receive(kit.box, &kit.result), 1);
		assert_int_equal(kit.result.cause, BOX_CAUSE_KILLED);
		boxkit_sh(&kit, "echo second");
		boxkit_expect(&kit, "second\n");
	}
}

/* Each kind of run has its own zygote, one after the other. */
static void kinds_of_runs_alternate(void **state)
{
	static const struct {
		enum box_network network;
		const char *addresses;
	} kinds[] = {
		{ BOX_NETWORK_LOOPBACK, "1\n" }, { BOX_NETWORK_NONE, "0\n" },
		{ BOX_NETWORK_REUSE, "1\n" },	 { BOX_NETWORK_REUSE, "1\n" },
		{ BOX_NETWORK_NONE, "0\n" },	 { BOX_NETWORK_LOOPBACK, "1\n" },
	};
	const char *argv[] = { "/bin/sh", "-c", "grep -c 0001 /proc/net/if_inet6", NULL };
	struct box_spec spec = boxkit_spec(argv);

	(void)state;
	for (size_t i = 0; i < 4 * sizeof(kinds) / sizeof(kinds[0]); i++) {
		const char *expected = kinds[i % 6].addresses;

		spec.network = kinds[i % 6].network;
		boxkit_run(&kit, &spec);
		assert_int_equal(kit.result.cause, BOX_CAUSE_EXIT);
		assert_string_equal(kit.out, expected);
		if (i % 3 == 0)
			boxkit_sh(&kit, "true");
	}
}

static void closing_ends_what_runs(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		char word[64];
		const char *argv[] = { boxkit_probe(), "stubborn", word, NULL };
		struct box_spec spec = boxkit_spec(argv);

		snprintf(word, sizeof(word), "%s", boxkit_unique_word());
		spec.level = levels[i];
		assert_int_equal(box_spawn(kit.box, 1, &spec, NULL, 0), 0);
		for (int n = 0; n < 2000 && boxkit_count_processes(word) < 2; n++)
			poll(NULL, 0, 10);
		boxkit_close(&kit);
		assert_int_equal(boxkit_count_processes(word), 0);
		boxkit_open(&kit, 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_deadline_ends_everything),
		cmocka_unit_test(term_comes_before_kill),
		cmocka_unit_test(a_leak_delays_nothing),
		cmocka_unit_test(no_leftovers_are_no_leftovers),
		cmocka_unit_test(kill_is_obeyed),
		cmocka_unit_test(causes_are_told_apart),
		cmocka_unit_test(a_dead_keeper_takes_all_along),
		cmocka_unit_test(those_who_wait_may_die),
		cmocka_unit_test(a_run_may_be_killed_at_once),
		cmocka_unit_test(kinds_of_runs_alternate),
		cmocka_unit_test(closing_ends_what_runs),
	};

	return cmocka_run_group_tests(tests, open_kit, close_kit);
}
