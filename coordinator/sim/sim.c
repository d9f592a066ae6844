// SPDX-License-Identifier: Apache-2.0
/*
 * sim.c - virtual time around the core. One loop: take what is due next, let it happen, then
 * drain the core's actions and turn its orders into new entries of the agenda. Time passes only
 * between entries. Invariant: the core is never called with a time before the last one, and its
 * actions are drained after every call.
 */
#include "coordinator/sim/sim.h"

#include "coordinator/sim/state.h"
#include "protocol/base/assert.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define YEAR_US (UINT64_C(365) * 86400 * 1000000)

void sim_due(struct sim *sim, enum sim_due kind, uint32_t what, uint64_t delay_us, uint64_t check)
{
	if (agenda_put(&sim->agenda, (struct agenda_item){ .at_us = sim->now_us + delay_us,
							   .kind = kind,
							   .what = what,
							   .check = check }) < 0)
		sim->out_of_memory = true;
}

size_t sim_find_run(const struct sim *sim, uint64_t number)
{
	for (size_t i = 0; i < sim->world->n_runs; i++)
		if (sim->run_numbers[i] == number)
			return i;
	return SIZE_MAX;
}

/* ---- setting the scene ---- */

/* What each program lists, each case carrying the index of its truth. */
static int fill_listing(struct sim *sim, const struct sim_program *program, size_t from,
			struct sim_listing *listing)
{
	listing->items = arena_alloc(&sim->arena, program->n_cases * sizeof(struct msg_listed) + 1);
	if (!listing->items)
		return -ENOMEM;
	for (size_t i = 0; i < program->n_cases; i++) {
		sim->truths[from + i].of = &program->cases[i];
		sim->truth_ids[from + i] = (uint32_t)(from + i);
		listing->items[i] = program->cases[i].listed;
		listing->items[i].detail = (struct str){ (const char *)&sim->truth_ids[from + i],
							 sizeof(uint32_t) };
	}
	return 0;
}

static int fill_truths(struct sim *sim)
{
	const struct sim_world *world = sim->world;
	size_t total = 0, from = 0;
	for (size_t r = 0; r < world->n_runs; r++)
		for (size_t p = 0; p < world->runs[r].n_programs; p++)
			total += world->runs[r].programs[p].n_cases;
	sim->truths = calloc(total + 1, sizeof(*sim->truths));
	sim->truth_ids = calloc(total + 1, sizeof(*sim->truth_ids));
	sim->listings = calloc(world->n_runs + 1, sizeof(struct sim_listing *));
	sim->run_numbers = calloc(world->n_runs + 1, sizeof(*sim->run_numbers));
	sim->crew = calloc(world->n_workers + 1, sizeof(*sim->crew));
	sim->submissions = calloc(world->n_runs + 1, sizeof(*sim->submissions));
	if (!sim->truths || !sim->truth_ids || !sim->listings || !sim->run_numbers || !sim->crew ||
	    !sim->submissions)
		return -ENOMEM;
	for (size_t r = 0; r < world->n_runs; r++) {
		const struct sim_run *run = &world->runs[r];
		sim->listings[r] = arena_alloc(&sim->arena,
					       (run->n_programs + 1) * sizeof(struct sim_listing));
		for (size_t p = 0; p < run->n_programs; from += run->programs[p++].n_cases)
			if (!sim->listings[r] ||
			    fill_listing(sim, &run->programs[p], from, &sim->listings[r][p]) < 0)
				return -ENOMEM;
	}
	return 0;
}

static void fill_agenda(struct sim *sim)
{
	for (uint32_t i = 0; i < sim->world->n_workers; i++) {
		const struct sim_worker *worker = &sim->world->workers[i];
		sim_due(sim, SIM_DUE_JOIN, i, worker->join_us, 0);
		if (worker->silent_us)
			sim_due(sim, SIM_DUE_SILENT, i, worker->silent_us, 0);
		if (worker->back_us)
			sim_due(sim, SIM_DUE_BACK, i, worker->back_us, 0);
		if (worker->drain_us)
			sim_due(sim, SIM_DUE_DRAIN, i, worker->drain_us, 0);
		if (sim->world->beat_us)
			sim_due(sim, SIM_DUE_BEAT, i, worker->join_us + 1, 0);
	}
	for (uint32_t i = 0; i < sim->world->n_runs; i++) {
		sim_due(sim, SIM_DUE_SUBMIT, i, sim->world->runs[i].at_us, 0);
		if (sim->world->runs[i].stop_us)
			sim_due(sim, SIM_DUE_STOP, i, sim->world->runs[i].stop_us, 0);
	}
}

