// SPDX-License-Identifier: Apache-2.0
/*
 * guard.h - the dialling end of a session's secrecy, for workers and clients alike: makes the first
 * message of a handshake out of a hello, opens the answer, then seals each request and opens each
 * reply. Without an identity all goes in the clear. Pure but for random bytes.
 *
 *	guard_hello -> guard_open (a welcome) -> { guard_request -> guard_open }*
 */
#ifndef PADDOCK_WIRE_GUARD_H
#define PADDOCK_WIRE_GUARD_H

#include "protocol/base/buf.h"
#include "protocol/base/err.h"
#include "protocol/wire/identity.h"
#include "protocol/wire/msg.h"
#include "protocol/wire/seal.h"

#include <stdbool.h>

struct guard {
	const struct identity *identity; /* borrowed; NULL: in the clear */
	struct auth auth;		 /* of the handshake under way */
	bool shaking, sealed;
	struct seal seals[SEAL_LANES];
	struct buf bytes; /* a message before it is sealed, or after it was opened */
};

/* A number of a session, as each later message begins with. */
struct guard_number {
	unsigned lane;
	uint64_t session, seq;
	uint64_t now_us; /* when it is sealed: keys last an hour */
};

/* What a frame turned out to be. */
enum guard_trust {
	GUARD_FORGED, /* not from our coordinator, or of no use: ignore it */
	GUARD_HINT,   /* in the clear where it should not be: a refusal to be weighed, no more */
	GUARD_TRUSTED,
};

/* The prologue of every handshake: what is spoken behind it. */
#define GUARD_PROLOGUE "paddock 1"

/* Start with an identity (borrowed), or NULL for none. */
void guard_init(struct guard *guard, const struct identity *identity);

/* Wipe and free. Accepts a zeroed one. */
void guard_done(struct guard *guard);

/*
 * Encode a hello into `frame`, as the first message of a new handshake where there are keys; what
 * was sealed before is over. 0, or -errno with err.
 */
int guard_hello(struct guard *guard, struct msg_hello *hello, struct buf *frame, struct err *err);

/*
 * Encode a message into `frame`, sealed where there are keys. Keep the frame for sending it again:
 * a number is sealed once. 0, or as msg_encode with err.
 */
int guard_request(struct guard *guard, const struct guard_number *number, enum msg_type type,
		  const void *message, struct buf *frame, struct err *err);

/*
 * What came on a lane: the message in it, valid until the next call. Decode GUARD_TRUSTED ones, and
 * GUARD_HINT ones when they are a refusal.
 */
enum guard_trust guard_open(struct guard *guard, unsigned lane, struct str frame, uint64_t now_us,
			    struct str *ret_message);

#endif
