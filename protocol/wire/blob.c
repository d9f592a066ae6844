// SPDX-License-Identifier: Apache-2.0
/*
 * blob.c - content-defined chunks after FastCDC (W. Xia et al., "The Design of Fast Content-Defined
 * Chunking for Data Deduplication Based Storage Systems", IEEE TPDS 31(9), 2020), and zstd.
 *
 * A gear hash rolls over the bytes; a border is where its upper bits are zero. Before the usual
 * size more bits must be (normalised chunking, level 2), behind it fewer, so that sizes gather
 * around it; no border is looked for before the least size, which is what makes it fast. Both ends
 * must cut alike, or nothing is ever the same twice: the table and the masks are part of the
 * protocol.
 *
 * The two contexts of zstd are kept for the life of the process; there is one thread.
 */
#include "protocol/wire/blob.h"

#include "protocol/base/assert.h"

#include <errno.h>
#include <string.h>
#include <zstd.h>

enum {
	STRICT_BITS = 19, /* below the usual size: log2(BLOB_USUAL_BYTES) + 2 */
	LOOSE_BITS = 15,
	LEVEL = 3, /* 1 is hardly faster on what builds make, 6 costs three times as much */
};

/* The first 256 numbers of splitmix64 from seed 0, as by S. Vigna's reference code. */
static const uint64_t *gear(void)
{
	static uint64_t table[256];
	uint64_t state = 0;
	for (size_t i = 0; i < 256 && !table[255]; i++) {
		state += UINT64_C(0x9e3779b97f4a7c15);
		uint64_t z = state;
		z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
		table[i] = z ^ z >> 31;
	}
	return table;
}

/* Roll on over bytes[from, to) until the upper `bits` of *hash are zero; where, or `to`. */
static size_t find_border(const unsigned char *bytes, size_t from, size_t to, unsigned bits,
			  uint64_t *hash)
{
	const uint64_t *table = gear();
	uint64_t mask = ~UINT64_C(0) << (64 - bits), h = *hash;
	size_t i = from;
	while (i < to) {
		h = (h << 1) + table[bytes[i++]];
		if (!(h & mask))
			break;
	}
	bool found = from < to && !(h & mask);
	*hash = h;
	return found ? i : to + 1;
}

size_t blob_cut(struct str bytes, bool whole)
{
	const unsigned char *data = (const unsigned char *)bytes.data;
	ASSERT(whole || bytes.len >= BLOB_MOST_BYTES);
	if (bytes.len <= BLOB_LEAST_BYTES)
		return bytes.len;
	size_t end = bytes.len < BLOB_MOST_BYTES ? bytes.len : BLOB_MOST_BYTES;
	size_t usual = end < BLOB_USUAL_BYTES ? end : BLOB_USUAL_BYTES;
	uint64_t hash = 0;
	size_t at = find_border(data, BLOB_LEAST_BYTES, usual, STRICT_BITS, &hash);
	if (at > usual)
		at = find_border(data, usual, end, LOOSE_BITS, &hash);
	return at > end ? end : at;
}

int blob_pack(struct str raw, struct buf *packed)
{
	static ZSTD_CCtx *context;
	ASSERT(raw.len && raw.len <= BLOB_MOST_BYTES);
	if (!context)
		context = ZSTD_createCCtx();
	buf_clear(packed);
	int r = context ? buf_reserve(packed, raw.len) : -ENOMEM;
	if (r < 0)
		return r;
	/* With room for one byte less than the content, "no shorter" is an error of the library's.
	 */
	size_t n = ZSTD_compressCCtx(context, packed->data, raw.len - 1, raw.data, raw.len, LEVEL);
	if (ZSTD_isError(n))
		return buf_put_str(packed, raw);
	packed->len = n;
	packed->data[n] = '\0';
	return 0;
}

int blob_unpack(struct str packed, size_t raw_bytes, struct buf *raw)
{
	static ZSTD_DCtx *context;
	buf_clear(raw);
	if (!raw_bytes || raw_bytes > BLOB_MOST_BYTES || !packed.len || packed.len > raw_bytes)
		return -EBADMSG;
	if (packed.len == raw_bytes)
		return buf_put_str(raw, packed);
	if (!context)
		context = ZSTD_createDCtx();
	int r = context ? buf_reserve(raw, raw_bytes) : -ENOMEM;
	if (r < 0)
		return r;
	size_t n = ZSTD_decompressDCtx(context, raw->data, raw_bytes, packed.data, packed.len);
	if (n != raw_bytes)
		return -EBADMSG;
	raw->len = n;
	raw->data[n] = '\0';
	return 0;
}
