// SPDX-License-Identifier: Apache-2.0
/*
 * core.c - the doors of the core: every exported call of core.h, the queue of actions, and time.
 * Invariant: after each call the queue holds all consequences of it; the owner drains before it
 * feeds again or not, at its choice.
 */
#include "coordinator/core/core.h"

#include "coordinator/core/state.h"
#include "protocol/base/assert.h"
#include "protocol/wire/record.h"

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
	core->serial = core->options.serial;
	rng_seed(&core->rng, core->options.seed);
	core->heard = core->suspects = (struct core_list){ CORE_NOBODY, CORE_NOBODY };
	core->evict_us = UINT64_MAX;
	return core;
}

void core_free(struct core *core)
{
	if (!core)
		return;
	for (size_t i = 0; i < core->attempts.len; i++)
		if (core->attempts.items[i].id)
			assign_release(core, &core->attempts.items[i]);
	for (size_t i = 0; i < core->runs.len; i++)
		run_free(core->runs.items[i]);
	roster_done(core);
	free(core->runs.items);
	free(core->order.items);
	free(core->attempts.items);
	free(core->free_attempts.items);
	free(core->dirty.items);
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

void core_decide(struct core *core, const struct core_run *run, const struct msg_decision *decision)
{
	if (!core->options.journal || run->restoring)
		return;
	struct msg_decision *copy = core_action_alloc(core, sizeof(*copy));
	if (!copy || record_copy(msg_describe(MSG_DECISION), decision, copy, &core->arena) < 0) {
		core->out_of_memory = true;
		return;
	}
	core_push(core, &(struct core_action){ .kind = CORE_ACTION_DECISION,
					       .run = run->number,
					       .decision = copy });
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
	if (core->next_action == core->actions.len && core->dirty.len)
		assign_settle(core);
	if (core->next_action < core->actions.len) {
		*ret_action = core->actions.items[core->next_action++];
		const struct core_worker *worker = core_find_worker(core, ret_action->worker);
		ret_action->owner = worker ? worker->owner : 0;
		return true;
	}
	return false;
}

void core_enter(struct core *core, uint64_t now_us)
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

uint64_t core_run_submit(struct core *core, uint64_t now_us, const struct msg_submit *submit,
			 const char *name, struct estimate_table *history, struct err *err)
{
	core_enter(core, now_us);
	struct core_run *run = run_new(core, submit, name, history, err);
	if (!run)
		return 0;
	if (VEC_PUSH(&core->runs, run) < 0) {
		run_free(run);
		err_set(err, -ENOMEM, "no memory for another run");
		return 0;
	}
	roster_count(core, run);
	run->held = run->partition.kind != PARTITION_NONE;
	run_announce(core, run);
	run_check_finished(core, run);
	core->work_changed = true;
	return run->number;
}

void core_run_of_client(struct core *core, uint64_t number, struct str client)
{
	struct core_run *run = core_find_run(core, number);
	if (!run || run->client != CORE_NOBODY)
		return;
	run->client = roster_client(core, client);
	if (run->client == CORE_NOBODY) {
		core->out_of_memory = true;
		return;
	}
	core->clients.items[run->client].runs++;
	core->clients.items[run->client].used += run->used;
}

void core_configure(struct core *core, uint64_t now_us, const struct core_options *options)
{
	core_enter(core, now_us);
	if (options->suspect_us)
		core->options.suspect_us = options->suspect_us;
	if (options->lease_us)
		core->options.lease_us = options->lease_us;
	core->options.client_slots = options->client_slots;
	core->options.quarantine = options->quarantine;
	core->work_changed = true;
}

void core_run_stop(struct core *core, uint64_t now_us, uint64_t number, const char *why,
		   int exit_code, bool immediate)
{
	core_enter(core, now_us);
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
		for (size_t j = 0; !run->finished && j < core->attempts.len; j++)
			if (core->attempts.items[j].id && core->attempts.items[j].run == number)
				assign_release(core, &core->attempts.items[j]);
		trust_run_over(core, run);
		memmove(core->runs.items + i, core->runs.items + i + 1,
			(core->runs.len - i - 1) * sizeof(struct core_run *));
		core->runs.len--;
		if (run->client != CORE_NOBODY && !--core->clients.items[run->client].runs) {
			free((char *)core->clients.items[run->client].name.data);
			core->clients.items[run->client].name = (struct str){ 0 };
		}
		run_free(run);
		return;
	}
}

void core_tick(struct core *core, uint64_t now_us)
{
	core_enter(core, now_us);
	roster_tick(core);
	for (size_t i = 0; i < core->runs.len; i++) {
		struct core_run *run = core->runs.items[i];
		if (!run->finished && now_us >= run->deadline_us) {
			run->deadline_us = UINT64_MAX;
			core_run_stop(core, now_us, run->number,
				      "the global deadline passed (--global-timeout)",
				      EXIT_CODE_DEADLINE, true);
		}
	}
	slow_tick(core);
	class_tick(core);
}

uint64_t core_deadline_us(const struct core *core)
{
	uint64_t deadline = roster_deadline_us(core), due = class_deadline_us(core),
		 slow = slow_deadline_us(core);
	deadline = due < deadline ? due : deadline;
	deadline = slow < deadline ? slow : deadline;
	for (size_t i = 0; i < core->runs.len; i++)
		if (!core->runs.items[i]->finished && core->runs.items[i]->deadline_us < deadline)
			deadline = core->runs.items[i]->deadline_us;
	return deadline;
}
