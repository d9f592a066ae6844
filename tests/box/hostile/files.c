// SPDX-License-Identifier: Apache-2.0
/* files.c - deeds against files: of the host, of the kernel, of other users; devices; what several
 * sandboxes share. */
#include "tests/box/hostile/probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Opens for the sake of the answer. */
static long try_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd >= 0)
		close(fd);
	return fd;
}

/* Whether a folder is on the way to this program, which the caller shows us wherever it lies. */
static bool is_our_way(const char *path)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	size_t length = strlen(path);

	return n > (ssize_t)length && memcmp(self, path, length) == 0 && self[length] == '/';
}

/* All that match one of the patterns, at most 64 of each; symbolic links are not followed. */
static void try_all(const char *const *patterns, int flags, struct probe_tally *tally)
{
	for (; *patterns; patterns++) {
		glob_t found = { 0 };

		if (glob(*patterns, GLOB_NOSORT, NULL, &found) == 0)
			for (size_t i = 0; i < found.gl_pathc && i < 64; i++) {
				const char *path = found.gl_pathv[i];
				bool ours = is_our_way(path);
				long result = try_open(path, flags | O_NOFOLLOW);

				/* A link leads to what is tried by its own name. */
				if (!ours && (result >= 0 || (errno != EISDIR && errno != ELOOP)))
					probe_count(tally, path, result);
			}
		globfree(&found);
	}
}

static void write_host(void)
{
	static const char *const folders[] = { "/etc", "/usr", "/usr/bin", "/opt", "/boot",
					       "/",    "/srv", "/lib",	   "/mnt" };
	struct probe_tally tally = { .open = "" };

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		probe_count(&tally, folders[i], probe_write_marker(folders[i]));
	probe_conclude(&tally);
}

/* These may be written to: the caller looks whether it sees any of it. */
static void write_private(void)
{
	static const char *const folders[] = { "/tmp",	   "/var", "/var/tmp",
					       "/dev/shm", "/run", "/run/lock" };
	const char *home = getenv("HOME");
	struct probe_tally tally = { .open = "" };

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		probe_count(&tally, folders[i], probe_write_marker(folders[i]));
	if (home)
		probe_count(&tally, "HOME", probe_write_marker(home));
	if (tally.open[0])
		probe_say("private %s", tally.open);
	else
		probe_conclude(&tally);
}

static void core_pattern(void)
{
	probe_tell(try_open("/proc/sys/kernel/core_pattern", O_WRONLY));
}

static void write_proc(void)
{
	static const char *const patterns[] = {
		"/proc/sysrq-trigger",
		"/proc/irq/*/smp_affinity",
		"/proc/bus/*/*/*",
		"/proc/sys/kernel/modprobe",
		"/proc/sys/kernel/hotplug",
		"/proc/sys/vm/drop_caches",
		"/proc/sys/vm/panic_on_oom",
		"/proc/sys/fs/binfmt_misc/register",
		"/proc/sys/fs/suid_dumpable",
		"/proc/sys/kernel/randomize_va_space",
		"/proc/mtrr",
		"/proc/acpi/*",
		"/proc/scsi/*",
		NULL,
	};
	struct probe_tally tally = { .open = "" };

	try_all(patterns, O_WRONLY, &tally);
	probe_conclude(&tally);
}

static void write_sys(void)
{
	static const char *const patterns[] = {
		"/sys/power/*",
		"/sys/kernel/*",
		"/sys/kernel/mm/*/*",
		"/sys/kernel/kexec/*",
		"/sys/module/*/parameters/*",
		"/sys/devices/system/cpu/cpu*/online",
		"/sys/bus/pci/rescan",
		"/sys/block/*/queue/scheduler",
		"/sys/class/net/*/mtu",
		"/sys/fs/selinux/*",
		NULL,
	};
	struct probe_tally tally = { .open = "" };

	try_all(patterns, O_WRONLY, &tally);
	probe_conclude(&tally);
}

static void move_group(void)
{
	static const char *const patterns[] = {
		"/sys/fs/cgroup/cgroup.procs",		 "/sys/fs/cgroup/*/cgroup.procs",
		"/sys/fs/cgroup/*/*/cgroup.procs",	 "/sys/fs/cgroup/*/tasks",
		"/sys/fs/cgroup/cgroup.subtree_control", NULL,
	};
	struct probe_tally tally = { .open = "" };

	try_all(patterns, O_WRONLY, &tally);
	probe_conclude(&tally);
}

static void make_group(void)
{
	static const char *const folders[] = {
		"/sys/fs/cgroup",	  "/sys/fs/cgroup/memory",  "/sys/fs/cgroup/pids",
		"/sys/fs/cgroup/freezer", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/system.slice"
	};
	struct probe_tally tally = { .open = "" };
	char path[512];

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		probe_count(&tally, folders[i],
			    mkdir(probe_path(path, sizeof(path), "%s/%s", folders[i],
					     probe_fact("word")),
				  0700));
	probe_conclude(&tally);
}

