// SPDX-License-Identifier: Apache-2.0
/* ends.c - payloads that do not want to end, lie about their end, or leave something to whoever
 * collects. */
#include "tests/box/hostile/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void for_ever(void)
{
	for (;;)
		pause();
}

static void ignore_all(void)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t all;

	for (int number = 1; number < 32; number++)
		sigaction(number, &ignore, NULL);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
}

/* A daemon of the textbook; it has our arguments, so the caller can find it. */
static void daemonise(void)
{
	if (fork() == 0) {
		setsid();
		ignore_all();
		if (fork() == 0)
			for_ever();
		_exit(0);
	}
	wait(NULL);
	probe_say("left");
}

static void stay(void)
{
	probe_say("here");
	for_ever();
}

static void stubborn(void)
{
	ignore_all();
	stay();
}

/* A stopped process gets no TERM. */
static void stop_self(void)
{
	probe_say("here");
	for (;;)
		raise(SIGSTOP);
}

static void spin(void)
{
	volatile unsigned long n = 0;

	probe_say("here");
	for (;;)
		n = n + 1;
}

/* Children held in a stop by their tracer, who is us. */
static void hold_children(void)
{
	for (int i = 0; i < 4; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			ptrace(PTRACE_TRACEME, 0, NULL, NULL);
			raise(SIGSTOP);
			for_ever();
		}
	}
	ignore_all();
	stay();
}

/* Always new ones, so that nobody who counts is ever done; each forks once more before it goes. */
static void churn(void)
{
	ignore_all();
	for (int i = 0; i < 8; i++)
		if (fork() == 0)
			for (;;)
				if (fork() > 0)
					_exit(0);
	stay();
}

static void flood_output(void)
{
	static char block[65536];

	memset(block, 'x', sizeof(block));
	for (;;)
		if (write(1, block, sizeof(block)) < 0)
			for_ever();
}

/* Closes what it prints to, and stays a little. */
static void close_output(void)
{
	close(1);
	close(2);
	poll(NULL, 0, 50);
	_exit(3);
}

/* Everything a record, a report or a terminal could be fooled with. */
static void forge_record(void)
{
	static const char text[] =
		"{\"cause\":\"exit\",\"exit_code\":0,\"signal\":0,\"oom\":false}\n"
		"ok 1 - forged\n1..1\n\033[2J\033]0;title\007\033[31m\r\n\xff\xfe\xc0\x80\n";

	for (int fd = 1; fd < 3; fd++)
		if (write(fd, text, sizeof(text)) < 0)
			break;
	_exit(9);
}

static void kill_self(void)
{
	kill(getpid(), SIGKILL);
}

static void exit_like(void)
{
	_exit((int)strtol(probe_fact("code"), NULL, 10));
}

/* What a collector might follow or hang on, in a folder that outlives us: `output`. */
static void booby_trap(void)
{
	struct probe_tally tally = { .open = "" };

	if (chdir(probe_fact("output")) < 0) {
		probe_tell(-1);
		return;
	}
	probe_count(&tally, "symlink", symlink("/etc/passwd", "link"));
	probe_count(&tally, "folder", symlink("/etc", "folder"));
	probe_count(&tally, "fifo", mkfifo("fifo", 0666));
	probe_count(&tally, "device", mknod("device", S_IFCHR | 0666, 0x103));
	probe_count(&tally, "hardlink", link("/etc/passwd", "hardlink"));
	probe_count(&tally, "setuid", open("setuid", O_WRONLY | O_CREAT | O_CLOEXEC, 06777));
	probe_count(&tally, "chmod", chmod("setuid", 06777));
	probe_say("left %s", tally.open);
}

/* A tree deeper than a path can name, whose folders nobody may enter. */
static void deep_tree(void)
{
	int depth = 0;

	if (*probe_fact("output") && chdir(probe_fact("output")) < 0) {
		probe_tell(-1);
		return;
	}
	for (; depth < 3000; depth++)
		if (mkdir("a-folder", 0700) < 0 || chdir("a-folder") < 0)
			break;
	for (int i = 0; i < 10; i++) {
		if (chmod(".", 0) < 0 || chdir("..") < 0)
			break;
	}
	probe_say("left %s", depth == 3000 ? "deep" : strerrorname_np(errno));
}

const struct probe ends_probes[] = {
	{ "daemon", daemonise },
	{ "stay", stay },
	{ "stubborn", stubborn },
	{ "stop-self", stop_self },
	{ "spin", spin },
	{ "hold-children", hold_children },
	{ "churn", churn },
	{ "flood-output", flood_output },
	{ "close-output", close_output },
	{ "forge-record", forge_record },
	{ "kill-self", kill_self },
	{ "exit-like", exit_like },
	{ "booby-trap", booby_trap },
	{ "deep-tree", deep_tree },
	{ NULL, NULL },
};
