// SPDX-License-Identifier: Apache-2.0
/*
 * init.c - pid 1 of a sandbox: waits for a request, sets up, starts the payload, answers the calls
 * its filter refuses, reaps, reports on the slate.
 *
 * Invariants: not dumpable and without any right from the payload's first instruction on, so that
 * the payload can neither trace it nor read its memory; it holds no descriptor of the payload, so
 * that a leaked child alone keeps a pipe open; SIGKILL from the keeper ends everything at any
 * point, because the kernel kills a pid namespace with its init.
 */
#include "sandbox/init.h"

#include <glob.h>
#include <grp.h>
#include <limits.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/vfs.h>

#include "sandbox/env.h"
#include "sandbox/fence.h"
#include "sandbox/priv.h"
#include "sandbox/util.h"

enum { LISTENER_FD = 3 };

/* Whatever happens from here on cannot be used against us: no rights, another id, no descriptors,
 * no dumps. */
static int give_up(uint32_t uid, uint32_t gid, int listener)
{
	int r = 0;

	if (uid != IDS_NONE) {
		/* Rootless without subordinate ids may not change groups at all: its ids are all
		 * the same one. */
		if (setgroups(0, NULL) < 0 && errno != EPERM)
			r = -errno;
		if (setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
			r = -errno;
	}
	if (r == 0)
		r = priv_drop();
	/* A change of ids forgets the parent-death signal, and may make us dumpable again. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
		r = -errno;
	if (listener >= 0 && dup3(listener, LISTENER_FD, O_CLOEXEC) < 0)
		r = -errno;
	close_range(listener >= 0 ? LISTENER_FD + 1 : LISTENER_FD, UINT_MAX, 0);
	return r;
}

/* How many processes but us there are in this pid namespace. */
static uint32_t count_processes(void)
{
	glob_t found;
	uint32_t n;

	if (glob("/proc/[1-9]*", GLOB_NOSORT, NULL, &found) != 0)
		return 1;
	n = (uint32_t)found.gl_pathc - 1;
	globfree(&found);
	return n;
}

/* The filter refused a call. */
static bool answer(const struct payload *payload, int listener)
{
	int rule = filter_answer(payload->filter, listener);

	if (rule >= 0)
		slate_refused(payload->slate, rule);
	return false;
}

/* From the payload's start until all is over, or what it left has had its grace. */
static void watch(const struct payload *payload)
{
	struct slate *slate = payload->slate;
	struct statfs fs;

	if (!payload_watch(payload, payload->listener < 0 ? -1 : LISTENER_FD, answer))
		slate->leftovers = count_processes();
	BOX_ASSERT(slate->end_us);
	if (statfs("/tmp", &fs) == 0)
		slate->scratch_bytes = (uint64_t)(fs.f_blocks - fs.f_bfree) * (uint64_t)fs.f_bsize;
	slate_usage(slate, NULL);
}

/* The request, which may be there already or come much later, and what follows from it. */
static int take(struct apply *apply, struct payload *payload)
{
	static struct proto_packet packet;
	static struct spec_store store;

	slate_at(apply->slate, "request", NULL);
	if (proto_receive(PROTO_REQUESTS_FD, 0, &packet) != 1)
		return -EPIPE;
	apply->slate = payload->slate;
	if (payload_take(payload, &packet, &store) < 0)
		return -EPROTO;
	layout_plan_run(payload->spec, &apply->layout);
	payload->cwd = apply->layout.cwd;
	payload->envp = env_make(payload->spec->envp, &apply->layout);
	payload->filter = filter_get(payload->spec->level, payload->spec->grants);
	return payload->envp ? 0 : slate_fail(payload->slate, -ENOMEM);
}

void init_run(struct apply *apply, struct payload *payload, uint32_t uid, uint32_t gid)
{
	struct slate *slate = payload->slate;

	/* A keeper that was gone before this would never be missed. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
	    poll(&(struct pollfd){ .fd = PROTO_KEEPER_FD }, 1, 0) != 0)
		_exit(1);
	/* The base of a single run, whose spec is known, was made beside its network. */
	if ((!payload->spec && apply_base(apply) < 0) || apply_own(apply) < 0 ||
	    take(apply, payload) < 0 || apply_run(apply) < 0)
		_exit(1);
	slate_at(slate, "filter", "Landlock");
	payload->fence = fence_make(payload->spec, &apply->layout);
	if (payload->fence < 0 && payload->fence != -EBADF) {
		slate_fail(slate, payload->fence);
		_exit(1);
	}
	prctl(PR_SET_DUMPABLE, 0);
	if (payload_start(payload) < 0)
		_exit(1);
	if (give_up(uid, gid, payload->listener) < 0) {
		/* Never run a payload under a privileged init: the namespace dies with us. */
		slate_at(slate, "privilege", "init");
		slate_fail(slate, -EPERM);
		_exit(1);
	}
	watch(payload);
	_exit(0);
}
