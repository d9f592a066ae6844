// SPDX-License-Identifier: Apache-2.0
/*
 * test_seal.c - sealed frames: only the keys of their lane, direction and number open them, a
 * number is sealed once, the chain of keys moves one way, and nothing opened in vain changes it.
 */
#include "protocol/wire/limits.h"
#include "protocol/wire/seal.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ASKS, ANSWERS };

struct both {
	struct seal ends[2][SEAL_LANES];
	struct buf frame, message;
};

static int set_up(void **state)
{
	static struct both both;
	struct auth auths[2];
	struct auth_pair pairs[2];
	uint8_t ephemeral[CIPHER_KEY_BYTES] = { 9 };
	struct buf bytes, payload;
	buf_init(&bytes, 1024);
	buf_init(&payload, 1024);
	for (int i = 0; i < 2; i++) {
		cipher_random(pairs[i].secret, CIPHER_KEY_BYTES);
		cipher_public(pairs[i].secret, pairs[i].public);
	}
	auth_begin(&auths[ASKS], AUTH_IK, STR_LIT(""), &pairs[ASKS], ephemeral,
		   pairs[ANSWERS].public);
	auth_begin(&auths[ANSWERS], AUTH_IK, STR_LIT(""), &pairs[ANSWERS], ephemeral, NULL);
	assert_int_equal(auth_write_first(&auths[ASKS], STR_LIT("a"), &bytes), 0);
	assert_int_equal(auth_read_first(&auths[ANSWERS], buf_str(&bytes), &payload), 0);
	buf_clear(&bytes);
	assert_int_equal(auth_write_second(&auths[ANSWERS], STR_LIT("b"), &bytes), 0);
	assert_int_equal(auth_read_second(&auths[ASKS], buf_str(&bytes), &payload), 0);
	buf_done(&bytes);
	buf_done(&payload);
	for (unsigned lane = 0; lane < SEAL_LANES; lane++)
		for (int end = 0; end < 2; end++)
			seal_init(&both.ends[end][lane], &auths[end], lane, 0);
	buf_init(&both.frame, LIMIT_FRAME_BYTES);
	buf_init(&both.message, LIMIT_FRAME_BYTES);
	*state = &both;
	return 0;
}

static int tear_down(void **state)
{
	struct both *both = *state;
	buf_done(&both->frame);
	buf_done(&both->message);
	return 0;
}

static void expect_message(const struct both *both, const char *want)
{
	assert_true(str_eq(buf_str(&both->message), str_of(want)));
}

static void a_request_and_its_reply(void **state)
{
	struct both *both = *state;
	struct seal_head head;
	struct seal *asks = &both->ends[ASKS][1], *answers = &both->ends[ANSWERS][1];
	assert_int_equal(seal_frame(asks, SEAL_REQUEST, 77, 1, STR_LIT("poll"), &both->frame), 0);
	assert_int_equal(both->frame.len, SEAL_BYTES + 4);
	assert_int_equal(seal_parse(buf_str(&both->frame), &head), 0);
	assert_int_equal(head.kind, SEAL_REQUEST);
	assert_int_equal(head.lane, 1);
	assert_int_equal(head.session, 77);
	assert_int_equal(head.seq, 1);
	assert_int_equal(seal_open(answers, buf_str(&both->frame), &both->message), 0);
	expect_message(both, "poll");
	/* Again, as a retransmission: opens again. */
	assert_int_equal(seal_open(answers, buf_str(&both->frame), &both->message), 0);
	/* It is no reply, and no other lane's. */
	assert_int_equal(seal_open(&both->ends[ANSWERS][0], buf_str(&both->frame), &both->message),
			 -EBADMSG);
	assert_int_equal(seal_frame(answers, SEAL_REPLY, 77, 1, STR_LIT("orders"), &both->frame),
			 0);
	assert_int_equal(seal_open(asks, buf_str(&both->frame), &both->message), 0);
	expect_message(both, "orders");
	both->frame.data[1] = SEAL_REQUEST; /* reflected */
	assert_int_equal(seal_open(asks, buf_str(&both->frame), &both->message), -EBADMSG);
}

static void every_bit_of_a_frame_counts(void **state)
{
	struct both *both = *state;
	struct seal *asks = &both->ends[ASKS][0], *answers = &both->ends[ANSWERS][0];
	assert_int_equal(seal_frame(asks, SEAL_REQUEST, 5, 1, STR_LIT("x"), &both->frame), 0);
	struct seal before = *answers;
	for (size_t at = 0; at < both->frame.len * 8; at++) {
		both->frame.data[at / 8] ^= (char)(1 << at % 8);
		assert_int_not_equal(seal_open(answers, buf_str(&both->frame), &both->message), 0);
		assert_memory_equal(answers, &before, sizeof(before));
		both->frame.data[at / 8] ^= (char)(1 << at % 8);
	}
	for (size_t len = 0; len < both->frame.len; len++)
		assert_int_not_equal(seal_open(answers, (struct str){ both->frame.data, len },
					       &both->message),
				     0);
	assert_int_equal(seal_open(answers, buf_str(&both->frame), &both->message), 0);
}

