// SPDX-License-Identifier: Apache-2.0
/*
 * lines.h - cuts a stream into lines of bounded length, the same ones however the bytes arrive.
 */
#ifndef PADDOCK_WORKER_ADAPT_LINES_H
#define PADDOCK_WORKER_ADAPT_LINES_H

#include "protocol/base/buf.h"

#include <stdbool.h>

enum {
	LINES_BYTES =
		64
		<< 10, /* the longest line kept; what a test prints without newline is unbounded */
};

struct lines {
	struct buf pending;
	bool keep_tail; /* of a line too long: drop its older half whenever it is full; else keep
			   its head */
	bool cut;	/* the pending line has lost bytes */
};

/* Ready for bytes. `keep_tail`: what stays of a line longer than LINES_BYTES is its end, else its
 * head. */
void lines_init(struct lines *lines, bool keep_tail);

/* Free. Accepts NULL and zeroed. */
void lines_done(struct lines *lines);

/*
 * The next whole line of *bytes, without its newline ("\r" before it goes too): true with the line,
 * valid until the next call, and *bytes moved on; false when *bytes is used up, its rest being kept
 * for the next call.
 */
bool lines_next(struct lines *lines, struct str *bytes, struct str *ret_line);

/* The last line, which had no newline: true once, when there is one. */
bool lines_last(struct lines *lines, struct str *ret_line);

#endif
