// SPDX-License-Identifier: Apache-2.0
/*
 * parked.h - which request each connection of a server waits on. A connection has one at most: a
 * newer request takes the place of the older. Pure.
 */
#ifndef PADDOCK_WIRE_PARKED_H
#define PADDOCK_WIRE_PARKED_H

#include <stddef.h>
#include <stdint.h>

struct parked_slot {
	uint32_t connection;
	uint32_t request; /* 0: the slot is free */
};

/* A zeroed one with a cap is empty and ready. */
struct parked {
	struct parked_slot *slots;
	size_t n_slots; /* power of two, or 0 */
	size_t len;
	size_t cap; /* of len */
};

/* Free the memory and empty it; the cap stays. */
void parked_done(struct parked *parked);

/* The request that `connection` waits on, or 0. */
uint32_t parked_get(const struct parked *parked, uint32_t connection);

/*
 * The connection now waits on `request` (not 0). 1 when it waited on nothing, 0 when the new
 * request replaces another, -ENOBUFS at the cap, -ENOMEM.
 */
int parked_put(struct parked *parked, uint32_t connection, uint32_t request);

/* The connection waits no longer. Nothing happens when it did not. */
void parked_remove(struct parked *parked, uint32_t connection);

#endif
