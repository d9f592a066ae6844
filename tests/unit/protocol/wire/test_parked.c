// SPDX-License-Identifier: Apache-2.0
/* test_parked.c - the table of waiting connections against a plain array, and its cap. */
#include "protocol/wire/parked.h"

#include "protocol/base/rng.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_newer_request_takes_the_place(void **state)
{
	(void)state;
	struct parked parked = { .cap = 10 };
	assert_int_equal(parked_get(&parked, 7), 0);
	parked_remove(&parked, 7);
	assert_int_equal(parked_put(&parked, 7, 100), 1);
	assert_int_equal(parked_put(&parked, 7, 101), 0);
	assert_int_equal(parked_get(&parked, 7), 101);
	assert_int_equal(parked.len, 1);
	parked_remove(&parked, 7);
	assert_int_equal(parked_get(&parked, 7), 0);
	assert_int_equal(parked.len, 0);
	parked_done(&parked);
}

static void the_cap_refuses_only_new_connections(void **state)
{
	(void)state;
	struct parked parked = { .cap = 100 };
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(parked_put(&parked, i, 1), 1);
	assert_int_equal(parked_put(&parked, 100, 1), -ENOBUFS);
	assert_int_equal(parked_put(&parked, 99, 2), 0);
	parked_remove(&parked, 0);
	assert_int_equal(parked_put(&parked, 100, 1), 1);
	parked_done(&parked);
	assert_int_equal(parked.cap, 100);
	assert_int_equal(parked.len, 0);
}

/* Keys that collide: multiples of the table's sizes, and numbers around the wrap. */
static uint32_t key(uint32_t i)
{
	return i % 3 == 0 ? i * 64 : i % 3 == 1 ? UINT32_MAX - i : i;
}

static void it_agrees_with_a_plain_array(void **state)
{
	(void)state;
	enum { KEYS = 400 };
	static uint32_t expected[KEYS];
	struct parked parked = { .cap = KEYS };
	struct rng rng;
	size_t len = 0;
	rng_seed(&rng, 5);
	for (unsigned step = 0; step < 40000; step++) {
		uint32_t i = (uint32_t)rng_below(&rng, KEYS);
		if (rng_below(&rng, 2)) {
			uint32_t request = 1 + (uint32_t)rng_below(&rng, 1000);
			assert_int_equal(parked_put(&parked, key(i), request), !expected[i]);
			len += !expected[i];
			expected[i] = request;
		} else {
			parked_remove(&parked, key(i));
			len -= expected[i] != 0;
			expected[i] = 0;
		}
		i = (uint32_t)rng_below(&rng, KEYS);
		assert_int_equal(parked_get(&parked, key(i)), expected[i]);
		assert_int_equal(parked.len, len);
	}
	parked_done(&parked);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_newer_request_takes_the_place),
		cmocka_unit_test(the_cap_refuses_only_new_connections),
		cmocka_unit_test(it_agrees_with_a_plain_array),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
