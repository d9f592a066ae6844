// SPDX-License-Identifier: Apache-2.0
/*
 * apply.c - mounts: the template, the base on it, and what a run adds.
 *
 * The template is built once per slot, in a child of the zygote, so that no start pays for a pivot
 * or the unmount of an old root. The base is added in the zygote, the rest in the future init, both
 * single-threaded, with the rights of the keeper over its own namespaces; the payload does not
 * exist yet. Every privileged operation is safe because it acts on a private mount namespace
 * (nothing propagates: the template is MS_PRIVATE) and because host paths are opened once, in the
 * host's view, and only then attached by fd: nothing inside the sandbox can redirect them.
 *
 * Invariants of the template: everything in it is MS_PRIVATE and read-only; device nodes are binds
 * of a few harmless host nodes; no path of it leads back to a writable host mount.
 *
 * Uses the fd-based mount calls, since they need no unmount and no parsing of mountinfo. Before
 * Linux 5.12 there is no mount_setattr: there a tree gets its flags mount by mount once it is
 * attached, and an overlay whose files cannot be id-mapped has them given to the payload one by
 * one.
 */
#include "sandbox/apply.h"

#include <ftw.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "sandbox/ns.h"
#include "sandbox/util.h"

#define TELLS_ALL "/proc/sched_debug"

static bool tells_all; /* the host has it; known from the template on */

