// SPDX-License-Identifier: Apache-2.0
/*
 * core.h - the coordinator's mind, without hands: events go in, actions come out. It owns runs,
 * cases, shards, attempts, the roster of workers and the exactly-once ledger; it opens no socket,
 * reads no clock, touches no file. The server feeds it from nanomsg, the embedded run from the
 * same, `paddock plan` and the simulations from a virtual clock.
 *
 * Every call takes `now_us`, monotonic microseconds that never go back. After one or more calls the
 * owner drains core_next_action until it returns false. Actions borrow from the core until the next
 * call that is not a drain.
 *
 *   worker:  core_worker_joined -> { core_worker_ready ... core_worker_event ... }
 *            -> core_worker_left
 *   run:     core_run_submit -> (CORE_ACTION_EVENT ...) -> CORE_ACTION_RUN_DONE -> core_run_forget
 */
#ifndef PADDOCK_CORE_CORE_H
#define PADDOCK_CORE_CORE_H

#include "coordinator/plan/estimate.h"
#include "protocol/base/err.h"
#include "protocol/wire/msg.h"
#include "protocol/wire/outcome.h"

#include <stdbool.h>
#include <stdint.h>

struct core;

struct core_options {
	uint64_t suspect_us; /* a silent worker gets no new work; 0: 5 s */
	uint64_t lease_us;   /* a silent worker has lost its attempts; 0: 15 s */
	uint64_t seed;	     /* of attempt ids and shuffles */
	/* slots the runs of one client take before those of others come first; 0: no quota */
	uint64_t client_slots;
	uint64_t serial; /* numbers are above it: tell cores apart that follow each other */
	bool quarantine; /* workers that fail more than chance explains get no more work */
	bool journal;	 /* DECISION actions are wanted: somebody may go on after us */
};

/* What happened to the workers' tags and sizes: as the hello message says. */
struct core_worker_spec {
	struct str name;
	uint64_t slots;
	const struct str *tags;
	size_t n_tags;
	uint64_t owner;	  /* comes back with each action for it: the caller's own number */
	uint64_t session; /* the owner's name for its presence, kept with what it is given */
};

enum core_action_kind {
	CORE_ACTION_ASSIGN,	/* worker, assign: start it there */
	CORE_ACTION_CANCEL,	/* worker, cancel */
	CORE_ACTION_EVENT,	/* run, event: report, journal, tell watchers */
	CORE_ACTION_DECISION,	/* run, decision: journal, in order with the events */
	CORE_ACTION_QUARANTINE, /* worker, why: it is out, until core_worker_quarantine */
	CORE_ACTION_RUN_DONE,	/* run, exit_code: after its last event */
};

struct core_action {
	enum core_action_kind kind;
	uint64_t worker, owner;
	uint64_t run;
	const struct msg_assign *assign;
	const struct msg_cancel *cancel;
	const struct msg_run_event *event;
	const struct msg_decision *decision;
	const char *why;
	int exit_code;
};

/* A core the caller frees with core_free. NULL options: defaults. NULL on no memory. */
struct core *core_new(const struct core_options *options);

/* Free it and everything it holds. Accepts NULL. */
void core_free(struct core *core);

/* Take the next action. True with *ret_action filled, false when there is none now. */
bool core_next_action(struct core *core, struct core_action *ret_action);

/*
 * A worker said hello. Returns its number (> 0), valid until core_worker_left, or 0 on no memory.
 */
uint64_t core_worker_joined(struct core *core, uint64_t now_us,
			    const struct core_worker_spec *spec);

/*
 * It is heard: that renews its lease. Work comes as ASSIGN actions. False: it is not known (any
 * more: its lease ran out) and has to join.
 */
bool core_worker_ready(struct core *core, uint64_t now_us, uint64_t worker);

/*
 * The owner did not listen until now (it was stopped, or slept): whoever was silent has its lease
 * anew.
 */
void core_renew_leases(struct core *core, uint64_t now_us);

/*
 * Is this attempt still out, without a worker (its coordinator was restarted, or its worker said
 * hello anew)? Then the worker that has it may go on.
 */
bool core_attempt_is_orphan(const struct core *core, uint64_t attempt, uint64_t epoch);

/* This worker has that orphan: it goes on there, under the same id and epoch. */
void core_worker_adopt(struct core *core, uint64_t now_us, uint64_t number, uint64_t attempt,
		       uint64_t epoch);

/*
 * The worker that was `session` has said all it had to say and shown all it runs: what was given to
 * it then and was not adopted is lost.
 */
void core_session_over(struct core *core, uint64_t now_us, uint64_t session);

/* It takes no more work (draining) or does again, which also takes an eviction back. */
void core_worker_drain(struct core *core, uint64_t now_us, uint64_t number, bool draining);

/* What it still runs at `at_us` is cancelled and runs elsewhere, and nobody is blamed for it. */
void core_worker_evict(struct core *core, uint64_t now_us, uint64_t number, uint64_t at_us);

/*
 * Take it out as one that fails more than chance explains, or trust it again: what it did until now
 * is forgotten.
 */
void core_worker_quarantine(struct core *core, uint64_t now_us, uint64_t worker, bool quarantined);

/*
 * Leases, quotas and quarantine from now on; the seed stays. A lease or suspicion of 0 stays as it
 * is.
 */
void core_configure(struct core *core, uint64_t now_us, const struct core_options *options);

/*
 * Something happened at an attempt. Also renews the lease of the worker, which may be 0 (one that
 * has not joined yet): whose attempt it is, its id and epoch prove. 0, or -EPROTO with err when the
 * event makes no sense (peer's fault).
 */
int core_worker_event(struct core *core, uint64_t now_us, uint64_t number,
		      const struct msg_event *event, struct err *err);

