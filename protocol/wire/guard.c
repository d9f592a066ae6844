// SPDX-License-Identifier: Apache-2.0
/*
 * guard.c - see guard.h. A handshake's answer is read on a copy of its state, so that rubbish in
 * its place does not spoil the true one that may follow.
 */
#include "protocol/wire/guard.h"

#include "protocol/base/assert.h"

#include <errno.h>

void guard_init(struct guard *guard, const struct identity *identity)
{
	*guard = (struct guard){ .identity = identity };
	buf_init(&guard->bytes, LIMIT_FRAME_BYTES);
}

void guard_done(struct guard *guard)
{
	auth_done(&guard->auth);
	for (unsigned lane = 0; lane < SEAL_LANES; lane++)
		seal_done(&guard->seals[lane]);
	buf_done(&guard->bytes);
	*guard = (struct guard){ 0 };
}

/* The first message around the hello in guard->bytes. */
static int shake(struct guard *guard, struct buf *frame, struct err *err)
{
	const struct identity *identity = guard->identity;
	bool known = identity->enrolled;
	uint8_t ephemeral[CIPHER_KEY_BYTES];
	cipher_random(ephemeral, sizeof(ephemeral));
	auth_begin(&guard->auth, known ? AUTH_IK : AUTH_IKPSK2, STR_LIT(GUARD_PROLOGUE),
		   &identity->own, ephemeral, identity->coordinator);
	cipher_wipe(ephemeral, sizeof(ephemeral));
	if (!known)
		auth_share(&guard->auth, identity->secret);
	int r = seal_begin(known ? SEAL_FIRST : SEAL_FIRST_TOKEN, frame);
	if (r == 0)
		r = auth_write_first(&guard->auth, buf_str(&guard->bytes), frame);
	guard->shaking = r == 0;
	if (r == -EMSGSIZE)
		return err_set(err, r,
			       "the hello has %zu bytes, more than a handshake carries: give a "
			       "shorter name or fewer tags",
			       guard->bytes.len);
	return r < 0 ? err_errno(err, r, "making the handshake") : 0;
}

int guard_hello(struct guard *guard, struct msg_hello *hello, struct buf *frame, struct err *err)
{
	const struct identity *identity = guard->identity;
	guard->sealed = guard->shaking = false;
	if (!identity)
		return msg_encode(MSG_HELLO, hello, frame, err);
	hello->signer = (struct str){ (const char *)identity->signer, CIPHER_KEY_BYTES };
	if (!identity->enrolled)
		hello->token = str_of(identity->token);
	int r = msg_encode(MSG_HELLO, hello, &guard->bytes, err);
	return r < 0 ? r : shake(guard, frame, err);
}

int guard_request(struct guard *guard, const struct guard_number *number, enum msg_type type,
		  const void *message, struct buf *frame, struct err *err)
{
	if (!guard->identity)
		return msg_encode(type, message, frame, err);
	ASSERT(guard->sealed && number->lane < SEAL_LANES);
	struct seal *seal = &guard->seals[number->lane];
	int r = msg_encode(type, message, &guard->bytes, err);
	if (r < 0)
		return r;
	if (seal_is_due(seal, number->now_us))
		seal_next(seal, number->now_us);
	r = seal_frame(seal, SEAL_REQUEST, number->session, number->seq, buf_str(&guard->bytes),
		       frame);
	return r < 0 ? err_errno(err, r, "sealing a message") : 0;
}

static enum guard_trust open_second(struct guard *guard, struct str frame, uint64_t now_us,
				    struct str *ret_message)
{
	struct auth auth = guard->auth;
	if (!guard->shaking)
		return GUARD_FORGED;
	buf_clear(&guard->bytes);
	int r = auth_read_second(&auth, seal_message(frame), &guard->bytes);
	if (r == 0) {
		for (unsigned lane = 0; lane < SEAL_LANES; lane++)
			seal_init(&guard->seals[lane], &auth, lane, now_us);
		guard->shaking = false;
		guard->sealed = true;
		auth_done(&guard->auth);
		*ret_message = buf_str(&guard->bytes);
	}
	auth_done(&auth);
	return r < 0 ? GUARD_FORGED : GUARD_TRUSTED;
}

enum guard_trust guard_open(struct guard *guard, unsigned lane, struct str frame, uint64_t now_us,
			    struct str *ret_message)
{
	struct seal_head head;
	*ret_message = frame;
	if (!guard->identity)
		return GUARD_TRUSTED; /* what is sealed will not decode */
	if (seal_parse(frame, &head) < 0)
		return GUARD_FORGED;
	if (head.kind == SEAL_CLEAR)
		return GUARD_HINT;
	if (head.kind == SEAL_SECOND && lane == 0)
		return open_second(guard, frame, now_us, ret_message);
	if (head.kind != SEAL_REPLY || head.lane != lane || !guard->sealed ||
	    seal_open(&guard->seals[lane], frame, &guard->bytes) < 0)
		return GUARD_FORGED;
	*ret_message = buf_str(&guard->bytes);
	return GUARD_TRUSTED;
}
