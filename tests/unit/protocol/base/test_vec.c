// SPDX-License-Identifier: Apache-2.0
/* test_vec.c - arrays that double, of any type. */
#include "protocol/base/vec.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

struct pair {
	int key;
	double value;
};

static void pushing_keeps_what_was_there(void **state)
{
	(void)state;
	struct {
		struct pair *items;
		size_t len, cap;
	} pairs = { 0 };
	for (int i = 0; i < 10000; i++)
		assert_int_equal(VEC_PUSH(&pairs, (struct pair){ .key = i, .value = i / 2.0 }), 0);
	assert_int_equal(pairs.len, 10000);
	assert_true(pairs.cap >= 10000 && pairs.cap < 20000);
	for (int i = 0; i < 10000; i++)
		assert_true(pairs.items[i].key == i && pairs.items[i].value == i / 2.0);
	VEC_DONE(&pairs);
	assert_null(pairs.items);
	assert_int_equal(pairs.len + pairs.cap, 0);
	VEC_DONE(&pairs);
}

static void room_can_be_made_ahead(void **state)
{
	(void)state;
	struct {
		int *items;
		size_t len, cap;
	} numbers = { 0 };
	assert_int_equal(VEC_RESERVE(&numbers, 100), 0);
	assert_true(numbers.cap >= 100);
	int *before = numbers.items;
	for (int i = 0; i < 100; i++)
		assert_int_equal(VEC_PUSH(&numbers, i), 0);
	assert_ptr_equal(numbers.items, before);
	VEC_DONE(&numbers);
}

static void too_much_is_refused_and_nothing_lost(void **state)
{
	(void)state;
	int *items = NULL;
	size_t cap = 0;
	assert_int_equal(vec_grow((void **)&items, &cap, 4, sizeof(*items)), 0);
	items[3] = 42;
	size_t held = cap;
	assert_int_equal(vec_grow((void **)&items, &cap, SIZE_MAX / 4, sizeof(*items)), -ENOMEM);
	assert_int_equal(cap, held);
	assert_int_equal(items[3], 42);
	free(items);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pushing_keeps_what_was_there),
		cmocka_unit_test(room_can_be_made_ahead),
		cmocka_unit_test(too_much_is_refused_and_nothing_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
