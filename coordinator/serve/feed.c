// SPDX-License-Identifier: Apache-2.0
/*
 * feed.c - segments of events, each with an arena of its own, so that forgetting is one free per
 * few hundred events.
 */
#include "coordinator/serve/feed.h"

#include "protocol/base/assert.h"
#include "protocol/wire/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	SEGMENT_EVENTS = 256,
	OUTPUT_MAX = 64 << 10, /* of each stream, so that one event always fits in a frame */
	FILES_MAX = 256 << 20, /* of artifacts that wait: a client that is gone is given up later */
};

struct feed_segment {
	struct feed_segment *next;
	struct arena arena;
	size_t n;
	size_t file_bytes;
	struct msg_run_event events[SEGMENT_EVENTS];
};

static void drop_first(struct feed *feed)
{
	struct feed_segment *segment = feed->first;
	feed->first = segment->next;
	if (!feed->first)
		feed->last = NULL;
	feed->begin += segment->n;
	feed->file_bytes -= segment->file_bytes;
	feed->bytes -= segment->arena.total_bytes + sizeof(*segment);
	arena_done(&segment->arena);
	free(segment);
}

void feed_done(struct feed *feed)
{
	while (feed->first)
		drop_first(feed);
	*feed = (struct feed){ 0 };
}

void feed_start(struct feed *feed, uint64_t from)
{
	feed_done(feed);
	feed->begin = feed->end = from;
}

static struct feed_segment *room(struct feed *feed)
{
	if (feed->last && feed->last->n < SEGMENT_EVENTS)
		return feed->last;
	struct feed_segment *segment = calloc(1, sizeof(*segment));
	if (!segment)
		return NULL;
	if (feed->last)
		feed->last->next = segment;
	else
		feed->first = segment;
	feed->last = segment;
	feed->bytes += sizeof(*segment);
	return segment;
}

/* Head and tail of a text with a line between that says what is missing; it is counted as dropped.
 */
static struct str shorten(struct str text, struct arena *arena, uint64_t *dropped_bytes)
{
	static const char gap[] = "\n[... the middle of this output was left out ...]\n";
	if (text.len <= OUTPUT_MAX)
		return text;
	size_t half = (OUTPUT_MAX - sizeof(gap)) / 2;
	char *out = arena_alloc(arena, 2 * half + sizeof(gap));
	if (!out) {
		*dropped_bytes += text.len - OUTPUT_MAX;
		return (struct str){ text.data, OUTPUT_MAX };
	}
	*dropped_bytes += text.len - 2 * half;
	memcpy(out, text.data, half);
	memcpy(out + half, gap, sizeof(gap) - 1);
	memcpy(out + half + sizeof(gap) - 1, text.data + text.len - half, half);
	return (struct str){ out, 2 * half + sizeof(gap) - 1 };
}

/* An artifact's piece goes whole, since it fits in a frame by its limit, or not at all. */
static void add_piece(struct feed *feed, struct feed_segment *segment, struct msg_run_event *event)
{
	if (feed->file_bytes + event->out.len > FILES_MAX) {
		event->out = (struct str){ .data = "" };
		event->more = 0;
		event->message = STR_LIT("not whole: the client was too slow to take it");
	}
	segment->file_bytes += event->out.len;
	feed->file_bytes += event->out.len;
}

int feed_add(struct feed *feed, const struct msg_run_event *event)
{
	struct feed_segment *segment = room(feed);
	if (!segment)
		return -ENOMEM;
	size_t before = segment->arena.total_bytes;
	struct msg_run_event small = *event;
	if (event->kind == MSG_RUN_ARTIFACT)
		add_piece(feed, segment, &small);
	else
		small.out = shorten(event->out, &segment->arena, &small.dropped_bytes);
	small.err = shorten(event->err, &segment->arena, &small.dropped_bytes);
	int r = record_copy(&msg_record_run_event, &small, &segment->events[segment->n],
			    &segment->arena);
	feed->bytes += segment->arena.total_bytes - before;
	if (r < 0)
		return r;
	segment->n++;
	feed->end++;
	return 0;
}

void feed_forget(struct feed *feed, uint64_t from)
{
	while (feed->first && feed->first->n == SEGMENT_EVENTS &&
	       feed->begin + feed->first->n <= from)
		drop_first(feed);
}

size_t feed_fetch(const struct feed *feed, uint64_t from, struct msg_run_event *events, size_t max,
		  size_t max_bytes)
{
	size_t n = 0, bytes = 0;
	uint64_t number = feed->begin;
	for (const struct feed_segment *segment = feed->first; segment; segment = segment->next) {
		for (size_t i = 0; i < segment->n; i++, number++) {
			if (number < from)
				continue;
			size_t size = msg_size(&msg_record_run_event, &segment->events[i]);
			if (n == max || bytes + size > max_bytes)
				return n;
			bytes += size;
			events[n++] = segment->events[i];
		}
	}
	ASSERT(number == feed->end);
	return n;
}
