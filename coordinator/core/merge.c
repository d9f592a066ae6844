// SPDX-License-Identifier: Apache-2.0
/*
 * merge.c - the ledger: exactly one verdict for every listed case. A verdict is taken once, from
 * the attempt that holds the case; anything later is a duplicate and changes nothing. Cases found
 * while running are held back until the verdict of their listed case is final, so that a retry
 * replaces them whole.
 */
#include "coordinator/core/state.h"

#include "protocol/base/assert.h"
#include "protocol/wire/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FOUND_MAX = 1 << 20 };

/* The name shown for a case: its own, with "@k" behind it in the k-th repetition. */
static struct str label_of(struct core *core, const struct core_case *item)
{
	if (!item->repeat)
		return item->name;
	char *label = arena_printf(&core->arena, "%.*s@%u", STR_ARG(item->name), item->repeat);
	return label ? str_of(label) : item->name;
}

static struct str in_arena(struct core *core, struct str text)
{
	char *copy = text.len ? arena_copy(&core->arena, text) : NULL;
	return copy ? (struct str){ copy, text.len } : (struct str){ .data = "" };
}

/* Output as one event can carry it: whole, or its head and its tail. */
static struct str shown(struct core *core, struct str text, uint64_t *dropped_bytes)
{
	static const char gap[] = "\n[... the middle was left out ...]\n";
	size_t half = (LIMIT_CHUNK_BYTES - sizeof(gap)) / 2;
	if (text.len <= LIMIT_CHUNK_BYTES)
		return in_arena(core, text);
	char *cut = core_action_alloc(core, LIMIT_CHUNK_BYTES);
	if (!cut)
		return (struct str){ .data = "" };
	memcpy(cut, text.data, half);
	memcpy(cut + half, gap, sizeof(gap) - 1);
	memcpy(cut + half + sizeof(gap) - 1, text.data + text.len - half, half);
	*dropped_bytes += text.len - 2 * half;
	return (struct str){ cut, 2 * half + sizeof(gap) - 1 };
}

static const struct core_output *find_output(const struct core_attempt *attempt, uint32_t index)
{
	for (size_t i = attempt->outputs.len; i > 0; i--)
		if (attempt->outputs.items[i - 1].index == index)
			return &attempt->outputs.items[i - 1];
	return NULL;
}

/* Whose attempt it is, or was. */
static struct str worker_of(struct core *core, const struct core_attempt *attempt)
{
	const struct core_worker *worker = attempt ? core_find_worker(core, attempt->worker) : NULL;
	if (worker)
		return in_arena(core, worker->name);
	return attempt && attempt->name ? in_arena(core, str_of(attempt->name))
					: (struct str){ .data = "" };
}

/* The event for a case, with everything that does not depend on the verdict. */
static struct msg_run_event event_of(struct core *core, const struct core_run *run, uint32_t index,
				     enum msg_run_kind kind, const struct core_attempt *attempt)
{
	const struct core_case *item = &run->cases.items[index];
	const struct core_program *program = &run->programs.items[item->program];
	return (struct msg_run_event){
		.kind = kind,
		.suite = program->spec.suite,
		.program = program->spec.name,
		.name = label_of(core, item),
		.adapter = program->spec.kind,
		.file = program->spec.path,
		.index = index,
		.attempt = item->tries + 1,
		.estimate_us = item->seen ? item->expect_us : 0,
		.worker = worker_of(core, attempt),
		.slot = attempt ? attempt->slot : 0,
		.quarantined = item->quarantined,
	};
}

bool merge_count(struct core_run *run, enum outcome outcome, bool quarantined)
{
	run->outcomes[outcome]++;
	if (!outcome_is_red(outcome) || quarantined)
		return false;
	run->red++;
	run->failures += outcome != OUTCOME_NOTRUN;
	bool too_many = run->spec.max_fail && run->failures >= run->spec.max_fail;
	if (run->spec.max_fail_percent &&
	    run->listed == run->programs.len) /* of all cases, once they are known */
		too_many = too_many ||
			   run->failures * 100 >= run->spec.max_fail_percent * run->cases.len;
	return too_many && !run->stopped;
}

