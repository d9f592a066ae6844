// SPDX-License-Identifier: Apache-2.0
/*
 * core.c - the doors of the core: every exported call of core.h, the queue of actions, and time.
 * Invariant: after each call the queue holds all consequences of it; the owner drains before it
 * feeds again or not, at its choice.
 */
#include "coordinator/core/core.h"

#include "coordinator/core/state.h"
#include "protocol/base/assert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	SUSPECT_US = 5000000,
	LEASE_US = 15000000
}; /* facts of the wire design: suspect at 5 s, lost at 15 s */

struct core *core_new(const struct core_options *options)
{
	struct core *core = calloc(1, sizeof(*core));
	if (!core)
		return NULL;
	if (options)
		core->options = *options;
	if (!core->options.suspect_us)
		core->options.suspect_us = SUSPECT_US;
	if (!core->options.lease_us)
		core->options.lease_us = LEASE_US;
	rng_seed(&core->rng, core->options.seed);
	return core;
}

static void free_worker(struct core_worker *worker)
{
	free((char *)worker->name.data);
	for (size_t i = 0; i < worker->n_tags; i++)
		free((char *)worker->tags[i].data);
	free(worker->tags);
	free(worker->attempts.items);
	*worker = (struct core_worker){ 0 };
}

void core_free(struct core *core)
{
	if (!core)
		return;
	for (size_t i = 0; i < core->attempts.len; i++)
		if (core->attempts.items[i].id)
			assign_release(core, &core->attempts.items[i]);
	for (size_t i = 0; i < core->workers.len; i++)
		free_worker(&core->workers.items[i]);
	for (size_t i = 0; i < core->runs.len; i++)
		run_free(core->runs.items[i]);
	free(core->workers.items);
	free(core->runs.items);
	free(core->attempts.items);
	free(core->free_attempts.items);
	free(core->actions.items);
	arena_done(&core->arena);
	free(core);
}

void *core_action_alloc(struct core *core, size_t bytes)
{
	void *memory = arena_alloc(&core->arena, bytes);
	if (!memory)
		core->out_of_memory = true;
	return memory;
}

void core_push(struct core *core, const struct core_action *action)
{
	if (VEC_PUSH(&core->actions, *action) < 0)
		core->out_of_memory = true;
}

/*
 * Something of a run was dropped, and nobody knows what: better none than a wrong report. The
 * next runs start afresh.
 */
static void stop_runs(struct core *core)
{
	for (size_t i = 0; i < core->runs.len; i++) {
		struct core_run *run = core->runs.items[i];
		if (run->finished)
			continue;
		run_stop(core, run,
			 "the coordinator ran out of memory: make the suites smaller or "
			 "give it more",
			 EXIT_CODE_INCOMPLETE, true);
		run_check_finished(core, run);
	}
	core->out_of_memory = false;
}

bool core_next_action(struct core *core, struct core_action *ret_action)
{
	if (core->out_of_memory)
		stop_runs(core);
	if (core->next_action == core->actions.len && core->work_changed)
		assign_all(core);
	if (core->next_action < core->actions.len) {
		*ret_action = core->actions.items[core->next_action++];
		return true;
	}
	return false;
}

/*
 * Start of every call that changes something: time moves on, drained actions and what they
 * pointed to are forgotten.
 */
static void enter(struct core *core, uint64_t now_us)
{
	ASSERT(now_us >= core->now_us);
	core->now_us = now_us;
	if (core->next_action == core->actions.len && core->actions.len) {
		core->actions.len = core->next_action = 0;
		arena_clear(&core->arena);
	}
}

struct core_run *core_find_run(const struct core *core, uint64_t number)
{
	for (size_t i = 0; i < core->runs.len; i++)
		if (core->runs.items[i]->number == number)
			return core->runs.items[i];
	return NULL;
}

struct core_worker *core_find_worker(const struct core *core, uint64_t number)
{
	size_t place = number & 0xffff;
	if (!number || place >= core->workers.len || core->workers.items[place].number != number)
		return NULL;
	return &core->workers.items[place];
}

