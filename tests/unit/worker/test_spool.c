// SPDX-License-Identifier: Apache-2.0
/* Batches: order, size, and that what was given out stays the same until it is dropped. */
#include "worker/spool.h"

#include "tests/kit/sample.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void put_index(struct spool *spool, uint64_t index)
{
	struct msg_event event = { .kind = MSG_EVENT_STARTED, .index = index };
	assert_int_equal(spool_put(spool, &event), 0);
}

static void test_keeps_order_and_copies(void **state)
{
	struct spool *spool = spool_new(1 << 20);
	struct msg_event *events = NULL;
	char text[] = "message";
	struct msg_event event = { .kind = MSG_EVENT_ENDED, .message = STR_LIT("") };
	(void)state;
	assert_non_null(spool);
	assert_true(spool_is_empty(spool));
	assert_int_equal(spool_front(spool, &events), 0);
	event.message = (struct str){ text, 7 };
	assert_int_equal(spool_put(spool, &event), 0);
	memset(text, 'x', 7);
	put_index(spool, 1);
	assert_false(spool_is_empty(spool));
	assert_int_equal(spool_front(spool, &events), 2);
	assert_string_equal(events[0].message.data, "message");
	assert_int_equal(events[1].index, 1);
	spool_drop(spool);
	assert_true(spool_is_empty(spool));
	assert_int_equal(spool_bytes(spool), 0);
	spool_free(spool);
}

static void test_a_batch_given_out_takes_no_more(void **state)
{
	struct spool *spool = spool_new(1 << 20);
	struct msg_event *events = NULL;
	(void)state;
	put_index(spool, 1);
	assert_int_equal(spool_front(spool, &events), 1);
	put_index(spool, 2);
	put_index(spool, 3);
	assert_int_equal(spool_front(spool, &events), 1);
	assert_int_equal(events[0].index, 1);
	spool_drop(spool);
	assert_int_equal(spool_front(spool, &events), 2);
	assert_int_equal(events[1].index, 3);
	spool_drop(spool);
	put_index(spool, 4); /* into the batch that was kept for reuse */
	assert_int_equal(spool_front(spool, &events), 1);
	assert_int_equal(events[0].index, 4);
	spool_free(spool);
}

/* However much waits: each batch encodes, and nothing is missing. */
static void test_every_batch_fits_a_frame(void **state)
{
	enum { EVENTS = 3000 };
	struct spool *spool = spool_new(1 << 20);
	struct arena arena = { 0 };
	struct rng rng;
	struct buf frame;
	size_t seen = 0, n;
	(void)state;
	rng_seed(&rng, 7);
	buf_init(&frame, LIMIT_FRAME_BYTES);
	for (size_t i = 0; i < EVENTS; i++) {
		struct msg_event event = { 0 };
		sample_fill(&rng, &msg_record_event, &event, &arena, i % 50 ? 500 : 200000);
		assert_int_equal(spool_put(spool, &event), 0);
		arena_clear(&arena);
	}
	assert_true(spool_is_full(spool));
	struct msg_report report = { .session = UINT64_MAX, .seq = UINT64_MAX };
	while ((n = report.n_events = spool_front(spool, &report.events)) > 0) {
		struct err err = { 0 };
		if (msg_encode(MSG_REPORT, &report, &frame, &err) < 0)
			fail_msg("%s", err.text);
		seen += n;
		spool_drop(spool);
	}
	assert_int_equal(seen, EVENTS);
	assert_false(spool_is_full(spool));
	buf_done(&frame);
	arena_done(&arena);
	spool_free(spool);
}

static void test_refuses_what_the_wire_would(void **state)
{
	struct spool *spool = spool_new(1 << 20);
	char *big = calloc(1, LIMIT_FRAME_BYTES);
	(void)state;
	assert_non_null(big);
	struct msg_event event = { .kind = MSG_EVENT_ENDED, .name = { big, LIMIT_NAME_BYTES + 1 } };
	assert_int_equal(spool_put(spool, &event), -EMSGSIZE);
	struct msg_listed listed = { .name = { big, LIMIT_NAME_BYTES + 1 } };
	event = (struct msg_event){ .kind = MSG_EVENT_LISTED, .listed = &listed, .n_listed = 1 };
	assert_int_equal(spool_put(spool, &event), -EMSGSIZE);
	struct str tag = { big, LIMIT_NAME_BYTES + 1 };
	listed = (struct msg_listed){ .tags = &tag, .n_tags = 1 };
	assert_int_equal(spool_put(spool, &event), -EMSGSIZE);
	event = (struct msg_event){ .kind = MSG_EVENT_MAX };
	assert_int_equal(spool_put(spool, &event), -EMSGSIZE);
	assert_true(spool_is_empty(spool));
	put_index(spool, 1);
	assert_false(spool_is_empty(spool));
	free(big);
	spool_free(spool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keeps_order_and_copies),
		cmocka_unit_test(test_a_batch_given_out_takes_no_more),
		cmocka_unit_test(test_every_batch_fits_a_frame),
		cmocka_unit_test(test_refuses_what_the_wire_would),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
