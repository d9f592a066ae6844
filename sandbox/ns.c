// SPDX-License-Identifier: Apache-2.0
/*
 * ns.c - user namespaces (the slot's own, and the outer one of an ordinary user) and the loopback network.
 *
 * Invariants: a map is written before anything enters the namespace; helpers that were started are waited for.
 * Not for mount namespaces (mount.c) nor for choosing ids (ids.c).
 */
#include "sandbox/ns.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/util.h"

static int write_proc(pid_t pid, const char *name, const char *text)
{
	char path[64];

	util_print(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return util_write_file(AT_FDCWD, path, text);
}

static int write_maps(pid_t pid, const struct ids_map *uids, const struct ids_map *gids, bool deny_setgroups)
{
	char uid_text[256];
	char gid_text[256];
	int r = ids_print(uids, uid_text, sizeof(uid_text));

	if (r == 0)
		r = ids_print(gids, gid_text, sizeof(gid_text));
	if (r == 0 && deny_setgroups)
		r = write_proc(pid, "setgroups", "deny");
	/* Inside a namespace where it is denied already the file cannot be written again. */
	if (r == -EPERM)
		r = 0;
	if (r == 0)
		r = write_proc(pid, "uid_map", uid_text);
	if (r == 0)
		r = write_proc(pid, "gid_map", gid_text);
	return r;
}

int ns_make_user(const struct ids_map *uids, const struct ids_map *gids, bool deny_setgroups)
{
	char path[64];
	int fd = -1;
	int r;
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	r = write_maps(pid, uids, gids, deny_setgroups);
	if (r == 0) {
		util_print(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		r = fd < 0 ? -errno : 0;
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return r < 0 ? r : fd;
}

/* The user's name by the password file; "" when it has none. */
static void find_name(uid_t uid, char *buf, size_t size)
{
	FILE *file = fopen("/etc/passwd", "re");
	const struct passwd *entry;

	buf[0] = '\0';
	while (file && (entry = fgetpwent(file)))
		if (entry->pw_uid == uid) {
			util_copy(buf, size, entry->pw_name);
			break;
		}
	if (file)
		fclose(file);
}

/* The first subordinate range of this user in `file` (/etc/subgid is keyed by the user, too), or count 0. */
static void find_subids(const char *file, uint32_t *ret_start, uint32_t *ret_count)
{
	char text[16384];
	char name[64];
	ssize_t n = util_read_file(AT_FDCWD, file, text, sizeof(text));

	*ret_start = *ret_count = 0;
	find_name(geteuid(), name, sizeof(name));
	if (n > 0)
		(void)ids_find_sub(text, name, geteuid(), ret_start, ret_count);
	if (*ret_count > IDS_PER_SLOT)
		*ret_count = IDS_PER_SLOT;
}

/*
 * newuidmap must be run from outside the new namespace: this child is made before it exists, waits for `go` to
 * close, and becomes the helper.
 */
static pid_t start_helper(const char *helper, pid_t target, uint32_t own, uint32_t start, uint32_t count, const int go[2])
{
	char words[4][16];
	char byte;
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

	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* One id each, written by ourselves: needs nothing but the kernel's permission. */
static int map_alone(uid_t uid, gid_t gid, bool uid_done)
{
	struct ids_map uids = { .n = 1, .extents = { { 0, uid, 1 } } };
	struct ids_map gids = { .n = 1, .extents = { { 0, gid, 1 } } };
	char text[64];
	int r = util_write_file(AT_FDCWD, "/proc/self/setgroups", "deny");

	if (r == 0 && !uid_done) {
		ids_print(&uids, text, sizeof(text));
		r = util_write_file(AT_FDCWD, "/proc/self/uid_map", text);
	}
	if (r == 0) {
		ids_print(&gids, text, sizeof(text));
		r = util_write_file(AT_FDCWD, "/proc/self/gid_map", text);
	}
	return r;
}

int ns_enter_outer(uint32_t *ret_subids)
{
	uint32_t uid_start, uid_count, gid_start, gid_count;
	uid_t uid = geteuid();
	gid_t gid = getegid();
	pid_t helpers[2] = { -1, -1 };
	bool uid_done, gid_done;
	int go[2];
	int r = 0;

	find_subids("/etc/subuid", &uid_start, &uid_count);
	find_subids("/etc/subgid", &gid_start, &gid_count);
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
	uid_done = helper_worked(helpers[0]);
	gid_done = helper_worked(helpers[1]);
	if (r < 0)
		return r;
	if (uid_done && gid_done) {
		*ret_subids = uid_count < gid_count ? uid_count : gid_count;
		return 0;
	}
	*ret_subids = 0;
	return gid_done ? -EPERM : map_alone(uid, gid, uid_done);
}

int ns_loopback(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int r;

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return -errno;
	r = util_write_file(AT_FDCWD, "/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
	/* Pings are a courtesy: a range of groups that is not mapped here is refused. */
	(void)util_write_file(AT_FDCWD, "/proc/sys/net/ipv4/ping_group_range", "0 2147483647");
	return r == -ENOENT ? 0 : r;
}
