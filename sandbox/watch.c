// SPDX-License-Identifier: Apache-2.0
/*
 * watch.c - when a run is told to end, and why it ended.
 *
 * Invariants: the cause comes from what we did and what the kernel says (wait status of processes
 * we own, cgroup counters), never from an exit code alone; TERM is sent at most once; after KILL
 * nothing more is due.
 */
#include "sandbox/watch.h"

#include <sys/wait.h>

#include "sandbox/util.h"

/* How long set-up may take on a busy machine, and how often a late one is looked at. */
enum { SETUP_US = 10000000, RECHECK_US = 5000 };

/* The kernel itself counts running processes only at its ticks. */
enum { CPU_CHECK_US = 4000 };

void watch_start(struct watch *watch, const struct box_spec *spec, uint64_t now_us)
{
	*watch = (struct watch){
		.stage = WATCH_RUNNING,
		.reason = BOX_CAUSE_TIMEOUT,
		.asked_us = now_us,
		.wall_us = spec->wall_us,
		.grace_us = spec->grace_us,
		.due_us = spec->wall_us ? now_us + spec->wall_us : UINT64_MAX,
		.setup_due_us = now_us + spec->wall_us + SETUP_US,
		.cpu_us = spec->cpu_us,
		.cpu_due_us = spec->cpu_us ? now_us : UINT64_MAX,
	};
}

/* Into the last stages: TERM now and KILL after the grace, or KILL now when there is none. */
static enum watch_action end(struct watch *watch, uint64_t now_us)
{
	watch->cpu_due_us = UINT64_MAX;
	if (watch->stage == WATCH_RUNNING && watch->grace_us > 0) {
		watch->stage = WATCH_TERMED;
		watch->due_us = now_us + watch->grace_us;
		return WATCH_TERM;
	}
	watch->stage = WATCH_KILLED;
	watch->due_us = UINT64_MAX;
	return WATCH_KILL;
}

void watch_ask(struct watch *watch, uint64_t now_us, uint64_t grace_us)
{
	if (watch->stage == WATCH_KILLED)
		return;
	if (grace_us != UINT64_MAX)
		watch->grace_us = grace_us;
	if (watch->stage == WATCH_RUNNING) {
		watch->reason = BOX_CAUSE_KILLED;
		watch->wall_us = 0;
		watch->due_us = now_us;
	} else if (now_us + watch->grace_us < watch->due_us) {
		watch->due_us = now_us + watch->grace_us;
	}
}

void watch_cpu(struct watch *watch, uint64_t now_us, uint64_t used_us, uint64_t processors)
{
	uint64_t left_us = watch->cpu_us > used_us ? watch->cpu_us - used_us : 0;

	BOX_ASSERT(watch->stage == WATCH_RUNNING);
	/* Not before all processors together could have used up the rest. */
	watch->cpu_due_us = now_us + (left_us / processors > CPU_CHECK_US ? left_us / processors
									  : CPU_CHECK_US);
	if (left_us)
		return;
	watch->reason = BOX_CAUSE_CPU_TIME;
	watch->wall_us = 0;
	watch->due_us = now_us;
}

enum watch_action watch_tick(struct watch *watch, uint64_t now_us, uint64_t start_us)
{
	if (now_us < watch->due_us)
		return WATCH_WAIT;
	/* The deadline counts from the payload's start, which may come long after the request. */
	if (watch->stage == WATCH_RUNNING && watch->wall_us) {
		uint64_t due_us = start_us ? start_us + watch->wall_us : now_us + RECHECK_US;

		if (due_us > now_us && (start_us || now_us < watch->setup_due_us)) {
			watch->due_us = due_us;
			return WATCH_WAIT;
		}
	}
	return end(watch, now_us);
}

static void record_status(const struct watch *watch, const struct slate *slate,
			  struct box_result *result)
{
	/* Each is 0 in a status of the other kind. */
	result->term_signal = WTERMSIG(slate->status);
	result->exit_code = WEXITSTATUS(slate->status);
	if (watch->stage != WATCH_RUNNING)
		result->cause = watch->reason;
	else if (result->term_signal)
		result->cause = result->oom ? BOX_CAUSE_OOM : BOX_CAUSE_SIGNAL;
	else
		result->cause = BOX_CAUSE_EXIT;
}

/* The payload never ran. Killed on the way counts as killed; a full cgroup as out of memory. */
static void record_failure(const struct watch *watch, const struct slate *slate,
			   struct box_result *result)
{
	util_copy(result->setup_step, sizeof(result->setup_step), slate->step);
	util_copy(result->setup_object, sizeof(result->setup_object), slate->object);
	if (slate->refused)
		result->cause = BOX_CAUSE_REFUSED;
	else if (!slate->error && watch->stage != WATCH_RUNNING)
		result->cause = watch->reason;
	else if (!slate->error && result->oom)
		result->cause = BOX_CAUSE_OOM;
	else
		result->cause = BOX_CAUSE_SETUP;
	/* An init may die without a word. */
	if (result->cause == BOX_CAUSE_SETUP || slate->refused)
		result->setup_errno = slate->error ?: ECHILD;
}

/* Processor time of the cgroup, split as the reaped processes' own was. */
static void record_cpu(const struct slate *slate, uint64_t cpu_us, struct box_result *result)
{
	uint64_t user = slate->user_us, total = user + slate->system_us;

	if (cpu_us > total) {
		user = total ? (uint64_t)((double)cpu_us * (double)user / (double)total) : cpu_us;
		total = cpu_us;
	}
	result->user_us = user;
	result->system_us = total - user;
}

static uint64_t between(uint64_t from_us, uint64_t to_us)
{
	return to_us > from_us ? to_us - from_us : 0;
}

void watch_record(const struct watch *watch, const struct slate *slate,
		  const struct cg_slot_usage *usage, struct box_result *result)
{
	result->oom = usage->oom;
	result->pids_limit = usage->pids_limit;
	result->leftovers = slate->leftovers;
	result->read_bytes = slate->read_bytes;
	result->written_bytes = slate->written_bytes;
	if (slate->start_us) {
		record_status(watch, slate, result);
		result->wall_us = between(slate->start_us, slate->end_us);
		result->setup_us = (uint32_t)between(watch->asked_us, slate->start_us);
	} else {
		record_failure(watch, slate, result);
	}
	record_cpu(slate, usage->cpu_us, result);
	/* The group's peak is less what it held before, which the run may have pushed out. */
	result->peak_bytes = usage->peak_bytes > slate->maxrss_bytes ? usage->peak_bytes
								     : slate->maxrss_bytes;
}
