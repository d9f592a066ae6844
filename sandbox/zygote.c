// SPDX-License-Identifier: Apache-2.0
/*
 * zygote.c - one per slot, forked from the keeper while that is small, living in the slot's cgroup.
 *
 * That of a one-shot run may work in the keeper's own memory, since it ends with its first clone.
 *
 * Sandboxes are cloned from it with CLONE_PARENT: born inside the cgroup (a migration costs
 * milliseconds when the last was long ago), children of the keeper (which gets their end and usage
 * from wait4). Each is born before its request is there and waits for it, so that a start costs no
 * more than what depends on the request. Bare payloads are its own children, see off.c.
 *
 *     first NEXT --> user namespace, template --> network, init --NEXT--> network, init ...
 *
 * Invariants: it never runs anything of the payload and never sees its descriptors; what one run
 * had, no other gets, but for the network of the named mode `reuse`; an ordinary user's zygote
 * enters an outer user namespace first and is then boxed for good, and no zygote comes back to the
 * host's network.
 */
#include "sandbox/zygote.h"

#include <limits.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "sandbox/init.h"
#include "sandbox/ns.h"
#include "sandbox/off.h"
#include "sandbox/util.h"

enum { STACK_BYTES = 4 << 20 }; /* nftw of apply.c goes down a tree on it, in init */

struct zygote {
	struct zygote_slot slot;
	int sock;
	int requests;
	int held[2];	    /* a socket whose queue holds what would be the last run's alone */
	int proc_fd;	    /* the host's */
	struct apply apply; /* all but what differs between runs; so the next */
	struct payload payload;
	pid_t network_maker; /* a child that makes it; 0: none */
	struct ids_map uids; /* payload ids to ours */
	struct ids_map gids;
};

/* The outer namespace of an ordinary user, or a range of ids of our own as root. */
static int choose_ids(struct zygote *z, uint32_t *ret_subids)
{
	const struct host *host = z->slot.host;
	int r;

	if (host->root) {
		ids_for_root(host->uid, host->first_slot + z->slot.slot, &host->own_uids, &z->uids);
		ids_for_root(host->gid, host->first_slot + z->slot.slot, &host->own_gids, &z->gids);
		*ret_subids = IDS_PER_SLOT;
		return 0;
	}
	r = ns_enter_outer(host->name, ret_subids);
	if (r < 0)
		return r;
	ids_for_user(host->uid, *ret_subids, &z->uids);
	ids_for_user(host->gid, *ret_subids, &z->gids);
	return 0;
}

/* A child makes the network of the only run while we make its mounts. It shares our descriptors:
 * what it opens is ours. */
static int start_network(struct zygote *z)
{
	z->network_maker = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, NULL);
	if (z->network_maker == 0) {
		int r = ns_network(z->proc_fd);

		if (r == 0)
			r = z->slot.birth->network_fd = util_open(O_RDONLY, "/proc/self/ns/net");
		_exit(r < 0 ? -r : 0);
	}
	return z->network_maker < 0 ? -errno : 0;
}

static int join_network(struct zygote *z)
{
	int status = -1, r;

	slate_at(z->slot.birth, "network", "network namespace with lo");
	(void)waitpid(z->network_maker, &status, 0);
	r = WIFEXITED(status) ? -WEXITSTATUS(status) : -ECHILD;
	if (r == 0 && setns(z->slot.birth->network_fd, CLONE_NEWNET) < 0)
		r = -errno;
	return r < 0 ? slate_fail(z->apply.slate, r) : 0;
}