/* ---- what happens ---- */

static int submit(struct sim *sim, uint32_t at, struct err *err)
{
	const struct sim_run *run = &sim->world->runs[at];
	struct msg_submit submission = run->submit;
	struct msg_program *programs = arena_alloc(&sim->arena,
						   (run->n_programs + 1) * sizeof(*programs));
	uint32_t *indices = arena_alloc(&sim->arena, (run->n_programs + 1) * sizeof(*indices));
	if (!programs || !indices)
		return err_set(err, -ENOMEM, "no memory for a simulated run");
	for (size_t i = 0; i < run->n_programs; i++) {
		indices[i] = (uint32_t)i;
		programs[i] = run->programs[i].spec;
		programs[i].workspace = (struct str){ (const char *)&indices[i],
						      sizeof(indices[i]) };
	}
	submission.programs = programs;
	submission.n_programs = run->n_programs;
	char name[32];
	snprintf(name, sizeof(name), "%u", at);
	if (sim->world->restart > 0)
		sim->submissions[at] = submission; /* all it points to lives as long as the world */
	sim->run_numbers[at] = core_run_submit(sim->core, sim->now_us, &submission, name,
					       run->history, err);
	return sim->run_numbers[at] ? 0 : -EINVAL;
}

static void note_event(struct sim_result *result, const struct msg_run_event *event)
{
	if (event->kind == MSG_RUN_CASE_FINISHED) {
		result->verdicts++;
		result->outcomes[event->outcome]++;
	} else if (event->kind == MSG_RUN_FINISHED) {
		result->makespan_us = event->makespan_us;
		result->bound_us = event->bound_us;
		result->busy_us = event->busy_us;
		result->slots = event->slots;
		snprintf(result->bounded_by, sizeof(result->bounded_by), "%.*s",
			 STR_ARG(event->message));
	}
}

void sim_perform(struct sim *sim, const struct sim_pending *item, bool deliver)
{
	const struct sim_observer *observer = sim->world->observer;
	const struct core_action *action = &item->action;
	bool order = action->kind == CORE_ACTION_ASSIGN || action->kind == CORE_ACTION_CANCEL;
	if (order && !deliver)
		return;
	if (observer && observer->action)
		observer->action(observer->data, sim->now_us, action);
	switch (action->kind) {
	case CORE_ACTION_ASSIGN: crew_assign(sim, action, item->run); break;
	case CORE_ACTION_CANCEL: crew_cancel(sim, action); break;
	case CORE_ACTION_EVENT:
		if (item->left && observer && observer->left)
			observer->left(observer->data, sim->now_us, item->left);
		note_event(&sim->results[item->run], action->event);
		break;
	case CORE_ACTION_QUARANTINE:
	case CORE_ACTION_DECISION: break;
	case CORE_ACTION_RUN_DONE:
		sim->results[item->run].ended = true;
		sim->results[item->run].exit_code = action->exit_code;
		sim->results[item->run].steps = core_run_status(sim->core, action->run).steps;
		sim->ended++;
		break;
	}
}

static int drain(struct sim *sim, struct err *err)
{
	struct sim_pending item = { 0 };
	while (core_next_action(sim->core, &item.action)) {
		const struct msg_run_event *event = item.action.event;
		sim->quarantined += item.action.kind == CORE_ACTION_QUARANTINE;
		if (item.action.kind == CORE_ACTION_QUARANTINE)
			continue;
		bool left = item.action.kind == CORE_ACTION_EVENT &&
			    event->kind == MSG_RUN_WORKER_LEFT;
		item.run = sim_find_run(sim, item.action.run);
		item.left = left ? crew_number(sim, event->worker) : 0;
		ASSERT(item.run < sim->world->n_runs);
		if (sim->world->restart > 0)
			rebirth_keep(sim, &item);
		else
			sim_perform(sim, &item, true);
	}
	return sim->world->restart > 0 ? rebirth_settle(sim, err) : 0;
}

