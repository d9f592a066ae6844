// SPDX-License-Identifier: Apache-2.0
/*
 * payload.c - the last steps before exec, in a child that still shares its parent's memory.
 *
 * Order matters: descriptors and limits first, then the user namespace (which gives all rights over
 * itself and none over anything else), ids, the loss of every right, the filter, and exec. A step
 * that fails is on the slate, which the waiting parent reads; nothing needs a pipe.
 *
 * Invariant: after the filter only chdir's and exec's errors can still happen. No malloc but
 * libcap's, which the suspended parent shares safely.
 */
#include "sandbox/payload.h"

#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "sandbox/fds.h"
#include "sandbox/priv.h"
#include "sandbox/rlimit.h"
#include "sandbox/util.h"

enum { STACK_BYTES = 64 << 10 };

static int enter_identity(const struct payload_identity *id, struct slate *slate)
{
	int r;

	slate_at(slate, SLATE_IDENTITY, "user namespace");
	if (id->prefer_for_oom)
		(void)util_write_file(AT_FDCWD, "/proc/self/oom_score_adj", "100");
	if (setns(id->userns_fd, CLONE_NEWUSER) < 0)
		return -errno;
	slate_at(slate, SLATE_IDENTITY, "groups");
	if (id->set_groups && setgroups(id->n_groups, id->groups) < 0)
		return -errno;
	slate_at(slate, SLATE_IDENTITY, "ids");
	if (setresgid(id->gid, id->gid, id->gid) < 0 || setresuid(id->uid, id->uid, id->uid) < 0)
		return -errno;
	slate_at(slate, SLATE_PRIVILEGE, "capabilities");
	r = priv_drop();
	if (r < 0)
		return r;
	slate_at(slate, SLATE_FILTER, "seccomp");
	return filter_load(id->filter);
}

static void reset_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int become(const struct payload *payload)
{
	struct slate *slate = payload->slate;
	bool count = payload->identity && payload->identity->count_processes;
	int r;

	if (setsid() < 0)
		return -errno;
	slate_at(slate, SLATE_STDIO, NULL);
	r = fds_install(payload->fds, payload->n_fds, payload->null_fd);
	if (r < 0)
		return r;
	slate_at(slate, SLATE_RLIMIT, NULL);
	r = rlimit_apply(payload->spec, count);
	if (r < 0)
		return r;
	if (payload->identity)
		r = enter_identity(payload->identity, slate);
	else
		r = prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ? -errno : 0;
	if (r < 0)
		return r;
	slate_at(slate, SLATE_CHDIR, payload->cwd);
	if (payload->cwd && chdir(payload->cwd) < 0)
		return -errno;
	slate_at(slate, SLATE_EXEC, payload->spec->argv[0]);
	reset_signals();
	slate->start_us = util_now_us(); /* here: our parent may run again long after exec */
	execvpe(payload->spec->argv[0], (char *const *)payload->spec->argv, environ);
	return -errno;
}

static int child(void *argument)
{
	const struct payload *payload = argument;

	slate_fail(payload->slate, become(payload));
	_exit(127);
}

pid_t payload_start(const struct payload *payload)
{
	static char stack[STACK_BYTES] __attribute__((aligned(16)));
	struct slate *slate = payload->slate;
	char **saved = environ;
	pid_t pid;

	slate_at(slate, SLATE_CLONE, NULL);
	/* execvpe searches the PATH of `environ`; the child shares ours, and we are suspended
	 * meanwhile. */
	environ = (char **)payload->envp;
	pid = clone(child, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD,
		    (void *)payload);
	environ = saved;
	if (pid < 0)
		return slate_fail(slate, -errno);
	if (slate->error == 0)
		return pid;
	slate->start_us = 0;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return -slate->error;
}
