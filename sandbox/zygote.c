// SPDX-License-Identifier: Apache-2.0
/*
 * zygote.c - one per slot, forked from the keeper while that is small, living in the slot's cgroup.
 *
 * Sandboxes are cloned from it with CLONE_PARENT: born inside the cgroup (a migration costs
 * milliseconds when the last was long ago), children of the keeper (which gets their end and usage
 * from wait4). Bare payloads are its own children, see off.c.
 *
 *     fresh --first boxed spawn--> ready (template, user namespace)     each SPAWN: ready -> ready
 *
 * Invariants: it never runs anything of the payload; what it prepared for one run it forgets before
 * the next; an ordinary user's zygote enters an outer user namespace first and is then boxed for
 * good.
 */
#include "sandbox/zygote.h"

#include <limits.h>
#include <linux/close_range.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "sandbox/env.h"
#include "sandbox/fds.h"
#include "sandbox/init.h"
#include "sandbox/mount.h"
#include "sandbox/ns.h"
#include "sandbox/off.h"
#include "sandbox/priv.h"
#include "sandbox/proto.h"
#include "sandbox/spec.h"
#include "sandbox/util.h"

enum { SOCK_FD = FDS_FLOOR + 1 };

struct zygote {
	struct zygote_slot slot;
	int sock;
	int signal_fd;
	int template_fd;
	int userns_fd;
	bool can_set_groups;
	struct ids_map uids; /* payload ids to ours */
	struct ids_map gids;
};

static bool is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int read_map(const char *path, struct ids_map *ret_map)
{
	char text[1024];
	ssize_t n = util_read_file(AT_FDCWD, path, text, sizeof(text));

	return n < 0 ? (int)n : ids_parse(text, ret_map);
}

/* The user's name and home by the password file (a static program has no name service), else by the
 * environment. */
static void find_user(struct zygote_host *host)
{
	FILE *file = fopen("/etc/passwd", "re");
	const struct passwd *entry;
	const char *home = getenv("HOME");

	while (file && (entry = fgetpwent(file)))
		if (entry->pw_uid == host->uid) {
			util_copy(host->name, sizeof(host->name), entry->pw_name);
			home = entry->pw_dir;
			break;
		}
	util_copy(host->home, sizeof(host->home), util_path_ok(home) ? home : "/nonexistent");
	if (file)
		fclose(file);
}

int zygote_host_init(struct zygote_host *host, int null_fd)
{
	int n, r;

	*host = (struct zygote_host){ .uid = getuid(), .gid = getgid(), .null_fd = null_fd };
	host->root = geteuid() == 0 && priv_has("cap_sys_admin") && priv_has("cap_setuid");
	n = getgroups(ZYGOTE_GROUPS_MAX, host->groups);
	host->n_groups = n > 0 ? (size_t)n : 0;
	r = read_map("/proc/self/uid_map", &host->own_uids);
	if (r == 0)
		r = read_map("/proc/self/gid_map", &host->own_gids);
	if (r < 0)
		return r;
	find_user(host);
	host->layout = (struct layout_host){
		.uid = host->uid,
		.home = host->home,
		.has_home_dir = is_dir("/home"),
		.has_root_dir = is_dir("/root"),
		.has_var_tmp = is_dir("/var/tmp"),
		.home_is_dir = is_dir(host->home),
	};
	for (int level = BOX_LEVEL_STRICT; level < BOX_LEVEL_MAX && r == 0; level++)
		r = filter_compile((enum box_level)level, &host->filters[level]);
	return r;
}

