// SPDX-License-Identifier: Apache-2.0
/*
 * filter.c - the filters, made by compile.c when paddock-box was built: which one a run gets, how a
 * payload loads it, and what becomes of a call it refuses.
 *
 * A refused call is answered by init, which counts it: the kernel hands it over (user notification,
 * 3 to 20 us) instead of failing it itself. The answer never lets a call through. Permissive has
 * plain refusals, so that a test can be such a supervisor itself: there can be one per process.
 */
#include "sandbox/filter.h"

#include <linux/filter.h>
#include <sys/syscall.h>

#include "sandbox/rules.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1ul << 5)
#endif

const struct filter *filter_get(enum box_level level, unsigned grants)
{
	const struct filter *filter = filter_made;

	grants &= rules_grants(level);
	while (filter->level != level || filter->grants != grants) {
		BOX_ASSERT(filter->program);
		filter++;
	}
	return filter;
}

int filter_load(const struct filter *filter)
{
	struct sock_fprog program = { .len = (unsigned short)filter->n,
				      .filter = (struct sock_filter *)filter->program };
	bool counts = filter->level != BOX_LEVEL_PERMISSIVE;
	/* SPEC_ALLOW: on kernels before 5.16 a filter would turn speculation off and slow
	 * interpreters down. WAIT_KILLABLE, from 5.19 on: signals, which Go sends itself all the
	 * time, do not start a call anew. */
	unsigned long counting = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_SPEC_ALLOW;
	unsigned long best = counting | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	long r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			 counts ? best : SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program);

	if (r < 0 && counts)
		r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, counting, &program);
	if (r < 0)
		return -errno;
	return counts ? (int)r : -EBADF;
}

int filter_find(const struct filter *filter, const struct seccomp_data *data)
{
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (filter_numbers[i] == data->nr &&
		    rules_apply(&rules[i], filter->level, filter->grants) &&
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
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (level == BOX_LEVEL_OFF || !rules_apply(&rules[i], level, grants))
			fprintf(out, "  %s%s\n", rules[i].name, rules[i].what);
}

int filter_error(int rule)
{
	BOX_ASSERT(rule >= 0 && (size_t)rule < ARRAY_LEN(rules));
	return rules[rule].error;
}

void filter_describe(int rule, uint32_t count, struct box_refusal *ret_refusal)
{
	const struct rule *r;

	/* init wrote it down, whose rights are not ours. */
	BOX_ASSERT(rule >= 0 && (size_t)rule < ARRAY_LEN(rules));
	r = &rules[rule];
	util_print(ret_refusal->call, sizeof(ret_refusal->call), "%s%s", r->name, r->what);
	ret_refusal->count = count;
	ret_refusal->grant = (enum box_grant)r->grant;
	ret_refusal->level = BOX_LEVEL_OFF;
	for (int level = BOX_LEVEL_PERMISSIVE; level > BOX_LEVEL_OFF; level--)
		if (!rules_apply(r, (enum box_level)level, 0))
			ret_refusal->level = (enum box_level)level;
}
