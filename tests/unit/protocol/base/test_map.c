// SPDX-License-Identifier: Apache-2.0
/* test_map.c - keys to numbers, in the order they came. */
#include "protocol/base/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void what_was_put_is_found(void **state)
{
	(void)state;
	struct map map = { 0 };
	uint64_t value = 99;
	assert_false(map_get(&map, STR_LIT("a"), &value));
	assert_int_equal(map_put(&map, STR_LIT("a"), 1), 1);
	assert_int_equal(map_put(&map, STR_LIT("b"), 2), 1);
	assert_int_equal(map_put(&map, STR_LIT("a"), 3), 0);
	assert_true(map_get(&map, STR_LIT("a"), &value));
	assert_int_equal(value, 3);
	assert_true(map_get(&map, STR_LIT("b"), NULL));
	assert_false(map_get(&map, STR_LIT("ab"), &value));
	assert_false(map_get(&map, STR_LIT(""), &value));
	assert_int_equal(value, 3);
	assert_int_equal(map.len, 2);
	map_done(&map);
	map_done(&map);
	map_done(NULL);
}

static void keys_are_bytes_of_their_own(void **state)
{
	(void)state;
	struct map map = { 0 };
	char key[] = "a\0b";
	uint64_t value;
	assert_int_equal(map_put(&map, (struct str){ key, 3 }, 7), 1);
	key[0] = 'x';
	assert_true(map_get(&map, (struct str){ "a\0b", 3 }, &value));
	assert_int_equal(value, 7);
	assert_false(map_get(&map, STR_LIT("a"), &value));
	assert_int_equal(map_put(&map, (struct str){ NULL, 0 }, 8), 1);
	assert_true(map_get(&map, STR_LIT(""), &value));
	assert_int_equal(value, 8);
	map_done(&map);
}

static void order_is_that_of_insertion(void **state)
{
	(void)state;
	enum { KEYS = 20000 };
	struct map map = { 0 };
	char key[32];
	for (unsigned i = 0; i < KEYS; i++) {
		snprintf(key, sizeof(key), "suite::program::%u", i * 7919u);
		assert_int_equal(map_put(&map, str_of(key), i), 1);
	}
	assert_int_equal(map.len, KEYS);
	for (unsigned i = 0; i < KEYS; i++) {
		uint64_t value;
		snprintf(key, sizeof(key), "suite::program::%u", i * 7919u);
		assert_true(map_get(&map, str_of(key), &value));
		assert_int_equal(value, i);
		assert_true(str_eq(map.entries[i].key, str_of(key)));
	}
	map_done(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_put_is_found),
		cmocka_unit_test(keys_are_bytes_of_their_own),
		cmocka_unit_test(order_is_that_of_insertion),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
