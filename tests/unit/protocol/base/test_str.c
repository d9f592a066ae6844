// SPDX-License-Identifier: Apache-2.0
/* test_str.c - views, and strict reading of what humans write. */
#include "protocol/base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N(array) (sizeof(array) / sizeof((array)[0]))

static void views_compare_by_bytes(void **state)
{
	(void)state;
	assert_true(str_eq(str_of("abc"), STR_LIT("abc")));
	assert_false(str_eq(STR_LIT("abc"), STR_LIT("abd")));
	assert_false(str_eq(STR_LIT("abc"), STR_LIT("ab")));
	assert_true(str_eq(str_of(NULL), STR_LIT("")));
	assert_true(str_starts(STR_LIT("abc"), STR_LIT("ab")));
	assert_true(str_starts(STR_LIT("abc"), STR_LIT("")));
	assert_false(str_starts(STR_LIT("a"), STR_LIT("ab")));
	assert_true(str_compare(STR_LIT("ab"), STR_LIT("b")) < 0);
	assert_true(str_compare(STR_LIT("ab"), STR_LIT("a")) > 0);
	assert_int_equal(str_compare(STR_LIT("ab"), STR_LIT("ab")), 0);
	assert_true(str_ends(STR_LIT("abc"), STR_LIT("bc")));
	assert_false(str_ends(STR_LIT("c"), STR_LIT("bc")));
	assert_int_equal(str_find(STR_LIT("hay needle"), STR_LIT("needle")), 4);
	assert_int_equal(str_find(STR_LIT("hay"), STR_LIT("needle")), -1);
	assert_int_equal(str_find(STR_LIT("hay"), STR_LIT("")), 0);
	assert_int_equal(str_find((struct str){ NULL, 0 }, STR_LIT("x")), -1);
}

static void trimming_takes_both_ends(void **state)
{
	(void)state;
	assert_true(str_eq(str_trim(STR_LIT(" \t a b \r\n")), STR_LIT("a b")));
	assert_int_equal(str_trim(STR_LIT(" \n ")).len, 0);
}

static void pieces_between_separators(void **state)
{
	(void)state;
	struct str rest = STR_LIT("a,,b,"), piece;
	assert_true(str_split(&rest, ',', &piece) && str_eq(piece, STR_LIT("a")));
	assert_true(str_split(&rest, ',', &piece) && piece.len == 0);
	assert_true(str_split(&rest, ',', &piece) && str_eq(piece, STR_LIT("b")));
	assert_true(str_split(&rest, ',', &piece) && piece.len == 0);
	assert_false(str_split(&rest, ',', &piece));
}

static void lines_with_any_ending(void **state)
{
	(void)state;
	struct str rest = STR_LIT("one\r\n\ntwo\nlast"), line;
	assert_true(str_line(&rest, &line) && str_eq(line, STR_LIT("one")));
	assert_true(str_line(&rest, &line) && line.len == 0);
	assert_true(str_line(&rest, &line) && str_eq(line, STR_LIT("two")));
	assert_true(str_line(&rest, &line) && str_eq(line, STR_LIT("last")));
	assert_false(str_line(&rest, &line));
	rest = STR_LIT("one\n");
	assert_true(str_line(&rest, &line));
	assert_false(str_line(&rest, &line));
}

static void numbers_are_read_whole_or_not(void **state)
{
	(void)state;
	static const char *const wrong[] = { "", " 1", "1 ", "+1", "-1", "0x1", "1.0", "1e3", "a" };
	uint64_t u = 7;
	int64_t i = 7;
	assert_int_equal(str_parse_u64(STR_LIT("18446744073709551615"), 0, UINT64_MAX, &u), 0);
	assert_true(u == UINT64_MAX);
	assert_int_equal(str_parse_u64(STR_LIT("007"), 0, 10, &u), 0);
	assert_int_equal(u, 7);
	struct str beyond = STR_LIT("18446744073709551616");
	assert_int_equal(str_parse_u64(beyond, 0, UINT64_MAX, &u), -ERANGE);
	assert_int_equal(str_parse_u64(STR_LIT("11"), 0, 10, &u), -ERANGE);
	assert_int_equal(str_parse_u64(STR_LIT("1"), 2, 10, &u), -ERANGE);
	for (size_t k = 0; k < N(wrong); k++)
		assert_int_equal(str_parse_u64(str_of(wrong[k]), 0, UINT64_MAX, &u), -EINVAL);
	assert_int_equal(u, 7);
	assert_int_equal(str_parse_i64(STR_LIT("-42"), -50, 50, &i), 0);
	assert_int_equal(i, -42);
	assert_int_equal(str_parse_i64(STR_LIT("-51"), -50, 50, &i), -ERANGE);
	assert_int_equal(str_parse_i64(STR_LIT("--1"), -50, 50, &i), -EINVAL);
	assert_int_equal(str_parse_i64(STR_LIT("-"), -50, 50, &i), -EINVAL);
	assert_int_equal(i, -42);
}

static void fractions_are_finite(void **state)
{
	(void)state;
	static const char *const wrong[] = { "", "nan", "inf", "0x1p3", " 1", "1 ", "1,5", "." };
	double value = 7;
	assert_int_equal(str_parse_double(STR_LIT("0.25"), &value), 0);
	assert_true(value == 0.25);
	assert_int_equal(str_parse_double(STR_LIT("-1e3"), &value), 0);
	assert_true(value == -1000);
	assert_int_equal(str_parse_double(STR_LIT("1e999"), &value), -ERANGE);
	for (size_t k = 0; k < N(wrong); k++)
		assert_int_equal(str_parse_double(str_of(wrong[k]), &value), -EINVAL);
	assert_true(value == -1000);
}

