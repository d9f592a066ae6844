// SPDX-License-Identifier: Apache-2.0
/*
 * cg.c - control groups. The one file that includes libcgroup, which finds the hierarchies and
 * makes the keeper's groups. Slots' are plain folders below them, at a tenth of the cost: sixteen
 * slots that start at once would wait for each other's otherwise.
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
#include <inttypes.h>
#include <libcgroup.h>
#include <limits.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "sandbox/util.h"

#define MAIN_LEAF "paddock-main"

static const char *const controller_names[CG_CONTROLLERS] = {
	[CG_MEMORY] = "memory",	  [CG_PIDS] = "pids",	  [CG_CPU] = "cpu",
	[CG_CPUACCT] = "cpuacct", [CG_CPUSET] = "cpuset",
};

struct cg {
	struct cg_hierarchy in[CG_CONTROLLERS];
	char name[96];
};

int cg_find_path(const char *text, const char *controller, char *buf, size_t size)
{
	size_t length = strlen(controller), n;

	/* Lines of NUMBER:CONTROLLER,...:PATH */
	for (const char *at = text; *at; at += strcspn(at, "\n"), at += *at == '\n') {
		bool found = false;

		at += strcspn(at, ":\n");
		do {
			at += *at == ':' || *at == ',';
			n = strcspn(at, ",:\n");
			found = found || (n == length && memcmp(at, controller, n) == 0);
			at += n;
		} while (*at == ',');
		if (found && *at == ':')
			return util_print(buf, size, "%.*s", (int)strcspn(at + 1, "\n"), at + 1);
	}
	return -ENOENT;
}

static void print_name(char *buf, size_t size, uint64_t pidns, uint64_t pid, uint64_t start)
{
	util_print(buf, size, "paddock-%" PRIu64 "-%" PRIu64 "-%" PRIu64, pidns, pid, start);
}

/* It is ours when we would have written it so. */
bool cg_parse_name(const char *name, uint64_t *ret_pidns, uint64_t *ret_pid, uint64_t *ret_start)
{
	const char *at = name + strcspn(name, "-");
	char again[96];

	if (!util_next_number(&at, ret_pidns) || !util_next_number(&at, ret_pid) ||
	    !util_next_number(&at, ret_start))
		return false;
	print_name(again, sizeof(again), *ret_pidns, *ret_pid, *ret_start);
	return strcmp(name, again) == 0 && *ret_pid <= INT_MAX;
}

/* When process `pid` started and who made it, from /proc/PID/stat, behind a command name that may
 * hold anything; 0: no such process, or a dead one. */
static uint64_t process_start(uint64_t pid, uint64_t *ret_parent)
{
	char text[1024];
	const char *state, *at;
	uint64_t start;

	if (util_read_file(text, sizeof(text), "/proc/%" PRIu64 "/stat", pid) <= 0)
		return 0;
	at = strrchr(text, ')');
	state = at && strlen(at) > 2 ? at + 2 : "Z";
	at = state + 1;
	if (!util_next_number(&at, ret_parent))
		return 0;
	for (int field = 5; field <= 22; field++)
		if (!util_next_number(&at, &start))
			return 0;
	/* A zombie keeps its place until somebody reaps it, which may be never. */
	return *state == 'Z' || *state == 'X' ? 0 : start;
}

static uint64_t pid_namespace(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) == 0 ? st.st_ino : 0;
}

/* v2: whether children of `dir` may have controllers: it holds no process, or is the kernel's root,
 * to which that law does not apply. */
static bool may_hand_down(const char *dir)
{
	char text[64];

	return util_read_file(text, sizeof(text), "%s/cgroup.type", dir) == -ENOENT ||
	       util_read_file(text, sizeof(text), "%s/cgroup.procs", dir) == 0;
}

static bool is_ours(uint64_t pid)
{
	uint64_t at = (uint64_t)getpid();

	while (at != pid)
		if (!process_start(at, &at))
			return false;
	return true;
}

/* v2: moves our ancestors and us into DIR/paddock-main. False: others are there, or it failed. */
static bool step_aside(const char *dir)
{
	char path[1500], text[4096], word[24];
	uint64_t pid;

	if (util_read_file(text, sizeof(text), "%s/cgroup.procs", dir) <= 0)
		return false;
	for (const char *p = text; util_next_number(&p, &pid);)
		if (!is_ours(pid))
			return false;
	util_print(path, sizeof(path), "%s/" MAIN_LEAF, dir);
	(void)mkdir(path, 0755);
	for (const char *p = text; util_next_number(&p, &pid);) {
		util_print(word, sizeof(word), "%" PRIu64, pid);
		(void)util_write_file(word, "%s/cgroup.procs", path);
	}
	return may_hand_down(dir);
}

