// SPDX-License-Identifier: Apache-2.0
/* shape.c - deeds against the walls themselves: mounts, roots, namespaces, names of the machine. */
#include "tests/box/hostile/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Says so and returns false where a change of mounts would be one of the host. */
static bool own_mounts(void)
{
	if (!probe_own("mnt"))
		probe_say("unsafe host's mounts");
	return probe_own("mnt");
}

static long remount_root(void)
{
	return mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL);
}

static void remount(void)
{
	if (own_mounts())
		probe_tell(probe_in_child(remount_root));
}

/* With all the rights a namespace of one's own gives. */
static long remount_inside(void)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return -1;
	return remount_root();
}

static void remount_own(void)
{
	if (own_mounts())
		probe_tell(probe_in_child(remount_inside));
}

/* What covers the host's folders must stay, whatever rights over mounts of one's own there are. */
static long uncover_inside(void)
{
	static const char *const covers[] = {
		"/home", "/root", "/run", "/tmp", "/var/tmp", "/proc"
	};
	struct probe_tally tally = { .open = "" };

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(covers) / sizeof(covers[0]); i++) {
		long result = umount2(covers[i], MNT_DETACH);

		/* Locked, or no mount at all. */
		if (result < 0 && errno == EINVAL)
			errno = EPERM;
		probe_count(&tally, covers[i], result);
	}
	/* Without what is mounted below it, which is what hides things. */
	if (mount("/", "/dev/shm", NULL, MS_BIND, NULL) == 0)
		probe_count(&tally, "bind", 0);
	probe_conclude(&tally);
	return 0;
}

static void uncover(void)
{
	if (probe_in_child(uncover_inside) == -1)
		probe_tell(-1);
}

static void change_mounts(void)
{
	struct probe_tally tally = { .open = "" };

	if (!own_mounts())
		return;
	probe_count(&tally, "mount", mount("none", "/tmp", "tmpfs", 0, NULL));
	probe_count(&tally, "umount /proc", umount2("/proc", MNT_DETACH));
	probe_count(&tally, "umount /tmp", umount2("/tmp", MNT_DETACH));
	probe_count(&tally, "open_tree", syscall(SYS_open_tree, AT_FDCWD, "/", 1 /* CLONE */));
	probe_count(&tally, "fsopen", syscall(SYS_fsopen, "tmpfs", 0));
	probe_conclude(&tally);
}

static long do_chroot(void)
{
	return chroot("/tmp");
}

static void change_root(void)
{
	struct probe_tally tally = { .open = "" };
	long result = probe_in_child(do_chroot);

	if (result == PROBE_SAID || !own_mounts())
		return;
	probe_count(&tally, "chroot", result);
	/* The same folder twice is only refused behind the permission check. */
	probe_count(&tally, "pivot_root", syscall(SYS_pivot_root, "/", "/"));
	probe_conclude(&tally);
}

/* The classic: a folder kept open while the root is moved below it. */
static long climb_out(void)
{
	struct stat before, after;
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || stat("/", &before) < 0 || chroot("/tmp") < 0 || fchdir(fd) < 0)
		return -1;
	for (int i = 0; i < 64; i++)
		if (chdir("..") < 0)
			return -1;
	if (chroot(".") < 0 || stat("/", &after) < 0)
		return -1;
	errno = EXDEV;
	return before.st_ino == after.st_ino && before.st_dev == after.st_dev ? -1 : 0;
}

static void escape_root(void)
{
	probe_tell(probe_in_child(climb_out));
}

static long unshare_and_mount(void)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return -1;
	return mount("none", "/tmp", "tmpfs", 0, NULL);
}

static void user_namespace(void)
{
	probe_tell_as(probe_in_child(unshare_and_mount), "private");
}

/* What the kernel does not read must not hide what it does. */
static void clone_user(void)
{
	long pid = syscall(SYS_clone, 0xff00000000ull | CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL,
			   NULL);

	if (pid == 0)
		_exit(0);
	if (pid > 0)
		waitpid((pid_t)pid, NULL, 0);
	probe_tell_as(pid, "private");
}

static void clone3_user(void)
{
	struct clone_args args = { .flags = CLONE_NEWUSER, .exit_signal = SIGCHLD };
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	if (pid == 0)
		_exit(0);
	if (pid > 0)
		waitpid((pid_t)pid, NULL, 0);
	probe_tell_as(pid, "private");
}

static long join_namespaces(void)
{
	static const char *const kinds[] = { "mnt", "net", "ipc", "uts", "cgroup", "pid" };
	struct probe_tally tally = { .open = "" };
	char path[64];

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		int fd = open(probe_path(path, sizeof(path), "/proc/self/ns/%s", kinds[i]),
			      O_RDONLY | O_CLOEXEC);

		if (fd >= 0)
			probe_count(&tally, kinds[i], setns(fd, 0));
	}
	probe_conclude(&tally);
	return 0;
}

