// SPDX-License-Identifier: Apache-2.0
/* pack.c - guided shard sizes. The constants trade the idle tail against the cost of a shard, both measured. */
#include "coordinator/plan/pack.h"

#include "protocol/base/assert.h"

enum {
	STARTUP_FACTOR = 8,		/* a shard works at least this many times its start-up: at most 11% is start-up */
	HANDOVER_WORK_US = 20000,	/* a hand-over costs about 0.3 ms: at least 20 ms of work keeps it below 2% */
};

uint64_t pack_target_us(const struct pack_input *input)
{
	ASSERT(input->slots > 0);
	uint64_t share = input->left_us / (2 * input->slots);
	if (!input->startup_us)		/* nothing to amortise but the hand-over: stay close to one by one */
		return share / 2 < HANDOVER_WORK_US ? share / 2 : HANDOVER_WORK_US;
	uint64_t floor = input->startup_us * STARTUP_FACTOR;
	if (floor < HANDOVER_WORK_US)
		floor = HANDOVER_WORK_US;
	return share > floor ? share : floor;
}
