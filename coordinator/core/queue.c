// SPDX-License-Identifier: Apache-2.0
/*
 * queue.c - which case is next. Heaps hold indices and may hold stale ones: a case that was taken by another way is
 * skipped when it surfaces, so that nothing is ever searched. Locks keep their waiters in order and wake one at a time.
 */
#include "coordinator/core/state.h"

#include "protocol/base/assert.h"

#include <errno.h>

static bool before(const struct core_run *run, uint32_t a, uint32_t b)
{
	const struct core_case *x = &run->cases.items[a], *y = &run->cases.items[b];
	return x->order != y->order ? x->order < y->order : a < b;
}

int queue_push(const struct core_run *run, struct core_heap *heap, uint32_t index)
{
	if (VEC_PUSH(heap, index) < 0)
		return -ENOMEM;
	size_t at = heap->len - 1;
	while (at && before(run, index, heap->items[(at - 1) / 2])) {
		heap->items[at] = heap->items[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	heap->items[at] = index;
	return 0;
}

void queue_pop(const struct core_run *run, struct core_heap *heap)
{
	ASSERT(heap->len > 0);
	uint32_t last = heap->items[--heap->len];
	size_t at = 0, n = heap->len;
	for (;;) {
		size_t child = 2 * at + 1;
		if (child >= n)
			break;
		if (child + 1 < n && before(run, heap->items[child + 1], heap->items[child]))
			child++;
		if (!before(run, heap->items[child], last))
			break;
		heap->items[at] = heap->items[child];
		at = child;
	}
	if (n)
		heap->items[at] = last;
}

uint32_t queue_peek(const struct core_run *run, struct core_heap *heap)
{
	while (heap->len) {
		uint32_t index = heap->items[0];
		if (run->cases.items[index].state == CASE_READY)
			return index;
		queue_pop(run, heap);
	}
	return UINT32_MAX;
}

int queue_make_ready(struct core_run *run, uint32_t index)
{
	struct core_case *item = &run->cases.items[index];
	ASSERT(item->state == CASE_WAITING || item->state == CASE_RUNNING);
	item->state = CASE_READY;
	run->left_us += item->expect_us;
	if (item->serial)
		return queue_push(run, &run->serial, index);
	int r = queue_push(run, &run->ready, index);
	if (r == 0 && !item->alone && !item->constrained)
		r = queue_push(run, &run->programs.items[item->program].ready, index);
	return r;
}

void queue_release_dependents(struct core *core, struct core_run *run, uint32_t index)
{
	bool passed = !outcome_is_red(run->cases.items[index].outcome) &&
		      run->cases.items[index].outcome != OUTCOME_SKIP;
	for (size_t i = 0; i < run->cases.items[index].unblocks.len; i++) {
		uint32_t next = run->cases.items[index].unblocks.items[i];
		struct core_case *item = &run->cases.items[next];
		ASSERT(item->waiting_for > 0);
		item->waiting_for--;
		if (!passed && i < run->cases.items[index].n_needed_by)
			item->needs_failed = true;
		if (item->waiting_for || item->state != CASE_WAITING)
			continue;
		if (item->needs_failed)
			merge_conclude(core, run, next, OUTCOME_NOTRUN,
				       STR_LIT("not run: a case it needs did not pass"));
		else if (queue_make_ready(run, next) < 0)
			core->out_of_memory = true;
		core->work_changed = true;
	}
}

/* The lock called `name`, made when new; NULL on no memory. */
static struct core_lock *lock_at(struct core_run *run, struct str name)
{
	uint64_t at;
	if (map_get(&run->lock_index, name, &at))
		return &run->locks.items[at];
	if (VEC_PUSH(&run->locks, (struct core_lock){ 0 }) < 0)
		return NULL;
	if (map_put(&run->lock_index, name, run->locks.len - 1) < 0)
		return NULL;
	return &run->locks.items[run->locks.len - 1];
}

bool queue_take_locks(struct core_run *run, uint32_t index)
{
	const struct core_case *item = &run->cases.items[index];
	for (size_t i = 0; i < item->n_locks; i++) {
		struct core_lock *lock = lock_at(run, item->locks[i]);
		if (!lock || !lock->held)
			continue;
		if (VEC_PUSH(&lock->waiters, index) == 0)
			return false;
	}
	for (size_t i = 0; i < item->n_locks; i++) {
		struct core_lock *lock = lock_at(run, item->locks[i]);
		if (lock)
			lock->held = true;
	}
	return true;
}

void queue_drop_locks(struct core_run *run, uint32_t index)
{
	const struct core_case *item = &run->cases.items[index];
	for (size_t i = 0; i < item->n_locks; i++) {
		struct core_lock *lock = lock_at(run, item->locks[i]);
		if (!lock)
			continue;
		lock->held = false;
		while (lock->next < lock->waiters.len) {
			uint32_t waiter = lock->waiters.items[lock->next++];
			if (run->cases.items[waiter].state != CASE_READY)
				continue;
			(void)queue_push(run, &run->ready, waiter);	/* its old entry left room in the heap */
			break;
		}
	}
}
