// SPDX-License-Identifier: Apache-2.0
/*
 * state.h - the server's structs and what its files offer each other. Private to a server: outside,
 * everything is behind server.h.
 *
 *	inbox.c  -- requests -->  core  -- actions -->  outbox.c (orders), runs.c (events)
 *	                                                     then commit, then receipts and news
 */
#ifndef PADDOCK_SERVE_STATE_H
#define PADDOCK_SERVE_STATE_H

#include "coordinator/core/core.h"
#include "coordinator/serve/audit.h"
#include "coordinator/serve/dues.h"
#include "coordinator/serve/feed.h"
#include "coordinator/serve/server.h"
#include "coordinator/serve/session.h"
#include "protocol/wire/chan.h"
#include "protocol/wire/ids.h"
#include "protocol/wire/outcome.h"
#include "protocol/wire/seal.h"

enum {
	/* parked polls are answered at least so often: below the core's suspicion ... */
	SERVER_POLL_US = 2000000,
	/* ... also where leases are short: this part of one */
	SERVER_POLLS_PER_LEASE = 6,
};

/* A run, and where its events go. One that is over stays while somebody watches it. */
struct served_run {
	uint64_t key;	 /* ours, never 0 */
	uint64_t number; /* the core's; 0: it is over */
	char name[STORE_NAME_BYTES];
	uint64_t token;	 /* its client's, 0: none */
	uint64_t stored; /* the store's number */
	bool in_store, mine, done;
	bool to_close; /* over, and the store has to be told once all of it is written */
	int exit_code;
	uint64_t events; /* so far: the number of the next */
	struct {
		uint64_t *items;
		size_t len, cap;
	} watchers;	       /* sessions */
	uint64_t unwatched_us; /* since when nobody watches */
	uint64_t lease;	       /* of the contents it uses; 0: none */
};

/* See closed.c. */
struct closed {
	uint64_t broken;   /* connections, in all, when last all were asked */
	uint64_t open;	   /* ... the most there were since */
	uint64_t asked_us; /* all were asked then; 0: nobody is */
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
		uint64_t *items;
		size_t len, cap;
	} todo; /* sessions that may be owed an answer: looked at by the next step */
	struct closed closed;
	struct dues dues; /* when parked requests are answered at the latest, peers missed */
	uint64_t poll_us, lease_us;
	struct {
		struct served_run *items;
		size_t len, cap;
	} runs;
	struct buf frame;
	struct arena arena; /* of the message being handled */
	bool draining, store_failed;
	bool full; /* what was decided could not be written: nothing new is taken until it is */
	size_t receipts_due;
	size_t taken_bytes;  /* of requests, since the last step */
	uint64_t keys;	     /* of runs */
	uint64_t stepped_us; /* the last step; 0: none yet */
};

/* What is answered: where it came from, and its number when it had one. */
struct request {
	int lane;
	struct chan_peer *peer;
	uint64_t session, seq;
};

/* ---- server.c ---- */

/* A number nobody can guess. */
uint64_t server_random(void);

/*
 * The peer is gone: its worker's attempts are lost, its run has one watcher less. Frees the
 * session.
 */
void server_end_session(struct server *server, struct session *session, const char *why);

/*
 * The peer of `before` said hello again, as `session`: its attempts wait for it, and what operators
 * decided about it goes on. Frees `before`.
 */
void server_take_over(struct server *server, struct session *before, struct session *session);

/*
 * Note an act of a session in the audit log, with its "key=value" words, before it is carried out;
 * 0 also when there is no log. -errno with err: then it must not be.
 */
int server_note(struct server *server, const struct session *session, const char *act,
		const char *words, struct err *err);

/* Something may have to be said to it: the next step looks. Costs nothing when it does already. */
void server_look(struct server *server, struct session *session);

/* A peer that says nothing for a minute is gone: look after it from now on. */
void server_watch_silence(struct server *server, struct session *session);

/* Its parked request is answered at this time at the latest. */
void server_answer_by(struct server *server, struct session *session, uint64_t at_us);

/* ---- closed.c ---- */

/* For each step: end the sessions of workers whose connection was closed. */
void closed_look(struct server *server, uint64_t now_us);

/* Who did not ask again was not heard by us, perhaps: begin anew. */
void closed_forget(struct server *server);

/* ---- operate.c ---- */

/* What an operator asks for happens, or is told. */
void operate_ask(struct server *server, struct session *session, const struct msg_ask *ask);

/* ---- inbox.c ---- */

/* Take every request that waits at an endpoint. `data` is the server. */
void inbox_control(void *data);
void inbox_data(void *data); /* as inbox_control */

/* ---- depot.c ---- */

