// SPDX-License-Identifier: Apache-2.0
/*
 * test_feed.c - what is held for a client: in pieces, forgotten once it arrived, and bounded when
 * nobody fetches; and the heap of what is due.
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
	if (feed_is_full(feed))
		feed_count(feed, &event);
	else
		assert_int_equal(feed_add(feed, &event), 0);
}

static void test_a_client_that_fetches(void **state)
{
	(void)state;
	struct feed feed = { 0 };
	struct msg_run_event events[16];
	uint64_t from = 0;
	for (uint64_t i = 0; i < 2000; i++) {
		add(&feed, i);
		size_t n = feed_fetch(&feed, from, events, 16, 1 << 20);
		assert_int_equal(n, 1);
		assert_int_equal(events[0].index, i);
		from++;
		feed_forget(&feed, from);
	}
	assert_int_equal(feed.end, 2000);
	assert_int_equal(feed.held, 2000);
	feed_done(&feed);
}

static void test_a_client_that_does_not(void **state)
{
	(void)state;
	struct feed feed = { 0 };
	struct msg_run_event events[16];
	for (uint64_t i = 0; i < 2000; i++)
		add(&feed, i);
	assert_int_equal(feed.end, 2000);
	assert_true(feed.held < 400); /* 64 KiB each */
	assert_true(feed.bytes < FEED_BYTES + (2 << 20));
	uint64_t held = feed.held;
	assert_int_equal(feed_fetch(&feed, held - 1, events, 16, 1 << 20), 1);
	assert_int_equal(feed_fetch(&feed, held, events, 16, 1 << 20), 0); /* in the journal */

	/* It has read on there, and not to the end: still nothing is held. */
	feed_forget(&feed, held + 10);
	assert_int_equal(feed.bytes, 0);
	add(&feed, 2000);
	assert_int_equal(feed.held, held + 10);

	/* At the end it is served from memory again. */
	feed_forget(&feed, 2001);
	add(&feed, 2001);
	assert_int_equal(feed_fetch(&feed, 2001, events, 16, 1 << 20), 1);
	assert_int_equal(events[0].index, 2001);
	assert_int_equal(feed.held, feed.end);
	feed_done(&feed);
}

/* Pieces of artifacts have numbers while they are in memory; the journal has only the last one. */
static void test_artifacts(void **state)
{
	(void)state;
	struct feed feed = { 0 };
	struct arena arena = { 0 };
	struct msg_run_event copy, piece = { .kind = MSG_RUN_ARTIFACT, .more = 1 },
				   last = { .kind = MSG_RUN_ARTIFACT };
	assert_int_equal(feed_add(&feed, &piece), 0);
	assert_int_equal(feed_add(&feed, &last), 0);
	assert_int_equal(feed.end, 2);
	assert_int_equal(feed.unstored, 1);
	for (uint64_t i = 0; !feed_is_full(&feed); i++)
		add(&feed, i);
	uint64_t end = feed.end;
	feed_count(&feed, &piece);
	assert_int_equal(feed.end, end);
	feed_count(&feed, &last);
	assert_int_equal(feed.end, end + 1);
	assert_int_equal(feed.unstored, 1);
	assert_int_equal(feed_copy(&last, &arena, &copy), 0);
	assert_true(str_starts(copy.message, STR_LIT("not whole")));
	arena_done(&arena);
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
		cmocka_unit_test(test_a_client_that_does_not),
		cmocka_unit_test(test_artifacts),
		cmocka_unit_test(test_dues),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
