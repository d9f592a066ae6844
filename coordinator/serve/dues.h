// SPDX-License-Identifier: Apache-2.0
/*
 * dues.h - what is due when, for thousands of sessions: a heap of times. An entry is never taken
 * back; whoever takes one looks whether it still holds.
 */
#ifndef PADDOCK_SERVE_DUES_H
#define PADDOCK_SERVE_DUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dues_item {
	uint64_t at_us;
	uint64_t session;
};

struct dues {
	struct dues_item *items;
	size_t len, cap;
};

/* Something of this session is due at this time. 0 or -ENOMEM. */
int dues_put(struct dues *dues, uint64_t at_us, uint64_t session);

/* When the first is due; UINT64_MAX: none. */
uint64_t dues_next_us(const struct dues *dues);

/* Take the first that is due by now. False when none is. */
bool dues_take(struct dues *dues, uint64_t now_us, uint64_t *ret_session);

/* Free it. Accepts a zeroed one. */
void dues_done(struct dues *dues);

#endif
