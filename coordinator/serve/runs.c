// SPDX-License-Identifier: Apache-2.0
/*
 * runs.c - the runs a server serves: how one starts, where its events go (the store, its watchers,
 * the process that owns this server), and how it ends. The store's commits are made here.
 *
 * Invariant: an event's number is its place in the store, so that a watcher may go on asking
 * another coordinator. A watcher that is slow is fed from the store, and costs no memory.
 */
#include "coordinator/serve/state.h"

#include "protocol/base/assert.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	FEED_BYTES = 4 << 20, /* held for a watcher before it is fed from the store */
};

struct served_run *runs_find(struct server *server, uint64_t key)
{
	for (size_t i = 0; key && i < server->runs.len; i++)
		if (server->runs.items[i].key == key)
			return &server->runs.items[i];
	return NULL;
}

/* The run with the core's number; as runs_find. */
static struct served_run *of_core(struct server *server, uint64_t number)
{
	for (size_t i = 0; number && i < server->runs.len; i++)
		if (server->runs.items[i].number == number)
			return &server->runs.items[i];
	return NULL;
}

struct served_run *runs_add(struct server *server, const char *name)
{
	struct served_run run = { .key = ++server->keys, .unwatched_us = clock_mono_us() };
	snprintf(run.name, sizeof(run.name), "%s", name);
	if (VEC_PUSH(&server->runs, run) < 0)
		return NULL;
	return &server->runs.items[server->runs.len - 1];
}

/* Forget a run that is over and not watched. */
static void release(struct server *server, struct served_run *run)
{
	if (!run->done || run->to_close || run->watchers.len)
		return;
	free(run->watchers.items);
	*run = server->runs.items[--server->runs.len];
}

/* ---- starting ---- */

/* The run of this token, when its client asks twice: it did not hear the first answer. */
static struct served_run *find_token(struct server *server, uint64_t token)
{
	char name[STORE_NAME_BYTES];
	uint64_t stored;
	bool over;
	for (size_t i = 0; token && i < server->runs.len; i++)
		if (server->runs.items[i].token == token)
			return &server->runs.items[i];
	if (!token || !server->options.store ||
	    store_run_by_token(server->options.store, token, &stored, name, &over, NULL) != 1)
		return NULL;
	return runs_named(server, str_of(name));
}

/* Before any of it can run, also after a restart, the audit log has it. */
static int note_submit(struct server *server, const struct session *client,
		       const struct msg_submit *submit, const char *run, struct err *err)
{
	char words[256], title[128];
	if (!client)
		return 0;
	snprintf(words, sizeof(words), "run=%s programs=%zu title=%s", run, submit->n_programs,
		 audit_word(submit->name, title, sizeof(title)));
	return server_note(server, client, "submit", words, err);
}

static int accept_run(struct server *server, const struct msg_submit *submit,
		      const struct session *client, struct served_run *run, struct err *err)
{
	struct store *store = server->options.store;
	const struct store_submission submission = { .submit = submit->name,
						     .token = submit->token,
						     .frames = client ? client->pieces.items : NULL,
						     .n_frames = client ? client->pieces.len : 0 };
	if (!store || server->store_failed || submit->list_only)
		return 0;
	int r = client && server->options.must_store
			? store_run_accept(store, str_of(run->name), clock_wall_us(), &submission,
					   &run->stored, err)
			: store_run_begin(store, str_of(run->name), clock_wall_us(), submit->name,
					  &run->stored, err);
	run->in_store = r == 0;
	if (r < 0 && server->options.must_store)
		return err_wrap(err,
				"the coordinator cannot keep this run, so it does not take it");
	if (r < 0)
		LOG_WARN("journal_unusable", "%s; going on without", err->text);
	return 0;
}

static void refuse_run(struct server *server, struct served_run *run)
{
	struct err err = { 0 };
	if (run->in_store && server->options.must_store &&
	    store_run_refuse(server->options.store, run->stored, &err) < 0)
		LOG_WARN("refusal_not_stored", "%s", err.text);
	run->done = true;
	release(server, run);
}

