// SPDX-License-Identifier: Apache-2.0
/*
 * server.c - from frames to core events and from core actions to frames. Callbacks take frames in
 * and feed the core; the step after each round drains its actions, sends orders, commits the
 * journal once for all that came, and only then acknowledges (persist, then reply).
 */
#include "coordinator/serve/server.h"

#include "coordinator/core/core.h"
#include "coordinator/serve/session.h"
#include "protocol/base/assert.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"
#include "protocol/wire/chan.h"
#include "protocol/wire/ids.h"
#include "protocol/wire/record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
	POLL_US = 2000000,  /* parked polls are answered at least so often: below the core's
			       suspicion (5 s) */
	STRAYS_US = 20000,  /* ... so soon while a worker still ends what nobody knows */
	STALL_US = 3000000, /* steps are at most 1 s apart, unless this process was stopped */
	CLIENT_LOST_US = 60000000, /* a client not heard for so long has gone: its run is stopped */
	NEWS_BYTES = 640 << 10,	   /* of one piece of news: leaves room in the frame */
	NEWS_EVENTS = 512,
	SUBMIT_BYTES_MAX = 512 << 20, /* of the programs of one run */
};

/* A run of the core, and where its events go. */
struct served_run {
	uint64_t number; /* the core's; 0: free */
	char name[IDS_RUN_BYTES];
	uint64_t stored; /* the store's number */
	bool in_store, mine, done;
	int exit_code;
	uint64_t client;  /* session that watches; 0: none */
	struct feed feed; /* for the client */
};

struct server {
	struct loop *loop;
	struct server_options options;
	struct core *core;
	struct chan_server *chans[SESSION_LANES];
	struct loop_fd *watches[SESSION_LANES];
	struct loop_timer *timer;
	struct sessions sessions;
	struct {
		struct served_run *items;
		size_t len, cap;
	} runs;
	struct buf frame;
	struct arena arena; /* of the message being handled */
	bool draining, store_failed, commit_due;
	size_t receipts_due;
	uint64_t stepped_us; /* the last step; 0: none yet */
};

static uint64_t random_u64(void)
{
	uint64_t value;
	ssize_t n = getrandom(&value, sizeof(value), 0);
	ASSERT(n == (ssize_t)sizeof(value));
	return value;
}

static uint64_t now_us(void)
{
	return clock_mono_us();
}

static struct served_run *find_run(struct server *server, uint64_t number)
{
	for (size_t i = 0; number && i < server->runs.len; i++)
		if (server->runs.items[i].number == number)
			return &server->runs.items[i];
	return NULL;
}

/* ---- answering ---- */

static void send_frame(struct server *server, int lane, struct chan_peer *peer)
{
	int r = chan_server_reply(server->chans[lane], peer, buf_str(&server->frame));
	if (r < 0 && r != -ESTALE)
		LOG_WARN("reply_failed", "errno=%d (%s)", -r, strerror(-r));
}

/* What is answered: where it came from, and its number when it had one. */
struct request {
	int lane;
	struct chan_peer *peer;
	uint64_t session, seq;
};

static void refuse(struct server *server, const struct request *request, enum exit_code code,
		   const char *text)
{
	struct msg_refused refused;
	hello_refuse(&refused, code, request->session, request->seq, text);
	if (msg_encode(MSG_REFUSED, &refused, &server->frame, NULL) == 0)
		send_frame(server, request->lane, request->peer);
}

/*
 * Answer what waits on a session's lane with `message`, and keep the answer for a repetition.
 * False: it cannot be encoded, and what it was to tell is lost.
 */
static bool answer(struct server *server, struct session *session, int lane, enum msg_type type,
		   const void *message)
{
	struct err err = { 0 };
	ASSERT(session->waits[lane]);
	if (msg_encode(type, message, &server->frame, &err) < 0) {
		LOG_ERROR("encode_failed", "%s", err.text);
		return false;
	}
	if (lane_server_answer(&session->lanes[lane], session->lanes[lane].seq,
			       buf_str(&server->frame)) < 0)
		LOG_ERROR("out_of_memory", "keeping a reply");
	session->waits[lane] = false;
	send_frame(server, lane, &session->parked[lane]);
	return true;
}

