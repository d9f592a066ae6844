// SPDX-License-Identifier: Apache-2.0
/*
 * sample.c - walks the tables of msg.def, as the codec does, but on its own: a mistake in one shows
 * in the other.
 */
#include "tests/kit/sample.h"

#include "protocol/base/assert.h"

#include <string.h>

/* A number up to max, small and large ones alike often, and now and then max itself. */
static uint64_t number(struct rng *rng, uint64_t max)
{
	if (rng_below(rng, 16) == 0)
		return max;
	uint64_t value = rng_next(rng) >> rng_below(rng, 64);
	return max == UINT64_MAX ? value : value % (max + 1);
}

static struct str text(struct rng *rng, struct arena *arena, uint64_t max, size_t *left)
{
	uint64_t cap = rng_below(rng, 20) == 0 ? *left / 2 : 40;
	size_t len = rng_below(rng, (cap < max ? cap : max) + 1);
	if (len > *left)
		len = *left;
	char *bytes = arena_alloc(arena, len + 1);
	ASSERT(bytes);
	for (size_t i = 0; i < len; i++)
		bytes[i] = (char)rng_next(rng);
	*left -= len;
	return (struct str){ bytes, len };
}

static void fill(struct rng *rng, const struct msg_record *describe, void *record,
		 struct arena *arena, size_t *left);

static void fill_items(struct rng *rng, const struct msg_field *field, void *record,
		       struct arena *arena, size_t *left)
{
	bool texts = field->type == MSG_FIELD_STRS;
	size_t size = texts ? sizeof(struct str) : field->record->bytes;
	size_t n = rng_below(rng, 20) == 0 ? 40 : rng_below(rng, 4);
	if (n > field->max_items)
		n = field->max_items;
	if (n * 64 > *left)
		n = 0;
	char *items = n ? arena_alloc(arena, n * size) : NULL;
	for (size_t i = 0; i < n; i++)
		if (texts)
			((struct str *)(void *)items)[i] = text(rng, arena, field->max, left);
		else
			fill(rng, field->record, items + i * size, arena, left);
	memcpy((char *)record + field->offset, &items, sizeof(items));
	memcpy((char *)record + field->count_offset, &n, sizeof(n));
}

static void fill(struct rng *rng, const struct msg_record *describe, void *record,
		 struct arena *arena, size_t *left)
{
	size_t fixed = describe->n_fields * 9;
	*left -= fixed < *left ? fixed : *left;
	for (size_t i = 0; i < describe->n_fields; i++) {
		const struct msg_field *field = &describe->fields[i];
		char *at = (char *)record + field->offset;
		uint64_t value;
		struct str view;
		switch (field->type) {
		case MSG_FIELD_U64:
			value = number(rng, field->max);
			memcpy(at, &value, sizeof(value));
			break;
		case MSG_FIELD_STR:
		case MSG_FIELD_BIN:
			view = text(rng, arena, field->max, left);
			memcpy(at, &view, sizeof(view));
			break;
		case MSG_FIELD_STRS:
		case MSG_FIELD_LIST: fill_items(rng, field, record, arena, left); break;
		}
	}
}

void sample_fill(struct rng *rng, const struct msg_record *describe, void *record,
		 struct arena *arena, size_t bytes_max)
{
	size_t left = bytes_max;
	fill(rng, describe, record, arena, &left);
	/* Only a hello of our own version is read whole. */
	if (describe->number == MSG_HELLO)
		((struct msg_hello *)record)->version = MSG_PROTOCOL_VERSION;
}

static bool equal_items(const struct msg_field *field, const void *a, const void *b)
{
	const char *items_a, *items_b;
	size_t n_a, n_b;
	memcpy(&items_a, (const char *)a + field->offset, sizeof(items_a));
	memcpy(&items_b, (const char *)b + field->offset, sizeof(items_b));
	memcpy(&n_a, (const char *)a + field->count_offset, sizeof(n_a));
	memcpy(&n_b, (const char *)b + field->count_offset, sizeof(n_b));
	if (n_a != n_b)
		return false;
	for (size_t i = 0; i < n_a; i++) {
		if (field->type == MSG_FIELD_STRS) {
			if (!str_eq(((const struct str *)(const void *)items_a)[i],
				    ((const struct str *)(const void *)items_b)[i]))
				return false;
		} else if (!sample_equal(field->record, items_a + i * field->record->bytes,
					 items_b + i * field->record->bytes)) {
			return false;
		}
	}
	return true;
}

static bool equal_field(const struct msg_field *field, const void *a, const void *b)
{
	const char *at_a = (const char *)a + field->offset, *at_b = (const char *)b + field->offset;
	struct str text_a, text_b;
	switch (field->type) {
	case MSG_FIELD_U64: return memcmp(at_a, at_b, sizeof(uint64_t)) == 0;
	case MSG_FIELD_STR:
	case MSG_FIELD_BIN:
		memcpy(&text_a, at_a, sizeof(text_a));
		memcpy(&text_b, at_b, sizeof(text_b));
		return str_eq(text_a, text_b);
	case MSG_FIELD_STRS:
	case MSG_FIELD_LIST: return equal_items(field, a, b);
	}
	ASSERT_NOT_REACHED();
}

bool sample_equal(const struct msg_record *describe, const void *a, const void *b)
{
	for (size_t i = 0; i < describe->n_fields; i++)
		if (!equal_field(&describe->fields[i], a, b))
			return false;
	return true;
}
