// SPDX-License-Identifier: Apache-2.0
/* test_msg_encode.c - frames within every limit, measured exactly, and nothing left on failure. */
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

/* A frame is just its fields in order: written out by hand once, so that the format stays put. */
static void a_frame_is_an_array_of_fields(void **state)
{
	(void)state;
	static const char expected[] = "\x97p\x0a\xce\x01\x00\x00\x00\x07\xc4\x03run\x00\xcc\xff";
	const struct msg_watch watch = {
		.session = 1 << 24,
		.seq = 7,
		.run = STR_LIT("run"),
		.from = 255,
	};
	struct buf frame;
	buf_init(&frame, LIMIT_MESSAGE_BYTES);
	assert_int_equal(msg_encode(MSG_WATCH, &watch, &frame, NULL), 0);
	assert_int_equal(frame.len, sizeof(expected) - 1);
	assert_memory_equal(frame.data, expected, frame.len);
	buf_done(&frame);
}

static void size_is_what_encoding_gives(void **state)
{
	(void)state;
	struct rng rng;
	rng_seed(&rng, 11);
	for (unsigned round = 0; round < 40; round++)
		for (unsigned type = MSG_HELLO; type < MSG_TYPE_MAX; type++) {
			const struct msg_record *record = msg_describe(type);
			if (!record)
				continue; /* a number that is not given */
			struct arena arena = { 0 };
			struct buf frame;
			struct err err = { 0 };
			buf_init(&frame, LIMIT_MESSAGE_BYTES);
			void *message = arena_alloc(&arena, record->bytes);
			sample_fill(&rng, record, message, &arena, 200 << 10);
			assert_int_equal(msg_encode(type, message, &frame, &err), 0);
			assert_int_equal(msg_size(record, message), frame.len);
			buf_done(&frame);
			arena_done(&arena);
		}
}

/* Encode an otherwise empty message and expect a refusal that names the field. */
static void refused(const struct msg_record *record, const void *message, const char *field)
{
	struct err err = { 0 };
	struct buf frame;
	buf_init(&frame, LIMIT_MESSAGE_BYTES);
	assert_int_equal(msg_encode(record->number, message, &frame, &err), -EMSGSIZE);
	assert_int_equal(err.code, -EMSGSIZE);
	assert_non_null(strstr(err.text, field));
	assert_non_null(strstr(err.text, record->name));
	assert_int_equal(frame.len, 0);
	buf_done(&frame);
}

static void refused_beyond_the_limit(const struct msg_record *record, const struct msg_field *field,
				     const char *bytes)
{
	char *message = calloc(1, record->bytes);
	struct str text = { bytes, field->max + 1 };
	const struct str *texts = &text;
	uint64_t number = field->max + 1, one = 1;
	if (field->type == MSG_FIELD_U64)
		memcpy(message + field->offset, &number, sizeof(number));
	else if (field->type == MSG_FIELD_STRS)
		memcpy(message + field->offset, &texts, sizeof(texts));
	else
		memcpy(message + field->offset, &text, sizeof(text));
	if (field->type == MSG_FIELD_STRS)
		memcpy(message + field->count_offset, &one, sizeof(one));
	refused(record, message, field->name);
	free(message);
}

static void refused_with_too_many(const struct msg_record *record, const struct msg_field *field,
				  const char *zeroes)
{
	char *message = calloc(1, record->bytes);
	size_t n = field->max_items + 1;
	memcpy(message + field->offset, &zeroes, sizeof(zeroes));
	memcpy(message + field->count_offset, &n, sizeof(n));
	refused(record, message, field->name);
	free(message);
}

static void every_limit_of_every_message_is_kept(void **state)
{
	(void)state;
	char *zeroes = calloc(1, 4 << 20);
	unsigned checked = 0;
	for (unsigned type = MSG_HELLO; type < MSG_TYPE_MAX; type++) {
		const struct msg_record *record = msg_describe(type);
		if (!record)
			continue; /* a number that is not given */
		for (size_t i = 0; i < record->n_fields; i++) {
			const struct msg_field *field = &record->fields[i];
			bool list = field->type == MSG_FIELD_LIST;
			if (list || field->type == MSG_FIELD_STRS)
				refused_with_too_many(record, field, zeroes);
			if (list || field->max == UINT64_MAX)
				continue;
			refused_beyond_the_limit(record, field, zeroes);
			checked++;
		}
	}
	assert_true(checked > 25);
	free(zeroes);
}

static void a_limit_inside_a_list_names_the_place(void **state)
{
	(void)state;
	struct msg_event events[3] = { { 0 }, { 0 }, { .outcome = 10 } };
	struct msg_report report = { .events = events, .n_events = 3 };
	struct err err = { 0 };
	struct buf frame;
	buf_init(&frame, LIMIT_MESSAGE_BYTES);
	assert_int_equal(msg_encode(MSG_REPORT, &report, &frame, &err), -EMSGSIZE);
	assert_string_equal(err.text, "cannot encode report: events[2]: "
				      "outcome has the value 10, the limit is 9");
	buf_done(&frame);
}

static void a_frame_stays_below_its_cap(void **state)
{
	(void)state;
	char *bytes = calloc(1, LIMIT_CHUNK_BYTES);
	struct msg_event events[4] = { { 0 } };
	struct msg_report report = { .events = events, .n_events = 4 };
	struct buf frame;
	buf_init(&frame, 4 * LIMIT_CHUNK_BYTES);
	for (size_t i = 0; i < 4; i++)
		events[i].data = (struct str){ bytes, LIMIT_CHUNK_BYTES };
	struct err err = { 0 };
	assert_int_equal(msg_encode(MSG_REPORT, &report, &frame, &err), -EMSGSIZE);
	assert_int_equal(frame.len, 0);
	report.n_events = 2;
	assert_int_equal(msg_encode(MSG_REPORT, &report, &frame, &err), 0);
	report.n_events = 3;
	events[2].data.len -= msg_size(msg_describe(MSG_REPORT), &report) - LIMIT_MESSAGE_BYTES;
	assert_int_equal(msg_encode(MSG_REPORT, &report, &frame, &err), 0);
	assert_int_equal(frame.len, LIMIT_MESSAGE_BYTES);
	events[2].data.len++;
	assert_int_equal(msg_encode(MSG_REPORT, &report, &frame, &err), -EMSGSIZE);
	buf_done(&frame);
	free(bytes);
}

static void a_small_buffer_is_an_error_too(void **state)
{
	(void)state;
	const struct msg_stop stop = { .reason = STR_LIT("a long reason for a short buffer") };
	struct err err = { 0 };
	struct buf frame;
	buf_init(&frame, 16);
	assert_int_equal(msg_encode(MSG_STOP, &stop, &frame, &err), -EMSGSIZE);
	assert_int_equal(frame.len, 0);
	buf_done(&frame);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_is_an_array_of_fields),
		cmocka_unit_test(size_is_what_encoding_gives),
		cmocka_unit_test(every_limit_of_every_message_is_kept),
		cmocka_unit_test(a_limit_inside_a_list_names_the_place),
		cmocka_unit_test(a_frame_stays_below_its_cap),
		cmocka_unit_test(a_small_buffer_is_an_error_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