static void join_own(void)
{
	if (probe_own("mnt"))
		probe_in_child(join_namespaces);
	else
		probe_say("unsafe host's namespaces");
}

static void join_init(void)
{
	long fd = syscall(SYS_pidfd_open, 1, 0);
	static const int all = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET;

	if (getpid() == 1 || !probe_own("pid"))
		probe_say("absent no init");
	else
		probe_tell(fd < 0 ? fd : setns((int)fd, all));
}

static void rename_machine(void)
{
	const char *word = probe_fact("word");
	struct probe_tally tally = { .open = "" };

	if (!probe_own("uts")) {
		probe_say("unsafe host's names");
		return;
	}
	probe_count(&tally, "hostname", sethostname(word, strlen(word)));
	probe_count(&tally, "domainname", setdomainname(word, strlen(word)));
	if (tally.open[0])
		probe_say("private %s", tally.open);
	else
		probe_conclude(&tally);
}

/* Stacked file systems that hang whoever follows them from outside. */
static long stack_mounts(void)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return -1;
	if (mkdir("/tmp/lower", 0700) < 0 || mkdir("/tmp/upper", 0700) < 0 ||
	    mkdir("/tmp/stacked", 0700) < 0)
		return -1;
	return mount("none", "/tmp/stacked", "overlay", 0,
		     "lowerdir=/tmp/lower:/tmp/upper,userxattr");
}

static void stack_overlays(void)
{
	probe_tell_as(probe_in_child(stack_mounts), "private");
	rmdir("/tmp/lower");
	rmdir("/tmp/upper");
	rmdir("/tmp/stacked");
}

/* Asks the kernel for a network link; its answer as -1 with errno. */
static long add_link(void)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg info;
		struct rtattr linkinfo;
		struct rtattr kind;
		char name[8];
	} request = {
		.header = { .nlmsg_len = sizeof(request),
			    .nlmsg_type = RTM_NEWLINK,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL },
		.linkinfo = { .rta_len = 2 * sizeof(struct rtattr) + 8, .rta_type = IFLA_LINKINFO },
		.kind = { .rta_len = sizeof(struct rtattr) + 8, .rta_type = IFLA_INFO_KIND },
		.name = "bridge",
	};
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char rest[256];
	} answer;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0 || send(fd, &request, sizeof(request), 0) < 0 ||
	    recv(fd, &answer, sizeof(answer), 0) < 0)
		return -1;
	errno = -answer.error.error;
	return errno ? -1 : 0;
}

static void make_link(void)
{
	if (probe_own("net"))
		probe_tell_as(add_link(), "open");
	else
		probe_say("unsafe host's network");
}

static long link_inside(void)
{
	return unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0 ? -1 : add_link();
}

static void make_link_own(void)
{
	probe_tell_as(probe_in_child(link_inside), "private");
}

/* Networks are memory of the kernel's that no group is charged for; each is held by but a
 * descriptor. */
static long hold_networks(void)
{
	if (unshare(CLONE_NEWUSER) < 0)
		return -1;
	for (int i = 0; i < 300; i++)
		if (unshare(CLONE_NEWNET) < 0 ||
		    open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC) < 0)
			return -1;
	return 0;
}

static void flood_networks(void)
{
	probe_tell(probe_in_child(hold_networks));
}

/* Groups of one's own hierarchy can name a program that the host runs. The file is only opened. */
static long mount_groups(void)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWCGROUP) < 0)
		return -1;
	if (mount("none", "/tmp", "cgroup", 0, "memory") < 0)
		return -1;
	return open("/tmp/release_agent", O_WRONLY | O_CLOEXEC);
}

static void release_agent_own(void)
{
	probe_tell(probe_in_child(mount_groups));
}

const struct probe shape_probes[] = {
	{ "remount", remount },
	{ "remount-own", remount_own },
	{ "uncover", uncover },
	{ "change-mounts", change_mounts },
	{ "change-root", change_root },
	{ "escape-root", escape_root },
	{ "user-namespace", user_namespace },
	{ "clone-user", clone_user },
	{ "clone3-user", clone3_user },
	{ "join-own", join_own },
	{ "join-init", join_init },
	{ "rename-machine", rename_machine },
	{ "stack-overlays", stack_overlays },
	{ "make-link", make_link },
	{ "make-link-own", make_link_own },
	{ "flood-networks", flood_networks },
	{ "release-agent-own", release_agent_own },
	{ NULL, NULL },
};
