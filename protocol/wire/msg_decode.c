// SPDX-License-Identifier: Apache-2.0
/*
 * msg_decode.c - from frames to structs, for bytes anybody may have sent.
 *
 * Fields are never named on the wire, so both ends must have the same msg.def; the version in hello
 * says which. Two messages have to be understood before that is known: a hello of another version
 * is read up to its build id, a refused up to its text, and what follows is skipped.
 *
 * Invariants: what is decoded passed every limit of msg.def; a count is believed only when the
 * bytes left can hold that many items, so memory taken stays below 16 bytes per byte of the frame
 * (no field is larger in memory than that) and the depth is msg.def's own. Not for: judging what a
 * message says (hello.c, and the rooms that act on it).
 */
#include "protocol/wire/msg.h"

#include "protocol/base/assert.h"
#include "protocol/wire/codec.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

enum {
	DEPTH_MAX = 8, /* of records in records; msg.def has 3 */
};

struct decoding {
	struct codec_reader reader;
	struct arena *arena;
	struct err *err;
	unsigned depth; /* of records in records */
};

static int bad(struct decoding *in, const struct msg_field *field, int code)
{
	return err_set(in->err, -EPROTO, "%s cannot be read: %s", field->name,
		       codec_strerror(code));
}

static int beyond(struct decoding *in, const struct msg_field *field, const char *what,
		  uint64_t have, uint64_t limit)
{
	return err_set(in->err, -EPROTO, "%s has %s %" PRIu64 ", the limit is %" PRIu64,
		       field->name, what, have, limit);
}

static int no_memory(struct decoding *in, const struct msg_field *field, size_t n)
{
	return err_set(in->err, -EPROTO, "%s has %zu items, more than memory holds", field->name,
		       n);
}

static int get_text(struct decoding *in, const struct msg_field *field, struct str *ret_text)
{
	struct str text;
	int r = codec_get_bin(&in->reader, &text);
	if (r < 0)
		return bad(in, field, r);
	if (text.len > field->max)
		return beyond(in, field, "a length of", text.len, field->max);
	*ret_text = text;
	return 0;
}

/* Read a list's head: its count, within its limit and what the bytes left can hold. */
static int get_count(struct decoding *in, const struct msg_field *field, size_t *ret_n)
{
	size_t n, least = 2; /* bytes of an item: an empty text */
	int r = codec_get_array(&in->reader, &n);
	if (r < 0)
		return bad(in, field, r);
	if (n > field->max_items)
		return beyond(in, field, "an item count of", n, field->max_items);
	if (field->type == MSG_FIELD_LIST)
		least = 1 + field->record->n_fields;
	if (n > in->reader.left / least)
		return bad(in, field, -ENODATA);
	*ret_n = n;
	return 0;
}

static int get_texts(struct decoding *in, const struct msg_field *field, void *record)
{
	size_t n = 0;
	int r = get_count(in, field, &n);
	if (r < 0 || n == 0)
		return r;
	struct str *texts = arena_alloc(in->arena, n * sizeof(*texts));
	if (!texts)
		return no_memory(in, field, n);
	for (size_t i = 0; i < n && r == 0; i++)
		r = get_text(in, field, &texts[i]);
	memcpy((char *)record + field->offset, &texts, sizeof(struct str *));
	memcpy((char *)record + field->count_offset, &n, sizeof(n));
	return r;
}

static int get_fields(struct decoding *in, const struct msg_record *record, size_t n, void *to);

/* An item of a list: an array of exactly the record's fields. */
static int get_item(struct decoding *in, const struct msg_record *record, void *to)
{
	size_t n;
	int r = codec_get_array(&in->reader, &n);
	if (r < 0)
		return err_set(in->err, -EPROTO, "it cannot be read: %s", codec_strerror(r));
	if (n != record->n_fields)
		return err_set(in->err, -EPROTO, "%zu fields where a %s has %zu", n, record->name,
			       record->n_fields);
	return get_fields(in, record, n, to);
}

static int get_list(struct decoding *in, const struct msg_field *field, void *record)
{
	size_t n = 0;
	int r = get_count(in, field, &n);
	if (r < 0 || n == 0)
		return r;
	char *items = arena_alloc(in->arena, n * field->record->bytes);
	if (!items)
		return no_memory(in, field, n);
	in->depth++;
	ASSERT(in->depth <= DEPTH_MAX);
	for (size_t i = 0; i < n && r == 0; i++) {
		r = get_item(in, field->record, items + i * field->record->bytes);
		if (r < 0)
			err_wrap(in->err, "%s[%zu]", field->name, i);
	}
	in->depth--;
	memcpy((char *)record + field->offset, &items, sizeof(items));
	memcpy((char *)record + field->count_offset, &n, sizeof(n));
	return r;
}

