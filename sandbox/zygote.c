// SPDX-License-Identifier: Apache-2.0
/*
 * zygote.c - one per slot, forked from the keeper while that is small, living in the slot's cgroup.
 *
 * That of a one-shot run may work in the keeper's own memory, since it ends with its first clone.
 *
 * Sandboxes are cloned from it with CLONE_PARENT: born inside the cgroup (a migration costs
 * milliseconds when the last was long ago), children of the keeper (which gets their end and usage
 * from wait4). Bare payloads are its own children, see off.c.
 *
 *     new --first boxed SPAWN--> ready (user namespace, template, spare)
 *     ready --SPAWN--> used (a run has the spare) --NEXT, or the next SPAWN--> ready
 *
 * Invariants: it never runs anything of the payload; what one run had, no other gets, but for the
 * network of the named mode `reuse`; an ordinary user's zygote enters an outer user namespace first
 * and is then boxed for good, and no zygote comes back to the host's network.
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

#include "sandbox/env.h"
#include "sandbox/init.h"
#include "sandbox/ns.h"
#include "sandbox/off.h"
#include "sandbox/util.h"

enum { STACK_BYTES = 4 << 20 }; /* nftw of apply.c goes down a tree on it, in init */

/* What a run needs and does not depend on it is made ahead, while nobody waits. */
enum spare {
	SPARE_NONE, /* of networks: the host's */
	SPARE_FRESH,
	SPARE_USED, /* a run had it */
};

struct zygote {
	struct zygote_slot slot;
	int sock;
	int host_fd; /* our own mount namespace, where we are between two calls */
	int template_fd;
	int userns_fd;
	struct apply apply; /* all but what differs between runs; its mounts are the spare's */
	enum spare mounts;
	unsigned devices;	       /* granted ones, which the template has */
	enum spare network;	       /* we are in it, and so is what we clone */
	pid_t network_maker;	       /* a child that makes it; 0: none */
	enum box_network last_network; /* of the last boxed run */
	bool can_set_groups;
	struct ids_map uids; /* payload ids to ours */
	struct ids_map gids;
};

static bool has_loopback(enum box_network network)
{
	return network == BOX_NETWORK_LOOPBACK || network == BOX_NETWORK_REUSE;
}

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
		int r = ns_network();

		if (r == 0)
			r = z->slot.slate->network_fd = util_open(O_RDONLY, "/proc/self/ns/net");
		_exit(r < 0 ? -r : 0);
	}
	return z->network_maker < 0 ? -errno : 0;
}

static int join_network(struct zygote *z)
{
	int status = -1, r;

	slate_at(z->apply.slate, "network", "network namespace with lo");
	(void)waitpid(z->network_maker, &status, 0);
	r = WIFEXITED(status) ? -WEXITSTATUS(status) : -ECHILD;
	if (r == 0 && setns(z->slot.slate->network_fd, CLONE_NEWNET) < 0)
		r = -errno;
	z->network = SPARE_FRESH;
	return r < 0 ? slate_fail(z->apply.slate, r) : 0;
}

/* Once per zygote. What fails here is this host's fault: the request is refused. */
static int prepare(struct zygote *z, bool own_network)
{
	const struct host *host = z->slot.host;
	struct slate *slate = z->slot.slate;
	uint32_t subids = 0;
	int r;

	if (z->host_fd >= 0)
		return 0;
	/* The user's keys are not the payload's. */
	syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
	slate_at(slate, "userns", "namespaces of the slot");
	r = choose_ids(z, &subids);
	if (r == 0 && own_network && z->slot.once)
		r = start_network(z);
	/* So that the template shows groups from the slot's down. */
	if (r == 0 && unshare(CLONE_NEWCGROUP) < 0)
		r = -errno;
	if (r == 0)
		r = z->userns_fd = ns_make_user(&z->uids, &z->gids, subids == 0);
	if (r >= 0)
		r = z->host_fd = util_open(O_RDONLY, "/proc/self/ns/mnt");
	if (r < 0)
		return slate_fail(slate, r);
	z->can_set_groups = subids > 0;
	z->apply = (struct apply){
		.slate = slate,
		.mnt_fd = -1,
		.scratch_fd = -1,
		.idmap_fd = host->root ? z->userns_fd : -1,
		.user_xattr = !host->root,
		.uid = ids_outside(&z->uids, host->uid),
		.gid = ids_outside(&z->gids, host->gid),
		.tty_gid = ids_outside(&z->gids, 5),
	};
	/* From here on nothing writes our maps: neither we nor an init need to be readable through
	 * /proc. */
	prctl(PR_SET_DUMPABLE, 0);
	return 0;
}

/* The mounts of a run that is over are held by fd, so that the grace period of their unmount, up to
 * tens of milliseconds on a busy machine, is waited for here and not at the run's end. */
static void drop_mounts(struct zygote *z)
{
	util_close(&z->apply.scratch_fd);
	util_close(&z->apply.mnt_fd);
	z->mounts = SPARE_NONE;
}

