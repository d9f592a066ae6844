// SPDX-License-Identifier: Apache-2.0
/* limits.c - deeds that take all there is of something: processes, memory, files, kernel objects.
 */
#include "tests/box/hostile/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MANY = 5000 };

static long number(const char *fact, long otherwise)
{
	const char *text = probe_fact(fact);

	return *text ? strtol(text, NULL, 10) : otherwise;
}

static void *wait_for_ever(void *argument)
{
	(void)argument;
	for (;;)
		pause();
	return NULL;
}

/* All of them live until we end, and no longer. */
static void fork_bomb(void)
{
	static pid_t children[MANY];
	long n, many = number("many", MANY);
	int error = 0;

	for (n = 0; n < many && n < MANY && !error; n++) {
		children[n] = fork();
		if (children[n] == 0)
			wait_for_ever(NULL);
		error = children[n] < 0 ? errno : 0;
	}
	for (long i = 0; i < n; i++)
		if (children[i] > 0)
			kill(children[i], SIGKILL);
	for (long i = 0; i < n; i++)
		if (children[i] > 0)
			waitpid(children[i], NULL, 0);
	if (error)
		probe_say("refused %s at %ld", strerrorname_np(error), n);
	else
		probe_say("open %ld", n);
}

static void thread_storm(void)
{
	long n, many = number("many", MANY);
	pthread_attr_t attributes;
	int error = 0;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 16384);
	for (n = 0; n < many && !error; n++) {
		pthread_t thread;

		error = pthread_create(&thread, &attributes, wait_for_ever, NULL);
	}
	if (error)
		probe_say("refused %s at %ld", strerrorname_np(error), n);
	else
		probe_say("open %ld", n);
}

static long grow(void)
{
	size_t bytes = (size_t)number("megabytes", 512) << 20;
	char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			    0);

	if (memory == MAP_FAILED)
		return -1;
	for (size_t i = 0; i < bytes; i += 4096)
		memory[i] = 1;
	return 0;
}

static void memory_bomb(void)
{
	probe_tell(probe_in_child(grow));
}

/* Many small processes: the victim the kernel chooses must not be the init. The first death is news
 * enough. */
static void memory_herd(void)
{
	for (int i = 0; i < 20; i++)
		if (fork() == 0) {
			grow();
			wait_for_ever(NULL);
		}
	wait(NULL);
	probe_say("open");
}

/* Pages that belong to nobody's address space. */
static long fill_pipes(void)
{
	static char page[65536];
	long bytes = 0, limit = number("megabytes", 512) << 20;

	while (bytes < limit) {
		int ends[2];
		ssize_t n;

		if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
			return -1;
		fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
		while ((n = write(ends[1], page, sizeof(page))) > 0)
			bytes += n;
		if (errno != EAGAIN)
			return -1;
	}
	return 0;
}

static void kernel_memory(void)
{
	probe_tell(probe_in_child(fill_pipes));
}

