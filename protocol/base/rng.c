// SPDX-License-Identifier: Apache-2.0
/*
 * rng.c - xoshiro256** and splitmix64 by Blackman and Vigna (public domain algorithms,
 * prng.di.unimi.it).
 */
#include "protocol/base/rng.h"

#include "protocol/base/assert.h"

#include <math.h>

static uint64_t splitmix(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static uint64_t rotl(uint64_t x, int k)
{
	return (x << k) | (x >> (64 - k));
}

void rng_seed(struct rng *rng, uint64_t seed)
{
	for (int i = 0; i < 4; i++)
		rng->state[i] = splitmix(&seed);
}

uint64_t rng_next(struct rng *rng)
{
	uint64_t *s = rng->state;
	uint64_t result = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;
	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return result;
}

uint64_t rng_below(struct rng *rng, uint64_t bound)
{
	ASSERT(bound > 0);
	uint64_t limit = UINT64_MAX - UINT64_MAX % bound, value;
	do
		value = rng_next(rng);
	while (value >= limit);
	return value % bound;
}

double rng_unit(struct rng *rng)
{
	return (double)(rng_next(rng) >> 11) * 0x1p-53;
}

double rng_normal(struct rng *rng)
{
	double u = 1.0 - rng_unit(rng), v = rng_unit(rng);
	return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}