/* The template, another one when other devices are granted. */
static int make_template(struct zygote *z, unsigned devices)
{
	if (z->template_fd >= 0 && z->devices == devices)
		return 0;
	drop_mounts(z);
	util_close(&z->template_fd);
	z->devices = devices;
	z->template_fd = apply_template(devices, !z->slot.count_processes, z->apply.slate);
	while (waitpid(-1, NULL, __WCLONE) > 0)
		; /* those that ns_make_user left */
	if (z->template_fd < 0)
		return z->template_fd;
	return !z->slot.once && setns(z->host_fd, CLONE_NEWNS) < 0
		       ? slate_fail(z->apply.slate, -errno)
		       : 0;
}

/* A mount namespace with the base, in a copy of the template, where /proc is still the host's; in
 * the template itself when there is one run only. After a failure we may be in the wrong one and
 * must end. */
static int make_mounts(struct zygote *z)
{
	int r;

	if (z->mounts == SPARE_FRESH)
		return 0;
	drop_mounts(z);
	slate_at(z->apply.slate, "mount", "/");
	if (!z->slot.once && (setns(z->template_fd, CLONE_NEWNS) < 0 || unshare(CLONE_NEWNS) < 0))
		return slate_fail(z->apply.slate, -errno);
	layout_plan_base(&z->slot.host->layout, &z->apply.layout);
	r = apply_base(&z->apply);
	if (r == 0 && z->network_maker)
		r = join_network(z);
	if (r == 0 && z->network != SPARE_NONE)
		r = apply_sys(&z->apply);
	if (r < 0)
		return r;
	z->apply.mnt_fd = util_open(O_RDONLY, "/proc/self/ns/mnt");
	if (z->apply.mnt_fd < 0 || setns(z->host_fd, CLONE_NEWNS) < 0)
		return slate_fail(z->apply.slate, -errno);
	z->mounts = SPARE_FRESH;
	return 0;
}

/* Moves us into a network namespace nothing has run in, or, with `reuse`, into any that is not the
 * host's. */
static int make_network(struct zygote *z, bool reuse)
{
	int r;

	if (z->network == SPARE_FRESH || (reuse && z->network == SPARE_USED))
		return 0;
	/* The mounts have a /sys of the network they were made in. */
	drop_mounts(z);
	slate_at(z->apply.slate, "network", "network namespace with lo");
	r = ns_network();
	if (r < 0)
		return slate_fail(z->apply.slate, r);
	z->network = SPARE_FRESH;
	return 0;
}

/* Fresh mounts, with the devices and the network the spec asks for. 0 or -errno with the slate
 * filled. */
static int make_spare(struct zygote *z, enum box_network network, unsigned devices)
{
	int r = make_template(z, devices);

	if (r == 0 && has_loopback(network) && !z->network_maker)
		r = make_network(z, network == BOX_NETWORK_REUSE);
	return r < 0 ? r : make_mounts(z);
}

/*
 * The sandbox's init as the keeper's child. CLONE_PARENT_SETTID puts its pid on the slate before it
 * runs, so that the keeper can kill it without having heard from us.
 */
static int clone_init(struct zygote *z, struct payload *payload)
{
	struct slate *slate = payload->slate;
	unsigned long flags = CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_PARENT |
			      CLONE_PARENT_SETTID | SIGCHLD;
	pid_t pid;

	if (payload->spec->network == BOX_NETWORK_NONE)
		flags |= CLONE_NEWNET;
	slate_at(slate, "clone", "namespaces");
	pid = (pid_t)syscall(SYS_clone, flags, NULL, &slate->init_pid, NULL, NULL);
	if (pid < 0) {
		slate->refused = errno == EPERM || errno == EINVAL || errno == ENOSPC ||
				 errno == EUSERS;
		return slate_fail(slate, -errno);
	}
	if (pid == 0)
		init_run(&z->apply, payload, ids_outside(&z->uids, IDS_INIT),
			 ids_outside(&z->gids, IDS_INIT));
	return 0;
}

/* Everything init needs; its copy of our memory keeps it. */
static int run_boxed(struct zygote *z, struct payload *payload)
{
	const struct box_spec *spec = payload->spec;
	AUTO_FREE const char **envp = NULL;
	int r;

	layout_plan_run(spec, &z->slot.host->layout, &z->apply.layout);
	envp = env_make(spec->envp, &z->apply.layout);
	if (!envp)
		return slate_fail(payload->slate, -ENOMEM);
	payload->cwd = z->apply.layout.cwd;
	payload->envp = envp;
	payload->userns_fd = z->userns_fd;
	payload->filter = filter_get(spec->level, spec->grants);
	payload->set_groups = z->can_set_groups;
	payload->count_processes = z->slot.count_processes;
	r = clone_init(z, payload);
	z->mounts = SPARE_USED;
	if (has_loopback(spec->network))
		z->network = SPARE_USED;
	z->last_network = spec->network;
	return r;
}