static void count_verdict(struct core *core, struct core_run *run, enum outcome outcome,
			  bool quarantined)
{
	if (merge_count(run, outcome, quarantined))
		run_stop(core, run, "enough tests failed (--max-fail)", 0,
			 run->spec.fail_immediate);
}

/* Out of the attempt: locks given back, counters moved. */
static void leave_attempt(struct core *core, struct core_run *run, uint32_t index)
{
	struct core_case *item = &run->cases.items[index];
	if (item->state == CASE_RUNNING) {
		ASSERT(run->running > 0);
		run->running--;
		if (item->started)
			slow_end(run, index);
		if (item->n_locks)
			queue_drop_locks(core, run, index);
		core->work_changed = true;
	} else if (item->state == CASE_READY) {
		run->left_us -= item->expect_us < run->left_us ? item->expect_us : run->left_us;
	}
	item->attempt = 0;
}

/* Mark a case done; its event was emitted. A stop or dependents may end many others in its wake. */
static void close_case(struct core *core, struct core_run *run, uint32_t index,
		       enum outcome outcome)
{
	ASSERT(run->cases.items[index].state != CASE_DONE);
	leave_attempt(core, run, index);
	run->cases.items[index].state = CASE_DONE;
	run->cases.items[index].outcome = outcome;
	run->done++;
	if (run->cases.items[index].unblocks.len && VEC_PUSH(&run->ended, index) < 0)
		core->out_of_memory = true;
	count_verdict(core, run, outcome, run->cases.items[index].quarantined);
	queue_tell_dependents(core, run);
}

void merge_tell_slow(struct core *core, struct core_run *run, uint32_t index)
{
	struct core_case *item = &run->cases.items[index];
	struct msg_run_event event = event_of(core, run, index, MSG_RUN_CASE_SLOW,
					      assign_find(core, item->attempt));
	event.count = ++item->slow_told;
	event.duration_us = core->now_us - item->began_us;
	run_emit(core, run, &event);
}

void merge_conclude(struct core *core, struct core_run *run, uint32_t index, enum outcome outcome,
		    struct str message)
{
	struct msg_run_event event = event_of(core, run, index, MSG_RUN_CASE_FINISHED,
					      assign_find(core, run->cases.items[index].attempt));
	event.outcome = outcome;
	event.message = in_arena(core, message);
	run_emit(core, run, &event);
	close_case(core, run, index, outcome);
}

void merge_abandon(struct core *core, struct core_run *run)
{
	for (size_t i = 0; i < run->classes.len; i++) {
		struct core_class *class = &run->classes.items[i];
		while (class->relist.len)
			listing_abandoned(core, run, class->relist.items[--class->relist.len]);
		while (class->next_to_list < class->to_list.len)
			listing_abandoned(core, run, class->to_list.items[class->next_to_list++]);
	}
	for (size_t i = 0; i < run->cases.len; i++)
		if (run->cases.items[i].state == CASE_READY ||
		    run->cases.items[i].state == CASE_WAITING)
			merge_conclude(core, run, (uint32_t)i, OUTCOME_NOTRUN,
				       str_of(run->why_stopped));
}

static bool wants_retry(const struct core_run *run, const struct core_case *item,
			enum outcome outcome, bool found_red)
{
	return item->retries_left && !run->stopped && (outcome_is_retryable(outcome) || found_red);
}

/* Back into the queue after an attempt that did not settle it. */
static void requeue(struct core *core, struct core_run *run, uint32_t index)
{
	leave_attempt(core, run, index);
	queue_make_ready(core, run, index);
}

static bool any_found_red(const struct core_attempt *attempt, uint32_t index)
{
	for (size_t i = 0; i < attempt->found.len; i++)
		if (attempt->found.items[i].index == index &&
		    outcome_is_red(attempt->found.items[i].outcome))
			return true;
	return false;
}

