// SPDX-License-Identifier: Apache-2.0
/* rules.h - profiles.def as data, for what makes the filters of it (compile.c) and for what tells
 * which rule refused a call (filter.c). */
#ifndef PADDOCK_SANDBOX_RULES_H
#define PADDOCK_SANDBOX_RULES_H

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "sandbox/box.h"
#include "sandbox/util.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

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

/* Whether a filter of `level` under `grants` has a rule. */
static inline bool rules_apply(const struct rule *rule, enum box_level level, unsigned grants)
{
	BOX_ASSERT(level > BOX_LEVEL_OFF && level < BOX_LEVEL_MAX);
	return (rule->levels & 1u << (level - BOX_LEVEL_STRICT)) && !(rule->grant & grants);
}

/* The grants that lift anything at `level`; others make no other filter. */
static inline unsigned rules_grants(enum box_level level)
{
	unsigned grants = 0;

	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (rules_apply(&rules[i], level, 0))
			grants |= rules[i].grant;
	return grants;
}

#endif
