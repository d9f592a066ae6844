// SPDX-License-Identifier: Apache-2.0
/*
 * session.h - the peers of a server: one session per hello, with its two lanes, what is parked on
 * them and what waits to be sent. A table with stable numbers; no decisions.
 */
#ifndef PADDOCK_SERVE_SESSION_H
#define PADDOCK_SERVE_SESSION_H

#include "coordinator/serve/feed.h"
#include "coordinator/serve/passport.h"
#include "protocol/base/arena.h"
#include "protocol/base/vec.h"
#include "protocol/wire/chan.h"
#include "protocol/wire/hello.h"
#include "protocol/wire/lane.h"
#include "protocol/wire/msg.h"

#include <stdbool.h>
#include <stdint.h>

enum { SESSION_CONTROL, SESSION_DATA, SESSION_LANES };

struct session {
	uint64_t id; /* 0: free; random above, place in the table below */
	enum hello_role role;
	char *name;
	struct str host; /* in arena */
	uint64_t slots;
	struct str *tags; /* in arena */
	size_t n_tags;
	struct arena arena; /* lives as long as the session: hello, pieces of a submission */
	struct lane_server lanes[SESSION_LANES];
	struct chan_peer parked[SESSION_LANES];
	bool waits[SESSION_LANES]; /* a request is parked or to be answered */
	uint64_t answer_by_us;	   /* of the parked poll or watch */
	uint64_t heard_us;
	uint64_t missed_us; /* when it is looked whether it was heard */
	uint64_t resume;    /* the session it had before, until all is known that it brings from
			     * there */
	uint64_t worker;    /* the core's number, 0 before its first poll */
	bool receipt_due;   /* answer the data lane after the commit */
	bool drain_told, draining;
	bool leaves;	   /* an operator drained it: it is told to leave once it is empty */
	bool quarantined;  /* it failed more than chance explains */
	uint64_t evict_us; /* ... and emptied then; UINT64_MAX: never */
	bool looked_at;	   /* in the server's list of those with something to do */
	bool strays_told;  /* it was told to end what it ran before it joined */
	struct arena orders_arena; /* what waits for its next poll */
	struct {
		struct msg_assign *items;
		size_t len, cap;
	} assigns;
	struct {
		struct msg_cancel *items;
		size_t len, cap;
	} cancels;
	struct {
		struct msg_program *items;
		size_t len, cap;
	} programs; /* of a submission in pieces */
	struct {
		struct str *items;
		size_t len, cap;
	} pieces;		   /* ... and how they are stored */
	enum keyring_role access;  /* what it may do */
	struct passport *passport; /* its keys; NULL: it speaks in the clear */
	uint64_t watch_from;
	uint64_t lease;	  /* of the contents it asked for; its run's, once that began */
	uint64_t run;	  /* a client's, the key of a served run; 0: none */
	bool owns;	  /* it submitted that run, or knows its token */
	struct feed feed; /* its events: from watch_from on, as far as they were fetched */
};

struct sessions {
	struct {
		struct session **items;
		size_t len, cap;
	} table;
};

/* Free all. Accepts a zeroed one. */
void session_table_done(struct sessions *sessions);

/* A session for a hello that passed; `random` makes its id hard to guess. NULL on no memory. */
struct session *session_new(struct sessions *sessions, const struct msg_hello *hello,
			    uint64_t random, uint64_t now_us);

/* The session `id`, or NULL. */
struct session *session_find(const struct sessions *sessions, uint64_t id);

/*
 * What the core and the journal call the presence of this session's peer as session `id`, its own
 * or one it had before. With keys it is made of the key too: whoever names another's session in
 * `resume` names nothing, also at a coordinator that was restarted and knows no session.
 */
uint64_t session_presence(const struct session *session, uint64_t id);

/* Did only a hello come yet, perhaps a replay? Such a session does not count. */
bool session_is_pending(const struct session *session);

/* Keep a copy of an order, one of the two, for its next poll. 0 or -ENOMEM. */
int session_keep_order(struct session *session, const struct msg_assign *assign,
		       const struct msg_cancel *cancel);

/* How many of its first assignments fit in one frame beside the first n_cancels cancels. */
size_t session_orders_that_fit(const struct session *session, size_t n_cancels);

/* Forget its first assignments and cancels: they were sent, or are void. */
void session_drop_orders(struct session *session, size_t n_assigns, size_t n_cancels);

/* Forget it. */
void session_free(struct sessions *sessions, struct session *session);

#endif
