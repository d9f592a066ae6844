// SPDX-License-Identifier: Apache-2.0
/*
 * capture.h - what one case printed on one stream: the head and the tail of it within a cap, what
 * lies between is counted and dropped. Appending never fails and never blocks, so that a test can
 * always write. A zeroed struct has cap 0.
 */
#ifndef PADDOCK_WORKER_CAPTURE_H
#define PADDOCK_WORKER_CAPTURE_H

#include "protocol/base/buf.h"
#include "protocol/base/str.h"

#include <stddef.h>
#include <stdint.h>

enum {
	CAPTURE_PIECES = 4, /* head, the mark of a gap, and a tail that may wrap */
	CAPTURE_MARK_BYTES = 64,
};

struct capture {
	char *head, *tail; /* allocated as they fill */
	size_t head_len, head_size;
	size_t tail_len, tail_size;
	size_t tail_at;	      /* where the next byte of a full tail goes */
	size_t half_bytes;    /* cap of either half */
	uint64_t total_bytes; /* all that was ever appended */
};

/* Empty capture that keeps cap_bytes, half of it head and half tail. Allocates nothing. */
void capture_init(struct capture *capture, size_t cap_bytes);

/* Free the memory and zero. Accepts NULL and zeroed. */
void capture_done(struct capture *capture);

/* Forget what was kept; the memory stays for the next case. */
void capture_clear(struct capture *capture);

/* Bytes arrived. What does not fit, or finds no memory, is counted as dropped. */
void capture_append(struct capture *capture, struct str bytes);

/* How many bytes were appended but are not kept. */
uint64_t capture_dropped(const struct capture *capture);

/*
 * What is kept, in order, as up to CAPTURE_PIECES views valid until the next change; `mark` is room
 * for a line that tells of the gap. Returns how many.
 */
size_t capture_views(const struct capture *capture, char mark[CAPTURE_MARK_BYTES],
		     struct str ret_pieces[CAPTURE_PIECES]);

/* Append the last bytes of what is kept, at most max_bytes, to buf. 0, or buf_append's errors. */
int capture_put_tail(const struct capture *capture, size_t max_bytes, struct buf *buf);

/*
 * Append text to buf so that it can be shown: invalid UTF-8 becomes U+FFFD, control bytes other
 * than newline and tab become "\xNN". Stops where buf is full; never splits a character. 0,
 * -ENOMEM.
 */
int capture_put_safe(struct str text, struct buf *buf);

#endif