static void drop_found(struct core_attempt *attempt, uint32_t index)
{
	size_t kept = 0;
	for (size_t i = 0; i < attempt->found.len; i++) {
		struct core_found found = attempt->found.items[i];
		if (found.index != index) {
			attempt->found.items[kept++] = found;
			continue;
		}
		free((char *)found.name.data);
		free((char *)found.message.data);
	}
	attempt->found.len = kept;
}

/*
 * Emit or (before a retry) only remember the found cases that belong to `index`, and drop them
 * from the attempt.
 */
static void settle_found(struct core *core, struct core_run *run, struct core_attempt *attempt,
			 uint32_t index, bool final)
{
	struct core_program *program = &run->programs.items[run->cases.items[index].program];
	for (size_t i = 0; i < attempt->found.len; i++) {
		struct core_found found = attempt->found.items[i];
		if (found.index != index)
			continue;
		if (final) {
			struct msg_run_event event = event_of(core, run, index,
							      MSG_RUN_CASE_FINISHED, attempt);
			event.index = UINT32_MAX;
			event.found = 1;
			event.name = in_arena(core, found.name);
			event.message = in_arena(core, found.message);
			event.outcome = found.outcome;
			event.flaky = !outcome_is_red(found.outcome) &&
				      map_get(&program->red_found, found.name, NULL);
			event.duration_us = found.duration_us;
			run_emit(core, run, &event);
			run->n_found++;
			count_verdict(core, run, found.outcome,
				      run->cases.items[index].quarantined);
		} else if (outcome_is_red(found.outcome)) {
			(void)map_put(&program->red_found, found.name, 1);
			core_decide(core, run,
				    &(struct msg_decision){
					    .kind = MSG_DECISION_REMEMBERED,
					    .program = run->cases.items[index].program,
					    .name = found.name });
		}
	}
	drop_found(attempt, index);
}

static void take_verdict(struct core *core, struct core_run *run, struct core_attempt *attempt,
			 const struct msg_event *event)
{
	uint32_t index = (uint32_t)event->index;
	struct core_case *item = &run->cases.items[index];
	struct core_program *program = &run->programs.items[item->program];
	enum outcome outcome = (enum outcome)event->outcome;
	bool found_red = any_found_red(attempt, index),
	     retry = wants_retry(run, item, outcome, found_red);
	const struct core_output *output = find_output(attempt, index);
	struct msg_run_event out = event_of(core, run, index,
					    retry ? MSG_RUN_CASE_RETRIED : MSG_RUN_CASE_FINISHED,
					    attempt);
	out.outcome = outcome;
	out.flaky = item->was_red && (outcome == OUTCOME_PASS || outcome == OUTCOME_LEAK) &&
		    !found_red;
	out.duration_us = event->duration_us;
	out.cpu_us = event->cpu_us;
	out.peak_bytes = event->peak_bytes;
	out.exit_code = event->exit_code;
	out.signal = event->signal;
	out.dropped_bytes = event->dropped_bytes;
	out.message = in_arena(core, event->message);
	if (output) {
		out.out = shown(core, buf_str(&output->out), &out.dropped_bytes);
		out.err = shown(core, buf_str(&output->err), &out.dropped_bytes);
		out.dropped_bytes += output->cut_bytes;
	}
	run_emit(core, run, &out);
	attempt->red = attempt->red || (outcome_is_red(outcome) && !item->quarantined);
	settle_found(core, run, attempt, index, !retry);
	(void)VEC_PUSH(
		&run->durations,
		event->duration_us); /* a lower bound that lacks one is still a lower bound */
	program->done_us += event->duration_us;
	program->done_n++;
	struct core_worker *doubted = core_find_worker(core, item->avoid_worker);
	if (doubted && !outcome_is_red(outcome) && item->avoid_worker != attempt->worker)
		trust_look(core, doubted);
	if (!retry) {
		item->decided = attempt->id;
		close_case(core, run, index, outcome);
		return;
	}
	item->was_red = true;
	item->tries++;
	item->retries_left--;
	item->avoid_worker = attempt->worker;
	item->bunch = 0;
	item->alone = item->alone || outcome == OUTCOME_CRASH || outcome == OUTCOME_TIMEOUT ||
		      outcome == OUTCOME_OOM;
	requeue(core, run, index);
}

