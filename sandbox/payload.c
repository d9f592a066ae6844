// SPDX-License-Identifier: Apache-2.0
/*
 * payload.c - the last steps before exec, in a child that still shares its parent's memory; and how
 * its parent waits for it and all it leaves behind.
 *
 * Order matters: limits first, then the user namespace (which gives all rights over itself and none
 * over anything else), ids, the loss of every right, the fence, the filter, descriptors, and exec.
 * The filter's own descriptor is init's: until it is made the two share one table, which costs
 * nothing and no message. A step that fails is on the slate, which the waiting parent reads.
 *
 * Invariant: what comes after the filter are calls that every level allows. No malloc but libcap's,
 * which the suspended parent shares safely.
 */
#include "sandbox/payload.h"

#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "sandbox/fence.h"
#include "sandbox/priv.h"
#include "sandbox/util.h"

enum {
	STACK_BYTES = 64 << 10,
	REAPED_MAX = 65536, /* more than a payload has processes at a time */
};

/* Makes the payload's fds its 0..n-1 and closes all others; of 0, 1 and 2 the ones not given become
 * /dev/null. */
static int install_fds(const struct payload *payload)
{
	const unsigned n = (unsigned)payload->n_fds, kept = n < 3 ? 3 : n;

	for (unsigned i = 0; i < kept; i++) {
		int fd = i < n ? payload->fds[i] : PROTO_NULL_FD;

		BOX_ASSERT(fd >= PROTO_NULL_FD);
		if (dup2(fd, (int)i) < 0)
			return -errno;
	}
	return close_range(kept, UINT_MAX, 0) < 0 ? -errno : 0;
}

static int set_limit(int resource, uint64_t value)
{
	struct rlimit limit;

	if (getrlimit((__rlimit_resource_t)resource, &limit) < 0)
		return -errno;
	/* One above the hard limit is cut to it: raising needs a right even root may lack. */
	if (limit.rlim_max == RLIM_INFINITY || value < limit.rlim_max)
		limit.rlim_max = value;
	limit.rlim_cur = limit.rlim_max;
	return setrlimit((__rlimit_resource_t)resource, &limit) < 0 ? -errno : 0;
}

/* Never RLIMIT_AS: sanitizers and managed runtimes reserve terabytes. Memory and processor time are
 * for cgroups to count. */
static int set_limits(const struct payload *payload)
{
	const struct box_spec *spec = payload->spec;
	int r = set_limit(RLIMIT_CORE, spec->core_bytes);

	if (r == 0 && spec->file_bytes)
		r = set_limit(RLIMIT_FSIZE, spec->file_bytes);
	if (r == 0 && payload->count_processes && spec->pids)
		r = set_limit(RLIMIT_NPROC, spec->pids);
	return r;
}

static int enter_identity(struct payload *payload)
{
	const struct host *host = payload->host;
	struct slate *slate = payload->slate;
	int r;

	slate_at(slate, "identity", "user namespace");
	/* So that a full cgroup costs the payload, not its init. */
	if (payload->spec->memory_bytes)
		(void)util_write_file("100", "/proc/self/oom_score_adj");
	if (setns(payload->userns_fd, CLONE_NEWUSER) < 0)
		return -errno;
	/* Whoever may make networks: nobody is charged for their memory. */
	if (payload->spec->level == BOX_LEVEL_PERMISSIVE ||
	    (payload->spec->grants & BOX_GRANT_USERNS))
		(void)util_write_file("128", "/proc/sys/user/max_net_namespaces");
	slate_at(slate, "identity", "groups");
	if (payload->set_groups && setgroups(host->n_groups, host->groups) < 0)
		return -errno;
	slate_at(slate, "identity", "ids");
	if (setresgid(host->gid, host->gid, host->gid) < 0 ||
	    setresuid(host->uid, host->uid, host->uid) < 0)
		return -errno;
	slate_at(slate, "privilege", "capabilities");
	r = priv_drop();
	if (r < 0)
		return r;
	slate_at(slate, "filter", "Landlock");
	r = fence_enter(payload->spec->level, payload->fence);
	if (r < 0)
		return r;
	slate_at(slate, "filter", "seccomp");
	payload->listener = filter_load(payload->filter);
	if (payload->listener < 0 && payload->listener != -EBADF)
		return payload->listener;
	/* From here on our descriptors are our own. */
	return unshare(CLONE_FILES) < 0 ? -errno : 0;
}

