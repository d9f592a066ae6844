// SPDX-License-Identifier: Apache-2.0
/*
 * test_restore.c - a core built again from what another one journalled. Whole runs under faults are
 * the simulator's (sim/seeds); here is what its worlds do not have: output, counted by its bytes.
 */
#include "coordinator/core/core.h"
#include "protocol/base/arena.h"
#include "protocol/base/vec.h"
#include "protocol/wire/limits.h"
#include "protocol/wire/record.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { PIECES = 18 }; /* of LIMIT_CHUNK_BYTES; a core keeps 16 of a stream */

struct entry {
	const struct msg_decision *decision;
	const struct msg_run_event *event;
};

struct fixture {
	struct core *core;
	uint64_t run, worker, attempt, epoch, n_cases;
	struct arena arena;
	struct {
		struct entry *items;
		size_t len, cap;
	} journal;
	unsigned warnings;
	uint64_t dropped_bytes;
	int exit_code; /* -1: it goes on */
};

static void *copy_of(struct fixture *f, const struct msg_record *record, const void *message)
{
	void *copy = arena_alloc(&f->arena, record->bytes);
	assert_non_null(copy);
	assert_int_equal(record_copy(record, message, copy, &f->arena), 0);
	return copy;
}

static void take_event(struct fixture *f, const struct msg_run_event *event)
{
	struct entry entry = { .event = copy_of(f, &msg_record_run_event, event) };
	assert_int_equal(VEC_PUSH(&f->journal, entry), 0);
	f->warnings += event->kind == MSG_RUN_WARNING;
	if (event->kind == MSG_RUN_CASE_FINISHED)
		f->dropped_bytes = event->dropped_bytes;
}

static void drain(struct fixture *f)
{
	struct core_action action;
	while (core_next_action(f->core, &action)) {
		if (action.kind == CORE_ACTION_ASSIGN) {
			f->attempt = action.assign->attempt;
			f->epoch = action.assign->epoch;
			f->n_cases = action.assign->n_cases;
		} else if (action.kind == CORE_ACTION_EVENT) {
			take_event(f, action.event);
		} else if (action.kind == CORE_ACTION_DECISION) {
			struct entry entry = { .decision = copy_of(f, msg_describe(MSG_DECISION),
								   action.decision) };
			assert_int_equal(VEC_PUSH(&f->journal, entry), 0);
		} else if (action.kind == CORE_ACTION_RUN_DONE) {
			f->exit_code = action.exit_code;
		}
	}
}

static void tell(struct fixture *f, struct msg_event event)
{
	struct err err = { 0 };
	event.attempt = f->attempt;
	event.epoch = f->epoch;
	assert_int_equal(core_worker_event(f->core, 1000, f->worker, &event, &err), 0);
	drain(f);
}

static void join(struct fixture *f)
{
	f->worker = core_worker_joined(f->core, 1000,
				       &(struct core_worker_spec){
					       .name = STR_LIT("w"), .slots = 1, .session = 5 });
	assert_true(f->worker > 0);
}

static const struct msg_submit *submission(void)
{
	static struct msg_program program = {
		.suite = { "s", 1 }, .name = { "p", 1 }, .kind = { "gtest", 5 }, .path = { "/p", 2 }
	};
	static const struct msg_submit submit = { .programs = &program,
						  .n_programs = 1,
						  .slow_us = 10000000 };
	return &submit;
}

/* The first of n cases of one shard is running and has said more than a core keeps. */
static void begin(struct fixture *f, size_t n)
{
	static char text[LIMIT_CHUNK_BYTES];
	struct msg_listed listed[] = { { .name = STR_LIT("x") }, { .name = STR_LIT("y") } };
	struct err err = { 0 };
	*f = (struct fixture){ .exit_code = -1 };
	memset(text, 'o', sizeof(text));
	f->core = core_new(&(struct core_options){ .journal = true });
	f->run = core_run_submit(f->core, 1000, submission(), "r", NULL, &err);
	join(f);
	assert_true(core_worker_ready(f->core, 1000, f->worker));
	drain(f);
	tell(f, (struct msg_event){ .kind = MSG_EVENT_LISTED, .listed = listed, .n_listed = n });
	tell(f, (struct msg_event){ .kind = MSG_EVENT_CLOSED, .startup_us = 1000000 });
	assert_true(core_worker_ready(f->core, 1000, f->worker));
	drain(f);
	tell(f, (struct msg_event){ .kind = MSG_EVENT_STARTED });
	for (int i = 0; i < PIECES; i++)
		tell(f, (struct msg_event){ .kind = MSG_EVENT_OUTPUT,
					    .stream = 1,
					    .data = { text, sizeof(text) } });
}

