// SPDX-License-Identifier: Apache-2.0
/*
 * agenda.c - a binary heap over (time, order of entry). Invariant: no item is before its parent.
 * Nothing is ever removed from the middle: an owner that changes its mind lets the stale item
 * come out and tells it by `check`.
 */
#include "coordinator/sim/agenda.h"

#include "protocol/base/assert.h"
#include "protocol/base/vec.h"

#include <errno.h>
#include <stdlib.h>

void agenda_done(struct agenda *agenda)
{
	if (!agenda)
		return;
	free(agenda->items);
	*agenda = (struct agenda){ 0 };
}

static bool before(struct agenda *agenda, const struct agenda_item *a, const struct agenda_item *b)
{
	agenda->steps++;
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

int agenda_put(struct agenda *agenda, struct agenda_item item)
{
	item.order = ++agenda->order;
	if (VEC_PUSH(agenda, item) < 0)
		return -ENOMEM;
	size_t at = agenda->len - 1;
	while (at && before(agenda, &item, &agenda->items[(at - 1) / 2])) {
		agenda->items[at] = agenda->items[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	agenda->items[at] = item;
	return 0;
}

bool agenda_take(struct agenda *agenda, struct agenda_item *ret_item)
{
	if (!agenda->len)
		return false;
	*ret_item = agenda->items[0];
	struct agenda_item last = agenda->items[--agenda->len];
	size_t at = 0, n = agenda->len;
	for (size_t child = 1; child < n; child = 2 * at + 1) {
		if (child + 1 < n &&
		    before(agenda, &agenda->items[child + 1], &agenda->items[child]))
			child++;
		if (!before(agenda, &agenda->items[child], &last))
			break;
		agenda->items[at] = agenda->items[child];
		at = child;
	}
	if (n)
		agenda->items[at] = last;
	ASSERT(!n || agenda->items[0].at_us >= ret_item->at_us);
	return true;
}

uint64_t agenda_next_us(const struct agenda *agenda)
{
	return agenda->len ? agenda->items[0].at_us : UINT64_MAX;
}
