// SPDX-License-Identifier: Apache-2.0
/* test_codec.c - every boundary of every shape there and back; only the shortest form is read. */
#include "protocol/wire/codec.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct codec_reader reader_of(struct str bytes)
{
	return (struct codec_reader){ bytes.data, bytes.len };
}

static void numbers_come_back_at_every_boundary(void **state)
{
	(void)state;
	struct buf buf;
	buf_init(&buf, 64);
	for (int bits = 0; bits <= 64; bits++)
		for (int off = -1; off <= 1; off++) {
			uint64_t power = bits < 64 ? UINT64_C(1) << bits : 0, back;
			uint64_t value = power + (uint64_t)off;
			buf_clear(&buf);
			assert_int_equal(codec_put_u64(&buf, value), 0);
			assert_int_equal(buf.len, codec_size_u64(value));
			struct codec_reader reader = reader_of(buf_str(&buf));
			assert_int_equal(codec_get_u64(&reader, &back), 0);
			assert_true(back == value);
			assert_int_equal(reader.left, 0);
			reader = reader_of(buf_str(&buf));
			reader.left--;
			assert_int_equal(codec_get_u64(&reader, &back), -ENODATA);
			assert_int_equal(reader.left, buf.len - 1);
		}
	buf_done(&buf);
}

static void strings_come_back_at_every_boundary(void **state)
{
	(void)state;
	static const size_t lens[] = { 0, 1, 31, 32, 255, 256, 65535, 65536 };
	char *bytes = calloc(1, 65536);
	struct buf buf;
	buf_init(&buf, 70000);
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct str back;
		buf_clear(&buf);
		assert_int_equal(codec_put_bin(&buf, (struct str){ bytes, lens[i] }), 0);
		assert_int_equal(buf.len, codec_size_bin(lens[i]));
		struct codec_reader reader = reader_of(buf_str(&buf));
		assert_int_equal(codec_get_bin(&reader, &back), 0);
		assert_int_equal(back.len, lens[i]);
		assert_ptr_equal(back.data, buf.data + buf.len - lens[i]);
		assert_int_equal(reader.left, 0);
		reader = reader_of(buf_str(&buf));
		reader.left--;
		assert_int_equal(codec_get_bin(&reader, &back), -ENODATA);
	}
	buf_done(&buf);
	free(bytes);
}

static void arrays_hold_no_more_than_the_bytes_left(void **state)
{
	(void)state;
	static const size_t counts[] = { 0, 1, 15, 16, 65535, 65536 };
	char *bytes = calloc(1, 65536);
	struct buf buf;
	buf_init(&buf, 70000);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		size_t n = 0;
		buf_clear(&buf);
		assert_int_equal(codec_put_array(&buf, counts[i]), 0);
		assert_int_equal(buf.len, codec_size_array(counts[i]));
		assert_int_equal(buf_append(&buf, bytes, counts[i]), 0);
		struct codec_reader reader = reader_of(buf_str(&buf));
		assert_int_equal(codec_get_array(&reader, &n), 0);
		assert_int_equal(n, counts[i]);
		assert_int_equal(reader.left, counts[i]);
		reader = reader_of(buf_str(&buf));
		reader.left--;
		assert_int_equal(codec_get_array(&reader, &n), -ENODATA);
	}
	buf_done(&buf);
	free(bytes);
}

static void longer_forms_and_other_types_are_refused(void **state)
{
	(void)state;
	static const struct str numbers[] = {
		STR_LIT("\xcc\x7f"),
		STR_LIT("\xcd\x00\xff"),
		STR_LIT("\xce\x00\x00\xff\xff"),
		STR_LIT("\xcf\0\0\0\0\xff\xff\xff\xff"),
		STR_LIT("\xff"),
		STR_LIT("\xd0\x05"),
		STR_LIT("\xc0"),
		STR_LIT("\xa1x"),
		STR_LIT("\xca\0\0\0\0"),
		STR_LIT("\xc4\x00"),
	};
	static const struct str strings[] = {
		STR_LIT("\xc5\x00\x01x"), STR_LIT("\xc6\x00\x00\x00\x01x"),
		STR_LIT("\xa1x"),	  STR_LIT("\xd9\x01x"),
		STR_LIT("\x05"),	  STR_LIT("\xc7\x01\x01x"),
	};
	static const struct str arrays[] = {
		STR_LIT("\xdc\x00\x01\x01"),
		STR_LIT("\xdd\x00\x00\x00\x01\x01"),
		STR_LIT("\x81\x01\x01"),
		STR_LIT("\xde\x00\x01\x01\x01"),
		STR_LIT("\x01"),
	};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct codec_reader reader = reader_of(numbers[i]);
		uint64_t value;
		assert_int_equal(codec_get_u64(&reader, &value), -EBADMSG);
		assert_int_equal(reader.left, numbers[i].len);
	}
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		struct codec_reader reader = reader_of(strings[i]);
		struct str value;
		assert_int_equal(codec_get_bin(&reader, &value), -EBADMSG);
		assert_int_equal(reader.left, strings[i].len);
	}
	for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++) {
		struct codec_reader reader = reader_of(arrays[i]);
		size_t n;
		assert_int_equal(codec_get_array(&reader, &n), -EBADMSG);
		assert_int_equal(reader.left, arrays[i].len);
	}
}

