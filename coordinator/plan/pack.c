// SPDX-License-Identifier: Apache-2.0
/*
 * pack.c - guided shard sizes. The constants trade the idle tail against the cost of a shard,
 * both measured.
 */
#include "coordinator/plan/pack.h"

#include "protocol/base/assert.h"

enum {
	STARTUP_FACTOR =
		8, /* a shard works this many times its start-up: at most 11% is start-up ... */
	HANDOVER_WORK_US =
		/* a hand-over costs about 0.3 ms: at least 20 ms of work keeps it below 2% */
	20000,
};

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

uint64_t pack_target_us(const struct pack_input *input)
{
	ASSERT(input->slots > 0);
	uint64_t equal = input->left_us / input->slots, half = equal / 2,
		 startup = input->startup_us;
	if (!startup) /* nothing to amortise but the hand-over: stay close to one by one */
		return least(half / 2, HANDOVER_WORK_US);
	/*
	 * ... unless that would leave slots without a share of what is left: an idle slot costs
	 * more than a start-up on a busy one. Then an equal share, but not less than the start-up
	 * itself. Simulated in tests/sim/test_policy.c: 500 cases of 41 ms with a start-up of 640
	 * ms on 16 slots take 2.2 times the bound, with a plain floor 4.6 times.
	 */
	uint64_t worth = startup < UINT64_MAX / STARTUP_FACTOR ? startup * STARTUP_FACTOR
							       : UINT64_MAX;
	uint64_t target = most(half, least(worth, equal));
	return most(target, most(startup, HANDOVER_WORK_US));
}
