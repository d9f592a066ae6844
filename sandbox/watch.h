// SPDX-License-Identifier: Apache-2.0
/* watch.h - deadlines of a run, and the record of its end. Pure: times come in, decisions go out.
 */
#ifndef PADDOCK_SANDBOX_WATCH_H
#define PADDOCK_SANDBOX_WATCH_H

#include "sandbox/box.h"
#include "sandbox/cg_slot.h"
#include "sandbox/slate.h"

/*
 *   WATCH_RUNNING --deadline or kill--> WATCH_TERMED --grace over--> WATCH_KILLED
 *         \_____________________ kill with no grace ____________________/
 */
enum watch_stage {
	WATCH_RUNNING,
	WATCH_TERMED,
	WATCH_KILLED,
};

enum watch_action {
	WATCH_WAIT,
	WATCH_TERM, /* send TERM to the payload's group now */
	WATCH_KILL, /* kill everything now */
};

struct watch {
	enum watch_stage stage;
	enum box_cause reason; /* of the end, once stage is not RUNNING */
	uint64_t due_us;       /* when to tick next; UINT64_MAX: never */
	uint64_t cpu_us;
	uint64_t cpu_due_us;   /* when to tell the processor time next; UINT64_MAX: never */
	uint64_t setup_due_us; /* a payload that has not started by then never will */
	uint64_t asked_us;
	uint64_t wall_us;
	uint64_t grace_us;
};

/* Starts the clock of a run asked for at now_us. */
void watch_start(struct watch *watch, const struct box_spec *spec, uint64_t now_us);

/* Somebody wants it to end: grace_us UINT64_MAX keeps the spec's. The next tick acts. */
void watch_ask(struct watch *watch, uint64_t now_us, uint64_t grace_us);

/* So much processor time was used by now_us, on a host of so many processors. The next tick acts.
 */
void watch_cpu(struct watch *watch, uint64_t now_us, uint64_t used_us, uint64_t processors);

/* What to do at now_us; start_us is when the payload started, 0 when it has not. */
enum watch_action watch_tick(struct watch *watch, uint64_t now_us, uint64_t start_us);

/* The record of a run that is over: all but its id, its slot and what was dropped. The end is on
 * the slate even where init died before it could note it. */
void watch_record(const struct watch *watch, const struct slate *slate,
		  const struct cg_slot_usage *usage, struct box_result *result);

#endif
