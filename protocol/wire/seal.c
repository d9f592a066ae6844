// SPDX-License-Identifier: Apache-2.0
/*
 * seal.c - heads, keys of lanes, and their chain: each generation's keys and the next link come
 * from one link by HKDF, so whoever finds the keys of now cannot read what went before an hour ago.
 *
 * Invariants: no key seals a number twice (sealed_seq only grows, and the generation with it); a
 * frame that does not open changes nothing. Not for: which number comes next (lane.c), and whose
 * session it is (the coordinator's table).
 */
#include "protocol/wire/seal.h"

#include "protocol/base/assert.h"
#include "protocol/wire/limits.h"

#include <errno.h>
#include <string.h>

enum {
	MARK = 0xc1, /* the one head that MessagePack never uses */
	AT_KIND = 1,
	AT_LANE = 2,
	AT_GENERATION = 4,
	AT_SESSION = 8,
	AT_SEQ = 16,
};

#define GENERATION_MESSAGES (UINT64_C(1) << 20)
#define GENERATION_US	    (UINT64_C(3600) * 1000000)

static struct str view(const void *bytes, size_t n)
{
	return (struct str){ bytes, n };
}

static void put_number(uint8_t *out, size_t n, uint64_t value)
{
	for (size_t i = n; i > 0; i--, value >>= 8)
		out[i - 1] = (uint8_t)value;
}

static uint64_t get_number(const char *bytes, size_t n)
{
	uint64_t value = 0;
	for (size_t i = 0; i < n; i++)
		value = value << 8 | (uint8_t)bytes[i];
	return value;
}

static bool is_sealed(unsigned kind)
{
	return kind == SEAL_REQUEST || kind == SEAL_REPLY;
}

int seal_parse(struct str frame, struct seal_head *ret_head)
{
	*ret_head = (struct seal_head){ .kind = SEAL_CLEAR };
	if (!frame.len || (uint8_t)frame.data[0] != MARK)
		return 0;
	unsigned kind = frame.len > AT_KIND ? (uint8_t)frame.data[AT_KIND] : SEAL_CLEAR;
	if (kind == SEAL_CLEAR || kind >= SEAL_KIND_MAX ||
	    frame.len < (is_sealed(kind) ? SEAL_BYTES : SEAL_PREFIX_BYTES))
		return -EBADMSG;
	unsigned lane = (uint8_t)frame.data[AT_LANE];
	if (frame.data[AT_LANE + 1] || lane >= SEAL_LANES || (lane && !is_sealed(kind)))
		return -EBADMSG;
	ret_head->kind = (enum seal_kind)kind;
	if (!is_sealed(kind))
		return 0;
	ret_head->lane = lane;
	ret_head->generation = (uint32_t)get_number(frame.data + AT_GENERATION, 4);
	ret_head->session = get_number(frame.data + AT_SESSION, 8);
	ret_head->seq = get_number(frame.data + AT_SEQ, 8);
	return 0;
}

int seal_begin(enum seal_kind kind, struct buf *frame)
{
	const uint8_t prefix[SEAL_PREFIX_BYTES] = { MARK, (uint8_t)kind };
	ASSERT(kind == SEAL_FIRST || kind == SEAL_FIRST_TOKEN || kind == SEAL_SECOND);
	buf_clear(frame);
	return buf_append(frame, prefix, sizeof(prefix));
}

struct str seal_message(struct str frame)
{
	ASSERT(frame.len >= SEAL_PREFIX_BYTES);
	return (struct str){ frame.data + SEAL_PREFIX_BYTES, frame.len - SEAL_PREFIX_BYTES };
}

/* The keys of the chain's present link, and the link behind it. */
static void derive(struct seal *seal)
{
	uint8_t outputs[3][CIPHER_HASH_BYTES];
	cipher_hkdf(seal->chain, STR_LIT("paddock generation"), 3, outputs);
	memcpy(seal->request, outputs[0], CIPHER_KEY_BYTES);
	memcpy(seal->reply, outputs[1], CIPHER_KEY_BYTES);
	memcpy(seal->chain, outputs[2], CIPHER_HASH_BYTES);
	cipher_wipe(outputs, sizeof(outputs));
}

