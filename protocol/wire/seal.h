// SPDX-License-Identifier: Apache-2.0
/*
 * seal.h - frames that carry a handshake or are sealed by the keys that came of one. Their first
 * byte is one that no message in the clear begins with. Pure.
 *
 * Each lane of a session has a chain of keys of its own. The generation in a frame's head says how
 * far along the chain its key lies; the asking end moves on (seal_is_due, seal_next), the answering
 * end follows (seal_open). The number of a request is its nonce and its answer's, under a key for
 * either direction, and a number is sealed once: sealing it again is refused, so the sealed bytes
 * have to be kept for sending again.
 */
#ifndef PADDOCK_WIRE_SEAL_H
#define PADDOCK_WIRE_SEAL_H

#include "protocol/base/buf.h"
#include "protocol/base/str.h"
#include "protocol/wire/auth.h"
#include "protocol/wire/cipher.h"

#include <stdbool.h>
#include <stdint.h>

enum seal_kind {
	SEAL_CLEAR,	  /* none of the below: a message in the clear, or rubbish */
	SEAL_FIRST,	  /* first message of a handshake with a known key */
	SEAL_FIRST_TOKEN, /* ... with a key that a token vouches for */
	SEAL_SECOND,	  /* the answer to either */
	SEAL_REQUEST,	  /* a sealed message of the end that dialled */
	SEAL_REPLY,	  /* ... and of the end that listens */
	SEAL_KIND_MAX,
};

enum {
	SEAL_PREFIX_BYTES = 4,				 /* of a frame with a handshake message */
	SEAL_HEAD_BYTES = 24,				 /* of a sealed one */
	SEAL_BYTES = SEAL_HEAD_BYTES + CIPHER_TAG_BYTES, /* beside the message in it */
	SEAL_LANES = 2,
};

/* The head of a sealed frame: in the clear, and authenticated with what it heads. */
struct seal_head {
	enum seal_kind kind;
	unsigned lane;
	uint32_t generation;
	uint64_t session, seq;
};

/* The keys of one lane at one end. */
struct seal {
	unsigned lane;
	uint32_t generation;
	uint8_t chain[CIPHER_HASH_BYTES];
	uint8_t request[CIPHER_KEY_BYTES], reply[CIPHER_KEY_BYTES];
	uint64_t sealed_seq; /* the highest number this end has sealed */
	uint64_t count;	     /* sealed or opened by this generation */
	uint64_t since_us;   /* when the generation began, in the asking end's clock */
};

/* What a frame says it is. Of a sealed one *ret_head is filled; -EBADMSG when it is cut short. */
int seal_parse(struct str frame, struct seal_head *ret_head);

/* Begin a frame with a handshake message: its kind goes into the emptied buffer. As buf_append. */
int seal_begin(enum seal_kind kind, struct buf *frame);

/* The handshake message in a frame of such a kind; what seal_parse accepted. */
struct str seal_message(struct str frame);

/* The keys of lane `lane` (below SEAL_LANES) after a handshake. */
void seal_init(struct seal *seal, const struct auth *auth, unsigned lane, uint64_t now_us);

/* Wipe them. Accepts a zeroed one. */
void seal_done(struct seal *seal);

/*
 * Seal `message` as number `seq` of the session into the emptied buffer. 0; -EALREADY when a number
 * as high was sealed before; -EMSGSIZE beyond LIMIT_FRAME_BYTES; buf_append's errors.
 */
int seal_frame(struct seal *seal, enum seal_kind kind, uint64_t session, uint64_t seq,
	       struct str message, struct buf *frame);

/*
 * Open a frame that seal_parse found to be a request or a reply; the message goes into the emptied
 * buffer. 0; -EBADMSG when it was not sealed by these keys; -ESTALE when its generation is over or
 * further ahead than the next. A request of the next generation moves the keys on.
 */
int seal_open(struct seal *seal, struct str frame, struct buf *message);

/* Asking end: has this generation of keys done its work (2^20 messages, or an hour)? */
bool seal_is_due(const struct seal *seal, uint64_t now_us);

/* Move on to the next generation; the keys of this one are gone. */
void seal_next(struct seal *seal, uint64_t now_us);

#endif