static int attach(int fd, const char *path)
{
	return move_mount(fd, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? -errno : 0;
}

/* A mount point as mountinfo writes it, with blanks and backslashes in octal; ends at the blank. */
static void unescape(char *text)
{
	char *out = text;

	for (; *text && *text != ' '; text++) {
		bool octal = text[0] == '\\' && text[1] && text[2] && text[3];

		*out++ = octal ? (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 |
					(text[3] - '0'))
			       : *text;
		text += octal ? 3 : 0;
	}
	*out = '\0';
}

/* One mount: what it has stays, or its owner's locks would refuse. One that its path does not lead
 * to is covered, and nobody inside gets there either. */
static int restrict_mount(const char *path, unsigned long more)
{
	const unsigned long same = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME |
				   MS_NODIRATIME;
	struct statvfs has;

	if (statvfs(path, &has) == 0 && mount(NULL, path, NULL,
					      MS_REMOUNT | MS_BIND | more | (has.f_flag & same) |
						      (has.f_flag & ST_RELATIME ? MS_RELATIME : 0),
					      NULL) == 0)
		return 0;
	return errno == EINVAL || errno == ENOENT ? 0 : -errno;
}

/* Makes the tree that was just attached at `path` private and adds flags to it, and to what is
 * mounted on what has them already. mountinfo lists a tree from its root on. */
static int restrict_tree(const char *path, unsigned long more)
{
	int ids[1024], id, parent, n = 0, r = 0;
	AUTO_FREE char *line = NULL;
	struct statx root;
	size_t size = 0;
	FILE *mounts;

	if (mount(NULL, path, NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    statx(AT_FDCWD, path, AT_NO_AUTOMOUNT, STATX_MNT_ID, &root) < 0)
		return -errno;
	mounts = fopen("/proc/self/mountinfo", "re");
	while (r == 0 && mounts && getline(&line, &size, mounts) > 0) {
		int at = 0, i = 0;

		if (sscanf(line, "%d %d %*s %*s %n", &id, &parent, &at) != 2 || !at)
			continue;
		while (i < n && ids[i] != parent)
			i++;
		if (i == n && (uint64_t)id != root.stx_mnt_id)
			continue;
		if (n == (int)ARRAY_LEN(ids))
			r = -E2BIG;
		else
			ids[n++] = id;
		unescape(line + at);
		r = r ? r : restrict_mount(line + at, more);
	}
	if (mounts)
		fclose(mounts);
	return n ? r : -ENOENT;
}

/* A folder every host has; the new root sits on it for a moment, in our private namespace. */
#define STAGE	  "/tmp"

#define GROUPS_AT "/sys/fs/cgroup"
#define READ_ONLY (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)

static const struct node {
	const char *path;
	enum box_grant grant; /* without which it is not shown; 0: always */
} nodes[] = { { "/dev/null", 0 },
	      { "/dev/zero", 0 },
	      { "/dev/full", 0 },
	      { "/dev/random", 0 },
	      { "/dev/urandom", 0 },
	      { "/dev/tty", 0 },
	      { "/dev/kvm", BOX_GRANT_KVM },
	      { "/dev/fuse", BOX_GRANT_FUSE },
	      { "/dev/net/tun", BOX_GRANT_TUN } };
static const char *const dev_dirs[] = { "pts", "shm", "mqueue" };
static const char *const dev_links[][2] = {
	{ "pts/ptmx", "ptmx" },		 { "/proc/self/fd", "fd" },
	{ "/proc/self/fd/0", "stdin" },	 { "/proc/self/fd/1", "stdout" },
	{ "/proc/self/fd/2", "stderr" },
};

static int bind_node(int dev, const char *name, const char *host)
{
	AUTO_CLOSE int point = openat(dev, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	char here[32];

	util_print(here, sizeof(here), STAGE "/dev/%s", name);
	return point < 0 || mount(host, here, NULL, MS_BIND, NULL) < 0 ? -errno : 0;
}

/* A granted one must be there, and be its user's to use. As root it becomes a node that the
 * payload's other id may use, too, where nodes can be made. */
static int show_node(int dev, const struct node *node, unsigned grants)
{
	const char *name = node->path + strlen("/dev/");
	struct stat st;

	if (node->grant & ~grants)
		return 0;
	if (stat(node->path, &st) < 0 || access(node->path, R_OK | W_OK) < 0 ||
	    (strchr(name, '/') && mkdirat(dev, "net", 0755) < 0))
		return -errno;
	if (!node->grant || geteuid() != 0 || mknodat(dev, name, S_IFCHR, st.st_rdev) < 0)
		return bind_node(dev, name, node->path);
	return fchmodat(dev, name, 0666, 0) < 0 ? -errno : 0;
}

static int fill_dev(int dev, unsigned grants, struct slate *slate)
{
	for (size_t i = 0; i < ARRAY_LEN(dev_dirs); i++)
		if (mkdirat(dev, dev_dirs[i], 0755) < 0)
			return -errno;
	for (size_t i = 0; i < ARRAY_LEN(dev_links); i++)
		if (symlinkat(dev_links[i][0], dev, dev_links[i][1]) < 0)
			return -errno;
	for (size_t i = 0; i < ARRAY_LEN(nodes); i++) {
		slate_at(slate, SLATE_TEMPLATE, nodes[i].path);
		int r = show_node(dev, &nodes[i], grants);

		if (r < 0)
			return r;
	}
	return 0;
}

/* A tmpfs over /dev of the staged tree; its nodes come from the host's /dev, which is still ours to
 * see. */
static int make_dev(unsigned grants, struct slate *slate)
{
	AUTO_CLOSE int dev = -1;
	int r;

	if (mount("tmpfs", STAGE "/dev", "tmpfs", MS_NOSUID | MS_NOEXEC,
		  "mode=0755,size=64k,nr_inodes=64") < 0)
		return -errno;
	dev = open(STAGE "/dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dev < 0)
		return -errno;
	r = fill_dev(dev, grants, slate);
	if (r < 0)
		return r;
	return restrict_mount(STAGE "/dev", MS_RDONLY);
}

/* Covers the host's control groups by those from our own down, of version 2 and those that limit.
 * In the first group of the machine, which alone has or has not the files below, nothing limits
 * us. What the kernel refuses stays an empty folder, and so does all of it when we have no group of
 * our own. */
static int show_groups(bool own)
{
	static const char *const names[] = { "",      "/unified", "/memory",
					     "/pids", "/cpu",	  "/cpu,cpuacct" };
	char path[64], file[96];

	if (mount("tmpfs", STAGE GROUPS_AT, "tmpfs", 0, "mode=0755,size=64k") < 0)
		return errno == ENOENT ? 0 : -errno;
	for (size_t i = 0; own && i < ARRAY_LEN(names); i++) {
		bool second = i < 2;
		const char *type = second ? "cgroup2" : "cgroup";

		util_print(path, sizeof(path), GROUPS_AT "%s/cgroup.procs", names[i]);
		if (access(path, F_OK) < 0)
			continue;
		util_print(path, sizeof(path), STAGE GROUPS_AT "%s", names[i]);
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return -errno;
		(void)mount(type, path, type, READ_ONLY, second ? NULL : names[i] + 1);
		util_print(file, sizeof(file), "%s/%s", path,
			   second ? "cgroup.events" : "release_agent");
		if ((access(file, F_OK) < 0) == second &&
		    mount("tmpfs", path, "tmpfs", READ_ONLY, NULL) < 0)
			return -errno;
	}
	return mount(NULL, STAGE GROUPS_AT, NULL, READ_ONLY | MS_BIND | MS_REMOUNT, NULL) < 0
		       ? -errno
		       : 0;
}

static int build(unsigned grants, bool own_groups, struct slate *slate)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
					       MOUNT_ATTR_NODEV };
	AUTO_CLOSE int tree = -1;
	bool late;
	int r;

	slate_at(slate, SLATE_TEMPLATE, "/");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	tree = open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (tree < 0)
		return -errno;
	late = mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0;
	if (late && errno != ENOSYS)
		return -errno;
	r = attach(tree, STAGE);
	if (r == 0 && late)
		r = restrict_tree(STAGE, MS_RDONLY | MS_NOSUID | MS_NODEV);
	if (r < 0)
		return r;
	slate_at(slate, SLATE_TEMPLATE, "/dev");
	r = make_dev(grants, slate);
	if (r < 0)
		return r;
	slate_at(slate, SLATE_TEMPLATE, GROUPS_AT);
	r = show_groups(own_groups);
	if (r < 0)
		return r;
	slate_at(slate, SLATE_TEMPLATE, "pivot_root");
	return ns_pivot(tree);
}

int apply_template(unsigned grants, bool own_groups, struct slate *slate)
{
	int r;

	tells_all = access(TELLS_ALL, F_OK) == 0;
	slate_at(slate, SLATE_TEMPLATE, "mount namespace");
	r = unshare(CLONE_NEWNS) < 0 ? -errno : build(grants, own_groups, slate);
	if (r == 0)
		r = util_open(O_RDONLY, "/proc/self/ns/mnt");
	return r < 0 ? slate_fail(slate, r) : r;
}

/* The host's tree at `path` as a detached mount; submounts come along only where the kernel
 * insists. */
static int clone_tree(int at, bool recursive)
{
	unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;
	int fd = open_tree(at, "", recursive ? flags | AT_RECURSIVE : flags);

	/* In a user namespace of its own a tree whose submounts are locked can only be taken whole.
	 */
	if (fd < 0 && errno == EINVAL && !recursive)
		fd = open_tree(at, "", flags | AT_RECURSIVE);
	return fd < 0 ? -errno : fd;
}

/* Follows no link on the way to what the payload may write: an earlier one, which could write there
 * too, may have put it there. */
static int find_source(const struct layout_op *op)
{
	bool keeps = op->writable && op->kind != LAYOUT_OVERLAY;
	struct open_how how = { .flags = O_PATH | O_CLOEXEC,
				.resolve = keeps ? RESOLVE_NO_SYMLINKS : 0 };
	int fd = (int)syscall(SYS_openat2, AT_FDCWD, op->source, &how, sizeof(how));

	return fd < 0 ? -errno : fd;
}

/*
 * Shows the files of a detached mount with the payload's numbers, so that what belongs to the
 * invoking user on disk belongs to the payload inside, and the other way round for what it writes.
 * File systems that cannot (overlayfs, some network ones, all before Linux 5.12) keep the host's
 * numbers: there only the mode bits for others help, and give_files for a copy-on-write view.
 */
static bool map_ids(int fd, int idmap_fd)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)idmap_fd };

	return idmap_fd < 0 || mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) == 0;
}

