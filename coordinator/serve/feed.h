// SPDX-License-Identifier: Apache-2.0
/*
 * feed.h - the events of a run kept for a client that fetches them in pieces. Numbered from 0;
 * asking from N says that everything below N arrived, so it is forgotten.
 */
#ifndef PADDOCK_SERVE_FEED_H
#define PADDOCK_SERVE_FEED_H

#include "protocol/base/arena.h"
#include "protocol/wire/msg.h"

#include <stddef.h>
#include <stdint.h>

struct feed_segment;

struct feed {
	struct feed_segment *first, *last;
	uint64_t begin, end; /* numbers held: [begin, end) */
	size_t file_bytes;   /* of artifacts in them */
	size_t bytes;	     /* of all that is held */
};

/* Free everything and zero. Accepts a zeroed one. */
void feed_done(struct feed *feed);

/* Forget everything; the next event added is number `from`. */
void feed_start(struct feed *feed, uint64_t from);

/*
 * Keep a deep copy; outputs too large for a frame lose their middle, and artifacts their content
 * while too many bytes of them wait for the client. 0 or -ENOMEM.
 */
int feed_add(struct feed *feed, const struct msg_run_event *event);

/* Forget what lies below `from`, whole segments at a time. */
void feed_forget(struct feed *feed, uint64_t from);

/*
 * Copy the events from number `from` into events[0..max), as many as fit in max_bytes on the wire;
 * shallow: valid until the next add or forget. Returns how many.
 */
size_t feed_fetch(const struct feed *feed, uint64_t from, struct msg_run_event *events, size_t max,
		  size_t max_bytes);

#endif
