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
	CG_CONTROLLERS,
};

struct cg;

/*
 * Finds the hierarchies with libcgroup, sweeps what dead keepers left, makes this keeper's groups
 * below its own cgroup. Always gives a handle, possibly one that can do nothing (cg_can, cg_why).
 * -ENOMEM only. Takes milliseconds.
 */
int cg_open(struct cg **ret_cg);

/* Removes this keeper's groups; they must be empty of processes. Accepts NULL. */
void cg_close(struct cg *cg);

/* Whether this controller can limit here. */
bool cg_can(const struct cg *cg, enum cg_controller controller);

/* 1, 2 or 0 (not available). */
int cg_version(const struct cg *cg, enum cg_controller controller);

/* Why a controller is not available, in one sentence; "" when it is. */
const char *cg_why(const struct cg *cg, enum cg_controller controller);

/* The folder of this keeper in the hierarchy of an available controller, with `tail` behind it. 0
 * or -ENAMETOOLONG. */
int cg_path(const struct cg *cg, enum cg_controller controller, const char *tail, char *buf,
	    size_t size);

/* Makes that group, through libcgroup; fine when it is there. 0 or -errno. */
int cg_make(const struct cg *cg, enum cg_controller controller, const char *tail);

/* The path of `controller` ("" for v2) in the text of /proc/PID/cgroup. 0, -ENOENT or
 * -ENAMETOOLONG. */
int cg_find_path(const char *text, const char *controller, char *buf, size_t size);

/* Whether a folder name is a keeper's group, and whose. */
bool cg_parse_name(const char *name, uint64_t *ret_pidns, uint64_t *ret_pid, uint64_t *ret_start);

#endif
