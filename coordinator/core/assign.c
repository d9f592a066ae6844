// SPDX-License-Identifier: Apache-2.0
/*
 * assign.c - matching free slots with work. Pull: a slot that is free gets the best shard now.
 * Per worker and run: listings first (they reveal work), then the best ready case and, from its
 * program, enough others to make a shard worth its start-up. Invariant: worker->used is the sum
 * of the processors of its attempts and never passes its slots.
 */
#include "coordinator/core/state.h"

#include "coordinator/plan/pack.h"
#include "protocol/base/assert.h"
#include "protocol/wire/limits.h"

#include <errno.h>
#include <stdlib.h>

enum {
	PLACE_BITS = 20,
	/* cases passed over, because they failed at this worker, before it gets nothing */
	SKIP_MAX = 64,
};

static bool is_healthy(const struct core *core, const struct core_worker *worker)
{
	return worker->number && !worker->draining &&
	       core->now_us - worker->heard_us < core->options.suspect_us;
}

static bool is_usable(const struct core *core, const struct core_worker *worker)
{
	return worker->used < worker->slots && is_healthy(core, worker);
}

static struct core_attempt *new_attempt(struct core *core, struct core_worker *worker,
					struct core_run *run, uint32_t program, uint64_t processors)
{
	uint32_t place;
	if (core->free_attempts.len) {
		place = core->free_attempts.items[--core->free_attempts.len];
	} else {
		if (core->attempts.len >= 1u << PLACE_BITS ||
		    VEC_PUSH(&core->attempts, (struct core_attempt){ 0 }) < 0)
			return NULL;
		place = (uint32_t)core->attempts.len - 1;
	}
	if (VEC_PUSH(&worker->attempts, place) < 0)
		return NULL;
	struct core_attempt *attempt = &core->attempts.items[place];
	*attempt = (struct core_attempt){
		.id = (++core->serial << PLACE_BITS) | place,
		.epoch = rng_next(&core->rng) >> 1,
		.worker = worker->number,
		.run = run->number,
		.program = program,
		.started_us = core->now_us,
		.processors = processors,
		.worker_place = worker->attempts.len - 1,
	};
	worker->used += processors;
	run->busy_attempts++;
	ASSERT(worker->used <= worker->slots);
	return attempt;
}

struct core_attempt *assign_find(const struct core *core, uint64_t id)
{
	size_t place = id & ((1u << PLACE_BITS) - 1);
	if (!id || place >= core->attempts.len || core->attempts.items[place].id != id)
		return NULL;
	return &core->attempts.items[place];
}

void assign_release(struct core *core, struct core_attempt *attempt)
{
	uint32_t place = (uint32_t)(attempt - core->attempts.items);
	struct core_worker *worker = core_find_worker(core, attempt->worker);
	struct core_run *run = core_find_run(core, attempt->run);
	ASSERT(attempt->id && run);
	if (worker) {
		uint32_t last = worker->attempts.items[--worker->attempts.len];
		worker->attempts.items[attempt->worker_place] = last;
		core->attempts.items[last].worker_place = attempt->worker_place;
		ASSERT(worker->used >= attempt->processors);
		worker->used -= attempt->processors;
	}
	ASSERT(run->busy_attempts > 0);
	if (!--run->busy_attempts)
		run->serial_running = false;
	run->busy_us += (core->now_us - attempt->started_us) * attempt->processors;
	for (size_t i = 0; i < attempt->found.len; i++) {
		free((char *)attempt->found.items[i].name.data);
		free((char *)attempt->found.items[i].message.data);
	}
	for (size_t i = 0; i < attempt->outputs.len; i++) {
		buf_done(&attempt->outputs.items[i].out);
		buf_done(&attempt->outputs.items[i].err);
	}
	free(attempt->cases.items);
	free(attempt->found.items);
	free(attempt->outputs.items);
	*attempt = (struct core_attempt){ 0 };
	if (VEC_PUSH(&core->free_attempts, place) < 0)
		core->out_of_memory = true;
	core->work_changed = true;
}

void assign_cancel(struct core *core, struct core_attempt *attempt, const char *why)
{
	struct msg_cancel *cancel = core_action_alloc(core, sizeof(*cancel));
	if (attempt->cancelled || !cancel)
		return;
	attempt->cancelled = true;
	*cancel = (struct msg_cancel){ .attempt = attempt->id,
				       .epoch = attempt->epoch,
				       .reason = str_of(why) };
	core_push(core, &(struct core_action){ .kind = CORE_ACTION_CANCEL,
					       .worker = attempt->worker,
					       .run = attempt->run,
					       .cancel = cancel });
}