void seal_init(struct seal *seal, const struct auth *auth, unsigned lane, uint64_t now_us)
{
	uint8_t input[2 * CIPHER_KEY_BYTES + 1];
	ASSERT(lane < SEAL_LANES);
	*seal = (struct seal){ .lane = lane, .since_us = now_us };
	auth_split(auth, input, input + CIPHER_KEY_BYTES);
	input[sizeof(input) - 1] = (uint8_t)lane;
	cipher_hkdf(auth->hash, view(input, sizeof(input)), 1, &seal->chain);
	derive(seal);
	cipher_wipe(input, sizeof(input));
}

void seal_done(struct seal *seal)
{
	cipher_wipe(seal, sizeof(*seal));
}

int seal_frame(struct seal *seal, enum seal_kind kind, uint64_t session, uint64_t seq,
	       struct str message, struct buf *frame)
{
	uint8_t head[SEAL_HEAD_BYTES] = { MARK, (uint8_t)kind, (uint8_t)seal->lane };
	ASSERT(is_sealed(kind) && seq);
	if (seq <= seal->sealed_seq)
		return -EALREADY;
	if (message.len > LIMIT_FRAME_BYTES - SEAL_BYTES)
		return -EMSGSIZE;
	put_number(head + AT_GENERATION, 4, seal->generation);
	put_number(head + AT_SESSION, 8, session);
	put_number(head + AT_SEQ, 8, seq);
	buf_clear(frame);
	int r = buf_append(frame, head, sizeof(head));
	if (r == 0)
		r = buf_reserve(frame, message.len + CIPHER_TAG_BYTES);
	if (r < 0)
		return r;
	cipher_seal(kind == SEAL_REQUEST ? seal->request : seal->reply, seq,
		    view(head, sizeof(head)), message, (uint8_t *)frame->data + frame->len);
	frame->len += message.len + CIPHER_TAG_BYTES;
	frame->data[frame->len] = '\0';
	seal->sealed_seq = seq;
	seal->count++;
	return 0;
}

static int open_with(const struct seal *seal, const struct seal_head *head, struct str frame,
		     struct buf *message)
{
	struct str sealed = { frame.data + SEAL_HEAD_BYTES, frame.len - SEAL_HEAD_BYTES };
	size_t n = sealed.len - CIPHER_TAG_BYTES;
	buf_clear(message);
	int r = buf_reserve(message, n);
	if (r == 0)
		r = cipher_open(head->kind == SEAL_REQUEST ? seal->request : seal->reply, head->seq,
				(struct str){ frame.data, SEAL_HEAD_BYTES }, sealed,
				(uint8_t *)message->data);
	if (r < 0)
		return r;
	message->len = n;
	message->data[n] = '\0';
	return 0;
}

int seal_open(struct seal *seal, struct str frame, struct buf *message)
{
	struct seal_head head;
	int r = seal_parse(frame, &head);
	if (r < 0 || !is_sealed(head.kind) || head.lane != seal->lane || !head.seq)
		return -EBADMSG;
	bool next = head.kind == SEAL_REQUEST && seal->generation < UINT32_MAX &&
		    head.generation == seal->generation + 1;
	if (head.generation != seal->generation && !next)
		return -ESTALE;
	struct seal keys = *seal;
	if (next)
		seal_next(&keys, 0);
	r = open_with(&keys, &head, frame, message);
	if (r == 0) {
		keys.count++;
		*seal = keys;
	}
	seal_done(&keys);
	return r;
}

bool seal_is_due(const struct seal *seal, uint64_t now_us)
{
	return seal->count >= GENERATION_MESSAGES || now_us - seal->since_us >= GENERATION_US;
}

void seal_next(struct seal *seal, uint64_t now_us)
{
	ASSERT(seal->generation < UINT32_MAX);
	seal->generation++;
	seal->count = 0;
	seal->since_us = now_us;
	derive(seal);
}
