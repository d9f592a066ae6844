// SPDX-License-Identifier: Apache-2.0
/* ids.h - which host ids stand for the ids a payload sees. Pure. */
#ifndef PADDOCK_SANDBOX_IDS_H
#define PADDOCK_SANDBOX_IDS_H

#include <stddef.h>
#include <stdint.h>

enum {
	IDS_PER_SLOT = 65536,
	IDS_BASE = 0x50000000, /* slots as root: above what people and container engines hand out */
	IDS_INIT = 65533,      /* pid 1 of a sandbox, as seen inside */
	IDS_EXTENTS_MAX = 16,
	IDS_SLOTS_MAX = 1024, /* of one keeper */
	IDS_KEEPERS_MAX = 43, /* that fit below the last id */
};
#define IDS_NONE UINT32_MAX

struct ids_extent {
	uint32_t inside;
	uint32_t outside;
	uint32_t count;
};

struct ids_map {
	struct ids_extent extents[IDS_EXTENTS_MAX];
	size_t n;
};

/* Reads the text of /proc/PID/uid_map. 0, or -EINVAL on anything else. */
int ids_parse(const char *text, struct ids_map *ret_map);

/* Writes a map as the kernel takes it. 0 or -ENAMETOOLONG. */
int ids_print(const struct ids_map *map, char *buf, size_t size);

/* The outside id of `inside`, or IDS_NONE. */
uint32_t ids_outside(const struct ids_map *map, uint32_t inside);

/*
 * For a keeper that runs as root: slot `slot` gets a range of its own, of ids that `own` (the
 * keeper's uid_map) has; where it has too few (a container), one unprivileged id stands for `self`.
 * Never gives host id 0.
 */
void ids_for_root(uint32_t self, unsigned slot, const struct ids_map *own, struct ids_map *ret_map);

/*
 * For a keeper that is an ordinary user, inside the outer namespace where 0 is the user
 * and 1..subids are its subordinate ids: `self` stays itself, the other ids are subordinate ones.
 * subids may be 0.
 */
void ids_for_user(uint32_t self, uint32_t subids, struct ids_map *ret_map);

/* The first range of `name` or `id` in the text of /etc/subuid. Returns its length, IDS_PER_SLOT at
 * most; 0: there is none. */
uint32_t ids_find_sub(const char *text, const char *name, uint32_t id, uint32_t *ret_start);

#endif
