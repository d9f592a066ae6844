// SPDX-License-Identifier: Apache-2.0
/* slot.h - one slot of the keeper: its zygotes, its cgroup, and the run it has now. */
#ifndef PADDOCK_SANDBOX_SLOT_H
#define PADDOCK_SANDBOX_SLOT_H

#include "sandbox/cg_slot.h"
#include "sandbox/fds.h"
#include "sandbox/proto.h"
#include "sandbox/watch.h"
#include "sandbox/zygote.h"

/*
 *   SLOT_IDLE --start--> SLOT_RUNNING --last process dead--> SLOT_OVER --result sent--> SLOT_IDLE
 *                  \______ refused here ______________________/
 */
enum slot_state {
	SLOT_IDLE,
	SLOT_RUNNING,
	SLOT_OVER, /* `result` waits to be sent */
};

/* What all slots share. */
struct slot_shared {
	struct zygote_host host;
	struct cg *cg;	   /* NULL until first needed */
	int epoll_fd;	   /* where a slot adds its zygote's socket, tagged with its number */
	bool cg_on_demand; /* only when a limit is asked for; else always, for the accounting */
};

struct slot {
	enum slot_state state;
	unsigned number;
	uint64_t id;
	bool off;
	struct slot_shared *shared;
	struct slate *slate;
	pid_t zygote; /* 0: none */
	int sock;     /* to the zygote; -1: none */
	bool boxed;   /* an ordinary user's zygote is for sandboxes or for bare runs, never both */
	struct cg_slot *cg;
	bool armed; /* the cgroup counts this run */
	struct watch watch;
	uint64_t asked_us;
	char degraded[128];
	struct box_result result;
};

/* Makes an idle slot. 0 or -errno. */
int slot_init(struct slot *slot, unsigned number, struct slot_shared *shared);

/*
 * Starts a run of a decoded, valid spec; `packet` is the request as it came, which is handed on to
 * the zygote. The state is RUNNING afterwards, or OVER when it could not be.
 */
void slot_start(struct slot *slot, uint64_t id, const struct box_spec *spec,
		const struct fds_packet *packet);

/* A child of the keeper died. Returns whether it was one of this slot's. */
bool slot_child_died(struct slot *slot, pid_t pid, int status);

/* The zygote's socket is readable. */
void slot_zygote_spoke(struct slot *slot);

/* Acts on deadlines. */
void slot_tick(struct slot *slot, uint64_t now_us);

/* The run shall end: see box_kill. */
void slot_kill(struct slot *slot, uint64_t grace_us);

/* Lets everything of the slot die; the keeper reaps. */
void slot_shutdown(struct slot *slot);

#endif
