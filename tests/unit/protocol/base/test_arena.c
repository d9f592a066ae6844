// SPDX-License-Identifier: Apache-2.0
/* test_arena.c - memory that stays put, zeroed and aligned, until all of it goes. */
#include "protocol/base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void memory_is_zeroed_aligned_and_stays(void **state)
{
	(void)state;
	struct arena arena = { 0 };
	char *pieces[500];
	for (size_t i = 0; i < 500; i++) {
		pieces[i] = arena_alloc(&arena, i + 1);
		assert_non_null(pieces[i]);
		assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
		for (size_t k = 0; k <= i; k++)
			assert_int_equal(pieces[i][k], 0);
		memset(pieces[i], (int)i, i + 1);
	}
	for (size_t i = 0; i < 500; i++)
		for (size_t k = 0; k <= i; k++)
			assert_int_equal((unsigned char)pieces[i][k], i % 256);
	arena_done(&arena);
	assert_int_equal(arena.total_bytes, 0);
	arena_done(&arena);
	arena_done(NULL);
}

static void no_bytes_of_an_empty_arena_are_fine(void **state)
{
	(void)state;
	struct arena arena = { 0 };
	assert_non_null(arena_alloc(&arena, 0));
	arena_done(&arena);
}

static void a_large_request_has_its_own_block(void **state)
{
	(void)state;
	struct arena arena = { 0 };
	assert_non_null(arena_alloc(&arena, 10));
	assert_non_null(arena_alloc(&arena, 5 << 20));
	assert_true(arena.total_bytes >= (5 << 20) + 10);
	assert_true(arena.total_bytes < 6 << 20);
	assert_null(arena_alloc(&arena, SIZE_MAX));
	assert_null(arena_alloc(&arena, SIZE_MAX - 7));
	arena_done(&arena);
}

static void clearing_keeps_one_zeroed_block(void **state)
{
	(void)state;
	struct arena arena = { 0 };
	arena_clear(&arena);
	memset(arena_alloc(&arena, 10000), 'x', 10000);
	memset(arena_alloc(&arena, 10000), 'x', 10000);
	arena_clear(&arena);
	size_t kept = arena.total_bytes;
	assert_true(kept > 0);
	for (int i = 0; i < 100; i++) {
		const char *bytes = arena_alloc(&arena, 4000);
		for (size_t k = 0; k < 4000; k++)
			assert_int_equal(bytes[k], 0);
		memset((char *)bytes, 'x', 4000);
		arena_clear(&arena);
	}
	assert_int_equal(arena.total_bytes, kept);
	arena_done(&arena);
}

static void texts_are_copied_and_formatted(void **state)
{
	(void)state;
	struct arena arena = { 0 };
	assert_string_equal(arena_copy(&arena, STR_LIT("copy")), "copy");
	assert_string_equal(arena_copy(&arena, (struct str){ "copy", 2 }), "co");
	assert_string_equal(arena_copy(&arena, (struct str){ NULL, 0 }), "");
	assert_string_equal(arena_printf(&arena, "%s-%05d", "x", 42), "x-00042");
	char *longer = arena_printf(&arena, "%0*d", 100000, 7);
	assert_int_equal(strlen(longer), 100000);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_zeroed_aligned_and_stays),
		cmocka_unit_test(no_bytes_of_an_empty_arena_are_fine),
		cmocka_unit_test(a_large_request_has_its_own_block),
		cmocka_unit_test(clearing_keeps_one_zeroed_block),
		cmocka_unit_test(texts_are_copied_and_formatted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
