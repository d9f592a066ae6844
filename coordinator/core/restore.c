// SPDX-License-Identifier: Apache-2.0
/*
 * restore.c - a run built again from what an earlier core journalled: its decisions and events, in
 * the order they were written. Each is applied to the ledger as it is (state, counters, who holds
 * what), without heaps, without consequences: those were journalled too. Consequences begin at the
 * end, with core_restore_end, where whatever waits for nothing becomes ready.
 *
 * What is read was written by us, but disks lie: every index is checked, and a journal that
 * contradicts itself is refused with a sentence.
 *
 * Not restored, since nothing depends on it: workers (they join anew), the marks of which worker
 * failed a case, attempts that were given up before, and exact busy times.
 */
#include "coordinator/core/state.h"

#include "protocol/base/assert.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct str restore_pack(struct core *core, const uint32_t *cases, size_t n)
{
	char *bytes = core->options.journal ? core_action_alloc(core, 4 * n + 1) : NULL;
	for (size_t i = 0; bytes && i < n; i++)
		for (int byte = 0; byte < 4; byte++)
			bytes[4 * i + (size_t)byte] = (char)(cases[i] >> 8 * byte);
	return (struct str){ bytes ? bytes : "", bytes ? 4 * n : 0 };
}

static uint32_t unpack(struct str cases, size_t i)
{
	uint32_t index = 0;
	for (int byte = 0; byte < 4; byte++)
		index |= (uint32_t)(unsigned char)cases.data[4 * i + (size_t)byte] << 8 * byte;
	return index;
}

static int contradiction(const struct core_run *run, const char *what, uint64_t number,
			 struct err *err)
{
	return err_set(err, -EBADMSG,
		       "the journal of run %s contradicts itself: %s (%llu); the run cannot go on",
		       run->name, what, (unsigned long long)number);
}

uint64_t core_restore_begin(struct core *core, uint64_t now_us, const struct msg_submit *submit,
			    const char *name, struct estimate_table *history, struct err *err)
{
	core_enter(core, now_us);
	struct core_run *run = run_new(core, submit, name, history, err);
	if (!run)
		return 0;
	run->restoring = true;
	run->held = run->partition.kind != PARTITION_NONE;
	if (VEC_PUSH(&core->runs, run) < 0) {
		run_free(run);
		err_set(err, -ENOMEM, "no memory for another run");
		return 0;
	}
	roster_count(core, run);
	return run->number;
}

/* The restored attempt with this id, or NULL. */
static struct core_attempt *find(const struct core_run *run, uint64_t id)
{
	size_t place = id & ((1u << CORE_PLACE_BITS) - 1);
	if (!id || place >= run->restored.len || run->restored.items[place].id != id)
		return NULL;
	return &run->restored.items[place];
}

/* ---- decisions ---- */

static int restore_assigned(struct core *core, struct core_run *run,
			    const struct msg_decision *decision, struct err *err)
{
	size_t place = decision->attempt & ((1u << CORE_PLACE_BITS) - 1);
	size_t n = decision->cases.len / 4;
	while (run->restored.len <= place)
		if (VEC_PUSH(&run->restored, (struct core_attempt){ 0 }) < 0)
			return -ENOMEM;
	struct core_attempt *attempt = &run->restored.items[place];
	if (attempt->id || !decision->attempt || decision->program >= run->programs.len)
		return contradiction(run, "an order that cannot be", decision->attempt, err);
	*attempt = (struct core_attempt){
		.id = decision->attempt,
		.epoch = decision->epoch,
		.run = run->number,
		.session = decision->session,
		.program = (uint32_t)decision->program,
		.list = decision->list,
		.processors = decision->processors,
		.name = str_dup(decision->worker),
	};
	if (attempt->id >> CORE_PLACE_BITS > core->serial)
		core->serial = attempt->id >> CORE_PLACE_BITS;
	if (attempt->list)
		run->programs.items[attempt->program].state = PROGRAM_LISTING;
	if (VEC_RESERVE(&attempt->cases, n + 1) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		uint32_t index = unpack(decision->cases, i);
		if (index >= run->cases.len || run->cases.items[index].state == CASE_DONE)
			return contradiction(run, "an order for a case that is none", index, err);
		attempt->cases.items[attempt->cases.len++] = index;
		run->cases.items[index].attempt = attempt->id;
		run->cases.items[index].started = false;
		if (run->cases.items[index].tries + 1 > attempt->retry)
			attempt->retry = run->cases.items[index].tries + 1;
	}
	return 0;
}