/* Once per zygote: its namespaces and its template. */
static int prepare(struct zygote *z)
{
	const struct host *host = z->slot.host;
	struct slate *slate = z->slot.birth;
	bool loopback = z->slot.like->network == BOX_NETWORK_LOOPBACK ||
			z->slot.like->network == BOX_NETWORK_REUSE;
	uint32_t subids = 0;
	int userns_fd = -1, r;

	/* The user's keys are not the payload's. */
	syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
	slate_at(slate, "userns", "namespaces of the slot");
	r = choose_ids(z, &subids);
	z->proc_fd = util_open(O_PATH, "/proc"); /* the template's cannot be written to */
	if (r == 0 && z->proc_fd < 0)
		r = z->proc_fd;
	if (r == 0 && loopback && z->slot.once)
		r = start_network(z);
	/* So that the template shows groups from the slot's down. */
	if (r == 0 && unshare(CLONE_NEWCGROUP) < 0)
		r = -errno;
	if (r == 0)
		r = userns_fd = ns_make_user(&z->uids, &z->gids, subids == 0);
	z->payload = (struct payload){
		.host = host,
		.spec = z->slot.once,
		.userns_fd = userns_fd,
		.set_groups = subids > 0,
		.count_processes = z->slot.count_processes,
		.slate = z->slot.slate,
	};
	z->apply = (struct apply){
		.slate = slate,
		.host_fd = util_open(O_RDONLY, "/proc/self/ns/mnt"),
		.own_sys = loopback,
		.idmap_fd = host->root ? userns_fd : -1,
		.user_xattr = !host->root,
		.uid = ids_outside(&z->uids, host->uid),
		.gid = ids_outside(&z->gids, host->gid),
		.tty_gid = ids_outside(&z->gids, 5),
	};
	if (r >= 0 && z->apply.host_fd < 0)
		r = z->apply.host_fd;
	if (r < 0)
		return slate_fail(slate, r);
	r = apply_template(z->slot.like->grants & BOX_GRANT_DEVICES, !z->slot.count_processes,
			   slate);
	while (waitpid(-1, NULL, __WCLONE) > 0)
		; /* those that ns_make_user left */
	if (r == 0 && !z->slot.once &&
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, z->held) < 0)
		r = slate_fail(slate, -errno);
	return r;
}

/* Moves us into a network namespace nothing has run in; a single run's is made by now. */
static int make_network(struct zygote *z)
{
	int r;

	if (z->network_maker)
		return join_network(z);
	if (!z->apply.own_sys)
		return 0;
	slate_at(z->slot.birth, "network", "network namespace with lo");
	r = ns_network(z->proc_fd);
	return r < 0 ? slate_fail(z->slot.birth, r) : 0;
}

/*
 * Holds the mount namespace `fd` (-1: none) instead of the last one, so that the grace period of
 * its end, up to tens of milliseconds on a busy machine, is waited for here and not at the run's. A
 * descriptor that waits in a socket is nobody's: the next init has no copy of it. Should it not get
 * there, time is all that is lost.
 */
static void hold(struct zygote *z, int fd)
{
	struct proto_packet last, next = { { .magic = PROTO_MAGIC }, { fd }, fd >= 0 };

	if (proto_receive(z->held[1], MSG_DONTWAIT, &last) == 1)
		proto_close(&last);
	(void)proto_send(z->held[0], MSG_DONTWAIT, &next);
	proto_close(&next);
}

/*
 * The sandbox's init as the keeper's child, which waits for its request. CLONE_PARENT_SETTID puts
 * its pid on the slate before it runs, so that the keeper can kill it without having heard from us.
 */
static int clone_init(struct zygote *z)
{
	struct slate *slate = z->slot.birth;
	unsigned long flags = CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_PARENT |
			      CLONE_PARENT_SETTID | SIGCHLD;
	pid_t pid;

	if (z->slot.like->network == BOX_NETWORK_NONE)
		flags |= CLONE_NEWNET;
	if (!z->slot.once)
		flags |= CLONE_NEWNS;
	slate_at(slate, "clone", "namespaces");
	pid = (pid_t)syscall(SYS_clone, flags, NULL, &slate->init_pid, NULL, NULL);
	if (pid == 0)
		init_run(&z->apply, &z->payload, ids_outside(&z->uids, IDS_INIT),
			 ids_outside(&z->gids, IDS_INIT));
	return pid < 0 ? slate_fail(slate, -errno) : pid;
}

