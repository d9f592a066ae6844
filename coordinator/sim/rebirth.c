// SPDX-License-Identifier: Apache-2.0
/*
 * rebirth.c - coordinators that die. What the core decides is kept here until it becomes durable,
 * whole drains at a time, as the server's commits are; only then it reaches workers and observers.
 * While the disk is full nothing becomes durable. When the coordinator dies, whatever was not is
 * gone (a torn journal is one whose last commit never was), and of what was, some orders never
 * left. A new core is built from the journal through the doors that the server uses.
 */
#include "coordinator/sim/state.h"

#include "protocol/base/assert.h"
#include "protocol/base/vec.h"
#include "protocol/wire/record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define LATER 0.3 /* probability that a commit waits for the next drain */

enum {
	FULL_US = 20000000, /* a full disk stays so for less than this */
	/* of a world: who dies more often than a lease lasts, for ever, gives nobody up */
	DEATHS_MAX = 200,
};

/* A deep copy of a message or record, or NULL. */
static void *copy_of(struct sim *sim, const struct msg_record *describe, const void *from)
{
	void *to = from ? arena_alloc(&sim->arena, describe->bytes) : NULL;
	if (from && (!to || record_copy(describe, from, to, &sim->arena) < 0))
		sim->out_of_memory = true;
	return to;
}

void rebirth_keep(struct sim *sim, const struct sim_pending *from)
{
	const struct core_action *action = &from->action;
	struct sim_pending item = *from;
	item.action.assign = copy_of(sim, &msg_record_assign, action->assign);
	item.action.event = copy_of(sim, &msg_record_run_event, action->event);
	item.action.decision = copy_of(sim, msg_describe(MSG_DECISION), action->decision);
	if (action->cancel) {
		struct msg_cancel *cancel = arena_alloc(&sim->arena, sizeof(*cancel));
		ASSERT(cancel);
		*cancel = *action->cancel;
		cancel->reason = STR_LIT("as the world says");
		item.action.cancel = cancel;
	}
	if (VEC_PUSH(&sim->pending, item) < 0)
		sim->out_of_memory = true;
}

/* All that is kept becomes durable and takes effect, but orders only while `deliver` lasts. */
static void commit(struct sim *sim, size_t deliver)
{
	for (size_t i = 0; i < sim->pending.len; i++) {
		const struct sim_pending *item = &sim->pending.items[i];
		bool order = item->action.kind == CORE_ACTION_ASSIGN ||
			     item->action.kind == CORE_ACTION_CANCEL;
		struct sim_entry entry = { .run = item->run,
					   .decision = item->action.decision,
					   .event = item->action.event };
		if ((entry.decision || entry.event) && VEC_PUSH(&sim->journal, entry) < 0)
			sim->out_of_memory = true;
		sim_perform(sim, item, deliver > 0);
		if (order && deliver)
			deliver--;
	}
	sim->pending.len = 0;
}

static int restore_run(struct sim *sim, size_t at, struct err *err)
{
	const struct sim_observer *observer = sim->world->observer;
	const struct sim_run *run = &sim->world->runs[at];
	char name[32];
	int exit_code = 0, r = 0;
	snprintf(name, sizeof(name), "%zu", at);
	uint64_t number = core_restore_begin(sim->core, sim->now_us, &sim->submissions[at], name,
					     NULL, err);
	if (!number)
		return -EINVAL;
	for (size_t i = 0; r == 0 && i < sim->journal.len; i++) {
		const struct sim_entry *entry = &sim->journal.items[i];
		if (entry->run != at)
			continue;
		r = entry->decision ? core_restore_decision(sim->core, number, entry->decision, err)
				    : core_restore_event(sim->core, number, entry->event, err);
	}
	if (r < 0)
		return r;
	sim->run_numbers[at] = number;
	if (observer && observer->restored)
		observer->restored(observer->data, at, number);
	r = core_restore_end(sim->core, sim->now_us, number, &exit_code, err);
	if (r == 1)
		return err_set(err, -EBADMSG, "run %zu was over and is restored", at);
	if (r == 0 && run->stop_us && sim->now_us >= run->stop_us) /* its client says it again */
		core_run_stop(sim->core, sim->now_us, number, "stopped by the world",
			      run->stop_code, run->stop_immediate);
	return r;
}

static int die(struct sim *sim, struct err *err)
{
	const struct sim_observer *observer = sim->world->observer;
	sim->restarts++;
	sim->pending.len = 0;
	core_free(sim->core);
	sim->core = core_new(&(struct core_options){ .seed = sim->world->seed + sim->restarts,
						     .serial = sim->restarts << 20,
						     .lease_us = SIM_LEASE_US,
						     .quarantine = sim->world->quarantine,
						     .journal = true });
	if (!sim->core)
		return err_set(err, -ENOMEM, "no memory for a simulated coordinator");
	if (observer && observer->restarted)
		observer->restarted(observer->data);
	crew_orphaned(sim);
	for (size_t at = 0; at < sim->world->n_runs; at++) {
		bool goes_on = sim->run_numbers[at] && !sim->results[at].ended;
		sim->run_numbers[at] = 0; /* numbers of the core that died mean nothing now */
		int r = goes_on ? restore_run(sim, at, err) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

int rebirth_settle(struct sim *sim, struct err *err)
{
	if (!sim->pending.len)
		return 0;
	for (unsigned deaths = 0;
	     deaths < 3 && sim->restarts < DEATHS_MAX && rng_unit(&sim->rng) < sim->world->restart;
	     deaths++) {
		if (rng_below(&sim->rng, 2)) /* after the commit, while the orders leave */
			commit(sim, rng_below(&sim->rng, 3));
		int r = sim->ended < sim->world->n_runs ? die(sim, err) : 0;
		if (r < 0)
			return r;
		struct sim_pending item = { 0 };
		for (; core_next_action(sim->core, &item.action); rebirth_keep(sim, &item))
			item.run = sim_find_run(sim, item.action.run);
	}
	if (sim->now_us >= sim->full_until_us && rng_unit(&sim->rng) < sim->world->full) {
		sim->full_until_us = sim->now_us + rng_below(&sim->rng, FULL_US);
		sim->fulls++;
	}
	if (sim->now_us < sim->full_until_us || rng_unit(&sim->rng) < LATER)
		return 0;
	commit(sim, SIZE_MAX);
	crew_acknowledged(sim);
	return 0;
}

void rebirth_done(struct sim *sim)
{
	free(sim->pending.items);
	free(sim->journal.items);
}