static void a_number_is_sealed_once(void **state)
{
	struct both *both = *state;
	struct seal *asks = &both->ends[ASKS][0];
	assert_int_equal(seal_frame(asks, SEAL_REQUEST, 5, 3, STR_LIT("x"), &both->frame), 0);
	assert_int_equal(seal_frame(asks, SEAL_REQUEST, 5, 3, STR_LIT("y"), &both->frame),
			 -EALREADY);
	assert_int_equal(seal_frame(asks, SEAL_REQUEST, 5, 2, STR_LIT("y"), &both->frame),
			 -EALREADY);
	assert_int_equal(seal_frame(asks, SEAL_REQUEST, 5, 4, STR_LIT("y"), &both->frame), 0);
}

static void keys_move_on_together_and_never_back(void **state)
{
	struct both *both = *state;
	struct seal *asks = &both->ends[ASKS][0], *answers = &both->ends[ANSWERS][0];
	struct buf old;
	buf_init(&old, 1024);
	assert_int_equal(seal_frame(asks, SEAL_REQUEST, 5, 1, STR_LIT("old"), &old), 0);
	assert_int_equal(seal_open(answers, buf_str(&old), &both->message), 0);
	for (uint64_t seq = 2; seq < 6; seq++) {
		seal_next(asks, 0);
		assert_int_equal(asks->generation, seq - 1);
		assert_int_equal(seal_frame(asks, SEAL_REQUEST, 5, seq, STR_LIT("new"),
					    &both->frame),
				 0);
		assert_int_equal(seal_open(answers, buf_str(&both->frame), &both->message), 0);
		expect_message(both, "new");
		assert_int_equal(answers->generation, seq - 1);
		assert_int_equal(seal_frame(answers, SEAL_REPLY, 5, seq, STR_LIT("yes"),
					    &both->frame),
				 0);
		assert_int_equal(seal_open(asks, buf_str(&both->frame), &both->message), 0);
	}
	assert_int_equal(seal_open(answers, buf_str(&old), &both->message), -ESTALE);
	seal_next(asks, 0);
	seal_next(asks, 0);
	assert_int_equal(seal_frame(asks, SEAL_REQUEST, 5, 9, STR_LIT("far"), &both->frame), 0);
	assert_int_equal(seal_open(answers, buf_str(&both->frame), &both->message), -ESTALE);
	buf_done(&old);
}

static void a_generation_ends_by_count_or_by_time(void **state)
{
	struct both *both = *state;
	struct seal *asks = &both->ends[ASKS][0];
	const uint64_t hour_us = UINT64_C(3600) * 1000000;
	assert_false(seal_is_due(asks, hour_us - 1));
	assert_true(seal_is_due(asks, hour_us));
	seal_next(asks, hour_us);
	assert_false(seal_is_due(asks, hour_us + 1));
	asks->count = (1 << 20) - 1;
	assert_false(seal_is_due(asks, hour_us));
	assert_int_equal(seal_frame(asks, SEAL_REQUEST, 5, 1, STR_LIT("x"), &both->frame), 0);
	assert_true(seal_is_due(asks, hour_us));
}

static void the_largest_frame_fits_and_no_larger(void **state)
{
	struct both *both = *state;
	struct seal *asks = &both->ends[ASKS][0];
	char *large = calloc(1, LIMIT_FRAME_BYTES);
	assert_non_null(large);
	assert_int_equal(seal_frame(asks, SEAL_REQUEST, 5, 1,
				    (struct str){ large, LIMIT_FRAME_BYTES - SEAL_BYTES + 1 },
				    &both->frame),
			 -EMSGSIZE);
	assert_int_equal(seal_frame(asks, SEAL_REQUEST, 5, 1,
				    (struct str){ large, LIMIT_MESSAGE_BYTES }, &both->frame),
			 0);
	assert_true(both->frame.len <= LIMIT_FRAME_BYTES);
	assert_int_equal(seal_open(&both->ends[ANSWERS][0], buf_str(&both->frame), &both->message),
			 0);
	assert_int_equal(both->message.len, LIMIT_MESSAGE_BYTES);
	free(large);
}

static void what_is_no_frame_of_ours(void **state)
{
	(void)state;
	struct seal_head head;
	assert_int_equal(seal_parse((struct str){ "", 0 }, &head), 0);
	assert_int_equal(head.kind, SEAL_CLEAR);
	assert_int_equal(seal_parse(STR_LIT("\x9b\x70\x01"), &head), 0);
	assert_int_equal(head.kind, SEAL_CLEAR);
	assert_int_equal(seal_parse(STR_LIT("\xc1"), &head), -EBADMSG);
	assert_int_equal(seal_parse(STR_LIT("\xc1\x00\x00\x00"), &head), -EBADMSG);
	assert_int_equal(seal_parse(STR_LIT("\xc1\x06\x00\x00"), &head), -EBADMSG);
	assert_int_equal(seal_parse(STR_LIT("\xc1\x04\x00\x00 too short"), &head), -EBADMSG);
	assert_int_equal(seal_parse(STR_LIT("\xc1\x01\x00\x00"), &head), 0);
	assert_int_equal(head.kind, SEAL_FIRST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_request_and_its_reply, set_up, tear_down),
		cmocka_unit_test_setup_teardown(every_bit_of_a_frame_counts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_number_is_sealed_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(keys_move_on_together_and_never_back, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_generation_ends_by_count_or_by_time, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(the_largest_frame_fits_and_no_larger, set_up,
						tear_down),
		cmocka_unit_test(what_is_no_frame_of_ours),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