/* One init after the other, each when the run of the last is over, which the keeper knows. */
static void run_boxed(struct zygote *z)
{
	static struct proto_packet next;
	pid_t init = 0;
	int r;

	while (proto_receive(z->sock, 0, &next) == 1) {
		r = init ? 0 : prepare(z);
		if (next.head.kind == PROTO_CLEAR) {
			hold(z, -1);
			(void)proto_tell(z->sock, 0, PROTO_RESULT, next.head.id, 0);
		}
		layout_plan_base(&z->slot.host->layout, next.head.argument, &z->apply.layout);
		if (r == 0 && z->slot.once)
			r = apply_base(&z->apply);
		if (r == 0 && (!init || z->slot.like->network != BOX_NETWORK_REUSE))
			r = make_network(z);
		if (r == 0)
			r = init = clone_init(z);
		/* Half prepared is no state to go on from: the keeper starts another. Nor may those
		 * who helped outlive us. */
		while (r < 0)
			if (waitpid(-1, NULL, __WALL) < 0)
				_exit(1);
		/* What is undone at our end is undone while the payload runs. */
		if (z->slot.once)
			return;
		hold(z, util_open(O_RDONLY, "/proc/%d/ns/mnt", (int)init));
	}
}

/* One payload after the other. */
static void run_bare(struct zygote *z)
{
	static struct proto_packet packet;

	while (proto_receive(z->sock, 0, &packet) == 1) {
		struct payload payload = { .host = z->slot.host,
					   .spec = z->slot.once,
					   .userns_fd = -1,
					   .slate = z->slot.slate };
		struct spec_store store = { 0 };
		bool spawn = packet.head.kind == PROTO_SPAWN;

		/* Close our copies at exec only: the payload needs them until then, nobody else has
		 * them. A KILL for a run that is over already needs nothing. */
		if (spawn && payload_take(&payload, &packet, &store) == 0)
			off_run(&payload, z->sock);
		proto_close(&packet);
		spec_done(&store);
		/* The keeper reads whenever it runs; if it is gone, so are we at the next receive.
		 */
		if (spawn)
			(void)proto_tell(z->sock, 0, PROTO_RESULT, packet.head.id, 0);
	}
}

/*
 * Of the keeper's descriptors only /dev/null and our own sockets stay: another slot's held here
 * would hide the keeper's death from that slot, the owner's would hide ours from the owner.
 */
static int become(void *argument)
{
	struct zygote *z = argument;

	/* Theirs are above both of these, ours are not the lowest. */
	if (dup3(z->sock, PROTO_KEEPER_FD, O_CLOEXEC) < 0 ||
	    dup3(z->requests, PROTO_REQUESTS_FD, O_CLOEXEC) < 0 ||
	    dup3(PROTO_NULL_FD, PROTO_FD, O_CLOEXEC) < 0)
		_exit(1);
	z->sock = PROTO_KEEPER_FD;
	close_range(PROTO_REQUESTS_FD + 1, UINT_MAX, 0);
	/* Orphans of bare payloads come to us. */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		_exit(1);
	if (z->slot.like->level == BOX_LEVEL_OFF)
		run_bare(z);
	else
		run_boxed(z);
	_exit(0);
}

pid_t zygote_start(const struct zygote_slot *slot, bool moment, int sock, int requests)
{
	static char stack[STACK_BYTES] __attribute__((aligned(16)));
	struct zygote z = { .slot = *slot, .sock = sock, .requests = requests };
	int r = clone(become, stack + sizeof(stack),
		      SIGCHLD | (moment ? CLONE_VM | CLONE_VFORK : 0), &z);

	return r < 0 ? -errno : r;
}