/*
 * Queue the order for an attempt. Its cases' names live in the run; the rest in the action's
 * memory.
 */
static void push_assign(struct core *core, const struct core_run *run, struct core_attempt *attempt)
{
	struct msg_assign *assign = core_action_alloc(core, sizeof(*assign));
	struct msg_program *program = core_action_alloc(core, sizeof(*program));
	struct msg_shard_case *cases = core_action_alloc(core,
							 (attempt->cases.len + 1) * sizeof(*cases));
	if (!assign || !program || !cases)
		return;
	*program = run->programs.items[attempt->program].spec;
	*assign = (struct msg_assign){
		.attempt = attempt->id,
		.epoch = attempt->epoch,
		.list = attempt->list,
		.retry = 1,
		.seed = run->spec.seed,
		.run = str_of(run->name),
		.program = program,
		.n_program = 1,
		.cases = cases,
		.n_cases = attempt->cases.len,
	};
	for (size_t i = 0; i < attempt->cases.len; i++) {
		const struct core_case *item = &run->cases.items[attempt->cases.items[i]];
		cases[i] = (struct msg_shard_case){ .index = attempt->cases.items[i],
						    .name = item->name,
						    .detail = item->detail,
						    .timeout_us = item->timeout_us };
		if (item->tries + 1 > assign->retry)
			assign->retry = item->tries + 1;
		if (item->memory_bytes)
			program->memory_bytes = item->memory_bytes;
	}
	attempt->retry = assign->retry;
	core_push(core, &(struct core_action){ .kind = CORE_ACTION_ASSIGN,
					       .worker = attempt->worker,
					       .run = run->number,
					       .assign = assign });
}

static bool assign_listing(struct core *core, struct core_worker *worker, struct core_run *run)
{
	uint32_t program;
	if (run->relist.len)
		program = run->relist.items[--run->relist.len];
	else if (run->next_to_list < run->programs.len)
		program = (uint32_t)run->next_to_list++;
	else
		return false;
	struct core_attempt *attempt = new_attempt(core, worker, run, program, 1);
	if (!attempt) {
		core->out_of_memory = true;
		return false;
	}
	attempt->list = true;
	run->programs.items[program].state = PROGRAM_LISTING;
	push_assign(core, run, attempt);
	return true;
}

/*
 * What a case is expected to take, by history or, unseen, by what its program's cases took in
 * this run.
 */
static uint64_t expected_us(const struct core_run *run, const struct core_case *item)
{
	const struct core_program *program = &run->programs.items[item->program];
	if (!item->seen && program->done_n >= 3)
		return program->done_us / program->done_n;
	return item->expect_us;
}

static int take_case(struct core_run *run, struct core_attempt *attempt, uint32_t index)
{
	struct core_case *item = &run->cases.items[index];
	ASSERT(item->state == CASE_READY);
	if (VEC_PUSH(&attempt->cases, index) < 0)
		return -ENOMEM;
	item->state = CASE_RUNNING;
	item->attempt = attempt->id;
	item->started = false;
	run->left_us -= item->expect_us < run->left_us ? item->expect_us : run->left_us;
	run->running++;
	return 0;
}

/* Fill the shard with more cases of the program of its first one. */
static void fill_shard(struct core *core, struct core_run *run, struct core_attempt *attempt)
{
	struct core_program *program = &run->programs.items[attempt->program];
	const struct core_case *first = &run->cases.items[attempt->cases.items[0]];
	uint64_t target = pack_target_us(&(struct pack_input){
		.left_us = run->left_us, .slots = core->slots, .startup_us = program->startup_us });
	uint64_t work = expected_us(run, first);
	size_t bytes = first->name.len + first->detail.len;
	while (work < target && attempt->cases.len < LIMIT_SHARD_CASES) {
		uint32_t next = queue_peek(run, &program->ready);
		if (next == UINT32_MAX)
			break;
		const struct core_case *item = &run->cases.items[next];
		bytes += item->name.len + item->detail.len + 32;
		/* A shard is one attempt: its cases know which, and so do the files they leave. */
		if (bytes > CORE_SHARD_BYTES_MAX || item->repeat != first->repeat ||
		    item->tries != first->tries)
			break;
		work += expected_us(run, item);
		queue_pop(run, &program->ready);
		if (take_case(run, attempt, next) < 0)
			break;
	}
}

/* Could somebody else run what failed here? Also one that is busy now: it will come free. */
static bool has_peer(const struct core *core, const struct core_worker *worker)
{
	for (size_t i = 0; i < core->workers.len; i++)
		if (&core->workers.items[i] != worker && is_healthy(core, &core->workers.items[i]))
			return true;
	return false;
}

