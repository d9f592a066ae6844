// SPDX-License-Identifier: Apache-2.0
/*
 * state.h - what sim.c (the world: time, runs, results) and crew.c (the workers and what they do)
 * share. Private to coordinator/sim.
 */
#ifndef PADDOCK_SIM_STATE_H
#define PADDOCK_SIM_STATE_H

#include "coordinator/sim/agenda.h"
#include "coordinator/sim/sim.h"
#include "protocol/base/arena.h"
#include "protocol/base/map.h"
#include "protocol/base/rng.h"

#define SIM_LEASE_US UINT64_C(15000000) /* where leases run at all */

/* Kinds of agenda items; `what` is the index named. */
enum sim_due {
	SIM_DUE_SUBMIT, /* run */
	SIM_DUE_STOP,	/* run */
	SIM_DUE_JOIN,	/* worker */
	SIM_DUE_SILENT, /* worker */
	SIM_DUE_BACK,	/* worker */
	SIM_DUE_DRAIN,	/* worker */
	SIM_DUE_BEAT,	/* worker */
	SIM_DUE_STEP,	/* shard: its next event; check: its life */
	SIM_DUE_REJOIN, /* worker, whose coordinator was restarted; check: which restart */
	SIM_DUE_SPOOL,	/* worker: it sends what it kept meanwhile; check: which restart */
	SIM_DUE_CANCEL, /* shard: the order to end it arrives; check: its life */
};

/*
 * A case of the world and how often it ran. Its index travels in the listing's detail and comes
 * back with each order.
 */
struct sim_truth {
	const struct sim_case *of;
	uint32_t attempts;
};

/* What a program lists, ready to send, and how often its listing failed so far. */
struct sim_listing {
	struct msg_listed *items;
	uint64_t failures;
};

struct sim_shard_case {
	uint32_t index; /* the core's */
	uint32_t truth;
};

/* An attempt at a virtual worker. */
struct sim_shard {
	uint64_t life; /* 0: free; told apart from earlier users of the place */
	uint64_t attempt, epoch, seq;
	uint32_t worker, run, program;
	bool list, under_way;
	size_t at;	      /* the case that runs, or is next */
	uint64_t duration_us; /* of it */
	struct {
		struct sim_shard_case *items;
		size_t len, cap;
	} cases;
};

struct sim_crew_member {
	uint64_t number; /* the core's; 0: never joined */
	uint64_t session;
	bool silent, ended;
	bool away;     /* its coordinator was restarted: it keeps what it has to say */
	bool rejoined; /* ... and it has said hello to the next one */
	bool drained;
	uint64_t before; /* the session it had with the coordinator that died */
	struct {
		struct msg_event *items;
		size_t len, cap;
	} unsent; /* kept while silent; texts are literals */
	struct {
		struct msg_event *items;
		size_t len, cap;
	} unacked; /* sent, not durable yet; only where coordinators die */
};

/* An action of the core that is not durable yet, copied. */
struct sim_pending {
	struct core_action action;
	size_t run;
	uint64_t left; /* number of the worker that left */
};

/* What is durable: a decision or an event of a run, in order. */
struct sim_entry {
	size_t run;
	const struct msg_decision *decision;
	const struct msg_run_event *event;
};

struct sim {
	const struct sim_world *world;
	struct sim_result *results;
	struct core *core;
	struct agenda agenda;
	struct rng rng;
	uint64_t now_us, events, lives;
	size_t ended; /* runs */
	struct arena arena;
	uint64_t *run_numbers;	       /* the core's, per run; 0 before it was submitted */
	struct sim_truth *truths;      /* of all cases of all programs of all runs */
	uint32_t *truth_ids;	       /* [i] == i: what details point to */
	struct sim_listing **listings; /* [run][program] */
	struct sim_crew_member *crew;
	struct map numbers; /* the core's number of a worker -> index */
	struct {
		struct sim_shard *items;
		size_t len, cap;
	} shards;
	struct {
		uint32_t *items;
		size_t len, cap;
	} free_shards;
	struct {
		struct sim_pending *items;
		size_t len, cap;
	} pending;
	struct {
		struct sim_entry *items;
		size_t len, cap;
	} journal;
	struct msg_submit *submissions; /* as accepted, by run */
	uint64_t restarts, sessions, quarantined, fulls;
	uint64_t full_until_us; /* the journal takes nothing until then */
	bool out_of_memory;
};

/* ---- sim.c ---- */

/* Put something on the agenda, `delay_us` from now. */
void sim_due(struct sim *sim, enum sim_due kind, uint32_t what, uint64_t delay_us, uint64_t check);

/* Carry out an action of the core: it is durable, or nothing dies here. */
void sim_perform(struct sim *sim, const struct sim_pending *item, bool deliver);

/* Which of the world's runs has this number, or SIZE_MAX. */
size_t sim_find_run(const struct sim *sim, uint64_t number);

/* ---- crew.c ---- */

/* Do what is due at a worker or a shard. */
void crew_due(struct sim *sim, const struct agenda_item *item);

/* An order of the core arrives (after the hand-over): begin it. */
void crew_assign(struct sim *sim, const struct core_action *action, size_t run);

/* An order to end an attempt is on its way. */
void crew_cancel(struct sim *sim, const struct core_action *action);

/* The number of the worker called `name`. */
uint64_t crew_number(const struct sim *sim, struct str name);

/* The coordinator died: what was not durable has to be said again, once the worker is back. */
void crew_orphaned(struct sim *sim);

/* All that was said is durable. */
void crew_acknowledged(struct sim *sim);

/* Free what the crew holds. */
void crew_done(struct sim *sim);

/* ---- rebirth.c ---- */

/* Keep an action until it is durable: a copy. */
void rebirth_keep(struct sim *sim, const struct sim_pending *from);

/* The core decided all it had to: it becomes durable now, or later, or the coordinator dies. */
int rebirth_settle(struct sim *sim, struct err *err);

/* Free the journal. */
void rebirth_done(struct sim *sim);

#endif
