// SPDX-License-Identifier: Apache-2.0
/*
 * server.c - life and step of a server. Callbacks (inbox.c) take frames in and feed the core; the
 * step after each round drains its actions (outbox.c, runs.c), sends orders, commits the journal
 * once for all that came, and only then acknowledges (persist, then reply).
 */
#include "coordinator/serve/server.h"

#include "coordinator/serve/state.h"
#include "protocol/base/assert.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"
#include "protocol/wire/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
	STEP_US = 500000,	   /* steps are at most so far apart, unless ... */
	STALL_US = 3000000,	   /* ... this process was stopped */
	HELD_BYTES = 1 << 30,	   /* decided and not written yet; more than a round can bring */
	CLIENT_LOST_US = 60000000, /* a client not heard for so long has gone: its run is stopped */
};

uint64_t server_random(void)
{
	uint64_t value;
	ssize_t n = getrandom(&value, sizeof(value), 0);
	ASSERT(n == (ssize_t)sizeof(value));
	return value;
}

static void drop_session(struct server *server, struct session *session)
{
	runs_unwatch(server, session);
	for (int lane = 0; lane < SESSION_LANES; lane++)
		if (session->waits[lane])
			chan_server_drop(server->chans[lane], &session->parked[lane]);
	if (session->receipt_due)
		server->receipts_due--;
	door_forget(server, session);
	depot_release(server, &session->lease);
	session_free(&server->sessions, session);
}

void server_end_session(struct server *server, struct session *session, const char *why)
{
	LOG_DEBUG("session_ended", "name=%s why=%s", session->name, why);
	if (session->worker)
		core_worker_left(server->core, clock_mono_us(), session->worker, why);
	drop_session(server, session);
}

void server_take_over(struct server *server, struct session *before, struct session *session)
{
	LOG_DEBUG("session_replaced", "name=%s", before->name);
	session->leaves = before->leaves;
	session->quarantined = before->quarantined;
	session->evict_us = before->evict_us;
	if (before->worker)
		core_worker_away(server->core, clock_mono_us(), before->worker,
				 "it said hello again");
	drop_session(server, before);
}

static void on_timer(void *data)
{
	(void)data; /* the step that follows looks at the clock */
}

/* ---- the step ---- */

void server_look(struct server *server, struct session *session)
{
	if (session->looked_at)
		return;
	if (VEC_PUSH(&server->todo, session->id) < 0)
		LOG_ERROR("out_of_memory", "noting that %s is owed an answer", session->name);
	else
		session->looked_at = true;
}

static void put_due(struct server *server, uint64_t at_us, const struct session *session)
{
	if (dues_put(&server->dues, at_us, session->id) < 0)
		LOG_ERROR("out_of_memory", "noting when %s is to be answered", session->name);
}

void server_watch_silence(struct server *server, struct session *session)
{
	session->missed_us = session->heard_us + CLIENT_LOST_US;
	put_due(server, session->missed_us, session);
}

void server_answer_by(struct server *server, struct session *session, uint64_t at_us)
{
	session->answer_by_us = at_us;
	put_due(server, at_us, session);
}

/*
 * Look at whoever has something due. An entry says no more than that: which of a session's times it
 * was for is seen from the session. A peer that is silent for a minute is gone, since what it parks
 * is answered much sooner.
 */
static void take_dues(struct server *server, uint64_t now)
{
	uint64_t id;
	while (dues_take(&server->dues, now, &id)) {
		struct session *session = session_find(&server->sessions, id);
		if (!session)
			continue;
		server_look(server, session);
		if (now - session->heard_us >= CLIENT_LOST_US)
			server_end_session(server, session, "nothing was heard of it for a minute");
		else if (now >= session->missed_us)
			server_watch_silence(server, session);
	}
}

static void arm_timer(struct server *server)
{
	uint64_t now = clock_mono_us(), next = core_deadline_us(server->core),
		 due = dues_next_us(&server->dues);
	next = due < next ? due : next;
	uint64_t wait = next > now ? next - now : 0;
	loop_timer_set(server->timer, wait < STEP_US ? wait + 1000 : STEP_US);
}

/* This process was stopped (Ctrl-Z) or starved: the silence was ours, and nobody is lost for it. */
static void excuse_silence(struct server *server, uint64_t now)
{
	LOG_INFO("stalled", "for=%" PRIu64 " ms; all leases begin anew",
		 (now - server->stepped_us) / 1000);
	core_renew_leases(server->core, now);
	closed_forget(server);
	for (size_t i = 0; i < server->sessions.table.len; i++)
		if (server->sessions.table.items[i])
			server->sessions.table.items[i]->heard_us = now;
}

int server_note(struct server *server, const struct session *session, const char *act,
		const char *words, struct err *err)
{
	char name[128];
	if (!server->options.audit)
		return 0;
	return audit_add(server->options.audit, err, act, "by=%s key=%s role=%s %s",
			 audit_word(str_of(session->name), name, sizeof(name)),
			 session->passport ? session->passport->id : "none",
			 keyring_role_name(session->access), words);
}

/* Do this for each session that may have something to do. Some may end by it. */
static void look(struct server *server, void (*at)(struct server *server, struct session *session))
{
	for (size_t i = 0; i < server->todo.len; i++) {
		struct session *session = session_find(&server->sessions, server->todo.items[i]);
		if (session)
			at(server, session);
	}
}

