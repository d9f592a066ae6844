// SPDX-License-Identifier: Apache-2.0
/* peek.h - as much of a file as it takes to tell what it is: a program whole, of others the head.
 */
#ifndef PADDOCK_CLI_PEEK_H
#define PADDOCK_CLI_PEEK_H

#include "protocol/base/buf.h"
#include "protocol/base/str.h"

#include <stddef.h>

enum { PEEK_HEAD_BYTES = 64 << 10 };

/* Zeroed is empty. */
struct peek {
	struct str bytes; /* valid until peek_done */
	void *mapped;
	size_t mapped_bytes;
	struct buf head;
};

/* Look into a regular file. 0 or -errno; the caller calls peek_done in any case. Blocks. */
int peek_open(const char *path, struct peek *peek);

/* Let go of it. Accepts zeroed. */
void peek_done(struct peek *peek);

#endif
