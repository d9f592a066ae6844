// SPDX-License-Identifier: Apache-2.0
/*
 * assign.c - matching free slots with work. Pull: a slot that is free gets the best shard now.
 * Per worker and run: listings first (they reveal work), then the best ready case and, from its
 * program, enough others to make a shard worth its start-up. Invariant: worker->used is the sum
 * of the processors of its attempts and never passes its slots.
 *
 * Across runs: runs of clients below their quota first; then by a time that each run has, its turn:
 * when it began, plus the time its work would take alone on all slots, less a head start by its
 * priority. As what is left shrinks, a turn only comes nearer. So a run is preceded by no run that
 * begins after its own turn (plus head starts): short runs go first, and none waits for ever.
 */
#include "coordinator/core/state.h"

#include "coordinator/plan/pack.h"
#include "protocol/base/assert.h"
#include "protocol/wire/limits.h"

#include <errno.h>
#include <stdlib.h>

enum {
	/* cases passed over, because they failed at this worker, before it gets nothing */
	SKIP_MAX = 64,
	/* a priority is worth this much of a head start */
	PRIORITY_US = 600000000,
};

/* Slots are taken, or given back when negative. */
static void take_slots(struct core *core, struct core_run *run, struct core_worker *worker,
		       int64_t slots)
{
	ASSERT(slots > 0 || run->used >= (uint64_t)-slots);
	run->used += (uint64_t)slots;
	if (run->client != CORE_NOBODY)
		core->clients.items[run->client].used += (uint64_t)slots;
	if (!worker)
		return;
	ASSERT(slots > 0 || worker->used >= (uint64_t)-slots);
	worker->used += (uint64_t)slots;
	ASSERT(worker->used <= worker->slots);
	roster_refresh(core, worker);
}

static struct core_attempt *new_attempt(struct core *core, struct core_worker *worker,
					struct core_run *run, uint32_t program, uint64_t processors)
{
	uint32_t place;
	if (core->free_attempts.len) {
		place = core->free_attempts.items[--core->free_attempts.len];
	} else {
		if (core->attempts.len >= 1u << CORE_PLACE_BITS ||
		    VEC_PUSH(&core->attempts, (struct core_attempt){ 0 }) < 0)
			return NULL;
		place = (uint32_t)core->attempts.len - 1;
	}
	if (VEC_PUSH(&worker->attempts, place) < 0)
		return NULL;
	struct core_attempt *attempt = &core->attempts.items[place];
	*attempt = (struct core_attempt){
		.id = (++core->serial << CORE_PLACE_BITS) | place,
		.epoch = rng_next(&core->rng) >> 1,
		.worker = worker->number,
		.session = worker->session,
		.run = run->number,
		.program = program,
		.started_us = core->now_us,
		.processors = processors,
		.worker_place = worker->attempts.len - 1,
	};
	run->busy_attempts++;
	take_slots(core, run, worker, (int64_t)processors);
	return attempt;
}

struct core_attempt *assign_find(const struct core *core, uint64_t id)
{
	size_t place = id & ((1u << CORE_PLACE_BITS) - 1);
	if (!id || place >= core->attempts.len || core->attempts.items[place].id != id)
		return NULL;
	return &core->attempts.items[place];
}

struct core_attempt *assign_at(struct core *core, uint32_t place)
{
	ASSERT(place < 1u << CORE_PLACE_BITS);
	while (core->attempts.len <= place)
		if (VEC_PUSH(&core->attempts, (struct core_attempt){ 0 }) < 0)
			return NULL;
	return &core->attempts.items[place];
}

