// SPDX-License-Identifier: Apache-2.0
/*
 * test_msg_decode.c - what was encoded comes back, and nothing else gets in: cut, changed, padded
 * and boastful frames are refused in bounded memory.
 */
#include "protocol/wire/codec.h"
#include "protocol/wire/msg.h"
#include "tests/kit/sample.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Twice the 16 bytes per byte that msg_decode.c promises, since an arena doubles its blocks. */
static size_t memory_allowed(size_t frame_bytes)
{
	return 64 * 1024 + 34 * frame_bytes;
}

static int decode(struct str frame, struct arena *arena, void **ret_message, struct err *err)
{
	int r = msg_decode(frame, arena, ret_message, err);
	assert_true(arena->total_bytes <= memory_allowed(frame.len));
	assert_true(r == -EPROTO || (r >= MSG_HELLO && r < MSG_TYPE_MAX));
	if (r < 0 && err)
		assert_true(err->code == -EPROTO && err->text[0]);
	return r;
}

/* A random message of the type, encoded into frame (the caller's). */
static void *sampled(struct rng *rng, unsigned type, struct arena *arena, size_t bytes,
		     struct buf *frame)
{
	const struct msg_record *record = msg_describe(type);
	struct err err = { 0 };
	buf_init(frame, LIMIT_FRAME_BYTES);
	void *message = arena_alloc(arena, record->bytes);
	sample_fill(rng, record, message, arena, bytes);
	assert_int_equal(msg_encode(type, message, frame, &err), 0);
	return message;
}

static void what_was_encoded_comes_back(void **state)
{
	(void)state;
	struct rng rng;
	rng_seed(&rng, 1);
	for (unsigned round = 0; round < 60; round++)
		for (unsigned type = MSG_HELLO; type < MSG_TYPE_MAX; type++) {
			if (!msg_describe(type))
				continue; /* a number that is not given */
			struct arena arena = { 0 }, decoded = { 0 };
			struct buf frame, again;
			struct err err = { 0 };
			void *back;
			void *message = sampled(&rng, type, &arena, 300 << 10, &frame);
			assert_int_equal(decode(buf_str(&frame), &decoded, &back, &err), type);
			if (type != MSG_REFUSED)
				assert_true(sample_equal(msg_describe(type), message, back));
			buf_init(&again, LIMIT_FRAME_BYTES);
			assert_int_equal(msg_encode(type, back, &again, &err), 0);
			assert_true(str_eq(buf_str(&frame), buf_str(&again)));
			buf_done(&frame);
			buf_done(&again);
			arena_done(&arena);
			arena_done(&decoded);
		}
}

static void every_cut_is_noticed(void **state)
{
	(void)state;
	struct rng rng;
	rng_seed(&rng, 2);
	for (unsigned type = MSG_HELLO; type < MSG_TYPE_MAX; type++) {
		if (!msg_describe(type))
			continue;
		struct arena arena = { 0 };
		struct buf frame;
		sampled(&rng, type, &arena, 2000, &frame);
		for (size_t len = 0; len < frame.len; len++) {
			struct arena decoded = { 0 };
			void *back = NULL;
			struct err err = { 0 };
			/*
			 * A copy of just that many bytes, so that a sanitizer sees a step beyond.
			 */
			char *copy = malloc(len + 1);
			memcpy(copy, frame.data, len);
			char *exact = realloc(copy, len ? len : 1);
			assert_int_equal(decode((struct str){ exact, len }, &decoded, &back, &err),
					 -EPROTO);
			assert_null(back);
			free(exact);
			arena_done(&decoded);
		}
		buf_done(&frame);
		arena_done(&arena);
	}
}

static void changed_bytes_never_hurt(void **state)
{
	(void)state;
	struct rng rng;
	rng_seed(&rng, 3);
	unsigned accepted = 0, refused = 0;
	for (unsigned round = 0; round < 6000; round++) {
		struct arena arena = { 0 }, decoded = { 0 };
		struct buf frame;
		void *back;
		struct err err = { 0 };
		unsigned type = 1 + (unsigned)rng_below(&rng, MSG_TYPE_MAX - 1);
		if (!msg_describe(type))
			continue;
		sampled(&rng, type, &arena, 1500, &frame);
		for (uint64_t changes = 1 + rng_below(&rng, 4); changes; changes--)
			frame.data[rng_below(&rng, frame.len)] = (char)rng_next(&rng);
		if (decode(buf_str(&frame), &decoded, &back, &err) < 0)
			refused++;
		else
			accepted++;
		buf_done(&frame);
		arena_done(&arena);
		arena_done(&decoded);
	}
	assert_true(refused > 500 && accepted > 500);
}

