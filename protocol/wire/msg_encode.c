// SPDX-License-Identifier: Apache-2.0
/*
 * msg_encode.c - from structs to frames. A frame is an array [MAGIC, message number, field, field,
 * ...] with the fields in msg.def's order; a record is an array of its fields.
 *
 * Invariants: no frame leaves that msg_decode would refuse; on failure the buffer is empty, so half
 * a frame is never sent. Not for: splitting what is too large (the rooms that pack by msg_size).
 */
#include "protocol/wire/msg.h"

#include "protocol/base/assert.h"
#include "protocol/wire/codec.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* The value of a field inside a struct: `count` is 1 for what is not a list. */
struct value {
	uint64_t number;
	struct str text;
	const void *items;
	size_t count;
};

static struct value value_of(const struct msg_field *field, const void *record)
{
	const char *at = (const char *)record + field->offset;
	struct value value = { .count = 1 };
	switch (field->type) {
	case MSG_FIELD_U64: memcpy(&value.number, at, sizeof(value.number)); break;
	case MSG_FIELD_STR:
	case MSG_FIELD_BIN: memcpy(&value.text, at, sizeof(value.text)); break;
	case MSG_FIELD_STRS:
	case MSG_FIELD_LIST:
		memcpy(&value.items, at, sizeof(value.items));
		at = (const char *)record + field->count_offset;
		memcpy(&value.count, at, sizeof(value.count));
		break;
	}
	ASSERT(value.items || value.count <= 1);
	return value;
}

/* A limit was passed: names the field; the caller puts the record in front. */
static int too_much(struct err *err, const struct msg_field *field, const char *what, uint64_t have,
		    uint64_t limit)
{
	return err_set(err, -EMSGSIZE, "%s has %s %" PRIu64 ", the limit is %" PRIu64, field->name,
		       what, have, limit);
}

static int put_text(struct buf *buf, const struct msg_field *field, struct str text,
		    struct err *err)
{
	if (text.len > field->max)
		return too_much(err, field, "a length of", text.len, field->max);
	int r = codec_put_bin(buf, text);
	return r < 0 ? err_errno(err, r, "%s", field->name) : 0;
}

static int put_record(struct buf *buf, const struct msg_record *record, const void *from,
		      struct err *err);

static int put_items(struct buf *buf, const struct msg_field *field, const struct value *value,
		     struct err *err)
{
	if (value->count > field->max_items)
		return too_much(err, field, "an item count of", value->count, field->max_items);
	int r = codec_put_array(buf, value->count);
	if (r < 0)
		return err_errno(err, r, "%s", field->name);
	for (size_t i = 0; i < value->count && r == 0; i++) {
		if (field->type == MSG_FIELD_STRS) {
			r = put_text(buf, field, ((const struct str *)value->items)[i], err);
			continue;
		}
		const char *item = (const char *)value->items + i * field->record->bytes;
		r = put_record(buf, field->record, item, err);
		if (r < 0)
			err_wrap(err, "%s[%zu]", field->name, i);
	}
	return r;
}

static int put_field(struct buf *buf, const struct msg_field *field, const void *from,
		     struct err *err)
{
	struct value value = value_of(field, from);
	int r = 0;
	switch (field->type) {
	case MSG_FIELD_U64:
		if (value.number > field->max)
			return too_much(err, field, "the value", value.number, field->max);
		r = codec_put_u64(buf, value.number);
		r = r < 0 ? err_errno(err, r, "%s", field->name) : 0;
		break;
	case MSG_FIELD_STR:
	case MSG_FIELD_BIN: r = put_text(buf, field, value.text, err); break;
	case MSG_FIELD_STRS:
	case MSG_FIELD_LIST: r = put_items(buf, field, &value, err); break;
	}
	if (r == 0 && buf->len > LIMIT_MESSAGE_BYTES)
		return err_set(err, -EMSGSIZE, "the message grew past %d bytes at %s",
			       LIMIT_MESSAGE_BYTES, field->name);
	return r;
}

static int put_fields(struct buf *buf, const struct msg_record *record, const void *from,
		      struct err *err)
{
	int r = 0;
	for (size_t i = 0; i < record->n_fields && r == 0; i++)
		r = put_field(buf, &record->fields[i], from, err);
	return r;
}

static int put_record(struct buf *buf, const struct msg_record *record, const void *from,
		      struct err *err)
{
	int r = codec_put_array(buf, record->n_fields);
	return r < 0 ? err_errno(err, r, "%s", record->name) : put_fields(buf, record, from, err);
}

int msg_encode(enum msg_type type, const void *message, struct buf *buf, struct err *err)
{
	const struct msg_record *record = msg_describe(type);
	ASSERT(record && message);
	buf_clear(buf);
	int r = codec_put_array(buf, MSG_HEAD_FIELDS + record->n_fields);
	if (r == 0)
		r = codec_put_u64(buf, MSG_MAGIC);
	if (r == 0)
		r = codec_put_u64(buf, record->number);
	r = r < 0 ? err_errno(err, r, "its head") : put_fields(buf, record, message, err);
	if (r == 0)
		return 0;
	buf_clear(buf);
	err_wrap(err, "cannot encode %s", record->name);
	return r == -ENOBUFS ? -EMSGSIZE : r;
}

int msg_put_record(const struct msg_record *describe, const void *record, struct buf *buf,
		   struct err *err)
{
	ASSERT(describe && !describe->number && record);
	return put_record(buf, describe, record, err);
}

static size_t size_of_record(const struct msg_record *record, const void *from, size_t extra);

static size_t size_of_items(const struct msg_field *field, const struct value *value)
{
	size_t bytes = codec_size_array(value->count);
	for (size_t i = 0; i < value->count; i++)
		if (field->type == MSG_FIELD_STRS)
			bytes += codec_size_bin(((const struct str *)value->items)[i].len);
		else
			bytes += size_of_record(field->record,
						(const char *)value->items +
							i * field->record->bytes,
						0);
	return bytes;
}

static size_t size_of_record(const struct msg_record *record, const void *from, size_t extra)
{
	size_t bytes = codec_size_array(record->n_fields + extra);
	for (size_t i = 0; i < record->n_fields; i++) {
		const struct msg_field *field = &record->fields[i];
		struct value value = value_of(field, from);
		if (field->type == MSG_FIELD_U64)
			bytes += codec_size_u64(value.number);
		else if (field->type == MSG_FIELD_STR || field->type == MSG_FIELD_BIN)
			bytes += codec_size_bin(value.text.len);
		else
			bytes += size_of_items(field, &value);
	}
	return bytes;
}

size_t msg_size(const struct msg_record *describe, const void *record)
{
	ASSERT(describe && record);
	if (!describe->number)
		return size_of_record(describe, record, 0);
	return codec_size_u64(MSG_MAGIC) + codec_size_u64(describe->number) +
	       size_of_record(describe, record, MSG_HEAD_FIELDS);
}
