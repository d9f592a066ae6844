// SPDX-License-Identifier: Apache-2.0
/*
 * map.c - open addressing with linear probing over an insertion-ordered entry array; load factor at
 * most one half. No removal.
 */
#include "protocol/base/map.h"

#include "protocol/base/assert.h"
#include "protocol/base/vec.h"

#include <errno.h>
#include <stdlib.h>

void map_done(struct map *map)
{
	if (!map)
		return;
	for (size_t i = 0; i < map->len; i++)
		free((char *)map->entries[i].key.data);
	free(map->entries);
	free(map->slots);
	*map = (struct map){ 0 };
}

/* The slot that holds `key`, or the free one where it belongs. */
static size_t find_slot(const struct map *map, struct str key)
{
	size_t mask = map->n_slots - 1;
	size_t at = str_hash(key) & mask;
	while (map->slots[at] && !str_eq(map->entries[map->slots[at] - 1].key, key))
		at = (at + 1) & mask;
	return at;
}

bool map_get(const struct map *map, struct str key, uint64_t *ret_value)
{
	if (!map->len)
		return false;
	size_t at = find_slot(map, key);
	if (!map->slots[at])
		return false;
	if (ret_value)
		*ret_value = map->entries[map->slots[at] - 1].value;
	return true;
}

static int rehash(struct map *map)
{
	size_t n_slots = map->n_slots ? map->n_slots * 2 : 16;
	uint32_t *slots = calloc(n_slots, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	free(map->slots);
	map->slots = slots;
	map->n_slots = n_slots;
	for (size_t i = 0; i < map->len; i++)
		slots[find_slot(map, map->entries[i].key)] = (uint32_t)i + 1;
	return 0;
}

int map_put(struct map *map, struct str key, uint64_t value)
{
	ASSERT(map->len < UINT32_MAX / 2);
	if ((map->len + 1) * 2 > map->n_slots && rehash(map) < 0)
		return -ENOMEM;
	size_t at = find_slot(map, key);
	if (map->slots[at]) {
		map->entries[map->slots[at] - 1].value = value;
		return 0;
	}
	if (map->len == map->cap &&
	    vec_grow((void **)&map->entries, &map->cap, map->len + 1, sizeof(*map->entries)) < 0)
		return -ENOMEM;
	char *copy = str_dup(key);
	if (!copy)
		return -ENOMEM;
	map->entries[map->len++] = (struct map_entry){ .key = { copy, key.len }, .value = value };
	map->slots[at] = (uint32_t)map->len;
	return 1;
}