static uint64_t processors_of(const struct core_case *item, const struct core_worker *worker)
{
	return item->processors < worker->slots ? item->processors : worker->slots;
}

/* The serial case to start now, alone in its run, taken off the heap, or UINT32_MAX. */
static uint32_t pick_serial(struct core *core, const struct core_worker *worker,
			    struct core_run *run)
{
	uint32_t picked = run->busy_attempts ? UINT32_MAX : queue_peek(run, &run->serial);
	if (picked == UINT32_MAX ||
	    processors_of(&run->cases.items[picked], worker) > worker->slots - worker->used)
		return UINT32_MAX;
	queue_pop(run, &run->serial);
	bool taken = queue_take_locks(core, run, picked);
	ASSERT(taken || core->out_of_memory); /* nobody else of the run is there to hold them */
	return taken ? picked : UINT32_MAX;
}

/* The case to start at this worker now, taken off the heap, or UINT32_MAX. */
static uint32_t pick_case(struct core *core, const struct core_worker *worker, struct core_run *run)
{
	uint32_t skipped[SKIP_MAX], picked = UINT32_MAX, index = UINT32_MAX;
	size_t n_skipped = 0;
	while (picked == UINT32_MAX && n_skipped < SKIP_MAX) {
		index = queue_peek(run, &run->ready);
		if (index == UINT32_MAX)
			break;
		const struct core_case *item = &run->cases.items[index];
		if (processors_of(item, worker) > worker->slots - worker->used)
			/* it keeps its place at the head until a worker has room: no starvation */
			break;
		queue_pop(run, &run->ready);
		if (item->avoid_worker == worker->number && has_peer(core, worker))
			skipped[n_skipped++] = index;
		else if (queue_take_locks(core, run, index))
			picked = index;
	}
	bool none_ready = index == UINT32_MAX && !n_skipped;
	while (n_skipped)
		(void)queue_push(run, &run->ready, skipped[--n_skipped]); /* room was just made */
	return picked == UINT32_MAX && none_ready ? pick_serial(core, worker, run) : picked;
}

static bool assign_shard(struct core *core, struct core_worker *worker, struct core_run *run)
{
	uint32_t index = pick_case(core, worker, run);
	if (index == UINT32_MAX)
		return false;
	struct core_case *item = &run->cases.items[index];
	struct core_attempt *attempt = new_attempt(core, worker, run, item->program,
						   processors_of(item, worker));
	if (!attempt || take_case(run, attempt, index) < 0) {
		core->out_of_memory =
			true; /* the run is stopped for it, which settles the case too */
		if (attempt)
			assign_release(core, attempt);
		return false;
	}
	if (item->serial)
		run->serial_running = true;
	else if (!item->alone && !item->constrained)
		fill_shard(core, run, attempt);
	push_assign(core, run, attempt);
	return true;
}

/*
 * Sooner: higher priority, then the least work left, less what it gained by waiting (one second a
 * second).
 */
static bool comes_before(const struct core *core, const struct core_run *a,
			 const struct core_run *b)
{
	if (a->spec.priority != b->spec.priority)
		return a->spec.priority > b->spec.priority;
	double left_a = (double)a->left_us - (double)(core->now_us - a->began_us);
	double left_b = (double)b->left_us - (double)(core->now_us - b->began_us);
	return left_a != left_b ? left_a < left_b : a->number < b->number;
}

static bool assign_one(struct core *core, struct core_worker *worker)
{
	struct core_run *tried = NULL;
	for (size_t round = 0; round < core->runs.len; round++) {
		struct core_run *best = NULL;
		for (size_t i = 0; i < core->runs.len; i++) {
			struct core_run *run = core->runs.items[i];
			if (run->finished || run->stopped ||
			    (tried && !comes_before(core, tried, run)))
				continue;
			if (!best || comes_before(core, run, best))
				best = run;
		}
		if (!best)
			return false;
		if (!best->serial_running &&
		    (assign_listing(core, worker, best) || assign_shard(core, worker, best)))
			return true;
		tried = best;
	}
	return false;
}

/*
 * One shard per worker and round, so that work spreads over the workers, until a whole round
 * hands out nothing: what one worker took may be what another had to leave at the head.
 */
void assign_all(struct core *core)
{
	core->work_changed = false;
	for (size_t i = 0; i < core->runs.len; i++)
		if (core->slots > core->runs.items[i]->slots_max)
			core->runs.items[i]->slots_max = core->slots;
	for (bool progress = true; progress;) {
		progress = false;
		for (size_t i = 0; i < core->workers.len; i++)
			if (is_usable(core, &core->workers.items[i]) &&
			    assign_one(core, &core->workers.items[i]))
				progress = true;
	}
}