/* Off its worker, whose name is kept; an orphan has left already. */
static void leave_worker(struct core *core, struct core_attempt *attempt)
{
	struct core_worker *worker = core_find_worker(core, attempt->worker);
	if (!worker) {
		ASSERT(core->orphans > 0);
		core->orphans--;
		return;
	}
	struct core_run *run = core_find_run(core, attempt->run);
	uint32_t last = worker->attempts.items[--worker->attempts.len];
	worker->attempts.items[attempt->worker_place] = last;
	core->attempts.items[last].worker_place = attempt->worker_place;
	take_slots(core, run, worker, -(int64_t)attempt->processors);
	free(attempt->name);
	attempt->name = str_dup(worker->name); /* none: reports do without */
	attempt->worker = 0;
}

/* It is over for its run. */
static void leave_run(struct core *core, const struct core_attempt *attempt)
{
	struct core_run *run = core_find_run(core, attempt->run);
	uint64_t busy_us = (core->now_us - attempt->started_us) * attempt->processors;
	ASSERT(run && run->busy_attempts > 0);
	if (!--run->busy_attempts)
		run->serial_running = false;
	run->busy_us += busy_us;
	core_decide(core, run,
		    &(struct msg_decision){ .kind = MSG_DECISION_CLOSED,
					    .attempt = attempt->id,
					    .busy_us = busy_us });
	core->work_changed = true;
}

static void free_attempt(struct core *core, struct core_attempt *attempt)
{
	uint32_t place = (uint32_t)(attempt - core->attempts.items);
	assign_free(attempt);
	if (VEC_PUSH(&core->free_attempts, place) < 0)
		core->out_of_memory = true;
}

void assign_free(struct core_attempt *attempt)
{
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
	free(attempt->name);
	*attempt = (struct core_attempt){ 0 };
}

void assign_release(struct core *core, struct core_attempt *attempt)
{
	ASSERT(attempt->id);
	if (attempt->late) {
		core->late--;
	} else {
		leave_worker(core, attempt);
		leave_run(core, attempt);
	}
	free_attempt(core, attempt);
}

void assign_orphan(struct core *core, struct core_attempt *attempt)
{
	ASSERT(attempt->worker && !attempt->late);
	leave_worker(core, attempt);
	attempt->cancelled = false; /* its worker may not have heard: it is told again */
	core->orphans++;
	core->orphans_us = core->now_us + core->options.lease_us;
}

void assign_adopt(struct core *core, struct core_attempt *attempt, struct core_worker *worker)
{
	struct core_run *run = core_find_run(core, attempt->run);
	uint32_t place = (uint32_t)(attempt - core->attempts.items);
	ASSERT(run && !attempt->worker && !attempt->late && core->orphans > 0);
	if (VEC_PUSH(&worker->attempts, place) < 0) {
		core->out_of_memory = true;
		return;
	}
	if (attempt->processors > worker->slots - worker->used) /* it came back smaller */
		attempt->processors = worker->slots - worker->used;
	attempt->worker = worker->number;
	attempt->session = worker->session;
	attempt->worker_place = worker->attempts.len - 1;
	take_slots(core, run, worker, (int64_t)attempt->processors);
	core->orphans--;
	if (run->stopped && (run->stop_immediate || attempt->list))
		assign_cancel(core, attempt, run->why_stopped);
}

void assign_keep_late(struct core *core, struct core_attempt *attempt)
{
	const struct core_run *run = core_find_run(core, attempt->run);
	bool any = false;
	for (size_t i = 0; i < attempt->cases.len && !any; i++)
		any = run->cases.items[attempt->cases.items[i]].state != CASE_DONE;
	if (!any || core->late >= CORE_LATE_MAX) {
		attempt->late = false;
		assign_release(core, attempt);
		return;
	}
	leave_worker(core, attempt);
	leave_run(core, attempt);
	attempt->late = true;
	core->late++;
}

void assign_drop_late(struct core *core, const struct core_run *run)
{
	for (size_t i = 0; core->late && i < core->attempts.len; i++)
		if (core->attempts.items[i].late && core->attempts.items[i].run == run->number)
			assign_release(core, &core->attempts.items[i]);
}

