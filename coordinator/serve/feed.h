// SPDX-License-Identifier: Apache-2.0
/*
 * feed.h - the events of a run kept for a client that fetches them in pieces. Numbered from 0;
 * asking from N says that everything below N arrived, so it is forgotten. A client that does not
 * fetch for long costs no more than FEED_BYTES: what comes beyond is only counted here, and read
 * from the journal once it asks.
 */
#ifndef PADDOCK_SERVE_FEED_H
#define PADDOCK_SERVE_FEED_H

#include "protocol/base/arena.h"
#include "protocol/wire/msg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FEED_BYTES = 16 << 20 }; /* held for one client, about, artifacts aside */

struct feed_segment;

struct feed {
	struct feed_segment *first, *last;
	uint64_t begin, held; /* numbers in memory: [begin, held) */
	uint64_t end;	      /* ... and only in the journal: [held, end) */
	uint64_t unstored;    /* numbers below `held` that the journal does not have */
	size_t bytes;	      /* in memory, artifacts aside */
	size_t file_bytes;    /* of artifacts */
};

/* Free everything and zero. Accepts a zeroed one. */
void feed_done(struct feed *feed);

/* Is what comes now to be counted only, where the journal has it? */
bool feed_is_full(const struct feed *feed);

/* Count an event that the journal has; pieces of artifacts, which it has not, are passed over. */
void feed_count(struct feed *feed, const struct msg_run_event *event);

/*
 * Keep a deep copy, of a feed that is not full; outputs too large for a frame lose their middle,
 * and artifacts their content while too many bytes of them wait for the client. 0 or -ENOMEM.
 */
int feed_add(struct feed *feed, const struct msg_run_event *event);

/*
 * A copy in the arena of an event from the journal, as feed_add keeps it; an artifact says that its
 * content is not there. 0 or -ENOMEM.
 */
int feed_copy(const struct msg_run_event *event, struct arena *arena,
	      struct msg_run_event *ret_event);

/* Forget what lies below `from`, whole segments at a time. */
void feed_forget(struct feed *feed, uint64_t from);

/*
 * Copy the events from number `from` into events[0..max), as many as are in memory and fit in
 * max_bytes on the wire; shallow: valid until the next add or forget. Returns how many.
 */
size_t feed_fetch(const struct feed *feed, uint64_t from, struct msg_run_event *events, size_t max,
		  size_t max_bytes);

#endif
