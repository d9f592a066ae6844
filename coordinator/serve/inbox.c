// SPDX-License-Identifier: Apache-2.0
/*
 * inbox.c - what peers say: each request of each endpoint, told apart from its repetitions and fed
 * to the core. Nothing is sent from here but refusals, and answers that are known at once.
 */
#include "coordinator/serve/state.h"

#include "protocol/base/clock.h"
#include "protocol/base/log.h"
#include "protocol/wire/record.h"
#include "protocol/wire/warrant.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	STRAYS_US = 20000, /* polls are answered so soon while a worker ends what nobody knows */
	ROUND_BYTES = 8 << 20,	      /* of requests between two commits */
	SUBMIT_BYTES_MAX = 512 << 20, /* of the programs of one run */
	FRAMES_OF_ROUND = 256, /* of an endpoint, then answers go out: a flood delays, no more */
};

static void on_hello(struct server *server, const struct msg_hello *hello, struct chan_peer *peer)
{
	struct err err = { 0 };
	if (hello_check(hello, &err) < 0) {
		LOG_WARN("hello_refused", "name=%.*s %s", STR_ARG(hello->name), err.text);
		outbox_refuse(server, &(struct request){ SESSION_CONTROL, peer, 0, 0 },
			      EXIT_CODE_INCOMPLETE, err.text);
		return;
	}
	struct session *session = session_new(&server->sessions, hello, server_random(),
					      clock_mono_us());
	if (!session) {
		outbox_refuse(server, &(struct request){ SESSION_CONTROL, peer, 0, 0 },
			      EXIT_CODE_INCOMPLETE,
			      "the coordinator has no room for another peer: end some, or start "
			      "another coordinator");
		return;
	}
	struct session *before = session_find(&server->sessions, hello->resume);
	if (before)
		server_take_over(server, before, session);
	server_watch_silence(server, session);
	struct msg_welcome welcome;
	hello_welcome(&welcome, session->id, server->poll_us, server->lease_us);
	if (msg_encode(MSG_WELCOME, &welcome, &server->frame, NULL) == 0)
		outbox_frame(server, SESSION_CONTROL, peer);
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
		outbox_refuse(server, &(struct request){ lane, peer, id, seq },
			      EXIT_CODE_INCOMPLETE,
			      "this session is not known here (any more): say hello again");
		return NULL;
	}
	session->heard_us = clock_mono_us();
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
			outbox_frame(server, lane, peer);
		return NULL;
	case LANE_OLD:
	case LANE_VERDICT_MAX: break;
	}
	chan_server_drop(server->chans[lane], peer);
	return NULL;
}

/*
 * Tell it to end the attempts that nobody waits for; those it is to go on with are orphans. False:
 * there is none.
 */
static bool end_strays(struct server *server, struct session *session, const struct msg_poll *poll)
{
	bool strays = false;
	for (size_t i = 0; i < poll->n_running; i++) {
		const struct msg_running *running = &poll->running[i];
		if (core_attempt_is_orphan(server->core, running->attempt, running->epoch))
			continue;
		strays = true;
		if (!session->strays_told)
			outbox_order(session, NULL,
				     &(struct msg_cancel){
					     .attempt = running->attempt,
					     .epoch = running->epoch,
					     .reason = STR_LIT("its lease ran out") });
	}
	session->strays_told = strays;
	return strays;
}

/*
 * Its first poll, or the first after its lease ran out: it joins once it runs nothing but what
 * waits for it (we were restarted, or it said hello anew). What it was ordered to do before is
 * void.
 */
static void join(struct server *server, struct session *session, const struct msg_poll *poll)
{
	session->worker = 0;
	session->draining = false;
	session_drop_orders(session, session->assigns.len, session->cancels.len);
	if (end_strays(server, session, poll)) {
		server_answer_by(server, session, clock_mono_us() + STRAYS_US);
		return;
	}
	session->worker = core_worker_joined(
		server->core, clock_mono_us(),
		&(struct core_worker_spec){ .name = str_of(session->name),
					    .slots = session->slots,
					    .tags = session->tags,
					    .n_tags = session->n_tags,
					    .owner = session->id,
					    .session = session_presence(session, session->id) });
	for (size_t i = 0; i < poll->n_running; i++)
		core_worker_adopt(server->core, clock_mono_us(), session->worker,
				  poll->running[i].attempt, poll->running[i].epoch);
	if (session->quarantined)
		core_worker_quarantine(server->core, clock_mono_us(), session->worker, true);
	if (session->leaves)
		core_worker_drain(server->core, clock_mono_us(), session->worker, true);
	if (session->leaves && session->evict_us != UINT64_MAX)
		core_worker_evict(server->core, clock_mono_us(), session->worker,
				  session->evict_us);
	LOG_DEBUG("worker_joined", "name=%s slots=%u", session->name, (unsigned)session->slots);
}