/* PATH below the mount, when that exists; a container without a cgroup namespace sees its own group
 * as the mount itself. On v2 up to a group that will do. */
static void settle_own(struct cg_hierarchy *h, const char *path)
{
	size_t length = strlen(path), leaf = strlen("/" MAIN_LEAF);
	const char *why = "this user may not write its cgroup; run as root, or in a delegated unit "
			  "(systemd-run --user -p Delegate=yes)";
	char *end = h->own + h->mount;

	if (length >= leaf && strcmp(path + length - leaf, "/" MAIN_LEAF) == 0)
		length -= leaf;
	if (util_print(end, sizeof(h->own) - h->mount, "%.*s", (int)length, path) < 0 ||
	    strcmp(path, "/") == 0 || access(h->own, F_OK) < 0)
		*end = '\0';
	while (access(h->own, W_OK) == 0) {
		if (h->version == 1 || may_hand_down(h->own) || step_aside(h->own))
			return;
		why = "its cgroup holds other processes; run it in a delegated unit of its own "
		      "(systemd-run -p Delegate=yes)";
		end = strrchr(h->own + h->mount, '/');
		if (!end)
			break;
		*end = '\0';
	}
	h->version = 0;
	util_copy(h->why, sizeof(h->why), why);
}

static void find_hierarchy(struct cg *cg, enum cg_controller controller, const char *own_text)
{
	struct cg_hierarchy *h = &cg->in[controller];
	char *mount = NULL, path[1024];
	struct statfs fs;

	util_copy(h->why, sizeof(h->why),
		  "the kernel does not offer this controller, or it is not mounted");
	if (cgroup_get_subsys_mount_point(controller_names[controller], &mount) == 0) {
		util_copy(h->own, sizeof(h->own), mount);
		h->mount = strlen(h->own);
		h->version = statfs(mount, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC ? 2 : 1;
	}
	free(mount);
	/* On v2 a process is in one group, whatever the controller, and every group counts time. */
	for (int i = 0; i < (int)controller && h->version != 1; i++)
		if (cg->in[i].version == 2 && (h->version || controller == CG_CPUACCT)) {
			*h = cg->in[i];
			return;
		}
	if (!h->version)
		return;
	h->why[0] = '\0';
	if (cg_find_path(own_text, h->version == 2 ? "" : controller_names[controller], path,
			 sizeof(path)) < 0)
		path[0] = '\0';
	settle_own(h, path);
	util_print(h->dir, sizeof(h->dir), "%s/%s", h->own, cg->name);
}

/* Ends a dead keeper's processes in `dir` and removes it; killed ones need a moment to leave. */
static void remove_group(const char *dir)
{
	enum { ROUNDS = 200, ROUND_MS = 5 };
	char text[65536];
	uint64_t pid;

	for (int i = 0; i < ROUNDS; i++) {
		ssize_t n = util_read_file(text, sizeof(text), "%s/cgroup.procs", dir);

		for (const char *p = text; n > 0 && util_next_number(&p, &pid);)
			if (pid > 1 && pid != (uint64_t)getpid())
				kill((pid_t)pid, SIGKILL);
		if (rmdir(dir) == 0 || errno != EBUSY)
			return;
		/* v1 has no event for "empty": look again soon. */
		poll(NULL, 0, ROUND_MS);
	}
}

static void for_each(const char *dir, const char *prefix, void (*visit)(const char *path))
{
	DIR *stream = opendir(dir);
	const struct dirent *entry;
	char path[PATH_MAX];

	while (stream && (entry = readdir(stream)))
		if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0 &&
		    util_print(path, sizeof(path), "%s/%s", dir, entry->d_name) == 0)
			visit(path);
	if (stream)
		closedir(stream);
}

static void remove_keeper_group(const char *dir)
{
	for_each(dir, "slot", remove_group);
	remove_group(dir);
}

/* Removes the group of a keeper that is gone. Idempotent; another sweeper may be at it too. */
static void sweep(const char *dir)
{
	uint64_t pidns, pid, start, parent;

	if (cg_parse_name(strrchr(dir, '/') + 1, &pidns, &pid, &start) &&
	    pidns == pid_namespace() && process_start(pid, &parent) != start)
		remove_keeper_group(dir);
}

/* v2: lets the children of our group at `dir` use a controller. 0 or -errno. */
static int hand_down(const char *dir, enum cg_controller controller)
{
	char word[32];

	util_print(word, sizeof(word), "+%s", controller_names[controller]);
	return util_write_file(word, "%s/cgroup.subtree_control", dir);
}