static int restore_kept(struct core_run *run, struct core_attempt *attempt,
			const struct msg_decision *decision, struct err *err)
{
	const struct msg_event *event = decision->events;
	if (decision->n_events != 1)
		return contradiction(run, "nothing was kept", decision->attempt, err);
	if (event->kind == MSG_EVENT_LISTED)
		return listing_add(run, &run->programs.items[attempt->program], event);
	if (event->index >= run->cases.len ||
	    (event->kind != MSG_EVENT_OUTPUT && event->kind != MSG_EVENT_ENDED))
		return contradiction(run, "what was kept is of no case", event->index, err);
	int r = merge_keep(attempt, event);
	for (size_t i = 0; i < attempt->outputs.len; i++) {
		attempt->outputs.items[i].kept_out = attempt->outputs.items[i].out.len;
		attempt->outputs.items[i].kept_err = attempt->outputs.items[i].err.len;
		attempt->outputs.items[i].kept_cut = attempt->outputs.items[i].cut_bytes;
	}
	if (r == 0 && event->kind == MSG_EVENT_ENDED)
		attempt->found.items[attempt->found.len - 1].kept = true;
	return r == -ENOMEM ? r : 0;
}

static void restore_closed(struct core_run *run, struct core_attempt *attempt, uint64_t busy_us)
{
	for (size_t i = 0; i < attempt->cases.len; i++)
		if (run->cases.items[attempt->cases.items[i]].attempt == attempt->id)
			run->cases.items[attempt->cases.items[i]].attempt = 0;
	run->busy_us += busy_us;
	assign_free(attempt);
}

/* A decision about an attempt that was assigned before. */
static int restore_attempt(struct core_run *run, const struct msg_decision *decision,
			   struct err *err)
{
	struct core_attempt *attempt = find(run, decision->attempt);
	if (!attempt)
		return contradiction(run, "an attempt nobody was given", decision->attempt, err);
	if (decision->kind == MSG_DECISION_KEPT)
		return restore_kept(run, attempt, decision, err);
	if (decision->kind == MSG_DECISION_SEEN)
		attempt->seq = decision->seq;
	else
		restore_closed(run, attempt, decision->busy_us);
	return 0;
}

static int restore_lost(struct core *core, struct core_run *run,
			const struct msg_decision *decision, struct err *err)
{
	size_t n = decision->cases.len / 4;
	uint32_t *cases = malloc((n + 1) * sizeof(*cases));
	int r = cases ? 0 : -ENOMEM;
	for (size_t i = 0; r == 0 && i < n; i++) {
		cases[i] = unpack(decision->cases, i);
		if (cases[i] >= run->cases.len)
			r = contradiction(run, "a case that is none was lost", cases[i], err);
		else
			run->cases.items[cases[i]].attempt = 0;
	}
	if (r == 0 && n)
		merge_split(core, run, cases, n);
	free(cases);
	return r;
}

static int restore_filed(struct core *core, struct core_run *run, uint32_t at, struct str bits,
			 struct err *err)
{
	size_t n = run->programs.items[at].listing.len;
	if (run->programs.items[at].filed || bits.len != (n + 7) / 8)
		return contradiction(run, "a program was filed otherwise than listed", at, err);
	bool *wanted = malloc(n + 1);
	if (!wanted)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		wanted[i] = (unsigned char)bits.data[i / 8] >> i % 8 & 1;
	run->held = false;
	int r = listing_file(core, run, at, wanted);
	free(wanted);
	return r;
}

/* The program is one error, whose verdict follows as an event. */
static int restore_list_failed(struct core_run *run, uint32_t at, uint64_t exit_code)
{
	struct core_program *program = &run->programs.items[at];
	run->listed += program->state != PROGRAM_LISTED;
	program->state = PROGRAM_FAILED;
	program->listing.len = 0;
	run->selected++;
	run_raise(run, (int)exit_code);
	struct core_case item = { .name = STR_LIT("(listing)"),
				  .program = at,
				  .state = CASE_WAITING };
	return VEC_PUSH(&run->cases, item);
}

/* A decision about a program. */
static int restore_program(struct core *core, struct core_run *run,
			   const struct msg_decision *decision, struct err *err)
{
	uint32_t at = (uint32_t)decision->program;
	if (at >= run->programs.len)
		return contradiction(run, "a program that is none", at, err);
	struct core_program *program = &run->programs.items[at];
	switch (decision->kind) {
	case MSG_DECISION_RELIST:
		program->listing.len = 0;
		program->list_tries += decision->lost != 0;
		program->state = PROGRAM_TO_LIST;
		return 0;
	case MSG_DECISION_FILED: return restore_filed(core, run, at, decision->wanted, err);
	case MSG_DECISION_REMEMBERED:
		return map_put(&program->red_found, decision->name, 1) < 0 ? -ENOMEM : 0;
	default: break;
	}
	if (program->state == PROGRAM_FAILED || run->listed >= run->programs.len + 1)
		return contradiction(run, "a program was listed twice", at, err);
	if (decision->kind == MSG_DECISION_LIST_FAILED)
		return restore_list_failed(run, at, decision->exit_code);
	program->state = decision->kind == MSG_DECISION_LISTED ? PROGRAM_LISTED : PROGRAM_FAILED;
	run->abandoned += decision->kind == MSG_DECISION_ABANDONED;
	run->listed++;
	listing_startup(run, at);
	return 0;
}