static void on_poll(struct server *server, const struct msg_poll *poll, struct chan_peer *peer)
{
	struct session *session = take_request(server, SESSION_CONTROL, poll->session, poll->seq,
					       peer);
	if (!session)
		return;
	server_answer_by(server, session, clock_mono_us() + server->poll_us);
	server_look(server, session);
	if (!core_worker_ready(server->core, clock_mono_us(), session->worker))
		join(server, session, poll);
	if (session->resume && session->worker && !poll->unsent) {
		core_session_over(server->core, clock_mono_us(),
				  session_presence(session, session->resume));
		session->resume = 0;
	}
	if (session->worker && poll->draining != session->draining) {
		session->draining = poll->draining;
		core_worker_drain(server->core, clock_mono_us(), session->worker, poll->draining);
	}
}

/*
 * No room to make it durable: the report is left unread, and its worker says it again. Its leases
 * are renewed all the same.
 */
static bool is_put_off(struct server *server, const struct msg_report *report,
		       struct chan_peer *peer)
{
	struct session *session = session_find(&server->sessions, report->session);
	if (!server->full || !session)
		return false;
	session->heard_us = clock_mono_us();
	(void)core_worker_ready(server->core, clock_mono_us(), session->worker);
	chan_server_drop(server->chans[SESSION_DATA], peer);
	return true;
}

static void on_report(struct server *server, const struct msg_report *report,
		      struct chan_peer *peer)
{
	if (is_put_off(server, report, peer))
		return;
	struct session *session = take_request(server, SESSION_DATA, report->session, report->seq,
					       peer);
	if (!session)
		return;
	struct err err = { 0 };
	/* Also of one that has not joined (again): whose attempts they are, their epochs prove. */
	for (size_t i = 0; i < report->n_events; i++)
		if (core_worker_event(server->core, clock_mono_us(), session->worker,
				      &report->events[i], &err) < 0) {
			LOG_ERROR("bad_event", "worker=%s %s", session->name, err.text);
			server_end_session(server, session, "it sent an event that makes no sense");
			return;
		}
	server->receipts_due += !session->receipt_due;
	session->receipt_due = true;
	server_look(server, session);
}

/* ---- clients ---- */

/* With keys, every program is signed by the key that was enrolled with the client's own. */
static int check_signatures(const struct session *session, const struct msg_submit *submit,
			    struct err *err)
{
	int r = 0;
	for (size_t i = 0; session->passport && r == 0 && i < submit->n_programs; i++) {
		const struct msg_program *program = &submit->programs[i];
		r = warrant_check(program, err);
		if (r == 0 &&
		    memcmp(program->signer.data, session->passport->signer, CIPHER_KEY_BYTES) != 0)
			r = err_set(err, -EACCES,
				    "the program %.*s is signed by another key than the one that "
				    "was enrolled with this client's",
				    (int)(program->name.len < 200 ? program->name.len : 200),
				    program->name.data);
	}
	return r;
}

