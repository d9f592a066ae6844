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
};

/* What happened to the workers' tags and sizes: as the hello message says. */
struct core_worker_spec {
	struct str name;
	uint64_t slots;
	const struct str *tags;
	size_t n_tags;
};

enum core_action_kind {
	CORE_ACTION_ASSIGN,   /* worker, assign: start it there */
	CORE_ACTION_CANCEL,   /* worker, cancel */
	CORE_ACTION_EVENT,    /* run, event: report, journal, tell watchers */
	CORE_ACTION_RUN_DONE, /* run, exit_code: after its last event */
};

struct core_action {
	enum core_action_kind kind;
	uint64_t worker;
	uint64_t run;
	const struct msg_assign *assign;
	const struct msg_cancel *cancel;
	const struct msg_run_event *event;
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
 * It asks for work: `free_slots` it could start now. Also renews its lease. Work comes as ASSIGN
 * actions. False: it is not known (any more: its lease ran out) and has to join.
 */
bool core_worker_ready(struct core *core, uint64_t now_us, uint64_t worker, uint64_t free_slots);

/*
 * The owner did not listen until now (it was stopped, or slept): whoever was silent has its lease
 * anew.
 */
void core_renew_leases(struct core *core, uint64_t now_us);

/* It takes no more work (draining) or does again. */
void core_worker_drain(struct core *core, uint64_t now_us, uint64_t number, bool draining);

/*
 * Something happened at an attempt. Also renews the lease. 0, or -EPROTO with err when the event
 * makes no sense (peer's fault).
 */
int core_worker_event(struct core *core, uint64_t now_us, uint64_t number,
		      const struct msg_event *event, struct err *err);

/* It said goodbye, or its connection was proven dead: its attempts are lost now. */
void core_worker_left(struct core *core, uint64_t now_us, uint64_t number, const char *why);

/*
 * A run is wanted. `submit` (programs, options) is copied; `history` (may be NULL) is taken over
 * - the struct is moved out of and left empty. `name` is the run's name. Returns the run's number
 * (> 0), or 0 with err (a filter that does not parse, no memory).
 */
uint64_t core_run_submit(struct core *core, uint64_t now_us, const struct msg_submit *submit,
			 const char *name, struct estimate_table *history, struct err *err);

/*
 * Start no more of it; kill what runs when `immediate`. The rest ends as notrun. `exit_code` is
 * at least this.
 */
void core_run_stop(struct core *core, uint64_t now_us, uint64_t number, const char *why,
		   int exit_code, bool immediate);

/* Forget a run that is done. */
void core_run_forget(struct core *core, uint64_t number);

/* Time passed: leases, deadlines. Call at the time core_deadline_us names, or more often. */
void core_tick(struct core *core, uint64_t now_us);

/* When core_tick is next needed, UINT64_MAX for never. */
uint64_t core_deadline_us(const struct core *core);

/* Numbers for a status line. Zeroed when the run is unknown. */
struct core_run_status {
	uint64_t programs, programs_listed;
	uint64_t cases, finished, running; /* listed cases */
	uint64_t red, found;
	uint64_t left_us; /* estimated work not yet handed out */
	uint64_t steps;	  /* comparisons its queues made: what deciding cost, counted */
	uint64_t outcomes[OUTCOME_MAX];
};
struct core_run_status core_run_status(const struct core *core,
				       uint64_t number); /* of a run, as above */

#endif
