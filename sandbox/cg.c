// SPDX-License-Identifier: Apache-2.0
/*
 * cg.c - control groups. The one file that includes libcgroup, which finds the hierarchies and
 * makes groups; the hot path (limits, counters) uses descriptors kept open, at a tenth of the cost.
 *
 * Layout, per hierarchy:  OWN/paddock-PIDNS-PID-START/slotN, OWN being the keeper's own cgroup, so
 * that limits above us keep holding. A name says whose it is: a later keeper removes the groups of
 * dead ones.
 *
 * On v2 a group with processes cannot hand controllers to its children. When only our ancestors and
 * we are in ours (a delegated unit, a login), all move aside into OWN/paddock-main. When others
 * are, who are not ours to move, OWN is the nearest group above without processes that we may
 * write.
 *
 * Invariants: per controller one version; a slot's groups hold its zygote and what was cloned from
 * it, nothing else; a group is only removed once its processes are dead. Not for limits and
 * counters: see cg_slot.c.
 */
#include "sandbox/cg.h"

#include <dirent.h>
#include <libcgroup.h>
#include <limits.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "sandbox/util.h"

#define MAIN_LEAF   "paddock-main"
#define NAME_PREFIX "paddock-"

static const char *const controller_names[CG_CONTROLLERS] = {
	[CG_MEMORY] = "memory",
	[CG_PIDS] = "pids",
	[CG_CPU] = "cpu",
	[CG_CPUACCT] = "cpuacct",
};

struct hierarchy {
	int version; /* 0: not available */
	char mount[256];
	char own[1024]; /* path of our own group below the mount */
	char why[160];
};

struct cg {
	struct hierarchy in[CG_CONTROLLERS];
	char name[96];
};

int cg_find_path(const char *text, const char *controller, char *buf, size_t size)
{
	size_t length = strlen(controller);

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *list = strchr(line, ':');
		const char *end = line + strcspn(line, "\n");
		const char *path = list && list < end ? strchr(list + 1, ':') : NULL;

		if (!path || path > end)
			continue;
		for (const char *item = list + 1; item <= path;) {
			size_t n = strcspn(item, ",:");

			if (n == length && memcmp(item, controller, n) == 0)
				return util_print(buf, size, "%.*s", (int)(end - path - 1),
						  path + 1);
			item += n + 1;
		}
	}
	return -ENOENT;
}

bool cg_parse_name(const char *name, uint64_t *ret_pidns, uint64_t *ret_pid, uint64_t *ret_start)
{
	char rest[96];
	char *pid, *start;

	if (strncmp(name, NAME_PREFIX, strlen(NAME_PREFIX)) != 0 || strlen(name) >= sizeof(rest))
		return false;
	util_copy(rest, sizeof(rest), name + strlen(NAME_PREFIX));
	pid = strchr(rest, '-');
	start = pid ? strchr(pid + 1, '-') : NULL;
	if (!start)
		return false;
	*pid++ = '\0';
	*start++ = '\0';
	return util_parse_u64(rest, UINT64_MAX, ret_pidns) == 0 &&
	       util_parse_u64(pid, INT_MAX, ret_pid) == 0 &&
	       util_parse_u64(start, UINT64_MAX, ret_start) == 0;
}

enum { STAT_PARENT = 4, STAT_START = 22 };

/* A field of /proc/PID/stat, behind a command name that may hold anything; 0: no such process, or a
 * dead one. */
static uint64_t stat_field(uint64_t pid, int field)
{
	char path[64], text[1024];
	const char *p;
	uint64_t value = 0;

	util_print(path, sizeof(path), "/proc/%llu/stat", (unsigned long long)pid);
	if (util_read_file(AT_FDCWD, path, text, sizeof(text)) <= 0)
		return 0;
	p = strrchr(text, ')');
	/* A zombie keeps its place until somebody reaps it, which may be never. */
	if (p && (p[2] == 'Z' || p[2] == 'X'))
		return 0;
	for (int at = 2; p && at < field; at++)
		p = strchr(p + 1, ' ');
	if (!p)
		return 0;
	text[strcspn(p + 1, " \n") + (size_t)(p + 1 - text)] = '\0';
	return util_parse_u64(p + 1, UINT64_MAX, &value) == 0 ? value : 0;
}

static uint64_t pid_namespace(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) == 0 ? st.st_ino : 0;
}