static void release_agent(void)
{
	static const char *const patterns[] = { "/sys/fs/cgroup/*/release_agent", NULL };
	struct probe_tally tally = { .open = "" };

	try_all(patterns, O_WRONLY, &tally);
	probe_conclude(&tally);
}

static void host_devices(void)
{
	static const char *const patterns[] = {
		"/dev/mem",   "/dev/kmem",    "/dev/kmsg", "/dev/port",	   "/dev/nvram",
		"/dev/rtc*",  "/dev/sd*",     "/dev/vd*",  "/dev/nvme*",   "/dev/loop*",
		"/dev/dm-*",  "/dev/cpu*/*",  "/dev/fb*",  "/dev/input/*", "/dev/tty[0-9]*",
		"/dev/ttyS*", "/dev/console", NULL,
	};
	struct probe_tally tally = { .open = "" };

	try_all(patterns, O_RDONLY, &tally);
	probe_conclude(&tally);
}

static void granted_devices(void)
{
	static const char *const patterns[] = {
		"/dev/kvm",	     "/dev/fuse",     "/dev/net/tun", "/dev/vhost*",
		"/dev/vsock",	     "/dev/dri/*",    "/dev/nvidia*", "/dev/userfaultfd",
		"/dev/uinput",	     "/dev/snd/*",    "/dev/ppp",     "/dev/btrfs-control",
		"/dev/loop-control", "/dev/mapper/*", NULL,
	};
	struct probe_tally tally = { .open = "" };

	try_all(patterns, O_RDWR, &tally);
	probe_conclude(&tally);
}

static void make_device(void)
{
	static const struct {
		const char *name;
		mode_t kind;
		unsigned major, minor;
	} devices[] = { { "mem", S_IFCHR, 1, 1 },
			{ "null", S_IFCHR, 1, 3 },
			{ "disk", S_IFBLK, 254, 0 } };
	struct probe_tally tally = { .open = "" };
	char path[64];

	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
		long result = mknod(probe_path(path, sizeof(path), "/tmp/%s", devices[i].name),
				    devices[i].kind | 0600,
				    makedev(devices[i].major, devices[i].minor));

		/* A node that cannot be opened is but a name. */
		probe_count(&tally, devices[i].name,
			    result < 0 ? result : try_open(path, O_RDONLY));
		if (result == 0)
			unlink(path);
	}
	probe_conclude(&tally);
}

static void setuid_mounts(void)
{
	struct statvfs fs;
	bool nosuid = statvfs("/usr/bin", &fs) == 0 && (fs.f_flag & ST_NOSUID);
	bool no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;

	probe_say("%s%s%s", nosuid || no_new_privs ? "refused" : "open", nosuid ? " nosuid" : "",
		  no_new_privs ? " no_new_privs" : "");
}

static void read_foreign(void)
{
	static const char *const patterns[] = {
		"/etc/shadow",	      "/etc/gshadow", "/root/*", "/root/.[a-z]*",
		"/etc/ssl/private/*", "/etc/sudoers", NULL
	};
	const char *secret = probe_fact("secret");
	struct probe_tally tally = { .open = "" };

	try_all(patterns, O_RDONLY, &tally);
	if (*secret)
		probe_count(&tally, "secret", try_open(secret, O_RDONLY));
	probe_conclude(&tally);
}

static void read_home(void)
{
	const char *path = probe_fact("homefile");

	if (*path)
		probe_tell(try_open(path, O_RDONLY));
	else
		probe_say("absent not asked");
}

static void read_var(void)
{
	static const char *const patterns[] = { "/var/lib/*",	"/var/log/*",  "/var/spool/*",
						"/var/cache/*", "/var/mail/*", NULL };
	struct probe_tally tally = { .open = "" };

	try_all(patterns, O_RDONLY, &tally);
	if (tally.open[0])
		probe_say("open");
	else
		probe_conclude(&tally);
}

/* The file's handle is all that is needed where this is allowed. */
static void open_by_handle(void)
{
	struct {
		struct file_handle head;
		char bytes[128];
	} handle = { .head.handle_bytes = 128 };
	int mount_id, fd;

	/* Where names are not told either, one is guessed. */
	if (name_to_handle_at(AT_FDCWD, "/etc/passwd", &handle.head, &mount_id, 0) < 0) {
		handle.head.handle_bytes = 8;
		handle.head.handle_type = 1;
	}
	fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	probe_tell(open_by_handle_at(fd, &handle.head, O_RDONLY | O_CLOEXEC));
}

/* The caller holds a lock on a file of the host that both can read: whoever notices has a channel.
 */
static void shared_locks(void)
{
	int fd = open(probe_fact("locked"), O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		probe_say("absent %s", strerrorname_np(errno));
		return;
	}
	if (flock(fd, LOCK_SH | LOCK_NB) == 0)
		probe_say("private");
	else if (errno == EWOULDBLOCK)
		probe_say("open");
	else
		probe_tell(-1);
}

/* A lease on a file that is ours by name makes whoever opens it outside wait for us. */
static void shared_leases(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	probe_tell(fd < 0 ? fd : fcntl(fd, F_SETLEASE, F_RDLCK));
}

