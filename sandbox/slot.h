// SPDX-License-Identifier: Apache-2.0
/* slot.h - one slot of the keeper: its zygotes, its cgroup, and the run it has now. */
#ifndef PADDOCK_SANDBOX_SLOT_H
#define PADDOCK_SANDBOX_SLOT_H

#include "sandbox/cg_slot.h"
#include "sandbox/proto.h"
#include "sandbox/watch.h"
#include "sandbox/zygote.h"

/*
 *   SLOT_IDLE --start--> SLOT_RUNNING --last process dead--> SLOT_OVER --result sent--> SLOT_IDLE
 *                  |          \__ much left in its files __> SLOT_CLEARING _/
 *                   \______ refused here ____________________/
 */
enum slot_state {
	SLOT_IDLE,
	SLOT_RUNNING,
	SLOT_CLEARING, /* as OVER, but what it left in memory would count as the next run's */
	SLOT_OVER,     /* `result` waits to be sent */
};

/* What all slots share. */
struct slot_shared {
	struct host host;
	struct cg *cg; /* NULL until first needed */
	/* The one spec there will be a run of: groups only if a limit needs them, nothing made
	 * ahead. NULL: whatever comes. */
	const struct box_spec *once;
};

enum { SLOT_LIMITS = 6 };

struct slot {
	enum slot_state state;
	unsigned number;
	bool off;
	struct slot_shared *shared;
	struct slate *slate;
	struct slate *birth;	/* of the zygote, while there is one */
	pid_t zygote;		/* 0: none */
	int sock;		/* to the zygote; -1: none */
	int requests;		/* to its inits */
	unsigned kind;		/* of runs it is for; for one of another kind it is let go */
	bool stale;		/* the zygote shall make ready for the next run */
	uint64_t scratch_bytes; /* of the last run */
	struct cg_slot *cg;
	bool armed;		      /* the cgroup counts this run */
	uint64_t limits[SLOT_LIMITS]; /* as last set */
	struct watch watch;
	struct box_result result; /* its id and slot from the start on */
};

/* Makes an idle slot. 0 or -errno. */
int slot_init(struct slot *slot, unsigned number, struct slot_shared *shared);

/*
 * Starts a run: `packet` is the request as it came, which is handed on to an init (a bare one to
 * the zygote), `spec` what was decoded from it. The state is RUNNING afterwards, or OVER when it
 * could not be.
 */
void slot_start(struct slot *slot, const struct proto_packet *packet, const struct box_spec *spec);

/* A child of the keeper died. Returns whether it was one of this slot's, which those of a zygote
 * that was let go no longer are. */
bool slot_child_died(struct slot *slot, pid_t pid, int status);

/* The zygote's socket is readable. */
void slot_zygote_spoke(struct slot *slot);

/* Lets the zygote make ready for the next run, when there was one; to be called once the result is
 * on its way, which is more urgent. */
void slot_refresh(struct slot *slot);

/* Acts on deadlines. */
void slot_tick(struct slot *slot, uint64_t now_us);

/* The run shall end: see box_kill. */
void slot_kill(struct slot *slot, uint64_t grace_us);

/* Lets everything of the slot die; the keeper reaps. */
void slot_shutdown(struct slot *slot);

#endif
