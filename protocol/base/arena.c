// SPDX-License-Identifier: Apache-2.0
/*
 * arena.c - a chain of blocks, each twice the last up to 1 MiB; a request larger than a block gets
 * one of its own.
 */
#include "protocol/base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arena_block {
	struct arena_block *before;
	alignas(max_align_t) char data[];
};

void arena_done(struct arena *arena)
{
	if (!arena)
		return;
	for (struct arena_block *block = arena->last, *before; block; block = before) {
		before = block->before;
		free(block);
	}
	*arena = (struct arena){ 0 };
}

void arena_clear(struct arena *arena)
{
	struct arena_block *kept = arena->last;
	if (!kept)
		return;
	for (struct arena_block *block = kept->before, *before; block; block = before) {
		before = block->before;
		free(block);
	}
	memset(kept->data, 0, arena->used);
	kept->before = NULL;
	arena->used = 0;
	arena->total_bytes = arena->size;
}

static bool add_block(struct arena *arena, size_t at_least)
{
	size_t size = arena->size ? arena->size * 2 : 1024;
	if (size > 1 << 20)
		size = 1 << 20;
	if (size < at_least)
		size = at_least;
	struct arena_block *block = calloc(1, sizeof(*block) + size);
	if (!block)
		return false;
	block->before = arena->last;
	arena->last = block;
	arena->used = 0;
	arena->size = size;
	arena->total_bytes += size;
	return true;
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
	size_t align = alignof(max_align_t);
	if (bytes > SIZE_MAX / 2)
		return NULL;
	bytes = (bytes + align - 1) / align * align;
	bool fits = arena->last && bytes <= arena->size - arena->used;
	if (!fits && !add_block(arena, bytes))
		return NULL;
	void *at = arena->last->data + arena->used;
	arena->used += bytes;
	return at;
}

char *arena_copy(struct arena *arena, struct str text)
{
	char *copy = arena_alloc(arena, text.len + 1);
	if (copy && text.len)
		memcpy(copy, text.data, text.len);
	return copy;
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	char *text = n < 0 ? NULL : arena_alloc(arena, (size_t)n + 1);
	if (text)
		vsnprintf(text, (size_t)n + 1, fmt, again);
	va_end(again);
	va_end(ap);
	return text;
}
