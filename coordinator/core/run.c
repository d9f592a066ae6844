// SPDX-License-Identifier: Apache-2.0
/*
 * run.c - one run from submission to its last event. Invariant: done + (cases not done) == cases,
 * and the run finishes exactly when every program is listed (or failed) and every listed case is
 * done.
 */
#include "coordinator/core/state.h"

#include "coordinator/plan/bound.h"
#include "protocol/base/assert.h"
#include "protocol/wire/limits.h"
#include "protocol/wire/record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compile_filters(struct core_run *run, struct err *err)
{
	const struct msg_submit *spec = &run->spec;
	int r = partition_parse(spec->partition, &run->partition, err);
	run->filters = arena_alloc(&run->arena, (spec->n_filters + 1) * sizeof(struct filter *));
	run->overrides = arena_alloc(&run->arena,
				     (spec->n_overrides + 1) * sizeof(*run->overrides));
	if (!run->filters || !run->overrides)
		return err_set(err, -ENOMEM, "no memory for a run");
	for (size_t i = 0; r == 0 && i < spec->n_filters; i++)
		r = filter_parse(spec->filters[i], &run->filters[i], err);
	for (size_t i = 0; r == 0 && i < spec->n_overrides; i++) {
		run->overrides[i].spec = spec->overrides[i];
		r = filter_parse(spec->overrides[i].filter, &run->overrides[i].filter, err);
	}
	for (size_t i = 0; r == 0 && i < spec->n_only; i++)
		if (map_put(&run->only, spec->only[i], 1) < 0)
			r = err_set(err, -ENOMEM, "no memory for a run");
	return r;
}

/* A program that no order could carry beside a shard would never start. */
static int check_programs(const struct msg_submit *submit, struct err *err)
{
	size_t max = LIMIT_MESSAGE_BYTES - CORE_SHARD_BYTES_MAX - CORE_ORDER_BYTES;
	for (size_t i = 0; i < submit->n_programs; i++) {
		const struct msg_program *program = &submit->programs[i];
		size_t bytes = msg_size(&msg_record_program, program);
		if (bytes > max)
			return err_set(err, -E2BIG,
				       "the command and environment of %.*s take %zu bytes, the "
				       "limit is %zu: shorten them (env)",
				       STR_ARG(program->name), bytes, max);
	}
	return 0;
}

static int add_programs(struct core_run *run)
{
	for (size_t i = 0; i < run->spec.n_programs; i++) {
		struct core_program program = { .spec = run->spec.programs[i] };
		if (VEC_PUSH(&run->programs, program) < 0)
			return -ENOMEM;
	}
	return 0;
}

struct core_run *run_new(struct core *core, const struct msg_submit *submit, const char *name,
			 struct estimate_table *history, struct err *err)
{
	if (check_programs(submit, err) < 0)
		return NULL;
	struct core_run *run = calloc(1, sizeof(*run));
	if (!run) {
		err_set(err, -ENOMEM, "no memory for a run");
		return NULL;
	}
	run->number = ++core->serial;
	run->client = CORE_NOBODY;
	run->begun = (struct core_list){ CORE_NOBODY, CORE_NOBODY };
	if (history) {
		run->history = *history;
		*history = (struct estimate_table){ 0 };
	}
	run->began_us = core->now_us;
	run->deadline_us = submit->deadline_us ? core->now_us + submit->deadline_us : UINT64_MAX;
	run->slow_us = submit->slow_us && submit->slow_us < CORE_SLOW_US_MIN ? CORE_SLOW_US_MIN
									     : submit->slow_us;
	run->name = arena_copy(&run->arena, str_of(name));
	rng_seed(&run->rng, submit->seed);
	if (!run->name ||
	    record_copy(msg_describe(MSG_SUBMIT), submit, &run->spec, &run->arena) < 0 ||
	    add_programs(run) < 0)
		err_set(err, -ENOMEM, "no memory for a run of %zu programs", submit->n_programs);
	else if (compile_filters(run, err) == 0 && class_sort(run, err) == 0)
		return run;
	run_free(run);
	return NULL;
}

static void free_program(struct core_program *program)
{
	free(program->ready.items);
	free(program->cases.items);
	free(program->listing.items);
	map_done(&program->red_found);
}

void run_free(struct core_run *run)
{
	if (!run)
		return;
	for (size_t i = 0; i < run->programs.len; i++)
		free_program(&run->programs.items[i]);
	for (size_t i = 0; i < run->classes.len; i++)
		class_done(&run->classes.items[i]);
	for (size_t i = 0; i < run->cases.len; i++)
		free(run->cases.items[i].unblocks.items);
	for (size_t i = 0; i < run->locks.len; i++)
		free(run->locks.items[i].waiters.items);
	for (size_t i = 0; i < run->bunches.len; i++)
		free(run->bunches.items[i].items);
	for (size_t i = 0; i < run->restored.len; i++)
		assign_free(&run->restored.items[i]);
	free(run->bunches.items);
	free(run->restored.items);
	for (size_t i = 0; run->filters && i < run->spec.n_filters; i++)
		filter_free(run->filters[i]);
	for (size_t i = 0; run->overrides && i < run->spec.n_overrides; i++)
		filter_free(run->overrides[i].filter);
	map_done(&run->only);
	map_done(&run->lock_index);
	estimate_table_done(&run->history);
	free(run->programs.items);
	free(run->cases.items);
	free(run->locks.items);
	free(run->durations.items);
	free(run->ended.items);
	free(run->classes.items);
	arena_done(&run->arena);
	free(run);
}

