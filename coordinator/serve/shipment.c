// SPDX-License-Identifier: Apache-2.0
/*
 * shipment.c - first all questions, then all gifts: what a later tree shares with an earlier one is
 * asked for once, and the store's lease covers everything before the first byte is sent.
 */
#include "coordinator/serve/shipment.h"

#include "protocol/base/arena.h"
#include "protocol/base/assert.h"
#include "protocol/base/vec.h"
#include "protocol/wire/blob.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PUT_BYTES = 700 << 10 }; /* of one message: leaves room in the frame */

struct shipment {
	struct parcel *parcel;
	size_t asked, asking; /* chunks the coordinator told of, and is asked of now */
	size_t put, putting;  /* of those missing */
	struct {
		size_t *items;
		size_t len, cap;
	} missing;
	struct buf raw, packed, ids;
	struct arena arena;   /* of the message being made */
	struct msg_have have; /* the message being made, one of these */
	struct msg_put put_message;
	struct msg_chunk chunks[LIMIT_CHUNKS];
	struct shipment_counts counts;
};

struct shipment *shipment_new(struct parcel *parcel)
{
	struct shipment *shipment = calloc(1, sizeof(*shipment));
	if (!shipment)
		return NULL;
	shipment->parcel = parcel;
	buf_init(&shipment->raw, BLOB_MOST_BYTES);
	buf_init(&shipment->packed, BLOB_PACKED_BYTES);
	buf_init(&shipment->ids, LIMIT_IDS * DIGEST_BYTES);
	return shipment;
}

void shipment_begin(struct shipment *shipment)
{
	shipment->asked = shipment->asking = shipment->put = shipment->putting = 0;
	shipment->missing.len = 0;
}

void shipment_free(struct shipment *shipment)
{
	if (!shipment)
		return;
	VEC_DONE(&shipment->missing);
	buf_done(&shipment->raw);
	buf_done(&shipment->packed);
	buf_done(&shipment->ids);
	arena_done(&shipment->arena);
	free(shipment);
}

static int ask(struct shipment *s, struct err *err)
{
	size_t left = parcel_chunks(s->parcel) - s->asked;
	s->asking = left < LIMIT_IDS ? left : LIMIT_IDS;
	buf_clear(&s->ids);
	for (size_t i = 0; i < s->asking; i++) {
		const struct digest *id = parcel_id(s->parcel, s->asked + i);
		if (buf_append(&s->ids, id->bytes, DIGEST_BYTES) < 0)
			return err_set(err, -ENOMEM, "out of memory while sending the inputs");
	}
	s->have.ids = buf_str(&s->ids);
	return MSG_HAVE;
}

/* Chunk number `place` of the parcel, packed, with its texts in the arena. */
static int load(struct shipment *s, size_t place, struct msg_chunk *chunk, struct err *err)
{
	int r = parcel_read(s->parcel, place, &s->raw, err);
	if (r < 0)
		return r;
	const char *copy = blob_pack(buf_str(&s->raw), &s->packed) == 0
				   ? arena_copy(&s->arena, buf_str(&s->packed))
				   : NULL;
	if (!copy)
		return err_set(err, -ENOMEM, "out of memory while sending the inputs");
	*chunk = (struct msg_chunk){
		.id = { (const char *)parcel_id(s->parcel, place)->bytes, DIGEST_BYTES },
		.raw_bytes = s->raw.len,
		.data = { copy, s->packed.len },
	};
	return 0;
}

static int give(struct shipment *s, struct err *err)
{
	size_t bytes = 0, raw_bytes = 0;
	int r = 0;
	arena_clear(&s->arena);
	for (s->putting = 0; s->put + s->putting < s->missing.len; s->putting++) {
		struct msg_chunk *chunk = &s->chunks[s->putting];
		if (s->putting == LIMIT_CHUNKS)
			break;
		r = load(s, s->missing.items[s->put + s->putting], chunk, err);
		if (r < 0)
			return r;
		bytes += msg_size(&msg_record_chunk, chunk);
		raw_bytes += chunk->raw_bytes;
		if (s->putting && (bytes > PUT_BYTES || raw_bytes > LIMIT_UNPACKED_BYTES))
			break;
		s->counts.chunks++;
		s->counts.raw_bytes += chunk->raw_bytes;
		s->counts.packed_bytes += chunk->data.len;
	}
	s->put_message.chunks = s->chunks;
	s->put_message.n_chunks = s->putting;
	return MSG_PUT;
}

int shipment_next(struct shipment *shipment, uint64_t session, uint64_t seq,
		  const void **ret_message, struct err *err)
{
	ASSERT(!shipment->asking && !shipment->putting);
	if (shipment->asked < parcel_chunks(shipment->parcel)) {
		shipment->have = (struct msg_have){ .session = session, .seq = seq };
		*ret_message = &shipment->have;
		return ask(shipment, err);
	}
	if (shipment->put < shipment->missing.len) {
		shipment->put_message = (struct msg_put){ .session = session, .seq = seq };
		*ret_message = &shipment->put_message;
		return give(shipment, err);
	}
	return 0;
}

/* Which of the chunks just asked for are missing: a part of them, in their order. */
static int take_missing(struct shipment *s, struct str ids, struct err *err)
{
	size_t end = s->asked + s->asking;
	for (size_t at = s->asked; at < end && ids.len >= DIGEST_BYTES; at++) {
		if (memcmp(parcel_id(s->parcel, at)->bytes, ids.data, DIGEST_BYTES) != 0)
			continue;
		if (VEC_PUSH(&s->missing, at) < 0)
			return err_set(err, -ENOMEM, "out of memory while sending the inputs");
		ids.data += DIGEST_BYTES;
		ids.len -= DIGEST_BYTES;
	}
	s->asked = end;
	s->asking = 0;
	return ids.len ? err_set(err, -EPROTO,
				 "the coordinator misses contents that it was not asked for")
		       : 0;
}

int shipment_take(struct shipment *shipment, int type, const void *message, struct err *err)
{
	if (type == MSG_MISSING && shipment->asking)
		return take_missing(shipment, ((const struct msg_missing *)message)->ids, err);
	if (type != MSG_RECEIPT || !shipment->putting)
		return err_set(err, -EPROTO,
			       "the coordinator gave a wrong answer to what it was sent");
	shipment->put += shipment->putting;
	shipment->putting = 0;
	return 0;
}

struct shipment_counts shipment_counts(const struct shipment *shipment)
{
	return shipment->counts;
}
