// SPDX-License-Identifier: Apache-2.0
/*
 * spool.c - a queue of batches of events.
 *
 * Invariants: a batch's encoded size is at most SPOOL_BATCH_BYTES and its events at most
 * LIMIT_EVENTS; only the last batch grows, and not once it was given out (`sealed`), so that a
 * report sent again has the same bytes. Batches keep their order, also on disk, where each batch is
 * one record or several in one file; what is read back becomes a batch per record.
 */
#include "worker/spool.h"

#include "protocol/base/arena.h"
#include "protocol/base/assert.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"
#include "protocol/base/vec.h"
#include "protocol/wire/record.h"
#include "worker/disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct batch {
	struct batch *next;
	struct arena arena; /* what the events point to */
	struct msg_event *items;
	size_t len, cap;
	size_t bytes;	/* as encoded */
	size_t written; /* events on disk */
	uint64_t file;	/* where; 0: none yet */
	bool sealed;
};

struct spool {
	struct batch *first, *last;
	struct batch
		*spare; /* one emptied batch, kept so that a trickle of events does not allocate */
	size_t bytes, cap_bytes;
	struct disk *disk; /* NULL: in memory only */
	struct buf frame;
	struct arena arena; /* of the record being read */
	uint64_t sync_us;   /* when what is written is synced; 0: all is */
	uint64_t retry_us;  /* when what could not be written is tried again; 0: nothing */
	int trouble;	    /* -errno of the last try, 0: none */
};

/* A receipt is faster than this nearly always, and saves the sync. */
#define SYNC_US	 (50 * CLOCK_US_PER_MS)
#define RETRY_US CLOCK_US_PER_S

struct spool *spool_new(size_t cap_bytes)
{
	struct spool *spool = calloc(1, sizeof(*spool));
	if (spool)
		spool->cap_bytes = cap_bytes;
	return spool;
}

static void batch_free(struct batch *batch)
{
	if (!batch)
		return;
	arena_done(&batch->arena);
	VEC_DONE(batch);
	free(batch);
}

void spool_free(struct spool *spool)
{
	if (!spool)
		return;
	for (struct batch *batch = spool->first, *next; batch; batch = next) {
		next = batch->next;
		batch_free(batch);
	}
	batch_free(spool->spare);
	disk_close(spool->disk);
	buf_done(&spool->frame);
	arena_done(&spool->arena);
	free(spool);
}

static struct batch *add_batch(struct spool *spool)
{
	struct batch *batch = spool->spare;
	spool->spare = NULL;
	if (!batch)
		batch = calloc(1, sizeof(*batch));
	if (!batch)
		return NULL;
	if (spool->last)
		spool->last->next = batch;
	else
		spool->first = batch;
	spool->last = batch;
	return batch;
}

static bool fits(const struct msg_record *describe, const void *record);

/* Is one field within the wire's limits? A report that could not be encoded would block all that
 * follow. */
static bool field_fits(const struct msg_field *field, const char *base)
{
	const char *at = base + field->offset;
	size_t n = 0;
	const char *items = NULL;
	switch (field->type) {
	case MSG_FIELD_U64: return *(const uint64_t *)(const void *)at <= field->max;
	case MSG_FIELD_STR:
	case MSG_FIELD_BIN: return ((const struct str *)(const void *)at)->len <= field->max;
	case MSG_FIELD_STRS:
	case MSG_FIELD_LIST: break;
	}
	memcpy(&n, base + field->count_offset, sizeof(n));
	memcpy(&items, at, sizeof(items));
	if (n > field->max_items)
		return false;
	for (size_t i = 0; i < n; i++)
		if (field->type == MSG_FIELD_LIST
			    ? !fits(field->record, items + i * field->record->bytes)
			    : ((const struct str *)(const void *)items)[i].len > field->max)
			return false;
	return true;
}

static bool fits(const struct msg_record *describe, const void *record)
{
	for (size_t i = 0; i < describe->n_fields; i++)
		if (!field_fits(&describe->fields[i], record))
			return false;
	return true;
}

static bool has_room(const struct batch *batch, size_t bytes)
{
	return batch && !batch->sealed && batch->len < LIMIT_EVENTS &&
	       batch->bytes + bytes <= SPOOL_BATCH_BYTES;
}

int spool_put(struct spool *spool, const struct msg_event *event)
{
	size_t bytes = msg_size(&msg_record_event, event);
	if (bytes > SPOOL_BATCH_BYTES || !fits(&msg_record_event, event))
		return -EMSGSIZE;
	struct batch *batch = has_room(spool->last, bytes) ? spool->last : add_batch(spool);
	if (!batch || VEC_RESERVE(batch, 1) < 0)
		return -ENOMEM;
	if (record_copy(&msg_record_event, event, &batch->items[batch->len], &batch->arena) < 0)
		return -ENOMEM;
	batch->len++;
	batch->bytes += bytes;
	spool->bytes += bytes;
	ASSERT(batch->bytes <= SPOOL_BATCH_BYTES && batch->len <= LIMIT_EVENTS);
	return 0;
}

