// SPDX-License-Identifier: Apache-2.0
/*
 * codec.c - MessagePack, bounded. msgpack-c packs. Reading is our own: the library's unpacker
 * believes counts (five bytes make it reserve 4 GiB) and has no limits to set.
 *
 * Invariants: a failed read leaves the reader where it was; `left` never grows; no count is handed
 * out that exceeds the bytes left. Not for: knowing what a message means, see msg.c.
 */
#include "protocol/wire/codec.h"

#include "protocol/base/assert.h"

#include <errno.h>
#include <msgpack.h>
#include <stdbool.h>

/* Heads of MessagePack as its specification numbers them. */
enum {
	FIXINT_MAX = 0x7f,
	FIXMAP = 0x80,
	FIXARRAY = 0x90,
	FIXSTR = 0xa0,
	NIL = 0xc0,
	NEVER = 0xc1,
	BIN8 = 0xc4,
	EXT8 = 0xc7,
	FLOAT32 = 0xca,
	UINT8 = 0xcc,
	INT8 = 0xd0,
	FIXEXT1 = 0xd4,
	STR8 = 0xd9,
	ARRAY16 = 0xdc,
	MAP16 = 0xde,
	NEGATIVE_FIXINT = 0xe0,
};

static int append(void *buf, const char *bytes, size_t n)
{
	return buf_append(buf, bytes, n);
}

static msgpack_packer packer(struct buf *buf)
{
	msgpack_packer pk;
	msgpack_packer_init(&pk, buf, append);
	return pk;
}

int codec_put_u64(struct buf *buf, uint64_t value)
{
	msgpack_packer pk = packer(buf);
	return msgpack_pack_uint64(&pk, value);
}

int codec_put_bin(struct buf *buf, struct str bytes)
{
	ASSERT(bytes.len <= UINT32_MAX);
	msgpack_packer pk = packer(buf);
	int r = msgpack_pack_bin(&pk, bytes.len);
	return r < 0 ? r : msgpack_pack_bin_body(&pk, bytes.data, bytes.len);
}

int codec_put_array(struct buf *buf, size_t n)
{
	ASSERT(n <= UINT32_MAX);
	msgpack_packer pk = packer(buf);
	return msgpack_pack_array(&pk, n);
}

size_t codec_size_u64(uint64_t value)
{
	if (value <= FIXINT_MAX)
		return 1;
	return value <= UINT8_MAX ? 2 : value <= UINT16_MAX ? 3 : value <= UINT32_MAX ? 5 : 9;
}

size_t codec_size_bin(size_t len)
{
	return len + (len <= UINT8_MAX ? 2 : len <= UINT16_MAX ? 3 : 5);
}

size_t codec_size_array(size_t n)
{
	return n <= 15 ? 1 : n <= UINT16_MAX ? 3 : 5;
}

/* The big-endian number of n bytes at `bytes`. */
static uint64_t big_endian(const char *bytes, size_t n)
{
	uint64_t value = 0;
	ASSERT(n <= 8);
	for (size_t i = 0; i < n; i++)
		value = value << 8 | (unsigned char)bytes[i];
	return value;
}

/* Read a head byte and the n-byte number behind it into *ret_value; 0, or -ENODATA. Moves. */
static int take_number(struct codec_reader *reader, size_t n, uint64_t *ret_value)
{
	if (reader->left < 1 + n)
		return -ENODATA;
	*ret_value = big_endian(reader->at + 1, n);
	reader->at += 1 + n;
	reader->left -= 1 + n;
	return 0;
}

static unsigned head_of(const struct codec_reader *reader)
{
	ASSERT(reader->left);
	return (unsigned char)reader->at[0];
}

int codec_get_u64(struct codec_reader *reader, uint64_t *ret_value)
{
	struct codec_reader next = *reader;
	uint64_t value = 0;
	if (!reader->left)
		return -ENODATA;
	unsigned head = head_of(reader);
	bool small = head <= FIXINT_MAX;
	if (!small && (head < UINT8 || head > UINT8 + 3))
		return -EBADMSG;
	size_t bytes = small ? 0 : (size_t)1 << (head - UINT8);
	int r = take_number(&next, bytes, &value);
	if (r < 0)
		return r;
	if (small)
		value = head;
	if (codec_size_u64(value) != 1 + bytes)
		return -EBADMSG;
	*reader = next;
	*ret_value = value;
	return 0;
}

int codec_get_bin(struct codec_reader *reader, struct str *ret_bytes)
{
	struct codec_reader next = *reader;
	uint64_t len;
	if (!reader->left)
		return -ENODATA;
	unsigned head = head_of(reader);
	if (head < BIN8 || head > BIN8 + 2)
		return -EBADMSG;
	int r = take_number(&next, (size_t)1 << (head - BIN8), &len);
	if (r < 0)
		return r;
	if (len > next.left)
		return -ENODATA;
	if (codec_size_bin(len) != reader->left - next.left + len)
		return -EBADMSG;
	*ret_bytes = (struct str){ next.at, len };
	next.at += len;
	next.left -= len;
	*reader = next;
	return 0;
}

