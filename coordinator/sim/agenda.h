// SPDX-License-Identifier: Apache-2.0
/*
 * agenda.h - what is to happen at which virtual time: a binary heap. Things due at the same time
 * come out in the order they were put in, so that a simulation never depends on how the heap was
 * shaped.
 */
#ifndef PADDOCK_SIM_AGENDA_H
#define PADDOCK_SIM_AGENDA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One entry; `kind` and `what` are the owner's. */
struct agenda_item {
	uint64_t at_us;
	uint64_t order; /* set by agenda_put */
	uint32_t kind, what;
	uint64_t check; /* the owner's too: tells a stale entry from a live one */
};

/* Zeroed is empty. */
struct agenda {
	struct agenda_item *items;
	size_t len, cap;
	uint64_t order;
	uint64_t steps; /* comparisons made so far: the cost, counted instead of timed */
};

/* Free the memory and zero. Accepts NULL. */
void agenda_done(struct agenda *agenda);

/* Put an item in. 0 or -ENOMEM. */
int agenda_put(struct agenda *agenda, struct agenda_item item);

/* Take the earliest out; false when empty. */
bool agenda_take(struct agenda *agenda, struct agenda_item *ret_item);

/* When the earliest is due, UINT64_MAX when empty. */
uint64_t agenda_next_us(const struct agenda *agenda);

#endif