/* ---- sessions ---- */

static void end_session(struct server *server, struct session *session, const char *why)
{
	LOG_DEBUG("session_ended", "name=%s why=%s", session->name, why);
	if (session->worker)
		core_worker_left(server->core, now_us(), session->worker, why);
	struct served_run *run = find_run(server, session->run);
	if (run) {
		run->client = 0;
		feed_done(&run->feed);
		if (run->done)
			*run = server->runs.items[--server->runs.len];
		else
			core_run_stop(server->core, now_us(), run->number, "its client is gone",
				      EXIT_CODE_INCOMPLETE, true);
	}
	for (int lane = 0; lane < SESSION_LANES; lane++)
		if (session->waits[lane])
			chan_server_drop(server->chans[lane], &session->parked[lane]);
	if (session->receipt_due)
		server->receipts_due--;
	session_free(&server->sessions, session);
}

static void on_hello(struct server *server, const struct msg_hello *hello, struct chan_peer *peer)
{
	struct err err = { 0 };
	if (hello_check(hello, &err) < 0) {
		LOG_WARN("hello_refused", "name=%.*s %s", STR_ARG(hello->name), err.text);
		refuse(server, &(struct request){ SESSION_CONTROL, peer, 0, 0 },
		       EXIT_CODE_INCOMPLETE, err.text);
		return;
	}
	struct session *before = session_find(&server->sessions, hello->resume);
	if (before)
		end_session(server, before, "it said hello again");
	struct session *session = session_new(&server->sessions, hello, random_u64(), now_us());
	if (!session) {
		refuse(server, &(struct request){ SESSION_CONTROL, peer, 0, 0 },
		       EXIT_CODE_INCOMPLETE,
		       "the coordinator has no room for another peer: end some, or start "
		       "another coordinator");
		return;
	}
	struct msg_welcome welcome;
	hello_welcome(&welcome, session->id, POLL_US, 0);
	if (msg_encode(MSG_WELCOME, &welcome, &server->frame, NULL) == 0)
		send_frame(server, SESSION_CONTROL, peer);
}

/*
 * The session of a numbered request, when the request is to be worked on now; NULL: it was dealt
 * with.
 */
static struct session *take_request(struct server *server, int lane, uint64_t id, uint64_t seq,
				    struct chan_peer *peer)
{
	struct session *session = session_find(&server->sessions, id);
	if (!session) {
		refuse(server, &(struct request){ lane, peer, id, seq }, EXIT_CODE_INCOMPLETE,
		       "this session is not known here (any more): say hello again");
		return NULL;
	}
	session->heard_us = now_us();
	switch (lane_server_take(&session->lanes[lane], seq)) {
	case LANE_NEW:
		chan_server_renew(server->chans[lane], &session->parked[lane], *peer);
		session->waits[lane] = true;
		return session;
	case LANE_PARKED:
		chan_server_renew(server->chans[lane], &session->parked[lane], *peer);
		return NULL;
	case LANE_REPEAT:
		buf_clear(&server->frame);
		if (buf_put_str(&server->frame, lane_server_reply(&session->lanes[lane])) == 0)
			send_frame(server, lane, peer);
		return NULL;
	case LANE_OLD:
	case LANE_VERDICT_MAX: break;
	}
	chan_server_drop(server->chans[lane], peer);
	return NULL;
}

static void keep_order(struct session *session, const struct msg_assign *assign,
		       const struct msg_cancel *cancel)
{
	if (session_keep_order(session, assign, cancel) < 0)
		LOG_ERROR("out_of_memory", "keeping an order");
}

/*
 * Its first poll, or the first after its lease ran out: it joins once it runs nothing. What it was
 * ordered to do before is void.
 */
