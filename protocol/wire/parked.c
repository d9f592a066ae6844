// SPDX-License-Identifier: Apache-2.0
/*
 * parked.c - open addressing with linear probing; removal moves followers back, so there are no
 * tombstones to collect. Connection numbers count up, so they are their own hash.
 *
 * Invariants: at most half the slots are taken; every entry is reachable from its home slot without
 * passing a free one. Not for: keeping the return addresses, which are the caller's.
 */
#include "protocol/wire/parked.h"

#include "protocol/base/assert.h"

#include <errno.h>
#include <stdlib.h>

enum { SLOTS_MIN = 64 };

void parked_done(struct parked *parked)
{
	free(parked->slots);
	parked->slots = NULL;
	parked->n_slots = parked->len = 0;
}

/* The slot of the connection, or the free one where it belongs. */
static size_t find(const struct parked *parked, uint32_t connection)
{
	size_t mask = parked->n_slots - 1, at = connection & mask;
	ASSERT(parked->n_slots && parked->len < parked->n_slots);
	while (parked->slots[at].request && parked->slots[at].connection != connection)
		at = (at + 1) & mask;
	return at;
}

uint32_t parked_get(const struct parked *parked, uint32_t connection)
{
	return parked->len ? parked->slots[find(parked, connection)].request : 0;
}

static int grow(struct parked *parked)
{
	struct parked bigger = { .n_slots = parked->n_slots ? parked->n_slots * 2 : SLOTS_MIN };
	bigger.slots = calloc(bigger.n_slots, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < parked->n_slots; i++)
		if (parked->slots[i].request)
			bigger.slots[find(&bigger, parked->slots[i].connection)] = parked->slots[i];
	free(parked->slots);
	parked->slots = bigger.slots;
	parked->n_slots = bigger.n_slots;
	return 0;
}

int parked_put(struct parked *parked, uint32_t connection, uint32_t request)
{
	ASSERT(request);
	if ((parked->len + 1) * 2 > parked->n_slots && grow(parked) < 0)
		return -ENOMEM;
	struct parked_slot *slot = &parked->slots[find(parked, connection)];
	if (slot->request) {
		slot->request = request;
		return 0;
	}
	if (parked->len >= parked->cap)
		return -ENOBUFS;
	*slot = (struct parked_slot){ connection, request };
	parked->len++;
	return 1;
}

void parked_remove(struct parked *parked, uint32_t connection)
{
	if (!parked->len)
		return;
	size_t mask = parked->n_slots - 1, hole = find(parked, connection);
	if (!parked->slots[hole].request)
		return;
	parked->len--;
	for (size_t at = (hole + 1) & mask; parked->slots[at].request; at = (at + 1) & mask) {
		size_t home = parked->slots[at].connection & mask;
		/* Move it back unless its home lies behind the hole. */
		if (((at - home) & mask) < ((at - hole) & mask))
			continue;
		parked->slots[hole] = parked->slots[at];
		hole = at;
	}
	parked->slots[hole] = (struct parked_slot){ 0, 0 };
	ASSERT(parked_get(parked, connection) == 0);
}
