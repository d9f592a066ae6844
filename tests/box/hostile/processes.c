// SPDX-License-Identifier: Apache-2.0
/* processes.c - deeds against processes: those outside, the init of the sandbox, one's own rights
 * and priorities. */
#include "tests/box/hostile/probe.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* Processes in /proc, and 0 where there is no /proc. */
static int count_visible(void)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	int n = 0;

	if (!proc)
		return 0;
	while ((entry = readdir(proc)))
		n += isdigit((unsigned char)entry->d_name[0]) != 0;
	closedir(proc);
	return n;
}

static void see_processes(void)
{
	int n = count_visible();

	/* Ours, an init, and what a launcher needs. */
	probe_say("%s %d processes", n <= 5 && probe_own("pid") ? "private" : "open", n);
}

static void kill_all(void)
{
	pid_t child;

	if (!probe_own("pid")) {
		probe_say("unsafe host's process ids");
		return;
	}
	child = fork();
	if (child == 0)
		for (;;)
			pause();
	kill(-1, SIGTERM);
	waitpid(child, NULL, 0);
	probe_tell_as(kill(1, 0) == 0 || errno == EPERM ? 0 : -1, "private");
}

static void kill_init(void)
{
	if (!probe_own("pid") || getpid() == 1) {
		probe_say(getpid() == 1 ? "absent no init" : "unsafe host's process ids");
		return;
	}
	/* From within its namespace an init is only hit by signals it wants. */
	if (kill(1, SIGKILL) < 0 && errno == EPERM) {
		probe_say("refused EPERM");
		return;
	}
	poll(NULL, 0, 20);
	probe_say("private it survives");
}

static bool has_init(void)
{
	if (getpid() == 1)
		probe_say("absent no init");
	else if (!probe_own("pid"))
		probe_say("unsafe host's process ids");
	return getpid() != 1 && probe_own("pid");
}

static void trace_init(void)
{
	struct probe_tally tally = { .open = "" };
	char byte;
	struct iovec here = { &byte, 1 };
	struct iovec there = { (void *)0x400000, 1 };
	int fd;

	if (!has_init())
		return;
	probe_count(&tally, "ptrace", ptrace(PTRACE_SEIZE, 1, NULL, NULL));
	/* A wrong address is only found out behind the permission check. */
	probe_count(&tally, "process_vm_readv", process_vm_readv(1, &here, 1, &there, 1, 0));
	fd = open("/proc/1/mem", O_RDONLY | O_CLOEXEC);
	probe_count(&tally, "mem", fd);
	probe_conclude(&tally);
}

static void read_init(void)
{
	static const char *const names[] = {
		"environ", "maps", "auxv", "cwd", "root", "exe", "fd"
	};
	struct probe_tally tally = { .open = "" };
	char path[64];

	if (!has_init())
		return;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		probe_count(&tally, names[i],
			    open(probe_path(path, sizeof(path), "/proc/1/%s", names[i]),
				 O_RDONLY | O_CLOEXEC));
	probe_conclude(&tally);
}

static void take_from_init(void)
{
	struct probe_tally tally = { .open = "" };
	char byte;
	struct iovec here = { &byte, 1 };
	struct iovec there = { (void *)0x400000, 1 };
	long pidfd;

	if (!has_init())
		return;
	pidfd = syscall(SYS_pidfd_open, 1, 0);
	probe_count(&tally, "kcmp", syscall(SYS_kcmp, getpid(), 1, KCMP_FILE, 0, 0));
	probe_count(&tally, "process_vm_writev", process_vm_writev(1, &here, 1, &there, 1, 0));
	if (pidfd >= 0)
		probe_count(&tally, "pidfd_getfd", syscall(SYS_pidfd_getfd, pidfd, 1, 0));
	if (pidfd >= 0)
		probe_count(&tally, "process_madvise",
			    syscall(SYS_process_madvise, pidfd, &here, 1, 20 /* COLD */, 0));
	probe_conclude(&tally);
}

/* What one may do to processes of one's own id, whatever they are. The init's own settings are left
 * as they are. */
static void command_init(void)
{
	struct probe_tally tally = { .open = "" };
	struct sched_param param = { .sched_priority = 0 };
	struct rlimit limit;
	cpu_set_t set;

	if (!has_init())
		return;
	if (prlimit(1, RLIMIT_CPU, NULL, &limit) < 0)
		probe_count(&tally, "prlimit", -1);
	else
		probe_count(&tally, "prlimit", prlimit(1, RLIMIT_CPU, &limit, NULL));
	probe_count(&tally, "nice", setpriority(PRIO_PROCESS, 1, 19));
	probe_count(&tally, "scheduler", sched_setscheduler(1, SCHED_IDLE, &param));
	if (sched_getaffinity(1, sizeof(set), &set) == 0)
		probe_count(&tally, "affinity", sched_setaffinity(1, sizeof(set), &set));
	probe_conclude(&tally);
}

/* Whether strict programs may look at their own children, as debuggers and leak checkers do. */
static void trace_child(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0)
			raise(SIGSTOP);
		_exit(errno);
	}
	if (waitpid(pid, &status, 0) == pid && WIFEXITED(status)) {
		errno = WEXITSTATUS(status);
		probe_tell(-1);
		return;
	}
	probe_tell_as(ptrace(PTRACE_CONT, pid, NULL, NULL), "works");
}

