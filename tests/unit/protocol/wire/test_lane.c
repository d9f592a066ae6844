// SPDX-License-Identifier: Apache-2.0
/*
 * test_lane.c - one number, one effect, one answer; also over a connection that loses and doubles.
 */
#include "protocol/wire/lane.h"
#include "protocol/wire/limits.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t send_one(struct lane_client *lane, const char *text, uint64_t now,
			 uint64_t patience)
{
	uint64_t seq;
	struct buf *frame = lane_client_begin(lane, &seq);
	assert_int_equal(buf_puts(frame, text), 0);
	lane_client_sent(lane, now, patience);
	return seq;
}

static void numbers_count_up_and_only_the_newest_is_answered(void **state)
{
	(void)state;
	struct lane_client lane;
	lane_client_init(&lane, 1);
	assert_false(lane_client_busy(&lane));
	assert_false(lane_client_take(&lane, 0));
	assert_int_equal(send_one(&lane, "one", 0, 0), 1);
	assert_true(lane_client_busy(&lane));
	assert_true(str_eq(lane_client_frame(&lane), STR_LIT("one")));
	assert_int_equal(send_one(&lane, "two", 0, 0), 2);
	assert_false(lane_client_take(&lane, 1));
	assert_false(lane_client_take(&lane, 3));
	assert_true(lane_client_take(&lane, 2));
	assert_false(lane_client_take(&lane, 2));
	assert_false(lane_client_busy(&lane));
	assert_int_equal(lane_client_frame(&lane).len, 0);
	lane_client_done(&lane);
	lane_client_done(&lane);
	lane_client_done(NULL);
}

static void waits_grow_with_jitter_and_respect_patience(void **state)
{
	(void)state;
	static const uint64_t waits_us[] = { 2000000, 4000000, 8000000, 8000000, 8000000 };
	enum { PATIENCE_US = 5000000 };
	uint64_t least = UINT64_MAX, most = 0;
	for (uint64_t seed = 0; seed < 200; seed++) {
		struct lane_client lane;
		lane_client_init(&lane, seed);
		assert_int_equal(lane_client_deadline(&lane), UINT64_MAX);
		assert_false(lane_client_due(&lane, UINT64_MAX));
		uint64_t now = 1000;
		send_one(&lane, "x", now, PATIENCE_US);
		for (size_t i = 0; i < 5; i++) {
			uint64_t wait = lane_client_deadline(&lane) - now;
			wait -= i == 0 ? PATIENCE_US : 0;
			assert_in_range(wait, waits_us[i] * 3 / 4, waits_us[i] * 5 / 4);
			least = i == 0 && wait < least ? wait : least;
			most = i == 0 && wait > most ? wait : most;
			now = lane_client_deadline(&lane);
			assert_false(lane_client_due(&lane, now - 1));
			assert_true(lane_client_due(&lane, now));
			assert_false(lane_client_due(&lane, now));
		}
		assert_true(lane_client_take(&lane, 1));
		assert_false(lane_client_due(&lane, UINT64_MAX));
		lane_client_done(&lane);
	}
	assert_true(most - least > 900000);
}

static void large_frames_give_their_memory_back(void **state)
{
	(void)state;
	struct lane_client lane;
	struct lane_server server = { 0 };
	uint64_t seq;
	char *bytes = calloc(1, LIMIT_FRAME_BYTES);
	struct str frame = { bytes, LIMIT_FRAME_BYTES };
	lane_client_init(&lane, 1);
	assert_int_equal(buf_put_str(lane_client_begin(&lane, &seq), frame), 0);
	lane_client_sent(&lane, 0, 0);
	assert_true(lane_client_take(&lane, seq));
	assert_true(lane.frame.size <= 16 << 10);
	assert_int_equal(lane_server_take(&server, 1), LANE_NEW);
	assert_int_equal(lane_server_answer(&server, 1, frame), 0);
	assert_int_equal(lane_server_take(&server, 2), LANE_NEW);
	assert_true(server.reply.size <= 16 << 10);
	assert_int_equal(lane_server_answer(&server, 2, STR_LIT("small")), 0);
	lane_client_done(&lane);
	lane_server_done(&server);
	free(bytes);
}

