// SPDX-License-Identifier: Apache-2.0
/*
 * codec.h - the four shapes a frame is made of, in MessagePack: unsigned numbers, byte strings and
 * arrays; anything else can only be skipped. Reading never allocates, never recurses and never
 * believes a count that the remaining bytes cannot hold. Only the shortest encoding of a value is
 * accepted, so that equal messages are equal bytes. Pure.
 */
#ifndef PADDOCK_WIRE_CODEC_H
#define PADDOCK_WIRE_CODEC_H

#include "protocol/base/buf.h"
#include "protocol/base/str.h"

#include <stddef.h>
#include <stdint.h>

/* What is left to read of a frame; borrows the bytes. Start with { frame.data, frame.len }. */
struct codec_reader {
	const char *at;
	size_t left;
};

/* Append a number. 0, or buf_append's errors. */
int codec_put_u64(struct buf *buf, uint64_t value);

/*
 * Append a byte string of less than 4 GiB. 0, or buf_append's errors (a part may have been
 * appended).
 */
int codec_put_bin(struct buf *buf, struct str bytes);

/* Append the head of an array whose n items follow. 0, or buf_append's errors. */
int codec_put_array(struct buf *buf, size_t n);

/* How many bytes codec_put_u64 appends. */
size_t codec_size_u64(uint64_t value);

/* How many bytes codec_put_bin appends for a string of `len` bytes. */
size_t codec_size_bin(size_t len);

/* How many bytes codec_put_array appends. */
size_t codec_size_array(size_t n);

/*
 * Read a number. 0 with the reader moved behind it; -ENODATA when the frame ends before it does,
 * -EBADMSG when something else stands there or it is not in its shortest form.
 */
int codec_get_u64(struct codec_reader *reader, uint64_t *ret_value);

/* Read a byte string as a view into the frame. Errors as codec_get_u64. */
int codec_get_bin(struct codec_reader *reader, struct str *ret_bytes);

/*
 * Read the head of an array. Errors as codec_get_u64; also -ENODATA when fewer bytes are left than
 * it has items, so that *ret_n is always safe to allocate for.
 */
int codec_get_array(struct codec_reader *reader, size_t *ret_n);

/* Move behind one value of any shape and all it holds. Errors as codec_get_u64. */
int codec_skip(struct codec_reader *reader);

/* Why a read failed with `code`, for an error's text: "it ends too early", ... */
const char *codec_strerror(int code);

#endif