static int happen(struct sim *sim, const struct agenda_item *item, struct err *err)
{
	const struct sim_run *run;
	sim->events++;
	switch ((enum sim_due)item->kind) {
	case SIM_DUE_SUBMIT: return submit(sim, item->what, err);
	case SIM_DUE_STOP:
		run = &sim->world->runs[item->what];
		core_run_stop(sim->core, sim->now_us, sim->run_numbers[item->what],
			      "stopped by the world", run->stop_code, run->stop_immediate);
		return 0;
	case SIM_DUE_JOIN:
	case SIM_DUE_SILENT:
	case SIM_DUE_BACK:
	case SIM_DUE_DRAIN:
	case SIM_DUE_BEAT:
	case SIM_DUE_STEP:
	case SIM_DUE_REJOIN:
	case SIM_DUE_SPOOL:
	case SIM_DUE_CANCEL: crew_due(sim, item); return 0;
	}
	ASSERT_NOT_REACHED();
}

/* Leases and deadlines that pass before the next thing on the agenda does. */
static bool tick(struct sim *sim)
{
	uint64_t deadline = core_deadline_us(sim->core);
	if (deadline >= agenda_next_us(&sim->agenda) || deadline == UINT64_MAX)
		return false;
	ASSERT(deadline >= sim->now_us);
	sim->now_us = deadline;
	core_tick(sim->core, sim->now_us);
	return true;
}

static int loop(struct sim *sim, struct err *err)
{
	const struct sim_world *world = sim->world;
	uint64_t end = world->give_up_us ? world->give_up_us : YEAR_US;
	bool timed = world->beat_us != 0;
	for (size_t i = 0; i < world->n_workers; i++)
		timed = timed || world->workers[i].evict_us;
	for (size_t i = 0; i < world->n_runs; i++)
		timed = timed || world->runs[i].submit.deadline_us || world->runs[i].submit.slow_us;
	while (sim->ended < world->n_runs && sim->now_us < end && !sim->out_of_memory) {
		struct agenda_item item;
		if (!timed || !tick(sim)) {
			if (!agenda_take(&sim->agenda, &item))
				break;
			sim->now_us = item.at_us;
			int r = happen(sim, &item, err);
			if (r < 0)
				return r;
		}
		int r = drain(sim, err);
		if (r < 0)
			return r;
	}
	return sim->out_of_memory ? err_set(err, -ENOMEM, "no memory for the simulation") : 0;
}

int sim_world_run(const struct sim_world *world, struct sim_result *ret_results,
		  struct sim_cost *ret_cost, struct err *err)
{
	struct sim sim = { .world = world, .results = ret_results };
	struct core_options options = { .seed = world->seed,
					.lease_us = SIM_LEASE_US,
					.quarantine = world->quarantine,
					.journal = world->restart > 0 };
	if (!world->beat_us)
		options.suspect_us = options.lease_us = UINT64_MAX / 4;
	memset(ret_results, 0, world->n_runs * sizeof(*ret_results));
	rng_seed(&sim.rng, world->seed);
	sim.core = core_new(&options);
	int r = sim.core && fill_truths(&sim) == 0
			? 0
			: err_set(err, -ENOMEM, "no memory for the simulation");
	if (r == 0) {
		fill_agenda(&sim);
		r = loop(&sim, err);
	}
	if (ret_cost)
		*ret_cost = (struct sim_cost){ .events = sim.events,
					       .steps = sim.agenda.steps,
					       .restarts = sim.restarts,
					       .quarantined = sim.quarantined,
					       .fulls = sim.fulls };
	core_free(sim.core);
	crew_done(&sim);
	rebirth_done(&sim);
	agenda_done(&sim.agenda);
	arena_done(&sim.arena);
	free(sim.truths);
	free(sim.truth_ids);
	free(sim.listings);
	free(sim.run_numbers);
	free(sim.submissions);
	return r;
}