static void tell_runs(struct core *core, const struct msg_run_event *event)
{
	for (size_t i = 0; i < core->runs.len; i++)
		if (!core->runs.items[i]->finished)
			run_emit(core, core->runs.items[i], event);
}

static int fill_worker(struct core_worker *worker, const struct core_worker_spec *spec)
{
	worker->name = (struct str){ str_dup(spec->name), spec->name.len };
	worker->tags = calloc(spec->n_tags + 1, sizeof(*worker->tags));
	if (!worker->name.data || !worker->tags)
		return -ENOMEM;
	for (size_t i = 0; i < spec->n_tags; i++) {
		worker->tags[i] = (struct str){ str_dup(spec->tags[i]), spec->tags[i].len };
		if (!worker->tags[i].data)
			return -ENOMEM;
		worker->n_tags++;
	}
	worker->slots = spec->slots ? spec->slots : 1;
	return 0;
}

/* The name where it outlives the worker: an action may be drained after it left. */
static struct str name_in_arena(struct core *core, const struct core_worker *worker)
{
	char *name = core_action_alloc(core, worker->name.len + 1);
	if (!name)
		return (struct str){ .data = "" };
	memcpy(name, worker->name.data, worker->name.len);
	return (struct str){ name, worker->name.len };
}

uint64_t core_worker_joined(struct core *core, uint64_t now_us, const struct core_worker_spec *spec)
{
	enter(core, now_us);
	size_t place = 0;
	while (place < core->workers.len && core->workers.items[place].number)
		place++;
	if (place > 0xffff ||
	    (place == core->workers.len && VEC_PUSH(&core->workers, (struct core_worker){ 0 }) < 0))
		return 0;
	struct core_worker *worker = &core->workers.items[place];
	if (fill_worker(worker, spec) < 0) {
		free_worker(worker);
		return 0;
	}
	worker->number = (++core->serial << 16) | place;
	worker->heard_us = now_us;
	core->slots += worker->slots;
	tell_runs(core, &(struct msg_run_event){ .kind = MSG_RUN_WORKER_JOINED,
						 .worker = name_in_arena(core, worker),
						 .slots = worker->slots });
	core->work_changed = true;
	return worker->number;
}

/* The worker, its lease renewed; NULL when it is unknown. */
static struct core_worker *hear(struct core *core, uint64_t number)
{
	struct core_worker *worker = core_find_worker(core, number);
	if (!worker)
		return NULL;
	if (core->now_us - worker->heard_us >= core->options.suspect_us)
		core->work_changed = true; /* it was suspect and got no work */
	worker->heard_us = core->now_us;
	return worker;
}

bool core_worker_ready(struct core *core, uint64_t now_us, uint64_t number, uint64_t free_slots)
{
	enter(core, now_us);
	struct core_worker *worker = hear(core, number);
	if (worker && free_slots)
		core->work_changed = true;
	return worker;
}

void core_renew_leases(struct core *core, uint64_t now_us)
{
	enter(core, now_us);
	for (size_t i = 0; i < core->workers.len; i++)
		core->workers.items[i].heard_us = now_us;
}

void core_worker_drain(struct core *core, uint64_t now_us, uint64_t number, bool draining)
{
	enter(core, now_us);
	struct core_worker *worker = hear(core, number);
	if (!worker || worker->draining == draining)
		return;
	worker->draining = draining;
	core->work_changed = true;
}

int core_worker_event(struct core *core, uint64_t now_us, uint64_t number,
		      const struct msg_event *event, struct err *err)
{
	enter(core, now_us);
	if (!hear(core, number))
		return err_set(err, -EPROTO, "an event of a worker that never said hello");
	struct core_attempt *attempt = assign_find(core, event->attempt);
	if (!attempt || attempt->epoch != event->epoch || attempt->worker != number)
		/* a late word about an attempt that was given up: journalled by the server,
		 * merged never */
		return 0;
	return merge_event(core, attempt, event, err);
}

