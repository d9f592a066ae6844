// SPDX-License-Identifier: Apache-2.0
/*
 * buf.h - a growable byte buffer with a cap given at birth. Data is always NUL-terminated one past
 * `len`, so that text can be handed to libc; the NUL is not counted. Appending past the cap fails
 * with -ENOBUFS and changes nothing. A zeroed struct has cap 0 and refuses everything: call
 * buf_init first.
 */
#ifndef PADDOCK_BASE_BUF_H
#define PADDOCK_BASE_BUF_H

#include "protocol/base/str.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	char *data;	  /* NULL until the first append */
	size_t len;	  /* bytes used */
	size_t size;	  /* bytes allocated */
	size_t cap_bytes; /* len never passes this */
};

/* Empty buffer that may hold up to cap_bytes. Allocates nothing. */
void buf_init(struct buf *buf, size_t cap_bytes);

/* Free the memory and zero the struct. Accepts NULL and zeroed. */
void buf_done(struct buf *buf);

/* Forget the bytes, keep the memory and the cap. */
void buf_clear(struct buf *buf);

/* Make room for `more` bytes behind len. 0, -ENOBUFS past the cap, -ENOMEM. */
int buf_reserve(struct buf *buf, size_t more);

/* Append n bytes. 0, -ENOBUFS, -ENOMEM; nothing is appended on failure. */
int buf_append(struct buf *buf, const void *data, size_t n);

/* Append a NUL-terminated string, a view, or formatted text; errors as buf_append. */
int buf_puts(struct buf *buf, const char *text);
int buf_put_str(struct buf *buf, struct str view); /* as buf_append */
int buf_printf(struct buf *buf, const char *fmt, ...)
	__attribute__((format(printf, 2, 3))); /* as buf_append */
int buf_vprintf(struct buf *buf, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0))); /* as buf_append */

/* Drop the first n bytes (n <= len) by moving the rest down. */
void buf_consume(struct buf *buf, size_t n);

/* The bytes as a view, valid until the next change. */
struct str buf_str(const struct buf *buf);

/* The NUL-terminated text; "" when empty. Valid until the next change. */
const char *buf_text(const struct buf *buf);

/*
 * Hand the memory to the caller (who frees it) as a NUL-terminated string; the buffer is empty
 * after. NULL on no memory.
 */
char *buf_take(struct buf *buf);

#endif
