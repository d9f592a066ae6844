// SPDX-License-Identifier: Apache-2.0
/*
 * lines.c - bounded line cutting. Invariant: pending holds no newline and at most LINES_BYTES
 * bytes. What is dropped depends on positions in the line alone, so any split of the stream gives
 * the same lines. A line that lies whole in the caller's bytes is handed out without a copy.
 */
#include "worker/adapt/lines.h"

#include "protocol/base/assert.h"

#include <string.h>

void lines_init(struct lines *lines, bool keep_tail)
{
	*lines = (struct lines){ .keep_tail = keep_tail };
	buf_init(&lines->pending, LINES_BYTES);
}

void lines_done(struct lines *lines)
{
	if (lines)
		buf_done(&lines->pending);
}

/* Bytes of one line, no newline among them. */
static void keep(struct lines *lines, struct str part)
{
	while (part.len) {
		size_t room = LINES_BYTES - lines->pending.len;
		if (!room && !lines->keep_tail) {
			lines->cut = true;
			return;
		}
		if (!room) {
			buf_consume(&lines->pending, LINES_BYTES / 2);
			lines->cut = true;
			continue;
		}
		size_t n = part.len < room ? part.len : room;
		if (buf_append(&lines->pending, part.data, n) < 0)
			lines->cut = true; /* no memory: the line is lost, the stream goes on */
		part.data += n;
		part.len -= n;
	}
}

static struct str chomp(struct str line)
{
	if (line.len && line.data[line.len - 1] == '\r')
		line.len--;
	return line;
}

bool lines_next(struct lines *lines, struct str *bytes, struct str *ret_line)
{
	ASSERT(lines->pending.cap_bytes == LINES_BYTES);
	const char *newline = bytes->len ? memchr(bytes->data, '\n', bytes->len) : NULL;
	struct str part = { bytes->data, newline ? (size_t)(newline - bytes->data) : bytes->len };
	bytes->data += part.len + (newline ? 1 : 0);
	bytes->len -= part.len + (newline ? 1 : 0);
	if (newline && !lines->pending.len && !lines->cut && part.len <= LINES_BYTES) {
		*ret_line = chomp(part);
		return true;
	}
	keep(lines, part);
	if (!newline)
		return false;
	*ret_line = chomp(buf_str(&lines->pending));
	/* The bytes stay where they are until the next append. */
	lines->pending.len = 0;
	lines->cut = false;
	return true;
}

bool lines_last(struct lines *lines, struct str *ret_line)
{
	if (!lines->pending.len)
		return false;
	*ret_line = chomp(buf_str(&lines->pending));
	lines->pending.len = 0;
	lines->cut = false;
	return true;
}