/* Journal output of a case that has no verdict yet, a piece at a time. */
static void keep_stream(struct core *core, const struct core_run *run,
			const struct core_attempt *attempt, const struct core_output *output,
			uint64_t stream)
{
	const struct buf *buf = stream == 2 ? &output->err : &output->out;
	size_t at = stream == 2 ? output->kept_err : output->kept_out;
	while (at < buf->len) {
		size_t n = buf->len - at < LIMIT_CHUNK_BYTES ? buf->len - at : LIMIT_CHUNK_BYTES;
		struct msg_event event = { .kind = MSG_EVENT_OUTPUT,
					   .index = output->index,
					   .stream = stream,
					   .data = { buf->data + at, n } };
		core_decide(core, run,
			    &(struct msg_decision){ .kind = MSG_DECISION_KEPT,
						    .attempt = attempt->id,
						    .events = &event,
						    .n_events = 1 });
		at += n;
	}
}

/* ... and that there was more of it than is kept. */
static void keep_cut(struct core *core, const struct core_run *run,
		     const struct core_attempt *attempt, struct core_output *output)
{
	struct msg_event event = { .kind = MSG_EVENT_OUTPUT,
				   .index = output->index,
				   .stream = 1,
				   .output_bytes = output->cut_bytes - output->kept_cut };
	if (event.output_bytes)
		core_decide(core, run,
			    &(struct msg_decision){ .kind = MSG_DECISION_KEPT,
						    .attempt = attempt->id,
						    .events = &event,
						    .n_events = 1 });
	output->kept_cut = output->cut_bytes;
}

static void settle(struct core *core, struct core_attempt *attempt)
{
	const struct core_run *run = core_find_run(core, attempt->run);
	for (size_t i = 0; i < attempt->outputs.len; i++) {
		struct core_output *output = &attempt->outputs.items[i];
		keep_stream(core, run, attempt, output, 1);
		keep_stream(core, run, attempt, output, 2);
		keep_cut(core, run, attempt, output);
		output->kept_out = output->out.len;
		output->kept_err = output->err.len;
	}
	for (size_t i = 0; i < attempt->found.len; i++) {
		struct core_found *found = &attempt->found.items[i];
		struct msg_event event = { .kind = MSG_EVENT_ENDED,
					   .index = found->index,
					   .name = found->name,
					   .message = found->message,
					   .outcome = found->outcome,
					   .duration_us = found->duration_us };
		if (!found->kept)
			core_decide(core, run,
				    &(struct msg_decision){ .kind = MSG_DECISION_KEPT,
							    .attempt = attempt->id,
							    .events = &event,
							    .n_events = 1 });
		found->kept = true;
	}
	core_decide(core, run,
		    &(struct msg_decision){ .kind = MSG_DECISION_SEEN,
					    .attempt = attempt->id,
					    .seq = attempt->seq });
}

void assign_settle(struct core *core)
{
	for (size_t i = 0; i < core->dirty.len; i++) {
		struct core_attempt *attempt = &core->attempts.items[core->dirty.items[i]];
		if (attempt->id && attempt->dirty && !attempt->late)
			settle(core, attempt);
		attempt->dirty = false;
	}
	core->dirty.len = 0;
}

void assign_cancel(struct core *core, struct core_attempt *attempt, const char *why)
{
	struct msg_cancel *cancel = core_action_alloc(core, sizeof(*cancel));
	if (attempt->cancelled || !attempt->worker || !cancel)
		return; /* an orphan is told when its worker is back */
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
	const struct core_worker *worker = core_find_worker(core, attempt->worker);
	core_decide(core, run,
		    &(struct msg_decision){
			    .kind = MSG_DECISION_ASSIGNED,
			    .attempt = attempt->id,
			    .epoch = attempt->epoch,
			    .session = attempt->session,
			    .worker = worker->name,
			    .program = attempt->program,
			    .list = attempt->list,
			    .processors = attempt->processors,
			    .cases = restore_pack(core, attempt->cases.items, attempt->cases.len),
		    });
	core_push(core, &(struct core_action){ .kind = CORE_ACTION_ASSIGN,
					       .worker = attempt->worker,
					       .run = run->number,
					       .assign = assign });
}