static int get_number(struct decoding *in, const struct msg_field *field, uint64_t *ret_value)
{
	int r = codec_get_u64(&in->reader, ret_value);
	if (r < 0)
		return bad(in, field, r);
	if (*ret_value > field->max)
		return beyond(in, field, "the value", *ret_value, field->max);
	return 0;
}

static int get_field(struct decoding *in, const struct msg_field *field, void *record)
{
	char *at = (char *)record + field->offset;
	switch (field->type) {
	case MSG_FIELD_U64: return get_number(in, field, (uint64_t *)(void *)at);
	case MSG_FIELD_STR:
	case MSG_FIELD_BIN: return get_text(in, field, (struct str *)(void *)at);
	case MSG_FIELD_STRS: return get_texts(in, field, record);
	case MSG_FIELD_LIST: return get_list(in, field, record);
	}
	ASSERT_NOT_REACHED();
}

/* The first n fields. */
static int get_fields(struct decoding *in, const struct msg_record *record, size_t n, void *to)
{
	int r = 0;
	ASSERT(n <= record->n_fields);
	for (size_t i = 0; i < n && r == 0; i++)
		r = get_field(in, &record->fields[i], to);
	return r;
}

/*
 * How many fields of a message every version of the protocol agrees on; 0: no more than its number.
 */
static size_t eternal_fields(const struct msg_record *record)
{
	return record->number == MSG_HELLO ? 2 : record->number == MSG_REFUSED ? 4 : 0;
}

/*
 * The fields of a message that has n of them. What another version added is skipped where allowed.
 */
static int get_message(struct decoding *in, const struct msg_record *record, size_t n, void *to)
{
	size_t eternal = eternal_fields(record), known = record->n_fields;
	if (n < eternal || (!eternal && n != known))
		return err_set(in->err, -EPROTO, "%zu fields where it has %zu", n, known);
	int r = get_fields(in, record, eternal, to);
	if (r < 0)
		return r;
	bool foreign = record->number == MSG_REFUSED ||
		       (record->number == MSG_HELLO &&
			((const struct msg_hello *)to)->version != MSG_PROTOCOL_VERSION);
	if (!foreign && n != known)
		return err_set(in->err, -EPROTO, "%zu fields where it has %zu", n, known);
	for (size_t i = eternal; i < n && r == 0; i++)
		r = foreign ? codec_skip(&in->reader) : get_field(in, &record->fields[i], to);
	if (foreign && r < 0)
		return err_set(in->err, -EPROTO, "what follows cannot be read: %s",
			       codec_strerror(r));
	return r;
}

/* The head of a frame: how many fields follow, and of which message. */
static int get_head(struct decoding *in, size_t *ret_n, const struct msg_record **ret_record)
{
	size_t n = 0;
	uint64_t magic = 0, number;
	if (in->reader.left > LIMIT_MESSAGE_BYTES)
		return err_set(in->err, -EPROTO, "it has %zu bytes, the limit is %d",
			       in->reader.left, LIMIT_MESSAGE_BYTES);
	int r = codec_get_array(&in->reader, &n);
	if (r == 0 && n >= MSG_HEAD_FIELDS)
		r = codec_get_u64(&in->reader, &magic);
	if (r < 0 || n < MSG_HEAD_FIELDS || magic != MSG_MAGIC)
		return err_set(in->err, -EPROTO,
			       "it does not begin like one; is the peer a paddock?");
	r = codec_get_u64(&in->reader, &number);
	if (r < 0)
		return err_set(in->err, -EPROTO, "its number: %s", codec_strerror(r));
	if (number >= MSG_TYPE_MAX || !msg_describe((unsigned)number))
		return err_set(in->err, -EPROTO,
			       "there is no message number %" PRIu64
			       "; install the same version of paddock on both sides",
			       number);
	*ret_n = n - MSG_HEAD_FIELDS;
	*ret_record = msg_describe((unsigned)number);
	return 0;
}

int msg_decode(struct str frame, struct arena *arena, void **ret_message, struct err *err)
{
	struct decoding in = { { frame.data, frame.len }, arena, err, 0 };
	const struct msg_record *record = NULL;
	size_t n = 0;
	int r = get_head(&in, &n, &record);
	void *message = r == 0 && record ? arena_alloc(arena, record->bytes) : NULL;
	if (message)
		r = get_message(&in, record, n, message);
	else if (r == 0)
		r = err_set(err, -EPROTO, "out of memory");
	if (r == 0 && in.reader.left)
		r = err_set(err, -EPROTO, "%zu bytes follow its end", in.reader.left);
	if (r < 0) {
		err_wrap(err, "cannot decode %s", record ? record->name : "a message");
		return r;
	}
	ASSERT(message && record);
	*ret_message = message;
	return (int)record->number;
}