static void join(struct server *server, struct session *session, const struct msg_poll *poll)
{
	session->worker = 0;
	session->draining = false;
	session_drop_orders(session, session->assigns.len, session->cancels.len);
	if (poll->n_running) {
		session->answer_by_us = now_us() + STRAYS_US;
		for (size_t i = 0; !session->strays_told && i < poll->n_running; i++)
			keep_order(session, NULL,
				   &(struct msg_cancel){ .attempt = poll->running[i].attempt,
							 .epoch = poll->running[i].epoch,
							 .reason = STR_LIT("its lease ran out") });
		session->strays_told = true;
		return;
	}
	session->strays_told = false;
	session->worker = core_worker_joined(server->core, now_us(),
					     &(struct core_worker_spec){
						     .name = str_of(session->name),
						     .slots = session->slots,
						     .tags = session->tags,
						     .n_tags = session->n_tags });
	LOG_DEBUG("worker_joined", "name=%s slots=%u", session->name, (unsigned)session->slots);
}

static void on_poll(struct server *server, const struct msg_poll *poll, struct chan_peer *peer)
{
	struct session *session = take_request(server, SESSION_CONTROL, poll->session, poll->seq,
					       peer);
	if (!session)
		return;
	session->answer_by_us = now_us() + POLL_US;
	if (!core_worker_ready(server->core, now_us(), session->worker, poll->free_slots))
		join(server, session, poll);
	if (poll->draining && !session->draining) {
		session->draining = true;
		core_worker_drain(server->core, now_us(), session->worker, true);
	}
}

static void on_report(struct server *server, const struct msg_report *report,
		      struct chan_peer *peer)
{
	struct session *session = take_request(server, SESSION_DATA, report->session, report->seq,
					       peer);
	if (!session)
		return;
	struct err err = { 0 };
	/* One that has to join (again) reports of attempts that were given up: read, not merged. */
	bool joined = core_worker_ready(server->core, now_us(), session->worker, 0);
	for (size_t i = 0; joined && i < report->n_events; i++)
		if (core_worker_event(server->core, now_us(), session->worker, &report->events[i],
				      &err) < 0) {
			LOG_ERROR("bad_event", "worker=%s %s", session->name, err.text);
			end_session(server, session, "it sent an event that makes no sense");
			return;
		}
	server->receipts_due += !session->receipt_due;
	session->receipt_due = true;
}

/* ---- clients ---- */

static uint64_t start_run(struct server *server, const struct msg_submit *submit, bool mine,
			  uint64_t client, char *ret_name, struct err *err)
{
	struct served_run run = { .mine = mine, .client = client };
	struct estimate_table history = { 0 };
	ids_run(run.name, clock_wall_us(), random_u64());
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
	run.number = core_run_submit(server->core, now_us(), submit, run.name, &history, err);
	estimate_table_done(&history);
	if (!run.number)
		return 0;
	if (VEC_PUSH(&server->runs, run) < 0) {
		err_set(err, -ENOMEM, "no memory for another run");
		return 0;
	}
	if (ret_name)
		memcpy(ret_name, run.name, sizeof(run.name));
	return run.number;
}

static int keep_piece(struct session *session, const struct msg_submit *submit, struct err *err)
{
	if (session->arena.total_bytes > SUBMIT_BYTES_MAX)
		return err_set(err, -E2BIG,
			       "a submission of more than %d MiB: split it, or give its programs a "
			       "smaller environment",
			       SUBMIT_BYTES_MAX >> 20);
	for (size_t i = 0; i < submit->n_programs; i++) {
		struct msg_program copy;
		if (record_copy(&msg_record_program, &submit->programs[i], &copy, &session->arena) <
			    0 ||
		    VEC_PUSH(&session->programs, copy) < 0)
			return -ENOMEM;
	}
	return 0;
}