void run_raise(struct core_run *run, int exit_code)
{
	run->exit_code = outcome_worse_exit(run->exit_code, exit_code);
}

void run_stop(struct core *core, struct core_run *run, const char *why, int exit_code,
	      bool immediate)
{
	ASSERT(!run->finished);
	core_decide(core, run,
		    &(struct msg_decision){
			    .kind = MSG_DECISION_STOPPED,
			    .message = str_of(run->stopped ? run->why_stopped : why),
			    .exit_code = (uint64_t)exit_code,
			    .immediate = immediate });
	run->stop_immediate = run->stop_immediate || immediate;
	if (exit_code)
		run_raise(run, exit_code);
	if (!run->stopped) {
		run->stopped = true;
		snprintf(run->why_stopped, sizeof(run->why_stopped), "%s", why);
		run_emit(core, run,
			 &(struct msg_run_event){ .kind = MSG_RUN_WARNING,
						  .message = str_of(run->why_stopped) });
	}
	merge_abandon(core, run);
	for (size_t i = 0; i < core->attempts.len; i++) {
		struct core_attempt *attempt = &core->attempts.items[i];
		if (attempt->id && !attempt->late && attempt->run == run->number &&
		    (immediate || attempt->list))
			assign_cancel(core, attempt, run->why_stopped);
	}
}

void run_emit(struct core *core, const struct core_run *run, const struct msg_run_event *event)
{
	struct msg_run_event *copy = run->restoring ? NULL : core_action_alloc(core, sizeof(*copy));
	if (!copy)
		return;
	*copy = *event;
	copy->at_us = core->now_us - run->began_us;
	core_push(core, &(struct core_action){
				.kind = CORE_ACTION_EVENT, .run = run->number, .event = copy });
}

void run_announce(struct core *core, struct core_run *run)
{
	run->announced = true;
	run_emit(core, run,
		 &(struct msg_run_event){ .kind = MSG_RUN_STARTED,
					  .name = str_of(run->name),
					  .count = run->programs.len,
					  .slots = core->slots });
}

enum {
	SHORT_RUN_US = 500000
}; /* the worker's start and a listing take up to a fifth of a second */

/* What limited the makespan, in words. */
static const char *bounded_by(const struct core_run *run, uint64_t makespan_us, uint64_t bound_us,
			      enum bound_by by)
{
	if (run->stopped)
		return run->why_stopped;
	if (bound_us * 10 < makespan_us * 8 && makespan_us < SHORT_RUN_US)
		return "starting up: so short a run is mostly the start of the worker and listing";
	if (bound_us * 10 < makespan_us * 8 && run->busy_us < makespan_us * run->slots_max * 8 / 10)
		return "idle slots: too little ready at a time (listing, dependencies, locks or a "
		       "late long case)";
	if (bound_us * 10 < makespan_us * 8)
		return "start-up and set-up of processes, which the bound does not count";
	return bound_by_text(by);
}

static void emit_finished(struct core *core, struct core_run *run)
{
	enum bound_by by = BOUND_BY_WORK;
	uint64_t slots = run->slots_max ? run->slots_max : 1;
	uint64_t bound = bound_makespan_us(run->durations.items, run->durations.len, slots, &by);
	uint64_t makespan = core->now_us - run->began_us;
	if (bound > makespan) /* cases went on while no coordinator served, and its clock stood */
		bound = makespan;
	run_emit(core, run,
		 &(struct msg_run_event){
			 .kind = MSG_RUN_FINISHED,
			 .name = str_of(run->name),
			 .count = run->done + run->n_found,
			 .exit_code = (uint64_t)run->exit_code,
			 .makespan_us = makespan,
			 .bound_us = bound,
			 .busy_us = run->busy_us,
			 .slots = slots,
			 .message = str_of(bounded_by(run, makespan, bound, by)),
		 });
	core_push(core, &(struct core_action){ .kind = CORE_ACTION_RUN_DONE,
					       .run = run->number,
					       .exit_code = run->exit_code });
}

void run_check_finished(struct core *core, struct core_run *run)
{
	ASSERT(run->done <= run->cases.len);
	if (run->finished || run->listed < run->programs.len || run->done < run->cases.len ||
	    run->busy_attempts)
		return;
	run->finished = true;
	assign_drop_late(core, run);
	if (run->red)
		run_raise(run, EXIT_CODE_FAILED);
	if (run->outcomes[OUTCOME_LOST])
		run_raise(run, EXIT_CODE_INCOMPLETE);
	if (run->abandoned &&
	    run->exit_code == EXIT_CODE_OK) /* cut short before anything could go wrong */
		run_raise(run, EXIT_CODE_INCOMPLETE);
	if (!run->selected && run->exit_code == EXIT_CODE_OK && run->spec.no_tests != 2) {
		if (run->spec.no_tests == 0)
			run_raise(run, EXIT_CODE_NO_TESTS);
		run_emit(core, run,
			 &(struct msg_run_event){
				 .kind = MSG_RUN_WARNING,
				 .message = STR_LIT(
					 "no tests: nothing was selected (check the suite and the "
					 "filters; --no-tests pass allows it)") });
	}
	emit_finished(core, run);
}
