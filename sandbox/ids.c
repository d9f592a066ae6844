// SPDX-License-Identifier: Apache-2.0
/*
 * ids.c - plans the id maps of a slot.
 *
 * Invariants: no map made here ever yields outside id 0 for a keeper that is root; the payload's
 * own id is always mapped. Not for writing maps: ns.c does that.
 */
#include "sandbox/ids.h"

#include "sandbox/util.h"

/* The next number of a list, which must be an id or a count of them. */
static bool take_id(const char **text, uint32_t *ret_id)
{
	uint64_t id;
	bool ok = util_next_number(text, &id) && id <= UINT32_MAX;

	if (ok)
		*ret_id = (uint32_t)id;
	return ok;
}

int ids_parse(const char *text, struct ids_map *ret_map)
{
	struct ids_map map = { .n = 0 };

	for (; *text && map.n < IDS_EXTENTS_MAX; text += strspn(text, " \n")) {
		struct ids_extent *e = &map.extents[map.n++];

		if (!take_id(&text, &e->inside) || !take_id(&text, &e->outside) ||
		    !take_id(&text, &e->count))
			return -EINVAL;
	}
	*ret_map = map;
	return map.n ? 0 : -EINVAL;
}

int ids_print(const struct ids_map *map, char *buf, size_t size)
{
	size_t used = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < map->n; i++) {
		const struct ids_extent *e = &map->extents[i];
		int r = util_print(buf + used, size - used, "%u %u %u\n", e->inside, e->outside,
				   e->count);

		if (r < 0)
			return r;
		used += strlen(buf + used);
	}
	return 0;
}

/* The extent that holds `inside`, or NULL. */
static const struct ids_extent *find(const struct ids_map *map, uint32_t inside)
{
	for (size_t i = 0; i < map->n; i++)
		if (inside >= map->extents[i].inside &&
		    inside - map->extents[i].inside < map->extents[i].count)
			return &map->extents[i];
	return NULL;
}

uint32_t ids_outside(const struct ids_map *map, uint32_t inside)
{
	const struct ids_extent *e = find(map, inside);

	return e ? e->outside + (inside - e->inside) : IDS_NONE;
}

static void add(struct ids_map *map, uint32_t inside, uint32_t outside, uint32_t count)
{
	BOX_ASSERT(map->n < IDS_EXTENTS_MAX);
	if (count)
		map->extents[map->n++] = (struct ids_extent){ inside, outside, count };
}

void ids_for_root(uint32_t self, unsigned slot, const struct ids_map *own, struct ids_map *ret_map)
{
	uint32_t first = IDS_BASE + slot * IDS_PER_SLOT;
	const struct ids_extent *e = find(own, first);
	struct ids_map map = { .n = 0 };

	if (self < IDS_PER_SLOT && e && e->count - (first - e->inside) >= IDS_PER_SLOT)
		add(&map, 0, first, IDS_PER_SLOT);
	else
		add(&map, self, 60001 + slot % IDS_SLOTS_MAX, 1);
	BOX_ASSERT(ids_outside(&map, self) != 0);
	*ret_map = map;
}

void ids_for_user(uint32_t self, uint32_t subids, struct ids_map *ret_map)
{
	struct ids_map map = { .n = 0 };
	uint32_t below = self < subids ? self : subids;
	uint32_t above = subids > below && self < IDS_PER_SLOT - 1 ? subids - below : 0;

	if (above > IDS_PER_SLOT - 1 - self)
		above = IDS_PER_SLOT - 1 - self;
	add(&map, 0, 1, below);
	add(&map, self, 0, 1);
	add(&map, self + 1, 1 + below, above);
	*ret_map = map;
}

uint32_t ids_find_sub(const char *text, const char *name, uint32_t id, uint32_t *ret_start)
{
	char by_id[16];
	const char *end;

	util_print(by_id, sizeof(by_id), "%u", id);
	for (const char *line = text; *line; line = *end ? end + 1 : end) {
		size_t length = strcspn(line, ":");
		const char *at = line + length;
		uint32_t start, count;

		end = line + strcspn(line, "\n");
		if (!(strlen(name) == length && memcmp(line, name, length) == 0) &&
		    !(strlen(by_id) == length && memcmp(line, by_id, length) == 0))
			continue;
		if (!take_id(&at, &start) || !take_id(&at, &count) || at > end || !count)
			continue;
		*ret_start = start;
		return count < IDS_PER_SLOT ? count : IDS_PER_SLOT;
	}
	return 0;
}
