// SPDX-License-Identifier: Apache-2.0
/*
 * Every deed of hostile/catalogue.def at every level: refused or private inside, unchanged outside.
 * What does not go as the catalogue says is in hostile/known.def, or a failure that names number,
 * deed, level, and what was found.
 *
 * ctest: timeout=120
 * ctest: lock=hostile
 */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/kit/hostile.h"

enum kind { PLAIN, FENCED, LIMITED, TERMINAL, INPUT };
enum { NUMBERS = 88 };

static const struct row {
	int number;
	enum kind kind;
	const char *probe;
	const char *title;
	const char *expected[HOSTILE_LEVELS];
} rows[] = {
#define HOSTILE(number, kind, probe, title, ...) { number, kind, probe, title, { __VA_ARGS__ } },
#define SCENARIO(number, function, title)
#include "tests/box/hostile/catalogue.def"
#undef HOSTILE
#undef SCENARIO
};

static struct hostile hostile;

static int open_all(void **state)
{
	(void)state;
	hostile_open(&hostile);
	return 0;
}

static int close_all(void **state)
{
	(void)state;
	hostile_close(&hostile);
	return 0;
}

/* In a session of its own, with `input` as its input, and as its controlling terminal if it is one.
 */
static void become_box(const char *input, const char *probe, int level)
{
	char path[4096];
	int in;

	setsid();
	in = open(input, (strncmp(input, "/dev/", 5) == 0 ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	if (in < 0 || dup2(in, 0) < 0)
		_exit(99);
	(void)ioctl(in, TIOCSCTTY, 0);
	snprintf(path, sizeof(path), "%s/paddock-box", getenv("PADDOCK_BIN"));
	/* Not copy-on-write, which ordinary users do not get everywhere: see tests of workspaces.
	 */
	execl(path, path, "--level", box_level_name(hostile_levels[level]), "--workspace",
	      "readonly", "--bind", hostile.program, "--", hostile.program, probe,
	      outside_facts(hostile.outside)[0], (char *)NULL);
	_exit(98);
}

/* By hand, as a user would. */
static void run_by_hand(const char *input, const char *probe, int level, char *found)
{
	int status, out[2];
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		dup2(out[1], 1);
		become_box(input, probe, level);
	}
	close(out[1]);
	n = read(out[0], found, HOSTILE_FOUND_MAX - 1);
	found[n > 0 ? n : 0] = '\0';
	found[strcspn(found, "\n")] = '\0';
	close(out[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

/* What was typed into the terminal is told as found. */
static void run_at_terminal(const char *probe, int level, char *found)
{
	int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave, waiting = 0;
	struct termios raw;
	char name[64];

	assert_true(terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0);
	assert_int_equal(ptsname_r(terminal, name, sizeof(name)), 0);
	/* Without lines, so that a single byte shows. */
	slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(slave >= 0 && tcgetattr(slave, &raw) == 0);
	cfmakeraw(&raw);
	tcsetattr(slave, TCSANOW, &raw);
	run_by_hand(name, probe, level, found);
	if (ioctl(slave, FIONREAD, &waiting) == 0 && waiting > 0)
		snprintf(found, HOSTILE_FOUND_MAX, "open typed");
	close(slave);
	close(terminal);
}

/* With a file of ours as its input, which is to be read. */
static void run_with_input(const char *probe, int level, char *found)
{
	char path[] = "/var/tmp/hostile-input-XXXXXX", text[16] = "";
	int fd = mkstemp(path);

	assert_true(fd >= 0 && write(fd, "content\n", 8) == 8);
	run_by_hand(path, probe, level, found);
	if (pread(fd, text, sizeof(text) - 1, 0) != 8 || strcmp(text, "content\n") != 0)
		snprintf(found, HOSTILE_FOUND_MAX, "open written");
	close(fd);
	unlink(path);
}

/* Whether the row can be judged: no limit that it is about was dropped. */
static bool run_row(const struct row *row, int level, char *found)
{
	struct box_spec spec;

	if (row->kind == TERMINAL) {
		run_at_terminal(row->probe, level, found);
		return true;
	}
	if (row->kind == INPUT) {
		run_with_input(row->probe, level, found);
		return true;
	}
	spec = hostile_spec(&hostile, row->probe, level, NULL);
	if (row->kind != PLAIN) {
		spec.tmp_bytes = 16 << 20;
		spec.file_bytes = 64 << 20;
		spec.pids = 100;
	}
	if (row->kind == LIMITED) {
		spec.memory_bytes = 128 << 20;
		spec.best_effort = true;
	}
	hostile_run(&hostile, &spec, found);
	return row->kind != LIMITED || !hostile.kit.result.degraded[0];
}

/* BOX_LEVELS names those to run, where all would take too long. */
static void run_level(int level)
{
	int counts[HOSTILE_WRONG + 1] = { 0 }, dropped = 0;
	const char *only = getenv("BOX_LEVELS");

	if (only && !strstr(only, box_level_name(hostile_levels[level])))
		skip();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		char found[HOSTILE_FOUND_MAX];
		enum hostile_verdict verdict;

		/* Emulated machines take long for these, and the levels do not differ in them. */
		if (getenv("BOX_SLOW") && level != 1 &&
		    (row->kind == FENCED || row->kind == LIMITED))
			continue;
		if (!run_row(row, level, found)) {
			dropped++;
			continue;
		}
		verdict = hostile_judge(&hostile, row->probe, level, found, row->expected[level]);
		if (verdict == HOSTILE_WRONG)
			print_error("  that is #%d: %s\n", row->number, row->title);
		counts[verdict]++;
	}
	print_message("%s: %d as expected, %d known, %d without their limit, %d wrong\n",
		      box_level_name(hostile_levels[level]), counts[HOSTILE_EXPECTED],
		      counts[HOSTILE_KNOWN], dropped, counts[HOSTILE_WRONG]);
	assert_string_equal(outside_changed(hostile.outside, true), "");
	assert_int_equal(counts[HOSTILE_WRONG], 0);
}

static void strict(void **state)
{
	(void)state;
	run_level(0);
}

static void by_default(void **state)
{
	(void)state;
	run_level(1);
}

static void permissive(void **state)
{
	(void)state;
	run_level(2);
}

/* How many there are once the next run's are made: the same number for a while. */
static int settled_namespaces(void)
{
	int n = outside_namespaces();

	for (int same = 0, now; same < 20; same = now == n ? same + 1 : 0, n = now) {
		poll(NULL, 0, 10);
		now = outside_namespaces();
	}
	return n;
}

/* Once everything was tried nothing is held that was not before. */
static void nothing_is_held(void **state)
{
	static const struct row quiet = { 0, PLAIN, "see-processes", "", { NULL } };
	char found[HOSTILE_FOUND_MAX];
	int before;

	(void)state;
	boxkit_close(&hostile.kit);
	boxkit_open(&hostile.kit, 1);
	run_row(&quiet, 1, found);
	before = settled_namespaces();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i += 7)
		run_row(&rows[i], 2, found);
	run_row(&quiet, 1, found);
	for (int i = 0; i < 1000 && outside_namespaces() > before; i++)
		poll(NULL, 0, 10); /* what makes the next network may just be at it */
	assert_in_range(outside_namespaces(), 1, before);
}

static void what_is_known_still_happens(void **state)
{
	(void)state;
	/* Another kernel may well be better. */
	if (getenv("BOX_SLOW"))
		skip();
	assert_int_equal(hostile_stale(), 0);
}

static void every_number_is_tried(void **state)
{
	bool tried[NUMBERS + 1] = { false };

	(void)state;
#define HOSTILE(number, ...)		  tried[number] = true;
#define SCENARIO(number, function, title) tried[number] = true;
#include "tests/box/hostile/catalogue.def"
#undef HOSTILE
#undef SCENARIO
	for (int i = 1; i <= NUMBERS; i++)
		if (!tried[i])
			fail_msg("nothing tries #%d", i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_number_is_tried),
		cmocka_unit_test(strict),
		cmocka_unit_test(by_default),
		cmocka_unit_test(permissive),
		cmocka_unit_test(nothing_is_held),
		cmocka_unit_test(what_is_known_still_happens),
	};

	return cmocka_run_group_tests(tests, open_all, close_all);
}
