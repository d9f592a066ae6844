// SPDX-License-Identifier: Apache-2.0
/* cg.h - control groups: which there are, and where this keeper's live, on v1, hybrid and v2 hosts.
 */
#ifndef PADDOCK_SANDBOX_CG_H
#define PADDOCK_SANDBOX_CG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum cg_controller {
	CG_MEMORY,
	CG_PIDS,
	CG_CPU,
	CG_CPUACCT, /* v1 only; on v2 every group counts processor time */
	CG_CPUSET,
	CG_CONTROLLERS,
};

struct cg;

/* Where a controller is. */
struct cg_hierarchy {
	int version;	/* 1, 2, or 0: it cannot limit here */
	char why[160];	/* it cannot, in one sentence; "" when it can */
	size_t mount;	/* length of the mount point, where the next two begin */
	char own[1300]; /* the group this keeper's is made in */
	char dir[1400]; /* this keeper's */
};

/*
 * Finds the hierarchies with libcgroup, sweeps what dead keepers left, makes this keeper's groups
 * below its own cgroup, those of cpuset only when asked to: few runs need it. Gives a handle,
 * possibly one that can do nothing, or -errno where there is no memory or process for it: the next
 * time may be better. Takes milliseconds.
 */
int cg_open(bool cpuset, struct cg **ret_cg);

/* Removes this keeper's groups; they must be empty of processes. Accepts NULL. */
void cg_close(struct cg *cg);

/* What is known of a controller. Borrowed from the handle. */
const struct cg_hierarchy *cg_in(const struct cg *cg, enum cg_controller controller);

/* The path of `controller` ("" for v2) in the text of /proc/PID/cgroup. 0, -ENOENT or
 * -ENAMETOOLONG. */
int cg_find_path(const char *text, const char *controller, char *buf, size_t size);

/* Whether a folder name is a keeper's group, and whose. */
bool cg_parse_name(const char *name, uint64_t *ret_pidns, uint64_t *ret_pid, uint64_t *ret_start);

#endif