static void the_same_number_gets_the_same_answer(void **state)
{
	(void)state;
	struct lane_server lane = { 0 };
	assert_int_equal(lane_server_take(&lane, 0), LANE_OLD);
	assert_int_equal(lane_server_take(&lane, 1), LANE_NEW);
	assert_int_equal(lane_server_take(&lane, 1), LANE_PARKED);
	assert_int_equal(lane_server_answer(&lane, 1, STR_LIT("first")), 0);
	assert_int_equal(lane_server_take(&lane, 1), LANE_REPEAT);
	assert_true(str_eq(lane_server_reply(&lane), STR_LIT("first")));
	assert_int_equal(lane_server_take(&lane, 1), LANE_REPEAT);
	assert_int_equal(lane_server_take(&lane, 7), LANE_NEW);
	assert_int_equal(lane_server_take(&lane, 6), LANE_OLD);
	assert_int_equal(lane_server_take(&lane, 1), LANE_OLD);
	assert_int_equal(lane_server_take(&lane, 7), LANE_PARKED);
	lane_server_done(&lane);
	lane_server_done(&lane);
	lane_server_done(NULL);
}

static void a_late_answer_to_a_superseded_request_is_not_kept(void **state)
{
	(void)state;
	struct lane_server lane = { 0 };
	assert_int_equal(lane_server_take(&lane, 1), LANE_NEW);
	assert_int_equal(lane_server_take(&lane, 2), LANE_NEW);
	assert_int_equal(lane_server_answer(&lane, 1, STR_LIT("late")), -ESTALE);
	assert_int_equal(lane_server_take(&lane, 2), LANE_PARKED);
	assert_int_equal(lane_server_answer(&lane, 2, STR_LIT("right")), 0);
	assert_int_equal(lane_server_take(&lane, 2), LANE_REPEAT);
	lane_server_done(&lane);
}

/* Both ends over a connection that delays, doubles and loses, in virtual time. */
struct flight {
	uint64_t seq, at_us;
};

struct lossy {
	struct flight flights[64];
	size_t n;
	struct rng *rng;
};

static void throw(struct lossy * way, uint64_t seq, uint64_t now)
{
	for (uint64_t copies = rng_below(way->rng, 3); copies && way->n < 64; copies--)
		way->flights[way->n++] = (struct flight){ seq, now + rng_below(way->rng, 9000000) };
}

/* One that has arrived by `now`, or 0. */
static uint64_t land(struct lossy *way, uint64_t now)
{
	for (size_t i = 0; i < way->n; i++)
		if (way->flights[i].at_us <= now) {
			uint64_t seq = way->flights[i].seq;
			way->flights[i] = way->flights[--way->n];
			return seq;
		}
	return 0;
}

/* The server's half: works on each new number once, and says what it said before otherwise. */
static void serve(struct lane_server *server, uint64_t seq, unsigned *work, struct lossy *back,
		  uint64_t now)
{
	char answer[32];
	switch (lane_server_take(server, seq)) {
	case LANE_NEW:
		work[seq]++;
		snprintf(answer, sizeof(answer), "%u", (unsigned)seq);
		assert_int_equal(lane_server_answer(server, seq, str_of(answer)), 0);
		throw(back, seq, now);
		break;
	case LANE_REPEAT:
		snprintf(answer, sizeof(answer), "%u", (unsigned)seq);
		assert_true(str_eq(lane_server_reply(server), str_of(answer)));
		throw(back, seq, now);
		break;
	case LANE_PARKED: fail_msg("answered at once, so never parked"); break;
	case LANE_OLD:
	default: break;
	}
}

static void a_bad_connection_changes_nothing(void **state)
{
	(void)state;
	enum { REQUESTS = 300 };
	static unsigned work[REQUESTS + 1];
	struct rng rng;
	rng_seed(&rng, 77);
	struct lossy there = { .rng = &rng }, back = { .rng = &rng };
	struct lane_client client;
	struct lane_server server = { 0 };
	unsigned answered = 0;
	uint64_t seq = 0;
	lane_client_init(&client, 3);
	for (uint64_t now = 0; answered < REQUESTS; now += 100000) {
		assert_true(now < UINT64_C(100000000000));
		if (!lane_client_busy(&client)) {
			seq = send_one(&client, "work", now, 0);
			throw(&there, seq, now);
		}
		if (lane_client_due(&client, now))
			throw(&there, seq, now);
		for (uint64_t got; (got = land(&there, now));)
			serve(&server, got, work, &back, now);
		for (uint64_t got; (got = land(&back, now));)
			answered += lane_client_take(&client, got);
	}
	for (unsigned i = 1; i <= REQUESTS; i++)
		assert_int_equal(work[i], 1);
	lane_client_done(&client);
	lane_server_done(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_count_up_and_only_the_newest_is_answered),
		cmocka_unit_test(waits_grow_with_jitter_and_respect_patience),
		cmocka_unit_test(large_frames_give_their_memory_back),
		cmocka_unit_test(the_same_number_gets_the_same_answer),
		cmocka_unit_test(a_late_answer_to_a_superseded_request_is_not_kept),
		cmocka_unit_test(a_bad_connection_changes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
