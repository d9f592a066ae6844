// SPDX-License-Identifier: Apache-2.0
/* rlimit.c - the few rlimits a payload gets. Not for memory or processor time: cgroups count those.
 */
#include "sandbox/rlimit.h"

#include <errno.h>
#include <sys/resource.h>

static int set(int resource, uint64_t value)
{
	struct rlimit limit;

	if (getrlimit((__rlimit_resource_t)resource, &limit) < 0)
		return -errno;
	if (limit.rlim_max == RLIM_INFINITY || value < limit.rlim_max)
		limit.rlim_max = value;
	limit.rlim_cur = limit.rlim_max;
	return setrlimit((__rlimit_resource_t)resource, &limit) < 0 ? -errno : 0;
}

int rlimit_apply(const struct box_spec *spec, bool count_processes)
{
	int r = set(RLIMIT_CORE, spec->core_bytes);

	if (r == 0 && spec->file_bytes)
		r = set(RLIMIT_FSIZE, spec->file_bytes);
	if (r == 0 && count_processes && spec->pids)
		r = set(RLIMIT_NPROC, spec->pids);
	return r;
}
