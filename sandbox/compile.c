// SPDX-License-Identifier: Apache-2.0
/*
 * compile.c - from profiles.def to BPF programs. The one file that includes libseccomp.
 *
 * It runs when paddock-box is built: libseccomp takes longer for one program than the rest of a
 * start, and what is not in the privileged program cannot fail there.
 *
 * libseccomp makes the deny list for the native architecture (any other is killed), in binary-tree
 * form, because the kernel emulates the program for every known number when it is loaded and a
 * linear one takes several times as long. What it cannot say (libseccomp 2.5) stands in front:
 * every number above N answers ENOSYS, and personality(0xffffffff), which only asks, passes though
 * all its flags are set. Foreign architectures and x32 numbers are left to libseccomp's own check,
 * which kills.
 */
#include "sandbox/compile.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "sandbox/rules.h"

/* The highest number the table was written against: file_setattr of Linux 6.17. */
#define PROFILE_LAST_SYSCALL 469

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#else
#error "profiles.def was not checked on this architecture"
#endif
#define X32_BIT 0x40000000u

/* Those libseccomp 2.5 has no name for; their numbers are the same everywhere. */
static const struct {
	const char *name;
	int number;
} young[] = {
	{ "fchmodat2", 452 },	      { "statmount", 457 },	    { "listmount", 458 },
	{ "lsm_get_self_attr", 459 }, { "lsm_set_self_attr", 460 }, { "lsm_list_modules", 461 },
	{ "open_tree_attr", 467 },
};

int compile_number(const char *name)
{
	int number = seccomp_syscall_resolve_name(name);

	for (size_t i = 0; i < ARRAY_LEN(young); i++)
		if (strcmp(young[i].name, name) == 0)
			return young[i].number;
	BOX_ASSERT(number != __NR_SCMP_ERROR);
	return number;
}

static int add_rule(scmp_filter_ctx ctx, const struct rule *rule, enum box_level level)
{
	bool counted = level != BOX_LEVEL_PERMISSIVE && rule->error != ENOSYS;
	uint32_t action = counted ? SCMP_ACT_NOTIFY : SCMP_ACT_ERRNO((uint16_t)rule->error);
	int number = compile_number(rule->name);
	const struct scmp_arg_cmp tests[] = {
		SCMP_CMP(rule->argument, SCMP_CMP_MASKED_EQ, rule->mask, rule->value),
		SCMP_CMP(0, SCMP_CMP_MASKED_EQ, UINT32_MAX, rule->family),
	};

	if (number < 0)
		return 0;
	return seccomp_rule_add_array(ctx, action, number, rule->family ? 2 : rule->mask != 0,
				      tests);
}

/* What comes before libseccomp's program; the numbers behind jumps count instructions. */
static size_t prologue(struct sock_filter *out)
{
	const struct sock_filter head[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCH, 0, 8),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 6, 0),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, PROFILE_LAST_SYSCALL, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_personality, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, UINT32_MAX, 1, 2),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	memcpy(out, head, sizeof(head));
	return ARRAY_LEN(head);
}

/* libseccomp exports to a file; the program is read back from memory. */
static int export(scmp_filter_ctx ctx, struct sock_filter **ret_program, size_t *ret_n)
{
	AUTO_CLOSE int fd = memfd_create("filter", MFD_CLOEXEC);
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
	program = malloc((size_t)st.st_size + 16 * sizeof(*program));
	if (!program)
		return -ENOMEM;
	n = prologue(program);
	if (pread(fd, program + n, (size_t)st.st_size, 0) != st.st_size) {
		free(program);
		return -EIO;
	}
	*ret_program = program;
	*ret_n = n + (size_t)st.st_size / sizeof(*program);
	BOX_ASSERT(*ret_n <= COMPILE_INSNS_MAX);
	return 0;
}

int compile_filter(enum box_level level, unsigned grants, struct sock_filter **ret_program,
		   size_t *ret_n)
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
	for (size_t i = 0; i < ARRAY_LEN(rules) && r == 0; i++)
		if (rules_apply(&rules[i], level, grants))
			r = add_rule(ctx, &rules[i], level);
	if (r == 0)
		r = export(ctx, ret_program, ret_n);
	seccomp_release(ctx);
	return r;
}