static void on_submit(struct server *server, const struct msg_submit *submit,
		      struct chan_peer *peer)
{
	struct session *session = take_request(server, SESSION_CONTROL, submit->session,
					       submit->seq, peer);
	char name[IDS_RUN_BYTES] = "";
	struct err err = { 0 };
	if (!session)
		return;
	int r = session->run ? err_set(&err, -EEXIST, "this session has a run already")
			     : keep_piece(session, submit, &err);
	if (r == 0 && !submit->more) {
		struct msg_submit whole = *submit;
		whole.programs = session->programs.items;
		whole.n_programs = session->programs.len;
		session->run = start_run(server, &whole, false, session->id, name, &err);
		r = session->run ? 0 : -EINVAL;
	}
	if (r < 0) {
		session->waits[SESSION_CONTROL] = false;
		const struct request request = { SESSION_CONTROL, &session->parked[SESSION_CONTROL],
						 session->id, submit->seq };
		refuse(server, &request, EXIT_CODE_USAGE,
		       err.text[0] ? err.text : "the coordinator has no memory for this run");
		return;
	}
	answer(server, session, SESSION_CONTROL, MSG_ACCEPTED,
	       &(struct msg_accepted){
		       .session = session->id, .seq = submit->seq, .run = str_of(name) });
}

static void on_watch(struct server *server, const struct msg_watch *watch, struct chan_peer *peer)
{
	struct session *session = take_request(server, SESSION_DATA, watch->session, watch->seq,
					       peer);
	if (!session)
		return;
	struct served_run *run = find_run(server, session->run);
	session->watch_from = watch->from;
	session->answer_by_us = now_us() + POLL_US;
	if (run)
		feed_forget(&run->feed, watch->from);
}

static void on_stop(struct server *server, const struct msg_stop *stop, struct chan_peer *peer)
{
	struct session *session = take_request(server, SESSION_CONTROL, stop->session, stop->seq,
					       peer);
	if (!session)
		return;
	answer(server, session, SESSION_CONTROL, MSG_RECEIPT,
	       &(struct msg_receipt){ .session = session->id, .seq = stop->seq });
	if (session->role == HELLO_WORKER)
		end_session(server, session, "it said goodbye");
	else if (session->run)
		core_run_stop(server->core, now_us(), session->run, "stopped by its client",
			      EXIT_CODE_OK, true);
}

/* ---- frames ---- */

static void dispatch(struct server *server, int lane, int type, const void *message,
		     struct chan_peer *peer)
{
	if (lane == SESSION_CONTROL && type == MSG_HELLO)
		on_hello(server, message, peer);
	else if (lane == SESSION_CONTROL && type == MSG_POLL)
		on_poll(server, message, peer);
	else if (lane == SESSION_CONTROL && type == MSG_SUBMIT)
		on_submit(server, message, peer);
	else if (lane == SESSION_CONTROL && type == MSG_STOP)
		on_stop(server, message, peer);
	else if (lane == SESSION_DATA && type == MSG_REPORT)
		on_report(server, message, peer);
	else if (lane == SESSION_DATA && type == MSG_WATCH)
		on_watch(server, message, peer);
	else
		refuse(server, &(struct request){ lane, peer, 0, 0 }, EXIT_CODE_INCOMPLETE,
		       "this message is not served at this endpoint");
}

static void on_frames(struct server *server, int lane)
{
	struct str frame;
	struct chan_peer peer;
	void *message;
	int r;
	while ((r = chan_server_receive(server->chans[lane], &frame, &peer)) > 0) {
		struct err err = { 0 };
		arena_clear(&server->arena);
		int type = msg_decode(frame, &server->arena, &message, &err);
		if (type < 0) {
			LOG_WARN("bad_frame", "%s", err.text);
			refuse(server, &(struct request){ lane, &peer, 0, 0 }, EXIT_CODE_INCOMPLETE,
			       err.text);
			continue;
		}
		dispatch(server, lane, type, message, &peer);
	}
	if (r < 0)
		LOG_ERROR("receive_failed", "errno=%d (%s)", -r, strerror(-r));
}

static void on_control(void *data)
{
	on_frames(data, SESSION_CONTROL);
}

static void on_data(void *data)
{
	on_frames(data, SESSION_DATA);
}

static void on_timer(void *data)
{
	(void)data; /* the step that follows looks at the clock */
}

/* ---- the step ---- */

static struct session *session_of_worker(const struct server *server, uint64_t worker)
{
	for (size_t i = 0; i < server->sessions.table.len; i++)
		if (server->sessions.table.items[i] &&
		    server->sessions.table.items[i]->worker == worker)
			return server->sessions.table.items[i];
	return NULL;
}