/* Of a journal also that there was more, `output_bytes` of it, than was kept. */
static int keep_output(struct core_attempt *attempt, const struct msg_event *event)
{
	struct core_output *output = (struct core_output *)find_output(attempt,
								       (uint32_t)event->index);
	if (!output) {
		struct core_output fresh = { .index = (uint32_t)event->index };
		buf_init(&fresh.out, LIMIT_OUTPUT_BYTES * 4);
		buf_init(&fresh.err, LIMIT_OUTPUT_BYTES * 4);
		if (VEC_PUSH(&attempt->outputs, fresh) < 0)
			return -ENOMEM;
		output = &attempt->outputs.items[attempt->outputs.len - 1];
	}
	int r = buf_put_str(event->stream == 2 ? &output->err : &output->out, event->data);
	output->bytes += event->data.len + event->output_bytes;
	output->cut_bytes += (r < 0 ? event->data.len : 0) + event->output_bytes;
	return r;
}

/* A worker says how much it sent of a case's output: what did not arrive makes the run incomplete.
 */
static void check_output(struct core *core, struct core_run *run,
			 const struct core_attempt *attempt, const struct msg_event *event)
{
	const struct core_output *output = find_output(attempt, (uint32_t)event->index);
	uint64_t arrived = output ? output->bytes : 0;
	char text[160 + 256];
	if (arrived == event->output_bytes)
		return;
	struct msg_run_event warning = event_of(core, run, (uint32_t)event->index, MSG_RUN_WARNING,
						attempt);
	snprintf(text, sizeof(text),
		 "%" PRIu64 " bytes of the output of %.*s arrived where its worker sent %" PRIu64
		 ": the run is incomplete",
		 arrived, (int)(warning.name.len < 200 ? warning.name.len : 200), warning.name.data,
		 event->output_bytes);
	warning.message = in_arena(core, str_of(text));
	run_emit(core, run, &warning);
	core_decide(core, run,
		    &(struct msg_decision){ .kind = MSG_DECISION_RAISED,
					    .exit_code = EXIT_CODE_INCOMPLETE });
	run_raise(run, EXIT_CODE_INCOMPLETE);
}

static void drop_output(struct core_attempt *attempt, uint32_t index)
{
	struct core_output *output = (struct core_output *)find_output(attempt, index);
	if (!output)
		return;
	buf_done(&output->out);
	buf_done(&output->err);
	*output = attempt->outputs.items[--attempt->outputs.len];
}

void merge_drop(struct core_attempt *attempt, uint32_t index)
{
	drop_found(attempt, index);
	drop_output(attempt, index);
}

static int keep_found(struct core_attempt *attempt, const struct msg_event *event)
{
	struct core_found found = {
		.name = { str_dup(event->name), event->name.len },
		.message = { str_dup(event->message), event->message.len },
		.index = (uint32_t)event->index,
		.outcome = (enum outcome)event->outcome,
		.duration_us = event->duration_us,
	};
	if (attempt->found.len < FOUND_MAX && found.name.data && found.message.data &&
	    VEC_PUSH(&attempt->found, found) == 0)
		return 0;
	free((char *)found.name.data);
	free((char *)found.message.data);
	return -ENOMEM;
}

int merge_keep(struct core_attempt *attempt, const struct msg_event *event)
{
	return event->kind == MSG_EVENT_OUTPUT ? keep_output(attempt, event)
					       : keep_found(attempt, event);
}

/*
 * Did the attempt end for a reason that is its worker's alone? Cancelled: by the worker itself,
 * ours stop the run first.
 */
