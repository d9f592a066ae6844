// SPDX-License-Identifier: Apache-2.0
/*
 * mount.c - builds the template once per slot, so that no start pays for a pivot or the unmount of
 * an old root.
 *
 * Invariants: everything in it is MS_PRIVATE and read-only; device nodes are binds of seven
 * harmless host nodes; no path of it leads back to a writable host mount. Not for anything that
 * differs between runs: see apply.c.
 */
#include "sandbox/mount.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "sandbox/ns.h"
#include "sandbox/util.h"

/* A folder every host has; the new root sits on it for a moment, in our private namespace. */
#define STAGE "/tmp"

static const char *const nodes[] = { "null", "zero", "full", "random", "urandom", "tty" };
static const char *const dev_dirs[] = { "pts", "shm", "mqueue" };
static const char *const dev_links[][2] = {
	{ "pts/ptmx", "ptmx" },		 { "/proc/self/fd", "fd" },
	{ "/proc/self/fd/0", "stdin" },	 { "/proc/self/fd/1", "stdout" },
	{ "/proc/self/fd/2", "stderr" },
};

static int bind_node(int dev, const char *name)
{
	char host[32];
	AUTO_CLOSE int point = openat(dev, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	AUTO_CLOSE int node = -1;

	if (point < 0)
		return -errno;
	util_print(host, sizeof(host), "/dev/%s", name);
	node = open_tree(AT_FDCWD, host, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (node < 0)
		return -errno;
	return move_mount(node, "", dev, name, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? -errno : 0;
}

static int fill_dev(int dev)
{
	for (size_t i = 0; i < ARRAY_LEN(dev_dirs); i++)
		if (mkdirat(dev, dev_dirs[i], 0755) < 0)
			return -errno;
	for (size_t i = 0; i < ARRAY_LEN(dev_links); i++)
		if (symlinkat(dev_links[i][0], dev, dev_links[i][1]) < 0)
			return -errno;
	for (size_t i = 0; i < ARRAY_LEN(nodes); i++) {
		int r = bind_node(dev, nodes[i]);

		if (r < 0)
			return r;
	}
	return 0;
}

/* A tmpfs over /dev of the staged tree; its nodes come from the host's /dev, which is still ours to
 * see. */
static int make_dev(void)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
	AUTO_CLOSE int dev = -1;
	int r;

	if (mount("tmpfs", STAGE "/dev", "tmpfs", MS_NOSUID | MS_NOEXEC,
		  "mode=0755,size=64k,nr_inodes=64") < 0)
		return -errno;
	dev = open(STAGE "/dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dev < 0)
		return -errno;
	r = fill_dev(dev);
	if (r < 0)
		return r;
	return mount_setattr(dev, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

static int build(struct slate *slate)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
					       MOUNT_ATTR_NODEV };
	AUTO_CLOSE int tree = -1;
	int r;

	slate_at(slate, SLATE_TEMPLATE, "/");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	tree = open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (tree < 0 ||
	    mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0)
		return -errno;
	if (move_mount(tree, "", AT_FDCWD, STAGE, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return -errno;
	slate_at(slate, SLATE_TEMPLATE, "/dev");
	r = make_dev();
	if (r < 0)
		return r;
	slate_at(slate, SLATE_TEMPLATE, "pivot_root");
	return ns_pivot(tree);
}

static int build_inside(void *slate)
{
	int r = build(slate);

	return r < 0 ? slate_fail(slate, r) : 0;
}

int mount_template(struct slate *slate)
{
	int fd;

	slate_at(slate, SLATE_TEMPLATE, "mount namespace");
	fd = ns_capture(&(struct ns_capture){
		.flag = CLONE_NEWNS, .kind = "mnt", .inside = build_inside, .argument = slate });
	if (fd < 0 && !slate->error)
		slate_fail(slate, fd);
	return fd < 0 ? -slate->error : fd;
}