/* The outer namespace of an ordinary user, or a range of ids of our own as root. */
static int choose_ids(struct zygote *z, uint32_t *ret_subids)
{
	const struct zygote_host *host = z->slot.host;
	int r;

	if (host->root) {
		ids_for_root(host->uid, z->slot.slot, &host->own_uids, &z->uids);
		ids_for_root(host->gid, z->slot.slot, &host->own_gids, &z->gids);
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

/* Once per zygote. What fails here is this host's fault: the request is refused. */
static int prepare(struct zygote *z)
{
	struct slate *slate = z->slot.slate;
	uint32_t subids = 0;
	int r;

	if (z->template_fd >= 0)
		return 0;
	slate_at(slate, SLATE_USERNS, "user namespace of the slot");
	if (z->userns_fd < 0) {
		r = choose_ids(z, &subids);
		if (r == 0)
			r = z->userns_fd = ns_make_user(&z->uids, &z->gids, subids == 0);
		if (r < 0)
			return slate_fail(slate, r);
		z->can_set_groups = subids > 0;
	}
	r = mount_template(slate);
	if (r < 0)
		return r;
	z->template_fd = r;
	/* From here on nothing writes our maps: neither we nor an init need to be readable through
	 * /proc. */
	prctl(PR_SET_DUMPABLE, 0);
	return 0;
}

static unsigned long clone_flags(const struct box_spec *spec)
{
	unsigned long flags = CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;

	return spec->network == BOX_NETWORK_HOST ? flags : flags | CLONE_NEWNET;
}

/*
 * The sandbox's init as the keeper's child. CLONE_PARENT_SETTID puts its pid on the slate before it
 * runs, so that the keeper can kill it without having heard from us.
 */
static int clone_init(struct zygote *z, const struct init *init)
{
	struct slate *slate = z->slot.slate;
	unsigned long flags = clone_flags(init->payload->spec) | CLONE_PARENT |
			      CLONE_PARENT_SETTID | SIGCHLD;
	pid_t pid;

	slate_at(slate, SLATE_CLONE, "namespaces");
	pid = (pid_t)syscall(SYS_clone, flags, NULL, &slate->init_pid, NULL, NULL);
	if (pid < 0) {
		slate->refused = errno == EPERM || errno == EINVAL || errno == ENOSPC ||
				 errno == EUSERS;
		return slate_fail(slate, -errno);
	}
	if (pid == 0)
		init_run(init);
	return 0;
}

/* Everything init needs, built on our stack; its copy of our memory keeps it. */
static int run_boxed(struct zygote *z, struct payload *payload)
{
	const struct zygote_host *host = z->slot.host;
	const struct box_spec *spec = payload->spec;
	struct layout layout;
	struct env env = { 0 };
	struct payload_identity identity = {
		.userns_fd = z->userns_fd,
		.uid = host->uid,
		.gid = host->gid,
		.groups = host->groups,
		.n_groups = host->root ? host->n_groups : 0,
		.set_groups = z->can_set_groups,
		.count_processes = z->slot.count_processes,
		.prefer_for_oom = spec->memory_bytes != 0,
		.filter = &host->filters[spec->level],
	};
	struct apply apply = {
		.layout = &layout,
		.slate = z->slot.slate,
		.template_fd = z->template_fd,
		.idmap_fd = host->root ? z->userns_fd : -1,
		.user_xattr = !host->root,
		.uid = ids_outside(&z->uids, host->uid),
		.gid = ids_outside(&z->gids, host->gid),
		.tty_gid = ids_outside(&z->gids, 5),
	};
	struct init init = {
		.apply = &apply,
		.payload = payload,
		.uid = ids_outside(&z->uids, IDS_INIT),
		.gid = ids_outside(&z->gids, IDS_INIT),
	};
	int r;

	layout_plan(spec, &host->layout, &layout);
	r = env_make(spec->envp, &layout, &env);
	if (r < 0)
		return slate_fail(z->slot.slate, r);
	payload->cwd = layout.cwd;
	payload->envp = env.envp;
	payload->identity = &identity;
	r = clone_init(z, &init);
	env_done(&env);
	return r;
}

static void tell_done(const struct zygote *z, uint64_t id)
{
	struct proto_head head = { .magic = PROTO_MAGIC, .kind = PROTO_RESULT, .id = id };

	/* The keeper reads whenever it runs; if it is gone, so are we at the next receive. */
	(void)!send(z->sock, &head, sizeof(head), MSG_NOSIGNAL);
}

/* One spec with its fds. Returns whether the keeper must be told (no init lives that would tell it
 * by its death). */
static bool run_spec(struct zygote *z, const struct box_spec *spec, struct fds_packet *packet)
{
	struct payload payload = {
		.spec = spec,
		.cwd = spec->cwd ? spec->cwd : spec->workspace_path,
		.envp = spec->envp,
		.fds = packet->fds,
		.n_fds = packet->n_fds,
		.null_fd = z->slot.host->null_fd,
		.slate = z->slot.slate,
	};

	if (spec->level == BOX_LEVEL_OFF) {
		/* Close our copies at exec only: the payload needs them until then, nobody else has
		 * them. */
		off_run(&payload, z->sock, z->signal_fd);
		return true;
	}
	if (prepare(z) < 0) {
		z->slot.slate->refused = 1;
		return true;
	}
	return run_boxed(z, &payload) < 0;
}

static void serve(struct zygote *z, const struct proto_head *head, struct fds_packet *packet)
{
	struct slate *slate = z->slot.slate;
	struct spec_store store = { 0 };
	struct proto_spec spec = { .size = 0 };
	bool tell = true;
	int r = proto_open_spec(head, packet, &spec);

	slate_at(slate, SLATE_SPEC, NULL);
	if (r == 0)
		r = spec_decode(spec.bytes, head->argument, &store);
	if (spec.size)
		util_close(&packet->fds[--packet->n_fds]);
	if (r < 0) {
		slate_fail(slate, r);
	} else {
		spec_defaults(&store.spec);
		tell = run_spec(z, &store.spec, packet);
	}
	fds_close(packet->fds, packet->n_fds);
	spec_done(&store);
	proto_close_spec(&spec);
	if (tell)
		tell_done(z, head->id);
	/* Half prepared is no state to serve from; the keeper starts another one. */
	if (slate->refused && z->template_fd < 0)
		_exit(1);
}

static void run(struct zygote *z)
{
	static unsigned char buffer[PROTO_INLINE_MAX];
	struct proto_head head;
	struct fds_packet packet;

	while (proto_receive(z->sock, 0, &head, buffer, &packet) == 1) {
		/* A KILL for a run that is over already needs nothing. */
		if (head.kind == PROTO_SPAWN)
			serve(z, &head, &packet);
		else
			fds_close(packet.fds, packet.n_fds);
	}
}

/*
 * Of the keeper's descriptors only /dev/null and our own socket stay: another slot's socket held
 * here would hide the keeper's death from that slot, the owner's would hide ours from the owner.
 */
static void shed(int sock, int null_fd)
{
	BOX_ASSERT(null_fd == FDS_FLOOR);
	if (dup3(sock, SOCK_FD, O_CLOEXEC) < 0 || dup3(null_fd, PROTO_FD, O_CLOEXEC) < 0)
		_exit(1);
	close_range(SOCK_FD + 1, UINT_MAX, 0);
}

static void become(const struct zygote_slot *slot, int sock)
{
	struct zygote z = { .slot = *slot, .sock = SOCK_FD, .template_fd = -1, .userns_fd = -1 };

	shed(sock, slot->host->null_fd);
	z.signal_fd = off_prepare();
	if (z.signal_fd < 0)
		_exit(1);
	run(&z);
	_exit(0);
}

pid_t zygote_start(const struct zygote_slot *slot, int *ret_sock)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	pid = fork();
	if (pid < 0) {
		int r = -errno;

		close(pair[0]);
		close(pair[1]);
		return r;
	}
	if (pid == 0)
		become(slot, pair[1]);
	close(pair[1]);
	*ret_sock = pair[0];
	return pid;
}
