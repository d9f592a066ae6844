// SPDX-License-Identifier: Apache-2.0
/*
 * apply.c - the mounts of one run.
 *
 * Runs in the future init, single-threaded, with the rights of the keeper over its own namespaces;
 * the payload does not exist yet. Every privileged operation is safe because it acts on a private
 * mount namespace (nothing propagates: the template is MS_PRIVATE) and because host paths are
 * opened once, in the host's view, and only then attached by fd: nothing inside the sandbox can
 * redirect them.
 *
 * Uses the fd-based mount calls (kernel 5.12 and later), since they need no unmount and no parsing
 * of mountinfo.
 */
#include "sandbox/apply.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "sandbox/util.h"

/* The host's tree at `path` as a detached mount; submounts come along only where the kernel
 * insists. */
static int clone_tree(const char *path, bool recursive)
{
	unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
	int fd;

	if (!recursive) {
		fd = open_tree(AT_FDCWD, path, flags);
		/* In a user namespace of its own a tree whose submounts are locked can only be
		 * taken whole. */
		if (fd >= 0 || errno != EINVAL)
			return fd < 0 ? -errno : fd;
	}
	fd = open_tree(AT_FDCWD, path, flags | AT_RECURSIVE);
	return fd < 0 ? -errno : fd;
}

/*
 * Shows the files of a detached mount with the payload's numbers, so that what belongs to the
 * invoking user on disk belongs to the payload inside, and the other way round for what it writes.
 * File systems that cannot (overlayfs, some network ones) keep the host's numbers: there only the
 * mode bits for others help.
 */
static void map_ids(int fd, int idmap_fd)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)idmap_fd };

	if (idmap_fd >= 0)
		(void)mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr));
}

static int open_source(struct apply *apply, int i)
{
	const struct layout_op *op = &apply->layout->ops[i];
	bool overlay = op->kind == LAYOUT_OVERLAY;
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV };
	int fd;

	slate_at(apply->slate, overlay ? SLATE_WORKSPACE : SLATE_BIND, op->source);
	fd = clone_tree(op->source, !overlay);
	if (fd < 0)
		return fd;
	apply->fds[i] = fd;
	if (!op->writable || overlay)
		attr.attr_set |= MOUNT_ATTR_RDONLY;
	if (mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0)
		return -errno;
	map_ids(fd, apply->idmap_fd);
	return 0;
}

int apply_open(struct apply *apply)
{
	for (int i = 0; i < apply->layout->n; i++) {
		enum layout_kind kind = apply->layout->ops[i].kind;
		int r = 0;

		apply->fds[i] = -1;
		if (kind == LAYOUT_OPEN || kind == LAYOUT_OVERLAY)
			r = open_source(apply, i);
		if (r < 0)
			return slate_fail(apply->slate, r);
	}
	return 0;
}

static int mount_scratch(const struct layout_op *op)
{
	char options[96];
	uint64_t inodes = op->bytes / 2048 > 65536 ? op->bytes / 2048 : 65536;

	util_print(options, sizeof(options), "mode=0755,size=%llu,nr_inodes=%llu",
		   (unsigned long long)op->bytes, (unsigned long long)inodes);
	return mount("tmpfs", LAYOUT_SCRATCH_AT, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0
		       ? -errno
		       : 0;
}

/* Every missing folder of `path`; new ones belong to the payload, so that it can work around its
 * own workspace. */
static int make_parents(const struct apply *apply, char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		int r;

		*slash = '\0';
		r = mkdir(path, 0755);
		if (r == 0)
			r = chown(path, apply->uid, apply->gid);
		/* A read-only host folder answers EROFS also for what exists. */
		if (r < 0 && errno != EEXIST && errno != EROFS)
			return -errno;
		*slash = '/';
	}
	return 0;
}

static int make_dir(const struct apply *apply, const struct layout_op *op)
{
	char path[PATH_MAX];
	int r = util_print(path, sizeof(path), LAYOUT_SCRATCH_AT "/%s", op->path);

	if (r == 0)
		r = make_parents(apply, path);
	if (r < 0)
		return r;
	if (mkdir(path, op->mode) < 0 && errno != EEXIST)
		return -errno;
	if (chmod(path, op->mode) < 0)
		return -errno;
	return op->own && chown(path, apply->uid, apply->gid) < 0 ? -errno : 0;
}

