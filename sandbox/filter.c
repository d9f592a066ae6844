// SPDX-License-Identifier: Apache-2.0
/*
 * filter.c - from profiles.def to a BPF program. The one file that includes libseccomp.
 *
 * libseccomp makes the deny list for the native architecture (any other is killed), in binary-tree
 * form, because the kernel emulates the program for every known number when it is loaded and a
 * linear one takes several times as long. libseccomp 2.5 cannot say "every number above N", so four
 * instructions in front do: they leave foreign architectures and x32 numbers to libseccomp's own
 * check, which kills.
 */
#include "sandbox/filter.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "sandbox/util.h"

/* The highest number the table was written against: file_setattr of Linux 6.17. */
#define PROFILE_LAST_SYSCALL 469

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#else
#error "profiles.def was not checked on this architecture"
#endif
#define X32_BIT 0x40000000u

enum rule_kind { RULE_DENY, RULE_FLAG, RULE_EQUAL };

struct rule {
	enum rule_kind kind;
	const char *name;
	unsigned argument;
	uint32_t value;
	unsigned levels;
	int error;
};

static const struct rule rules[] = {
#define DENY(call, levels, error) { RULE_DENY, #call, 0, 0, levels, error },
#define FLAG(call, argument, bits, levels, error) \
	{ RULE_FLAG, #call, argument, bits, levels, error },
#define EQUAL(call, argument, value, levels, error) \
	{ RULE_EQUAL, #call, argument, value, levels, error },
#include "sandbox/profiles.def"
#undef DENY
#undef FLAG
#undef EQUAL
};

/* libseccomp 2.5 has no name for the youngest call of the table; its number is the same everywhere.
 */
static int resolve(const char *name)
{
	return strcmp(name, "open_tree_attr") == 0 ? 467 : seccomp_syscall_resolve_name(name);
}

static int add_rule(scmp_filter_ctx ctx, const struct rule *rule)
{
	int number = resolve(rule->name);
	uint32_t action = SCMP_ACT_ERRNO((uint16_t)rule->error);
	uint32_t mask = rule->kind == RULE_FLAG ? rule->value : UINT32_MAX;

	if (number == __NR_SCMP_ERROR)
		return -ENOENT;
	/* Negative: a call this architecture does not have. */
	if (number < 0)
		return 0;
	if (rule->kind == RULE_DENY)
		return seccomp_rule_add(ctx, action, number, 0);
	return seccomp_rule_add(ctx, action, number, 1,
				SCMP_CMP(rule->argument, SCMP_CMP_MASKED_EQ, mask, rule->value));
}

static int add_rules(scmp_filter_ctx ctx, enum box_level level)
{
	unsigned bit = 1u << (level - BOX_LEVEL_STRICT);

	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		int r = rules[i].levels & bit ? add_rule(ctx, &rules[i]) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

/* What comes before libseccomp's program: a number nobody knew yet is answered ENOSYS. */
static size_t prologue(struct sock_filter *out)
{
	const struct sock_filter head[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCH, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, PROFILE_LAST_SYSCALL, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
	};

	memcpy(out, head, sizeof(head));
	return ARRAY_LEN(head);
}

/* libseccomp exports to a file; the program is read back from memory. */
static int export(scmp_filter_ctx ctx, struct filter *ret_filter)
{
	AUTO_CLOSE int fd = memfd_create("box-filter", MFD_CLOEXEC);
	struct sock_filter *program;
	struct stat st;
	size_t n;
	int r;

	if (fd < 0)
		return -errno;
	r = seccomp_export_bpf(ctx, fd);
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return -errno;
	program = malloc((size_t)st.st_size + 8 * sizeof(*program));
	if (!program)
		return -ENOMEM;
	n = prologue(program);
	if (pread(fd, program + n, (size_t)st.st_size, 0) != st.st_size) {
		free(program);
		return -EIO;
	}
	ret_filter->program = program;
	ret_filter->n = n + (size_t)st.st_size / sizeof(*program);
	BOX_ASSERT(ret_filter->n <= FILTER_INSNS_MAX);
	return 0;
}

int filter_compile(enum box_level level, struct filter *ret_filter)
{
	scmp_filter_ctx ctx;
	int r;

	BOX_ASSERT(level > BOX_LEVEL_OFF && level < BOX_LEVEL_MAX);
	ctx = seccomp_init(SCMP_ACT_ALLOW);
	if (!ctx)
		return -ENOMEM;
	r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r == 0)
		r = add_rules(ctx, level);
	if (r == 0)
		r = export(ctx, ret_filter);
	seccomp_release(ctx);
	return r;
}

void filter_done(struct filter *filter)
{
	free(filter->program);
	*filter = (struct filter){ 0 };
}

int filter_load(const struct filter *filter)
{
	struct sock_fprog program = { .len = (unsigned short)filter->n, .filter = filter->program };
	/* SPEC_ALLOW: on kernels before 5.16 a filter would turn speculation off and slow
	 * interpreters down. */
	long r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW,
			 &program);

	return r < 0 ? -errno : 0;
}
