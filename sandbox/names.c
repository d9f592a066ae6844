// SPDX-License-Identifier: Apache-2.0
/* names.c - the names of the public enums, both ways. Not for anything that is not in box.h. */
#include "sandbox/box.h"

#include "sandbox/util.h"

static const char *const level_names[BOX_LEVEL_MAX] = {
	[BOX_LEVEL_OFF] = "off",
	[BOX_LEVEL_STRICT] = "strict",
	[BOX_LEVEL_DEFAULT] = "default",
	[BOX_LEVEL_PERMISSIVE] = "permissive",
};

static const char *const workspace_names[BOX_WORKSPACE_MAX] = {
	[BOX_WORKSPACE_OVERLAY] = "overlay",
	[BOX_WORKSPACE_SHARED] = "shared",
	[BOX_WORKSPACE_READONLY] = "readonly",
};

static const char *const network_names[BOX_NETWORK_MAX] = {
	[BOX_NETWORK_LOOPBACK] = "loopback",
	[BOX_NETWORK_NONE] = "none",
	[BOX_NETWORK_HOST] = "host",
	[BOX_NETWORK_REUSE] = "reuse",
};

static const char *const cause_names[BOX_CAUSE_MAX] = {
	[BOX_CAUSE_EXIT] = "exit",	 [BOX_CAUSE_SIGNAL] = "signal",
	[BOX_CAUSE_TIMEOUT] = "timeout", [BOX_CAUSE_CPU_TIME] = "cpu-time",
	[BOX_CAUSE_KILLED] = "killed",	 [BOX_CAUSE_OOM] = "oom",
	[BOX_CAUSE_SETUP] = "setup",	 [BOX_CAUSE_REFUSED] = "refused",
};

/* By the number of the bit. */
static const char *const grant_names[] = { "ptrace", "io_uring", "userfaultfd", "perf",
					   "userns", "kvm",	 "fuse",	"tun" };

static int find(const char *const *names, int n, const char *name, size_t length)
{
	for (int i = 0; i < n; i++)
		if (strlen(names[i]) == length && memcmp(names[i], name, length) == 0)
			return i;
	return -EINVAL;
}

const char *box_level_name(enum box_level level)
{
	BOX_ASSERT((unsigned)level < BOX_LEVEL_MAX);
	return level_names[level];
}

const char *box_cause_name(enum box_cause cause)
{
	BOX_ASSERT((unsigned)cause < BOX_CAUSE_MAX);
	return cause_names[cause];
}

int box_level_parse(const char *name)
{
	return find(level_names, BOX_LEVEL_MAX, name, strlen(name));
}

int box_workspace_parse(const char *name)
{
	return find(workspace_names, BOX_WORKSPACE_MAX, name, strlen(name));
}

int box_network_parse(const char *name)
{
	return find(network_names, BOX_NETWORK_MAX, name, strlen(name));
}

const char *box_grant_name(enum box_grant grant)
{
	BOX_ASSERT(grant > 0 && grant <= BOX_GRANT_ALL);
	return grant_names[__builtin_ctz(grant)];
}

int box_grants_parse(const char *names)
{
	int sum = 0;

	for (size_t n; *names; names += n + (names[n] == ',')) {
		n = strcspn(names, ",");
		int bit = find(grant_names, ARRAY_LEN(grant_names), names, n);

		if (bit < 0)
			return bit;
		sum |= 1 << bit;
	}
	return sum ? sum : -EINVAL;
}