/* Control groups of others; one's own has none below it. */
static void see_groups(void)
{
	static const char *const folders[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/memory",
					       "/sys/fs/cgroup/pids", "/sys/fs/cgroup/unified",
					       "/sys/fs/cgroup/systemd" };
	int n = 0;

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		DIR *dir = opendir(folders[i]);
		const struct dirent *entry;
		char path[512];

		while (dir && (entry = readdir(dir)))
			if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
				n += access(probe_path(path, sizeof(path), "%s/%s/cgroup.procs",
						       folders[i], entry->d_name),
					    F_OK) == 0;
		if (dir)
			closedir(dir);
	}
	/* The hierarchies of v1 are folders, too. */
	for (size_t i = 0; i < 16; i++) {
		static const char *const names[] = { "cpu",	"cpuacct",    "cpuset",	 "memory",
						     "devices", "freezer",    "blkio",	 "pids",
						     "systemd", "unified",    "net_cls", "net_prio",
						     "hugetlb", "perf_event", "rdma",	 "misc" };
		char path[128];

		n -= access(probe_path(path, sizeof(path), "/sys/fs/cgroup/%s/cgroup.procs",
				       names[i]),
			    F_OK) == 0;
	}
	probe_say(n > 0 ? "open %d groups" : "private", n);
}

static void kernel_secrets(void)
{
	static const char *const patterns[] = {
		"/proc/kcore",
		"/proc/timer_list",
		"/proc/sched_debug",
		"/proc/latency_stats",
		"/proc/vmallocinfo",
		"/proc/slabinfo",
		"/proc/kpagecount",
		"/proc/pagetypeinfo",
		"/sys/kernel/debug/*",
		"/sys/kernel/tracing/*",
		"/sys/firmware/dmi/tables/*",
		"/sys/firmware/efi/*",
		"/sys/kernel/security/*",
		"/sys/devices/virtual/powercap/*/*/energy_uj",
		NULL,
	};
	struct probe_tally tally = { .open = "" };

	try_all(patterns, O_RDONLY, &tally);
	probe_conclude(&tally);
}

static void kernel_addresses(void)
{
	char line[256];
	FILE *file = fopen("/proc/kallsyms", "re");

	if (!file) {
		probe_tell(-1);
		return;
	}
	if (!fgets(line, sizeof(line), file))
		probe_say("absent empty");
	else
		probe_say(strncmp(line, "0000000000000000", 16) == 0 ? "refused zeros" : "open");
	fclose(file);
}

/* What of the host's network shows: its devices, the port the caller listens on. */
static void see_network(void)
{
	DIR *devices = opendir("/sys/class/net");
	const struct dirent *entry;
	char line[512], port[16], names[128] = "";
	FILE *file = fopen("/proc/net/tcp", "re");

	snprintf(port, sizeof(port), ":%s ", probe_fact("hexport"));
	while (devices && (entry = readdir(devices)))
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, "lo") != 0 &&
		    strncmp(entry->d_name, "bond", 4) != 0)
			snprintf(names + strlen(names), sizeof(names) - strlen(names), " %.15s",
				 entry->d_name);
	while (file && fgets(line, sizeof(line), file))
		if (strlen(port) > 2 && strstr(line, port))
			snprintf(names + strlen(names), sizeof(names) - strlen(names), " port");
	if (devices)
		closedir(devices);
	if (file)
		fclose(file);
	probe_say("%s%s", names[0] ? "open" : "private", names);
}

/* Keys and their counts by user, of everybody whose id is mapped here. */
static void see_keys(void)
{
	char line[512];
	int users = 0;
	FILE *file = fopen("/proc/keys", "re");

	while (file && fgets(line, sizeof(line), file))
		if (*probe_fact("word") && strstr(line, probe_fact("word"))) {
			probe_say("open keys");
			fclose(file);
			return;
		}
	if (file)
		fclose(file);
	file = fopen("/proc/key-users", "re");
	while (file && fgets(line, sizeof(line), file))
		users++;
	if (file)
		fclose(file);
	probe_say(users > 2 ? "open %d users" : "private %d users", users);
}

const struct probe files_probes[] = {
	{ "write-host", write_host },
	{ "write-private", write_private },
	{ "core-pattern", core_pattern },
	{ "write-proc", write_proc },
	{ "write-sys", write_sys },
	{ "move-group", move_group },
	{ "make-group", make_group },
	{ "release-agent", release_agent },
	{ "host-devices", host_devices },
	{ "granted-devices", granted_devices },
	{ "make-device", make_device },
	{ "setuid-mounts", setuid_mounts },
	{ "read-foreign", read_foreign },
	{ "read-home", read_home },
	{ "read-var", read_var },
	{ "open-by-handle", open_by_handle },
	{ "shared-locks", shared_locks },
	{ "shared-leases", shared_leases },
	{ "see-groups", see_groups },
	{ "kernel-secrets", kernel_secrets },
	{ "kernel-addresses", kernel_addresses },
	{ "see-network", see_network },
	{ "see-keys", see_keys },
	{ NULL, NULL },
};
