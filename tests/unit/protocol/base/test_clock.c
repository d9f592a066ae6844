// SPDX-License-Identifier: Apache-2.0
/* test_clock.c - time goes forward and is written as UTC. */
#include "protocol/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void the_monotonic_clock_never_goes_back(void **state)
{
	(void)state;
	uint64_t before = clock_mono_us();
	for (int i = 0; i < 10000; i++) {
		uint64_t now = clock_mono_us();
		assert_true(now >= before);
		before = now;
	}
	assert_true(before > 0);
}

static void the_wall_clock_is_of_this_century(void **state)
{
	(void)state;
	char text[32];
	assert_true(clock_wall_us() > UINT64_C(1600000000) * CLOCK_US_PER_S);
	clock_format_utc(text, sizeof(text), clock_wall_us());
	assert_int_equal(strlen(text), 20);
	assert_memory_equal(text, "20", 2);
}

static void utc_is_written_to_the_second(void **state)
{
	(void)state;
	char text[21];
	assert_ptr_equal(clock_format_utc(text, sizeof(text), 0), text);
	assert_string_equal(text, "1970-01-01T00:00:00Z");
	clock_format_utc(text, sizeof(text), UINT64_C(1795342272) * CLOCK_US_PER_S + 999999);
	assert_string_equal(text, "2026-11-22T10:11:12Z");
	clock_format_utc(text, sizeof(text), UINT64_C(951782400) * CLOCK_US_PER_S);
	assert_string_equal(text, "2000-02-29T00:00:00Z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_monotonic_clock_never_goes_back),
		cmocka_unit_test(the_wall_clock_is_of_this_century),
		cmocka_unit_test(utc_is_written_to_the_second),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
