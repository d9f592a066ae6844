// SPDX-License-Identifier: Apache-2.0
/* kernel.c - deeds against the kernel's wide surface: other architectures, keys, programs, rings,
 * filters. */
#include "tests/box/hostile/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

static long other_user(void)
{
	return setuid(12345);
}

static long other_group(void)
{
	return setgid(12345);
}

static long other_groups(void)
{
	static const gid_t groups[] = { 12345 };

	return setgroups(1, groups);
}

static long root_user(void)
{
	return setresuid(0, 0, 0);
}

/* An id that is not mapped is invalid, which is as good a refusal. */
static void change_ids(void)
{
	static const struct {
		const char *name;
		long (*deed)(void);
	} deeds[] = { { "setuid", other_user },
		      { "setgid", other_group },
		      { "setgroups", other_groups },
		      { "root", root_user } };
	struct probe_tally tally = { .open = "" };

	for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++) {
		long result;

		if (strcmp(deeds[i].name, "root") == 0 && getuid() == 0)
			continue;
		result = probe_in_child(deeds[i].deed);
		if (result < 0 && errno == EINVAL)
			errno = EPERM;
		probe_count(&tally, deeds[i].name, result);
	}
	probe_conclude(&tally);
}

/* Calls of the i386 table, by its own gate. */
static long i386_call(long number, long first, long second)
{
#if defined(__x86_64__)
	long result = number;

	__asm__ volatile("int $0x80" : "+a"(result) : "b"(first), "c"(second) : "memory");
	if (result >= 0)
		return result;
	errno = (int)-result;
	return -1;
#else
	(void)number, (void)first, (void)second;
	errno = ENODEV;
	return -1;
#endif
}

static long i386_getpid(void)
{
	return i386_call(20, 0, 0);
}

static void ia32(void)
{
	probe_tell(probe_in_child(i386_getpid));
}

/* socketcall reads its arguments from memory, where no filter sees them; below 4 GiB, as i386 has
 * it. */
static long i386_vsock(void)
{
	uint32_t *args = mmap((void *)0x10000000, 4096, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (args == MAP_FAILED)
		return -1;
	args[0] = AF_VSOCK;
	args[1] = SOCK_STREAM;
	args[2] = 0;
	return i386_call(102, 1, (long)(uintptr_t)args);
}

static void ia32_vsock(void)
{
	probe_tell(probe_in_child(i386_vsock));
}

static long x32_getpid(void)
{
	return syscall(0x40000000 | SYS_getpid);
}

static void x32(void)
{
	probe_tell(probe_in_child(x32_getpid));
}

static void unknown_call(void)
{
	probe_tell(syscall(1000));
}

static void keyring(void)
{
	struct probe_tally tally = { .open = "" };
	const char *word = probe_fact("word");

	/* The session's keyring, so that others of the user would find it. */
	probe_count(&tally, "add_key", syscall(SYS_add_key, "user", word, "x", 1, -4));
	probe_count(&tally, "keyctl", syscall(SYS_keyctl, 0 /* GET_KEYRING_ID */, -4, 0));
	probe_count(&tally, "request_key", syscall(SYS_request_key, "user", word, NULL, 0));
	probe_conclude(&tally);
}

static void load_bpf(void)
{
	union bpf_attr map = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1
	};
	struct probe_tally tally = { .open = "" };

	probe_count(&tally, "map", syscall(SYS_bpf, BPF_MAP_CREATE, &map, sizeof(map)));
	probe_count(&tally, "program", syscall(SYS_bpf, BPF_PROG_LOAD, &map, sizeof(map)));
	probe_conclude(&tally);
}

static long open_perf(int pid, int cpu)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE,
					.size = sizeof(attr),
					.config = PERF_COUNT_SW_TASK_CLOCK,
					.exclude_kernel = 1,
					.exclude_hv = 1 };

	return syscall(SYS_perf_event_open, &attr, pid, cpu, -1, 0);
}

static void perf_self(void)
{
	probe_tell_as(open_perf(0, -1), "works");
}

static void perf_system(void)
{
	probe_tell(open_perf(-1, 0));
}

static void user_faults(void)
{
	probe_tell_as(syscall(SYS_userfaultfd, O_CLOEXEC | 1 /* USER_MODE_ONLY */), "works");
}

static void io_ring(void)
{
	char params[120] = "";

	probe_tell_as(syscall(SYS_io_uring_setup, 2, params), "works");
}

/* Each bit makes attacks on other processes easier, or helps tests: told apart by the caller. */
static void personality_plain(void)
{
	probe_tell_as(personality(0xffffffff) < 0 ? -1 : personality(0), "works");
}

static void personality_layout(void)
{
	probe_tell_as(personality(ADDR_NO_RANDOMIZE), "works");
}

