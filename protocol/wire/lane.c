// SPDX-License-Identifier: Apache-2.0
/*
 * lane.c - numbering, patience and memory of one lane. The client repeats a request until it is
 * answered; the server works once per number and repeats its answer. So a lost request, a lost
 * reply, a duplicate and a reconnect all end the same way, at the cost of one kept frame per end.
 *
 * Invariants: client: seq is 0 or next_seq - 1; at most one frame is outstanding. Server: seq never
 * goes back; `answered` implies that `reply` answers `seq`. Not for: sessions (whose lane it is),
 * and what survives a restart of the server (a lane of a new session starts anew).
 */
#include "protocol/wire/lane.h"

#include "protocol/base/assert.h"
#include "protocol/wire/limits.h"

#include <errno.h>

enum {
	RESEND_US = 2000000, /* first wait; doubled twice */
	RESEND_DOUBLINGS = 2,
	KEPT_BYTES = 16 << 10, /* memory above this is given back between requests */
};

/* The next wait, a quarter more or less, so that a thousand peers do not come at once. */
static uint64_t wait_us(struct lane_client *lane)
{
	unsigned doublings = lane->resends < RESEND_DOUBLINGS ? lane->resends : RESEND_DOUBLINGS;
	uint64_t wait = (uint64_t)RESEND_US << doublings;
	return wait - wait / 4 + rng_below(&lane->rng, wait / 2 + 1);
}

void lane_client_init(struct lane_client *lane, uint64_t seed)
{
	*lane = (struct lane_client){ .next_seq = 1 };
	buf_init(&lane->frame, LIMIT_FRAME_BYTES);
	rng_seed(&lane->rng, seed);
}

void lane_client_done(struct lane_client *lane)
{
	if (!lane)
		return;
	buf_done(&lane->frame);
	*lane = (struct lane_client){ 0 };
}

/* Forget the bytes, and the memory too when they were many: most lanes idle most of the time. */
static void forget(struct buf *frame)
{
	if (frame->size <= KEPT_BYTES) {
		buf_clear(frame);
		return;
	}
	buf_done(frame);
	buf_init(frame, LIMIT_FRAME_BYTES);
}

struct buf *lane_client_begin(struct lane_client *lane, uint64_t *ret_seq)
{
	ASSERT(lane->next_seq);
	lane->seq = 0;
	buf_clear(&lane->frame);
	*ret_seq = lane->next_seq++;
	return &lane->frame;
}

void lane_client_sent(struct lane_client *lane, uint64_t now_us, uint64_t patience_us)
{
	ASSERT(lane->frame.len && lane->next_seq > 1);
	lane->seq = lane->next_seq - 1;
	lane->resends = 0;
	lane->resend_at_us = now_us + patience_us + wait_us(lane);
}

bool lane_client_busy(const struct lane_client *lane)
{
	return lane->seq != 0;
}

struct str lane_client_frame(const struct lane_client *lane)
{
	return lane->seq ? buf_str(&lane->frame) : (struct str){ "", 0 };
}

uint64_t lane_client_deadline(const struct lane_client *lane)
{
	return lane->seq ? lane->resend_at_us : UINT64_MAX;
}

bool lane_client_due(struct lane_client *lane, uint64_t now_us)
{
	if (!lane->seq || now_us < lane->resend_at_us)
		return false;
	lane->resends++;
	lane->resend_at_us = now_us + wait_us(lane);
	return true;
}

bool lane_client_take(struct lane_client *lane, uint64_t seq)
{
	if (!lane->seq || seq != lane->seq)
		return false;
	lane->seq = 0;
	forget(&lane->frame);
	return true;
}

void lane_server_done(struct lane_server *lane)
{
	if (!lane)
		return;
	buf_done(&lane->reply);
	*lane = (struct lane_server){ 0 };
}

enum lane_verdict lane_server_take(struct lane_server *lane, uint64_t seq)
{
	if (seq == 0 || seq < lane->seq)
		return LANE_OLD;
	if (seq == lane->seq)
		return lane->answered ? LANE_REPEAT : LANE_PARKED;
	lane->seq = seq;
	lane->answered = false;
	forget(&lane->reply);
	return LANE_NEW;
}

int lane_server_answer(struct lane_server *lane, uint64_t seq, struct str frame)
{
	ASSERT(seq && seq <= lane->seq && frame.len);
	if (seq != lane->seq)
		return -ESTALE;
	ASSERT(!lane->answered);
	lane->reply.cap_bytes = LIMIT_FRAME_BYTES; /* a zeroed lane has none yet */
	int r = buf_append(&lane->reply, frame.data, frame.len);
	if (r < 0)
		return r;
	lane->answered = true;
	return 0;
}

struct str lane_server_reply(const struct lane_server *lane)
{
	ASSERT(lane->answered);
	return buf_str(&lane->reply);
}
