// SPDX-License-Identifier: Apache-2.0
/*
 * boxkit.c - a keeper, one payload at a time, its output in memory. Reports through cmocka.
 * Not for what needs several payloads at once: those tests use box.h themselves.
 */
#include "tests/kit/boxkit.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

enum { ANSWER_MS = 60000 };

static const char *const plain_env[] = { "PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8",
					 NULL };

void boxkit_open(struct boxkit *kit, unsigned slots)
{
	const char *bin = getenv("PADDOCK_BIN");
	struct box_error err = { "" };
	char program[4096];

	memset(kit, 0, sizeof(*kit));
	assert_non_null(bin);
	snprintf(program, sizeof(program), "%s/paddock-box", bin);
	if (box_open(program, slots, &kit->box, &err) < 0)
		fail_msg("%s", err.text);
}

void boxkit_close(struct boxkit *kit)
{
	box_close(kit->box);
	kit->box = NULL;
}

struct boxkit boxkit;

int boxkit_set_up(void **state)
{
	(void)state;
	boxkit_open(&boxkit, 1);
	return 0;
}

int boxkit_tear_down(void **state)
{
	(void)state;
	boxkit_close(&boxkit);
	return 0;
}

const char *boxkit_probe(void)
{
	static char path[4096];
	const char *fixtures = getenv("PADDOCK_FIXTURES");

	assert_non_null(fixtures);
	snprintf(path, sizeof(path), "%s/boxprobe", fixtures);
	return path;
}

struct box_spec boxkit_spec(const char *const *argv)
{
	static struct box_bind bind;

	bind.path = boxkit_probe();
	return (struct box_spec){
		.level = BOX_LEVEL_DEFAULT,
		.argv = argv,
		.envp = plain_env,
		.binds = &bind,
		.n_binds = 1,
		.wall_us = 20000000,
	};
}

static void receive(struct boxkit *kit)
{
	struct pollfd pfd = { .fd = box_fd(kit->box), .events = POLLIN };
	int r;

	while ((r = box_receive(kit->box, &kit->result)) == 0)
		if (poll(&pfd, 1, ANSWER_MS) == 0)
			fail_msg("the keeper did not answer within a minute");
	assert_int_equal(r, 1);
}

void boxkit_run(struct boxkit *kit, const struct box_spec *spec)
{
	int out = memfd_create("out", MFD_CLOEXEC);
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int fds[] = { null, out, out };
	ssize_t n;

	assert_true(out >= 0 && null >= 0);
	assert_int_equal(box_spawn(kit->box, 7, spec, fds, 3), 0);
	receive(kit);
	assert_int_equal(kit->result.id, 7);
	n = pread(out, kit->out, sizeof(kit->out) - 1, 0);
	assert_true(n >= 0);
	kit->out[n] = '\0';
	close(out);
	close(null);
}

void boxkit_sh(struct boxkit *kit, const char *script)
{
	const char *argv[] = { "/bin/sh", "-c", script, NULL };
	struct box_spec spec = boxkit_spec(argv);

	boxkit_run(kit, &spec);
}

void boxkit_probe_run(struct boxkit *kit, const char *name, const char *argument)
{
	const char *argv[] = { boxkit_probe(), name, argument, NULL };
	struct box_spec spec = boxkit_spec(argv);

	boxkit_run(kit, &spec);
}

void boxkit_expect(const struct boxkit *kit, const char *expected)
{
	const struct box_result *r = &kit->result;

	if (r->cause != BOX_CAUSE_EXIT || r->exit_code != 0)
		fail_msg("ended by %s, exit %d, signal %d, step %s %s: %s\n%s",
			 box_cause_name(r->cause), r->exit_code, r->term_signal, r->setup_step,
			 r->setup_object, strerror(r->setup_errno), kit->out);
	assert_string_equal(kit->out, expected);
}

static int has_argument(const char *pid, const char *word)
{
	char path[300];
	char text[8192];
	size_t n;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/cmdline", pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	n = fread(text, 1, sizeof(text) - 1, file);
	text[n] = '\0';
	fclose(file);
	for (size_t i = 0; i < n; i += strlen(text + i) + 1)
		if (strcmp(text + i, word) == 0)
			return 1;
	return 0;
}

/* Counts them; *ret_last is the last one seen. */
static int find_processes(const char *word, pid_t *ret_last)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	int n = 0;

	assert_non_null(proc);
	while ((entry = readdir(proc)))
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
		    has_argument(entry->d_name, word)) {
			*ret_last = (pid_t)strtol(entry->d_name, NULL, 10);
			n++;
		}
	closedir(proc);
	return n;
}

int boxkit_count_processes(const char *word)
{
	pid_t last;

	return find_processes(word, &last);
}

pid_t boxkit_await_process(const char *word)
{
	pid_t pid = -1;

	for (int i = 0; i < 500 && find_processes(word, &pid) == 0; i++)
		poll(NULL, 0, 10);
	return pid;
}

int boxkit_await_gone(const char *word)
{
	int n = 0;

	for (int i = 0; i < 500; i++) {
		n = boxkit_count_processes(word);
		if (n == 0)
			break;
		poll(NULL, 0, 10);
	}
	return n;
}

const char *boxkit_unique_word(void)
{
	static char word[64];
	static int n;

	snprintf(word, sizeof(word), "98765.%d%d", (int)getpid(), n++);
	return word;
}

void boxkit_needs(const char *name)
{
	char command[4200], line[512], wanted[32];
	bool refused = false;
	FILE *answers;

	snprintf(wanted, sizeof(wanted), "NO  %s ", name);
	snprintf(command, sizeof(command), "%s/paddock-box --probe", getenv("PADDOCK_BIN"));
	answers = popen(command, "re");
	assert_non_null(answers);
	while (fgets(line, sizeof(line), answers))
		if (strncmp(line, wanted, strlen(wanted)) == 0) {
			print_message("not on this kernel: %s", line);
			refused = true;
		}
	pclose(answers);
	if (refused)
		skip();
}