static bool assign_listing(struct core *core, struct core_worker *worker, struct core_run *run)
{
	uint32_t program = CORE_NOBODY;
	for (size_t i = 0; i < run->classes.len && program == CORE_NOBODY; i++) {
		struct core_class *class = &run->classes.items[i];
		if (!roster_serves(core, class, worker->pool))
			continue;
		if (class->relist.len)
			program = class->relist.items[--class->relist.len];
		else if (class->next_to_list < class->to_list.len)
			program = class->to_list.items[class->next_to_list++];
	}
	if (program == CORE_NOBODY)
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

/* The others of its bunch, which is dissolved. */
static void fill_bunch(struct core_run *run, struct core_attempt *attempt, uint32_t bunch)
{
	struct core_bunch *others = &run->bunches.items[bunch - 1];
	for (size_t i = 0; i < others->len; i++) {
		const struct core_case *item = &run->cases.items[others->items[i]];
		if (item->state == CASE_READY && item->bunch == bunch &&
		    take_case(run, attempt, others->items[i]) < 0)
			break;
	}
	VEC_DONE(others);
}

/* Could somebody else run what failed here? Also one that is busy now: it will come free. */
static bool has_peer(const struct core_class *class, const struct core_worker *worker)
{
	return class->healthy > worker->healthy;
}

static uint64_t processors_of(const struct core_case *item, const struct core_worker *worker)
{
	return item->processors < worker->slots ? item->processors : worker->slots;
}

/*
 * The class whose best case, of its serial or of its other ones, is the best that this worker may
 * run; NULL when there is none.
 */
static struct core_class *best_class(struct core *core, const struct core_worker *worker,
				     struct core_run *run, bool serial)
{
	struct core_class *best = NULL;
	const struct core_heap_item *top = NULL;
	for (size_t i = 0; i < run->classes.len; i++) {
		struct core_class *class = &run->classes.items[i];
		struct core_heap *heap = serial ? &class->serial : &class->ready;
		if (!heap->len || !roster_serves(core, class, worker->pool) ||
		    queue_peek(run, heap) == UINT32_MAX)
			continue;
		if (top && !queue_before(run, &heap->items[0], top))
			continue;
		best = class;
		top = &heap->items[0];
	}
	return best;
}

/* The serial case to start now, alone in its run, taken off the heap, or UINT32_MAX. */
static uint32_t pick_serial(struct core *core, const struct core_worker *worker,
			    struct core_run *run)
{
	struct core_class *class = run->busy_attempts ? NULL : best_class(core, worker, run, true);
	if (!class)
		return UINT32_MAX;
	uint32_t picked = class->serial.items[0].index;
	if (processors_of(&run->cases.items[picked], worker) > worker->slots - worker->used)
		return UINT32_MAX;
	queue_pop(run, &class->serial);
	bool taken = queue_take_locks(core, run, picked);
	ASSERT(taken || core->out_of_memory); /* nobody else of the run is there to hold them */
	return taken ? picked : UINT32_MAX;
}

/* The case to start at this worker now, taken off the heap, or UINT32_MAX. */
static uint32_t pick_case(struct core *core, const struct core_worker *worker, struct core_run *run)
{
	uint32_t skipped[SKIP_MAX], picked = UINT32_MAX;
	size_t n_skipped = 0;
	bool head_waits = false;
	while (picked == UINT32_MAX && n_skipped < SKIP_MAX) {
		struct core_class *class = best_class(core, worker, run, false);
		if (!class)
			break;
		uint32_t index = class->ready.items[0].index;
		const struct core_case *item = &run->cases.items[index];
		/* it keeps its place at the head until a worker has room: no starvation */
		head_waits = processors_of(item, worker) > worker->slots - worker->used;
		if (head_waits)
			break;
		queue_pop(run, &class->ready);
		if (item->avoid_worker == worker->number && has_peer(class, worker))
			skipped[n_skipped++] = index;
		else if (queue_take_locks(core, run, index))
			picked = index;
	}
	bool none_ready = !head_waits && picked == UINT32_MAX && !n_skipped;
	while (n_skipped) { /* room was just made */
		uint32_t index = skipped[--n_skipped];
		(void)queue_push(run, &class_of(run, index)->ready, index);
	}
	return none_ready ? pick_serial(core, worker, run) : picked;
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
	else if (item->bunch && !item->alone)
		fill_bunch(run, attempt, item->bunch);
	else if (!item->alone && !item->constrained)
		fill_shard(core, run, attempt);
	push_assign(core, run, attempt);
	return true;
}

/* When it is the run's turn, in microseconds of the core's clock; before its beginning, maybe. */
static int64_t turn_us(const struct core *core, const struct core_run *run)
{
	uint64_t alone = run->left_us / (core->slots ? core->slots : 1);
	return (int64_t)(run->began_us + (alone < INT64_MAX / 4 ? alone : INT64_MAX / 4)) -
	       (int64_t)run->spec.priority * PRIORITY_US;
}

static int by_turn(const void *a, const void *b)
{
	const struct core_run *const *x = a, *const *y = b;
	if ((*x)->turn_us != (*y)->turn_us)
		return (*x)->turn_us < (*y)->turn_us ? -1 : 1;
	return (*x)->number < (*y)->number ? -1 : (*x)->number > (*y)->number;
}

static bool is_over_quota(const struct core *core, const struct core_run *run)
{
	uint64_t quota = core->options.client_slots;
	return quota && run->client != CORE_NOBODY &&
	       core->clients.items[run->client].used >= quota;
}

static bool has_work(const struct core_run *run)
{
	if (run->finished || run->stopped)
		return false;
	for (size_t i = 0; i < run->classes.len; i++)
		if (class_has_work(run, &run->classes.items[i]))
			return true;
	return false;
}

/* Put the runs that have something to hand out in the order of their turns. */
static void order_runs(struct core *core)
{
	core->order.len = 0;
	for (size_t i = 0; i < core->runs.len; i++) {
		struct core_run *run = core->runs.items[i];
		if (!has_work(run))
			continue;
		run->turn_us = turn_us(core, run);
		if (VEC_PUSH(&core->order, run) < 0)
			core->out_of_memory = true;
	}
	if (core->order.len > 1)
		qsort(core->order.items, core->order.len, sizeof(struct core_run *), by_turn);
}

static bool assign_one(struct core *core, struct core_worker *worker)
{
	for (int over = 0; over <= (core->options.client_slots != 0); over++)
		for (size_t i = 0; i < core->order.len; i++) {
			struct core_run *run = core->order.items[i];
			if (is_over_quota(core, run) == over && !run->serial_running &&
			    (assign_listing(core, worker, run) || assign_shard(core, worker, run)))
				return true;
		}
	return false;
}

/*
 * One shard per worker with room, so that work spreads over the workers. Returns whether anything
 * was handed out.
 */
static bool assign_round(struct core *core)
{
	bool progress = false;
	for (size_t at = 0; at < core->room.len; at++) {
		uint64_t bits = core->room.items[at];
		for (; bits; bits &= bits - 1) {
			size_t place = at * 64 + (size_t)__builtin_ctzll(bits);
			progress = assign_one(core, &core->workers.items[place]) || progress;
		}
	}
	return progress;
}

/*
 * Rounds until one hands out nothing: what one worker took may be what another had to leave at the
 * head.
 */
void assign_all(struct core *core)
{
	roster_suspect(core);
	for (size_t i = 0; i < core->runs.len; i++)
		if (core->slots > core->runs.items[i]->slots_max)
			core->runs.items[i]->slots_max = core->slots;
	do
		order_runs(core);
	while (core->order.len && assign_round(core));
	core->work_changed = false;
}