/* v1: a group takes no process until it has processors and memory; those below ours get ours. */
static int fill_cpuset(const struct cg_hierarchy *h)
{
	static const char *const names[] = { "cpuset.cpus", "cpuset.mems" };
	char text[4096];
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(names) && r >= 0; i++) {
		r = (int)util_read_file(text, sizeof(text), "%s/%s", h->own, names[i]);
		if (r >= 0)
			r = util_write_file(text, "%s/%s", h->dir, names[i]);
	}
	return r < 0 ? r : util_write_file("1", "%s/cgroup.clone_children", h->dir);
}

/* The keeper's group, through libcgroup, which also turns the controller on in the parents, as v2
 * wants it. */
static int make_group(const struct cg_hierarchy *h, enum cg_controller controller)
{
	struct cgroup *group;
	int r;

	/* On v2 processor time is in every group. */
	if (controller == CG_CPUACCT && h->version == 2)
		return 0;
	group = cgroup_new_cgroup(h->dir + h->mount + 1);
	if (!group)
		return -ENOMEM;
	r = cgroup_add_controller(group, controller_names[controller])
		    ? cgroup_create_cgroup(group, 0)
		    : ECGFAIL;
	if (r == ECGOTHER)
		r = -cgroup_get_last_errno();
	else if (r != 0)
		r = -EACCES;
	cgroup_free(&group);
	if (h->version == 1)
		return r == 0 && controller == CG_CPUSET ? fill_cpuset(h) : r;
	/* What libcgroup 2.0 cannot do: it turns controllers on from the top down, where somebody
	 * whom a part was delegated to may not write. */
	if (r < 0) {
		r = mkdir(h->dir, 0755) < 0 && errno != EEXIST ? -errno : 0;
		if (r == 0)
			r = hand_down(h->own, controller);
	}
	return r < 0 ? r : hand_down(h->dir, controller);
}

static void make_keeper_group(struct cg *cg, enum cg_controller controller)
{
	struct cg_hierarchy *h = &cg->in[controller];
	int r;

	if (!h->version)
		return;
	for_each(h->own, "paddock-", sweep);
	r = make_group(h, controller);
	if (r == 0)
		return;
	h->version = 0;
	util_print(h->why, sizeof(h->why),
		   "making a group below its own failed (%s); run as root, or in a delegated unit "
		   "of its own",
		   strerror(-r));
}

/* libcgroup's part, in a child: it fills 800 KiB of tables, which every clone of a zygote would
 * copy. */
static int find_all(struct cg *cg, bool cpuset)
{
	char own_text[8192];
	pid_t pid = fork();
	int status;

	if (pid != 0)
		return pid < 0 ? -errno : waitpid(pid, &status, 0) == pid && !status ? 0 : -ECHILD;
	if (util_read_file(own_text, sizeof(own_text), "/proc/self/cgroup") >= 0 &&
	    cgroup_init() == 0)
		for (int i = 0; i < CG_CONTROLLERS - !cpuset; i++) {
			find_hierarchy(cg, (enum cg_controller)i, own_text);
			make_keeper_group(cg, (enum cg_controller)i);
		}
	_exit(0);
}

int cg_open(bool cpuset, struct cg **ret_cg)
{
	uint64_t start, parent;
	struct cg *cg = mmap(NULL, sizeof(*cg), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			     -1, 0);
	int r;

	if (cg == MAP_FAILED)
		return -ENOMEM;
	start = process_start((uint64_t)getpid(), &parent);
	print_name(cg->name, sizeof(cg->name), pid_namespace(), (uint64_t)getpid(), start);
	for (int i = 0; i < CG_CONTROLLERS; i++)
		util_copy(cg->in[i].why, sizeof(cg->in[i].why),
			  "there are no control groups here; mount cgroup2");
	r = find_all(cg, cpuset);
	*ret_cg = r < 0 ? NULL : cg;
	if (r < 0)
		cg_close(cg);
	return r;
}

void cg_close(struct cg *cg)
{
	if (!cg)
		return;
	for (int i = 0; i < CG_CONTROLLERS; i++)
		if (cg->in[i].version)
			remove_keeper_group(cg->in[i].dir);
	munmap(cg, sizeof(*cg));
}

const struct cg_hierarchy *cg_in(const struct cg *cg, enum cg_controller controller)
{
	BOX_ASSERT((unsigned)controller < CG_CONTROLLERS);
	return &cg->in[controller];
}