/* One spec with its fds. Returns whether the keeper must be told (no init lives that would tell it
 * by its death). */
static bool run_spec(struct zygote *z, const struct box_spec *spec,
		     const struct proto_packet *packet)
{
	struct payload payload = {
		.host = z->slot.host,
		.spec = spec,
		.cwd = spec->cwd ? spec->cwd : spec->workspace_path,
		.envp = spec->envp,
		.fds = packet->fds,
		.n_fds = packet->n_fds - !z->slot.once, /* the last one is the spec */
		.userns_fd = -1,
		.slate = z->slot.slate,
	};

	if (spec->level == BOX_LEVEL_OFF) {
		/* Close our copies at exec only: the payload needs them until then, nobody else has
		 * them. */
		off_run(&payload, z->sock);
		return true;
	}
	if (prepare(z, has_loopback(spec->network)) < 0 ||
	    make_spare(z, spec->network, spec->grants & BOX_GRANT_DEVICES) < 0) {
		z->slot.slate->refused = 1;
		return true;
	}
	return run_boxed(z, &payload) < 0;
}

static void serve(struct zygote *z, struct proto_packet *packet)
{
	struct slate *slate = z->slot.slate;
	struct spec_store store = { 0 };
	bool tell = true;
	int r;

	slate_at(slate, "spec", NULL);
	r = z->slot.once ? 0 : proto_decode(packet, &store);
	if (r == 0)
		tell = run_spec(z, z->slot.once ? z->slot.once : &store.spec, packet);
	else
		slate_fail(slate, r);
	proto_close(packet);
	spec_done(&store);
	/* Half prepared is no state to serve from; the keeper reads the slate and starts another.
	 */
	if (slate->refused && z->mounts == SPARE_NONE) {
		/* Nor may those who helped outlive us: they have the payload's descriptors. */
		while (waitpid(-1, NULL, __WALL) > 0)
			;
		_exit(1);
	}
	/* The keeper reads whenever it runs; if it is gone, so are we at the next receive. */
	if (tell)
		(void)proto_tell(z->sock, 0, PROTO_RESULT, packet->head.id, 0);
}

/* The last run is over: undoes what it had, tells the keeper if it waits for that, and makes ready
 * for the next one. What fails here fails again, and is told, when it is needed. */
static void get_ready(struct zygote *z, const struct proto_head *head)
{
	struct slate slate = { 0 }; /* the keeper's may be the next run's by now */

	if (z->mounts == SPARE_USED)
		drop_mounts(z);
	if (head->argument)
		(void)proto_tell(z->sock, 0, PROTO_RESULT, head->id, 0);
	z->apply.slate = &slate;
	if (z->host_fd >= 0 && make_spare(z, z->last_network, z->devices) < 0)
		_exit(1);
	z->apply.slate = z->slot.slate;
}

static void run(struct zygote *z)
{
	static struct proto_packet packet;

	while (proto_receive(z->sock, 0, &packet) == 1) {
		/* A KILL for a run that is over already needs nothing. */
		if (packet.head.kind == PROTO_SPAWN)
			serve(z, &packet);
		else
			proto_close(&packet);
		if (packet.head.kind == PROTO_NEXT)
			get_ready(z, &packet.head);
		/* What is undone at our end is undone while the payload runs. */
		if (z->slot.once)
			return;
	}
}

/*
 * Of the keeper's descriptors only /dev/null and our own socket stay: another slot's socket held
 * here would hide the keeper's death from that slot, the owner's would hide ours from the owner.
 */
static int become(void *argument)
{
	struct zygote *z = argument;

	if (dup3(z->sock, PROTO_KEEPER_FD, O_CLOEXEC) < 0 ||
	    dup3(PROTO_NULL_FD, PROTO_FD, O_CLOEXEC) < 0)
		_exit(1);
	z->sock = PROTO_KEEPER_FD;
	close_range(PROTO_KEEPER_FD + 1, UINT_MAX, 0);
	/* Orphans of bare payloads come to us. */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		_exit(1);
	run(z);
	_exit(0);
}

pid_t zygote_start(const struct zygote_slot *slot, const struct proto_packet *waits, int *ret_sock)
{
	static char stack[STACK_BYTES] __attribute__((aligned(16)));
	struct zygote z = { .slot = *slot, .host_fd = -1, .template_fd = -1, .userns_fd = -1 };
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	z.sock = pair[1];
	*ret_sock = pair[0];
	r = waits ? proto_send(pair[0], 0, waits) : 0;
	if (r == 0)
		r = clone(become, stack + sizeof(stack),
			  SIGCHLD | (waits ? CLONE_VM | CLONE_VFORK : 0), &z);
	r = r == -1 ? -errno : r;
	close(pair[1]);
	if (r < 0)
		util_close(ret_sock);
	return r;
}
