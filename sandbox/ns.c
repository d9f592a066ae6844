// SPDX-License-Identifier: Apache-2.0
/*
 * ns.c - user namespaces (the slot's own, and the outer one of an ordinary user) and the loopback
 * network.
 *
 * Invariants: a map is written before anything enters the namespace; helpers that were executed are
 * waited for. Not for mount namespaces (apply.c) nor for choosing ids (ids.c).
 */
#include "sandbox/ns.h"

#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "sandbox/util.h"

static int write_maps(pid_t pid, const struct ids_map *uids, const struct ids_map *gids,
		      bool deny_setgroups)
{
	char uid_text[256], gid_text[256];
	int r = ids_print(uids, uid_text, sizeof(uid_text));

	if (r == 0)
		r = ids_print(gids, gid_text, sizeof(gid_text));
	/* Inside a namespace where it is denied already the file cannot be written again. */
	if (r == 0 && deny_setgroups &&
	    (r = util_write_file("deny", "/proc/%d/setgroups", (int)pid)) == -EPERM)
		r = 0;
	if (r == 0)
		r = util_write_file(uid_text, "/proc/%d/uid_map", (int)pid);
	return r < 0 ? r : util_write_file(gid_text, "/proc/%d/gid_map", (int)pid);
}

int ns_pivot(int tree)
{
	/* pivot_root(".", ".") stacks the old root on the new one, where it is unmounted without
	 * needing a folder. */
	if (fchdir(tree) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return -errno;
	return 0;
}

/*
 * Inside a chroot the kernel refuses user namespaces to everybody. Root may go into a mount
 * namespace of its own and make the folder it was confined to that one's root: the same files at
 * the same paths, so nothing is gained that the chroot denied. setns into the namespace we are in
 * already takes us to its root.
 */
static int leave_chroot(void)
{
	AUTO_CLOSE int root = -1, tree = -1, own = -1;

	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0)
		return -EPERM;
	root = open("/", O_PATH | O_CLOEXEC);
	tree = open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	own = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (setns(own, CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ||
	    move_mount(tree, "", root, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return -errno;
	return ns_pivot(tree);
}

/* The process that a namespace is of until it was opened. It shares our memory: it may do nothing
 * that could write there. */
static int be_user(void *unused)
{
	(void)unused;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pause();
}

/*
 * A child lives in it until its maps are written and it was opened. What the kernel counts by user
 * (watches, pipe buffers, namespaces) it also counts for whoever made the namespace: as root that
 * is the slot's id, not root, whom all slots and half the host would share.
 */
static int make_user(const struct ids_map *uids, const struct ids_map *gids, bool deny_setgroups)
{
	static char stack[4096] __attribute__((aligned(16)));
	uid_t root = geteuid(), owner = root == 0 ? uids->extents[0].outside : root;
	pid_t pid = -1;
	int fd;

	if (seteuid(owner) == 0)
		pid = clone(be_user, stack + sizeof(stack), CLONE_NEWUSER | CLONE_VM, NULL);
	fd = pid < 0 ? -errno : 0;
	if (seteuid(root) < 0)
		fd = -errno;
	/* Another id is not dumpable, and then its maps are not ours to write. */
	prctl(PR_SET_DUMPABLE, 1);
	if (fd == 0)
		fd = write_maps(pid, uids, gids, deny_setgroups);
	if (fd == 0)
		fd = util_open(O_RDONLY, "/proc/%d/ns/user", (int)pid);
	if (pid > 0)
		kill(pid, SIGKILL);
	return fd;
}

int ns_make_user(const struct ids_map *uids, const struct ids_map *gids, bool deny_setgroups)
{
	int fd = make_user(uids, gids, deny_setgroups);

	return fd == -EPERM && leave_chroot() == 0 ? make_user(uids, gids, deny_setgroups) : fd;
}

uint32_t ns_find_subids(const char *file, const char *name, uint32_t *ret_start)
{
	char text[16384];

	if (util_read_file(text, sizeof(text), "%s", file) < 0)
		return 0;
	return ids_find_sub(text, name, geteuid(), ret_start);
}

/*
 * newuidmap must be run from outside the new namespace: this child is made before it exists, waits
 * for `go` to close, and becomes the helper.
 */
static pid_t start_helper(const char *helper, pid_t target, uint32_t own, uint32_t start,
			  uint32_t count, const int go[2])
{
	char words[4][16], byte;
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	close(go[1]);
	if (read(go[0], &byte, 1) != 1)
		_exit(126);
	util_print(words[0], sizeof(words[0]), "%d", (int)target);
	util_print(words[1], sizeof(words[1]), "%u", own);
	util_print(words[2], sizeof(words[2]), "%u", start);
	util_print(words[3], sizeof(words[3]), "%u", count);
	execlp(helper, helper, words[0], "0", words[1], "1", "1", words[2], words[3], (char *)NULL);
	_exit(127);
}

static bool helper_worked(pid_t pid)
{
	int status;

	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	       WEXITSTATUS(status) == 0;
}

int ns_enter_outer(const char *name, uint32_t *ret_subids)
{
	uint32_t uid_start, uid_count = ns_find_subids("/etc/subuid", name, &uid_start);
	uint32_t gid_start, gid_count = ns_find_subids("/etc/subgid", name, &gid_start);
	uid_t uid = geteuid();
	gid_t gid = getegid();
	struct ids_map uids = { .n = 1, .extents = { { 0, uid, 1 } } };
	struct ids_map gids = { .n = 1, .extents = { { 0, gid, 1 } } };
	pid_t helpers[2] = { -1, -1 };
	bool mapped;
	int go[2], r = 0;

	if (pipe2(go, O_CLOEXEC) < 0)
		return -errno;
	if (uid_count && gid_count) {
		helpers[0] = start_helper("newuidmap", getpid(), uid, uid_start, uid_count, go);
		helpers[1] = start_helper("newgidmap", getpid(), gid, gid_start, gid_count, go);
	}
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		r = -errno;
	if (r == 0 && write(go[1], "gg", 2) != 2)
		r = -EIO;
	close(go[1]);
	close(go[0]);
	mapped = helper_worked(helpers[0]);
	mapped = helper_worked(helpers[1]) && mapped;
	if (r < 0)
		return r;
	*ret_subids = !mapped ? 0 : uid_count < gid_count ? uid_count : gid_count;
	/* One id each, written by ourselves, needs nothing but the kernel's permission. */
	return mapped ? 0 : write_maps(getpid(), &uids, &gids, true);
}

/*
 * 127.0.0.2 beside 127.0.0.1, each with all of 127/8. With nothing but 127.0.0.1 the C library
 * holds that there is no IPv4 at all: getaddrinfo with AI_ADDRCONFIG, which is how D-Bus and others
 * look up even "127.0.0.1", finds nothing then, and tests of TCP quietly skip.
 */
static int add_address(int fd)
{
	struct ifreq request = { .ifr_name = "lo:2" };
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1) };

	memcpy(&request.ifr_addr, &address, sizeof(address));
	return ioctl(fd, SIOCSIFADDR, &request) < 0 ? -errno : 0;
}

int ns_network(int proc_fd)
{
	static const char *const pingers[] = { "0 2147483647", "0 65535", "0 0" };
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	AUTO_CLOSE int fd = -1;
	int r;

	if (unshare(CLONE_NEWNET) < 0)
		return -errno;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return -errno;
	r = add_address(fd);
	if (r < 0)
		return r;
	r = util_write_file("0", "/proc/self/fd/%d/sys/net/ipv4/ip_unprivileged_port_start",
			    proc_fd);
	/* Pings are a courtesy: a range of groups that is not mapped here is refused. */
	for (size_t i = 0; i < ARRAY_LEN(pingers); i++)
		if (util_write_file(pingers[i], "/proc/self/fd/%d/sys/net/ipv4/ping_group_range",
				    proc_fd) == 0)
			break;
	return r == -ENOENT ? 0 : r;
}
