// SPDX-License-Identifier: Apache-2.0
/*
 * buf.c - growable bytes. Invariants: len <= cap_bytes; data != NULL implies data[len] == 0 and
 * size > len. Growth doubles, so a stream of appends costs amortised constant time.
 */
#include "protocol/base/buf.h"

#include "protocol/base/assert.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_init(struct buf *buf, size_t cap_bytes)
{
	ASSERT(cap_bytes < SIZE_MAX / 2);
	*buf = (struct buf){ .cap_bytes = cap_bytes };
}

void buf_done(struct buf *buf)
{
	if (!buf)
		return;
	free(buf->data);
	*buf = (struct buf){ 0 };
}

void buf_clear(struct buf *buf)
{
	buf->len = 0;
	if (buf->data)
		buf->data[0] = '\0';
}

int buf_reserve(struct buf *buf, size_t more)
{
	ASSERT(buf->len <= buf->cap_bytes);
	if (more > buf->cap_bytes - buf->len)
		return -ENOBUFS;
	size_t need = buf->len + more + 1;
	if (need <= buf->size)
		return 0;
	size_t size = buf->size ? buf->size : 64;
	while (size < need)
		size *= 2;
	char *data = realloc(buf->data, size);
	if (!data)
		return -ENOMEM;
	data[buf->len] = '\0';
	buf->data = data;
	buf->size = size;
	return 0;
}

int buf_append(struct buf *buf, const void *data, size_t n)
{
	int r = buf_reserve(buf, n);
	if (r < 0)
		return r;
	if (n)
		memcpy(buf->data + buf->len, data, n);
	buf->len += n;
	buf->data[buf->len] = '\0';
	return 0;
}

int buf_puts(struct buf *buf, const char *text)
{
	return buf_append(buf, text, strlen(text));
}

int buf_put_str(struct buf *buf, struct str view)
{
	return buf_append(buf, view.data, view.len);
}

int buf_vprintf(struct buf *buf, const char *fmt, va_list ap)
{
	va_list again;
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	int r = n < 0 ? -EINVAL : buf_reserve(buf, (size_t)n);
	if (r == 0) {
		vsnprintf(buf->data + buf->len, (size_t)n + 1, fmt, again);
		buf->len += (size_t)n;
	}
	va_end(again);
	return r;
}

int buf_printf(struct buf *buf, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int r = buf_vprintf(buf, fmt, ap);
	va_end(ap);
	return r;
}

void buf_consume(struct buf *buf, size_t n)
{
	ASSERT(n <= buf->len);
	if (!n)
		return;
	memmove(buf->data, buf->data + n, buf->len - n + 1);
	buf->len -= n;
}

struct str buf_str(const struct buf *buf)
{
	return (struct str){ .data = buf->data ? buf->data : "", .len = buf->len };
}

const char *buf_text(const struct buf *buf)
{
	return buf->data ? buf->data : "";
}

char *buf_take(struct buf *buf)
{
	if (!buf->data && buf_reserve(buf, 0) < 0)
		return NULL;
	char *data = buf->data;
	ASSERT(data);
	data[buf->len] = '\0';
	buf->data = NULL;
	buf->len = buf->size = 0;
	return data;
}
