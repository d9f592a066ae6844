// SPDX-License-Identifier: Apache-2.0
/*
 * off.c - level off: the zygote is a subreaper, so every orphan of the payload becomes its child
 * and can be found and killed, without a cgroup and without a namespace.
 *
 * Invariants: when off_run returns this process has no children; it serves one payload at a time,
 * so every child is that payload's doing.
 */
#include "sandbox/off.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "sandbox/init.h"
#include "sandbox/proto.h"
#include "sandbox/util.h"

int off_prepare(void)
{
	sigset_t child;
	int fd;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return -errno;
	fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

/* SIGKILL to every child there is now; returns how many. */
static uint32_t kill_children(void)
{
	char text[16384], path[64];
	uint32_t n = 0;
	uint64_t pid;
	ssize_t length;

	util_print(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	length = util_read_file(AT_FDCWD, path, text, sizeof(text));
	for (const char *p = text; length > 0 && util_next_number(&p, &pid);)
		n += pid > 1 && kill((pid_t)pid, SIGKILL) == 0;
	return n;
}

/* Kills until there is nobody: what a dead child leaves behind becomes our child, to be killed in
 * the next round. */
static uint32_t kill_all(void)
{
	uint32_t n = 0;

	for (;;) {
		n += kill_children();
		if (waitpid(-1, NULL, 0) < 0 && errno == ECHILD)
			return n;
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}

/* The keeper spoke: forward its signal to the payload's group. SIGKILL is for everything. */
static bool obey(int sock, pid_t payload)
{
	struct proto_head head;
	ssize_t n = recv(sock, &head, sizeof(head), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		kill_all();
		_exit(0);
	}
	if (n != (ssize_t)sizeof(head) || head.kind != PROTO_KILL)
		return false;
	kill(-payload, (int)head.argument);
	return head.argument == SIGKILL;
}

/* Until the payload is reaped. Returns whether we were told to kill everything. */
static bool watch(pid_t payload, int sock, int signal_fd, struct slate *slate,
		  struct rusage *ret_usage)
{
	struct pollfd fds[2] = { { .fd = signal_fd, .events = POLLIN },
				 { .fd = sock, .events = POLLIN } };
	bool killed = false;

	for (;;) {
		struct signalfd_siginfo info;
		int status;
		pid_t pid;

		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents && obey(sock, payload))
			killed = true;
		while (read(signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
			;
		while ((pid = wait4(-1, &status, WNOHANG, ret_usage)) > 0) {
			if (pid != payload)
				continue;
			slate->end_us = util_now_us();
			slate->status = status;
			return killed;
		}
	}
}

void off_run(const struct payload *payload, int sock, int signal_fd)
{
	struct slate *slate = payload->slate;
	struct rusage before = { 0 };
	struct rusage usage = { 0 };
	bool killed;
	pid_t pid;

	getrusage(RUSAGE_CHILDREN, &before);
	pid = payload_start(payload);
	if (pid < 0)
		return;
	slate->init_pid = pid;
	killed = watch(pid, sock, signal_fd, slate, &usage);
	if (init_linger(killed ? 0 : payload->spec->leak_grace_us))
		slate->leftovers = kill_all();
	slate_usage(slate, &before);
	/* The largest child ever is not this run's. */
	slate->maxrss_bytes = (uint64_t)usage.ru_maxrss * 1024;
	slate->ended = 1;
}