void core_worker_left(struct core *core, uint64_t now_us, uint64_t number, const char *why)
{
	enter(core, now_us);
	struct core_worker *worker = core_find_worker(core, number);
	if (!worker)
		return;
	char *text = core_action_alloc(core, strlen(why) + 1);
	if (text) {
		memcpy(text, why, strlen(why) + 1);
		tell_runs(core, &(struct msg_run_event){ .kind = MSG_RUN_WORKER_LEFT,
							 .worker = name_in_arena(core, worker),
							 .message = str_of(text) });
	}
	while (worker->attempts.len)
		merge_lost(core,
			   &core->attempts.items[worker->attempts.items[worker->attempts.len - 1]]);
	core->slots -= worker->slots;
	free_worker(worker);
	core->work_changed = true;
}

uint64_t core_run_submit(struct core *core, uint64_t now_us, const struct msg_submit *submit,
			 const char *name, struct estimate_table *history, struct err *err)
{
	enter(core, now_us);
	struct core_run *run = run_new(core, submit, name, history, err);
	if (!run)
		return 0;
	if (VEC_PUSH(&core->runs, run) < 0) {
		run_free(run);
		err_set(err, -ENOMEM, "no memory for another run");
		return 0;
	}
	run->held = run->partition.kind != PARTITION_NONE;
	run_emit(core, run,
		 &(struct msg_run_event){ .kind = MSG_RUN_STARTED,
					  .name = str_of(run->name),
					  .count = run->programs.len,
					  .slots = core->slots });
	run_check_finished(core, run);
	core->work_changed = true;
	return run->number;
}

void core_run_stop(struct core *core, uint64_t now_us, uint64_t number, const char *why,
		   int exit_code, bool immediate)
{
	enter(core, now_us);
	struct core_run *run = core_find_run(core, number);
	if (!run || run->finished)
		return;
	run_stop(core, run, why, exit_code, immediate);
	run_check_finished(core, run);
}

void core_run_forget(struct core *core, uint64_t number)
{
	for (size_t i = 0; i < core->runs.len; i++) {
		struct core_run *run = core->runs.items[i];
		if (run->number != number)
			continue;
		ASSERT(run->finished);
		memmove(core->runs.items + i, core->runs.items + i + 1,
			(core->runs.len - i - 1) * sizeof(struct core_run *));
		core->runs.len--;
		run_free(run);
		return;
	}
}

void core_tick(struct core *core, uint64_t now_us)
{
	enter(core, now_us);
	for (size_t i = 0; i < core->workers.len; i++) {
		const struct core_worker *worker = &core->workers.items[i];
		if (worker->number && now_us - worker->heard_us >= core->options.lease_us)
			core_worker_left(core, now_us, worker->number,
					 "its lease ran out: nothing was heard of it");
	}
	for (size_t i = 0; i < core->runs.len; i++) {
		struct core_run *run = core->runs.items[i];
		if (!run->finished && now_us >= run->deadline_us) {
			run->deadline_us = UINT64_MAX;
			core_run_stop(core, now_us, run->number,
				      "the global deadline passed (--global-timeout)",
				      EXIT_CODE_DEADLINE, true);
		}
	}
}

uint64_t core_deadline_us(const struct core *core)
{
	uint64_t deadline = UINT64_MAX;
	for (size_t i = 0; i < core->workers.len; i++) {
		const struct core_worker *worker = &core->workers.items[i];
		if (worker->number && worker->heard_us + core->options.lease_us < deadline)
			deadline = worker->heard_us + core->options.lease_us;
	}
	for (size_t i = 0; i < core->runs.len; i++)
		if (!core->runs.items[i]->finished && core->runs.items[i]->deadline_us < deadline)
			deadline = core->runs.items[i]->deadline_us;
	return deadline;
}

struct core_run_status core_run_status(const struct core *core, uint64_t number)
{
	struct core_run_status status = { 0 };
	const struct core_run *run = core_find_run(core, number);
	if (!run)
		return status;
	status.programs = run->programs.len;
	status.programs_listed = run->listed;
	status.cases = run->cases.len;
	status.finished = run->done;
	status.running = run->running;
	status.red = run->red;
	status.found = run->n_found;
	status.left_us = run->left_us;
	status.steps = run->steps;
	memcpy(status.outcomes, run->outcomes, sizeof(status.outcomes));
	return status;
}
