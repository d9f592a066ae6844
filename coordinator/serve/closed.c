// SPDX-License-Identifier: Apache-2.0
/*
 * closed.c - workers whose connection was closed, as it is when their process dies: what they ran
 * need not wait for its lease. nanomsg has no event for that, and says only how many connections a
 * socket has and how many broke. So when one did, everybody who is parked is answered and asks
 * again at once. If then as many connections are open as there are peers who did, those who did not
 * have none.
 *
 * A worker that is frozen or cut off still has a connection, and is never given up here. While
 * there is one, or a stranger, nobody is: all are asked again, until leases decide.
 */
#include "coordinator/serve/state.h"

enum {
	ANSWER_US = 700000, /* a round trip takes a thousandth of it, a busy machine a tenth */
};

static bool is_parked(const struct session *session)
{
	return session->waits[SESSION_CONTROL] || session->waits[SESSION_DATA];
}

static void ask_all(struct server *server, uint64_t now_us)
{
	server->closed.asked_us = now_us;
	for (size_t i = 0; i < server->sessions.table.len; i++) {
		struct session *session = server->sessions.table.items[i];
		if (session && is_parked(session))
			server_answer_by(server, session, now_us);
	}
}

/* True: some did not answer, and may have a connection or not. */
static bool end_missing(struct server *server)
{
	uint64_t here = 0, missing = 0, asked_us = server->closed.asked_us;
	for (size_t i = 0; i < server->sessions.table.len; i++) {
		const struct session *session = server->sessions.table.items[i];
		here += session && session->heard_us >= asked_us && is_parked(session);
	}
	for (size_t i = 0; i < server->sessions.table.len; i++) {
		struct session *session = server->sessions.table.items[i];
		if (!session || !session->worker || session->heard_us >= asked_us)
			continue;
		missing++;
		if (server->closed.open <= here)
			server_end_session(server, session, "its connection was closed");
	}
	return missing && server->closed.open > here;
}

void closed_look(struct server *server, uint64_t now_us)
{
	struct closed *closed = &server->closed;
	uint64_t broken, open = chan_server_connections(server->chans[SESSION_CONTROL], &broken);
	if (open > closed->open)
		closed->open = open;
	if (closed->asked_us && now_us < closed->asked_us + ANSWER_US)
		return;
	bool again = closed->asked_us && end_missing(server);
	closed->asked_us = 0;
	closed->open = open;
	if (again || broken != closed->broken)
		ask_all(server, now_us);
	closed->broken = broken;
}

void closed_forget(struct server *server)
{
	server->closed = (struct closed){ 0 };
}