bool spool_is_full(const struct spool *spool)
{
	return spool->bytes >= spool->cap_bytes;
}

bool spool_is_empty(const struct spool *spool)
{
	return spool->bytes == 0;
}

size_t spool_bytes(const struct spool *spool)
{
	return spool->bytes;
}

size_t spool_front(struct spool *spool, struct msg_event **ret_events)
{
	struct batch *batch = spool->first;
	if (!batch || !batch->len)
		return 0;
	batch->sealed = true;
	*ret_events = batch->items;
	return batch->len;
}

void spool_drop(struct spool *spool)
{
	struct batch *batch = spool->first;
	ASSERT(batch);
	ASSERT(batch->sealed);
	spool->bytes -= batch->bytes;
	if (batch->file)
		disk_release(spool->disk, batch->file);
	spool->first = batch->next;
	if (!spool->first)
		spool->last = NULL;
	if (spool->spare || batch->arena.total_bytes > 64 << 10) {
		batch_free(batch);
		return;
	}
	arena_clear(&batch->arena);
	batch->next = NULL;
	batch->len = batch->bytes = batch->written = 0;
	batch->file = 0;
	batch->sealed = false;
	spool->spare = batch;
}

/* ---- on disk ---- */

/* A record of an earlier worker: a batch of its own, written already. */
static int take_record(void *data, struct str record, uint64_t file)
{
	struct spool *spool = data;
	struct err err = { 0 };
	void *message;
	arena_clear(&spool->arena);
	if (msg_decode(record, &spool->arena, &message, &err) != MSG_REPORT)
		return err.code ? err.code : -EBADMSG;
	const struct msg_report *report = message;
	if (!report->n_events)
		return -EBADMSG;
	for (size_t i = 0; i < report->n_events; i++) {
		int r = spool_put(spool, &report->events[i]);
		if (r < 0)
			return r;
	}
	spool->last->written = spool->last->len;
	spool->last->file = file;
	spool->last->sealed = true; /* what follows belongs into a file that is written now */
	return 0;
}

int spool_keep(struct spool *spool, const char *dir, const char *name, struct err *err)
{
	ASSERT(!spool->disk && !spool->first);
	buf_init(&spool->frame, LIMIT_FRAME_BYTES);
	int r = disk_open(dir, name, take_record, spool, &spool->disk, err);
	if (r == 0 && spool->first)
		LOG_INFO("spool_found", "folder=%s bytes=%zu; they are told now",
			 disk_folder(spool->disk), spool->bytes);
	return r;
}

static int write_batch(struct spool *spool, struct batch *batch)
{
	if (!batch->file)
		batch->file = disk_hold(spool->disk);
	if (!batch->file)
		return -ENOSPC;
	struct msg_report report = { .events = batch->items + batch->written,
				     .n_events = batch->len - batch->written };
	int r = msg_encode(MSG_REPORT, &report, &spool->frame, NULL);
	r = r < 0 ? r : disk_append(spool->disk, buf_str(&spool->frame));
	if (r == 0)
		batch->written = batch->len;
	return r;
}

/* The oldest batch with something unwritten. Writing goes in order, so most are written. */
static int write_all(struct spool *spool)
{
	int r = 0;
	for (struct batch *batch = spool->first; batch && r == 0; batch = batch->next)
		if (batch->written < batch->len)
			r = write_batch(spool, batch);
	return r;
}

static void note_trouble(struct spool *spool, int r, uint64_t now_us)
{
	if (r < 0 && !spool->trouble)
		LOG_ERROR("spool_not_written",
			  "folder=%s reason=%s; results are held in memory, and no work is taken "
			  "until there is room",
			  disk_folder(spool->disk), strerror(-r));
	else if (r == 0 && spool->trouble)
		LOG_INFO("spool_written", "folder=%s; work is taken again",
			 disk_folder(spool->disk));
	spool->trouble = r;
	spool->retry_us = r < 0 ? now_us + RETRY_US : 0;
}

int spool_write(struct spool *spool, uint64_t now_us)
{
	if (!spool->disk || spool->retry_us > now_us)
		return spool->trouble;
	int r = write_all(spool);
	if (r == 0 && spool->sync_us && spool->sync_us <= now_us)
		r = disk_sync(spool->disk);
	if (!disk_is_unsynced(spool->disk))
		spool->sync_us = 0;
	else if (!spool->sync_us)
		spool->sync_us = now_us + SYNC_US;
	if (r < 0 || spool->trouble)
		note_trouble(spool, r, now_us);
	return r;
}

uint64_t spool_deadline_us(const struct spool *spool)
{
	uint64_t at = spool->sync_us ? spool->sync_us : UINT64_MAX;
	return spool->retry_us && (spool->trouble || spool->retry_us < at) ? spool->retry_us : at;
}

bool spool_is_troubled(const struct spool *spool)
{
	return spool->trouble != 0;
}

struct disk *spool_disk(const struct spool *spool)
{
	return spool->disk;
}