static void sizes_have_binary_units(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint64_t bytes;
	} right[] = {
		{ "0", 0 },
		{ "512", 512 },
		{ "512B", 512 },
		{ "64K", 65536 },
		{ "1.5MiB", 1572864 },
		{ "2G", UINT64_C(2) << 30 },
		{ "1TiB", UINT64_C(1) << 40 },
	};
	static const char *const wrong[] = { "", "K", "1k", "1KB", "-1", "1 K", "1K1", "x" };
	uint64_t bytes = 7;
	for (size_t i = 0; i < N(right); i++) {
		assert_int_equal(str_parse_size(str_of(right[i].text), &bytes), 0);
		assert_int_equal(bytes, right[i].bytes);
	}
	for (size_t i = 0; i < N(wrong); i++)
		assert_int_equal(str_parse_size(str_of(wrong[i]), &bytes), -EINVAL);
	assert_int_equal(str_parse_size(STR_LIT("99999999999T"), &bytes), -ERANGE);
	assert_int_equal(bytes, UINT64_C(1) << 40);
}

static void durations_add_up(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint64_t us;
	} right[] = {
		{ "0", 0 },
		{ "90", 90000000 },
		{ "1.5s", 1500000 },
		{ "200ms", 200000 },
		{ "10us", 10 },
		{ "2m", 120000000 },
		{ "1h30m", UINT64_C(5400000000) },
		{ "1d", UINT64_C(86400000000) },
		{ "1min30sec", 90000000 },
	};
	static const char *const wrong[] = { "", "s", "-1s", "1 s", "1y", "1h30x", "1h-1m" };
	uint64_t us = 7;
	for (size_t i = 0; i < N(right); i++) {
		assert_int_equal(str_parse_duration(str_of(right[i].text), &us), 0);
		assert_int_equal(us, right[i].us);
	}
	for (size_t i = 0; i < N(wrong); i++)
		assert_int_equal(str_parse_duration(str_of(wrong[i]), &us), -EINVAL);
	assert_int_equal(str_parse_duration(STR_LIT("999999999d"), &us), -ERANGE);
	assert_int_equal(us, 90000000);
}

static void durations_and_sizes_are_written_short(void **state)
{
	(void)state;
	static const struct {
		uint64_t us;
		const char *text;
	} durations[] = {
		{ 0, "0 us" },
		{ 999, "999 us" },
		{ 1500, "1.5 ms" },
		{ 340000, "340 ms" },
		{ 1200000, "1.20 s" },
		{ 125000000, "2 m 05 s" },
		{ UINT64_C(5460000000), "1 h 31 m" },
	};
	static const struct {
		uint64_t bytes;
		const char *text;
	} sizes[] = {
		{ 0, "0 B" },
		{ 1023, "1023 B" },
		{ 1536, "1.5 KiB" },
		{ 1572864, "1.5 MiB" },
		{ UINT64_C(1) << 50, "1024.0 TiB" },
	};
	char out[24];
	for (size_t i = 0; i < N(durations); i++)
		assert_string_equal(str_format_duration(out, sizeof(out), durations[i].us),
				    durations[i].text);
	for (size_t i = 0; i < N(sizes); i++)
		assert_string_equal(str_format_size(out, sizeof(out), sizes[i].bytes),
				    sizes[i].text);
	str_format_duration(out, sizeof(out), UINT64_MAX);
	assert_true(strlen(out) < sizeof(out));
}

static void copies_are_the_callers(void **state)
{
	(void)state;
	char *copy = str_dup((struct str){ "copied", 4 });
	assert_string_equal(copy, "copi");
	free(copy);
	copy = str_dup((struct str){ NULL, 0 });
	assert_string_equal(copy, "");
	free(copy);
}

static void distance_counts_edits_and_swaps(void **state)
{
	(void)state;
	char wide[100];
	memset(wide, 'x', sizeof(wide));
	assert_int_equal(str_distance(STR_LIT("retries"), STR_LIT("retries")), 0);
	assert_int_equal(str_distance(STR_LIT("retires"), STR_LIT("retries")), 1);
	assert_int_equal(str_distance(STR_LIT("retrys"), STR_LIT("retries")), 2);
	assert_int_equal(str_distance(STR_LIT(""), STR_LIT("abc")), 3);
	assert_int_equal(str_distance(STR_LIT("kitten"), STR_LIT("sitting")), 3);
	assert_int_equal(str_distance((struct str){ wide, 100 }, STR_LIT("")), 64);
}

/* Stores and partitions keep these: the published values of FNV-1a. */
static void the_hash_never_changes(void **state)
{
	(void)state;
	assert_true(str_hash(STR_LIT("")) == 0xcbf29ce484222325u);
	assert_true(str_hash(STR_LIT("a")) == 0xaf63dc4c8601ec8cu);
	assert_true(str_hash(STR_LIT("foobar")) == 0x85944171f73967e8u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(views_compare_by_bytes),
		cmocka_unit_test(trimming_takes_both_ends),
		cmocka_unit_test(pieces_between_separators),
		cmocka_unit_test(lines_with_any_ending),
		cmocka_unit_test(numbers_are_read_whole_or_not),
		cmocka_unit_test(fractions_are_finite),
		cmocka_unit_test(sizes_have_binary_units),
		cmocka_unit_test(durations_add_up),
		cmocka_unit_test(durations_and_sizes_are_written_short),
		cmocka_unit_test(copies_are_the_callers),
		cmocka_unit_test(distance_counts_edits_and_swaps),
		cmocka_unit_test(the_hash_never_changes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
