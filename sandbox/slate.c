// SPDX-License-Identifier: Apache-2.0
/* slate.c - the shared page of a slot. Async-signal-safe but for slate_new. Not for anything the
 * payload may see. */
#include "sandbox/slate.h"

#include <sys/mman.h>

#include "sandbox/util.h"

struct slate *slate_new(void)
{
	void *page = mmap(NULL, sizeof(struct slate), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return page == MAP_FAILED ? NULL : page;
}

void slate_free(struct slate *slate)
{
	if (slate)
		munmap(slate, sizeof(*slate));
}

void slate_at(struct slate *slate, const char *step, const char *object)
{
	util_copy(slate->step, sizeof(slate->step), step);
	util_copy(slate->object, sizeof(slate->object), object ? object : "");
}

int slate_fail(struct slate *slate, int error)
{
	BOX_ASSERT(error < 0);
	slate->error = -error;
	return error;
}

static uint64_t since(const struct timeval *now, const struct timeval *before)
{
	return (uint64_t)((now->tv_sec - before->tv_sec) * 1000000 + now->tv_usec -
			  before->tv_usec);
}

void slate_usage(struct slate *slate, const struct rusage *before)
{
	static const struct rusage birth;
	struct rusage now;

	getrusage(RUSAGE_CHILDREN, &now);
	if (!before)
		slate->maxrss_bytes = (uint64_t)now.ru_maxrss * 1024;
	before = before ? before : &birth;
	slate->user_us = since(&now.ru_utime, &before->ru_utime);
	slate->system_us = since(&now.ru_stime, &before->ru_stime);
	/* In blocks of 512 bytes, whatever the disk's are. */
	slate->read_bytes = (uint64_t)(now.ru_inblock - before->ru_inblock) * 512;
	slate->written_bytes = (uint64_t)(now.ru_oublock - before->ru_oublock) * 512;
}

void slate_refused(struct slate *slate, int rule)
{
	for (size_t i = 0; i < BOX_REFUSALS_MAX; i++) {
		struct slate_refused *seen = &slate->calls[i];

		if (seen->count && seen->rule != rule)
			continue;
		seen->rule = rule;
		seen->count += seen->count < UINT32_MAX;
		return;
	}
}