static void store_trouble(struct server *server, const struct err *err)
{
	if (!server->store_failed)
		LOG_ERROR("store_failed", "%s", err->text);
	if (!server->options.must_store)
		server->store_failed = true;
}

static void commit(struct server *server)
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

static void pass_event(struct server *server, const struct core_action *action)
{
	struct served_run *run = find_run(server, action->run);
	if (!run)
		return;
	if (action->event->kind == MSG_RUN_STARTUP) {
		keep_startup(server, run, action->event);
		return;
	}
	if (run->in_store && !server->store_failed &&
	    store_run_event(server->options.store, run->stored, action->event) < 0) {
		commit(server);
		struct err err = { .text = "too much waits to be written" };
		if (store_run_event(server->options.store, run->stored, action->event) < 0)
			store_trouble(server, &err);
	}
	if (run->mine)
		server->options.on_event(server->options.data, action->event);
	else if (run->client && feed_add(&run->feed, action->event) < 0)
		LOG_ERROR("out_of_memory", "keeping an event for a client");
}

static void finish_run(struct server *server, const struct core_action *action)
{
	struct served_run *run = find_run(server, action->run);
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
	if (!run->client)
		*run = server->runs.items[--server->runs.len];
}

static void drain_core(struct server *server)
{
	struct core_action action;
	while (core_next_action(server->core, &action)) {
		struct session *session;
		switch (action.kind) {
		case CORE_ACTION_ASSIGN:
		case CORE_ACTION_CANCEL:
			session = session_of_worker(server, action.worker);
			if (session)
				keep_order(session, action.assign, action.cancel);
			break;
		case CORE_ACTION_EVENT: pass_event(server, &action); break;
		case CORE_ACTION_RUN_DONE: finish_run(server, &action); break;
		}
	}
}

static void send_orders(struct server *server, struct session *session)
{
	bool drain = server->draining && !session->drain_told;
	bool something = session->assigns.len || session->cancels.len || drain;
	if (!session->waits[SESSION_CONTROL] || (!something && now_us() < session->answer_by_us))
		return;
	size_t n_cancels = session->cancels.len < LIMIT_ORDERS ? session->cancels.len
							       : LIMIT_ORDERS;
	size_t n = session_orders_that_fit(session, n_cancels);
	struct msg_orders orders = { .session = session->id,
				     .seq = session->lanes[SESSION_CONTROL].seq,
				     .assigns = session->assigns.items,
				     .n_assigns = n,
				     .cancels = session->cancels.items,
				     .n_cancels = n_cancels,
				     .drain = server->draining };
	if (!answer(server, session, SESSION_CONTROL, MSG_ORDERS, &orders)) {
		end_session(server, session, "its orders could not be sent");
		return;
	}
	session->drain_told = server->draining;
	session_drop_orders(session, n, n_cancels);
}

static void send_receipt(struct server *server, struct session *session)
{
	if (!session->receipt_due)
		return;
	session->receipt_due = false;
	server->receipts_due--;
	if (session->waits[SESSION_DATA])
		answer(server, session, SESSION_DATA, MSG_RECEIPT,
		       &(struct msg_receipt){ .session = session->id,
					      .seq = session->lanes[SESSION_DATA].seq });
}

static void send_news(struct server *server, struct session *session)
{
	struct served_run *run = find_run(server, session->run);
	struct msg_run_event events[NEWS_EVENTS];
	if (session->role != HELLO_CLIENT || !session->waits[SESSION_DATA] || !run)
		return;
	size_t n = feed_fetch(&run->feed, session->watch_from, events, NEWS_EVENTS, NEWS_BYTES);
	bool last = run->done && session->watch_from + n >= run->feed.end;
	if (!n && !last && now_us() < session->answer_by_us)
		return;
	struct msg_news news = { .session = session->id,
				 .seq = session->lanes[SESSION_DATA].seq,
				 .next = session->watch_from + n,
				 .done = last,
				 .events = events,
				 .n_events = n };
	if (!answer(server, session, SESSION_DATA, MSG_NEWS, &news))
		end_session(server, session, "its news could not be sent");
}

