// SPDX-License-Identifier: Apache-2.0
/* args.c - argument vectors. Old arrays stay in the arena until it goes: they double, so at most
 * twice the memory. */
#include "worker/adapt/args.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void args_init(struct args *args, struct arena *arena)
{
	*args = (struct args){ .arena = arena };
}

static bool grow(struct args *args)
{
	size_t cap = args->cap ? args->cap * 2 : 16;
	const char **items = arena_alloc(args->arena, cap * sizeof(*items));
	if (!items)
		return false;
	if (args->len)
		memcpy(items, args->items, args->len * sizeof(*items));
	args->items = items;
	args->cap = cap;
	return true;
}

void args_add(struct args *args, const char *word)
{
	/* one place is kept for the NULL at the end */
	if (!word || (args->len + 1 >= args->cap && !grow(args))) {
		args->failed = true;
		return;
	}
	args->items[args->len++] = word;
	args->items[args->len] = NULL;
	args->bytes += strlen(word) + 1;
}

void args_add_str(struct args *args, struct str word)
{
	args_add(args, arena_copy(args->arena, word));
}

void args_printf(struct args *args, const char *fmt, ...)
{
	struct buf text;
	va_list ap;
	buf_init(&text, 4 << 20);
	va_start(ap, fmt);
	int r = buf_vprintf(&text, fmt, ap);
	va_end(ap);
	args_add(args, r < 0 ? NULL : arena_copy(args->arena, buf_str(&text)));
	buf_done(&text);
}

void args_program(struct args *args, const struct adapt_program *program)
{
	for (size_t i = 0; i < program->n_args; i++)
		args_add_str(args, program->args[i]);
	if (!program->n_args)
		args_add_str(args, program->path);
}

const char **args_take(struct args *args)
{
	return args->failed || !args->len ? NULL : args->items;
}
