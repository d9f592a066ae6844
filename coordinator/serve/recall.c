// SPDX-License-Identifier: Apache-2.0
/*
 * recall.c - going on with what another coordinator began: every run that the store has accepted
 * and not closed is built again in the core, from its submission, its decisions and its events, in
 * the order they were written. Workers and clients come by themselves.
 */
#include "coordinator/serve/state.h"

#include "protocol/base/assert.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"
#include "protocol/wire/record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * What a run uses was put or asked for before it began, by a client that took so long at most. An
 * hour too much protects more than need be, one too little ends a run that lacks contents.
 */
#define SHIPPED_BEFORE_US (UINT64_C(3600) * CLOCK_US_PER_S)

struct open_run {
	uint64_t stored, started_us;
	char name[STORE_NAME_BYTES];
};

struct recall {
	struct server *server;
	struct arena arena; /* of the submission */
	struct arena frame; /* of what is being read */
	struct msg_submit submit;
	struct {
		struct msg_program *items;
		size_t len, cap;
	} programs;
	struct {
		struct open_run *items;
		size_t len, cap;
	} open;
	uint64_t number, events;
	struct err *err;
};

static int note_open(void *data, uint64_t stored, struct str name, uint64_t started_us)
{
	struct recall *recall = data;
	struct open_run run = { .stored = stored, .started_us = started_us };
	snprintf(run.name, sizeof(run.name), "%.*s", STR_ARG(name));
	return VEC_PUSH(&recall->open, run);
}

/* The options count in the last piece, programs add up. */
static int take_piece(void *data, struct str frame)
{
	struct recall *recall = data;
	void *message;
	arena_clear(&recall->frame);
	int type = msg_decode(frame, &recall->frame, &message, recall->err);
	if (type != MSG_SUBMIT)
		return type < 0 ? type : err_set(recall->err, -EBADMSG, "it is no submission");
	const struct msg_submit *piece = message;
	for (size_t i = 0; i < piece->n_programs; i++) {
		struct msg_program copy;
		if (record_copy(&msg_record_program, &piece->programs[i], &copy, &recall->arena) <
			    0 ||
		    VEC_PUSH(&recall->programs, copy) < 0)
			return -ENOMEM;
	}
	return piece->more ? 0
			   : record_copy(msg_describe(MSG_SUBMIT), piece, &recall->submit,
					 &recall->arena);
}

static int take_event(void *data, const struct msg_run_event *event)
{
	struct recall *recall = data;
	recall->events++;
	return core_restore_event(recall->server->core, recall->number, event, recall->err);
}

static int take_decision(void *data, struct str frame)
{
	struct recall *recall = data;
	void *message;
	arena_clear(&recall->frame);
	int type = msg_decode(frame, &recall->frame, &message, recall->err);
	if (type != MSG_DECISION)
		return type < 0 ? type : err_set(recall->err, -EBADMSG, "it is no decision");
	return core_restore_decision(recall->server->core, recall->number, message, recall->err);
}

/* 0: it goes on. 1: it was over. */
static int build(struct recall *recall, const struct open_run *open, int *ret_exit_code)
{
	struct server *server = recall->server;
	struct store *store = server->options.store;
	struct estimate_table history = { 0 };
	recall->programs.len = 0;
	recall->submit = (struct msg_submit){ 0 };
	recall->number = recall->events = 0;
	arena_clear(&recall->arena);
	int r = store_run_submission(store, open->stored, take_piece, recall, recall->err);
	if (r < 0)
		return r;
	recall->submit.programs = recall->programs.items;
	recall->submit.n_programs = recall->programs.len;
	if (store_load_estimates(store, NULL, 0, &history, recall->err) < 0)
		LOG_WARN("history_unusable", "%s; going on without", recall->err->text);
	recall->number = core_restore_begin(server->core, clock_mono_us(), &recall->submit,
					    open->name, &history, recall->err);
	estimate_table_done(&history);
	if (!recall->number)
		return -EINVAL;
	r = store_run_recall(store, open->stored, take_event, take_decision, recall, recall->err);
	return r < 0 ? r
		     : core_restore_end(server->core, clock_mono_us(), recall->number,
					ret_exit_code, recall->err);
}

/* Its contents stay as long as it does, again. */
static void lease(struct server *server, struct served_run *run, const struct open_run *open)
{
	uint64_t from_us = open->started_us > SHIPPED_BEFORE_US
				   ? open->started_us - SHIPPED_BEFORE_US
				   : 0;
	if (!server->options.cas)
		return;
	run->lease = cas_lease(server->options.cas, from_us);
	if (!run->lease)
		LOG_WARN("contents_not_kept", "run=%s reason=no memory for a lease", open->name);
}

/* Serve what was built; or close it in the store, when it was over or makes no sense. */
static int restore(struct recall *recall, const struct open_run *open)
{
	struct server *server = recall->server;
	int exit_code = EXIT_CODE_INCOMPLETE;
	int r = build(recall, open, &exit_code);
	struct served_run *run = runs_add(server, open->name);
	if (!run || r == -ENOMEM)
		return err_set(recall->err, -ENOMEM, "no memory for the run %s", open->name);
	run->stored = open->stored;
	run->in_store = true;
	run->token = recall->submit.token;
	run->events = recall->events;
	if (r == 0) {
		run->number = recall->number;
		lease(server, run, open);
		LOG_INFO("run_goes_on", "run=%s events=%" PRIu64, open->name, run->events);
		return 0;
	}
	if (r < 0)
		LOG_ERROR("run_not_restored", "run=%s %s; it is closed as incomplete", open->name,
			  recall->err->text);
	if (recall->number)
		core_run_forget(server->core, recall->number);
	run->exit_code = exit_code;
	run->done = run->to_close = true;
	return 0;
}

int server_restore(struct server *server, struct err *err)
{
	struct recall recall = { .server = server, .err = err };
	ASSERT(server->options.store && err);
	int r = store_open_runs(server->options.store, note_open, &recall, err);
	for (size_t i = 0; r >= 0 && i < recall.open.len; i++)
		r = restore(&recall, &recall.open.items[i]);
	arena_done(&recall.arena);
	arena_done(&recall.frame);
	free(recall.programs.items);
	free(recall.open.items);
	if (r < 0)
		return r;
	core_renew_leases(server->core, clock_mono_us());
	return 0;
}
