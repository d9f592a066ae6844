// SPDX-License-Identifier: Apache-2.0
/*
 * clock.h - the only place that asks for the time. Pure rooms get `now_us` as an argument instead.
 */
#ifndef PADDOCK_BASE_CLOCK_H
#define PADDOCK_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define CLOCK_US_PER_S	UINT64_C(1000000)
#define CLOCK_US_PER_MS UINT64_C(1000)

/*
 * Monotonic microseconds since some fixed point; never goes back. For every deadline and duration.
 */
uint64_t clock_mono_us(void);

/* Microseconds since 1970, UTC. For display and records only. */
uint64_t clock_wall_us(void);

/* "2026-11-22T10:11:12Z" of a wall time into out (at least 21 bytes). Returns out. */
const char *clock_format_utc(char *out, size_t size, uint64_t wall_us);

#endif
