// SPDX-License-Identifier: Apache-2.0
/*
 * arena.h - memory that is freed all at once: names and argument lists that live as long as a run.
 * Pointers stay valid until arena_done. A zeroed arena is empty and ready.
 */
#ifndef PADDOCK_BASE_ARENA_H
#define PADDOCK_BASE_ARENA_H

#include "protocol/base/str.h"

struct arena_block;

struct arena {
	struct arena_block *last;
	size_t used, size;  /* of the last block */
	size_t total_bytes; /* of all blocks */
};

/* Free all blocks and zero. Accepts NULL and zeroed. */
void arena_done(struct arena *arena);

/*
 * Forget everything but keep the newest block for reuse, so that a steady rhythm of fill and clear
 * allocates nothing.
 */
void arena_clear(struct arena *arena);

/* `bytes` of zeroed memory, aligned for any type; NULL on no memory. */
void *arena_alloc(struct arena *arena, size_t bytes);

/* NUL-terminated copy of a view, or NULL on no memory. */
char *arena_copy(struct arena *arena, struct str text);

/* Formatted copy, or NULL on no memory. */
char *arena_printf(struct arena *arena, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
