// SPDX-License-Identifier: Apache-2.0
/*
 * off.c - level off: the zygote is a subreaper, so every orphan of the payload becomes its child
 * and can be found and killed, without a cgroup and without a namespace.
 *
 * Invariants: when off_run returns this process has no children; it serves one payload at a time,
 * so every child is that payload's doing.
 */
#include "sandbox/off.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "sandbox/proto.h"
#include "sandbox/util.h"

/* Kills every child there is until there is none; what a dead one leaves behind becomes our child,
 * to be killed in the next round. Returns how many. */
static uint32_t kill_all(void)
{
	char text[16384];
	uint32_t n = 0;
	uint64_t pid;

	for (;;) {
		ssize_t length = util_read_file(text, sizeof(text), "/proc/self/task/%d/children",
						(int)getpid());

		for (const char *p = text; length > 0 && util_next_number(&p, &pid);)
			n += pid > 1 && kill((pid_t)pid, SIGKILL) == 0;
		if (waitpid(-1, NULL, 0) < 0 && errno == ECHILD)
			return n;
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}

/* The keeper spoke: forward its signal to the payload's group, if it lives. SIGKILL is for
 * everything. */
static bool obey(const struct payload *payload, int sock)
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
	if (!payload->slate->end_us)
		kill(-payload->pid, (int)head.argument);
	return head.argument == SIGKILL;
}

void off_run(struct payload *payload, int sock)
{
	struct rusage before;

	getrusage(RUSAGE_CHILDREN, &before);
	if (payload_start(payload) < 0)
		return;
	if (!payload_watch(payload, sock, obey))
		payload->slate->leftovers = kill_all();
	slate_usage(payload->slate, &before);
}