static long fill_folder(const char *folder)
{
	static char block[1 << 16];
	long bytes = 0, limit = number("megabytes", 512) << 20;
	char path[256];
	int fd = open(probe_path(path, sizeof(path), "%s/%s", folder, probe_fact("word")),
		      O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ssize_t n = fd;

	while (n >= 0 && bytes < limit) {
		n = write(fd, block, sizeof(block));
		bytes += n;
	}
	if (n < 0) {
		int error = errno;

		unlink(path);
		errno = error;
		return -1;
	}
	unlink(path);
	return 0;
}

static void fill_private(void)
{
	struct probe_tally tally = { .open = "" };

	probe_count(&tally, "/tmp", fill_folder("/tmp"));
	probe_count(&tally, "/dev/shm", fill_folder("/dev/shm"));
	probe_count(&tally, "/var/tmp", fill_folder("/var/tmp"));
	probe_conclude(&tally);
}

/* Names cost memory of the kernel even when the files are empty. */
static void inode_bomb(void)
{
	long n, limit = number("inodes", 80000);
	char path[64];
	int error = 0;

	if (mkdir("/tmp/inodes", 0700) < 0) {
		probe_tell(-1);
		return;
	}
	for (n = 0; n < limit && !error; n++)
		if (mknod(probe_path(path, sizeof(path), "/tmp/inodes/%ld", n), S_IFREG | 0600, 0) <
		    0)
			error = errno;
	if (error)
		probe_say("%s %s", probe_class(error), strerrorname_np(error));
	else
		probe_say("open %ld", n);
	/* Who knows whose /tmp it was. */
	for (long i = 0; i < n; i++)
		unlink(probe_path(path, sizeof(path), "/tmp/inodes/%ld", i));
	rmdir("/tmp/inodes");
}

static void sparse_file(void)
{
	char path[64];
	int fd = open(probe_path(path, sizeof(path), "/tmp/%s", probe_fact("word")),
		      O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	struct probe_tally tally = { .open = "" };

	signal(SIGXFSZ, SIG_IGN);
	probe_count(&tally, "truncate", ftruncate(fd, 1l << 40));
	probe_count(&tally, "fallocate", fallocate(fd, 0, 0, 1l << 40));
	unlink(path);
	probe_conclude(&tally);
}

static void lock_memory(void)
{
	size_t bytes = 256 << 20;
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			    0);
	struct probe_tally tally = { .open = "" };

	probe_count(&tally, "mlock", memory == MAP_FAILED ? -1 : mlock(memory, bytes));
	probe_count(&tally, "mlockall",
		    mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0 ? -1 : 0);
	munlockall();
	probe_conclude(&tally);
}

static void huge_pages(void)
{
	struct probe_tally tally = { .open = "" };
	void *memory = mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

	probe_count(&tally, "mmap", memory == MAP_FAILED ? -1 : 0);
	probe_count(&tally, "shm", shmget(IPC_PRIVATE, 64 << 20, SHM_HUGETLB | IPC_CREAT | 0600));
	probe_conclude(&tally);
}

/* Made here, they must not be there outside; the caller has its own under `hostkey`. */
static void leave_ipc(void)
{
	key_t key = (key_t)number("key", 0x686f7374);
	key_t theirs = (key_t)number("hostkey", 0);
	struct probe_tally tally = { .open = "" };
	char name[80];

	if (theirs && shmget(theirs, 1, 0) >= 0) {
		probe_say("open host's segments");
		return;
	}
	if (!probe_own("ipc")) {
		probe_say("unsafe host's ipc");
		return;
	}
	probe_count(&tally, "shm", shmget(key, 4096, IPC_CREAT | 0666));
	probe_count(&tally, "msg", msgget(key, IPC_CREAT | 0666));
	probe_count(&tally, "sem", semget(key, 1, IPC_CREAT | 0666));
	probe_count(&tally, "mq",
		    mq_open(probe_path(name, sizeof(name), "/%s", probe_fact("word")),
			    O_RDWR | O_CREAT, 0600, NULL));
	if (tally.open[0])
		probe_say("private %s", tally.open);
	else
		probe_conclude(&tally);
}

static long take_queues(long limit)
{
	static long number;
	long n;
	char name[80];

	for (n = 0; n < limit; n++)
		if (mq_open(probe_path(name, sizeof(name), "/%s-%ld", probe_fact("word"), number++),
			    O_RDWR | O_CREAT, 0600, NULL) < 0)
			break;
	return n;
}

static long take_watchers(long limit)
{
	long n;

	for (n = 0; n < limit; n++)
		if (inotify_init1(IN_CLOEXEC) < 0)
			break;
	return n;
}

static long take_pipe_pages(long limit)
{
	long n;

	for (n = 0; n < limit; n++) {
		int ends[2];

		if (pipe2(ends, O_CLOEXEC) < 0 || fcntl(ends[1], F_SETPIPE_SZ, 1 << 20) < 1 << 20)
			break;
	}
	return n;
}

static long take_locked_memory(long limit)
{
	long n;

	for (n = 0; n < limit; n++)
		if (mlock(mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			       -1, 0),
			  1 << 20) < 0)
			break;
	return n;
}