static int attach(int fd, const char *path)
{
	return move_mount(fd, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? -errno : 0;
}

static int show(const struct layout_op *op)
{
	char path[PATH_MAX];
	AUTO_CLOSE int fd = -1;

	util_print(path, sizeof(path), LAYOUT_SCRATCH_AT "/%s", op->source);
	fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	return fd < 0 ? -errno : attach(fd, op->path);
}

/* The upper folder becomes the root of the overlay: it needs the owner and mode of the folder
 * below. */
static int dress_upper(const struct apply *apply, int lower)
{
	struct stat st;
	uint32_t uid, gid;

	if (fstat(lower, &st) < 0)
		return -errno;
	uid = st.st_uid;
	gid = st.st_gid;
	if (st.st_uid == 0 && apply->uid != 0) {
		/* Could not be id-mapped: at least the top folder is the payload's. */
		uid = apply->uid;
		gid = apply->gid;
	}
	if (chown(LAYOUT_SCRATCH_AT "/upper", uid, gid) < 0 &&
	    chown(LAYOUT_SCRATCH_AT "/upper", apply->uid, apply->gid) < 0)
		return -errno;
	return chmod(LAYOUT_SCRATCH_AT "/upper", st.st_mode & 07777) < 0 ? -errno : 0;
}

static int set_option(int fs, const char *key, const char *value)
{
	return fsconfig(fs, FSCONFIG_SET_STRING, key, value, 0) < 0 ? -errno : 0;
}

static int make_overlay(struct apply *apply, int i)
{
	AUTO_CLOSE int fs = -1;
	int r = attach(apply->fds[i], LAYOUT_SCRATCH_AT "/lower");
	int fd;

	if (r == 0)
		r = dress_upper(apply, apply->fds[i]);
	if (r < 0)
		return r;
	fs = fsopen("overlay", FSOPEN_CLOEXEC);
	if (fs < 0)
		return -errno;
	if ((r = set_option(fs, "lowerdir", LAYOUT_SCRATCH_AT "/lower")) < 0 ||
	    (r = set_option(fs, "upperdir", LAYOUT_SCRATCH_AT "/upper")) < 0 ||
	    (r = set_option(fs, "workdir", LAYOUT_SCRATCH_AT "/work")) < 0)
		return r;
	/* redirect_dir lets a test rename a folder of the source tree, as it could outside. */
	if (apply->user_xattr)
		r = fsconfig(fs, FSCONFIG_SET_FLAG, "userxattr", NULL, 0) < 0 ? -errno : 0;
	else
		r = set_option(fs, "redirect_dir", "on");
	if (r < 0 || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return r < 0 ? r : -errno;
	fd = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	if (fd < 0)
		return -errno;
	util_close(&apply->fds[i]);
	apply->fds[i] = fd;
	return 0;
}

/* A place to attach to: the folder or file itself when it is there, else made in the private parts
 * of the tree. */
static int make_point(const struct apply *apply, const char *point, int source)
{
	char path[PATH_MAX];
	struct stat st;
	int r;

	if (access(point, F_OK) == 0)
		return 0;
	util_copy(path, sizeof(path), point);
	r = make_parents(apply, path);
	if (r < 0)
		return r;
	if (fstat(source, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return mkdir(path, 0755) < 0 ? -errno : 0;
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : 0;
}

static int attach_opened(struct apply *apply, const struct layout_op *op)
{
	int r = make_point(apply, op->path, apply->fds[op->from]);

	if (r == 0)
		r = attach(apply->fds[op->from], op->path);
	util_close(&apply->fds[op->from]);
	return r;
}

static int mount_pts(const struct apply *apply, const char *path)
{
	char options[64];

	if (apply->tty_gid == IDS_NONE)
		util_print(options, sizeof(options), "newinstance,ptmxmode=0666,mode=0620");
	else
		util_print(options, sizeof(options), "newinstance,ptmxmode=0666,mode=0620,gid=%u",
			   apply->tty_gid);
	return mount("devpts", path, "devpts", MS_NOSUID | MS_NOEXEC, options) < 0 ? -errno : 0;
}

static int run_op(struct apply *apply, int i)
{
	const struct layout_op *op = &apply->layout->ops[i];

	slate_at(apply->slate, SLATE_MOUNT,
		 op->path     ? op->path
		 : op->source ? op->source
			      : LAYOUT_SCRATCH_AT);
	switch (op->kind) {
	case LAYOUT_SCRATCH: return mount_scratch(op);
	case LAYOUT_DIR: return make_dir(apply, op);
	case LAYOUT_OVERLAY:
		slate_at(apply->slate, SLATE_WORKSPACE, op->source);
		return make_overlay(apply, i);
	case LAYOUT_SHOW: return show(op);
	case LAYOUT_ATTACH: return attach_opened(apply, op);
	case LAYOUT_OPEN: return 0;
	case LAYOUT_PROC:
		return mount("proc", op->path, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0
			       ? -errno
			       : 0;
	case LAYOUT_PTS: return mount_pts(apply, op->path);
	}
	return -EINVAL;
}

int apply_build(struct apply *apply)
{
	mode_t mask;
	int r = 0;

	slate_at(apply->slate, SLATE_MOUNT, "/");
	if (setns(apply->template_fd, CLONE_NEWNS) < 0 || unshare(CLONE_NEWNS) < 0)
		return slate_fail(apply->slate, -errno);
	mask = umask(0);
	for (int i = 0; i < apply->layout->n && r == 0; i++)
		r = run_op(apply, i);
	umask(mask);
	return r < 0 ? slate_fail(apply->slate, r) : 0;
}