static bool is_loss(uint64_t cause)
{
	return cause == MSG_CLOSE_WORKER || cause == MSG_CLOSE_CANCELLED;
}

static void put_in_bunch(struct core_run *run, const uint32_t *cases, size_t n)
{
	struct core_bunch bunch = { 0 };
	if (VEC_RESERVE(&bunch, n) < 0 || VEC_PUSH(&run->bunches, bunch) < 0) {
		free(bunch.items);
		n = 0; /* they run as anything else does */
	}
	for (size_t i = 0; i < n; i++) {
		run->cases.items[cases[i]].bunch = (uint32_t)run->bunches.len;
		(void)VEC_PUSH(&run->bunches.items[run->bunches.len - 1], cases[i]);
	}
}

void merge_split(struct core *core, struct core_run *run, const uint32_t *cases, size_t n)
{
	ASSERT(n > 0);
	core_decide(core, run,
		    &(struct msg_decision){ .kind = MSG_DECISION_LOST,
					    .cases = restore_pack(core, cases, n) });
	for (size_t i = 0; i < n; i++) {
		run->cases.items[cases[i]].losses++;
		run->cases.items[cases[i]].bunch = 0;
	}
	if (n == 1) {
		run->cases.items[cases[0]].alone = true;
		return;
	}
	put_in_bunch(run, cases, n / 2);
	put_in_bunch(run, cases + n / 2, n - n / 2);
}

/* Cases whose worker was lost under them: again, in halves; or, alone once too often, lost. */
static void lose_cases(struct core *core, struct core_run *run, const uint32_t *cases, size_t n,
		       struct str why)
{
	char text[256];
	ASSERT(n > 0);
	uint32_t losses = run->cases.items[cases[0]].losses + 1;
	if (n == 1 && losses >= CORE_LOSSES_MAX) {
		snprintf(text, sizeof(text),
			 "lost: %u workers were lost with it, the last while nothing ran beside it "
			 "(%.*s)",
			 losses, (int)(why.len < 128 ? why.len : 128), why.data);
		merge_conclude(core, run, cases[0], OUTCOME_LOST, str_of(text));
		return;
	}
	if (n > 1 && losses > 1) {
		const struct core_program *program =
			&run->programs.items[run->cases.items[cases[0]].program];
		snprintf(text, sizeof(text),
			 "%u workers were lost with the same cases of %.*s: the %zu of them run in "
			 "halves to find which does it",
			 losses, (int)(program->spec.name.len < 96 ? program->spec.name.len : 96),
			 program->spec.name.data, n);
		run_emit(core, run,
			 &(struct msg_run_event){ .kind = MSG_RUN_WARNING,
						  .message = in_arena(core, str_of(text)) });
	}
	merge_split(core, run, cases, n);
	for (size_t i = 0; i < n; i++)
		requeue(core, run, cases[i]);
}

/* Cases of a closed attempt that got no verdict from it. */
static void settle_rest(struct core *core, struct core_run *run, struct core_attempt *attempt,
			uint64_t cause, struct str message)
{
	bool moved = attempt->moved && cause == MSG_CLOSE_CANCELLED;
	uint32_t *lost = core_action_alloc(core, (attempt->cases.len + 1) * sizeof(*lost));
	size_t n_lost = 0;
	for (size_t i = 0; i < attempt->cases.len; i++) {
		uint32_t index = attempt->cases.items[i];
		const struct core_case *item = &run->cases.items[index];
		if (item->state != CASE_RUNNING || item->attempt != attempt->id)
			continue;
		if (!attempt->late) /* then its verdict may still come, and found cases with it */
			settle_found(core, run, attempt, index, false);
		if (run->stopped && cause != MSG_CLOSE_SETUP && cause != MSG_CLOSE_SANDBOX)
			merge_conclude(core, run, index, OUTCOME_NOTRUN, str_of(run->why_stopped));
		else if (moved)
			requeue(core, run, index);
		else if (is_loss(cause) && lost)
			lost[n_lost++] = index;
		else
			merge_conclude(core, run, index,
				       is_loss(cause) ? OUTCOME_LOST : OUTCOME_ERROR,
				       message.len
					       ? message
					       : STR_LIT("the shard ended without a verdict for "
							 "this case"));
	}
	/* An order that died with a coordinator, on its way: no worker was lost with it. */
	bool unheard = attempt->late && !attempt->worker && !attempt->seq;
	for (size_t i = 0; unheard && i < n_lost; i++)
		requeue(core, run, lost[i]);
	if (n_lost && !unheard)
		lose_cases(core, run, lost, n_lost, message);
}

