// SPDX-License-Identifier: Apache-2.0
/* cg_slot.h - limits and counters of one slot. */
#ifndef PADDOCK_SANDBOX_CG_SLOT_H
#define PADDOCK_SANDBOX_CG_SLOT_H

#include "sandbox/box.h"
#include "sandbox/cg.h"

/* Counters of one run. */
struct cg_slot_usage {
	uint64_t cpu_us;
	uint64_t peak_bytes; /* beyond what was there before: page cache of earlier runs is not this
				one's */
	bool oom;
	bool pids_limit;
};

struct cg_slot;

/* Makes the groups of a slot; only: its keeper has no other. 0 or -errno; the caller frees with
 * cg_slot_free. `cg` must outlive it. */
int cg_slot_new(struct cg *cg, unsigned number, bool only, struct cg_slot **ret_slot);

/* Closes the slot's files; cg_close removes its groups. Accepts NULL. */
void cg_slot_free(struct cg_slot *slot);

/* Moves a process in; done once per zygote, because a migration can cost milliseconds. 0 or -errno.
 */
int cg_slot_attach(struct cg_slot *slot, pid_t pid);

/*
 * Before a run: each sets one limit of a spec, or lifts that of the last run. Its controller is
 * there. 0 or -errno.
 */
int cg_slot_memory(struct cg_slot *slot, const struct box_spec *spec);
int cg_slot_pids(struct cg_slot *slot, const struct box_spec *spec);
int cg_slot_cpu(struct cg_slot *slot, const struct box_spec *spec);
int cg_slot_cpu_weight(struct cg_slot *slot, const struct box_spec *spec);

/* The same for processors; -ENODEV: not all of them are the keeper's. */
int cg_slot_cpuset(struct cg_slot *slot, const struct box_spec *spec);

/* Then: remembers the counters. */
void cg_slot_arm(struct cg_slot *slot);

/* Processor time since then. */
uint64_t cg_slot_cpu_us(const struct cg_slot *slot);

/* After a run: what it used since cg_slot_arm. */
void cg_slot_read(struct cg_slot *slot, struct cg_slot_usage *ret_usage);

#endif
