// SPDX-License-Identifier: Apache-2.0
/* Each level's program, interpreted over every system call number: what is refused, and how. */
#include "sandbox/filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "tests/kit/bpf.h"

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#else
#define ARCH AUDIT_ARCH_AARCH64
#endif

/* What a call gets, a refusal that is counted like one that is not; *ret_rule is which one, or -1.
 */
static unsigned ask_granted(enum box_level level, unsigned grants, const struct seccomp_data *data,
			    int *ret_rule)
{
	const struct filter *filter = filter_get(level, grants);
	unsigned answer = bpf_run(filter, data);

	*ret_rule = -1;
	if (answer != SECCOMP_RET_USER_NOTIF)
		return answer;
	assert_int_not_equal(level, BOX_LEVEL_PERMISSIVE);
	*ret_rule = filter_find(filter, data);
	assert_true(*ret_rule >= 0);
	return SECCOMP_RET_ERRNO | (unsigned)filter_error(*ret_rule);
}

static unsigned ask(enum box_level level, unsigned arch, int nr, unsigned long long a0,
		    unsigned long long a1)
{
	struct seccomp_data data = { .nr = nr, .arch = arch, .args = { a0, a1 } };
	int rule;

	return ask_granted(level, 0, &data, &rule);
}

#define DENIED(error) (SECCOMP_RET_ERRNO | (error))

static void unknown_numbers_are_unknown(void **state)
{
	(void)state;
	for (int level = BOX_LEVEL_STRICT; level < BOX_LEVEL_MAX; level++) {
		for (int nr = 470; nr < 2000; nr++)
			assert_int_equal(ask((enum box_level)level, ARCH, nr, 0, 0),
					 DENIED(ENOSYS));
		assert_int_equal(ask((enum box_level)level, ARCH, 0x3fffffff, 0, 0),
				 DENIED(ENOSYS));
		assert_int_equal(ask((enum box_level)level, ARCH, SYS_clone3, 0, 0),
				 DENIED(ENOSYS));
	}
}

static void foreign_architectures_die(void **state)
{
	(void)state;
	for (int level = BOX_LEVEL_STRICT; level < BOX_LEVEL_MAX; level++) {
		assert_int_equal(ask((enum box_level)level, AUDIT_ARCH_I386, 20, 0, 0),
				 SECCOMP_RET_KILL_PROCESS);
		assert_int_equal(ask((enum box_level)level, AUDIT_ARCH_ARM, 20, 0, 0),
				 SECCOMP_RET_KILL_PROCESS);
		if (ARCH == AUDIT_ARCH_X86_64)
			assert_int_equal(ask((enum box_level)level, ARCH, 0x40000000 | 39, 0, 0),
					 SECCOMP_RET_KILL_PROCESS);
	}
}

static void everyday_calls_pass(void **state)
{
	static const int calls[] = { SYS_read,	 SYS_write, SYS_execve,	   SYS_futex,
				     SYS_openat, SYS_mmap,  SYS_getrandom, SYS_rseq,
				     SYS_statx,	 SYS_wait4, SYS_prctl };

	(void)state;
	for (int level = BOX_LEVEL_STRICT; level < BOX_LEVEL_MAX; level++)
		for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
			assert_int_equal(ask((enum box_level)level, ARCH, calls[i], 0, 0),
					 SECCOMP_RET_ALLOW);
}

static void levels_differ_as_documented(void **state)
{
	static const struct {
		int nr;
		unsigned strict, by_default, permissive;
	} table[] = {
		{ SYS_mount, DENIED(EPERM), DENIED(EPERM), SECCOMP_RET_ALLOW },
		{ SYS_ptrace, DENIED(EPERM), SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW },
		{ SYS_io_uring_setup, DENIED(EPERM), DENIED(EPERM), SECCOMP_RET_ALLOW },
		{ SYS_bpf, DENIED(EPERM), DENIED(EPERM), DENIED(EPERM) },
		{ SYS_keyctl, DENIED(EPERM), DENIED(EPERM), DENIED(EPERM) },
		{ 467 /* open_tree_attr */, DENIED(EPERM), DENIED(EPERM), SECCOMP_RET_ALLOW },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(ask(BOX_LEVEL_STRICT, ARCH, table[i].nr, 0, 0), table[i].strict);
		assert_int_equal(ask(BOX_LEVEL_DEFAULT, ARCH, table[i].nr, 0, 0),
				 table[i].by_default);
		assert_int_equal(ask(BOX_LEVEL_PERMISSIVE, ARCH, table[i].nr, 0, 0),
				 table[i].permissive);
	}
}

