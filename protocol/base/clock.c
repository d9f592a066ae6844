// SPDX-License-Identifier: Apache-2.0
/* clock.c - wrappers that turn timespecs into microseconds. */
#include "protocol/base/clock.h"

#include "protocol/base/assert.h"

#include <time.h>

static uint64_t read_clock(clockid_t id)
{
	struct timespec ts;
	int r = clock_gettime(id, &ts);
	ASSERT(r == 0);
	return (uint64_t)ts.tv_sec * CLOCK_US_PER_S + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t clock_mono_us(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

uint64_t clock_wall_us(void)
{
	return read_clock(CLOCK_REALTIME);
}

const char *clock_format_utc(char *out, size_t size, uint64_t wall_us)
{
	time_t seconds = (time_t)(wall_us / CLOCK_US_PER_S);
	struct tm tm;
	ASSERT(size >= 21);
	if (!gmtime_r(&seconds, &tm) || !strftime(out, size, "%Y-%m-%dT%H:%M:%SZ", &tm))
		out[0] = '\0';
	return out;
}