static int open_source(struct apply *apply, int i)
{
	const struct layout_op *op = &apply->layout->ops[i];
	bool overlay = op->kind == LAYOUT_OVERLAY;
	/* Private: a bind on a folder of a shared workspace would appear outside, too. */
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
				   .propagation = MS_PRIVATE };
	AUTO_CLOSE int at = -1;
	int fd;

	slate_at(apply->slate, overlay ? SLATE_WORKSPACE : SLATE_BIND, op->source);
	at = find_source(op);
	if (at < 0)
		return at;
	if (op->kind == LAYOUT_KEEP && ((mkdirat(at, "upper", 0700) < 0 && errno != EEXIST) ||
					(mkdirat(at, "work", 0700) < 0 && errno != EEXIST)))
		return -errno;
	fd = clone_tree(at, !overlay);
	if (fd < 0)
		return fd;
	apply->fds[i] = fd;
	if (!op->writable || overlay)
		attr.attr_set |= MOUNT_ATTR_RDONLY;
	apply->late = mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0;
	if (apply->late && errno != ENOSYS)
		return -errno;
	/* Of what is kept nothing may become the invoking user's: set-user-id files neither. */
	if (op->kind != LAYOUT_KEEP && !map_ids(fd, apply->idmap_fd) && overlay)
		apply->give = true;
	return 0;
}