/* It said goodbye, or its connection was proven dead: its attempts are lost now. */
void core_worker_left(struct core *core, uint64_t now_us, uint64_t number, const char *why);

/* It is gone but said that it comes back: its attempts wait for it as orphans, for one lease. */
void core_worker_away(struct core *core, uint64_t now_us, uint64_t number, const char *why);

/*
 * A run is wanted. `submit` (programs, options) is copied; `history` (may be NULL) is taken over
 * - the struct is moved out of and left empty. `name` is the run's name. Returns the run's number
 * (> 0), or 0 with err (a filter that does not parse, no memory).
 */
uint64_t core_run_submit(struct core *core, uint64_t now_us, const struct msg_submit *submit,
			 const char *name, struct estimate_table *history, struct err *err);

/* Whose run it is: the runs of one client share its quota. What is said first, counts. */
void core_run_of_client(struct core *core, uint64_t number, struct str client);

/*
 * A run that an earlier core had, built again from what that one journalled: begin as submitted,
 * then each decision and event in the order they were written, then end. Nothing is emitted before
 * the end. Attempts that were out are orphans then, for one lease. Events of a run that was over
 * make core_restore_end return 1 with its exit code; the run is to be forgotten. Errors: -ENOMEM,
 * -EBADMSG with err when the journal contradicts itself; forget the run then, too.
 */
uint64_t core_restore_begin(struct core *core, uint64_t now_us, const struct msg_submit *submit,
			    const char *name, struct estimate_table *history, struct err *err);
int core_restore_decision(struct core *core, uint64_t number, const struct msg_decision *decision,
			  struct err *err); /* as core_restore_begin */
int core_restore_event(struct core *core, uint64_t number, const struct msg_run_event *event,
		       struct err *err); /* as core_restore_begin */
int core_restore_end(struct core *core, uint64_t now_us, uint64_t number, int *ret_exit_code,
		     struct err *err); /* as core_restore_begin */

/*
 * Start no more of it; kill what runs when `immediate`. The rest ends as notrun. `exit_code` is
 * at least this.
 */
void core_run_stop(struct core *core, uint64_t now_us, uint64_t number, const char *why,
		   int exit_code, bool immediate);

/* Forget a run that is done, or that could not be restored. */
void core_run_forget(struct core *core, uint64_t number);

/* Time passed: leases, deadlines. Call at the time core_deadline_us names, or more often. */
void core_tick(struct core *core, uint64_t now_us);

/* When core_tick is next needed, UINT64_MAX for never. */
uint64_t core_deadline_us(const struct core *core);

/* Numbers for a status line. Zeroed when the run is unknown. Views live until the next call. */
struct core_run_status {
	struct str name, client;
	uint64_t programs, programs_listed;
	uint64_t cases, finished, running; /* listed cases */
	uint64_t red, found;
	uint64_t left_us; /* estimated work not yet handed out */
	uint64_t age_us, priority;
	uint64_t slots; /* it takes now */
	bool stopped;
	uint64_t steps; /* comparisons its queues made: what deciding cost, counted */
	uint64_t outcomes[OUTCOME_MAX];
};
struct core_run_status core_run_status(const struct core *core,
				       uint64_t number); /* of a run, as above */

/* The run at a place of the table, from 0 on: its number; 0 behind the last. */
uint64_t core_run_at(const struct core *core, size_t place);

/* What a worker is about, the worst first where several are true. */
enum core_worker_state {
	CORE_WORKER_HEALTHY,
	CORE_WORKER_DRAINING,	 /* it takes no more work */
	CORE_WORKER_SUSPECT,	 /* not heard for a while: it gets none */
	CORE_WORKER_QUARANTINED, /* it failed more than chance explains: it gets none */
	CORE_WORKER_STATE_MAX,
};

/* Views live until the next call. */
struct core_worker_status {
	uint64_t number;
	struct str name;
	const struct str *tags;
	size_t n_tags;
	uint64_t slots, used, attempts;
	uint64_t heard_us; /* ago */
	enum core_worker_state state;
};

/*
 * The next worker of the table from place *place on, which moves behind it. False when there is
 * none.
 */
bool core_worker_next(const struct core *core, uint64_t now_us, size_t *place,
		      struct core_worker_status *ret_status);

/* The worker with this number, as core_worker_next. False: unknown. */
bool core_worker_status(const struct core *core, uint64_t now_us, uint64_t number,
			struct core_worker_status *ret_status);

/* Why a run does not go faster: one reason of several. */
enum core_reason_kind {
	CORE_REASON_RUNNING,   /* these run, and where */
	CORE_REASON_LISTING,   /* cases are not known before programs are listed */
	CORE_REASON_NO_WORKER, /* no connected worker offers what is required */
	CORE_REASON_WORKERS,   /* workers that would serve are suspect or draining */
	CORE_REASON_BUSY,      /* all slots that would serve are taken, and by whom */
	CORE_REASON_LOCK,      /* a case holds it, others wait */
	CORE_REASON_AFTER,     /* cases wait for others to end */
	CORE_REASON_ALONE,     /* cases that run alone wait for the others */
	CORE_REASON_STOPPED,
	CORE_REASON_DONE,
	CORE_REASON_MAX,
};

struct core_reason {
	enum core_reason_kind kind;
	uint64_t count;	 /* cases, programs, workers or slots it is about */
	struct str text; /* a sentence; valid during the call */
};

/* Hand out the reasons of a run, the weightiest first. False: the run is unknown. */
bool core_run_explain(const struct core *core, uint64_t now_us, uint64_t number,
		      void (*each)(void *data, const struct core_reason *reason), void *data);

#endif
