// SPDX-License-Identifier: Apache-2.0
/*
 * init.c - pid 1 of a sandbox: sets up, starts the payload, reaps, reports on the slate.
 *
 * Invariants: not dumpable and without any right from the payload's first instruction on, so that
 * the payload can neither trace it nor read its memory; it holds no descriptor of the payload, so
 * that a leaked child alone keeps a pipe open; SIGKILL from the keeper ends everything at any
 * point, because the kernel kills a pid namespace with its init.
 */
#include "sandbox/init.h"

#include <dirent.h>
#include <grp.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "sandbox/ns.h"
#include "sandbox/priv.h"
#include "sandbox/util.h"

enum { REAPED_MAX = 65536 }; /* more than a sandbox has processes at a time */

static int network(const struct box_spec *spec, struct slate *slate)
{
	int r = 0;

	slate_at(slate, SLATE_NETWORK, "lo");
	if (spec->network == BOX_NETWORK_LOOPBACK)
		r = ns_loopback();
	return r < 0 ? slate_fail(slate, r) : 0;
}

/* Whatever happens from here on cannot be used against us: no rights, another id, no descriptors,
 * no dumps. */
static int give_up(const struct init *init)
{
	int r = 0;

	if (init->uid != IDS_NONE) {
		/* Rootless without subordinate ids may not change groups at all: its ids are all
		 * the same one. */
		if (setgroups(0, NULL) < 0 && errno != EPERM)
			r = -errno;
		if (setresgid(init->gid, init->gid, init->gid) < 0 ||
		    setresuid(init->uid, init->uid, init->uid) < 0)
			r = -errno;
	}
	if (r == 0)
		r = priv_drop();
	/* A change of ids forgets the parent-death signal, and may make us dumpable again. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
		r = -errno;
	close_range(3, UINT_MAX, 0);
	return r;
}

/* How many processes but us there are in this pid namespace. */
static uint32_t count_processes(void)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	uint32_t n = 0;

	if (!proc)
		return 1;
	while ((entry = readdir(proc)))
		n += entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
		     strcmp(entry->d_name, "1") != 0;
	closedir(proc);
	return n;
}

bool init_linger(uint64_t grace_us)
{
	uint64_t deadline = util_now_us() + grace_us;
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	for (;;) {
		uint64_t now = util_now_us();
		uint64_t left = now < deadline ? deadline - now : 0;
		struct timespec wait = { .tv_sec = (time_t)(left / 1000000),
					 .tv_nsec = (long)(left % 1000000) * 1000 };
		pid_t pid;

		/* Whoever forks faster than we reap gets no longer grace for it. */
		for (int n = 0; (pid = waitpid(-1, NULL, WNOHANG)) > 0 && n < REAPED_MAX; n++)
			;
		if (pid < 0)
			return false;
		if (!left)
			return true;
		(void)sigtimedwait(&child, NULL, &wait);
	}
}

static void reap(pid_t payload, const struct box_spec *spec, struct slate *slate)
{
	int status;
	pid_t pid;

	do
		pid = waitpid(-1, &status, 0);
	while (pid != payload && (pid > 0 || errno == EINTR));
	BOX_ASSERT(pid == payload);
	slate->end_us = util_now_us();
	slate->status = status;
	if (init_linger(spec->leak_grace_us))
		slate->leftovers = count_processes();
	slate_usage(slate, NULL);
	slate->ended = 1;
}

void init_run(const struct init *init)
{
	struct slate *slate = init->apply->slate;
	const struct box_spec *spec = init->payload->spec;
	sigset_t child;
	pid_t pid;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_SETMASK, &child, NULL);
	if (apply_open(init->apply) < 0 || apply_build(init->apply) < 0 || network(spec, slate) < 0)
		_exit(1);
	prctl(PR_SET_DUMPABLE, 0);
	pid = payload_start(init->payload);
	if (pid < 0)
		_exit(1);
	if (give_up(init) < 0) {
		/* Never run a payload under a privileged init: the namespace dies with us. */
		slate_at(slate, SLATE_PRIVILEGE, "init");
		slate_fail(slate, -EPERM);
		_exit(1);
	}
	reap(pid, spec, slate);
	_exit(0);
}