static void restore_stopped(struct core_run *run, const struct msg_decision *decision)
{
	run->stopped = true;
	run->stop_immediate = run->stop_immediate || decision->immediate;
	snprintf(run->why_stopped, sizeof(run->why_stopped), "%.*s", STR_ARG(decision->message));
	if (decision->exit_code)
		run_raise(run, (int)decision->exit_code);
}

int core_restore_decision(struct core *core, uint64_t number, const struct msg_decision *decision,
			  struct err *err)
{
	struct core_run *run = core_find_run(core, number);
	ASSERT(run && run->restoring);
	switch (decision->kind) {
	case MSG_DECISION_ASSIGNED: return restore_assigned(core, run, decision, err);
	case MSG_DECISION_SEEN:
	case MSG_DECISION_KEPT:
	case MSG_DECISION_CLOSED: return restore_attempt(run, decision, err);
	case MSG_DECISION_LOST: return restore_lost(core, run, decision, err);
	case MSG_DECISION_RELIST:
	case MSG_DECISION_LISTED:
	case MSG_DECISION_FILED:
	case MSG_DECISION_LIST_FAILED:
	case MSG_DECISION_REMEMBERED:
	case MSG_DECISION_ABANDONED: return restore_program(core, run, decision, err);
	case MSG_DECISION_STOPPED: restore_stopped(run, decision); return 0;
	case MSG_DECISION_RAISED: run_raise(run, (int)decision->exit_code); return 0;
	default: return contradiction(run, "a decision of no kind", decision->kind, err);
	}
}

/* ---- events ---- */

/* An attempt at a case ended, finally or not: out of its hands, into the numbers. */
static void restore_ended(struct core_run *run, struct core_case *item, uint32_t index,
			  const struct msg_run_event *event)
{
	struct core_program *program = &run->programs.items[item->program];
	struct core_attempt *attempt = find(run, item->attempt);
	if (attempt)
		merge_drop(attempt, index);
	item->attempt = 0;
	if (!event->duration_us)
		return;
	(void)VEC_PUSH(&run->durations, event->duration_us); /* as in take_verdict */
	program->done_us += event->duration_us;
	program->done_n++;
}

static int restore_verdict(struct core_run *run, const struct msg_run_event *event, struct err *err)
{
	enum outcome outcome = (enum outcome)event->outcome;
	if (event->found) {
		run->n_found++;
		(void)merge_count(run, outcome, event->quarantined);
		return 0;
	}
	if (event->index >= run->cases.len || run->cases.items[event->index].state == CASE_DONE)
		return contradiction(run, "a verdict too many", event->index, err);
	struct core_case *item = &run->cases.items[event->index];
	item->decided = item->attempt;
	restore_ended(run, item, (uint32_t)event->index, event);
	item->state = CASE_DONE;
	item->outcome = outcome;
	run->done++;
	(void)merge_count(run, outcome, item->quarantined);
	return 0;
}

static int restore_retried(struct core_run *run, const struct msg_run_event *event, struct err *err)
{
	if (event->index >= run->cases.len || run->cases.items[event->index].state == CASE_DONE ||
	    !run->cases.items[event->index].retries_left)
		return contradiction(run, "a retry too many", event->index, err);
	struct core_case *item = &run->cases.items[event->index];
	restore_ended(run, item, (uint32_t)event->index, event);
	item->was_red = true;
	item->tries++;
	item->retries_left--;
	item->bunch = 0;
	item->alone = item->alone || event->outcome == OUTCOME_CRASH ||
		      event->outcome == OUTCOME_TIMEOUT || event->outcome == OUTCOME_OOM;
	return 0;
}

/* A case began, or was told as slow. */
static int restore_begun(struct core_run *run, const struct msg_run_event *event, struct err *err)
{
	if (event->index >= run->cases.len || run->cases.items[event->index].state == CASE_DONE)
		return contradiction(run, "a case ran after its end", event->index, err);
	struct core_case *item = &run->cases.items[event->index];
	if (event->kind == MSG_RUN_CASE_SLOW) {
		item->slow_told = (uint32_t)event->count;
		return 0;
	}
	item->started = true;
	item->began_us = event->at_us;
	return 0;
}

