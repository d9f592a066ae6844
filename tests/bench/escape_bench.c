// SPDX-License-Identifier: Apache-2.0
/*
 * escape_bench.c - runs every deed of tests/box/hostile under one sandbox, whatever it is: its
 * command line is put in front of the probe program's. Prints number, deed, title and what was
 * found, apart by tabs. Driven by escape.sh. Usage: escape_bench PROBE-PROGRAM COMMAND...
 *
 * Each run is bounded; what a sandbox lets out is found outside and removed.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "tests/kit/boxkit.h"
#include "tests/kit/outside.h"

enum { FOUND_MAX = 512, ARGS_MAX = 128, DEADLINE_MS = 15000, SETTLE_MS = 2000 };

/* What happens to the launcher while the payload runs. */
enum kind { PLAIN, FENCED, LIMITED, TERMINAL, INPUT, TERMED, SHOT };

static const struct row {
	int number;
	enum kind kind;
	const char *probe;
	const char *title;
	const char *expected[3]; /* by level */
} rows[] = {
#define HOSTILE(number, kind, probe, title, ...) { number, kind, probe, title, { __VA_ARGS__ } },
#define SCENARIO(number, function, title)
#include "tests/box/hostile/catalogue.def"
#undef HOSTILE
#undef SCENARIO
#define ALWAYS                                  \
	{                                       \
		"refused", "refused", "refused" \
	}
	{ 49, PLAIN, "daemon", "daemonise and outlive", ALWAYS },
	{ 50, TERMED, "stubborn", "ignore every signal when the launcher is asked to end", ALWAYS },
	{ 52, SHOT, "churn", "fork faster than one is killed", ALWAYS },
	{ 85, SHOT, "stay", "outlive a killed launcher", ALWAYS },
};

static struct outside *outside;
static char *const *command;
static const char *program;

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* In a session of its own; the input becomes its terminal if it is one. */
static void become(const char *probe, const char *input, int out)
{
	char *argv[ARGS_MAX];
	const char *const *facts = outside_facts(outside);
	int in = open(input, (strncmp(input, "/dev/", 5) == 0 ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	size_t n = 0;

	setsid();
	(void)ioctl(in, TIOCSCTTY, 0);
	dup2(in, 0);
	dup2(out, 1);
	dup2(null, 2);
	/* What a careless caller leaves open. */
	dup2(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), 57);
	for (char *const *word = command; *word && n < ARGS_MAX / 2; word++)
		argv[n++] = *word;
	argv[n++] = (char *)program;
	argv[n++] = (char *)probe;
	for (; *facts && n < ARGS_MAX - 1; facts++)
		argv[n++] = (char *)*facts;
	argv[n] = NULL;
	execvp(argv[0], argv);
	_exit(127);
}

/* Up to the first line, or the end. */
static void read_line(int fd, char *found, long deadline)
{
	size_t used = 0;

	while (used < FOUND_MAX - 1 && !memchr(found, '\n', used)) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };
		long left = deadline - now_ms();
		ssize_t n;

		if (left <= 0 || poll(&ready, 1, (int)left) != 1)
			break;
		n = read(fd, found + used, FOUND_MAX - 1 - used);
		if (n <= 0)
			break;
		used += (size_t)n;
	}
	found[used] = '\0';
	found[strcspn(found, "\n")] = '\0';
}

/* Whether the launcher is gone by then; it is reaped. */
static bool await_end(pid_t pid, long deadline, int *ret_status)
{
	while (waitpid(pid, ret_status, WNOHANG) == 0) {
		if (now_ms() >= deadline)
			return false;
		poll(NULL, 0, 2);
	}
	return true;
}

/* Ends the launcher by `number`, gives its payload time to follow, and returns whether the launcher
 * is gone. */
static bool shoot(pid_t pid, int number, char *found)
{
	bool ended;
	int status;

	if (strcmp(found, "here") != 0)
		return false;
	kill(pid, number);
	ended = await_end(pid, now_ms() + SETTLE_MS + 1000, &status);
	for (long end = now_ms() + SETTLE_MS; now_ms() < end; poll(NULL, 0, 20))
		if (boxkit_count_processes(outside_facts(outside)[0]) == 0)
			break;
	/* Unless somebody is found outside. */
	snprintf(found, FOUND_MAX, "refused dies");
	return ended;
}

/* The input of a row: a terminal whose other end shows what was typed, a file to be read, or
 * nothing. */
struct input {
	char name[64];
	int terminal, slave, file;
};

