// SPDX-License-Identifier: Apache-2.0
/*
 * journal.h - the events of runs as rows: held in memory until flushed, interned when written,
 * handed out again in order. Works on an open database; transactions are the caller's.
 */
#ifndef PADDOCK_COORDINATOR_HISTORY_JOURNAL_H
#define PADDOCK_COORDINATOR_HISTORY_JOURNAL_H

#include "coordinator/history/db.h"
#include "protocol/wire/msg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* SQL: the events of run number ?1, ?2; places in a run count from 1. */
#define JOURNAL_OF_RUN	 "events.id BETWEEN ?1 << 32 AND (?1 << 32) + 4294967295"
#define JOURNAL_OF_RUN_2 "events.id BETWEEN ?2 << 32 AND (?2 << 32) + 4294967295"

struct journal;

/* A journal that refuses to hold more than cap_bytes. NULL on no memory. */
struct journal *journal_new(size_t cap_bytes);

/* Free it; what was not flushed is dropped. Accepts NULL. */
void journal_free(struct journal *journal);

/* Another cap. */
void journal_hold(struct journal *journal, size_t cap_bytes);

/* Hold a copy of an event. 0, -ENOMEM, -ENOBUFS past the cap. */
int journal_add(struct journal *journal, uint64_t run, const struct msg_run_event *event);

/* Hold a copy of a decision, in order with the events; as journal_add. */
int journal_add_decision(struct journal *journal, uint64_t run, struct str frame);

/* Bytes held. */
size_t journal_pending_bytes(const struct journal *journal);

/* Write what is held; the caller is in a transaction and then calls journal_flushed. 0 or -errno
 * with err. */
int journal_flush(struct journal *journal, struct db *db, struct err *err);

/* The transaction of journal_flush was committed (forget what was held), or rolled back (keep it,
 * forget row numbers). */
void journal_flushed(struct journal *journal, bool committed);

/* Hand out a run's events in order; a negative return of each stops and is returned. */
int journal_replay(struct db *db, uint64_t run,
		   int (*each)(void *data, const struct msg_run_event *event), void *data,
		   struct err *err);

/*
 * Hand out events and decisions of a run in the order they were added. A negative return of either
 * stops and is returned.
 */
int journal_recall(struct db *db, uint64_t run,
		   int (*event)(void *data, const struct msg_run_event *event),
		   int (*decision)(void *data, struct str frame), void *data, struct err *err);

/* As journal_replay, from number `from` on; the first is 0. */
int journal_replay_from(struct db *db, uint64_t run, uint64_t from,
			int (*each)(void *data, const struct msg_run_event *event), void *data,
			struct err *err);

#endif
