// SPDX-License-Identifier: Apache-2.0
/*
 * sample.h - seeded random messages, and whether two are the same. For tests of whatever carries
 * messages.
 */
#ifndef PADDOCK_TESTS_KIT_SAMPLE_H
#define PADDOCK_TESTS_KIT_SAMPLE_H

#include "protocol/base/arena.h"
#include "protocol/base/rng.h"
#include "protocol/wire/msg.h"

#include <stdbool.h>

/*
 * Fill `record` (a struct of `describe`, zeroed) with random content within every limit: numbers
 * of all magnitudes, texts of any bytes, short lists. Texts and lists are the arena's; the whole
 * stays below about bytes_max on the wire.
 */
void sample_fill(struct rng *rng, const struct msg_record *describe, void *record,
		 struct arena *arena, size_t bytes_max);

/* Do two structs of `describe` say the same, down to the last byte of every text? */
bool sample_equal(const struct msg_record *describe, const void *a, const void *b);

#endif
