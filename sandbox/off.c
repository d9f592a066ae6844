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
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "sandbox/proto.h"
#include "sandbox/util.h"

enum { REAPED_MAX = 65536 }; /* more than a payload has processes at a time */

/* SIGKILL to every child there is now; returns how many. */
static uint32_t kill_children(void)
{
	char text[16384];
	uint32_t n = 0;
	uint64_t pid;
	ssize_t length;

	length = util_read_file(text, sizeof(text), "/proc/self/task/%d/children", (int)getpid());
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

/* The keeper spoke: forward its signal to the payload's group, if it lives. SIGKILL is for
 * everything. */
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
	if (payload)
		kill(-payload, (int)head.argument);
	return head.argument == SIGKILL;
}

/* From the payload's start until nobody is left, or what it left has had its grace and is killed.
 */
static void watch(const struct payload *payload, pid_t pid, struct pollfd fds[2],
		  struct rusage *ret_usage)
{
	struct slate *slate = payload->slate;
	bool killed = false;

	for (;;) {
		uint64_t due_us = slate->end_us + (killed ? 0 : payload->spec->leak_grace_us);
		uint64_t now_us = util_now_us();
		uint64_t left_us = slate->end_us && due_us > now_us ? due_us - now_us : 0;
		struct signalfd_siginfo info;
		struct rusage usage;
		int status, n = 0;
		pid_t got;

		if (slate->end_us && !left_us) {
			slate->leftovers = kill_all();
			return;
		}
		(void)poll(fds, 2, slate->end_us ? (int)(left_us / 1000) + 1 : -1);
		if (fds[1].revents && obey(fds[1].fd, slate->end_us ? 0 : pid))
			killed = true;
		while (read(fds[0].fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
			;
		/* Whoever forks faster than we reap gets no longer grace for it. */
		while ((got = wait4(-1, &status, WNOHANG, &usage)) > 0 && n++ < REAPED_MAX)
			if (got == pid && !slate->end_us) {
				*ret_usage = usage;
				slate->status = status;
				slate->end_us = util_now_us();
			}
		if (got < 0)
			return;
	}
}

void off_run(struct payload *payload, int sock, int signal_fd)
{
	struct pollfd fds[2] = { { .fd = signal_fd, .events = POLLIN },
				 { .fd = sock, .events = POLLIN } };
	struct rusage before = { 0 };
	struct rusage usage = { 0 };
	pid_t pid;

	getrusage(RUSAGE_CHILDREN, &before);
	pid = payload_start(payload);
	if (pid < 0)
		return;
	payload->slate->init_pid = pid;
	watch(payload, pid, fds, &usage);
	slate_usage(payload->slate, &before);
	/* The largest child ever is not this run's. */
	payload->slate->maxrss_bytes = (uint64_t)usage.ru_maxrss * 1024;
}