/*
 * Its listing will not be heard of: to be listed again, which counts when it was lost. False on no
 * memory.
 */
static bool relist(struct core *core, struct core_run *run, uint32_t program, bool lost)
{
	struct core_program *item = &run->programs.items[program];
	item->listing.len = 0;
	item->list_tries += lost;
	if (VEC_PUSH(&run->classes.items[item->class].relist, program) < 0)
		return false;
	core_decide(core, run,
		    &(struct msg_decision){
			    .kind = MSG_DECISION_RELIST, .program = program, .lost = lost });
	item->state = PROGRAM_TO_LIST;
	core->work_changed = true;
	return true;
}

static void close_listing(struct core *core, struct core_run *run, uint32_t program,
			  const struct msg_event *event, bool moved)
{
	uint64_t cause = event->cause;
	struct str message = event->message;
	struct core_program *item = &run->programs.items[program];
	if (cause == MSG_CLOSE_FINE) {
		listing_done(core, run, program);
		return;
	}
	item->listing.len = 0;
	if (is_loss(cause) && run->stopped) {
		listing_abandoned(core, run, program);
		return;
	}
	bool moved_away = moved && cause == MSG_CLOSE_CANCELLED;
	if ((moved_away || (is_loss(cause) && item->list_tries + 1 < CORE_LIST_TRIES_MAX)) &&
	    relist(core, run, program, !moved_away))
		return;
	listing_failed(core, run, program, in_arena(core, message),
		       cause == MSG_CLOSE_SETUP	    ? EXIT_CODE_SETUP
		       : cause == MSG_CLOSE_SANDBOX ? EXIT_CODE_SANDBOX
		       : is_loss(cause)		    ? EXIT_CODE_INCOMPLETE
						    : EXIT_CODE_LISTING);
}

static void close_attempt(struct core *core, struct core_attempt *attempt,
			  const struct msg_event *event)
{
	struct core_run *run = core_find_run(core, attempt->run);
	uint32_t program = attempt->program;
	struct core_worker *worker = core_find_worker(core, attempt->worker);
	bool list = attempt->list;
	attempt->moved = attempt->moved || (worker && (worker->draining || worker->quarantined));
	bool moved = attempt->moved;
	struct str message = in_arena(core, event->message);
	if (event->startup_us) {
		uint64_t *startup = &run->programs.items[program].startup_us;
		*startup = *startup ? (*startup + event->startup_us) / 2 : event->startup_us;
		run_emit(core, run,
			 &(struct msg_run_event){ .kind = MSG_RUN_STARTUP,
						  .suite = run->programs.items[program].spec.suite,
						  .program = run->programs.items[program].spec.name,
						  .duration_us = event->startup_us });
	}
	if (!list && event->cause == MSG_CLOSE_SETUP) {
		core_decide(core, run,
			    &(struct msg_decision){ .kind = MSG_DECISION_RAISED,
						    .exit_code = EXIT_CODE_SETUP });
		run_raise(run, EXIT_CODE_SETUP);
	}
	if (!list)
		settle_rest(core, run, attempt, event->cause, message);
	bool judged = core->options.quarantine && worker && !list && !attempt->cancelled &&
		      !is_loss(event->cause);
	bool red = attempt->red || event->cause != MSG_CLOSE_FINE;
	if (attempt->late)
		assign_keep_late(core, attempt);
	else
		assign_release(core, attempt);
	if (judged)
		trust_judge(core, run, program, worker, red);
	if (list)
		close_listing(core, run, program, event, moved);
	if (event->cause == MSG_CLOSE_SANDBOX)
		run_stop(core, run,
			 message.len ? message.data
				     : "the sandbox asked for cannot be enforced here",
			 EXIT_CODE_SANDBOX, true);
	run_check_finished(core, run);
}