static bool is_v2(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

/* The processes of the group `dir`, as util_read_file. */
static ssize_t read_procs(const char *dir, char *text, size_t size)
{
	char path[PATH_MAX];
	int r = util_print(path, sizeof(path), "%s/cgroup.procs", dir);

	return r < 0 ? r : util_read_file(AT_FDCWD, path, text, size);
}

/* v2: whether children of `dir` may have controllers: it holds no process, or is the kernel's root,
 * to which that law does not apply. */
static bool may_hand_down(const char *dir)
{
	char path[1500], text[16];

	util_print(path, sizeof(path), "%s/cgroup.type", dir);
	return access(path, F_OK) < 0 || read_procs(dir, text, sizeof(text)) == 0;
}

static bool is_ours(uint64_t pid)
{
	uint64_t at = (uint64_t)getpid();

	while (at && at != pid)
		at = stat_field(at, STAT_PARENT);
	return at != 0;
}

/* v2: moves our ancestors and us into DIR/paddock-main. False: others are there, or it failed. */
static bool step_aside(const char *dir)
{
	char path[1500], text[4096], word[24];
	uint64_t pid;

	if (read_procs(dir, text, sizeof(text)) <= 0)
		return false;
	for (const char *p = text; util_next_number(&p, &pid);)
		if (!is_ours(pid))
			return false;
	util_print(path, sizeof(path), "%s/" MAIN_LEAF, dir);
	(void)mkdir(path, 0755);
	util_print(path, sizeof(path), "%s/" MAIN_LEAF "/cgroup.procs", dir);
	for (const char *p = text; util_next_number(&p, &pid);) {
		util_print(word, sizeof(word), "%llu", (unsigned long long)pid);
		(void)util_write_file(AT_FDCWD, path, word);
	}
	return may_hand_down(dir);
}

/* MOUNT + OWN when that exists; a container without a cgroup namespace sees its own group as the
 * mount itself. On v2 up to a group that will do. */
static void settle_own(struct hierarchy *h)
{
	char dir[1400];
	size_t length = strlen(h->own), leaf = strlen("/" MAIN_LEAF);
	const char *why = "this user may not write its cgroup; run as root, or in a delegated unit "
			  "(systemd-run --user -p Delegate=yes)";

	if (length >= leaf && strcmp(h->own + length - leaf, "/" MAIN_LEAF) == 0)
		h->own[length - leaf] = '\0';
	if (strcmp(h->own, "/") == 0)
		h->own[0] = '\0';
	if (util_print(dir, sizeof(dir), "%s%s", h->mount, h->own) < 0 || access(dir, F_OK) < 0)
		h->own[0] = '\0';
	for (;;) {
		char *end = strrchr(h->own, '/');

		util_print(dir, sizeof(dir), "%s%s", h->mount, h->own);
		if (access(dir, W_OK) < 0)
			break;
		if (h->version == 1 || may_hand_down(dir) || step_aside(dir))
			return;
		why = "its cgroup holds other processes; run it in a delegated unit of its own "
		      "(systemd-run -p Delegate=yes)";
		if (!end)
			break;
		*end = '\0';
	}
	h->version = 0;
	util_copy(h->why, sizeof(h->why), why);
}

static void find_hierarchy(struct cg *cg, enum cg_controller controller, const char *own_text)
{
	struct hierarchy *h = &cg->in[controller];
	char *mount = NULL;

	util_copy(h->why, sizeof(h->why),
		  "the kernel does not offer this controller, or it is not mounted");
	if (cgroup_get_subsys_mount_point(controller_names[controller], &mount) == 0)
		util_copy(h->mount, sizeof(h->mount), mount);
	free(mount);
	h->version = !h->mount[0] ? 0 : is_v2(h->mount) ? 2 : 1;
	/* On v2 a process is in one group, whatever the controller, and every group counts time. */
	for (int i = 0; i < (int)controller && h->version != 1; i++)
		if (cg->in[i].version == 2 && (h->version || controller == CG_CPUACCT)) {
			*h = cg->in[i];
			return;
		}
	if (!h->version)
		return;
	h->why[0] = '\0';
	if (cg_find_path(own_text, h->version == 2 ? "" : controller_names[controller], h->own,
			 sizeof(h->own)) < 0)
		h->own[0] = '\0';
	settle_own(h);
}

int cg_path(const struct cg *cg, enum cg_controller controller, const char *tail, char *buf,
	    size_t size)
{
	const struct hierarchy *h = &cg->in[controller];

	BOX_ASSERT(h->version);
	return util_print(buf, size, "%s%s/%s%s", h->mount, h->own, cg->name, tail);
}

static void kill_members(const char *dir)
{
	char text[65536];
	uint64_t pid;
	ssize_t n = read_procs(dir, text, sizeof(text));

	for (const char *p = text; n > 0 && util_next_number(&p, &pid);)
		if (pid > 1 && pid != (uint64_t)getpid())
			kill((pid_t)pid, SIGKILL);
}

/* Ends a dead keeper's processes in `dir` and removes it; killed ones need a moment to leave. */
static void remove_group(const char *dir)
{
	enum { ROUNDS = 200, ROUND_MS = 5 };

	for (int i = 0; i < ROUNDS; i++) {
		kill_members(dir);
		if (rmdir(dir) == 0 || errno != EBUSY)
			return;
		/* v1 has no event for "empty": look again soon. */
		poll(NULL, 0, ROUND_MS);
	}
}

static void remove_keeper_group(const char *dir)
{
	AUTO_CLOSE int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	char path[PATH_MAX];

	if (!stream)
		return;
	fd = -1;
	while ((entry = readdir(stream)))
		if (strncmp(entry->d_name, "slot", 4) == 0 &&
		    util_print(path, sizeof(path), "%s/%s", dir, entry->d_name) == 0)
			remove_group(path);
	closedir(stream);
	remove_group(dir);
}

/* Groups of keepers that are gone, next to where ours will be. Idempotent; another sweeper may be
 * at it too. */
static void sweep(const struct hierarchy *h)
{
	char dir[1400], path[PATH_MAX];
	uint64_t here = pid_namespace();
	const struct dirent *entry;
	DIR *stream;

	util_print(dir, sizeof(dir), "%s%s", h->mount, h->own);
	stream = opendir(dir);
	while (stream && (entry = readdir(stream))) {
		uint64_t pidns, pid, start;

		if (!cg_parse_name(entry->d_name, &pidns, &pid, &start) || pidns != here ||
		    stat_field(pid, STAT_START) == start)
			continue;
		if (util_print(path, sizeof(path), "%s/%s", dir, entry->d_name) == 0)
			remove_keeper_group(path);
	}
	if (stream)
		closedir(stream);
}

/* What libcgroup 2.0 cannot do on v2: it turns controllers on from the top down, where somebody
 * whom a part was delegated to may not write. */
static int make_delegated(const struct cg *cg, enum cg_controller controller, const char *tail)
{
	char dir[PATH_MAX], path[PATH_MAX], word[32];
	int r = cg_path(cg, controller, tail, dir, sizeof(dir));

	if (r < 0 || (mkdir(dir, 0755) < 0 && errno != EEXIST))
		return r < 0 ? r : -errno;
	*strrchr(dir, '/') = '\0';
	util_print(word, sizeof(word), "+%s", controller_names[controller]);
	r = util_print(path, sizeof(path), "%s/cgroup.subtree_control", dir);
	return r < 0 ? r : util_write_file(AT_FDCWD, path, word);
}

int cg_make(const struct cg *cg, enum cg_controller controller, const char *tail)
{
	const struct hierarchy *h = &cg->in[controller];
	char path[1400];
	struct cgroup *group;
	int r;

	/* On v2 processor time is in every group. */
	if (controller == CG_CPUACCT && h->version == 2)
		return 0;
	if (util_print(path, sizeof(path), "%s/%s%s", h->own[0] ? h->own + 1 : "", cg->name, tail) <
	    0)
		return -ENAMETOOLONG;
	group = cgroup_new_cgroup(path[0] == '/' ? path + 1 : path);
	if (!group)
		return -ENOMEM;
	/* libcgroup also turns the controller on in the parents, which v2 wants. */
	r = cgroup_add_controller(group, controller_names[controller])
		    ? cgroup_create_cgroup(group, 0)
		    : ECGFAIL;
	if (r == ECGOTHER)
		r = -cgroup_get_last_errno();
	else if (r != 0)
		r = -EACCES;
	cgroup_free(&group);
	return r < 0 && h->version == 2 ? make_delegated(cg, controller, tail) : r;
}

static void make_keeper_group(struct cg *cg, enum cg_controller controller)
{
	struct hierarchy *h = &cg->in[controller];
	int r;

	if (!h->version)
		return;
	sweep(h);
	r = cg_make(cg, controller, "");
	if (r == 0)
		return;
	h->version = 0;
	util_print(h->why, sizeof(h->why),
		   "making a group below its own failed (%s); run as root, or in a delegated unit "
		   "of its own",
		   strerror(-r));
}

int cg_open(struct cg **ret_cg)
{
	char own_text[8192];
	struct cg *cg = calloc(1, sizeof(*cg));

	if (!cg)
		return -ENOMEM;
	util_print(cg->name, sizeof(cg->name), NAME_PREFIX "%llu-%d-%llu",
		   (unsigned long long)pid_namespace(), (int)getpid(),
		   (unsigned long long)stat_field((uint64_t)getpid(), STAT_START));
	for (int i = 0; i < CG_CONTROLLERS; i++)
		util_copy(cg->in[i].why, sizeof(cg->in[i].why),
			  "there are no control groups here; mount cgroup2");
	*ret_cg = cg;
	if (util_read_file(AT_FDCWD, "/proc/self/cgroup", own_text, sizeof(own_text)) < 0 ||
	    cgroup_init() != 0)
		return 0;
	for (int i = 0; i < CG_CONTROLLERS; i++) {
		find_hierarchy(cg, (enum cg_controller)i, own_text);
		make_keeper_group(cg, (enum cg_controller)i);
	}
	return 0;
}

void cg_close(struct cg *cg)
{
	char path[PATH_MAX];

	if (!cg)
		return;
	for (int i = 0; i < CG_CONTROLLERS; i++)
		if (cg->in[i].version &&
		    cg_path(cg, (enum cg_controller)i, "", path, sizeof(path)) == 0)
			remove_keeper_group(path);
	free(cg);
}

bool cg_can(const struct cg *cg, enum cg_controller controller)
{
	return cg->in[controller].version != 0;
}

int cg_version(const struct cg *cg, enum cg_controller controller)
{
	return cg->in[controller].version;
}

const char *cg_why(const struct cg *cg, enum cg_controller controller)
{
	return cg->in[controller].why;
}
