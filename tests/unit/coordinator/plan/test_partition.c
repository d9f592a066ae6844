// SPDX-License-Identifier: Apache-2.0
/*
 * test_partition.c - every case in exactly one part, whatever the kind and the order it is listed
 * in.
 */
#include "coordinator/plan/partition.h"

#include "protocol/base/rng.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { N = 500 };

static char ids[N][24];
static const char *const kinds[] = { "time", "slice", "hash" };

static struct partition parse(const char *kind, unsigned part, unsigned parts)
{
	char text[32];
	struct partition partition;
	snprintf(text, sizeof(text), "%s:%u/%u", kind, part, parts);
	assert_int_equal(partition_parse(str_of(text), &partition, NULL), 0);
	return partition;
}

static void fill(struct partition_item *items)
{
	struct rng rng;
	rng_seed(&rng, 3);
	for (size_t i = 0; i < N; i++) {
		snprintf(ids[i], sizeof(ids[i]), "s::p::case%zu", i);
		items[i] = (struct partition_item){ .id = str_of(ids[i]),
						    .expect_us = rng_below(&rng, 1000000) };
	}
}

static void test_union_and_disjoint(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < 3; kind++)
		for (unsigned parts = 1; parts <= 7; parts++) {
			unsigned owners[N] = { 0 };
			for (unsigned part = 1; part <= parts; part++) {
				struct partition_item items[N];
				struct partition partition = parse(kinds[kind], part, parts);
				fill(items);
				assert_int_equal(partition_apply(&partition, items, N), 0);
				for (size_t i = 0; i < N; i++)
					owners[i] += items[i].mine;
			}
			for (size_t i = 0; i < N; i++)
				assert_int_equal(owners[i], 1);
		}
}

static void test_order_does_not_matter(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < 3; kind++) {
		struct partition_item there[N], back[N];
		struct partition partition = parse(kinds[kind], 2, 3);
		fill(there);
		for (size_t i = 0; i < N; i++)
			back[N - 1 - i] = there[i];
		assert_int_equal(partition_apply(&partition, there, N), 0);
		assert_int_equal(partition_apply(&partition, back, N), 0);
		for (size_t i = 0; i < N; i++)
			assert_true(there[i].mine == back[N - 1 - i].mine);
	}
}

static void test_time_balances(void **state)
{
	(void)state;
	uint64_t least = UINT64_MAX, most = 0;
	for (unsigned part = 1; part <= 5; part++) {
		struct partition_item items[N];
		struct partition partition = parse("time", part, 5);
		uint64_t load = 0;
		fill(items);
		assert_int_equal(partition_apply(&partition, items, N), 0);
		for (size_t i = 0; i < N; i++)
			load += items[i].mine ? items[i].expect_us : 0;
		least = load < least ? load : least;
		most = load > most ? load : most;
	}
	assert_true(most - least < most / 100);
}

/* A case that comes or goes moves no other between the parts of a hash. */
static void test_hash_is_stable(void **state)
{
	(void)state;
	struct partition_item all[N], fewer[N];
	struct partition partition = parse("hash", 1, 4);
	fill(all);
	fill(fewer);
	assert_int_equal(partition_apply(&partition, all, N), 0);
	assert_int_equal(partition_apply(&partition, fewer + 100, N - 100), 0);
	for (size_t i = 100; i < N; i++)
		assert_true(all[i].mine == fewer[i].mine);
}

static void test_texts(void **state)
{
	(void)state;
	static const char *const bad[] = { "time",	"time:",	 "time:1",     "time:0/2",
					   "time:3/2",	"slice:1/0",	 "hash:a/b",   ":1/2",
					   "Time:1/2",	"time:1/2 ",	 "time:1/2/3", "count:1/2",
					   "time:-1/2", "time:1/9999999" };
	struct partition partition = { .kind = PARTITION_HASH };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err = { 0 };
		assert_int_equal(partition_parse(str_of(bad[i]), &partition, &err), -EINVAL);
		assert_non_null(strstr(err.text, bad[i]));
		assert_int_equal(partition.kind, PARTITION_HASH); /* untouched */
	}
	assert_int_equal(partition_parse(STR_LIT(""), &partition, NULL), 0);
	assert_int_equal(partition.kind, PARTITION_NONE);
}

static void test_nothing(void **state)
{
	(void)state;
	struct partition partition = parse("time", 1, 2), none = { 0 };
	struct partition_item item = { .id = STR_LIT("x") };
	assert_int_equal(partition_apply(&partition, NULL, 0), 0);
	assert_int_equal(partition_apply(&none, &item, 1), 0);
	assert_true(item.mine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_union_and_disjoint),
		cmocka_unit_test(test_order_does_not_matter),
		cmocka_unit_test(test_time_balances),
		cmocka_unit_test(test_hash_is_stable),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
