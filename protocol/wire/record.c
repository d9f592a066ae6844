// SPDX-License-Identifier: Apache-2.0
/* record.c - one walk over a descriptor. Depth is that of msg.def, at most four. */
#include "protocol/wire/record.h"

#include "protocol/base/assert.h"

#include <errno.h>
#include <string.h>

static int copy_text(struct str *text, struct arena *arena)
{
	char *copy = text->len ? arena_copy(arena, *text) : "";
	if (!copy)
		return -ENOMEM;
	text->data = copy;
	return 0;
}

static int copy_texts(struct str **texts, size_t n, struct arena *arena)
{
	struct str *copy = n ? arena_alloc(arena, n * sizeof(*copy)) : NULL;
	if (n && !copy)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		copy[i] = (*texts)[i];
		if (copy_text(&copy[i], arena) < 0)
			return -ENOMEM;
	}
	*texts = copy;
	return 0;
}

static int copy_list(const struct msg_record *describe, void **list, size_t n, struct arena *arena)
{
	char *copy = n ? arena_alloc(arena, n * describe->bytes) : NULL;
	if (n && !copy)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (record_copy(describe, (const char *)*list + i * describe->bytes,
				copy + i * describe->bytes, arena) < 0)
			return -ENOMEM;
	*list = copy;
	return 0;
}

int record_copy(const struct msg_record *describe, const void *from, void *to, struct arena *arena)
{
	memcpy(to, from, describe->bytes);
	int r = 0;
	for (size_t i = 0; r == 0 && i < describe->n_fields; i++) {
		const struct msg_field *field = &describe->fields[i];
		char *at = (char *)to + field->offset;
		size_t n = 0;
		if (field->type == MSG_FIELD_STRS || field->type == MSG_FIELD_LIST)
			memcpy(&n, (char *)to + field->count_offset, sizeof(n));
		switch (field->type) {
		case MSG_FIELD_U64: break;
		case MSG_FIELD_STR:
		case MSG_FIELD_BIN: r = copy_text((struct str *)(void *)at, arena); break;
		case MSG_FIELD_STRS: r = copy_texts((struct str **)(void *)at, n, arena); break;
		case MSG_FIELD_LIST:
			r = copy_list(field->record, (void **)(void *)at, n, arena);
			break;
		}
	}
	return r;
}