static void arguments_are_compared_on_their_width(void **state)
{
	static const unsigned long long high[] = { 0, 1ull << 32, 0xffffffff00000000ull };

	(void)state;
	for (size_t i = 0; i < sizeof(high) / sizeof(high[0]); i++) {
		assert_int_equal(ask(BOX_LEVEL_DEFAULT, ARCH, SYS_ioctl, 0, high[i] | TIOCSTI),
				 DENIED(EPERM));
		assert_int_equal(ask(BOX_LEVEL_DEFAULT, ARCH, SYS_ioctl, 0, high[i] | TIOCGWINSZ),
				 SECCOMP_RET_ALLOW);
		assert_int_equal(ask(BOX_LEVEL_DEFAULT, ARCH, SYS_socket, high[i] | AF_VSOCK, 0),
				 DENIED(EAFNOSUPPORT));
		assert_int_equal(ask(BOX_LEVEL_DEFAULT, ARCH, SYS_socket, high[i] | AF_INET, 0),
				 SECCOMP_RET_ALLOW);
		assert_int_equal(ask(BOX_LEVEL_DEFAULT, ARCH, SYS_clone,
				     high[i] | CLONE_NEWUSER | CLONE_VM, 0),
				 DENIED(EPERM));
		assert_int_equal(ask(BOX_LEVEL_DEFAULT, ARCH, SYS_clone,
				     high[i] | CLONE_VM | CLONE_THREAD, 0),
				 SECCOMP_RET_ALLOW);
	}
}

static void a_grant_lifts_its_refusals_only(void **state)
{
	struct seccomp_data ring = { .nr = SYS_io_uring_setup, .arch = ARCH };
	struct seccomp_data space = { .nr = SYS_unshare, .arch = ARCH, .args = { CLONE_NEWUSER } };
	struct seccomp_data key = { .nr = SYS_keyctl, .arch = ARCH };
	int rule;

	(void)state;
	for (int level = BOX_LEVEL_STRICT; level <= BOX_LEVEL_DEFAULT; level++) {
		enum box_level l = (enum box_level)level;

		assert_int_equal(ask_granted(l, BOX_GRANT_IO_URING, &ring, &rule),
				 SECCOMP_RET_ALLOW);
		assert_int_equal(ask_granted(l, BOX_GRANT_IO_URING, &space, &rule), DENIED(EPERM));
		assert_int_equal(ask_granted(l, BOX_GRANT_USERNS, &space, &rule),
				 SECCOMP_RET_ALLOW);
		assert_int_equal(ask_granted(l, BOX_GRANT_ALL, &key, &rule), DENIED(EPERM));
	}
}

