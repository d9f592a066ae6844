// SPDX-License-Identifier: Apache-2.0
/*
 * class.c - what the programs of a run require of a worker. Programs with equal requirements are a
 * class, with queues of its own, so that a worker never looks past work it cannot do. A class that
 * nobody serves is told to the run once, and given up when the run does not want to wait longer.
 */
#include "coordinator/core/state.h"

#include "protocol/base/assert.h"
#include "protocol/base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	/* A worker may be on its way: restarted, or back after a restart of the coordinator. */
	TELL_US = 5000000,
};

static int by_bytes(const void *a, const void *b)
{
	return str_compare(*(const struct str *)a, *(const struct str *)b);
}

static bool equal(const struct core_class *class, const struct str *requires, size_t n)
{
	if (class->n_requires != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!str_eq(class->requires[i], requires[i]))
			return false;
	return true;
}

/* The class of these requirements, made when new. */
static int find(struct core_run *run, struct str *requires, size_t n, struct err *err)
{
	if (n)
		qsort(requires, n, sizeof(*requires), by_bytes);
	for (size_t i = 0; i < run->classes.len; i++)
		if (equal(&run->classes.items[i], requires, n))
			return (int)i;
	if (run->classes.len >= CORE_CLASSES_MAX)
		return err_set(err, -E2BIG,
			       "the programs of this run have more than %d different sets of "
			       "requirements: split the run",
			       CORE_CLASSES_MAX);
	struct core_class fresh = { .requires = requires,
				    .n_requires = n,
				    .unserved_us = UINT64_MAX };
	if (VEC_PUSH(&run->classes, fresh) < 0)
		return err_set(err, -ENOMEM, "no memory for a run");
	return (int)run->classes.len - 1;
}

int class_sort(struct core_run *run, struct err *err)
{
	for (size_t i = 0; i < run->programs.len; i++) {
		struct core_program *program = &run->programs.items[i];
		struct str *requires = (struct str *)program->spec.requires;
		int at = find(run, requires, program->spec.n_requires, err);
		if (at < 0)
			return at;
		program->class = (uint32_t)at;
		if (VEC_PUSH(&run->classes.items[at].to_list, (uint32_t)i) < 0)
			return err_set(err, -ENOMEM, "no memory for a run");
	}
	return 0;
}

void class_done(struct core_class *class)
{
	VEC_DONE(&class->ready);
	VEC_DONE(&class->serial);
	VEC_DONE(&class->to_list);
	VEC_DONE(&class->relist);
	VEC_DONE(&class->pools);
}

struct core_class *class_of(const struct core_run *run, uint32_t index)
{
	return &run->classes.items[run->programs.items[run->cases.items[index].program].class];
}

static bool has_anything(const struct core_class *class)
{
	return class->relist.len || class->next_to_list < class->to_list.len || class->ready.len ||
	       class->serial.len;
}

bool class_has_work(const struct core_run *run, const struct core_class *class)
{
	return class->healthy && !run->serial_running &&
	       (class->relist.len || class->next_to_list < class->to_list.len || class->ready.len ||
		(class->serial.len && !run->busy_attempts));
}

/* ---- nobody serves it ---- */

/* "no worker is connected", "no worker with the tags a=1, b=2 is connected". */
static struct str describe(struct core *core, const struct core_class *class, const char *end)
{
	struct buf text;
	buf_init(&text, 4096);
	int r = buf_puts(&text, "no worker");
	for (size_t i = 0; r == 0 && i < class->n_requires; i++)
		r = buf_printf(&text, "%s%.*s",
			       i		       ? ", "
			       : class->n_requires > 1 ? " with the tags "
						       : " with the tag ",
			       STR_ARG(class->requires[i]));
	r = r < 0 ? r : buf_printf(&text, " is connected%s", end);
	char *copy = arena_copy(&core->arena, buf_str(&text));
	buf_done(&text);
	return copy && r == 0 ? str_of(copy) : STR_LIT("no worker that would serve is connected");
}

static void tell(struct core *core, struct core_run *run, struct core_class *class)
{
	char limit[32], end[128] = "; what needs one waits";
	if (run->spec.wait_us)
		snprintf(end, sizeof(end), "; what needs one waits for %s at most (--wait)",
			 str_format_duration(limit, sizeof(limit), run->spec.wait_us));
	class->told = true;
	run_emit(core, run,
		 &(struct msg_run_event){ .kind = MSG_RUN_WARNING,
					  .message = describe(core, class, end) });
}

/* It waited long enough: programs not listed and cases not run are errors, the run incomplete. */
static void give_up(struct core *core, struct core_run *run, uint32_t at)
{
	struct core_class *class = &run->classes.items[at];
	struct str why = describe(core, class, " and none came in time (--wait)");
	run_raise(run, EXIT_CODE_INCOMPLETE);
	while (class->relist.len || class->next_to_list < class->to_list.len) {
		uint32_t program = class->relist.len ? class->relist.items[--class->relist.len]
						     : class->to_list.items[class->next_to_list++];
		run->programs.items[program].state = PROGRAM_LISTING;
		listing_failed(core, run, program, why, EXIT_CODE_INCOMPLETE);
	}
	for (bool any = true; any;) { /* the end of one may make others ready */
		any = false;
		for (size_t i = 0; i < run->cases.len; i++) {
			if (run->cases.items[i].state != CASE_READY ||
			    class_of(run, (uint32_t)i) != class)
				continue;
			merge_conclude(core, run, (uint32_t)i, OUTCOME_ERROR, why);
			any = true;
		}
	}
}

/* As has_anything, without entries that are stale. */
static bool waits(struct core_run *run, struct core_class *class)
{
	(void)queue_peek(run, &class->ready);
	(void)queue_peek(run, &class->serial);
	return has_anything(class);
}

static bool is_open(const struct core_run *run)
{
	return !run->finished && !run->stopped;
}

void class_tick(struct core *core)
{
	for (size_t i = 0; i < core->runs.len; i++) {
		struct core_run *run = core->runs.items[i];
		for (uint32_t j = 0; is_open(run) && j < run->classes.len; j++) {
			struct core_class *class = &run->classes.items[j];
			if (class->unserved_us == UINT64_MAX || !waits(run, class))
				continue;
			uint64_t waited_us = core->now_us - class->unserved_us;
			if (!class->told && waited_us >= TELL_US)
				tell(core, run, class);
			if (run->spec.wait_us && waited_us >= run->spec.wait_us)
				give_up(core, run, j);
		}
		if (!run->finished)
			run_check_finished(core, run);
	}
}

uint64_t class_deadline_us(const struct core *core)
{
	uint64_t deadline = UINT64_MAX;
	for (size_t i = 0; i < core->runs.len; i++) {
		const struct core_run *run = core->runs.items[i];
		for (size_t j = 0; is_open(run) && j < run->classes.len; j++) {
			const struct core_class *class = &run->classes.items[j];
			if (class->unserved_us == UINT64_MAX || !has_anything(class))
				continue;
			uint64_t due = class->told ? UINT64_MAX : class->unserved_us + TELL_US;
			if (run->spec.wait_us && class->unserved_us + run->spec.wait_us < due)
				due = class->unserved_us + run->spec.wait_us;
			deadline = due < deadline ? due : deadline;
		}
	}
	return deadline;
}
