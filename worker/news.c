// SPDX-License-Identifier: Apache-2.0
/*
 * news.c - events of attempts. Everything a test had a hand in (names of found cases, messages) is
 * cut and made safe here; raw output travels as bytes. Not for deciding what is worth telling:
 * attempt.c does.
 */
#include "worker/news.h"

#include "protocol/base/assert.h"
#include "protocol/base/log.h"
#include "protocol/base/vec.h"
#include "worker/stage.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LISTED_PIECE_BYTES = 512 << 10 };

/* A verdict that cannot be told is missed by the coordinator's ledger, which then calls the run
 * incomplete. */
static int put(struct news *news, struct msg_event *event)
{
	event->attempt = news->attempt;
	event->epoch = news->epoch;
	event->seq = ++news->seq;
	event->slot = news->slot;
	int r = spool_put(news->spool, event);
	if (r < 0)
		LOG_ERROR("event_lost", "attempt=%" PRIu64 " kind=%" PRIu64 " reason=%s",
			  news->attempt, event->kind, strerror(-r));
	return r;
}

void news_started(struct news *news, uint32_t index, uint64_t at_us)
{
	struct msg_event event = { .kind = MSG_EVENT_STARTED, .index = index, .at_us = at_us };
	put(news, &event);
}

void news_output(struct news *news, uint32_t index, enum news_stream stream,
		 const struct capture *capture)
{
	char mark[CAPTURE_MARK_BYTES];
	struct str pieces[CAPTURE_PIECES];
	size_t n = capture_views(capture, mark, pieces);
	for (size_t i = 0; i < n; i++)
		while (pieces[i].len) {
			size_t len = pieces[i].len < LIMIT_CHUNK_BYTES ? pieces[i].len
								       : LIMIT_CHUNK_BYTES;
			struct msg_event event = {
				.kind = MSG_EVENT_OUTPUT,
				.index = index,
				.stream = stream,
				.data = { pieces[i].data, len },
			};
			news->output_bytes += len; /* also when it is lost: then it is missed */
			put(news, &event);
			pieces[i].data += len;
			pieces[i].len -= len;
		}
}

void news_artifact(struct news *news, const struct news_artifact *artifact)
{
	struct msg_event event = {
		.kind = MSG_EVENT_ARTIFACT,
		.index = artifact->index,
		.name = artifact->path,
		.offset = artifact->offset,
		.dropped_bytes = artifact->zeros,
		.data = artifact->data,
		.more = artifact->more,
		.cases = artifact->cases,
		.message = artifact->why,
	};
	put(news, &event);
}

/* `text` as it may be shown, in at most `max` bytes: itself, or a copy in buf. */
static struct str safe(struct str text, size_t max, struct buf *buf)
{
	bool plain = text.len <= max;
	for (size_t i = 0; i < text.len && plain; i++)
		plain = (text.data[i] >= 0x20 && text.data[i] < 0x7f) || text.data[i] == '\n' ||
			text.data[i] == '\t';
	if (plain)
		return text;
	buf_init(buf, max);
	capture_put_safe(text, buf); /* no memory: what was copied so far */
	return buf_str(buf);
}

void news_ended(struct news *news, const struct shard_verdict *verdict, uint64_t dropped_bytes)
{
	struct buf name = { 0 }, message = { 0 };
	ASSERT(verdict->outcome < OUTCOME_MAX);
	struct msg_event event = {
		.kind = MSG_EVENT_ENDED,
		.index = verdict->index,
		.name = safe(verdict->name, LIMIT_NAME_BYTES, &name),
		.outcome = verdict->outcome,
		.duration_us = verdict->duration_us,
		.at_us = verdict->at_us,
		.cpu_us = verdict->cpu_us,
		.peak_bytes = verdict->peak_bytes,
		.exit_code = (uint64_t)verdict->exit_code & 255,
		.signal = (uint64_t)verdict->signal & 127,
		.dropped_bytes = dropped_bytes,
		.output_bytes = verdict->name.len ? 0 : news->output_bytes,
		.message = safe(verdict->message, LIMIT_TEXT_BYTES, &message),
	};
	if (!verdict->name.len)
		news->output_bytes = 0;
	put(news, &event);
	buf_done(&name);
	buf_done(&message);
}

static int put_piece(struct news *news, struct msg_listed *listed, size_t n, struct err *err)
{
	struct msg_event event = { .kind = MSG_EVENT_LISTED, .listed = listed, .n_listed = n };
	if (!n)
		return 0;
	int r = put(news, &event);
	if (r == -EMSGSIZE)
		return err_set(
			err, r,
			"a listed case is too large for the protocol (names %d, details %d bytes), "
			"between %.*s and %.*s",
			LIMIT_NAME_BYTES, LIMIT_DETAIL_BYTES,
			(int)(listed[0].name.len < 200 ? listed[0].name.len : 200),
			listed[0].name.data,
			(int)(listed[n - 1].name.len < 200 ? listed[n - 1].name.len : 200),
			listed[n - 1].name.data);
	return r < 0 ? err_errno(err, r, "keep the listing") : 0;
}

int news_listed(struct news *news, const struct adapt_cases *cases, struct err *err)
{
	struct {
		struct msg_listed *items;
		size_t len, cap;
	} piece = { 0 };
	size_t bytes = 0;
	int r = 0;
	for (size_t i = 0; i < cases->len && r == 0; i++) {
		struct msg_listed listed = stage_listed(&cases->items[i]);
		size_t size = msg_size(&msg_record_listed, &listed);
		if (piece.len == LIMIT_LISTED || bytes + size > LISTED_PIECE_BYTES) {
			r = put_piece(news, piece.items, piece.len, err);
			piece.len = bytes = 0;
		}
		bytes += size;
		if (r == 0 && VEC_PUSH(&piece, listed) < 0)
			r = err_set(err, -ENOMEM, "no memory for a listing of %zu cases",
				    cases->len);
	}
	if (r == 0)
		r = put_piece(news, piece.items, piece.len, err);
	VEC_DONE(&piece);
	return r;
}

void news_closed(struct news *news, enum msg_close_cause cause, const char *message,
		 const struct news_totals *totals)
{
	struct buf text = { 0 };
	struct msg_event event = {
		.kind = MSG_EVENT_CLOSED,
		.outcome = cause == MSG_CLOSE_FINE ? OUTCOME_PASS : OUTCOME_ERROR,
		.cause = cause,
		.message = safe(str_of(message), LIMIT_TEXT_BYTES, &text),
		.at_us = totals->at_us,
		.cpu_us = totals->cpu_us,
		.peak_bytes = totals->peak_bytes,
		.startup_us = totals->startup_us,
		.processes = totals->processes,
	};
	ASSERT(cause < MSG_CLOSE_MAX);
	put(news, &event);
	buf_done(&text);
}
