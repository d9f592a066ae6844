// SPDX-License-Identifier: Apache-2.0
/*
 * test_feed.c - what is held for a client: in pieces, forgotten once it arrived, from any number
 * on; and the heap of what is due.
 */
#include "coordinator/serve/dues.h"
#include "coordinator/serve/feed.h"
#include "protocol/base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { OUT_BYTES = 64 << 10 };

static char text[OUT_BYTES];

static void add(struct feed *feed, uint64_t number)
{
	struct msg_run_event event = { .index = number, .out = { text, sizeof(text) } };
	assert_int_equal(feed_add(feed, &event), 0);
}

static void test_a_client_that_fetches(void **state)
{
	(void)state;
	struct feed feed = { 0 };
	struct msg_run_event events[16];
	for (uint64_t i = 0; i < 2000; i++) {
		add(&feed, i);
		assert_int_equal(feed_fetch(&feed, i, events, 16, 1 << 20), 1);
		assert_int_equal(events[0].index, i);
		feed_forget(&feed, i + 1);
		assert_true(feed.bytes < 20 << 20); /* a segment of 64 KiB each, at most */
	}
	assert_int_equal(feed.end, 2000);
	feed_done(&feed);
	assert_int_equal(feed.bytes, 0);
}

/* Pieces are as large as asked, and what arrived is forgotten. */
static void test_pieces(void **state)
{
	(void)state;
	struct feed feed = { 0 };
	struct msg_run_event events[16];
	for (uint64_t i = 0; i < 600; i++)
		add(&feed, i);
	assert_int_equal(feed_fetch(&feed, 0, events, 16, 64 << 20), 16);
	assert_int_equal(feed_fetch(&feed, 590, events, 16, 64 << 20), 10);
	assert_int_equal(feed_fetch(&feed, 0, events, 16, 200 << 10), 3);
	assert_int_equal(feed_fetch(&feed, 600, events, 16, 64 << 20), 0);
	size_t all = feed.bytes;
	feed_forget(&feed, 600);
	assert_true(feed.begin > 0 && feed.begin <= 600);
	assert_true(feed.bytes < all / 2);
	feed_done(&feed);
}

/* One that fell behind, or asks another coordinator, goes on from its number. */
static void test_a_later_start(void **state)
{
	(void)state;
	struct feed feed = { 0 };
	struct msg_run_event events[16];
	add(&feed, 0);
	feed_start(&feed, 70);
	assert_int_equal(feed.bytes, 0);
	add(&feed, 70);
	assert_int_equal(feed_fetch(&feed, 70, events, 16, 1 << 20), 1);
	assert_int_equal(events[0].index, 70);
	assert_int_equal(feed.end, 71);
	feed_done(&feed);
}

/* Files that a client does not take cost a bounded memory: then their content is left out. */
static void test_artifacts(void **state)
{
	(void)state;
	struct feed feed = { 0 };
	struct msg_run_event events[1],
		piece = { .kind = MSG_RUN_ARTIFACT, .out = { text, sizeof(text) }, .more = 1 };
	for (uint64_t i = 0; i < 5000; i++)
		assert_int_equal(feed_add(&feed, &piece), 0);
	assert_int_equal(feed.end, 5000);
	assert_int_equal(feed.file_bytes, 256 << 20);
	assert_int_equal(feed_fetch(&feed, 4999, events, 1, 1 << 20), 1);
	assert_int_equal(events[0].out.len, 0);
	assert_true(str_starts(events[0].message, STR_LIT("not whole")));
	feed_done(&feed);
}

static void test_dues(void **state)
{
	(void)state;
	struct dues dues = { 0 };
	struct rng rng;
	uint64_t last = 0, session;
	rng_seed(&rng, 1);
	assert_true(dues_next_us(&dues) == UINT64_MAX);
	assert_false(dues_take(&dues, UINT64_MAX - 1, &session));
	for (size_t i = 0; i < 1000; i++) {
		uint64_t at = 1 + rng_below(&rng, 499);
		assert_int_equal(dues_put(&dues, at, at), 0);
	}
	assert_false(dues_take(&dues, dues_next_us(&dues) - 1, &session));
	for (size_t i = 0; i < 1000; i++) {
		assert_true(dues_take(&dues, 500, &session));
		assert_true(session >= last);
		last = session;
	}
	assert_false(dues_take(&dues, 500, &session));
	dues_done(&dues);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_client_that_fetches),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_a_later_start),
		cmocka_unit_test(test_artifacts),
		cmocka_unit_test(test_dues),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
