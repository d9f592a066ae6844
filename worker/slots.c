// SPDX-License-Identifier: Apache-2.0
/*
 * slots.c - hands orders to attempts and the keeper's results to theirs.
 *
 * A keeper that dies takes every payload with it: their attempts close as the worker's fault (the
 * coordinator runs them elsewhere), and another keeper is started. That happens in a process with
 * threads, which is safe because the keeper is started by posix_spawn, without a copy of this
 * process.
 */
#include "worker/slots.h"

#include "protocol/base/assert.h"
#include "protocol/base/log.h"
#include "worker/attempt.h"
#include "worker/news.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEEPER_DEATHS_MAX = 5 }; /* of keepers that did not finish a single payload */

struct slots {
	struct attempt_host host;
	const char *box_program;
	const struct warrant_trust *trust; /* borrowed; NULL: anybody's programs are run */
	struct loop_fd *watch;
	unsigned n;
	unsigned deaths;
	bool paused, broken;
	struct attempt *items[];
};

static void on_results(void *data);

static int open_keeper(struct slots *slots, struct err *err)
{
	struct box_error why = { "" };
	struct box *box = NULL;
	int r = box_open(slots->box_program, slots->n, &box, &why);
	if (r < 0)
		return err_set(err, r, "%s", why.text);
	slots->host.payload.spawn.box = box;
	r = loop_fd_new(slots->host.loop, box_fd(box), on_results, slots, &slots->watch);
	if (r < 0) {
		box_close(box);
		slots->host.payload.spawn.box = NULL;
		return err_errno(err, r, "cannot watch the keeper");
	}
	return 0;
}

static void close_keeper(struct slots *slots)
{
	loop_fd_free(slots->watch);
	slots->watch = NULL;
	box_close(slots->host.payload.spawn.box);
	slots->host.payload.spawn.box = NULL;
}

/* Who this machine is, D-Bus and others ask a file; without systemd it is in /var, which a sandbox
 * hides. */
static const char *find_machine_id(void)
{
	static const char path[] = "/var/lib/dbus/machine-id";
	return access("/etc/machine-id", R_OK) < 0 && access(path, R_OK) == 0 ? path : NULL;
}

int slots_new(const struct slots_options *options, struct slots **ret_slots, struct err *err)
{
	ASSERT(options->n > 0 && options->n <= LIMIT_SLOTS);
	struct slots *slots = calloc(1, sizeof(*slots) + options->n * sizeof(struct attempt *));
	if (!slots)
		return err_set(err, -ENOMEM, "no memory for %u slots", options->n);
	slots->host = (struct attempt_host){
		.loop = options->loop,
		.spool = options->spool,
		.worker = options->worker,
		.machine_id = find_machine_id(),
	};
	slots->box_program = options->box_program;
	slots->trust = options->trust;
	slots->n = options->n;
	int r = spawn_host_init(&slots->host.payload.spawn, options->loop, NULL);
	if (r < 0)
		err_errno(err, r, "prepare the slots");
	slots->host.stage = r == 0 ? stage_new(NULL) : NULL;
	if (r == 0 && !slots->host.stage)
		r = err_set(err, -ENOMEM, "no memory for the listings' cache");
	slots->host.inputs = inputs_new(&(struct inputs_options){
		.loop = options->loop, .quota_bytes = options->cache_bytes });
	if (r == 0 && !slots->host.inputs)
		r = err_set(err, -ENOMEM, "no memory for the runs' files");
	r = r ? r : scratch_new(NULL, options->n, &slots->host.payload.scratch, err);
	for (unsigned i = 0; i < options->n && r == 0; i++)
		if (!(slots->items[i] = attempt_new(&slots->host, i)))
			r = err_set(err, -ENOMEM, "no memory for slot %u", i);
	r = r ? r : open_keeper(slots, err);
	if (r < 0) {
		slots_free(slots);
		return r;
	}
	*ret_slots = slots;
	return 0;
}

void slots_free(struct slots *slots)
{
	if (!slots)
		return;
	close_keeper(slots);
	for (unsigned i = 0; i < slots->n; i++)
		attempt_free(slots->items[i]);
	spawn_host_done(&slots->host.payload.spawn);
	scratch_free(slots->host.payload.scratch);
	stage_free(slots->host.stage);
	inputs_free(slots->host.inputs);
	free(slots);
}

struct inputs *slots_inputs(const struct slots *slots)
{
	return slots->host.inputs;
}

