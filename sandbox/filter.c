// SPDX-License-Identifier: Apache-2.0
/*
 * filter.c - from profiles.def to a BPF program. The one file that includes libseccomp.
 *
 * libseccomp makes the deny list for the native architecture (any other is killed), in binary-tree
 * form, because the kernel emulates the program for every known number when it is loaded and a
 * linear one takes several times as long. What it cannot say (libseccomp 2.5) stands in front:
 * every number above N answers ENOSYS, and personality(0xffffffff), which only asks, passes though
 * all its flags are set. Foreign architectures and x32 numbers are left to libseccomp's own check,
 * which kills.
 *
 * A refused call is answered by init, which counts it: the kernel hands it over (user notification,
 * 3 to 20 us) instead of failing it itself. The answer never lets a call through. Permissive has
 * plain refusals, so that a test can be such a supervisor itself: there can be one per process.
 *
 * Programs without grants are made when paddock-box is built (precompile.c, which is this file once
 * more): libseccomp takes longer for one than the rest of a start.
 */
#include "sandbox/filter.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "sandbox/util.h"

/* The highest number the table was written against: file_setattr of Linux 6.17. */
#define PROFILE_LAST_SYSCALL 469

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1ul << 5)
#endif
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

struct rule {
	const char *name;
	const char *what; /* which calls, when not all */
	unsigned argument;
	uint32_t mask; /* of the argument's low half; 0: the whole call */
	uint32_t value;
	uint32_t family; /* which the first argument must be, too; 0: any */
	unsigned levels;
	int error;
	unsigned grant;
};

static const struct rule rules[] = {
#define DENY(call, levels, error, grant) { #call, "", 0, 0, 0, 0, levels, error, grant },
#define FLAG(call, argument, bits, levels, error, grant) \
	{ #call, " " #bits, argument, bits, bits, 0, levels, error, grant },
#define EQUAL(call, argument, value, levels, error, grant) \
	{ #call, " " #value, argument, UINT32_MAX, value, 0, levels, error, grant },
#define NETLINK(protocol, levels, grant)                                     \
	{ "socket", " " #protocol,   2,	   UINT32_MAX, protocol, AF_NETLINK, \
	  levels,   EPROTONOSUPPORT, grant },
#define RARELINK(bits, levels) \
	{ "socket", " of a rare netlink", 2, bits, bits, AF_NETLINK, levels, EPROTONOSUPPORT, 0 },
#define MODE(call, argument)                       \
	FLAG(call, argument, S_ISUID, 1, EPERM, 0) \
	FLAG(call, argument, S_ISGID, 1, EPERM, 0)
#define RARE(bits, levels) \
	{ "socket", " of a rare family", 0, bits, bits, 0, levels, EAFNOSUPPORT, 0 },
#include "sandbox/profiles.def"
};

#ifdef FILTER_READY
/* ready_numbers, and ready[] by level */
#include FILTER_READY
static int numbers[ARRAY_LEN(ready_numbers)];
_Static_assert(ARRAY_LEN(ready_numbers) == ARRAY_LEN(rules), "made of another table");
#else
static int numbers[ARRAY_LEN(rules)]; /* of their calls, once there is a filter */
#endif

/* Those libseccomp 2.5 has no name for; their numbers are the same everywhere. */
static const struct {
	const char *name;
	int number;
} young[] = {
	{ "fchmodat2", 452 },	      { "statmount", 457 },	    { "listmount", 458 },
	{ "lsm_get_self_attr", 459 }, { "lsm_set_self_attr", 460 }, { "lsm_list_modules", 461 },
	{ "open_tree_attr", 467 },
};

static int resolve(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(young); i++)
		if (strcmp(young[i].name, name) == 0)
			return young[i].number;
	return seccomp_syscall_resolve_name(name);
}

static unsigned level_bit(enum box_level level)
{
	return 1u << (level - BOX_LEVEL_STRICT);
}

static bool applies(const struct filter *filter, const struct rule *rule)
{
	return (rule->levels & level_bit(filter->level)) && !(rule->grant & filter->grants);
}

static bool is_counted(const struct filter *filter, const struct rule *rule)
{
	return filter->level != BOX_LEVEL_PERMISSIVE && rule->error != ENOSYS;
}

static int add_rule(scmp_filter_ctx ctx, const struct filter *filter, size_t i)
{
	const struct rule *rule = &rules[i];
	uint32_t action = is_counted(filter, rule) ? SCMP_ACT_NOTIFY
						   : SCMP_ACT_ERRNO((uint16_t)rule->error);
	const struct scmp_arg_cmp tests[] = {
		SCMP_CMP(rule->argument, SCMP_CMP_MASKED_EQ, rule->mask, rule->value),
		SCMP_CMP(0, SCMP_CMP_MASKED_EQ, UINT32_MAX, rule->family),
	};

	numbers[i] = resolve(rule->name);
	if (numbers[i] == __NR_SCMP_ERROR)
		return -ENOENT;
	/* Negative: a call this architecture does not have. */
	if (numbers[i] < 0 || !applies(filter, rule))
		return 0;
	return seccomp_rule_add_array(ctx, action, numbers[i], rule->family ? 2 : rule->mask != 0,
				      tests);
}

static int add_rules(scmp_filter_ctx ctx, const struct filter *filter)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(rules) && r == 0; i++)
		r = add_rule(ctx, filter, i);
	return r;
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
	program = malloc((size_t)st.st_size + 16 * sizeof(*program));
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