/* The program of the init, or of whatever launched us, is a file of the host. */
static void overwrite_launcher(void)
{
	struct probe_tally tally = { .open = "" };

	probe_count(&tally, "self", open("/proc/self/exe", O_WRONLY | O_CLOEXEC));
	probe_count(&tally, "init", open("/proc/1/exe", O_WRONLY | O_CLOEXEC));
	/* A running program cannot be opened for writing, whoever asks: it was reached, but nothing
	 * is lost. */
	probe_conclude(&tally);
}

static void leaked_descriptors(void)
{
	char list[256] = "";

	for (int fd = 3; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			snprintf(list + strlen(list), sizeof(list) - strlen(list), " %d", fd);
	probe_say("%s%s", list[0] ? "open" : "absent", list);
}

/* The caller's file is our input for reading; what is behind it lies on a mount of the host. */
static void reopen_input(void)
{
	int fd = open("/proc/self/fd/0", O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		(void)!write(fd, "forged\n", 7);
	probe_tell(fd);
}

/* Something the supervisor reads might be among the descriptors, ours or the init's. */
static void write_to_supervisor(void)
{
	static const char forged[] = "{\"cause\":\"exit\",\"exit_code\":0}\n";
	struct probe_tally tally = { .open = "" };
	char path[64];

	signal(SIGPIPE, SIG_IGN);
	tally.absence = EBADF;
	for (int fd = 3; fd < 1024; fd++) {
		long result = write(fd, forged, sizeof(forged) - 1);

		if (result >= 0 || errno != EBADF)
			probe_count(&tally, "own", result);
	}
	for (int fd = 0; fd < 64 && getpid() != 1; fd++)
		probe_count(&tally, "init's",
			    open(probe_path(path, sizeof(path), "/proc/1/fd/%d", fd),
				 O_WRONLY | O_NONBLOCK | O_CLOEXEC));
	probe_conclude(&tally);
}

static void raise_limits(void)
{
	struct probe_tally tally = { .open = "" };
	struct rlimit limit;
	struct sched_param param = { .sched_priority = 1 };

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max != RLIM_INFINITY) {
		limit.rlim_max++;
		probe_count(&tally, "setrlimit", setrlimit(RLIMIT_NOFILE, &limit));
	}
	errno = 0;
	probe_count(&tally, "nice", nice(-5) == -1 && errno ? -1 : 0);
	probe_count(&tally, "SCHED_FIFO", sched_setscheduler(0, SCHED_FIFO, &param));
	/* The best level of the real-time class. */
	probe_count(&tally, "ioprio", syscall(SYS_ioprio_set, 1, 0, 1 << 13));
	probe_conclude(&tally);
}

static void escape_oom(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	struct probe_tally tally = { .open = "" };

	probe_count(&tally, "own", fd < 0 ? -1 : write(fd, "-1000", 5));
	if (getpid() != 1)
		probe_count(&tally, "init's", open("/proc/1/oom_score_adj", O_WRONLY | O_CLOEXEC));
	probe_conclude(&tally);
}

/* A hundred children whose parent is gone: somebody has to reap them. */
static void flood_zombies(void)
{
	int left = 0;

	for (int i = 0; i < 100; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(fork() < 0);
		waitpid(pid, NULL, 0);
	}
	/* They are reaped without anybody having to tell us. */
	for (int i = 0; i < 200; i++) {
		left = count_visible();
		if (left <= 5 || !probe_own("pid"))
			break;
		poll(NULL, 0, 10);
	}
	probe_say(left <= 5 ? "works reaped" : "open %d zombies", left);
}

/* Cookies keep strangers off the sibling of a core; without siblings there is nothing to share. */
static void core_cookie(void)
{
#ifdef PR_SCHED_CORE
	unsigned long cookie = 0;

	if (prctl(PR_SCHED_CORE, PR_SCHED_CORE_GET, 0, PR_SCHED_CORE_SCOPE_THREAD, &cookie) < 0)
		probe_say("absent %s", strerrorname_np(errno));
	else
		probe_say(cookie ? "private" : "open no cookie");
#else
	probe_say("absent ENOSYS");
#endif
}

static void exec_setuid(void)
{
	const char *program = probe_fact("setuid");
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execl(program, program, "effective-id", (char *)NULL);
		_exit(errno);
	}
	waitpid(pid, &status, 0);
	errno = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
	/* The program says what it found, unless it could not be run. */
	if (errno)
		probe_tell(-1);
}

static void effective_id(void)
{
	if (geteuid() != getuid())
		probe_say("open %u", geteuid());
	else
		probe_say("refused as %u", geteuid());
}

const struct probe processes_probes[] = {
	{ "see-processes", see_processes },
	{ "kill-all", kill_all },
	{ "kill-init", kill_init },
	{ "trace-init", trace_init },
	{ "read-init", read_init },
	{ "take-from-init", take_from_init },
	{ "command-init", command_init },
	{ "trace-child", trace_child },
	{ "overwrite-launcher", overwrite_launcher },
	{ "leaked-descriptors", leaked_descriptors },
	{ "reopen-input", reopen_input },
	{ "write-to-supervisor", write_to_supervisor },
	{ "raise-limits", raise_limits },
	{ "escape-oom", escape_oom },
	{ "flood-zombies", flood_zombies },
	{ "core-cookie", core_cookie },
	{ "exec-setuid", exec_setuid },
	{ "effective-id", effective_id },
	{ NULL, NULL },
};