static void anything_whole_can_be_skipped(void **state)
{
	(void)state;
	static const struct str values[] = {
		STR_LIT("\x00"),
		STR_LIT("\x7f"),
		STR_LIT("\xff"),
		STR_LIT("\xe0"),
		STR_LIT("\xc0"),
		STR_LIT("\xc2"),
		STR_LIT("\xc3"),
		STR_LIT("\xcc\x01"),
		STR_LIT("\xcd\x01\x01"),
		STR_LIT("\xce\1\1\1\1"),
		STR_LIT("\xcf\1\1\1\1\1\1\1\1"),
		STR_LIT("\xd0\x01"),
		STR_LIT("\xd1\1\1"),
		STR_LIT("\xd2\1\1\1\1"),
		STR_LIT("\xd3\1\1\1\1\1\1\1\1"),
		STR_LIT("\xca\1\1\1\1"),
		STR_LIT("\xcb\1\1\1\1\1\1\1\1"),
		STR_LIT("\xa0"),
		STR_LIT("\xa3xyz"),
		STR_LIT("\xd9\1x"),
		STR_LIT("\xda\0\1x"),
		STR_LIT("\xdb\0\0\0\1x"),
		STR_LIT("\xc4\2xy"),
		STR_LIT("\xc5\0\1x"),
		STR_LIT("\xc6\0\0\0\1x"),
		STR_LIT("\xc7\2\1xy"),
		STR_LIT("\xc8\0\1\1x"),
		STR_LIT("\xc9\0\0\0\1\1x"),
		STR_LIT("\xd4\1x"),
		STR_LIT("\xd5\1xx"),
		STR_LIT("\xd6\1xxxx"),
		STR_LIT("\xd7\1xxxxxxxx"),
		STR_LIT("\xd8\1xxxxxxxxxxxxxxxx"),
		STR_LIT("\x90"),
		STR_LIT("\x92\1\xa1x"),
		STR_LIT("\xdc\0\1\1"),
		STR_LIT("\xdd\0\0\0\1\xc0"),
		STR_LIT("\x80"),
		STR_LIT("\x81\1\x91\x90"),
		STR_LIT("\xde\0\1\1\1"),
		STR_LIT("\xdf\0\0\0\1\1\x81\1\1"),
	};
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct buf buf;
		buf_init(&buf, 64);
		assert_int_equal(buf_put_str(&buf, values[i]), 0);
		assert_int_equal(buf_puts(&buf, "!"), 0);
		struct codec_reader reader = reader_of(buf_str(&buf));
		assert_int_equal(codec_skip(&reader), 0);
		assert_int_equal(reader.left, 1);
		for (size_t len = 0; len < values[i].len; len++) {
			reader = (struct codec_reader){ buf.data, len };
			assert_int_equal(codec_skip(&reader), -ENODATA);
			assert_int_equal(reader.left, len);
		}
		buf_done(&buf);
	}
}

static void skipping_takes_no_stack_and_no_belief(void **state)
{
	(void)state;
	enum { DEEP = 1 << 20 };
	char *deep = malloc(DEEP);
	memset(deep, 0x91, DEEP);
	deep[DEEP - 1] = 0;
	struct codec_reader reader = { deep, DEEP };
	assert_int_equal(codec_skip(&reader), 0);
	assert_int_equal(reader.left, 0);
	free(deep);
	reader = reader_of(STR_LIT("\xdf\xff\xff\xff\xff\1\1\1\1"));
	assert_int_equal(codec_skip(&reader), -ENODATA);
	reader = reader_of(STR_LIT("\x92\xdd\xff\xff\xff\xff\1"));
	assert_int_equal(codec_skip(&reader), -ENODATA);
	reader = reader_of(STR_LIT("\x91\xc1"));
	assert_int_equal(codec_skip(&reader), -EBADMSG);
	reader = reader_of(STR_LIT(""));
	assert_int_equal(codec_skip(&reader), -ENODATA);
}

static void a_full_buffer_says_so(void **state)
{
	(void)state;
	struct buf buf;
	buf_init(&buf, 4);
	assert_int_equal(codec_put_u64(&buf, UINT64_MAX), -ENOBUFS);
	assert_int_equal(codec_put_bin(&buf, STR_LIT("12345")), -ENOBUFS);
	buf_clear(&buf);
	assert_int_equal(codec_put_array(&buf, 70000), -ENOBUFS);
	assert_string_not_equal(codec_strerror(-ENODATA), codec_strerror(-EBADMSG));
	buf_done(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_come_back_at_every_boundary),
		cmocka_unit_test(strings_come_back_at_every_boundary),
		cmocka_unit_test(arrays_hold_no_more_than_the_bytes_left),
		cmocka_unit_test(longer_forms_and_other_types_are_refused),
		cmocka_unit_test(anything_whole_can_be_skipped),
		cmocka_unit_test(skipping_takes_no_stack_and_no_belief),
		cmocka_unit_test(a_full_buffer_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