/* All were looked at. */
static void forget_todo(struct server *server)
{
	for (size_t i = 0; i < server->todo.len; i++) {
		struct session *session = session_find(&server->sessions, server->todo.items[i]);
		if (session)
			session->looked_at = false;
	}
	server->todo.len = 0;
}

void server_step(void *data)
{
	struct server *server = data;
	uint64_t now = clock_mono_us();
	if (server->stepped_us && now - server->stepped_us > STALL_US)
		excuse_silence(server, now);
	server->stepped_us = now;
	if (now >= core_deadline_us(server->core))
		core_tick(server->core, now);
	door_tend(server, now);
	closed_look(server, now);
	take_dues(server, now);
	runs_stop_unwatched(server, CLIENT_LOST_US);
	outbox_drain(server);
	runs_commit(server);
	server->taken_bytes = 0;
	look(server, outbox_orders);
	if (!server->full) { /* else they are looked at again once there is room */
		look(server, outbox_receipt);
		look(server, outbox_news);
		forget_todo(server);
	}
	arm_timer(server);
}

/* ---- life ---- */

int server_new(struct loop *loop, const struct server_options *options, struct server **ret_server,
	       struct err *err)
{
	struct server *server = calloc(1, sizeof(*server));
	if (!server)
		return err_set(err, -ENOMEM, "no memory for a coordinator");
	server->loop = loop;
	server->options = *options;
	buf_init(&server->frame, LIMIT_RECEIVE_BYTES);
	server->poll_us = SERVER_POLL_US;
	server->core = core_new(&(struct core_options){
		.seed = server_random(),
		.serial = clock_wall_us() / 1000, /* above those of whoever served before us */
		.journal = options->must_store });
	if (options->must_store)
		store_hold(options->store, HELD_BYTES);
	int r = server->core ? 0 : err_set(err, -ENOMEM, "no memory for a coordinator");
	for (int lane = 0; r == 0 && lane < SESSION_LANES; lane++)
		r = chan_server_new(&server->chans[lane], err);
	for (int lane = 0; r == 0 && lane < SESSION_LANES; lane++)
		r = loop_fd_new(loop, chan_server_fd(server->chans[lane]),
				lane == SESSION_CONTROL ? inbox_control : inbox_data, server,
				&server->watches[lane]);
	if (r == 0)
		r = loop_timer_new(loop, on_timer, server, &server->timer);
	if (r < 0) {
		server_free(server);
		return err && err->text[0]
			       ? r
			       : err_errno(err, r, "starting the coordinator's event loop");
	}
	*ret_server = server;
	return 0;
}

void server_free(struct server *server)
{
	if (!server)
		return;
	for (int lane = 0; lane < SESSION_LANES; lane++) {
		loop_fd_free(server->watches[lane]);
		chan_server_free(server->chans[lane]);
	}
	loop_timer_free(server->timer);
	for (size_t i = 0; i < server->runs.len; i++)
		free(server->runs.items[i].watchers.items);
	free(server->runs.items);
	free(server->todo.items);
	dues_done(&server->dues);
	session_table_done(&server->sessions);
	core_free(server->core);
	arena_done(&server->arena);
	buf_done(&server->frame);
	free(server);
}

int server_listen(struct server *server, const char *url, struct err *err)
{
	char data_url[CHAN_URL_BYTES];
	int r = chan_address_check(url, err);
	if (r == 0)
		r = chan_address_data(url, data_url, err);
	if (r == 0)
		r = chan_server_listen(server->chans[SESSION_CONTROL], url, err);
	return r < 0 ? r : chan_server_listen(server->chans[SESSION_DATA], data_url, err);
}

int server_submit(struct server *server, const struct msg_submit *submit, struct err *err)
{
	return runs_start(server, submit, NULL, err) ? 0 : -EINVAL;
}

void server_configure(struct server *server, const struct server_limits *limits)
{
	uint64_t poll_us = limits->lease_us / SERVER_POLLS_PER_LEASE;
	ASSERT(limits->lease_us);
	server->lease_us = limits->lease_us;
	server->poll_us = poll_us < SERVER_POLL_US ? poll_us : SERVER_POLL_US;
	core_configure(server->core, clock_mono_us(),
		       &(struct core_options){ .suspect_us = limits->lease_us / 3,
					       .lease_us = limits->lease_us,
					       .client_slots = limits->client_slots,
					       .quarantine = limits->quarantine });
}

void server_stop_run(struct server *server, const char *why, int exit_code, bool immediate)
{
	for (size_t i = 0; i < server->runs.len; i++)
		if (server->runs.items[i].mine && !server->runs.items[i].done)
			core_run_stop(server->core, clock_mono_us(), server->runs.items[i].number,
				      why, exit_code, immediate);
}

void server_drain(struct server *server)
{
	server->draining = true;
	for (size_t i = 0; i < server->sessions.table.len; i++)
		if (server->sessions.table.items[i])
			server_look(server, server->sessions.table.items[i]);
}

void server_worker_died(struct server *server, const char *name, const char *why)
{
	for (size_t i = 0; i < server->sessions.table.len; i++) {
		struct session *session = server->sessions.table.items[i];
		if (session && session->role == HELLO_WORKER && strcmp(session->name, name) == 0)
			server_end_session(server, session, why);
	}
}

size_t server_workers(const struct server *server)
{
	size_t n = 0;
	for (size_t i = 0; i < server->sessions.table.len; i++)
		n += server->sessions.table.items[i] &&
		     server->sessions.table.items[i]->role == HELLO_WORKER &&
		     !session_is_pending(server->sessions.table.items[i]);
	return n;
}