int codec_get_array(struct codec_reader *reader, size_t *ret_n)
{
	struct codec_reader next = *reader;
	uint64_t n = 0;
	if (!reader->left)
		return -ENODATA;
	unsigned head = head_of(reader);
	bool small = head >= FIXARRAY && head < FIXSTR;
	if (!small && head != ARRAY16 && head != ARRAY16 + 1)
		return -EBADMSG;
	int r = take_number(&next, small ? 0 : head == ARRAY16 ? 2 : 4, &n);
	if (r < 0)
		return r;
	if (small)
		n = head - FIXARRAY;
	if (codec_size_array(n) != reader->left - next.left)
		return -EBADMSG;
	if (n > next.left)
		return -ENODATA;
	*reader = next;
	*ret_n = n;
	return 0;
}

/* What one head announces behind itself. */
struct announced {
	size_t number_bytes; /* of the length or count */
	size_t per_unit;     /* bytes per unit of that length; 0: it counts values */
	size_t values_per_unit;
	uint64_t units;	    /* where number_bytes is 0 */
	size_t extra_bytes; /* an extension's type, a number's own bytes */
};

/* Heads from NIL to MAP16 + 1, each with bytes or values of its own behind it. */
static struct announced announced_long(unsigned head)
{
	static const struct {
		unsigned from;	     /* this head and those up to the next entry's */
		size_t number_bytes; /* of the first; each further one has twice as many */
		size_t per_unit, values_per_unit;
		size_t bytes; /* of the first, when it has no length: likewise doubled */
		size_t type_bytes;
	} kinds[] = {
		{ MAP16, 2, 0, 2, 0, 0 },   { ARRAY16, 2, 0, 1, 0, 0 }, { STR8, 1, 1, 0, 0, 0 },
		{ FIXEXT1, 0, 0, 0, 1, 1 }, { INT8, 0, 0, 0, 1, 0 },	{ UINT8, 0, 0, 0, 1, 0 },
		{ FLOAT32, 0, 0, 0, 4, 0 }, { EXT8, 1, 1, 0, 0, 1 },	{ BIN8, 1, 1, 0, 0, 0 },
		{ NIL, 0, 0, 0, 0, 0 },
	};
	size_t i = 0;
	while (head < kinds[i].from)
		i++;
	unsigned twice = head - kinds[i].from;
	return (struct announced){
		.number_bytes = kinds[i].number_bytes << twice,
		.per_unit = kinds[i].per_unit,
		.values_per_unit = kinds[i].values_per_unit,
		.extra_bytes = (kinds[i].bytes << twice) + kinds[i].type_bytes,
	};
}

static struct announced announced_by(unsigned head)
{
	if (head <= FIXINT_MAX || head >= NEGATIVE_FIXINT)
		return (struct announced){ 0 };
	if (head < FIXARRAY)
		return (struct announced){ .units = head - FIXMAP, .values_per_unit = 2 };
	if (head < FIXSTR)
		return (struct announced){ .units = head - FIXARRAY, .values_per_unit = 1 };
	if (head < NIL)
		return (struct announced){ .units = head - FIXSTR, .per_unit = 1 };
	return announced_long(head);
}

/* Move behind one head and its bytes; *ret_values is how many values it announces. */
static int skip_one(struct codec_reader *reader, size_t *ret_values)
{
	if (!reader->left)
		return -ENODATA;
	unsigned head = head_of(reader);
	if (head == NEVER)
		return -EBADMSG;
	struct announced what = announced_by(head);
	uint64_t units = 0;
	int r = take_number(reader, what.number_bytes, &units);
	if (r < 0)
		return r;
	if (!what.number_bytes)
		units = what.units;
	ASSERT(units <= UINT32_MAX);
	size_t bytes = units * what.per_unit + what.extra_bytes;
	if (bytes > reader->left)
		return -ENODATA;
	reader->at += bytes;
	reader->left -= bytes;
	*ret_values = units * what.values_per_unit;
	return 0;
}

int codec_skip(struct codec_reader *reader)
{
	struct codec_reader next = *reader;
	size_t pending = 1, values = 0;
	/* Ends: every round eats at least one byte, and pending never exceeds the bytes left. */
	while (pending) {
		int r = skip_one(&next, &values);
		if (r < 0)
			return r;
		pending += values - 1;
		if (pending > next.left)
			return -ENODATA;
	}
	*reader = next;
	return 0;
}

const char *codec_strerror(int code)
{
	ASSERT(code == -ENODATA || code == -EBADMSG);
	return code == -ENODATA ? "the frame ends before it does"
				: "it is of another type or not in its shortest form";
}
