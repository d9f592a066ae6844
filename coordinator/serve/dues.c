// SPDX-License-Identifier: Apache-2.0
/* dues.c - a binary heap by time. */
#include "coordinator/serve/dues.h"

#include "protocol/base/assert.h"
#include "protocol/base/vec.h"

#include <errno.h>

int dues_put(struct dues *dues, uint64_t at_us, uint64_t session)
{
	struct dues_item item = { at_us, session };
	if (VEC_PUSH(dues, item) < 0)
		return -ENOMEM;
	size_t at = dues->len - 1;
	for (; at && at_us < dues->items[(at - 1) / 2].at_us; at = (at - 1) / 2)
		dues->items[at] = dues->items[(at - 1) / 2];
	dues->items[at] = item;
	return 0;
}

uint64_t dues_next_us(const struct dues *dues)
{
	return dues->len ? dues->items[0].at_us : UINT64_MAX;
}

bool dues_take(struct dues *dues, uint64_t now_us, uint64_t *ret_session)
{
	if (dues_next_us(dues) > now_us)
		return false;
	ASSERT(dues->len > 0);
	*ret_session = dues->items[0].session;
	struct dues_item last = dues->items[--dues->len];
	size_t at = 0, n = dues->len;
	for (size_t child = 1; child < n; child = 2 * at + 1) {
		if (child + 1 < n && dues->items[child + 1].at_us < dues->items[child].at_us)
			child++;
		if (dues->items[child].at_us >= last.at_us)
			break;
		dues->items[at] = dues->items[child];
		at = child;
	}
	if (n)
		dues->items[at] = last;
	return true;
}

void dues_done(struct dues *dues)
{
	VEC_DONE(dues);
}
