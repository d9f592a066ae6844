// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_auth.c - any bytes at the door, both ends of it: as a frame's head, as either message of a
 * handshake, as a sealed request and a sealed reply, as a token. None may be taken for what only
 * the owner of a key can make, none may change keys, none may abort. Keys are fixed, so that a case
 * is found again; the first byte says what the rest is.
 */
#include "protocol/base/assert.h"
#include "protocol/wire/guard.h"
#include "protocol/wire/limits.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Both ends after a handshake, and what the handshake was. */
struct ends {
	struct auth_pair init, resp;
	struct auth initiator, responder; /* before the second message */
	struct buf firsts[AUTH_PATTERN_MAX], second;
	struct seal asks[SEAL_LANES], answers[SEAL_LANES];
	struct buf out;
};

static struct ends ends;

static void fixed_pair(struct auth_pair *pair, uint8_t number)
{
	memset(pair->secret, number, sizeof(pair->secret));
	cipher_public(pair->secret, pair->public);
}

static void set_up(void)
{
	static const uint8_t ephemerals[2][CIPHER_KEY_BYTES] = { { 3 }, { 4 } };
	static bool done;
	struct auth initiator, responder;
	if (done)
		return;
	done = true;
	fixed_pair(&ends.init, 1);
	fixed_pair(&ends.resp, 2);
	for (int pattern = 0; pattern < AUTH_PATTERN_MAX; pattern++)
		buf_init(&ends.firsts[pattern], AUTH_MESSAGE_BYTES);
	buf_init(&ends.second, AUTH_MESSAGE_BYTES);
	buf_init(&ends.out, LIMIT_RECEIVE_BYTES);
	auth_begin(&ends.initiator, AUTH_IK, STR_LIT(GUARD_PROLOGUE), &ends.init, ephemerals[0],
		   ends.resp.public);
	auth_begin(&ends.responder, AUTH_IK, STR_LIT(GUARD_PROLOGUE), &ends.resp, ephemerals[1],
		   NULL);
	responder = ends.responder;
	auth_begin(&initiator, AUTH_IKPSK2, STR_LIT(GUARD_PROLOGUE), &ends.init, ephemerals[0],
		   ends.resp.public);
	int r = auth_write_first(&initiator, STR_LIT("hello"), &ends.firsts[AUTH_IKPSK2]);
	r = r ? r : auth_write_first(&ends.initiator, STR_LIT("hello"), &ends.firsts[AUTH_IK]);
	r = r ? r : auth_read_first(&responder, buf_str(&ends.firsts[AUTH_IK]), &ends.out);
	r = r ? r : auth_write_second(&responder, STR_LIT("welcome"), &ends.second);
	initiator = ends.initiator;
	r = r ? r : auth_read_second(&initiator, buf_str(&ends.second), &ends.out);
	ASSERT(r == 0);
	for (unsigned lane = 0; lane < SEAL_LANES; lane++) {
		seal_init(&ends.asks[lane], &initiator, lane, 0);
		seal_init(&ends.answers[lane], &responder, lane, 0);
	}
}

/* A first message by either pattern: only ours opens. */
static void try_first(struct str bytes, enum auth_pattern pattern)
{
	static const uint8_t ephemeral[CIPHER_KEY_BYTES] = { 4 };
	struct auth responder;
	auth_begin(&responder, pattern, STR_LIT(GUARD_PROLOGUE), &ends.resp, ephemeral, NULL);
	buf_clear(&ends.out);
	if (auth_read_first(&responder, bytes, &ends.out) == 0)
		ASSERT(str_eq(bytes, buf_str(&ends.firsts[pattern])));
	else
		ASSERT(!ends.out.len);
	auth_done(&responder);
}

static void try_second(struct str bytes)
{
	struct auth initiator = ends.initiator;
	buf_clear(&ends.out);
	if (auth_read_second(&initiator, bytes, &ends.out) == 0)
		ASSERT(str_eq(bytes, buf_str(&ends.second)));
	auth_done(&initiator);
}

/* A frame for either end: it opens only if it was sealed here, and nothing else moves the keys. */
static void try_frame(struct str bytes)
{
	struct seal_head head;
	int r = seal_parse(bytes, &head);
	ASSERT(r == 0 || r == -EBADMSG);
	ASSERT(head.lane < SEAL_LANES && head.kind < SEAL_KIND_MAX);
	for (unsigned lane = 0; lane < SEAL_LANES; lane++) {
		struct seal asks = ends.asks[lane], answers = ends.answers[lane];
		if (seal_open(&asks, bytes, &ends.out) < 0)
			ASSERT(memcmp(&asks, &ends.asks[lane], sizeof(asks)) == 0);
		if (seal_open(&answers, bytes, &ends.out) < 0)
			ASSERT(memcmp(&answers, &ends.answers[lane], sizeof(answers)) == 0);
	}
}

/* What was sealed opens, wherever the bytes came from; with one bit less it does not. */
static void try_round(struct str bytes)
{
	struct seal asks = ends.asks[1], answers = ends.answers[1];
	struct buf frame;
	buf_init(&frame, LIMIT_FRAME_BYTES);
	int r = seal_frame(&asks, SEAL_REQUEST, 7, 1, bytes, &frame);
	ASSERT(r == (bytes.len > LIMIT_FRAME_BYTES - SEAL_BYTES ? -EMSGSIZE : 0));
	if (r == 0) {
		r = seal_open(&answers, buf_str(&frame), &ends.out);
		ASSERT(r == 0 && str_eq(buf_str(&ends.out), bytes));
		size_t at = bytes.len ? (uint8_t)bytes.data[0] % frame.len : 0;
		frame.data[at] ^= 0x10;
		r = seal_open(&answers, buf_str(&frame), &ends.out);
		ASSERT(r < 0);
	}
	buf_done(&frame);
}

static void try_token(struct str bytes)
{
	struct identity_token token, again;
	struct err err = { 0 };
	char text[IDENTITY_TOKEN_BYTES];
	if (identity_token_parse(bytes, &token, &err) < 0) {
		ASSERT(err.code == -EINVAL && err.text[0]);
		return;
	}
	int r = identity_token_parse(str_of(identity_token_text(&token, text)), &again, &err);
	ASSERT(r == 0 && memcmp(&token, &again, sizeof(token)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	struct str rest = { (const char *)data + 1, size - 1 };
	set_up();
	switch (data[0] % 6) {
	case 0: try_first(rest, AUTH_IK); break;
	case 1: try_first(rest, AUTH_IKPSK2); break;
	case 2: try_second(rest); break;
	case 3: try_frame(rest); break;
	case 4: try_round(rest); break;
	case 5: try_token(rest); break;
	}
	return 0;
}
