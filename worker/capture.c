// SPDX-License-Identifier: Apache-2.0
/*
 * capture.c - head and tail of a stream within a cap.
 *
 * Invariants: the tail is used only once the head is full; tail_at is 0 until the tail reached its
 * cap, then the tail is a ring whose oldest byte is at tail_at; head_len + tail_len + dropped =
 * total_bytes. A flood costs the cap, no more. Not for bytes a framework's reader needs: those are
 * fed to the adapter whole.
 */
#include "worker/capture.h"

#include "protocol/base/assert.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BYTES = 4096 };

void capture_init(struct capture *capture, size_t cap_bytes)
{
	*capture = (struct capture){ .half_bytes = cap_bytes / 2 };
}

void capture_done(struct capture *capture)
{
	if (!capture)
		return;
	free(capture->head);
	free(capture->tail);
	*capture = (struct capture){ 0 };
}

void capture_clear(struct capture *capture)
{
	capture->head_len = capture->tail_len = capture->tail_at = 0;
	capture->total_bytes = 0;
}

/*
 * Room for `more` bytes behind len, as far as the cap and memory go; returns how many of them fit.
 */
static size_t grow(char **data, size_t *size, size_t len, size_t more, size_t cap)
{
	if (more > cap - len)
		more = cap - len;
	if (len + more > *size) {
		size_t want = *size ? *size : FIRST_BYTES;
		while (want < len + more)
			want *= 2;
		if (want > cap)
			want = cap;
		char *bigger = realloc(*data, want);
		if (!bigger)
			return *size - len;
		*data = bigger;
		*size = want;
	}
	return more;
}

static void append_ring(struct capture *capture, struct str bytes)
{
	size_t size = capture->half_bytes;
	if (bytes.len > size) {
		bytes.data += bytes.len - size;
		bytes.len = size;
	}
	size_t first = size - capture->tail_at;
	if (first > bytes.len)
		first = bytes.len;
	memcpy(capture->tail + capture->tail_at, bytes.data, first);
	memcpy(capture->tail, bytes.data + first, bytes.len - first);
	capture->tail_at = (capture->tail_at + bytes.len) % size;
}

void capture_append(struct capture *capture, struct str bytes)
{
	capture->total_bytes += bytes.len;
	if (!bytes.len || !capture->half_bytes)
		return;
	size_t n = 0;
	if (!capture->tail_len)
		n = grow(&capture->head, &capture->head_size, capture->head_len, bytes.len,
			 capture->half_bytes);
	if (n) {
		memcpy(capture->head + capture->head_len, bytes.data, n);
		capture->head_len += n;
	}
	bytes.data += n;
	bytes.len -= n;
	if (!bytes.len)
		return;
	n = grow(&capture->tail, &capture->tail_size, capture->tail_len, bytes.len,
		 capture->half_bytes);
	if (n) {
		memcpy(capture->tail + capture->tail_len, bytes.data, n);
		capture->tail_len += n;
	}
	bytes.data += n;
	bytes.len -= n;
	if (bytes.len && capture->tail_len == capture->half_bytes)
		append_ring(capture, bytes);
	ASSERT(capture->head_len <= capture->half_bytes &&
	       capture->tail_len <= capture->half_bytes);
}

uint64_t capture_dropped(const struct capture *capture)
{
	ASSERT(capture->total_bytes >= capture->head_len + capture->tail_len);
	return capture->total_bytes - capture->head_len - capture->tail_len;
}

static void add_piece(struct str *pieces, size_t *n, const char *data, size_t len)
{
	if (len)
		pieces[(*n)++] = (struct str){ data, len };
}

size_t capture_views(const struct capture *capture, char mark[CAPTURE_MARK_BYTES],
		     struct str ret_pieces[CAPTURE_PIECES])
{
	uint64_t dropped = capture_dropped(capture);
	size_t n = 0;
	add_piece(ret_pieces, &n, capture->head, capture->head_len);
	if (dropped) {
		int len = snprintf(mark, CAPTURE_MARK_BYTES,
				   "\n[... %" PRIu64 " bytes not kept ...]\n", dropped);
		add_piece(ret_pieces, &n, mark, (size_t)len);
	}
	if (capture->tail_len) {
		add_piece(ret_pieces, &n, capture->tail + capture->tail_at,
			  capture->tail_len - capture->tail_at);
		add_piece(ret_pieces, &n, capture->tail, capture->tail_at);
	}
	ASSERT(n <= CAPTURE_PIECES);
	return n;
}

int capture_put_tail(const struct capture *capture, size_t max_bytes, struct buf *buf)
{
	char mark[CAPTURE_MARK_BYTES];
	struct str pieces[CAPTURE_PIECES];
	size_t n = capture_views(capture, mark, pieces), skip = 0;
	for (size_t i = 0; i < n; i++)
		skip += pieces[i].len;
	skip = skip > max_bytes ? skip - max_bytes : 0;
	for (size_t i = 0; i < n; i++) {
		size_t cut = skip < pieces[i].len ? skip : pieces[i].len;
		int r = buf_append(buf, pieces[i].data + cut, pieces[i].len - cut);
		if (r < 0)
			return r;
		skip -= cut;
	}
	return 0;
}

/* Length of the valid UTF-8 sequence that starts `text`, 0 when it is none (overlong, surrogate,
 * cut short). */
static size_t sequence(struct str text)
{
	const unsigned char *s = (const unsigned char *)text.data;
	size_t n = s[0] < 0x80			 ? 1
		   : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
		   : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
		   : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
						 : 0;
	if (!n || n > text.len)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

static int put_character(struct buf *buf, struct str *text)
{
	unsigned char c = (unsigned char)text->data[0];
	size_t n = sequence(*text);
	int r;
	if (!n)
		r = buf_append(buf, "\xef\xbf\xbd", 3);
	else if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
		r = buf_printf(buf, "\\x%02x", c);
	else
		r = buf_append(buf, text->data, n);
	text->data += n ? n : 1;
	text->len -= n ? n : 1;
	return r;
}

/* How many bytes at the start of `text` are plain ASCII that can be shown as they are. */
static size_t plain(struct str text)
{
	size_t n = 0;
	while (n < text.len && ((text.data[n] >= 0x20 && text.data[n] < 0x7f) ||
				text.data[n] == '\n' || text.data[n] == '\t'))
		n++;
	return n;
}

int capture_put_safe(struct str text, struct buf *buf)
{
	while (text.len) {
		size_t n = plain(text);
		size_t room = buf->cap_bytes - buf->len;
		int r = buf_append(buf, text.data, n < room ? n : room);
		if (r < 0)
			return r;
		if (n > room)
			return 0;
		text.data += n;
		text.len -= n;
		r = text.len ? put_character(buf, &text) : 0;
		if (r == -ENOBUFS)
			return 0;
		if (r < 0)
			return r;
	}
	return 0;
}
