// SPDX-License-Identifier: Apache-2.0
/*
 * map.h - hash map from a byte string to a 64-bit value. Open addressing, keys copied into the map.
 * Values are usually an index into somebody's array. Iteration order is insertion order, so that
 * results never depend on hashing.
 */
#ifndef PADDOCK_BASE_MAP_H
#define PADDOCK_BASE_MAP_H

#include "protocol/base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct map_entry {
	struct str key; /* owned by the map */
	uint64_t value;
};

struct map {
	struct map_entry *entries; /* in insertion order */
	size_t len, cap;
	uint32_t *slots; /* index + 1 into entries; 0 free */
	size_t n_slots;	 /* power of two */
};

/* Free everything and zero. Accepts NULL and zeroed (a zeroed map is empty and ready). */
void map_done(struct map *map);

/* The value of `key` into *ret_value (may be NULL); false when absent. */
bool map_get(const struct map *map, struct str key, uint64_t *ret_value);

/* Set or replace. 1 when the key is new, 0 when replaced, -ENOMEM. */
int map_put(struct map *map, struct str key, uint64_t value);

#endif
