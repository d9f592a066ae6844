// SPDX-License-Identifier: Apache-2.0
/*
 * spool.h - events that the coordinator has not acknowledged yet, in batches that each fit one
 * report. The oldest batch is what travels; a receipt drops it. Held in memory, and with a folder
 * also on disk: then they outlive the worker, and are there again when it is started anew.
 */
#ifndef PADDOCK_WORKER_SPOOL_H
#define PADDOCK_WORKER_SPOOL_H

#include "protocol/base/err.h"
#include "protocol/wire/msg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	/* Above this the tests' pipes are no longer read, so that a coordinator out of reach costs
	   this much and no more. */
	SPOOL_CAP_BYTES = 64 << 20,
	/* Of one batch as encoded: a frame less the head of the report. */
	SPOOL_BATCH_BYTES = LIMIT_FRAME_BYTES - 4096,
};

struct spool;
struct disk;

/*
 * An empty spool that is full at cap_bytes; the caller frees it with spool_free. NULL on no memory.
 */
struct spool *spool_new(size_t cap_bytes);

/*
 * Keep everything on disk from now on: in a folder of its own for worker `name` in `dir`, from
 * which what an earlier worker left is read first. 0, or -errno with err.
 */
int spool_keep(struct spool *spool, const char *dir, const char *name, struct err *err);

/*
 * Write what came since the last time, so that it outlives this process, and, when it has waited
 * long enough for its receipt, sync it, so that it outlives the machine. For each round of the
 * loop. 0; -errno: it could not be written and is tried again with the next call; see
 * spool_is_troubled.
 */
int spool_write(struct spool *spool, uint64_t now_us);

/* When spool_write has to be called at the latest; UINT64_MAX: never. */
uint64_t spool_deadline_us(const struct spool *spool);

/* Is there something that could not be written? Then no work is to be taken: its results would
 * be held by nothing but this process. */
bool spool_is_troubled(const struct spool *spool);

/* Where it is kept; NULL: in memory only. */
struct disk *spool_disk(const struct spool *spool);

/* Free it with what it holds. Accepts NULL. */
void spool_free(struct spool *spool);

/*
 * Add a copy of an event; beyond the cap too: a verdict is never refused, whoever produces bulk
 * asks spool_is_full first. 0, -EMSGSIZE when a field passes its limit or the event a batch,
 * -ENOMEM.
 */
int spool_put(struct spool *spool, const struct msg_event *event);

/* Is the cap reached? */
bool spool_is_full(const struct spool *spool);

/* Is nothing waiting? */
bool spool_is_empty(const struct spool *spool);

/* Bytes that wait behind the oldest batch or in it, as encoded: whether sending is worth it yet. */
size_t spool_bytes(const struct spool *spool);

/*
 * The oldest batch, which takes no more events from now on; the same one until spool_drop. Events
 * belong to the spool. Returns their number, 0 when the spool is empty.
 */
size_t spool_front(struct spool *spool, struct msg_event **ret_events);

/* The oldest batch, given out by spool_front, is durable elsewhere: forget it. */
void spool_drop(struct spool *spool);

#endif
