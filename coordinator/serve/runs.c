// SPDX-License-Identifier: Apache-2.0
/*
 * runs.c - the runs a server serves: how one starts, where its events go (the store, its client,
 * the process that owns this server), and how it ends. The store's commits are made here.
 */
#include "coordinator/serve/state.h"

#include "protocol/base/assert.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"

#include <errno.h>
#include <string.h>

struct served_run *runs_find(struct server *server, uint64_t number)
{
	for (size_t i = 0; number && i < server->runs.len; i++)
		if (server->runs.items[i].number == number)
			return &server->runs.items[i];
	return NULL;
}

uint64_t runs_start(struct server *server, const struct msg_submit *submit, bool mine,
		    uint64_t client, char *ret_name, struct err *err)
{
	struct served_run run = { .mine = mine, .client = client };
	struct estimate_table history = { 0 };
	ids_run(run.name, clock_wall_us(), server_random());
	struct store *store = server->store_failed || submit->list_only ? NULL
									: server->options.store;
	if (server->options.store && !server->store_failed &&
	    store_load_estimates(server->options.store, NULL, 0, &history, err) < 0)
		LOG_WARN("history_unusable", "%s; going on without", err->text);
	if (store && store_run_begin(store, str_of(run.name), clock_wall_us(), submit->name,
				     &run.stored, err) < 0)
		LOG_WARN("journal_unusable", "%s; going on without", err->text);
	else
		run.in_store = store != NULL;
	run.number = core_run_submit(server->core, clock_mono_us(), submit, run.name, &history,
				     err);
	estimate_table_done(&history);
	if (!run.number)
		return 0;
	if (VEC_PUSH(&server->runs, run) < 0) {
		err_set(err, -ENOMEM, "no memory for another run");
		return 0;
	}
	struct session *session = session_find(&server->sessions, client);
	if (session)
		core_run_of_client(server->core, run.number, str_of(session->name));
	if (ret_name)
		memcpy(ret_name, run.name, sizeof(run.name));
	return run.number;
}

static void store_trouble(struct server *server, const struct err *err)
{
	if (!server->store_failed)
		LOG_ERROR("store_failed", "%s", err->text);
	if (!server->options.must_store)
		server->store_failed = true;
}

void runs_commit(struct server *server)
{
	struct err err = { 0 };
	if (!server->options.store || server->store_failed ||
	    !store_pending_bytes(server->options.store))
		return;
	if (store_commit(server->options.store, &err) < 0)
		store_trouble(server, &err);
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

static void look_at_client(struct server *server, const struct served_run *run)
{
	struct session *session = session_find(&server->sessions, run->client);
	if (session)
		server_look(server, session);
}

void runs_event(struct server *server, const struct core_action *action)
{
	struct served_run *run = runs_find(server, action->run);
	if (!run)
		return;
	if (action->event->kind == MSG_RUN_STARTUP) {
		keep_startup(server, run, action->event);
		return;
	}
	if (run->in_store && !server->store_failed &&
	    store_run_event(server->options.store, run->stored, action->event) < 0) {
		runs_commit(server);
		struct err err = { .text = "too much waits to be written" };
		if (store_run_event(server->options.store, run->stored, action->event) < 0)
			store_trouble(server, &err);
	}
	if (run->mine)
		server->options.on_event(server->options.data, action->event);
	else if (run->client && run->in_store && feed_is_full(&run->feed))
		feed_count(&run->feed, action->event);
	else if (run->client && feed_add(&run->feed, action->event) < 0)
		LOG_ERROR("out_of_memory", "keeping an event for a client");
	look_at_client(server, run);
}

/* What is read from the journal for a client. */
struct fetching {
	struct server *server;
	struct msg_run_event *events;
	size_t n, max, bytes, max_bytes;
};

static int fetch_one(void *data, const struct msg_run_event *event)
{
	struct fetching *fetching = data;
	struct msg_run_event copy;
	int r = feed_copy(event, &fetching->server->arena, &copy);
	if (r < 0)
		return r;
	fetching->bytes += msg_size(&msg_record_run_event, &copy);
	if (fetching->n == fetching->max || fetching->bytes > fetching->max_bytes)
		return -ENOBUFS; /* enough for now */
	fetching->events[fetching->n++] = copy;
	return 0;
}

int runs_fetch(struct server *server, struct served_run *run, uint64_t from,
	       struct msg_run_event *events, size_t max, size_t max_bytes)
{
	struct fetching fetching = {
		.server = server, .events = events, .max = max, .max_bytes = max_bytes
	};
	struct err err = { 0 };
	if (from < run->feed.held || from == run->feed.end)
		return (int)feed_fetch(&run->feed, from, events, max, max_bytes);
	arena_clear(&server->arena);
	int r = store_run_replay_from(server->options.store, run->stored, from - run->feed.unstored,
				      fetch_one, &fetching, &err);
	if (r < 0 && r != -ENOBUFS) {
		LOG_ERROR("journal_unreadable", "run=%s %s", run->name, err.text);
		return r;
	}
	return (int)fetching.n;
}

void runs_finish(struct server *server, const struct core_action *action)
{
	struct served_run *run = runs_find(server, action->run);
	ASSERT(run);
	struct err err = { 0 };
	run->done = true;
	run->exit_code = action->exit_code;
	if (run->in_store && !server->store_failed &&
	    store_run_finish(server->options.store, run->stored, clock_wall_us(), run->exit_code,
			     &err) < 0)
		store_trouble(server, &err);
	else if (run->in_store && !server->store_failed &&
		 store_prune(server->options.store, clock_wall_us(), STORE_KEEP_DAYS,
			     STORE_KEEP_RUNS, &err) < 0)
		LOG_WARN("not_pruned", "%s", err.text);
	if (run->in_store && server->store_failed)
		run->exit_code = outcome_worse_exit(run->exit_code, EXIT_CODE_REPORT);
	if (run->mine)
		server->options.on_done(server->options.data, run->exit_code);
	core_run_forget(server->core, run->number);
	look_at_client(server, run);
	if (!run->client)
		*run = server->runs.items[--server->runs.len];
}