static void a_byte_behind_the_end_is_refused(void **state)
{
	(void)state;
	const struct msg_receipt receipt = { .session = 1, .seq = 2 };
	struct arena arena = { 0 };
	struct err err = { 0 };
	struct buf frame;
	void *back;
	buf_init(&frame, LIMIT_FRAME_BYTES);
	assert_int_equal(msg_encode(MSG_RECEIPT, &receipt, &frame, &err), 0);
	assert_int_equal(buf_append(&frame, "\0", 1), 0);
	assert_int_equal(decode(buf_str(&frame), &arena, &back, &err), -EPROTO);
	assert_string_equal(err.text, "cannot decode receipt: 1 bytes follow its end");
	buf_done(&frame);
	arena_done(&arena);
}

static void bombs_take_no_memory(void **state)
{
	(void)state;
	static const struct str bombs[] = {
		STR_LIT(""),
		STR_LIT("\xdd\x08\x00\x00\x00"), /* 2^27 fields */
		STR_LIT("\xdd\xff\xff\xff\xffp\x06"),
		STR_LIT("\x95p\x06\x01\x01\xdc\x20\x00"), /* 8192 events in no bytes */
		STR_LIT("\x95p\x06\x01\x01\xdd\x7f\xff\xff\xff"),
		STR_LIT("\x97p\x04\x01\x01\x00\x00\xdd\xff\xff\xff\xff"),
		STR_LIT("\x95p\x06\x01\x01\xc6\xff\xff\xff\xff"),     /* a text for a list */
		STR_LIT("\x96p\x0c\x01\x01\xc6\xff\xff\xff\xff\x00"), /* 4 GiB of name */
		STR_LIT("\xc1\xc1\xc1\xc1"),
		STR_LIT("\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91"),
		STR_LIT("GET / HTTP/1.1\r\n\r\n"),
	};
	for (size_t i = 0; i < sizeof(bombs) / sizeof(bombs[0]); i++) {
		struct arena arena = { 0 };
		struct err err = { 0 };
		void *back;
		assert_int_equal(decode(bombs[i], &arena, &back, &err), -EPROTO);
		assert_true(arena.total_bytes <= 4096);
		arena_done(&arena);
	}
}

/* As many items as the bytes allow, each as empty as a lie can make it. */
static void empty_items_cannot_multiply_memory(void **state)
{
	(void)state;
	struct buf frame;
	struct arena arena = { 0 };
	struct err err = { 0 };
	void *back;
	buf_init(&frame, LIMIT_MESSAGE_BYTES + 16);
	assert_int_equal(buf_append(&frame, "\x95p\x06\x01\x01\xdc\x20\x00", 8), 0);
	while (frame.len < 8 + 8192 * 23)
		assert_int_equal(buf_append(&frame, "\xc4\x00", 2), 0);
	assert_int_equal(decode(buf_str(&frame), &arena, &back, &err), -EPROTO);
	while (frame.len < LIMIT_MESSAGE_BYTES)
		assert_int_equal(buf_append(&frame, "\x90\x90", 2), 0);
	assert_int_equal(decode(buf_str(&frame), &arena, &back, &err), -EPROTO);
	assert_int_equal(buf_append(&frame, "\x90", 1), 0);
	assert_int_equal(decode(buf_str(&frame), &arena, &back, &err), -EPROTO);
	assert_non_null(strstr(err.text, "786369 bytes"));
	buf_done(&frame);
	arena_done(&arena);
}