static void open_input(struct input *input, enum kind kind)
{
	struct termios raw;

	*input = (struct input){ .name = "/dev/null", .terminal = -1, .slave = -1, .file = -1 };
	if (kind == INPUT) {
		snprintf(input->name, sizeof(input->name), "/var/tmp/escape-input-XXXXXX");
		input->file = mkstemp(input->name);
		(void)!write(input->file, "content\n", 8);
	}
	if (kind != TERMINAL)
		return;
	input->terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	grantpt(input->terminal);
	unlockpt(input->terminal);
	ptsname_r(input->terminal, input->name, sizeof(input->name));
	input->slave = open(input->name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	/* Without lines, so that a single byte shows. */
	tcgetattr(input->slave, &raw);
	cfmakeraw(&raw);
	tcsetattr(input->slave, TCSANOW, &raw);
}

/* What the payload did to its input becomes what was found. */
static void close_input(const struct input *input, char *found)
{
	char text[16] = "";
	int waiting = 0;

	if (input->slave >= 0 && ioctl(input->slave, FIONREAD, &waiting) == 0 && waiting > 0)
		snprintf(found, FOUND_MAX, "outside typed");
	if (input->file >= 0) {
		if (pread(input->file, text, sizeof(text) - 1, 0) != 8 ||
		    strcmp(text, "content\n") != 0)
			snprintf(found, FOUND_MAX, "outside written");
		unlink(input->name);
		close(input->file);
	}
	if (input->slave >= 0)
		close(input->slave);
	if (input->terminal >= 0)
		close(input->terminal);
}

static void run(const struct row *row, char *found)
{
	bool shot = row->kind == TERMED || row->kind == SHOT, ended;
	struct input input;
	int out[2], status = 0;
	pid_t pid;

	open_input(&input, row->kind);
	if (pipe2(out, O_CLOEXEC) < 0)
		abort();
	pid = fork();
	if (pid == 0)
		become(row->probe, input.name, out[1]);
	close(out[1]);
	read_line(out[0], found, now_ms() + DEADLINE_MS);
	if (shot)
		ended = shoot(pid, row->kind == SHOT ? SIGKILL : SIGTERM, found);
	else
		ended = await_end(pid, now_ms() + SETTLE_MS, &status);
	if (!ended) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		if (!shot)
			snprintf(found, FOUND_MAX, "hangs");
	}
	if (!found[0] && (WIFSIGNALED(status) || WEXITSTATUS(status) == 128 + SIGKILL))
		snprintf(found, FOUND_MAX, "refused killed");
	else if (!found[0])
		snprintf(found, FOUND_MAX, "ended %d", WEXITSTATUS(status));
	close(out[0]);
	close_input(&input, found);
}

/* Whether only the outside can tell if what worked was the sandbox's own. */
static bool may_be_private(const char *probe)
{
	return strcmp(probe, "write-host") == 0 || strcmp(probe, "make-group") == 0 ||
	       strcmp(probe, "keyring") == 0;
}

static void report(const struct row *row)
{
	char found[FOUND_MAX] = "";
	const char *changed;

	run(row, found);
	changed = outside_changed(outside, strcmp(row->probe, "make-group") == 0);
	if (may_be_private(row->probe) && strncmp(found, "open", 4) == 0)
		snprintf(found, sizeof(found), "private");
	if (strcmp(found, "left") == 0)
		snprintf(found, sizeof(found), "refused dies");
	printf("%d\t%s\t%s\t%s\t%s\t%s\t%s%s\n", row->number, row->probe, row->title,
	       row->expected[0], row->expected[1], row->expected[2], *changed ? "outside " : "",
	       *changed ? changed : found);
	/* What a launcher that was killed needs longer for is not the next one's. */
	if (*changed || strcmp(found, "hangs") == 0) {
		poll(NULL, 0, 300);
		(void)outside_changed(outside, false);
	}
}

/* One run that does not count. */
static void report_nothing(void)
{
	char found[FOUND_MAX] = "";

	run(&rows[0], found);
	(void)outside_changed(outside, false);
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fputs("usage: escape_bench PROBE-PROGRAM COMMAND...\n", stderr);
		return 2;
	}
	program = argv[1];
	command = argv + 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	/* Some launchers leave things behind once, at their first start: those are not the
	 * payload's. */
	outside = outside_new(program);
	report_nothing();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		report(&rows[i]);
	outside_free(outside);
	return 0;
}
