// SPDX-License-Identifier: Apache-2.0
/*
 * lane.h - what makes a lossy, duplicating connection dependable: numbered requests, one at a time,
 * and a server that gives the same answer to the same number. Pure: no socket, no clock. A lane is
 * one connection's worth of order: a worker has two (control and data), a client has one.
 *
 *	client	struct buf *frame = lane_client_begin(&lane, &message.seq);
 *		msg_encode(MSG_POLL, &message, frame, &err), chan_client_send(..., buf_str(frame));
 *		lane_client_sent(&lane, now, poll_us);
 *		on a reply: if (lane_client_take(&lane, reply->seq)) use it;
 *		on time: if (lane_client_due(&lane, now)) chan_client_resend(...);
 *	server	switch (lane_server_take(&lane, poll->seq)) {
 *		case LANE_NEW: work; later encode, lane_server_answer, chan_server_reply;
 *		case LANE_REPEAT: chan_server_reply(..., lane_server_reply(&lane));
 */
#ifndef PADDOCK_WIRE_LANE_H
#define PADDOCK_WIRE_LANE_H

#include "protocol/base/buf.h"
#include "protocol/base/rng.h"
#include "protocol/base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct lane_client {
	uint64_t next_seq;     /* of the next request; the first is 1 */
	uint64_t seq;	       /* of the outstanding request; 0 when none is */
	uint64_t resend_at_us; /* when to send it again */
	unsigned resends;      /* of the outstanding request, so far */
	struct buf frame;      /* the outstanding request */
	struct rng rng;	       /* jitter */
};

/* Start a lane at sequence number 1. `seed` only spreads the jitter. */
void lane_client_init(struct lane_client *lane, uint64_t seed);

/* Free the frame and zero. Accepts NULL and zeroed. */
void lane_client_done(struct lane_client *lane);

/*
 * Begin the next request: returns the buffer to encode it into (emptied, the lane's) and its
 * sequence number. Whatever was outstanding is given up. The request counts as outstanding from
 * lane_client_sent on.
 */
struct buf *lane_client_begin(struct lane_client *lane, uint64_t *ret_seq);

/*
 * The frame was handed to the channel at now_us. It is due again after patience_us (how long the
 * server may rightly take: the parking time of a poll, 0 otherwise) and about 2 s, then about 4 s,
 * then about 8 s each time, all +-25%.
 */
void lane_client_sent(struct lane_client *lane, uint64_t now_us, uint64_t patience_us);

/* Is a request outstanding? */
bool lane_client_busy(const struct lane_client *lane);

/*
 * The outstanding frame, for sending it again; the empty view when there is none. Valid until the
 * next begin or done.
 */
struct str lane_client_frame(const struct lane_client *lane);

/*
 * When the outstanding request is due again, in the caller's clock; UINT64_MAX when none is
 * outstanding. For arming a timer.
 */
uint64_t lane_client_deadline(const struct lane_client *lane);

/*
 * Is it time to send again? If so counts it as sent at now_us: the caller resends the frame (and
 * may reopen the channel).
 */
bool lane_client_due(struct lane_client *lane, uint64_t now_us);

/*
 * A reply with this sequence number came: true when it answers the outstanding request, which is
 * over then; false: ignore it.
 */
bool lane_client_take(struct lane_client *lane, uint64_t seq);

enum lane_verdict {
	LANE_NEW,    /* work on it, then lane_server_answer */
	LANE_REPEAT, /* answered before: send lane_server_reply again */
	LANE_PARKED, /* the same again, not answered yet: remember the new return address */
	LANE_OLD,    /* older than the newest, or no number at all: drop it */
	LANE_VERDICT_MAX,
};

/* A zeroed one has seen nothing and is ready. */
struct lane_server {
	uint64_t seq;  /* highest seen */
	bool answered; /* reply holds the answer to it */
	struct buf reply;
};

/* Free the reply and zero. Accepts NULL and zeroed. */
void lane_server_done(struct lane_server *lane);

/*
 * A request numbered seq came: what to do with it. A newer number supersedes whatever was
 * unanswered and drops the kept reply.
 */
enum lane_verdict lane_server_take(struct lane_server *lane, uint64_t seq);

/*
 * Keep a copy of the answer to request `seq`, not answered before. 0, -ESTALE when a newer request
 * came since (send nothing then), -ENOMEM (a repeated request stays LANE_PARKED).
 */
int lane_server_answer(struct lane_server *lane, uint64_t seq, struct str frame);

/* The kept answer, valid until the next take, answer or done. Only after LANE_REPEAT. */
struct str lane_server_reply(const struct lane_server *lane);

#endif