int core_restore_event(struct core *core, uint64_t number, const struct msg_run_event *event,
		       struct err *err)
{
	struct core_run *run = core_find_run(core, number);
	ASSERT(run && run->restoring);
	if (event->at_us > run->restored_us)
		run->restored_us = event->at_us;
	switch (event->kind) {
	case MSG_RUN_STARTED:
		run->announced = true;
		run->slots_max = event->slots;
		return 0;
	case MSG_RUN_CASE_STARTED:
	case MSG_RUN_CASE_SLOW: return restore_begun(run, event, err);
	case MSG_RUN_CASE_FINISHED: return restore_verdict(run, event, err);
	case MSG_RUN_CASE_RETRIED: return restore_retried(run, event, err);
	case MSG_RUN_FINISHED:
		run->was_finished = true;
		run->exit_code = (int)event->exit_code;
		return 0;
	default: return 0;
	}
}

/* ---- the end ---- */

/* Count down what waits for cases that are done, without starting it. */
static void count_down(struct core_run *run)
{
	for (size_t i = 0; i < run->cases.len; i++) {
		const struct core_case *item = &run->cases.items[i];
		bool done = item->outcome == OUTCOME_PASS || item->outcome == OUTCOME_LEAK ||
			    item->outcome == OUTCOME_SKIP;
		for (size_t j = 0; item->state == CASE_DONE && j < item->unblocks.len; j++) {
			struct core_case *next = &run->cases.items[item->unblocks.items[j]];
			ASSERT(next->waiting_for > 0);
			next->waiting_for--;
			if (!done && j < item->n_needed_by)
				next->needs_failed = true;
		}
	}
}

/* Its cases run, wherever it is. */
static int hold_cases(struct core *core, struct core_run *run, const struct core_attempt *attempt,
		      struct err *err)
{
	for (size_t i = 0; i < attempt->cases.len; i++) {
		uint32_t index = attempt->cases.items[i];
		struct core_case *item = &run->cases.items[index];
		if (item->attempt != attempt->id)
			continue;
		if (item->waiting_for || !queue_take_locks(core, run, index))
			return contradiction(run, "a case ran that had to wait", index, err);
		item->state = CASE_RUNNING;
		if (item->started)
			slow_begin(core, run, index, run->began_us + item->began_us);
		run->running++;
		run->serial_running = run->serial_running || item->serial;
	}
	return 0;
}

/* What was out becomes orphans of the core, in their places. */
static int install(struct core *core, struct core_run *run, struct err *err)
{
	for (uint32_t place = 0; place < run->restored.len; place++) {
		struct core_attempt *from = &run->restored.items[place];
		if (!from->id)
			continue;
		struct core_attempt *to = assign_at(core, place);
		if (!to)
			return -ENOMEM;
		if (to->id)
			return contradiction(run, "an attempt of two runs", from->id, err);
		from->started_us = core->now_us;
		*to = *from;
		*from = (struct core_attempt){ 0 };
		run->busy_attempts++;
		core->orphans++;
		int r = hold_cases(core, run, to, err);
		if (r < 0)
			return r;
	}
	core->free_attempts.len = 0;
	for (uint32_t place = 0; place < core->attempts.len; place++)
		if (!core->attempts.items[place].id && VEC_PUSH(&core->free_attempts, place) < 0)
			return -ENOMEM;
	return 0;
}

/* Programs that nobody lists now. */
static int find_unlisted(struct core_run *run)
{
	for (size_t i = 0; i < run->classes.len; i++)
		run->classes.items[i].next_to_list = run->classes.items[i].to_list.len;
	for (size_t at = run->programs.len; at > 0; at--) {
		const struct core_program *program = &run->programs.items[at - 1];
		if (program->state == PROGRAM_TO_LIST &&
		    VEC_PUSH(&run->classes.items[program->class].relist, (uint32_t)(at - 1)) < 0)
			return -ENOMEM;
	}
	return 0;
}

int core_restore_end(struct core *core, uint64_t now_us, uint64_t number, int *ret_exit_code,
		     struct err *err)
{
	core_enter(core, now_us);
	struct core_run *run = core_find_run(core, number);
	ASSERT(run && run->restoring);
	if (run->was_finished) {
		*ret_exit_code = run->exit_code;
		return 1;
	}
	/* Time stood still while nobody served: the run is as old as its newest event. */
	run->began_us = now_us - run->restored_us;
	if (run->spec.deadline_us)
		run->deadline_us = now_us + (run->spec.deadline_us > run->restored_us
						     ? run->spec.deadline_us - run->restored_us
						     : 0);
	count_down(run);
	int r = find_unlisted(run);
	if (r == 0)
		r = install(core, run, err);
	if (r < 0)
		return r;
	core->orphans_us = now_us + core->options.lease_us;
	run->restoring = false;
	if (!run->announced)
		run_announce(core, run);
	listing_resume(core, run);
	queue_tell_dependents(core, run);
	if (run->stopped)
		merge_abandon(core, run);
	core->work_changed = true;
	run_check_finished(core, run);
	return 0;
}