unsigned slots_count(const struct slots *slots)
{
	return slots->n;
}

unsigned slots_idle(const struct slots *slots)
{
	unsigned n = 0;
	for (unsigned i = 0; i < slots->n; i++)
		n += !attempt_is_busy(slots->items[i]);
	return n;
}

uint64_t slots_closed(const struct slots *slots)
{
	return slots->host.closed;
}

bool slots_are_broken(const struct slots *slots)
{
	return slots->broken;
}

static void keeper_died(struct slots *slots)
{
	struct err err = { 0 };
	LOG_ERROR("keeper_died",
		  "its payloads are gone; their attempts close and a new keeper is started");
	close_keeper(slots);
	for (unsigned i = 0; i < slots->n; i++)
		attempt_lost(slots->items[i],
			     "the sandbox keeper of this worker died; see its log");
	if (++slots->deaths > KEEPER_DEATHS_MAX || open_keeper(slots, &err) < 0) {
		LOG_ERROR("keeper_lost", "%s", err.code ? err.text : "it died again and again");
		slots->broken = true;
	}
}

static void on_results(void *data)
{
	struct slots *slots = data;
	struct box_result result;
	int r;
	while ((r = box_receive(slots->host.payload.spawn.box, &result)) > 0) {
		uint64_t slot = result.id & ((1 << PAYLOAD_SLOT_BITS) - 1);
		slots->deaths = 0;
		if (slot < slots->n)
			attempt_result(slots->items[slot], &result);
	}
	if (r < 0)
		keeper_died(slots);
}

static struct attempt *find(const struct slots *slots, uint64_t attempt, uint64_t epoch)
{
	for (unsigned i = 0; i < slots->n; i++) {
		if (!attempt_is_busy(slots->items[i]))
			continue;
		struct msg_running running = attempt_running(slots->items[i]);
		if (running.attempt == attempt && running.epoch == epoch)
			return slots->items[i];
	}
	return NULL;
}

static void refuse(struct slots *slots, const struct msg_assign *assign, enum msg_close_cause cause,
		   const char *reason)
{
	struct news news = { .spool = slots->host.spool,
			     .attempt = assign->attempt,
			     .epoch = assign->epoch };
	struct news_totals none = { 0 };
	news_closed(&news, cause, reason, &none);
	slots->host.closed++;
}

void slots_assign(struct slots *slots, const struct msg_assign *assign)
{
	if (find(slots, assign->attempt, assign->epoch))
		return;
	if (slots->broken) {
		refuse(slots, assign, MSG_CLOSE_WORKER, "this worker has lost its sandbox keeper");
		return;
	}
	struct err err = { 0 };
	if (slots->trust &&
	    (assign->n_program != 1 || warrant_trusts(slots->trust, assign->program, &err) < 0)) {
		LOG_WARN("not_trusted", "%s", err.text);
		refuse(slots, assign, MSG_CLOSE_SETUP, err.text);
		return;
	}
	for (unsigned i = 0; i < slots->n; i++) {
		if (attempt_is_busy(slots->items[i]))
			continue;
		attempt_start(slots->items[i], assign);
		return;
	}
	refuse(slots, assign, MSG_CLOSE_WORKER, "this worker has no free slot");
}

void slots_cancel(struct slots *slots, uint64_t attempt, uint64_t epoch)
{
	struct attempt *found = find(slots, attempt, epoch);
	if (found)
		attempt_cancel(found);
}

void slots_cancel_all(struct slots *slots)
{
	for (unsigned i = 0; i < slots->n; i++)
		attempt_cancel(slots->items[i]);
}

size_t slots_running(const struct slots *slots, struct msg_running *ret_running)
{
	size_t n = 0;
	for (unsigned i = 0; i < slots->n; i++)
		if (attempt_is_busy(slots->items[i]))
			ret_running[n++] = attempt_running(slots->items[i]);
	return n;
}

void slots_step(struct slots *slots)
{
	for (unsigned i = 0; i < slots->n; i++)
		attempt_go_on(slots->items[i]);
	bool full = spool_is_full(slots->host.spool);
	if (!full && !slots->paused)
		return;
	if (full && !slots->paused)
		LOG_WARN("spool_full",
			 "tests' output is not read until the coordinator acknowledges what it was "
			 "sent");
	for (unsigned i = 0; i < slots->n; i++)
		attempt_pause(slots->items[i], full);
	slots->paused = full;
}
