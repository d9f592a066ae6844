// SPDX-License-Identifier: Apache-2.0
/*
 * spool.c - a queue of batches of events.
 *
 * Invariants: a batch's encoded size is at most SPOOL_BATCH_BYTES and its events at most
 * LIMIT_EVENTS; only the last batch grows, and not once it was given out (`sealed`), so that a
 * report sent again has the same bytes. Batches keep their order. Not a store: what must outlive
 * the worker's death needs a file behind the same calls.
 */
#include "worker/spool.h"

#include "protocol/base/arena.h"
#include "protocol/base/assert.h"
#include "protocol/base/vec.h"
#include "protocol/wire/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct batch {
	struct batch *next;
	struct arena arena; /* what the events point to */
	struct msg_event *items;
	size_t len, cap;
	size_t bytes; /* as encoded */
	bool sealed;
};

struct spool {
	struct batch *first, *last;
	struct batch
		*spare; /* one emptied batch, kept so that a trickle of events does not allocate */
	size_t bytes, cap_bytes;
};

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
	spool->first = batch->next;
	if (!spool->first)
		spool->last = NULL;
	if (spool->spare || batch->arena.total_bytes > 64 << 10) {
		batch_free(batch);
		return;
	}
	arena_clear(&batch->arena);
	batch->next = NULL;
	batch->len = batch->bytes = 0;
	batch->sealed = false;
	spool->spare = batch;
}
