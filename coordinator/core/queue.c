// SPDX-License-Identifier: Apache-2.0
/*
 * queue.c - which case is next. Heaps hold indices and may hold stale ones: a case that was taken
 * by another way is skipped when it surfaces, so that nothing is ever searched. Locks keep their
 * waiters in order and wake one at a time.
 */
#include "coordinator/core/state.h"

#include "protocol/base/assert.h"

#include <errno.h>

bool queue_before(struct core_run *run, const struct core_heap_item *a,
		  const struct core_heap_item *b)
{
	run->steps++;
	if (a->repeat != b->repeat) /* one repetition after the other: a shard holds a name once */
		return a->repeat < b->repeat;
	return a->order != b->order ? a->order < b->order : a->index < b->index;
}

int queue_push(struct core_run *run, struct core_heap *heap, uint32_t index)
{
	const struct core_case *of = &run->cases.items[index];
	struct core_heap_item item = { .order = of->order, .repeat = of->repeat, .index = index };
	if (VEC_PUSH(heap, item) < 0)
		return -ENOMEM;
	size_t at = heap->len - 1;
	while (at && queue_before(run, &item, &heap->items[(at - 1) / 2])) {
		heap->items[at] = heap->items[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	heap->items[at] = item;
	return 0;
}

void queue_pop(struct core_run *run, struct core_heap *heap)
{
	ASSERT(heap->len > 0);
	struct core_heap_item last = heap->items[--heap->len];
	size_t at = 0, n = heap->len;
	for (size_t child = 1; child < n; child = 2 * at + 1) {
		if (child + 1 < n &&
		    queue_before(run, &heap->items[child + 1], &heap->items[child]))
			child++;
		if (!queue_before(run, &heap->items[child], &last))
			break;
		heap->items[at] = heap->items[child];
		at = child;
	}
	if (n)
		heap->items[at] = last;
}

uint32_t queue_peek(struct core_run *run, struct core_heap *heap)
{
	while (heap->len) {
		uint32_t index = heap->items[0].index;
		if (run->cases.items[index].state == CASE_READY)
			return index;
		queue_pop(run, heap);
	}
	return UINT32_MAX;
}

void queue_make_ready(struct core *core, struct core_run *run, uint32_t index)
{
	struct core_case *item = &run->cases.items[index];
	ASSERT(item->state == CASE_WAITING || item->state == CASE_RUNNING);
	ASSERT(!run->stopped && !item->disabled);
	item->state = CASE_READY;
	run->left_us += item->expect_us;
	core->work_changed = true;
	struct core_class *class = class_of(run, index);
	int r = queue_push(run, item->serial ? &class->serial : &class->ready, index);
	if (r == 0 && !item->serial && !item->alone && !item->constrained && !item->bunch)
		r = queue_push(run, &run->programs.items[item->program].ready, index);
	if (r < 0)
		core->out_of_memory = true;
}

void queue_start(struct core *core, struct core_run *run, uint32_t index)
{
	const struct core_case *item = &run->cases.items[index];
	ASSERT(item->state == CASE_WAITING && !item->waiting_for);
	if (item->disabled)
		merge_conclude(core, run, index, OUTCOME_SKIP, STR_LIT("disabled in the suite"));
	else if (run->stopped)
		merge_conclude(core, run, index, OUTCOME_NOTRUN, str_of(run->why_stopped));
	else if (item->needs_failed)
		merge_conclude(core, run, index, OUTCOME_NOTRUN,
			       STR_LIT("not run: a case it needs did not pass"));
	else
		queue_make_ready(core, run, index);
}

/* Start what waited for this one alone. Edges of needs are the first in `unblocks`. */
static void release_dependents(struct core *core, struct core_run *run, uint32_t index)
{
	enum outcome outcome = run->cases.items[index].outcome;
	/* A set-up that was skipped counts as done, as ctest has it. */
	bool done = outcome == OUTCOME_PASS || outcome == OUTCOME_LEAK || outcome == OUTCOME_SKIP;
	for (size_t i = 0; i < run->cases.items[index].unblocks.len; i++) {
		uint32_t next = run->cases.items[index].unblocks.items[i];
		struct core_case *item = &run->cases.items[next];
		ASSERT(item->waiting_for > 0);
		item->waiting_for--;
		if (!done && i < run->cases.items[index].n_needed_by)
			item->needs_failed = true;
		if (!item->waiting_for && item->state == CASE_WAITING)
			queue_start(core, run, next);
	}
}

void queue_tell_dependents(struct core *core, struct core_run *run)
{
	if (run->telling)
		return;
	run->telling = true;
	while (run->next_ended < run->ended.len)
		release_dependents(core, run, run->ended.items[run->next_ended++]);
	run->ended.len = run->next_ended = 0;
	run->telling = false;
}

/* The lock called `name`, made when new; NULL on no memory. */
static struct core_lock *lock_at(struct core *core, struct core_run *run, struct str name)
{
	uint64_t at = run->locks.len;
	if (!map_get(&run->lock_index, name, &at) &&
	    (VEC_PUSH(&run->locks, (struct core_lock){ 0 }) < 0 ||
	     map_put(&run->lock_index, name, at) < 0)) {
		core->out_of_memory = true;
		return NULL;
	}
	ASSERT(run->locks.items && at < run->locks.len);
	return &run->locks.items[at];
}

/* Let the first that still waits for a free lock try again. */
static void wake_one(struct core *core, struct core_run *run, struct core_lock *lock)
{
	while (lock->next < lock->waiters.len) {
		uint32_t waiter = lock->waiters.items[lock->next++];
		if (run->cases.items[waiter].state != CASE_READY)
			continue;
		if (queue_push(run, &class_of(run, waiter)->ready, waiter) < 0)
			core->out_of_memory = true;
		return;
	}
	lock->waiters.len = lock->next = 0;
}

/*
 * Invariant: a lock is held, or nobody waits for it, or one of its waiters is back in the heap.
 * So whoever was woken by one lock and must wait for another wakes the next waiter of every free
 * lock it asked for.
 */
bool queue_take_locks(struct core *core, struct core_run *run, uint32_t index)
{
	const struct core_case *item = &run->cases.items[index];
	bool free_all = true;
	for (size_t i = 0; i < item->n_locks && free_all; i++) {
		struct core_lock *lock = lock_at(core, run, item->locks[i]);
		if (lock && !lock->held)
			continue;
		free_all = false;
		if (lock && VEC_PUSH(&lock->waiters, index) < 0)
			core->out_of_memory = true;
	}
	for (size_t i = 0; i < item->n_locks; i++) {
		struct core_lock *lock = lock_at(core, run, item->locks[i]);
		if (lock && free_all)
			lock->held = true;
		else if (lock && !lock->held)
			wake_one(core, run, lock);
	}
	return free_all;
}

void queue_drop_locks(struct core *core, struct core_run *run, uint32_t index)
{
	const struct core_case *item = &run->cases.items[index];
	for (size_t i = 0; i < item->n_locks; i++) {
		struct core_lock *lock = lock_at(core, run, item->locks[i]);
		if (!lock)
			continue;
		lock->held = false;
		wake_one(core, run, lock);
	}
}