static void a_refusal_names_the_call_and_its_cure(void **state)
{
	static const struct {
		struct seccomp_data data;
		const char *call;
		enum box_grant grant;
		enum box_level level;
	} table[] = {
		{ { .nr = SYS_keyctl }, "keyctl", 0, BOX_LEVEL_OFF },
		{ { .nr = SYS_io_uring_setup },
		  "io_uring_setup",
		  BOX_GRANT_IO_URING,
		  BOX_LEVEL_PERMISSIVE },
		{ { .nr = SYS_socket, .args = { AF_PACKET } },
		  "socket AF_PACKET",
		  0,
		  BOX_LEVEL_PERMISSIVE },
		{ { .nr = SYS_socket, .args = { 39 } },
		  "socket of a rare family",
		  0,
		  BOX_LEVEL_PERMISSIVE },
		{ { .nr = SYS_sethostname }, "sethostname", 0, BOX_LEVEL_DEFAULT },
		{ { .nr = SYS_socket, .args = { AF_NETLINK, 0, 9 } },
		  "socket NETLINK_AUDIT",
		  0,
		  BOX_LEVEL_DEFAULT },
		{ { .nr = SYS_setpriority, .args = { 0, 1 } },
		  "setpriority 1",
		  BOX_GRANT_USERNS,
		  BOX_LEVEL_PERMISSIVE },
		{ { .nr = SYS_clone, .args = { CLONE_NEWUSER } },
		  "clone CLONE_NEWUSER",
		  BOX_GRANT_USERNS,
		  BOX_LEVEL_PERMISSIVE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct seccomp_data data = table[i].data;
		struct box_refusal refusal = { .count = 0 };
		int rule;

		data.arch = ARCH;
		ask_granted(BOX_LEVEL_STRICT, 0, &data, &rule);
		filter_describe(rule, 1, &refusal);
		assert_string_equal(refusal.call, table[i].call);
		assert_int_equal(refusal.grant, table[i].grant);
		assert_int_equal(refusal.level, table[i].level);
	}
}

static void personality_may_be_asked(void **state)
{
	static const unsigned long long harmless[] = { 0, 8, 0xffffffff, 0xffffffffffffffff };
	static const unsigned long long harmful[] = { 0x0400000, 0x0100000, 0x0200000, 0xfffffffe };

	(void)state;
	for (int level = BOX_LEVEL_STRICT; level <= BOX_LEVEL_DEFAULT; level++) {
		enum box_level l = (enum box_level)level;

		for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
			assert_int_equal(ask(l, ARCH, SYS_personality, harmless[i], 0),
					 SECCOMP_RET_ALLOW);
		for (size_t i = 0; i < sizeof(harmful) / sizeof(harmful[0]); i++)
			assert_int_equal(ask(l, ARCH, SYS_personality, harmful[i], 0),
					 DENIED(EPERM));
		assert_int_equal(ask(l, ARCH, SYS_personality, 0x0040000, 0),
				 l == BOX_LEVEL_STRICT ? DENIED(EPERM) : SECCOMP_RET_ALLOW);
	}
}

static void only_plain_socket_families_pass(void **state)
{
	(void)state;
	for (int family = 0; family < 64; family++) {
		bool plain = family == AF_UNSPEC || family == AF_UNIX || family == AF_INET ||
			     family == AF_INET6 || family == AF_NETLINK;
		/* Bridge, DECnet, NETBEUI and SECURITY cannot be opened on any kernel of today. */
		bool dead = family == AF_BRIDGE || (family >= AF_DECnet && family <= AF_SECURITY);

		if (!dead)
			assert_int_equal(ask(BOX_LEVEL_DEFAULT, ARCH, SYS_socket, (unsigned)family,
					     0) == SECCOMP_RET_ALLOW,
					 plain);
	}
}

/* Both arguments, each on its half: another family's protocol of the same number is none of it. */
static void netlink_is_for_routes(void **state)
{
	static const struct {
		enum box_level level;
		unsigned grants;
		const char *passes; /* protocols, one character each from 'a' */
	} table[] = { { BOX_LEVEL_STRICT, 0, "abcdnop" },
		      { BOX_LEVEL_DEFAULT, 0, "abcdejmnopq" },
		      { BOX_LEVEL_DEFAULT, BOX_GRANT_USERNS, "abcdegjmnopq" } };

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		for (int protocol = 0; protocol < 32; protocol++) {
			struct seccomp_data link = { .nr = SYS_socket, .arch = ARCH };
			int rule;
			bool passes = strchr(table[i].passes, 'a' + protocol) != NULL;

			link.args[0] = AF_NETLINK | 1ull << 40;
			link.args[2] = (unsigned)protocol | 1ull << 32;
			if (ask_granted(table[i].level, table[i].grants, &link, &rule) !=
			    (passes ? SECCOMP_RET_ALLOW : DENIED(EPROTONOSUPPORT)))
				fail_msg("protocol %d of netlink at %s", protocol,
					 box_level_name(table[i].level));
			for (int family = 0; family <= AF_INET6; family++) {
				link.args[0] = (unsigned)family;
				if (family != AF_AX25 && (family < AF_IPX || family > AF_X25))
					assert_int_equal(ask_granted(table[i].level, 0, &link,
								     &rule),
							 SECCOMP_RET_ALLOW);
			}
		}
}

/* The allow-list of level strict, call by call: what is not in the file is refused. */
static void strict_allows_what_is_listed(void **state)
{
	bool listed[470] = { false };
	char path[4096], line[128];
	const char *source = getenv("PADDOCK_SOURCE");
	FILE *file;

	(void)state;
	if (ARCH != AUDIT_ARCH_X86_64)
		skip();
	snprintf(path, sizeof(path), "%s/tests/unit/sandbox/strict.allowed", source ? source : ".");
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		char *end;
		unsigned long nr = strtoul(line, &end, 10);

		assert_true(line[0] == '#' || (end > line && nr < 470));
		if (line[0] != '#')
			listed[nr] = true;
	}
	fclose(file);
	/* 335 to 423 are no calls. */
	for (int nr = 0; nr < 470; nr++)
		if (nr < 335 || nr > 423)
			if ((ask(BOX_LEVEL_STRICT, ARCH, nr, 0, 0) == SECCOMP_RET_ALLOW) !=
			    listed[nr])
				fail_msg("call %d: listed %d", nr, listed[nr]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unknown_numbers_are_unknown),
		cmocka_unit_test(foreign_architectures_die),
		cmocka_unit_test(everyday_calls_pass),
		cmocka_unit_test(levels_differ_as_documented),
		cmocka_unit_test(arguments_are_compared_on_their_width),
		cmocka_unit_test(a_grant_lifts_its_refusals_only),
		cmocka_unit_test(a_refusal_names_the_call_and_its_cure),
		cmocka_unit_test(personality_may_be_asked),
		cmocka_unit_test(only_plain_socket_families_pass),
		cmocka_unit_test(netlink_is_for_routes),
		cmocka_unit_test(strict_allows_what_is_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
