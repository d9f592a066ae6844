// SPDX-License-Identifier: Apache-2.0
/*
 * Every deed of hostile/catalogue.def at every level: refused or private inside, unchanged outside.
 * What does not go as the catalogue says is in hostile/known.def, or a failure that names number,
 * deed, level, and what was found.
 *
 * ctest: timeout=120
 */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
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

#include "tests/kit/boxkit.h"
#include "tests/kit/outside.h"

enum kind { PLAIN, FENCED, LIMITED, TERMINAL };
enum who { ROOT = 1, USER = 2, BOTH = 3 };
enum { LEVELS = 3, S = 1, D = 2, P = 4, FOUND_MAX = 512 };

static const enum box_level levels[LEVELS] = { BOX_LEVEL_STRICT, BOX_LEVEL_DEFAULT,
					       BOX_LEVEL_PERMISSIVE };

static const struct row {
	int number;
	enum kind kind;
	const char *probe;
	const char *title;
	const char *expected[LEVELS];
} rows[] = {
#define HOSTILE(number, kind, probe, title, ...) { number, kind, probe, title, { __VA_ARGS__ } },
#include "tests/box/hostile/catalogue.def"
#undef HOSTILE
};

static const struct known {
	const char *probe;
	int levels;
	enum who who;
	const char *found;
} knowns[] = {
#define KNOWN(probe, levels, who, found, why) { probe, levels, who, found },
#include "tests/box/hostile/known.def"
#undef KNOWN
	{ "", 0, BOTH, "" },
};

enum { KNOWNS = sizeof(knowns) / sizeof(knowns[0]) - 1 };

static struct boxkit kit;
static struct outside *outside;
static char program[4096];
static int seen[KNOWNS + 1]; /* levels at which a known answer was found */
static const struct row *last_row;

static int open_kit(void **state)
{
	const char *fixtures = getenv("PADDOCK_FIXTURES");
	int leaked = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_non_null(fixtures);
	snprintf(program, sizeof(program), "%s/hostile", fixtures);
	outside = outside_new(program);
	/* What a careless caller leaves open for the keeper to inherit. */
	assert_true(leaked >= 0 && dup2(leaked, 57) == 57 && dup2(leaked, 58) == 58);
	boxkit_open(&kit, 1);
	return 0;
}

static int close_kit(void **state)
{
	(void)state;
	boxkit_close(&kit);
	outside_free(outside);
	return 0;
}

static void plan(const struct row *row, const char **argv, size_t size, struct box_spec *spec)
{
	static struct box_bind bind;
	const char *const *facts = outside_facts(outside);
	size_t n = 0;

	argv[n++] = program;
	argv[n++] = row->probe;
	for (; *facts && n < size - 1; facts++)
		argv[n++] = *facts;
	argv[n] = NULL;
	*spec = boxkit_spec(argv);
	bind.path = program;
	spec->binds = &bind;
	if (row->kind == PLAIN)
		return;
	spec->memory_bytes = row->kind == LIMITED ? 128 << 20 : 0;
	spec->tmp_bytes = 16 << 20;
	spec->file_bytes = 64 << 20;
	spec->pids = 100;
	spec->best_effort = true;
}

/* What the payload said, in one line; what became of it when it said nothing. */
static void take_found(char *found)
{
	snprintf(found, FOUND_MAX, "%.*s", (int)strcspn(kit.out, "\n"), kit.out);
	if (!found[0])
		snprintf(found, FOUND_MAX, "ended by %s %d %s %s", box_cause_name(kit.result.cause),
			 kit.result.term_signal, kit.result.setup_step, kit.result.setup_object);
}

/* In a session of its own, with `name` as its controlling terminal and its input. */
static void become_box(const char *name, enum box_level level)
{
	char path[4096];
	int terminal;

	setsid();
	terminal = open(name, O_RDWR);
	if (terminal < 0 || ioctl(terminal, TIOCSCTTY, 0) < 0 || dup2(terminal, 0) < 0)
		_exit(99);
	snprintf(path, sizeof(path), "%s/paddock-box", getenv("PADDOCK_BIN"));
	execl(path, path, "--level", box_level_name(level), "--bind", program, "--", program,
	      last_row->probe, outside_facts(outside)[0], (char *)NULL);
	_exit(98);
}

