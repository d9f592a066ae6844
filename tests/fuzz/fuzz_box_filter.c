// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_box_filter.c - any call against each level and set of grants: the program that libseccomp
 * made answers what the table says, and init finds the rule of every call that is handed to it.
 *
 * Input: level, grants, architecture, a byte that shapes the number, the number, six arguments.
 */
#include "tests/kit/bpf.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "sandbox/util.h"

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#else
#define ARCH AUDIT_ARCH_AARCH64
#endif

enum { LAST_SYSCALL = 469, FOREIGN_FROM = 0x40000000 };

struct input {
	uint8_t level, grants, arch, shape;
	int32_t nr;
	uint64_t args[6];
};

/* What the table of profiles.def and the words above it promise. */
static unsigned promised(const struct filter *filter, const struct seccomp_data *data)
{
	int rule = filter_find(filter, data);

	if (data->arch != ARCH)
		return SECCOMP_RET_KILL_PROCESS;
	/* The number of a call that a tracer skips; it does nothing. */
	if (ARCH == AUDIT_ARCH_X86_64 && data->nr == -1)
		return SECCOMP_RET_ALLOW;
	if (ARCH == AUDIT_ARCH_X86_64 && (uint32_t)data->nr >= FOREIGN_FROM)
		return SECCOMP_RET_KILL_PROCESS;
	if ((uint32_t)data->nr > LAST_SYSCALL)
		return SECCOMP_RET_ERRNO | ENOSYS;
	if (data->nr == SYS_personality && (uint32_t)data->args[0] == UINT32_MAX)
		return SECCOMP_RET_ALLOW;
	if (rule < 0)
		return SECCOMP_RET_ALLOW;
	if (filter->level == BOX_LEVEL_PERMISSIVE || filter_error(rule) == ENOSYS)
		return SECCOMP_RET_ERRNO | (unsigned)filter_error(rule);
	return SECCOMP_RET_USER_NOTIF;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t archs[] = { ARCH, ARCH, ARCH, AUDIT_ARCH_I386, AUDIT_ARCH_ARM, 0 };
	struct input in = { 0 };
	struct seccomp_data call;
	const struct filter *filter;
	unsigned answer, promise;

	memcpy(&in, data, size < sizeof(in) ? size : sizeof(in));
	filter = filter_get((enum box_level)(BOX_LEVEL_STRICT + in.level % 3),
			    in.grants & BOX_GRANT_ALL);
	call = (struct seccomp_data){ .arch = archs[in.arch % ARRAY_LEN(archs)], .nr = in.nr };
	/* Most numbers are of no call at all. */
	if (in.shape & 1)
		call.nr = (int)((uint32_t)in.nr % (LAST_SYSCALL + 2));
	for (size_t i = 0; i < ARRAY_LEN(in.args); i++)
		call.args[i] = in.args[i];
	answer = bpf_run(filter, &call);
	promise = promised(filter, &call);
	if (answer == promise)
		return 0;
	fprintf(stderr,
		"level %d grants %u arch 0x%x call %d(0x%llx, 0x%llx): 0x%x, promised 0x%x\n",
		filter->level, filter->grants, call.arch, call.nr, (unsigned long long)call.args[0],
		(unsigned long long)call.args[1], answer, promise);
	abort();
}