struct served_run *runs_start(struct server *server, const struct msg_submit *submit,
			      const struct session *client, struct err *err)
{
	struct estimate_table history = { 0 };
	char name[IDS_RUN_BYTES];
	struct served_run *run = client ? find_token(server, submit->token) : NULL;
	if (run)
		return run;
	run = runs_add(server, ids_run(name, clock_wall_us(), server_random()));
	if (!run) {
		err_set(err, -ENOMEM, "no memory for another run");
		return NULL;
	}
	run->mine = !client;
	run->token = submit->token;
	if (note_submit(server, client, submit, run->name, err) < 0 ||
	    accept_run(server, submit, client, run, err) < 0) {
		refuse_run(server, run);
		return NULL;
	}
	if (server->options.store && !server->store_failed &&
	    store_load_estimates(server->options.store, NULL, 0, &history, err) < 0)
		LOG_WARN("history_unusable", "%s; going on without", err->text);
	run->number = core_run_submit(server->core, clock_mono_us(), submit, run->name, &history,
				      err);
	estimate_table_done(&history);
	if (run->number && client)
		core_run_of_client(server->core, run->number, str_of(client->name));
	if (run->number)
		return run;
	refuse_run(server, run);
	return NULL;
}

struct served_run *runs_named(struct server *server, struct str name)
{
	struct err err = { 0 };
	uint64_t stored = 0;
	for (size_t i = 0; i < server->runs.len; i++)
		if (str_eq(str_of(server->runs.items[i].name), name))
			return server->runs.items[i].in_store ? &server->runs.items[i] : NULL;
	if (!server->options.store || !name.len || name.len >= STORE_NAME_BYTES ||
	    str_eq(name, STR_LIT("latest")) ||
	    store_run_find(server->options.store, name, &stored, &err) < 0)
		return NULL;
	char text[STORE_NAME_BYTES];
	snprintf(text, sizeof(text), "%.*s", STR_ARG(name));
	struct served_run *run = runs_add(server, text);
	if (!run)
		return NULL;
	run->stored = stored;
	run->in_store = run->done = true;
	if (store_run_length(server->options.store, stored, &run->events, &err) < 0)
		LOG_WARN("history_unusable", "%s", err.text);
	return run;
}

/* ---- watching ---- */

void runs_watch(struct server *server, struct served_run *run, struct session *session)
{
	uint64_t key = run->key;
	if (session->run == key)
		return;
	runs_unwatch(server, session);
	run = runs_find(server, key);
	ASSERT(run);
	if (VEC_PUSH(&run->watchers, session->id) < 0) {
		LOG_ERROR("out_of_memory", "adding a watcher");
		return;
	}
	session->run = key;
	feed_start(&session->feed, 0);
}

void runs_unwatch(struct server *server, struct session *session)
{
	struct served_run *run = runs_find(server, session->run);
	session->run = 0;
	feed_done(&session->feed);
	if (!run)
		return;
	for (size_t i = 0; i < run->watchers.len; i++)
		if (run->watchers.items[i] == session->id)
			run->watchers.items[i] = run->watchers.items[--run->watchers.len];
	if (!run->watchers.len)
		run->unwatched_us = session->heard_us;
	release(server, run);
}

void runs_stop_unwatched(struct server *server, uint64_t patience_us)
{
	for (size_t i = 0; i < server->runs.len; i++) {
		const struct served_run *run = &server->runs.items[i];
		if (!run->mine && !run->done && !run->watchers.len &&
		    clock_mono_us() - run->unwatched_us > patience_us)
			core_run_stop(server->core, clock_mono_us(), run->number,
				      "its client is gone", EXIT_CODE_INCOMPLETE, true);
	}
}

/* Files are not in the store: as many are held as feed_add allows. */
static bool is_ample(const struct feed *feed)
{
	return feed->bytes - feed->file_bytes > FEED_BYTES;
}

static int add_to_feed(void *data, const struct msg_run_event *event)
{
	struct session *session = data;
	if (is_ample(&session->feed))
		return -ENOBUFS; /* enough for now */
	return feed_add(&session->feed, event);
}

void runs_feed(struct server *server, const struct served_run *run, struct session *session)
{
	struct feed *feed = &session->feed;
	struct err err = { 0 };
	uint64_t from = session->watch_from;
	feed_forget(feed, from);
	bool here = from >= feed->begin && from <= feed->end;
	if (!run->in_store || (here && (from < feed->end || feed->end == run->events)))
		return;
	feed_start(feed, from);
	int r = store_run_replay_from(server->options.store, run->stored, from, add_to_feed,
				      session, &err);
	if (r < 0 && r != -ENOBUFS)
		LOG_ERROR("history_unusable", "feeding a client: %s", err.text);
}