static void personality_exec(void)
{
	struct probe_tally tally = { .open = "" };

	probe_count(&tally, "READ_IMPLIES_EXEC", personality(READ_IMPLIES_EXEC));
	probe_count(&tally, "MMAP_PAGE_ZERO", personality(MMAP_PAGE_ZERO));
	probe_count(&tally, "ADDR_COMPAT_LAYOUT", personality(ADDR_COMPAT_LAYOUT));
	probe_conclude(&tally);
}

static long load_filter(unsigned flags)
{
	static struct sock_filter allow[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
	struct sock_fprog program = { .len = 1, .filter = allow };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

static long own_filter_deed(void)
{
	return load_filter(0);
}

static void own_filter(void)
{
	probe_tell_as(probe_in_child(own_filter_deed), "works");
}

/* A filter of one's own that allows everything takes nothing back. */
static long weaken_deed(void)
{
	return load_filter(0) < 0 ? -1 : syscall(SYS_keyctl, 0, -4, 0);
}

static void weaken(void)
{
	probe_tell(probe_in_child(weaken_deed));
}

static void own_landlock(void)
{
	struct landlock_ruleset_attr attr = { .handled_access_fs = LANDLOCK_ACCESS_FS_EXECUTE };
	long fd = syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);

	if (fd < 0 && (errno == ENOSYS || errno == EOPNOTSUPP))
		probe_say("absent %s", strerrorname_np(errno));
	else
		probe_tell_as(fd, "works");
}

static long listen_deed(void)
{
	return load_filter(SECCOMP_FILTER_FLAG_NEW_LISTENER);
}

static void own_listener(void)
{
	probe_tell_as(probe_in_child(listen_deed), "works");
}

/* The upper half of a register, which the kernel does not read, must not hide the lower one. */
static void smuggle(void)
{
	static const unsigned long high = 0xabcd00000000ull;
	struct probe_tally tally = { .open = "" };
	char byte = 'x';

	probe_count(&tally, "TIOCSTI", syscall(SYS_ioctl, 0, high | TIOCSTI, &byte));
	probe_count(&tally, "TIOCLINUX", syscall(SYS_ioctl, 0, high | TIOCLINUX, &byte));
	probe_count(&tally, "vsock", syscall(SYS_socket, high | AF_VSOCK, SOCK_STREAM, 0));
	probe_count(&tally, "alg", syscall(SYS_socket, high | AF_ALG, SOCK_SEQPACKET, 0));
	probe_conclude(&tally);
}

static long smuggle_user_deed(void)
{
	return syscall(SYS_unshare, 0xabcd00000000ull | CLONE_NEWUSER);
}

static void smuggle_user(void)
{
	probe_tell_as(probe_in_child(smuggle_user_deed), "private");
}

/* Line disciplines are old code of the kernel that a pseudo terminal of one's own reaches. */
static void line_disciplines(void)
{
	static const struct {
		const char *name;
		int number;
	} all[] = { { "slip", 1 },  { "ppp", 3 },  { "hdlc", 13 }, { "gsm", 21 },
		    { "null", 27 }, { "can", 17 }, { "hci", 15 } };
	int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct probe_tally tally = { .open = "" };

	for (size_t i = 0; fd >= 0 && i < sizeof(all) / sizeof(all[0]); i++) {
		long result = ioctl(fd, TIOCSETD, &all[i].number);

		/* The kernel looked for it, in vain. */
		if (result < 0 && errno == EINVAL)
			errno = ENOENT;
		probe_count(&tally, all[i].name, result);
	}
	if (fd < 0)
		probe_tell(-1);
	else
		probe_conclude(&tally);
}

static void type_into_terminal(void)
{
	char byte = 'x';

	probe_tell(ioctl(0, TIOCSTI, &byte));
}

static void paste_into_terminal(void)
{
	char paste[] = { 3 /* PASTE_SELECTION */, 0 };

	probe_tell(ioctl(0, TIOCLINUX, paste));
}

static void memory_exec(void)
{
	void *both = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	probe_tell_as(both == MAP_FAILED ? -1 : 0, "works");
}

const struct probe kernel_probes[] = {
	{ "change-ids", change_ids },
	{ "ia32", ia32 },
	{ "ia32-vsock", ia32_vsock },
	{ "x32", x32 },
	{ "unknown-call", unknown_call },
	{ "keyring", keyring },
	{ "load-bpf", load_bpf },
	{ "perf-self", perf_self },
	{ "perf-system", perf_system },
	{ "user-faults", user_faults },
	{ "io-ring", io_ring },
	{ "personality-plain", personality_plain },
	{ "personality-layout", personality_layout },
	{ "personality-exec", personality_exec },
	{ "own-filter", own_filter },
	{ "weaken", weaken },
	{ "own-landlock", own_landlock },
	{ "own-listener", own_listener },
	{ "smuggle", smuggle },
	{ "smuggle-user", smuggle_user },
	{ "line-disciplines", line_disciplines },
	{ "type-into-terminal", type_into_terminal },
	{ "paste-into-terminal", paste_into_terminal },
	{ "memory-exec", memory_exec },
	{ NULL, NULL },
};
