// SPDX-License-Identifier: Apache-2.0
/*
 * rng.h - seeded random numbers (xoshiro256**, seeded by splitmix64): same seed, same sequence, on
 * every machine. Not for secrets.
 */
#ifndef PADDOCK_BASE_RNG_H
#define PADDOCK_BASE_RNG_H

#include <stdint.h>

struct rng {
	uint64_t state[4];
};

/* Start the sequence of `seed`. */
void rng_seed(struct rng *rng, uint64_t seed);

/* 64 random bits. */
uint64_t rng_next(struct rng *rng);

/* Uniform in [0, bound), bound > 0, without modulo bias. */
uint64_t rng_below(struct rng *rng, uint64_t bound);

/* Uniform in [0, 1). */
double rng_unit(struct rng *rng);

/* Normal with mean 0 and deviation 1 (Box-Muller). */
double rng_normal(struct rng *rng);

#endif