/* What a peer says about contents, on the data lane: answered at once. */
void depot_have(struct server *server, struct session *session, const struct msg_have *have);
void depot_put(struct server *server, struct session *session, const struct msg_put *put);
void depot_get(struct server *server, struct session *session, const struct msg_get *get);

/* Are the trees of these programs here? 0, or -ENOENT with err. */
int depot_check(struct server *server, const struct msg_program *programs, size_t n,
		struct err *err);

/* End a lease and forget it; 0 is none. */
void depot_release(struct server *server, uint64_t *lease_number);

/* ---- door.c: the one place where frames are opened and sealed ---- */

/*
 * Open a frame that came in: the message in it, valid until the next frame, and its head. False: it
 * was dealt with (a handshake answered, somebody turned away).
 */
bool door_enter(struct server *server, int lane, struct str frame, struct chan_peer *peer,
		struct str *ret_message, struct seal_head *ret_head);

/* Does a message belong to the frame that it came in? */
bool door_fits(const struct seal_head *head, int type, const void *message);

/*
 * Seal server->frame in place as the answer to number `seq` of a session; one in the clear leaves
 * it as it is. 0, -EALREADY when that number was answered before, -EMSGSIZE, -ENOMEM.
 */
int door_seal(struct server *server, struct session *session, int lane, uint64_t seq);

/* A session ends: what the door counted of it. */
void door_forget(struct server *server, const struct session *session);

/* Each round: end what was revoked, forget who never spoke. */
void door_tend(struct server *server, uint64_t now_us);

/* ---- knock.c ---- */

/* A handshake's first message: answer it. `by_token`: the key may be unknown. */
void knock(struct server *server, bool by_token, struct str message, struct chan_peer *peer);

/* The token vouches for the session's key, durably. 0, or -errno with err. */
int knock_enrol(struct server *server, struct session *session, struct err *err);

/* ---- runs.c ---- */

/* The run with our key, or NULL; 0 is none. Valid until one begins or is forgotten. */
struct served_run *runs_find(struct server *server, uint64_t key);

/*
 * Start a run of this process (`client` NULL), or of a client from its session's pieces, who gets
 * the same run again for the same token. A client's is in the audit log and durable when it
 * returns, where there are a log and a store. NULL with err.
 */
struct served_run *runs_start(struct server *server, const struct msg_submit *submit,
			      const struct session *client, struct err *err);

/* The run called `name`, also one that is over and stored. NULL: there is none. */
struct served_run *runs_named(struct server *server, struct str name);

/* A session watches a run, or does not any more. */
void runs_watch(struct server *server, struct served_run *run, struct session *session);
void runs_unwatch(struct server *server, struct session *session); /* as runs_watch */

/* Stop the runs that nobody has watched for `patience_us`. */
void runs_stop_unwatched(struct server *server, uint64_t patience_us);

/* What the core did about a run: an event, a decision, the end. To the store and to watchers. */
void runs_event(struct server *server, const struct core_action *action);
void runs_decision(struct server *server, const struct core_action *action); /* as runs_event */
void runs_finish(struct server *server, const struct core_action *action);   /* as runs_event */

/* Make durable what was given to the store, then close there what is over. */
void runs_commit(struct server *server);

/* Make a session's feed hold events from watch_from on, as many as are there and fit. */
void runs_feed(struct server *server, const struct served_run *run, struct session *session);

/* A run to be served; NULL on no memory. The caller sets the rest. */
struct served_run *runs_add(struct server *server, const char *name);

/* ---- outbox.c ---- */

/* Send server->frame to a peer. */
void outbox_frame(struct server *server, int lane, struct chan_peer *peer);

/*
 * Refuse a request with the exit code its sender should end with. Where it is the newest of a
 * session's lane and not answered yet, that is its answer: sealed, and kept for a repetition.
 */
void outbox_refuse(struct server *server, const struct request *request, enum exit_code code,
		   const char *text);

/*
 * Answer what waits on a session's lane with `message`, and keep the answer for a repetition.
 * False: it cannot be encoded, and what it was to tell is lost.
 */
bool outbox_answer(struct server *server, struct session *session, int lane, enum msg_type type,
		   const void *message);

/* Keep an order, one of the two, for its worker's next poll. */
void outbox_order(struct session *session, const struct msg_assign *assign,
		  const struct msg_cancel *cancel);

/* Carry out what the core decided: orders are kept, events passed on, runs ended. */
void outbox_drain(struct server *server);

/* Answer what is parked, when there is something to say or it waited long enough. */
void outbox_orders(struct server *server, struct session *session);
void outbox_receipt(struct server *server, struct session *session); /* once all is durable */
void outbox_news(struct server *server, struct session *session);    /* as outbox_orders */

#endif
