// SPDX-License-Identifier: Apache-2.0
/*
 * args.h - argument vectors in an arena. Failures are remembered and told once, at the end.
 */
#ifndef PADDOCK_WORKER_ADAPT_ARGS_H
#define PADDOCK_WORKER_ADAPT_ARGS_H

#include "protocol/base/buf.h"
#include "worker/adapt/adapt.h"

enum {
	/* Of one process's arguments, far below the kernel's MAX_ARG_STRLEN (128 KiB for one) and
	   ARG_MAX (2 MiB for all). */
	ARGS_BYTES = 100 << 10,
};

struct args {
	struct arena *arena;
	const char **items;
	size_t len, cap, bytes; /* bytes of all words with their NULs */
	bool failed;
};

/* An empty vector. */
void args_init(struct args *args, struct arena *arena);

/* Append a word; the second form copies. */
void args_add(struct args *args, const char *word);
void args_add_str(struct args *args, struct str word); /* as args_add */
/* Append a formatted word. */
void args_printf(struct args *args, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Append what starts the program: its command words, else its path. */
void args_program(struct args *args, const struct adapt_program *program);

/* The NULL-terminated vector, or NULL when memory ran out on the way. */
const char **args_take(struct args *args);

#endif