/* Another core goes on, and the worker comes back with the attempt. */
static void restart(struct fixture *f)
{
	struct err err = { 0 };
	int exit_code;
	core_free(f->core);
	f->core = core_new(&(struct core_options){ .journal = true, .serial = 100 });
	f->run = core_restore_begin(f->core, 1000, submission(), "r", NULL, &err);
	assert_true(f->run > 0);
	size_t n = f->journal.len;
	for (size_t i = 0; i < n; i++) {
		const struct entry *entry = &f->journal.items[i];
		assert_int_equal(entry->decision
					 ? core_restore_decision(f->core, f->run, entry->decision,
								 &err)
					 : core_restore_event(f->core, f->run, entry->event, &err),
				 0);
	}
	assert_int_equal(core_restore_end(f->core, 1000, f->run, &exit_code, &err), 0);
	join(f);
	assert_true(core_attempt_is_orphan(f->core, f->attempt, f->epoch));
	core_worker_adopt(f->core, 1000, f->worker, f->attempt, f->epoch);
	drain(f);
}

/* It says five bytes more, its verdict and how much that was in all. */
static void end(struct fixture *f, uint64_t output_bytes)
{
	tell(f,
	     (struct msg_event){ .kind = MSG_EVENT_OUTPUT, .stream = 1, .data = STR_LIT("five.") });
	tell(f, (struct msg_event){ .kind = MSG_EVENT_ENDED,
				    .outcome = OUTCOME_FAIL,
				    .output_bytes = output_bytes });
	tell(f, (struct msg_event){ .kind = MSG_EVENT_CLOSED });
}

static void done(struct fixture *f)
{
	core_free(f->core);
	arena_done(&f->arena);
	VEC_DONE(&f->journal);
}

static const uint64_t all_bytes = (uint64_t)PIECES * LIMIT_CHUNK_BYTES + 5;

static void output_is_counted_across_restarts(void **state)
{
	(void)state;
	for (int restarts = 0; restarts < 3; restarts++) {
		struct fixture f;
		begin(&f, 1);
		for (int i = 0; i < restarts; i++)
			restart(&f);
		end(&f, all_bytes);
		assert_int_equal(f.exit_code, EXIT_CODE_FAILED);
		assert_int_equal(f.warnings, 0);
		/* What is shown of it is one piece, all else was dropped and is told. */
		assert_in_range(f.dropped_bytes, all_bytes - LIMIT_CHUNK_BYTES,
				all_bytes - LIMIT_CHUNK_BYTES + 100);
		done(&f);
	}
}

static void lost_output_is_told_after_a_restart(void **state)
{
	(void)state;
	struct fixture f;
	begin(&f, 1);
	restart(&f);
	end(&f, all_bytes + 1);
	assert_int_equal(f.exit_code, EXIT_CODE_INCOMPLETE);
	assert_int_equal(f.warnings, 1);
	done(&f);
}

static const struct msg_run_event *last_event(const struct fixture *f)
{
	size_t i = f->journal.len - 1;
	while (!f->journal.items[i].event)
		i--;
	return f->journal.items[i].event;
}

/* What of a shard runs is told as slow, as old as it is; what waits behind it is not. */
static void slow_cases_are_told_after_a_restart(void **state)
{
	(void)state;
	struct fixture f;
	begin(&f, 2);
	assert_int_equal(f.n_cases, 2);
	for (unsigned times = 1; times < 4; times++) {
		core_tick(f.core, 1000 + 9999999);
		drain(&f);
		assert_int_not_equal(last_event(&f)->kind, MSG_RUN_CASE_SLOW);
		core_tick(f.core, 1000 + 10000000);
		drain(&f);
		assert_int_equal(last_event(&f)->kind, MSG_RUN_CASE_SLOW);
		assert_int_equal(last_event(&f)->index, 0);
		assert_int_equal(last_event(&f)->count, times);
		assert_int_equal(last_event(&f)->duration_us, times * 10000000);
		restart(&f);
	}
	done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_is_counted_across_restarts),
		cmocka_unit_test(lost_output_is_told_after_a_restart),
		cmocka_unit_test(slow_cases_are_told_after_a_restart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