int filter_compile(struct filter *filter, enum box_level level, unsigned grants)
{
	scmp_filter_ctx ctx;
	int r;

	BOX_ASSERT(level > BOX_LEVEL_OFF && level < BOX_LEVEL_MAX);
	filter_done(filter);
	filter->level = level;
	filter->grants = grants;
	ctx = seccomp_init(SCMP_ACT_ALLOW);
	if (!ctx)
		return -ENOMEM;
	r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r == 0)
		r = add_rules(ctx, filter);
	if (r == 0)
		r = export(ctx, filter);
	seccomp_release(ctx);
	return r;
}

int filter_get(struct filter *filter, enum box_level level, unsigned grants)
{
	if (filter->program && filter->level == level && filter->grants == grants)
		return 0;
#ifdef FILTER_READY
	if (!grants) {
		filter_done(filter);
		memcpy(numbers, ready_numbers, sizeof(numbers));
		*filter = ready[level];
		return 0;
	}
#endif
	return filter_compile(filter, level, grants);
}

void filter_done(struct filter *filter)
{
	if (!filter->ready)
		free((void *)filter->program);
	*filter = (struct filter){ 0 };
}

int filter_load(const struct filter *filter)
{
	struct sock_fprog program = { .len = (unsigned short)filter->n,
				      .filter = (struct sock_filter *)filter->program };
	/* SPEC_ALLOW: on kernels before 5.16 a filter would turn speculation off and slow
	 * interpreters down. */
	unsigned long flags = SECCOMP_FILTER_FLAG_SPEC_ALLOW;
	bool counts = filter->level != BOX_LEVEL_PERMISSIVE;
	long r = -1;

	if (counts)
		flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
	/* From Linux 5.19: signals, which Go sends itself all the time, do not start a call anew.
	 */
	if (counts)
		r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			    flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &program);
	if (r < 0)
		r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
	if (r < 0)
		return -errno;
	return counts ? (int)r : -EBADF;
}

int filter_find(const struct filter *filter, const struct seccomp_data *data)
{
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (numbers[i] == data->nr && applies(filter, &rules[i]) &&
		    (data->args[rules[i].argument] & rules[i].mask) == rules[i].value &&
		    (!rules[i].family || (uint32_t)data->args[0] == rules[i].family))
			return (int)i;
	return -ENOENT;
}

int filter_answer(const struct filter *filter, int fd)
{
	struct seccomp_notif call = { 0 };
	struct seccomp_notif_resp answer = { 0 };
	int rule;

	if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0)
		return -errno;
	rule = filter_find(filter, &call.data);
	answer.id = call.id;
	answer.error = -filter_error(rule);
	/* A caller that was killed meanwhile needs none. */
	(void)ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &answer);
	return rule;
}

void filter_explain(enum box_level level, unsigned grants, FILE *out)
{
	const struct filter filter = { .level = level, .grants = grants };

	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (level == BOX_LEVEL_OFF || !applies(&filter, &rules[i]))
			fprintf(out, "  %s%s\n", rules[i].name, rules[i].what);
}

int filter_error(int rule)
{
	BOX_ASSERT(rule >= 0 && (size_t)rule < ARRAY_LEN(rules));
	return rules[rule].error;
}

void filter_describe(int rule, uint32_t count, struct box_refusal *ret_refusal)
{
	const struct rule *r = &rules[rule];

	util_print(ret_refusal->call, sizeof(ret_refusal->call), "%s%s", r->name, r->what);
	ret_refusal->count = count;
	ret_refusal->grant = (enum box_grant)r->grant;
	ret_refusal->level = BOX_LEVEL_OFF;
	for (int level = BOX_LEVEL_PERMISSIVE; level > BOX_LEVEL_OFF; level--)
		if (!(r->levels & level_bit((enum box_level)level)))
			ret_refusal->level = (enum box_level)level;
}
