// SPDX-License-Identifier: Apache-2.0
/*
 * outbox.c - what peers are told: orders, receipts and news, each the answer to a request that is
 * parked; and refusals.
 */
#include "coordinator/serve/state.h"

#include "protocol/base/assert.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"
#include "protocol/wire/limits.h"

#include <errno.h>
#include <string.h>

enum {
	NEWS_BYTES = 640 << 10, /* of one piece of news: leaves room in the frame */
	NEWS_EVENTS = 512,
};

void outbox_frame(struct server *server, int lane, struct chan_peer *peer)
{
	int r = chan_server_reply(server->chans[lane], peer, buf_str(&server->frame));
	if (r < 0 && r != -ESTALE)
		LOG_WARN("reply_failed", "errno=%d (%s)", -r, strerror(-r));
}

void outbox_refuse(struct server *server, const struct request *request, enum exit_code code,
		   const char *text)
{
	struct session *session = session_find(&server->sessions, request->session);
	struct lane_server *kept = session ? &session->lanes[request->lane] : NULL;
	struct msg_refused refused;
	hello_refuse(&refused, code, request->session, request->seq, text);
	if (msg_encode(MSG_REFUSED, &refused, &server->frame, NULL) < 0)
		return;
	if (kept && request->seq && request->seq == kept->seq && !kept->answered) {
		if (door_seal(server, session, request->lane, request->seq) < 0 ||
		    lane_server_answer(kept, request->seq, buf_str(&server->frame)) < 0)
			LOG_ERROR("out_of_memory", "keeping a refusal");
		session->waits[request->lane] = false;
	}
	outbox_frame(server, request->lane, request->peer);
}

/*
 * Answer what waits on a session's lane with `message`, and keep the answer for a repetition.
 * False: it cannot be encoded, and what it was to tell is lost.
 */
bool outbox_answer(struct server *server, struct session *session, int lane, enum msg_type type,
		   const void *message)
{
	struct err err = { 0 };
	ASSERT(session->waits[lane]);
	if (msg_encode(type, message, &server->frame, &err) < 0 ||
	    door_seal(server, session, lane, session->lanes[lane].seq) < 0) {
		LOG_ERROR("encode_failed", "%s", err.text);
		return false;
	}
	if (lane_server_answer(&session->lanes[lane], session->lanes[lane].seq,
			       buf_str(&server->frame)) < 0)
		LOG_ERROR("out_of_memory", "keeping a reply");
	session->waits[lane] = false;
	outbox_frame(server, lane, &session->parked[lane]);
	return true;
}

void outbox_order(struct session *session, const struct msg_assign *assign,
		  const struct msg_cancel *cancel)
{
	if (session_keep_order(session, assign, cancel) < 0)
		LOG_ERROR("out_of_memory", "keeping an order");
}

static void note_quarantine(struct server *server, const struct core_action *action)
{
	char words[512];
	struct err err = { 0 };
	struct session *session = session_find(&server->sessions, action->owner);
	if (!session || session->worker != action->worker)
		return;
	session->quarantined = true;
	LOG_WARN("quarantined", "worker=%s %s", session->name, action->why);
	if (server->options.audit &&
	    audit_add(server->options.audit, &err, "quarantine", "worker=%s",
		      audit_word(str_of(session->name), words, sizeof(words))) < 0)
		LOG_ERROR("not_audited", "%s", err.text); /* it is kept from work all the same */
}

void outbox_drain(struct server *server)
{
	struct core_action action;
	while (core_next_action(server->core, &action)) {
		struct session *session;
		switch (action.kind) {
		case CORE_ACTION_ASSIGN:
		case CORE_ACTION_CANCEL:
			session = session_find(&server->sessions, action.owner);
			if (!session || session->worker != action.worker)
				break;
			outbox_order(session, action.assign, action.cancel);
			server_look(server, session);
			break;
		case CORE_ACTION_QUARANTINE: note_quarantine(server, &action); break;
		case CORE_ACTION_EVENT: runs_event(server, &action); break;
		case CORE_ACTION_DECISION: runs_decision(server, &action); break;
		case CORE_ACTION_RUN_DONE: runs_finish(server, &action); break;
		}
	}
}

/* Is it to be told that it leaves? One that an operator drained is told so when it is empty. */
static bool is_to_leave(const struct server *server, const struct session *session)
{
	struct core_worker_status status;
	if (server->draining || session->drain_told)
		return true;
	return session->leaves && !session->assigns.len &&
	       core_worker_status(server->core, clock_mono_us(), session->worker, &status) &&
	       !status.attempts;
}

void outbox_orders(struct server *server, struct session *session)
{
	bool leave = is_to_leave(server, session), drain = leave && !session->drain_told;
	/* Orders leave when they are durable, so that whoever comes after us knows of them. */
	bool something = (session->assigns.len || session->cancels.len || drain) && !server->full;
	if (!session->waits[SESSION_CONTROL] ||
	    (!something && clock_mono_us() < session->answer_by_us))
		return;
	size_t n_cancels = session->cancels.len < LIMIT_ORDERS ? session->cancels.len
							       : LIMIT_ORDERS;
	if (server->full)
		n_cancels = 0;
	size_t n = server->full ? 0 : session_orders_that_fit(session, n_cancels);
	struct msg_orders orders = { .session = session->id,
				     .seq = session->lanes[SESSION_CONTROL].seq,
				     .assigns = session->assigns.items,
				     .n_assigns = n,
				     .cancels = session->cancels.items,
				     .n_cancels = n_cancels,
				     .drain = leave };
	if (!outbox_answer(server, session, SESSION_CONTROL, MSG_ORDERS, &orders)) {
		server_end_session(server, session, "its orders could not be sent");
		return;
	}
	session->drain_told = leave;
	session_drop_orders(session, n, n_cancels);
}

void outbox_receipt(struct server *server, struct session *session)
{
	if (!session->receipt_due)
		return;
	session->receipt_due = false;
	server->receipts_due--;
	if (session->waits[SESSION_DATA])
		outbox_answer(server, session, SESSION_DATA, MSG_RECEIPT,
			      &(struct msg_receipt){ .session = session->id,
						     .seq = session->lanes[SESSION_DATA].seq });
}

void outbox_news(struct server *server, struct session *session)
{
	const struct served_run *run = runs_find(server, session->run);
	struct msg_run_event events[NEWS_EVENTS];
	if (session->role != HELLO_CLIENT || !session->waits[SESSION_DATA] || !run)
		return;
	runs_feed(server, run, session);
	size_t n = feed_fetch(&session->feed, session->watch_from, events, NEWS_EVENTS, NEWS_BYTES);
	bool last = run->done && session->watch_from + n >= run->events;
	if (!n && !last && clock_mono_us() < session->answer_by_us)
		return;
	struct msg_news news = { .session = session->id,
				 .seq = session->lanes[SESSION_DATA].seq,
				 .next = session->watch_from + n,
				 .done = last,
				 .events = events,
				 .n_events = n };
	bool told = outbox_answer(server, session, SESSION_DATA, MSG_NEWS, &news);
	if (told && last)
		runs_unwatch(server, session);
	else if (!told)
		server_end_session(server, session, "its news could not be sent");
}
