// SPDX-License-Identifier: Apache-2.0
/*
 * slow.c - which cases run for long. All cases of a run are told after the same time, so a list in
 * the order in which they are due needs no search: who begins, or was just told, goes to its end.
 * Invariant: it holds exactly the running cases whose start was announced, so its head is due next
 * and nothing in it is stale. Telling decides nothing: that is the worker's limit (--timeout).
 */
#include "coordinator/core/state.h"

#include "protocol/base/assert.h"

static void append(const struct core *core, struct core_run *run, uint32_t index)
{
	struct core_case *item = &run->cases.items[index];
	item->slow_us = core->now_us + run->slow_us;
	item->before = run->begun.last;
	item->after = CORE_NOBODY;
	if (item->before == CORE_NOBODY)
		run->begun.first = index;
	else
		run->cases.items[item->before].after = index;
	run->begun.last = index;
}

static void take_out(struct core_run *run, uint32_t index)
{
	const struct core_case *item = &run->cases.items[index];
	if (item->before == CORE_NOBODY)
		run->begun.first = item->after;
	else
		run->cases.items[item->before].after = item->after;
	if (item->after == CORE_NOBODY)
		run->begun.last = item->before;
	else
		run->cases.items[item->after].before = item->before;
}

void slow_begin(const struct core *core, struct core_run *run, uint32_t index, uint64_t began_us)
{
	struct core_case *item = &run->cases.items[index];
	ASSERT(item->state == CASE_RUNNING);
	item->started = true;
	item->began_us = began_us;
	append(core, run, index);
}

void slow_end(struct core_run *run, uint32_t index)
{
	ASSERT(run->cases.items[index].started);
	run->cases.items[index].started = false;
	take_out(run, index);
}

void slow_tick(struct core *core)
{
	for (size_t i = 0; i < core->runs.len; i++) {
		struct core_run *run = core->runs.items[i];
		while (run->slow_us && run->begun.first != CORE_NOBODY) {
			uint32_t index = run->begun.first;
			run->steps++;
			if (run->cases.items[index].slow_us > core->now_us)
				break;
			take_out(run, index);
			append(core, run, index);
			merge_tell_slow(core, run, index);
		}
	}
}

uint64_t slow_deadline_us(const struct core *core)
{
	uint64_t deadline = UINT64_MAX;
	for (size_t i = 0; i < core->runs.len; i++) {
		const struct core_run *run = core->runs.items[i];
		uint32_t first = run->begun.first;
		if (run->slow_us && first != CORE_NOBODY &&
		    run->cases.items[first].slow_us < deadline)
			deadline = run->cases.items[first].slow_us;
	}
	return deadline;
}
