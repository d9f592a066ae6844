// SPDX-License-Identifier: Apache-2.0
/* relay.h - what the payload of a one-shot run writes, passed on up to a limit. */
#ifndef PADDOCK_SANDBOX_RELAY_H
#define PADDOCK_SANDBOX_RELAY_H

#include <limits.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>

enum { RELAY_STREAMS = 2 };

struct relay {
	struct relay_stream {
		int from; /* -1: over */
		int to;
		size_t at, end; /* of what waits for room */
		char waiting[PIPE_BUF];
	} streams[RELAY_STREAMS];
	uint64_t left_bytes;
	uint64_t dropped_bytes;
};

/*
 * Puts pipes in the place of fds[1] and fds[2], one where our own two lead to the same file, so
 * that the order stays. SIGPIPE must be blocked. 0 or -errno.
 */
int relay_open(struct relay *relay, uint64_t bytes, int fds[3]);

/* What to poll for. Returns how many that is; 0 for no relay (NULL). */
nfds_t relay_await(const struct relay *relay, struct pollfd polled[RELAY_STREAMS]);

/* Does what poll found can be done without blocking. Accepts NULL. */
void relay_move(struct relay *relay, const struct pollfd polled[RELAY_STREAMS]);

/* The writers are dead: passes on what they left. Waits no longer than two seconds for a reader
 * that takes nothing, and drops the rest. Accepts NULL. */
void relay_drain(struct relay *relay);

#endif
