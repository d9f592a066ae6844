// SPDX-License-Identifier: Apache-2.0
/* Each level's program, interpreted over every system call number: what is refused, and how. */
#include "sandbox/filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cmocka.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#else
#define ARCH AUDIT_ARCH_AARCH64
#endif

/* Classic BPF as the kernel runs it, for the instructions filters are made of. */
static unsigned run(const struct filter *filter, const struct seccomp_data *data)
{
	const struct sock_filter *code = filter->program;
	unsigned a = 0;

	for (size_t pc = 0; pc < filter->n; pc++) {
		const struct sock_filter *i = &code[pc];
		int taken = 0;

		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS: memcpy(&a, (const char *)data + i->k, 4); continue;
		case BPF_ALU | BPF_AND | BPF_K: a &= i->k; continue;
		case BPF_RET | BPF_K: return i->k;
		case BPF_JMP | BPF_JA: pc += i->k; continue;
		case BPF_JMP | BPF_JEQ | BPF_K: taken = a == i->k; break;
		case BPF_JMP | BPF_JGE | BPF_K: taken = a >= i->k; break;
		case BPF_JMP | BPF_JGT | BPF_K: taken = a > i->k; break;
		default: fail_msg("instruction %zu: code 0x%x", pc, i->code);
		}
		pc += taken ? i->jt : i->jf;
	}
	fail_msg("ran off the end");
	return 0;
}

static unsigned ask(enum box_level level, unsigned arch, int nr, unsigned long long a0,
		    unsigned long long a1)
{
	static struct filter filters[BOX_LEVEL_MAX];
	struct seccomp_data data = { .nr = nr, .arch = arch, .args = { a0, a1 } };

	if (!filters[level].program)
		assert_int_equal(filter_compile(level, &filters[level]), 0);
	return run(&filters[level], &data);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unknown_numbers_are_unknown),
		cmocka_unit_test(foreign_architectures_die),
		cmocka_unit_test(everyday_calls_pass),
		cmocka_unit_test(levels_differ_as_documented),
		cmocka_unit_test(arguments_are_compared_on_their_width),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
