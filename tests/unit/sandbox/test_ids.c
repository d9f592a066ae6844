// SPDX-License-Identifier: Apache-2.0
/* Id maps: never host id 0, always the payload's own, ranges where there are any. */
#include "sandbox/ids.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void root_gets_a_range_per_slot(void **state)
{
	struct ids_map own, a, b;

	(void)state;
	assert_int_equal(ids_parse("         0          0 4294967295\n", &own), 0);
	ids_for_root(0, 0, &own, &a);
	ids_for_root(0, 1, &own, &b);
	assert_int_equal(ids_outside(&a, 0), IDS_BASE);
	assert_int_equal(ids_outside(&a, 65535), IDS_BASE + 65535);
	assert_int_equal(ids_outside(&a, 65536), IDS_NONE);
	assert_int_equal(ids_outside(&b, 0), IDS_BASE + 65536);
	ids_for_root(0, 1023, &own, &b);
	assert_true(ids_outside(&b, 65535) < 0x80000000u);
}

static void a_container_without_the_range_gets_one_id(void **state)
{
	struct ids_map own, map;

	(void)state;
	assert_int_equal(ids_parse("0 100000 65536\n", &own), 0);
	for (unsigned slot = 0; slot < 1024; slot++) {
		ids_for_root(0, slot, &own, &map);
		assert_int_equal(map.n, 1);
		assert_int_equal(map.extents[0].count, 1);
		assert_true(ids_outside(&map, 0) >= 60001);
		assert_int_equal(ids_outside(&map, 1), IDS_NONE);
	}
}

static void a_user_stays_itself(void **state)
{
	static const uint32_t selves[] = { 0, 1, 1000, 65533, 65534, 65535, 100000 };
	static const uint32_t counts[] = { 0, 1, 10, 1000, 65536 };

	(void)state;
	for (size_t i = 0; i < sizeof(selves) / sizeof(selves[0]); i++)
		for (size_t k = 0; k < sizeof(counts) / sizeof(counts[0]); k++) {
			struct ids_map map;

			ids_for_user(selves[i], counts[k], &map);
			assert_int_equal(ids_outside(&map, selves[i]), 0);
			/* No two inside ids share an outside one, and all are mapped outside. */
			for (size_t a = 0; a < map.n; a++) {
				assert_true(map.extents[a].count > 0);
				assert_true(map.extents[a].outside + map.extents[a].count <=
					    counts[k] + 1);
				for (size_t b = 0; b < a; b++)
					assert_true(map.extents[a].outside >=
							    map.extents[b].outside +
								    map.extents[b].count ||
						    map.extents[b].outside >=
							    map.extents[a].outside +
								    map.extents[a].count);
			}
			if (counts[k] == 65536 && selves[i] < 65536)
				for (uint32_t id = 0; id < 65536; id++)
					assert_int_not_equal(ids_outside(&map, id), IDS_NONE);
		}
}

static void maps_read_and_write(void **state)
{
	struct ids_map map;
	char text[128];

	(void)state;
	assert_int_equal(ids_parse("0 1 2\n5 6 7\n", &map), 0);
	assert_int_equal(map.n, 2);
	assert_int_equal(ids_print(&map, text, sizeof(text)), 0);
	assert_string_equal(text, "0 1 2\n5 6 7\n");
	assert_int_equal(ids_print(&map, text, 8), -ENAMETOOLONG);
	assert_int_equal(ids_parse("", &map), -EINVAL);
	assert_int_equal(ids_parse("0 1", &map), -EINVAL);
	assert_int_equal(ids_parse("a b c\n", &map), -EINVAL);
	assert_int_equal(ids_parse("0 1 2\nx", &map), -EINVAL);
	assert_int_equal(ids_parse("0 1 4294967296\n", &map), -EINVAL);
}

static void subordinate_ids_are_found_by_name_or_number(void **state)
{
	static const char text[] =
		"# comment\nroot:1:2\nannie:100:5\nann:100000:65536\n1000:7:8\nbad:x:y\n"
		"cut:\n9:1\nwide:4294967296:1\nmany:3:1000000\n";
	uint32_t start;

	(void)state;
	assert_int_equal(ids_find_sub(text, "ann", 5, &start), 65536);
	assert_int_equal(start, 100000);
	assert_int_equal(ids_find_sub(text, "", 1000, &start), 8);
	assert_int_equal(start, 7);
	assert_int_equal(ids_find_sub(text, "many", 8, &start), IDS_PER_SLOT);
	assert_int_equal(start, 3);
	assert_int_equal(ids_find_sub(text, "nobody", 9, &start), 0);
	assert_int_equal(ids_find_sub(text, "bad", 8, &start), 0);
	assert_int_equal(ids_find_sub(text, "cut", 8, &start), 0);
	assert_int_equal(ids_find_sub(text, "wide", 8, &start), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(root_gets_a_range_per_slot),
		cmocka_unit_test(a_container_without_the_range_gets_one_id),
		cmocka_unit_test(a_user_stays_itself),
		cmocka_unit_test(maps_read_and_write),
		cmocka_unit_test(subordinate_ids_are_found_by_name_or_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