static int become(struct payload *payload)
{
	struct slate *slate = payload->slate;
	const char *const *argv = payload->spec->argv;
	sigset_t none;
	int r;

	if (setsid() < 0)
		return -errno;
	slate_at(slate, "rlimit", NULL);
	r = set_limits(payload);
	if (r < 0)
		return r;
	if (payload->userns_fd >= 0)
		r = enter_identity(payload);
	else
		r = prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ? -errno : 0;
	if (r < 0)
		return r;
	slate_at(slate, "stdio", NULL);
	r = install_fds(payload);
	if (r < 0)
		return r;
	slate_at(slate, "chdir", payload->cwd);
	if (payload->cwd && chdir(payload->cwd) < 0)
		return -errno;
	slate_at(slate, "exec", argv[0]);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	slate->start_us = util_now_us(); /* here: our parent may run again long after exec */
	execvpe(argv[0], (char *const *)argv, environ);
	return -errno;
}

static int child(void *argument)
{
	struct payload *payload = argument;

	slate_fail(payload->slate, become(payload));
	_exit(127);
}

int payload_take(struct payload *payload, const struct proto_packet *packet,
		 struct spec_store *store)
{
	bool comes_with = !payload->spec;
	int r;

	slate_at(payload->slate, "spec", NULL);
	r = comes_with ? proto_decode(packet, store) : 0;
	if (r < 0)
		return slate_fail(payload->slate, r);
	payload->spec = payload->spec ?: &store->spec;
	payload->cwd = payload->spec->cwd ?: payload->spec->workspace_path;
	payload->envp = payload->spec->envp;
	payload->fds = packet->fds;
	payload->n_fds = packet->n_fds - comes_with; /* the last one is the spec */
	return 0;
}

int payload_start(struct payload *payload)
{
	static char stack[STACK_BYTES] __attribute__((aligned(16)));
	struct slate *slate = payload->slate;
	char **saved = environ;
	pid_t pid;

	slate_at(slate, "clone", NULL);
	/* execvpe searches the PATH of `environ`; the child shares ours, and we are suspended
	 * meanwhile. */
	environ = (char **)payload->envp;
	pid = clone(child, stack + sizeof(stack),
		    CLONE_VM | CLONE_VFORK | (payload->userns_fd < 0 ? 0 : CLONE_FILES) | SIGCHLD,
		    payload);
	environ = saved;
	if (pid < 0)
		return slate_fail(slate, -errno);
	payload->pid = pid;
	if (slate->error == 0)
		return 0;
	slate->start_us = 0;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return -slate->error;
}

/* Takes the dead. False: nobody is left. */
static bool reap(const struct payload *payload)
{
	struct slate *slate = payload->slate;
	struct rusage usage;
	int status;
	pid_t pid;

	/* Whoever forks faster than we reap gets no longer grace for it. */
	for (int n = 0; (pid = wait4(-1, &status, WNOHANG, &usage)) > 0 && n < REAPED_MAX; n++)
		if (pid == payload->pid && !slate->end_us) {
			slate->status = status;
			slate->maxrss_bytes = (uint64_t)usage.ru_maxrss * 1024;
			slate->end_us = util_now_us();
		}
	return pid >= 0;
}

static void on_child(int number)
{
	(void)number; /* it is there to wake us */
}

bool payload_watch(const struct payload *payload, int fd,
		   bool (*ready)(const struct payload *payload, int fd))
{
	const struct sigaction wake = { .sa_handler = on_child };
	const struct slate *slate = payload->slate;
	uint64_t grace_us = payload->spec->leak_grace_us;
	struct pollfd polled = { .fd = fd, .events = POLLIN };
	sigset_t all_but_child;

	sigfillset(&all_but_child);
	sigdelset(&all_but_child, SIGCHLD);
	sigaction(SIGCHLD, &wake, NULL);
	while (reap(payload)) {
		uint64_t now_us = util_now_us(), due_us = slate->end_us + grace_us;
		uint64_t left_us = due_us > now_us ? due_us - now_us : 0;
		struct timespec left = { .tv_sec = (time_t)(left_us / 1000000),
					 .tv_nsec = (long)(left_us % 1000000) * 1000 };

		if (slate->end_us && !left_us)
			return false;
		polled.revents = 0;
		(void)ppoll(&polled, 1, slate->end_us ? &left : NULL, &all_but_child);
		if (polled.revents & POLLIN)
			grace_us = ready(payload, fd) ? 0 : grace_us;
		else if (polled.revents)
			polled.fd = -1; /* nobody is left at its other end */
	}
	return true;
}