/* Put one number over its limit into a frame that encode would refuse. */
static void limits_hold_when_reading_too(void **state)
{
	(void)state;
	struct arena arena = { 0 };
	struct err err = { 0 };
	struct buf frame;
	void *back;
	buf_init(&frame, LIMIT_FRAME_BYTES);
	assert_int_equal(buf_append(&frame, "\x98p\x04\x01\x01\xcd\x04\x01\x00\x00\x90", 11), 0);
	assert_int_equal(decode(buf_str(&frame), &arena, &back, &err), -EPROTO);
	assert_string_equal(err.text, "cannot decode poll: "
				      "free_slots has the value 1025, the limit is 1024");
	buf_clear(&frame);
	assert_int_equal(buf_append(&frame, "\x96p\x0c\x01\x01\xc4\x41", 7), 0);
	for (unsigned i = 0; i < 65; i++)
		assert_int_equal(buf_append(&frame, "x", 1), 0);
	assert_int_equal(buf_append(&frame, "\xc4\x00", 2), 0);
	assert_int_equal(decode(buf_str(&frame), &arena, &back, &err), -EPROTO);
	assert_string_equal(err.text, "cannot decode stop: "
				      "run has a length of 65, the limit is 64");
	buf_clear(&frame);
	assert_int_equal(buf_append(&frame, "\x95p\x06\x01\x01\xdc\x20\x01", 8), 0);
	assert_int_equal(decode(buf_str(&frame), &arena, &back, NULL), -EPROTO);
	buf_done(&frame);
	arena_done(&arena);
}

static void another_versions_hello_is_readable(void **state)
{
	(void)state;
	static const char hello[] = "\x96p\x01\x02\xc4\x03"
				    "9.9"
				    "\x81\xa1k\xd9\x02xx"
				    "\xcb"
				    "12345678";
	struct arena arena = { 0 };
	struct err err = { 0 };
	void *back;
	struct str frame = STR_LIT(hello);
	assert_int_equal(decode(frame, &arena, &back, &err), MSG_HELLO);
	const struct msg_hello *got = back;
	assert_int_equal(got->version, 2);
	assert_true(str_eq(got->build_id, STR_LIT("9.9")));
	assert_int_equal(got->slots, 0);
	frame.len--;
	assert_int_equal(decode(frame, &arena, &back, &err), -EPROTO);
	arena_done(&arena);
}

static void our_own_version_must_be_exact(void **state)
{
	(void)state;
	static const char hello[] = "\x94p\x01\x01\xc4\x03"
				    "0.1";
	struct arena arena = { 0 };
	struct err err = { 0 };
	void *back;
	assert_int_equal(decode(STR_LIT(hello), &arena, &back, &err), -EPROTO);
	assert_string_equal(err.text, "cannot decode hello: 2 fields where it has 12");
	arena_done(&arena);
}

static void a_longer_refusal_is_readable(void **state)
{
	(void)state;
	static const char refused[] = "\x98p\x03\x60\x00\x05\xc4\x02no\xc3\x92\x01\xc0";
	struct arena arena = { 0 };
	struct err err = { 0 };
	void *back;
	assert_int_equal(decode(STR_LIT(refused), &arena, &back, &err), MSG_REFUSED);
	const struct msg_refused *got = back;
	assert_int_equal(got->code, 96);
	assert_int_equal(got->seq, 5);
	assert_true(str_eq(got->text, STR_LIT("no")));
	arena_done(&arena);
}

static void an_unknown_number_says_what_to_do(void **state)
{
	(void)state;
	struct arena arena = { 0 };
	struct err err = { 0 };
	void *back;
	assert_int_equal(decode(STR_LIT("\x92p\x7f"), &arena, &back, &err), -EPROTO);
	assert_non_null(strstr(err.text, "no message number 127"));
	assert_non_null(strstr(err.text, "install the same version"));
	assert_int_equal(decode(STR_LIT("\x92p\x00"), &arena, &back, &err), -EPROTO);
	assert_int_equal(decode(STR_LIT("\x92q\x01"), &arena, &back, &err), -EPROTO);
	assert_non_null(strstr(err.text, "is the peer a paddock"));
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_encoded_comes_back),
		cmocka_unit_test(every_cut_is_noticed),
		cmocka_unit_test(changed_bytes_never_hurt),
		cmocka_unit_test(a_byte_behind_the_end_is_refused),
		cmocka_unit_test(bombs_take_no_memory),
		cmocka_unit_test(empty_items_cannot_multiply_memory),
		cmocka_unit_test(limits_hold_when_reading_too),
		cmocka_unit_test(another_versions_hello_is_readable),
		cmocka_unit_test(our_own_version_must_be_exact),
		cmocka_unit_test(a_longer_refusal_is_readable),
		cmocka_unit_test(an_unknown_number_says_what_to_do),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