/* By hand, as a user at a terminal would; what was typed into it is told as found. */
static void run_at_terminal(enum box_level level, char *found)
{
	int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), waiting = 0, status, out[2];
	char name[64];
	ssize_t n;
	pid_t pid;

	assert_true(terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0);
	assert_int_equal(ptsname_r(terminal, name, sizeof(name)), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		dup2(out[1], 1);
		become_box(name, level);
	}
	close(out[1]);
	n = read(out[0], found, FOUND_MAX - 1);
	found[n > 0 ? n : 0] = '\0';
	found[strcspn(found, "\n")] = '\0';
	close(out[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (ioctl(terminal, TIOCINQ, &waiting) == 0 && waiting > 0)
		snprintf(found, FOUND_MAX, "open echo");
	close(terminal);
}

static bool starts(const char *text, const char *words, size_t length)
{
	return strncmp(text, words, length) == 0 && (text[length] == ' ' || text[length] == '\0');
}

static bool is_expected(const char *found, const char *alternatives)
{
	for (const char *at = alternatives;; at++) {
		size_t length = strcspn(at, "|");

		if (starts(found, at, length))
			return true;
		at += length;
		if (!*at)
			return false;
	}
}

static bool is_known(const struct row *row, int level, const char *found)
{
	int who = getuid() == 0 ? ROOT : USER;

	for (int i = 0; i < KNOWNS; i++)
		if (strcmp(knowns[i].probe, row->probe) == 0 && (knowns[i].levels & 1 << level) &&
		    (knowns[i].who & who) &&
		    starts(found, knowns[i].found, strlen(knowns[i].found))) {
			seen[i] |= 1 << level;
			return true;
		}
	return false;
}

/* Whether the row can be judged: no limit that it is about was dropped. */
static bool run_row(const struct row *row, int level, char *found)
{
	const char *argv[OUTSIDE_FACTS_MAX + 3];
	struct box_spec spec;

	last_row = row;
	if (row->kind == TERMINAL) {
		run_at_terminal(levels[level], found);
		return true;
	}
	plan(row, argv, sizeof(argv) / sizeof(argv[0]), &spec);
	spec.level = levels[level];
	boxkit_run(&kit, &spec);
	take_found(found);
	return row->kind != LIMITED || !kit.result.degraded[0];
}

static void run_level(int level)
{
	int wanted = 0, known = 0, dropped = 0, wrong = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char found[FOUND_MAX];
		bool judged = run_row(&rows[i], level, found);
		const char *changed = outside_changed(outside);

		if (*changed)
			snprintf(found, sizeof(found), "outside %s", changed);
		if (!judged && !*changed)
			dropped++;
		else if (is_expected(found, rows[i].expected[level]))
			wanted++;
		else if (is_known(&rows[i], level, found))
			known++;
		else {
			print_error("#%d %s (%s) at %s: found \"%s\", expected \"%s\"\n",
				    rows[i].number, rows[i].probe, rows[i].title,
				    box_level_name(levels[level]), found, rows[i].expected[level]);
			wrong++;
		}
	}
	print_message("%s: %d as expected, %d known, %d without their limit, %d wrong\n",
		      box_level_name(levels[level]), wanted, known, dropped, wrong);
	assert_int_equal(wrong, 0);
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

/* Once everything was tried nothing is held that was not before. */
static void nothing_is_held(void **state)
{
	static const struct row quiet = { 0, PLAIN, "see-processes", "", { NULL } };
	char found[FOUND_MAX];
	int before;

	(void)state;
	boxkit_close(&kit);
	boxkit_open(&kit, 1);
	run_row(&quiet, 1, found);
	before = outside_namespaces();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i += 7)
		run_row(&rows[i], 2, found);
	run_row(&quiet, 1, found);
	assert_in_range(outside_namespaces(), 1, before);
}

static void what_is_known_still_happens(void **state)
{
	int who = getuid() == 0 ? ROOT : USER, gone = 0;

	(void)state;
	/* Another kernel and another set of ids may well be better. */
	if (getenv("BOX_SLOW"))
		skip();
	for (int i = 0; i < KNOWNS; i++)
		if ((knowns[i].who & who) && seen[i] != knowns[i].levels) {
			print_error(
				"%s: \"%s\" is found no more at all its levels; take it off the "
				"list\n",
				knowns[i].probe, knowns[i].found);
			gone++;
		}
	assert_int_equal(gone, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strict),
		cmocka_unit_test(by_default),
		cmocka_unit_test(permissive),
		cmocka_unit_test(nothing_is_held),
		cmocka_unit_test(what_is_known_still_happens),
	};

	return cmocka_run_group_tests(tests, open_kit, close_kit);
}