/* size= and nr_inodes= of a tmpfs: a file for every 2 KiB, and some for the smallest. */
static uint64_t inodes_of(uint64_t bytes)
{
	return bytes / 2048 > 65536 ? bytes / 2048 : 65536;
}

static int mount_scratch(struct apply *apply, const struct layout_op *op)
{
	char options[96];

	util_print(options, sizeof(options), "mode=0755,size=%llu,nr_inodes=%llu",
		   (unsigned long long)op->bytes, (unsigned long long)inodes_of(op->bytes));
	if (mount("tmpfs", LAYOUT_SCRATCH_AT, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0)
		return -errno;
	apply->scratch_fd = open(LAYOUT_SCRATCH_AT, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return apply->scratch_fd < 0 ? -errno : 0;
}

static int set_option(int fs, const char *key, const char *value)
{
	return fsconfig(fs, FSCONFIG_SET_STRING, key, value, 0) < 0 ? -errno : 0;
}

static int set_number(int fs, const char *key, uint64_t value)
{
	char text[24];

	util_print(text, sizeof(text), "%llu", (unsigned long long)value);
	return set_option(fs, key, text);
}

static int resize_scratch(const struct apply *apply, const struct layout_op *op)
{
	AUTO_CLOSE int fs = fspick(apply->scratch_fd, "", FSPICK_EMPTY_PATH | FSPICK_CLOEXEC);
	int r = fs < 0 ? -errno : set_number(fs, "size", op->bytes);
	uint64_t inodes = op->inodes ? op->inodes : inodes_of(op->bytes);
	struct statfs used;

	/* What the base has made does not count. */
	if (op->inodes && fstatfs(apply->scratch_fd, &used) == 0)
		inodes += (uint64_t)(used.f_files - used.f_ffree);
	if (r == 0)
		r = set_number(fs, "nr_inodes", inodes);
	if (r == 0 && fsconfig(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) < 0)
		r = -errno;
	return r;
}

/* Every missing folder of `path`, as seen from `dir`; new ones belong to the payload, so that it
 * can work around its own workspace. */
static int make_parents(const struct apply *apply, int dir, char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		int r;

		*slash = '\0';
		r = mkdirat(dir, path, 0755);
		if (r == 0)
			r = fchownat(dir, path, apply->uid, apply->gid, 0);
		/* A read-only host folder answers EROFS also for what exists. */
		if (r < 0 && errno != EEXIST && errno != EROFS)
			return -errno;
		*slash = '/';
	}
	return 0;
}

static int make_dir(const struct apply *apply, const struct layout_op *op)
{
	int dir = apply->scratch_fd, r = mkdirat(dir, op->path, op->mode);
	char path[PATH_MAX];

	if (r < 0 && errno == ENOENT) {
		util_copy(path, sizeof(path), op->path);
		r = make_parents(apply, dir, path);
		if (r == 0)
			r = mkdirat(dir, path, op->mode);
	}
	if ((r == 0 || errno == EEXIST) && op->own)
		r = fchownat(dir, op->path, apply->uid, apply->gid, 0);
	return r < 0 && errno != EEXIST ? -errno : 0;
}

static int show(const struct apply *apply, const struct layout_op *op)
{
	AUTO_CLOSE int fd = open_tree(apply->scratch_fd, op->source,
				      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	return fd < 0 ? -errno : attach(fd, op->path);
}

/* The upper folder becomes the root of the overlay: it needs the owner and mode of the folder
 * below. */
static int dress_upper(const struct apply *apply, int lower, const char *upper)
{
	struct stat st;

	if (fstat(lower, &st) < 0)
		return -errno;
	/* Could not be id-mapped: at least the top folder is the payload's. */
	if (st.st_uid == 0 && apply->uid != 0) {
		st.st_uid = apply->uid;
		st.st_gid = apply->gid;
	}
	if (chown(upper, st.st_uid, st.st_gid) < 0 && chown(upper, apply->uid, apply->gid) < 0)
		return -errno;
	return chmod(upper, st.st_mode & 07777) < 0 ? -errno : 0;
}

static const struct apply *giver; /* nftw hands nothing on */

static int give_file(const char *path, const struct stat *st, int type, struct FTW *at)
{
	uid_t uid = st->st_uid == getuid() ? giver->uid : (uid_t)-1;
	gid_t gid = st->st_gid == getgid() ? giver->gid : (gid_t)-1;

	(void)type, (void)at;
	return lchown(path, uid, gid) < 0 ? errno : 0;
}

/* Makes what is the invoking user's in an overlay, where we are, the payload's. Only inodes are
 * copied; the folder below stays as it is. */
static int give_files(const struct apply *apply)
{
	int r;

	giver = apply;
	r = nftw(".", give_file, 16, FTW_PHYS);
	return r < 0 ? -errno : -r;
}

/* What is shown below, what is written, what overlayfs needs: folders of the scratch, which is
 * covered, so it is told of them as seen from there. */
static int make_overlay(struct apply *apply, int i)
{
	int keep = apply->layout->ops[i].from;
	const char *upper = keep < 0 ? "upper" : "upper/upper";
	AUTO_CLOSE int fs = -1;
	int fd, r;

	if (fchdir(apply->scratch_fd) < 0 || mkdir("lower", 0700) < 0 || mkdir("upper", 0700) < 0 ||
	    mkdir("work", 0700) < 0)
		return -errno;
	r = attach(apply->fds[i], "lower");
	if (r == 0 && keep >= 0)
		r = attach(apply->fds[keep], "upper");
	if (r == 0)
		r = dress_upper(apply, apply->fds[i], upper);
	if (r < 0)
		return r;
	fs = fsopen("overlay", FSOPEN_CLOEXEC);
	if (fs < 0)
		return -errno;
	if ((r = set_option(fs, "lowerdir", "lower")) < 0 ||
	    (r = set_option(fs, "upperdir", upper)) < 0 ||
	    (r = set_option(fs, "workdir", keep < 0 ? "work" : "upper/work")) < 0)
		return r;
	/* redirect_dir lets a test rename a folder of the source tree, as it could outside. */
	if (apply->user_xattr)
		r = fsconfig(fs, FSCONFIG_SET_FLAG, "userxattr", NULL, 0) < 0 ? -errno : 0;
	else
		r = set_option(fs, "redirect_dir", "on");
	if (r == 0 && apply->give)
		r = set_option(fs, "metacopy", "on");
	if (r < 0 || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return r < 0 ? r : -errno;
	fd = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	if (fd < 0)
		return -errno;
	util_close(&apply->fds[i]);
	apply->fds[i] = fd;
	if (apply->give)
		r = fchdir(fd) < 0 ? -errno : give_files(apply);
	return chdir("/") < 0 ? -errno : r;
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
	r = make_parents(apply, AT_FDCWD, path);
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
	const struct layout_op *opened = &apply->layout->ops[op->from];
	int r = make_point(apply, op->path, apply->fds[op->from]);

	if (r == 0)
		r = attach(apply->fds[op->from], op->path);
	if (r == 0 && apply->late && opened->kind == LAYOUT_OPEN)
		r = restrict_tree(op->path,
				  MS_NOSUID | MS_NODEV | (opened->writable ? 0 : MS_RDONLY));
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

/* Before Linux 5.13 everybody may read there what every process of the host is called: covered by a
 * file that is for root alone. A kernel without it costs no call: this one is asked once. */
static int mount_proc(const char *path)
{
	if (mount("proc", path, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return -errno;
	return tells_all && mount("/proc/kmsg", TELLS_ALL, NULL, MS_BIND, NULL) < 0 ? -errno : 0;
}

/* The host's /sys lists its network devices. Within a container that covers part of its own the
 * kernel refuses another one: there it stays. The control groups move over from the one below. */
static int mount_sys(void)
{
	AUTO_CLOSE int groups = open(GROUPS_AT, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (mount("sysfs", "/sys", "sysfs", READ_ONLY, NULL) < 0)
		return errno == EPERM ? 0 : -errno;
	r = groups < 0 ? 0 : attach(groups, GROUPS_AT);
	return r == -EINVAL ? 0 : r; /* no mount, or one that is not ours to move */
}

static int run_op(struct apply *apply, int i)
{
	const struct layout_op *op = &apply->layout->ops[i];
	int r;

	slate_at(apply->slate, SLATE_MOUNT, op->path);
	switch (op->kind) {
	case LAYOUT_SCRATCH: return mount_scratch(apply, op);
	case LAYOUT_RESIZE: return resize_scratch(apply, op);
	case LAYOUT_DIR: return make_dir(apply, op);
	case LAYOUT_OVERLAY:
		slate_at(apply->slate, SLATE_WORKSPACE, op->source);
		r = make_overlay(apply, i);
		/* No such module, or not for ordinary users: before Linux 5.11. */
		apply->slate->refused = r == -ENODEV || r == -EPERM;
		/* It works in the scratch: the file system of what is kept cannot hold one. */
		if (r < 0 && op->from >= 0) {
			slate_at(apply->slate, SLATE_KEEP, apply->layout->ops[op->from].source);
			apply->slate->refused = 1;
		}
		return r;
	case LAYOUT_SHOW: return show(apply, op);
	case LAYOUT_ATTACH: return attach_opened(apply, op);
	case LAYOUT_KEEP:
	case LAYOUT_OPEN: return 0;
	case LAYOUT_PROC: return mount_proc(op->path);
	case LAYOUT_LINK:
		return symlinkat(op->source, apply->scratch_fd, op->path) < 0 ? -errno : 0;
	case LAYOUT_SYS: return mount_sys();
	case LAYOUT_PTS: return mount_pts(apply, op->path);
	}
	return -EINVAL;
}

static int run_ops(struct apply *apply)
{
	mode_t mask = umask(0);
	int r = 0;

	for (int i = 0; i < apply->layout->n && r == 0; i++)
		r = run_op(apply, i);
	umask(mask);
	return r < 0 ? slate_fail(apply->slate, r) : 0;
}

int apply_base(struct apply *apply)
{
	apply->scratch_fd = -1;
	return run_ops(apply);
}

int apply_run(struct apply *apply)
{
	for (int i = 0; i < apply->layout->n; i++) {
		enum layout_kind kind = apply->layout->ops[i].kind;
		int r = 0;

		apply->fds[i] = -1;
		if (kind == LAYOUT_OPEN || kind == LAYOUT_OVERLAY || kind == LAYOUT_KEEP)
			r = open_source(apply, i);
		if (r < 0)
			return slate_fail(apply->slate, r);
	}
	slate_at(apply->slate, SLATE_MOUNT, "/");
	if (setns(apply->mnt_fd, CLONE_NEWNS) < 0)
		return slate_fail(apply->slate, -errno);
	return run_ops(apply);
}