/*
 * Terminals and asynchronous requests are counted for the whole machine (4096 and 65536 as a rule),
 * so nobody may have many. A quarter is enough to show it.
 */
static void take_machine(void)
{
	struct probe_tally tally = { .open = "" };
	struct rlimit limit;
	long n, result = 0;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	for (n = 0; n < 1000 && result >= 0; n++)
		result = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	probe_count(&tally, "terminals", result);
	for (n = 0, result = 0; n < 64 && result >= 0; n++) {
		unsigned long context = 0;

		result = syscall(SYS_io_setup, 256, &context);
	}
	probe_count(&tally, "requests", result);
	probe_conclude(&tally);
}

/*
 * Takes what the kernel gives to one user, says so, and stays. What others give back meanwhile, it
 * takes as well: dead sandboxes are freed in the kernel's own time.
 */
static void take_quotas(void)
{
	long queues = 0, watchers = 0, pipes = 0, locked = 0;

	for (int round = 0;; round++) {
		queues += take_queues(1000);
		watchers += take_watchers(1000);
		pipes += take_pipe_pages(200);
		locked += take_locked_memory(16);
		if (round == 5)
			probe_say("taken queues=%ld watchers=%ld pipes=%ld locked=%ld", queues,
				  watchers, pipes, locked);
		poll(NULL, 0, 10);
	}
}

/* What a modest test asks for; another sandbox must have left it. */
static void need_buffers(void)
{
	bool queues = take_queues(2) == 2, pipes = take_pipe_pages(2) == 2;
	char name[80];

	for (int i = 0; i < 2; i++)
		mq_unlink(probe_path(name, sizeof(name), "/%s-%d", probe_fact("word"), i));
	probe_say("%s%s%s", queues && pipes ? "works" : "broken", queues ? "" : " queues",
		  pipes ? "" : " pipes");
}

static void need_quotas(void)
{
	bool watchers = take_watchers(4) == 4, locked = take_locked_memory(2) == 2;

	probe_say("%s%s%s", watchers && locked ? "works" : "broken", watchers ? "" : " watchers",
		  locked ? "" : " locked");
}

static void take_descriptors(void)
{
	struct probe_tally tally = { .open = "" };
	long n;

	for (n = 0; n < 2000000; n++)
		if (open("/dev/null", O_RDONLY | O_CLOEXEC) < 0)
			break;
	probe_count(&tally, "files", n < 2000000 ? -1 : 0);
	probe_conclude(&tally);
}

static long crash(void)
{
	signal(SIGSEGV, SIG_DFL);
	raise(SIGSEGV);
	return 0;
}

static void dump_core(void)
{
	struct rlimit limit = { 0, 0 };
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit((int)crash());
	waitpid(pid, &status, 0);
	limit.rlim_cur = limit.rlim_max = RLIM_INFINITY;
	if (WCOREDUMP(status))
		probe_say("open core");
	else
		probe_tell(setrlimit(RLIMIT_CORE, &limit));
}

static void leave_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	probe_tell_as(sched_setaffinity(0, sizeof(set), &set), "works");
}

const struct probe limits_probes[] = {
	{ "fork-bomb", fork_bomb },
	{ "thread-storm", thread_storm },
	{ "memory-bomb", memory_bomb },
	{ "memory-herd", memory_herd },
	{ "kernel-memory", kernel_memory },
	{ "fill-private", fill_private },
	{ "inode-bomb", inode_bomb },
	{ "sparse-file", sparse_file },
	{ "lock-memory", lock_memory },
	{ "huge-pages", huge_pages },
	{ "leave-ipc", leave_ipc },
	{ "take-quotas", take_quotas },
	{ "need-buffers", need_buffers },
	{ "need-quotas", need_quotas },
	{ "take-machine", take_machine },
	{ "take-descriptors", take_descriptors },
	{ "dump-core", dump_core },
	{ "leave-cpu", leave_cpu },
	{ NULL, NULL },
};