/* Keep a piece: its programs, and how it is stored, which is without session and number. */
static int keep_piece(struct server *server, struct session *session,
		      const struct msg_submit *submit, struct err *err)
{
	struct msg_submit stored = *submit;
	stored.session = stored.seq = 0;
	int r = check_signatures(session, submit, err);
	if (r < 0)
		return r;
	if (session->arena.total_bytes > SUBMIT_BYTES_MAX)
		return err_set(err, -E2BIG,
			       "a submission of more than %d MiB: split it, or give its programs a "
			       "smaller environment",
			       SUBMIT_BYTES_MAX >> 20);
	if (msg_encode(MSG_SUBMIT, &stored, &server->frame, err) < 0)
		return -EINVAL;
	struct str piece = { arena_copy(&session->arena, buf_str(&server->frame)),
			     server->frame.len };
	if (!piece.data || VEC_PUSH(&session->pieces, piece) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < submit->n_programs; i++) {
		struct msg_program copy;
		if (record_copy(&msg_record_program, &submit->programs[i], &copy, &session->arena) <
			    0 ||
		    VEC_PUSH(&session->programs, copy) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* All pieces are here. */
static int start_run(struct server *server, struct session *session,
		     const struct msg_submit *submit, char name[STORE_NAME_BYTES], struct err *err)
{
	struct msg_submit whole = *submit;
	whole.programs = session->programs.items;
	whole.n_programs = session->programs.len;
	struct served_run *run = runs_start(server, &whole, session, err);
	session->programs.len = session->pieces.len = 0;
	if (!run)
		return -EINVAL;
	if (run->number && !run->lease) { /* its contents stay as long as it does */
		run->lease = session->lease;
		session->lease = 0;
	}
	memcpy(name, run->name, STORE_NAME_BYTES);
	runs_watch(server, run, session);
	session->owns = true;
	return 0;
}

static int take_submission(struct server *server, struct session *session,
			   const struct msg_submit *submit, char name[STORE_NAME_BYTES],
			   struct err *err)
{
	if (session->run)
		return err_set(err, -EEXIST, "this session has a run already");
	if (server->full)
		return err_set(
			err, -ENOSPC,
			"the coordinator cannot write its journal, so it takes no runs: its log "
			"says why; as a rule, free space on its disk");
	int r = keep_piece(server, session, submit, err);
	if (r == 0 && !submit->more)
		r = depot_check(server, session->programs.items, session->programs.len, err);
	return r < 0 || submit->more ? r : start_run(server, session, submit, name, err);
}

static void on_submit(struct server *server, const struct msg_submit *submit,
		      struct chan_peer *peer)
{
	struct session *session = take_request(server, SESSION_CONTROL, submit->session,
					       submit->seq, peer);
	char name[STORE_NAME_BYTES] = "";
	struct err err = { 0 };
	if (!session)
		return;
	if (take_submission(server, session, submit, name, &err) < 0) {
		session->waits[SESSION_CONTROL] = false;
		const struct request request = { SESSION_CONTROL, &session->parked[SESSION_CONTROL],
						 session->id, submit->seq };
		outbox_refuse(server, &request, EXIT_CODE_USAGE,
			      err.text[0] ? err.text
					  : "the coordinator has no memory for this run");
		return;
	}
	outbox_answer(server, session, SESSION_CONTROL, MSG_ACCEPTED,
		      &(struct msg_accepted){
			      .session = session->id, .seq = submit->seq, .run = str_of(name) });
}

static void on_watch(struct server *server, const struct msg_watch *watch, struct chan_peer *peer)
{
	struct session *session = take_request(server, SESSION_DATA, watch->session, watch->seq,
					       peer);
	if (!session)
		return;
	struct served_run *run = session->run ? NULL : runs_named(server, watch->run);
	if (run) {
		runs_watch(server, run, session);
		session->owns = run->token && watch->token == run->token;
		if (session->owns) /* it was restored: whose it is was not known yet */
			core_run_of_client(server->core, run->number, str_of(session->name));
	}
	if (!session->run) {
		session->waits[SESSION_DATA] = false;
		const struct request request = { SESSION_DATA, &session->parked[SESSION_DATA],
						 session->id, watch->seq };
		outbox_refuse(server, &request, EXIT_CODE_USAGE,
			      "no such run is known here (any more)");
		return;
	}
	session->watch_from = watch->from;
	server_answer_by(server, session, clock_mono_us() + server->poll_us);
	server_look(server, session);
}

static void on_ask(struct server *server, const struct msg_ask *ask, struct chan_peer *peer)
{
	struct session *session = take_request(server, SESSION_CONTROL, ask->session, ask->seq,
					       peer);
	if (session)
		operate_ask(server, session, ask);
}

static void stop_run(struct server *server, struct session *session, const struct served_run *run)
{
	char words[128];
	struct err err = { 0 };
	if (!session->owns && session->access != KEYRING_OPERATE) {
		LOG_WARN("not_stopped", "run=%s client=%s; it is somebody else's", run->name,
			 session->name);
		return;
	}
	snprintf(words, sizeof(words), "run=%s", run->name);
	if (server_note(server, session, "stop", words, &err) < 0)
		LOG_ERROR("not_audited", "%s", err.text); /* stopping is never refused */
	core_run_stop(server->core, clock_mono_us(), run->number, "stopped by its client",
		      EXIT_CODE_OK, true);
}

static void on_contents(struct server *server, int type, const void *message,
			struct chan_peer *peer)
{
	const struct msg_have *head = message; /* all three begin alike */
	struct session *session = take_request(server, SESSION_DATA, head->session, head->seq,
					       peer);
	if (session && type == MSG_HAVE)
		depot_have(server, session, message);
	else if (session && type == MSG_PUT)
		depot_put(server, session, message);
	else if (session)
		depot_get(server, session, message);
}

static void on_stop(struct server *server, const struct msg_stop *stop, struct chan_peer *peer)
{
	struct session *session = take_request(server, SESSION_CONTROL, stop->session, stop->seq,
					       peer);
	if (!session)
		return;
	const struct served_run *run = runs_find(server, session->run);
	outbox_answer(server, session, SESSION_CONTROL, MSG_RECEIPT,
		      &(struct msg_receipt){ .session = session->id, .seq = stop->seq });
	if (session->role == HELLO_WORKER || !session->run)
		server_end_session(server, session, "it said goodbye");
	else if (run && run->number)
		stop_run(server, session, run);
}

/* ---- frames ---- */

/* A session asked for what its role does not include. True: it was told so. */
static bool is_beyond(struct server *server, int lane, int type, const void *message,
		      struct chan_peer *peer)
{
	/* All but hello, welcome and refused begin with these. */
	const struct {
		uint64_t session, seq;
	} *number = message;
	char text[256];
	if (type == MSG_HELLO || type == MSG_WELCOME || type == MSG_REFUSED)
		return false;
	struct session *session = session_find(&server->sessions, number->session);
	if (!session || passport_allows(session->access, type))
		return false;
	if (!take_request(server, lane, number->session, number->seq, peer))
		return true;
	snprintf(text, sizeof(text),
		 "this key has the role %s, which may not do that (%s): enrol with a token of "
		 "another --role",
		 keyring_role_name(session->access), msg_describe((unsigned)type)->name);
	LOG_WARN("beyond_role", "name=%s role=%s message=%s", session->name,
		 keyring_role_name(session->access), msg_describe((unsigned)type)->name);
	outbox_refuse(server,
		      &(struct request){ lane, &session->parked[lane], session->id, number->seq },
		      EXIT_CODE_INCOMPLETE, text);
	return true;
}

static void dispatch(struct server *server, int lane, int type, const void *message,
		     struct chan_peer *peer)
{
	if (is_beyond(server, lane, type, message, peer))
		return;
	if (lane == SESSION_CONTROL && type == MSG_HELLO)
		on_hello(server, message, peer);
	else if (lane == SESSION_CONTROL && type == MSG_POLL)
		on_poll(server, message, peer);
	else if (lane == SESSION_CONTROL && type == MSG_SUBMIT)
		on_submit(server, message, peer);
	else if (lane == SESSION_CONTROL && type == MSG_STOP)
		on_stop(server, message, peer);
	else if (lane == SESSION_CONTROL && type == MSG_ASK)
		on_ask(server, message, peer);
	else if (lane == SESSION_DATA && type == MSG_REPORT)
		on_report(server, message, peer);
	else if (lane == SESSION_DATA && type == MSG_WATCH)
		on_watch(server, message, peer);
	else if (lane == SESSION_DATA && (type == MSG_HAVE || type == MSG_PUT || type == MSG_GET))
		on_contents(server, type, message, peer);
	else
		outbox_refuse(server, &(struct request){ lane, peer, 0, 0 }, EXIT_CODE_INCOMPLETE,
			      "this message is not served at this endpoint");
}

static void on_frames(struct server *server, int lane)
{
	struct str frame;
	struct chan_peer peer;
	struct seal_head head;
	void *message;
	int r = 0, left = FRAMES_OF_ROUND;
	/* No more at once than can be written together; the rest waits in its sockets. */
	while (left-- && server->taken_bytes < ROUND_BYTES &&
	       (r = chan_server_receive(server->chans[lane], &frame, &peer)) > 0) {
		struct err err = { 0 };
		server->taken_bytes += frame.len;
		arena_clear(&server->arena);
		if (!door_enter(server, lane, frame, &peer, &frame, &head))
			continue;
		int type = msg_decode(frame, &server->arena, &message, &err);
		if (type >= 0 && !door_fits(&head, type, message))
			type = err_set(&err, -EPROTO, "the message belongs to another frame");
		if (type < 0) {
			LOG_WARN("bad_frame", "%s", err.text);
			outbox_refuse(server,
				      &(struct request){ lane, &peer, head.session, head.seq },
				      EXIT_CODE_INCOMPLETE, err.text);
			continue;
		}
		dispatch(server, lane, type, message, &peer);
	}
	if (r < 0)
		LOG_ERROR("receive_failed", "errno=%d (%s)", -r, strerror(-r));
}

void inbox_control(void *data)
{
	on_frames(data, SESSION_CONTROL);
}

void inbox_data(void *data)
{
	on_frames(data, SESSION_DATA);
}
