// SPDX-License-Identifier: Apache-2.0
/* pack.h - how much work one shard should hold. Pure arithmetic. */
#ifndef PADDOCK_PLAN_PACK_H
#define PADDOCK_PLAN_PACK_H

#include <stdint.h>

struct pack_input {
	uint64_t left_us; /* estimated work of the run not yet handed out */
	uint64_t slots;	  /* slots that share it */
	uint64_t
		/* what a process of this program costs before its first case; 0: a process per
		 * case anyway */
		startup_us;
};

/*
 * Estimated work one shard should hold, microseconds. Guided: half of an equal share of what is
 * left, so that shards shrink towards the end and the tail stays even (factoring; Hummel,
 * Schonberg and Flynn 1992), but never so small that starting the process outweighs the work, nor
 * that handing it over does.
 */
uint64_t pack_target_us(const struct pack_input *input);

#endif