/* A peer that is silent for a minute is gone: what it parks is answered within POLL_US. */
static void check_peer(struct server *server, struct session *session)
{
	if (now_us() - session->heard_us > CLIENT_LOST_US)
		end_session(server, session, "nothing was heard of it for a minute");
}

static void arm_timer(struct server *server)
{
	uint64_t now = now_us(), next = core_deadline_us(server->core);
	for (size_t i = 0; i < server->sessions.table.len; i++) {
		const struct session *session = server->sessions.table.items[i];
		if (session && (session->waits[SESSION_CONTROL] || session->waits[SESSION_DATA]) &&
		    session->answer_by_us < next)
			next = session->answer_by_us;
	}
	uint64_t wait = next > now ? next - now : 0;
	loop_timer_set(server->timer, wait < 1000000 ? wait + 1000 : 1000000);
}

/* This process was stopped (Ctrl-Z) or starved: the silence was ours, and nobody is lost for it. */
static void excuse_silence(struct server *server, uint64_t now)
{
	LOG_INFO("stalled", "for=%" PRIu64 " ms; all leases begin anew",
		 (now - server->stepped_us) / 1000);
	core_renew_leases(server->core, now);
	for (size_t i = 0; i < server->sessions.table.len; i++)
		if (server->sessions.table.items[i])
			server->sessions.table.items[i]->heard_us = now;
}

void server_step(void *data)
{
	struct server *server = data;
	uint64_t now = now_us();
	if (server->stepped_us && now - server->stepped_us > STALL_US)
		excuse_silence(server, now);
	server->stepped_us = now;
	if (now >= core_deadline_us(server->core))
		core_tick(server->core, now);
	drain_core(server);
	for (size_t i = 0; i < server->sessions.table.len; i++)
		if (server->sessions.table.items[i])
			send_orders(server, server->sessions.table.items[i]);
	commit(server);
	bool durable = !server->options.must_store || !store_pending_bytes(server->options.store);
	for (size_t i = 0; i < server->sessions.table.len; i++) {
		struct session *session = server->sessions.table.items[i];
		if (!session)
			continue;
		if (durable)
			send_receipt(server, session);
		send_news(server, session);
		if (server->sessions.table.items[i])
			check_peer(server, session);
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
	server->core = core_new(&(struct core_options){ .seed = random_u64() });
	int r = server->core ? 0 : err_set(err, -ENOMEM, "no memory for a coordinator");
	for (int lane = 0; r == 0 && lane < SESSION_LANES; lane++)
		r = chan_server_new(&server->chans[lane], err);
	for (int lane = 0; r == 0 && lane < SESSION_LANES; lane++)
		r = loop_fd_new(loop, chan_server_fd(server->chans[lane]),
				lane == SESSION_CONTROL ? on_control : on_data, server,
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
		feed_done(&server->runs.items[i].feed);
	free(server->runs.items);
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
	return start_run(server, submit, true, 0, NULL, err) ? 0 : -EINVAL;
}

void server_stop_run(struct server *server, const char *why, int exit_code, bool immediate)
{
	for (size_t i = 0; i < server->runs.len; i++)
		if (server->runs.items[i].mine && !server->runs.items[i].done)
			core_run_stop(server->core, now_us(), server->runs.items[i].number, why,
				      exit_code, immediate);
}

void server_drain(struct server *server)
{
	server->draining = true;
}

void server_worker_died(struct server *server, const char *name, const char *why)
{
	for (size_t i = 0; i < server->sessions.table.len; i++) {
		struct session *session = server->sessions.table.items[i];
		if (session && session->role == HELLO_WORKER && strcmp(session->name, name) == 0)
			end_session(server, session, why);
	}
}

size_t server_workers(const struct server *server)
{
	size_t n = 0;
	for (size_t i = 0; i < server->sessions.table.len; i++)
		n += server->sessions.table.items[i] &&
		     server->sessions.table.items[i]->role == HELLO_WORKER;
	return n;
}