void merge_lost(struct core *core, struct core_attempt *attempt)
{
	ASSERT(!attempt->late);
	attempt->late = !attempt->list;
	close_attempt(core, attempt,
		      &(struct msg_event){ .kind = MSG_EVENT_CLOSED,
					   .cause = MSG_CLOSE_WORKER,
					   .message = STR_LIT("its worker was lost") });
}

static int check_event(const struct core_run *run, const struct core_attempt *attempt,
		       const struct msg_event *event, struct err *err)
{
	if (event->kind == MSG_EVENT_LISTED && !attempt->list)
		return err_set(err, -EPROTO, "a listing for an attempt that runs cases");
	if (event->kind == MSG_EVENT_LISTED || event->kind == MSG_EVENT_CLOSED)
		return 0;
	if (attempt->list || event->index >= run->cases.len)
		return err_set(err, -EPROTO,
			       "an event for case %llu, which its attempt does not hold",
			       (unsigned long long)event->index);
	return 0;
}

static bool holds(const struct core_attempt *attempt, uint32_t index)
{
	for (size_t i = 0; i < attempt->cases.len; i++)
		if (attempt->cases.items[i] == index)
			return true;
	return false;
}

/*
 * A file that a process left goes on to whoever watches the run, piece by piece. It changes no
 * verdict, and belongs to the attempt also when the case has its verdict already and runs again
 * elsewhere.
 */
static void pass_artifact(struct core *core, struct core_run *run,
			  const struct core_attempt *attempt, const struct msg_event *event)
{
	uint32_t index = (uint32_t)event->index;
	struct msg_run_event out = event_of(core, run, index, MSG_RUN_ARTIFACT, attempt);
	if (run->cases.items[index].attempt != attempt->id)
		out.attempt = attempt->retry;
	out.count = event->cases;
	out.path = in_arena(core, event->name);
	out.offset = event->offset;
	out.dropped_bytes = event->dropped_bytes;
	out.out = in_arena(core, event->data); /* without memory: a gap, which the reader sees */
	out.more = event->more;
	out.message = in_arena(core, event->message);
	run_emit(core, run, &out);
}

/* A verdict that came after another had counted. */
static void tell_duplicate(struct core *core, struct core_run *run,
			   const struct core_attempt *attempt, const struct msg_event *event)
{
	struct msg_run_event out = event_of(core, run, (uint32_t)event->index,
					    MSG_RUN_CASE_DUPLICATE, attempt);
	out.outcome = event->outcome;
	out.duration_us = event->duration_us;
	out.exit_code = event->exit_code;
	out.signal = event->signal;
	out.message = in_arena(core, event->message);
	run_emit(core, run, &out);
}

/*
 * A verdict of a lost attempt, while none has counted. It does if it is final; not one that a retry
 * would follow, which the other attempt is already; nor that of a case with locks or a serial one
 * that runs elsewhere by now, because what waits for it would start beside it.
 */
static void take_late(struct core *core, struct core_run *run, struct core_attempt *attempt,
		      const struct msg_event *event)
{
	uint32_t index = (uint32_t)event->index;
	const struct core_case *item = &run->cases.items[index];
	struct core_attempt *other = assign_find(core, item->attempt);
	bool bound = item->n_locks || item->serial;
	if (item->state == CASE_DONE || (other && bound) ||
	    wants_retry(run, item, (enum outcome)event->outcome, any_found_red(attempt, index))) {
		tell_duplicate(core, run, attempt, event);
		return;
	}
	take_verdict(core, run, attempt, event);
	bool idle = other && !other->list;
	for (size_t i = 0; idle && i < other->cases.len; i++)
		idle = run->cases.items[other->cases.items[i]].attempt != other->id;
	if (idle)
		assign_cancel(core, other, "its cases were decided by an earlier attempt");
}

