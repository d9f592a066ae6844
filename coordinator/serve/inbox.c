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
 * Its first poll, or the first after its lease ran out: it joins once it runs nothing. What it was
 * ordered to do before is void.
 */
static void join(struct server *server, struct session *session, const struct msg_poll *poll)
{
	session->worker = 0;
	session->draining = false;
	session_drop_orders(session, session->assigns.len, session->cancels.len);
	if (poll->n_running) {
		server_answer_by(server, session, clock_mono_us() + STRAYS_US);
		for (size_t i = 0; !session->strays_told && i < poll->n_running; i++)
			outbox_order(session, NULL,
				     &(struct msg_cancel){
					     .attempt = poll->running[i].attempt,
					     .epoch = poll->running[i].epoch,
					     .reason = STR_LIT("its lease ran out") });
		session->strays_told = true;
		return;
	}
	session->strays_told = false;
	session->worker = core_worker_joined(server->core, clock_mono_us(),
					     &(struct core_worker_spec){
						     .name = str_of(session->name),
						     .slots = session->slots,
						     .tags = session->tags,
						     .n_tags = session->n_tags,
						     .owner = session->id });
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
	if (poll->draining && !session->draining) {
		session->draining = true;
		core_worker_drain(server->core, clock_mono_us(), session->worker, true);
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
	bool joined = core_worker_ready(server->core, clock_mono_us(), session->worker);
	for (size_t i = 0; joined && i < report->n_events; i++)
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

static int keep_piece(struct session *session, const struct msg_submit *submit, struct err *err)
{
	int r = check_signatures(session, submit, err);
	if (r < 0)
		return r;
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

/* Before a case of it runs, the audit log has it; else it is stopped at once. */
static int note_submit(struct server *server, struct session *session,
		       const struct msg_submit *submit, const char *run, struct err *err)
{
	char words[256], title[128];
	snprintf(words, sizeof(words), "run=%s programs=%zu title=%s", run, submit->n_programs,
		 audit_word(submit->name, title, sizeof(title)));
	int r = server_note(server, session, "submit", words, err);
	if (r < 0)
		core_run_stop(server->core, clock_mono_us(), session->run,
			      "it could not be noted in the audit log", EXIT_CODE_INCOMPLETE, true);
	return r;
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
		session->run = runs_start(server, &whole, false, session->id, name, &err);
		r = session->run ? note_submit(server, session, &whole, name, &err) : -EINVAL;
	}
	if (r < 0) {
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
	struct served_run *run = runs_find(server, session->run);
	session->watch_from = watch->from;
	server_answer_by(server, session, clock_mono_us() + server->poll_us);
	server_look(server, session);
	if (run)
		feed_forget(&run->feed, watch->from);
}

static void on_ask(struct server *server, const struct msg_ask *ask, struct chan_peer *peer)
{
	struct session *session = take_request(server, SESSION_CONTROL, ask->session, ask->seq,
					       peer);
	if (session)
		operate_ask(server, session, ask);
}

static void on_stop(struct server *server, const struct msg_stop *stop, struct chan_peer *peer)
{
	struct err err = { 0 };
	struct session *session = take_request(server, SESSION_CONTROL, stop->session, stop->seq,
					       peer);
	if (!session)
		return;
	outbox_answer(server, session, SESSION_CONTROL, MSG_RECEIPT,
		      &(struct msg_receipt){ .session = session->id, .seq = stop->seq });
	if (session->role == HELLO_WORKER || !session->run)
		server_end_session(server, session, "it said goodbye");
	else if (session->run) {
		struct served_run *run = runs_find(server, session->run);
		char words[64];
		snprintf(words, sizeof(words), "run=%s", run ? run->name : "-");
		if (server_note(server, session, "stop", words, &err) < 0)
			LOG_ERROR("not_audited", "%s", err.text); /* stopping is never refused */
		core_run_stop(server->core, clock_mono_us(), session->run, "stopped by its client",
			      EXIT_CODE_OK, true);
	}
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
	while (left-- && (r = chan_server_receive(server->chans[lane], &frame, &peer)) > 0) {
		struct err err = { 0 };
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