/* An event as it happens, to those who have all before it. */
static void tell_watchers(struct server *server, struct served_run *run,
			  const struct msg_run_event *event)
{
	for (size_t i = 0; i < run->watchers.len; i++) {
		struct session *session = session_find(&server->sessions, run->watchers.items[i]);
		if (!session)
			continue;
		server_look(server, session);
		if (session->feed.end != run->events || (run->in_store && is_ample(&session->feed)))
			continue; /* it is fed from the store */
		if (feed_add(&session->feed, event) < 0)
			LOG_ERROR("out_of_memory", "keeping an event for a client");
	}
}

/* ---- what the core did ---- */

static void store_trouble(struct server *server, const struct err *err)
{
	if (!server->store_failed && !server->full)
		LOG_ERROR("store_failed", "%s", err->text);
	if (!server->options.must_store)
		server->store_failed = true;
}

/* Its samples go into the history, its decisions are forgotten. */
static void close_run(struct server *server, struct served_run *run)
{
	struct err err = { 0 };
	int r = store_run_finish(server->options.store, run->stored, clock_wall_us(),
				 run->exit_code, &err);
	if (r < 0) {
		store_trouble(server, &err);
		return;
	}
	run->to_close = false;
	if (store_prune(server->options.store, clock_wall_us(), STORE_KEEP_DAYS, STORE_KEEP_RUNS,
			&err) < 0)
		LOG_WARN("not_pruned", "%s", err.text);
}

void runs_commit(struct server *server)
{
	struct err err = { 0 };
	bool was_full = server->full;
	if (!server->options.store || server->store_failed)
		return;
	int r = store_commit(server->options.store, &err);
	if (r < 0)
		store_trouble(server, &err);
	server->full = r < 0 && server->options.must_store;
	if (server->full && !was_full)
		LOG_ERROR("not_durable",
			  "reports wait at their workers and submissions are refused until there "
			  "is room");
	else if (was_full && !server->full)
		LOG_INFO("durable_again", "what waited is written");
	for (size_t i = server->runs.len; r == 0 && i > 0; i--)
		if (server->runs.items[i - 1].to_close) {
			close_run(server, &server->runs.items[i - 1]);
			release(server, &server->runs.items[i - 1]);
		}
}

static void keep_startup(struct server *server, const struct served_run *run,
			 const struct msg_run_event *event)
{
	if (!run->in_store || server->store_failed)
		return;
	int r = store_startup(server->options.store, event->suite, event->program,
			      event->duration_us);
	if (r < 0)
		LOG_DEBUG("startup_dropped", "too much waits to be written");
}

void runs_event(struct server *server, const struct core_action *action)
{
	struct served_run *run = of_core(server, action->run);
	if (!run)
		return;
	if (action->event->kind == MSG_RUN_STARTUP) {
		keep_startup(server, run, action->event);
		return;
	}
	if (action->event->kind == MSG_RUN_WARNING && !run->mine)
		LOG_WARN("run_warning", "run=%s %.*s", run->name, STR_ARG(action->event->message));
	if (run->in_store && !server->store_failed &&
	    store_run_event(server->options.store, run->stored, action->event) < 0) {
		struct err err = { .text = "too much waits to be written" };
		if (!server->options.must_store)
			runs_commit(server);
		if (store_run_event(server->options.store, run->stored, action->event) < 0)
			store_trouble(server, &err);
	}
	if (run->mine)
		server->options.on_event(server->options.data, action->event);
	tell_watchers(server, run, action->event);
	run->events++;
}

void runs_decision(struct server *server, const struct core_action *action)
{
	const struct served_run *run = of_core(server, action->run);
	struct err err = { .text = "too much waits to be written" };
	if (!run || !run->in_store || server->store_failed)
		return;
	int r = msg_encode(MSG_DECISION, action->decision, &server->frame, &err);
	if (r == 0)
		r = store_run_decision(server->options.store, run->stored, buf_str(&server->frame));
	if (r < 0)
		store_trouble(server, &err);
}

void runs_finish(struct server *server, const struct core_action *action)
{
	struct served_run *run = of_core(server, action->run);
	ASSERT(run);
	run->done = true;
	run->exit_code = action->exit_code;
	run->to_close = run->in_store && !server->store_failed;
	/* What was decided together is written together: not before all of it is known. */
	if (run->to_close && !server->options.must_store) {
		close_run(server, run);
		run->to_close = false;
	}
	if (run->in_store && server->store_failed)
		run->exit_code = outcome_worse_exit(run->exit_code, EXIT_CODE_REPORT);
	if (run->mine)
		server->options.on_done(server->options.data, run->exit_code);
	depot_release(server, &run->lease);
	core_run_forget(server->core, run->number);
	run->number = 0;
	release(server, run);
}