/* News of an attempt that was given up: its worker was late, not lost. */
static void merge_late(struct core *core, struct core_run *run, struct core_attempt *attempt,
		       const struct msg_event *event)
{
	uint32_t index = (uint32_t)event->index;
	if (event->kind == MSG_EVENT_CLOSED) {
		assign_release(core, attempt);
		return;
	}
	if (event->kind == MSG_EVENT_LISTED || event->kind == MSG_EVENT_STARTED ||
	    !holds(attempt, index))
		return;
	if (event->kind == MSG_EVENT_ENDED && !event->name.len) {
		take_late(core, run, attempt, event);
		merge_drop(attempt, index);
		run_check_finished(core, run);
		return;
	}
	if (run->cases.items[index].state != CASE_DONE && merge_keep(attempt, event) == -ENOMEM)
		core->out_of_memory = true;
}

int merge_event(struct core *core, struct core_attempt *attempt, const struct msg_event *event,
		struct err *err)
{
	struct core_run *run = core_find_run(core, attempt->run);
	ASSERT(run && event->kind < MSG_EVENT_MAX && event->outcome < OUTCOME_MAX);
	int r = check_event(run, attempt, event, err);
	if (r < 0)
		return r;
	attempt->slot = event->slot;
	if (event->kind == MSG_EVENT_ARTIFACT) {
		if (holds(attempt, (uint32_t)event->index))
			pass_artifact(core, run, attempt, event);
		return 0;
	}
	if (attempt->late) {
		merge_late(core, run, attempt, event);
		return 0;
	}
	if (event->kind == MSG_EVENT_LISTED) {
		r = listing_add(run, &run->programs.items[attempt->program], event);
		if (r == 0)
			core_decide(core, run,
				    &(struct msg_decision){ .kind = MSG_DECISION_KEPT,
							    .attempt = attempt->id,
							    .events = (struct msg_event *)event,
							    .n_events = 1 });
		return r < 0 ? err_set(err, r, "a listing of too many cases") : 0;
	}
	if (event->kind == MSG_EVENT_CLOSED) {
		close_attempt(core, attempt, event);
		return 0;
	}
	uint32_t index = (uint32_t)event->index;
	if (run->cases.items[index].attempt != attempt->id) {
		/*
		 * It has its verdict: a duplicate; but what its process showed at its very end is
		 * still news.
		 */
		if (event->kind == MSG_EVENT_ENDED && event->name.len &&
		    run->cases.items[index].state == CASE_DONE &&
		    run->cases.items[index].decided == attempt->id &&
		    keep_found(attempt, event) == 0)
			settle_found(core, run, attempt, index, true);
		else if (event->kind == MSG_EVENT_ENDED && !event->name.len &&
			 run->cases.items[index].decided != attempt->id && holds(attempt, index))
			tell_duplicate(core, run, attempt, event);
		return 0;
	}
	if (event->kind == MSG_EVENT_STARTED) {
		struct msg_run_event started = event_of(core, run, index, MSG_RUN_CASE_STARTED,
							attempt);
		if (run->cases.items[index].started)
			return 0;
		run_emit(core, run, &started);
		slow_begin(core, run, index, core->now_us);
	} else if (event->kind == MSG_EVENT_OUTPUT) {
		if (keep_output(attempt, event) == -ENOMEM)
			core->out_of_memory = true;
	} else if (event->name.len) {
		if (keep_found(attempt, event) < 0)
			core->out_of_memory = true;
	} else {
		check_output(core, run, attempt, event);
		take_verdict(core, run, attempt, event);
		drop_output(attempt, index);
	}
	return 0;
}
