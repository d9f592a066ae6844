// SPDX-License-Identifier: Apache-2.0
/*
 * apply.c - mounts: the template, the base on it, and what a run adds.
 *
 * The template is built once per zygote, so that no start but the first pays for a pivot or the
 * unmount of an old root. All else is added in the future init, but for the base of a single run,
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
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "sandbox/ns.h"
#include "sandbox/util.h"

#define TELLS_ALL "/proc/sched_debug"

static bool tells_all; /* the host has it; known from the template on */

static int mount_new(const char *type, const char *path, unsigned long flags, const char *options)
{
	return mount(type, path, type, flags, options) < 0 ? -errno : 0;
}

static int move(int fd, const char *path)
{
	return move_mount(fd, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? -errno : 0;
}

/* One mount: what it has stays, or its owner's locks would refuse. One that its path does not lead
 * to is covered, and nobody inside gets there either. */
static int restrict_mount(const char *path, unsigned long more)
{
	const unsigned long same = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME |
				   MS_NODIRATIME;
	struct statvfs has;

	if (statvfs(path, &has) == 0) {
		more |= MS_REMOUNT | MS_BIND | (has.f_flag & same);
		more |= has.f_flag & ST_RELATIME ? MS_RELATIME : 0;
		if (mount(NULL, path, NULL, more, NULL) == 0)
			return 0;
	}
	return errno == EINVAL || errno == ENOENT ? 0 : -errno;
}

/* A mount point as mountinfo writes it, with blanks and backslashes in octal. */
static void unescape(char *text)
{
	char *out = text;
	unsigned byte;

	for (; *text; text++)
		if (sscanf(text, "\\%3o", &byte) == 1) {
			*out++ = (char)byte;
			text += 3;
		} else {
			*out++ = *text;
		}
	*out = '\0';
}

/* Makes the tree that was just attached at `path` private and adds flags to each mount of it. What
 * else was mounted there is covered, so that every name below leads into the tree. */
static int restrict_tree(const char *path, unsigned long more)
{
	static char point[4 * PATH_MAX];
	char real[PATH_MAX];
	FILE *mounts;
	int r = -ENOENT;

	if (mount(NULL, path, NULL, MS_REC | MS_PRIVATE, NULL) < 0 || !realpath(path, real))
		return -errno;
	mounts = fopen("/proc/self/mountinfo", "re");
	while (mounts && (r == 0 || r == -ENOENT) &&
	       fscanf(mounts, "%*s %*s %*s %*s %16383s%*[^\n]", point) == 1) {
		unescape(point);
		if (util_path_below(point, real))
			r = restrict_mount(point, more);
	}
	if (mounts)
		fclose(mounts);
	return r;
}

/* Attaches a detached tree with flags, whose bits are those of MOUNT_ATTR_, too. Private: a bind on
 * a folder of a shared workspace would appear outside, too. What an overlay shows is attached by a
 * relative path, where nobody gets, and needs no flags on kernels that want them one by one. */
static int attach(int fd, const char *path, unsigned long flags)
{
	struct mount_attr attr = { .attr_set = flags, .propagation = MS_PRIVATE };
	bool late = mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0;
	int r = late && errno != ENOSYS ? -errno : move(fd, path);

	return r == 0 && late && path[0] == '/' ? restrict_tree(path, flags) : r;
}

/* A folder every host has; the new root sits on it for a moment, in our private namespace. */
#define STAGE	  "/tmp"

#define GROUPS_AT "/sys/fs/cgroup"
#define READ_ONLY (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)

static const struct node {
	const char *path;
	enum box_grant grant; /* without which it is not shown; 0: always */
} nodes[] = {
	{ "/dev/null", 0 },
	{ "/dev/zero", 0 },
	{ "/dev/full", 0 },
	{ "/dev/random", 0 },
	{ "/dev/urandom", 0 },
	{ "/dev/tty", 0 },
	{ "/dev/kvm", BOX_GRANT_KVM },
	{ "/dev/fuse", BOX_GRANT_FUSE },
	{ "/dev/net/tun", BOX_GRANT_TUN },
};
static const char *const dev_dirs[] = { "pts", "shm", "mqueue" };
static const char *const dev_links[][2] = {
	{ "pts/ptmx", "ptmx" },		 { "/proc/self/fd", "fd" },
	{ "/proc/self/fd/0", "stdin" },	 { "/proc/self/fd/1", "stdout" },
	{ "/proc/self/fd/2", "stderr" },
};

/* In the current folder. A granted one must be there, and be its user's to use. As root it becomes
 * a node that the payload's other id may use, too, where nodes can be made. */
static int show_node(const struct node *node, unsigned grants)
{
	const char *name = node->path + strlen("/dev/");
	struct stat st;

	if (node->grant & ~grants)
		return 0;
	if (stat(node->path, &st) < 0 || access(node->path, R_OK | W_OK) < 0 ||
	    (strchr(name, '/') && mkdir("net", 0755) < 0))
		return -errno;
	if (node->grant && geteuid() == 0 && mknod(name, S_IFCHR, st.st_rdev) == 0)
		return chmod(name, 0666) < 0 ? -errno : 0;
	if (mknod(name, S_IFREG | 0644, 0) < 0 || mount(node->path, name, NULL, MS_BIND, NULL) < 0)
		return -errno;
	return 0;
}

/* A tmpfs over /dev of the staged tree; its nodes come from the host's /dev, which is still ours to
 * see. */
static int make_dev(unsigned grants, struct slate *slate)
{
	int r = mount_new("tmpfs", STAGE "/dev", MS_NOSUID | MS_NOEXEC,
			  "mode=0755,size=64k,nr_inodes=64");

	if (r == 0 && chdir(STAGE "/dev") < 0)
		r = -errno;
	for (size_t i = 0; i < ARRAY_LEN(dev_dirs) && r == 0; i++)
		r = mkdir(dev_dirs[i], 0755) < 0 ? -errno : 0;
	for (size_t i = 0; i < ARRAY_LEN(dev_links) && r == 0; i++)
		r = symlink(dev_links[i][0], dev_links[i][1]) < 0 ? -errno : 0;
	for (size_t i = 0; i < ARRAY_LEN(nodes) && r == 0; i++) {
		slate_at(slate, "template", nodes[i].path);
		r = show_node(&nodes[i], grants);
	}
	return r < 0 ? r : restrict_mount(STAGE "/dev", MS_RDONLY);
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

	int r = mount_new("tmpfs", STAGE GROUPS_AT, 0, "mode=0755,size=64k");

	if (r < 0)
		return r == -ENOENT ? 0 : r;
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
	return restrict_mount(STAGE GROUPS_AT, READ_ONLY);
}

static int build(unsigned grants, bool own_groups, struct slate *slate)
{
	AUTO_CLOSE int tree = -1;
	int r;

	slate_at(slate, "template", "/");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	tree = open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (tree < 0)
		return -errno;
	r = attach(tree, STAGE, MS_RDONLY | MS_NOSUID | MS_NODEV);
	if (r < 0)
		return r;
	slate_at(slate, "template", "/dev");
	r = make_dev(grants, slate);
	if (r < 0)
		return r;
	slate_at(slate, "template", GROUPS_AT);
	r = show_groups(own_groups);
	if (r < 0)
		return r;
	slate_at(slate, "template", "pivot_root");
	return ns_pivot(tree);
}

int apply_template(unsigned grants, bool own_groups, struct slate *slate)
{
	int r;

	tells_all = access(TELLS_ALL, F_OK) == 0;
	slate_at(slate, "template", "mount namespace");
	r = unshare(CLONE_NEWNS) < 0 ? -errno : build(grants, own_groups, slate);
	return r < 0 ? slate_fail(slate, r) : 0;
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
	int fd = (int)syscall(SYS_openat2, AT_FDCWD, op->source ?: op->path, &how, sizeof(how));

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
	const struct layout_op *op = &apply->layout.ops[i];
	bool overlay = op->kind == LAYOUT_OVERLAY;
	AUTO_CLOSE int at = -1;
	int fd;

	apply->fds[i] = -1;
	if (!overlay && op->kind != LAYOUT_BIND && op->kind != LAYOUT_KEEP)
		return 0;
	slate_at(apply->slate, overlay ? "workspace" : "bind", op->source ?: op->path);
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
	/* Of what is kept nothing may become the invoking user's: set-user-id files neither. */
	if (op->kind != LAYOUT_KEEP && !map_ids(fd, apply->idmap_fd) && overlay)
		apply->give = true;
	return 0;
}

/* Makes the scratch, or gives it another size, by a folder of it, since it is covered then: bytes,
 * and a file for every 2 KiB, and some for the smallest, unless there shall be so many. */
static int size_scratch(struct apply *apply, const struct layout_op *op)
{
	bool made = op->kind == LAYOUT_RESIZE;
	uint64_t fitting = op->bytes / 2048 > 65536 ? op->bytes / 2048 : 65536;
	uint64_t inodes = op->inodes ? op->inodes : fitting;
	struct statfs used;
	char options[96];
	int r;

	/* What the base has made does not count. */
	if (op->inodes && statfs(op->path, &used) == 0)
		inodes += (uint64_t)(used.f_files - used.f_ffree);
	util_print(options, sizeof(options), "mode=0755,size=%llu,nr_inodes=%llu",
		   (unsigned long long)op->bytes, (unsigned long long)inodes);
	r = mount_new("tmpfs", op->path, MS_NOSUID | MS_NODEV | (made ? MS_REMOUNT : 0), options);
	if (r < 0 || made)
		return r;
	/* For whoever needs its folders once they are covered; the base is made from within it. */
	apply->scratch_fd = open(op->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fchdir(apply->scratch_fd) < 0 ? -errno : 0;
}

/* Every missing folder on the way to `place`; new ones belong to the payload, so that it can work
 * around its own workspace. */
static int make_parents(const struct apply *apply, const char *place)
{
	char path[PATH_MAX];

	util_copy(path, sizeof(path), place);
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
	int r = mkdir(op->path, op->mode);

	if (r < 0 && errno == ENOENT) {
		r = make_parents(apply, op->path);
		if (r == 0)
			r = mkdir(op->path, op->mode);
	}
	if ((r == 0 || errno == EEXIST) && op->own)
		r = chown(op->path, apply->uid, apply->gid);
	return r < 0 && errno != EEXIST ? -errno : 0;
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
static int make_overlay(const struct apply *apply, int lower, int keep, const char *path)
{
	const char *upper = keep < 0 ? "upper" : "upper/upper";
	char options[128];
	int r;

	if (fchdir(apply->scratch_fd) < 0 || mkdir("lower", 0700) < 0 || mkdir("upper", 0700) < 0 ||
	    mkdir("work", 0700) < 0)
		return -errno;
	r = attach(lower, "lower", MS_RDONLY | MS_NOSUID | MS_NODEV);
	if (r == 0 && keep >= 0)
		r = attach(keep, "upper", MS_NOSUID | MS_NODEV);
	if (r == 0)
		r = dress_upper(apply, lower, upper);
	if (r < 0)
		return r;
	/* redirect_dir lets a test rename a folder of the source tree, as it could outside. */
	util_print(options, sizeof(options), "lowerdir=lower,upperdir=%s,workdir=%s,%s%s", upper,
		   keep < 0 ? "work" : "upper/work",
		   apply->user_xattr ? "userxattr" : "redirect_dir=on",
		   apply->give ? ",metacopy=on" : "");
	r = mount_new("overlay", path, MS_NOSUID | MS_NODEV, options);
	if (r == 0 && apply->give)
		r = chdir(path) < 0 ? -errno : give_files(apply);
	return chdir("/") < 0 ? -errno : r;
}

/* A place to attach to: the folder or file itself when it is there, else made in the private parts
 * of the tree. */
static int make_point(const struct apply *apply, const char *path, int source)
{
	AUTO_CLOSE int fd = -1;
	struct statfs fs;
	struct stat st;
	int r;

	/* By a link it might lead over what /proc shows. */
	if (statfs(path, &fs) == 0)
		return fs.f_type == PROC_SUPER_MAGIC ? -EOPNOTSUPP : 0;
	r = make_parents(apply, path);
	if (r < 0)
		return r;
	if (fstat(source, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return mkdir(path, 0755) < 0 ? -errno : 0;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : 0;
}

static int attach_bind(const struct apply *apply, int i)
{
	const struct layout_op *op = &apply->layout.ops[i];
	unsigned long flags = MS_NOSUID | MS_NODEV | (op->writable ? 0 : MS_RDONLY);
	int r = make_point(apply, op->path, apply->fds[i]);

	return r < 0 ? r : attach(apply->fds[i], op->path, flags);
}

static int attach_overlay(const struct apply *apply, int i)
{
	const struct layout_op *op = &apply->layout.ops[i];
	bool keeps = i > 0 && op[-1].kind == LAYOUT_KEEP;
	int r = make_point(apply, op->path, apply->fds[i]);

	slate_at(apply->slate, "workspace", op->path);
	if (r == 0)
		r = make_overlay(apply, apply->fds[i], keeps ? apply->fds[i - 1] : -1, op->path);
	/* No such module, or not for ordinary users: before Linux 5.11. */
	apply->slate->refused = r == -ENODEV || r == -EPERM;
	/* It works in the scratch: the file system of what is kept cannot hold one. */
	if (r < 0 && keeps) {
		slate_at(apply->slate, "keep", op[-1].path);
		apply->slate->refused = 1;
	}
	return r;
}

static int mount_pts(const struct apply *apply, const char *path)
{
	char options[64] = "newinstance,ptmxmode=0666,mode=0620";
	size_t used = strlen(options);

	if (apply->tty_gid != IDS_NONE)
		util_print(options + used, sizeof(options) - used, ",gid=%u", apply->tty_gid);
	return mount_new("devpts", path, MS_NOSUID | MS_NOEXEC, options);
}

/* Before Linux 5.13 everybody may read there what every process of the host is called: covered by a
 * file that is for root alone. A kernel without it costs no call: this one is asked once. */
static int mount_proc(void)
{
	int r = mount_new("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);

	if (r < 0)
		return r;
	return tells_all && mount("/proc/kmsg", TELLS_ALL, NULL, MS_BIND, NULL) < 0 ? -errno : 0;
}

static int run_op(struct apply *apply, int i)
{
	const struct layout_op *op = &apply->layout.ops[i];

	slate_at(apply->slate, "mount", op->path);
	switch (op->kind) {
	case LAYOUT_SCRATCH:
	case LAYOUT_RESIZE: return size_scratch(apply, op);
	case LAYOUT_DIR: return make_dir(apply, op);
	case LAYOUT_SHOW: return mount(op->source, op->path, NULL, MS_BIND, NULL) < 0 ? -errno : 0;
	case LAYOUT_KEEP: return 0; /* see OVERLAY */
	case LAYOUT_OVERLAY: return attach_overlay(apply, i);
	case LAYOUT_BIND: return attach_bind(apply, i);
	case LAYOUT_LINK: return symlink(op->source, op->path) < 0 ? -errno : 0;
	case LAYOUT_PTS: return mount_pts(apply, op->path);
	}
	return -EINVAL;
}

static int run_ops(struct apply *apply)
{
	mode_t mask = umask(0);
	int r = 0;

	for (int i = 0; i < apply->layout.n && r == 0; i++)
		r = run_op(apply, i);
	umask(mask);
	return r < 0 ? slate_fail(apply->slate, r) : 0;
}

int apply_base(struct apply *apply)
{
	return run_ops(apply);
}

int apply_own(struct apply *apply)
{
	int r = 0;

	if (apply->own_sys) {
		AUTO_CLOSE int groups = open(GROUPS_AT, O_PATH | O_DIRECTORY | O_CLOEXEC);

		slate_at(apply->slate, "mount", "/sys");
		r = mount_new("sysfs", "/sys", READ_ONLY, NULL);
		/* From the one below. EINVAL: no mount, or one that is not ours to move. */
		if (r == 0 && groups >= 0 && move(groups, GROUPS_AT) < 0 && errno != EINVAL)
			r = -errno;
	}
	/* Within a container that covers part of its own /sys the kernel refuses another: there it
	 * stays. */
	if (r == 0 || r == -EPERM) {
		slate_at(apply->slate, "mount", "/proc");
		r = mount_proc();
	}
	return r < 0 ? slate_fail(apply->slate, r) : 0;
}

/* Back in the host's view for as long as that takes. */
static int open_sources(struct apply *apply)
{
	AUTO_CLOSE int here = util_open(O_RDONLY, "/proc/self/ns/mnt");
	int r = 0;

	slate_at(apply->slate, "mount", "/");
	if (here < 0 || setns(apply->host_fd, CLONE_NEWNS) < 0)
		return here < 0 ? here : -errno;
	for (int i = 0; i < apply->layout.n && r == 0; i++)
		r = open_source(apply, i);
	return r == 0 && setns(here, CLONE_NEWNS) < 0 ? -errno : r;
}

int apply_run(struct apply *apply)
{
	const struct layout *layout = &apply->layout;
	bool sources = layout->n && layout->ops[layout->n - 1].kind != LAYOUT_RESIZE;
	int r = sources ? open_sources(apply) : 0;

	return r < 0 ? slate_fail(apply->slate, r) : run_ops(apply);
}
