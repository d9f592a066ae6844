// SPDX-License-Identifier: Apache-2.0
/* test_buf.c - bytes up to a cap, always NUL-terminated, unchanged on failure. */
#include "protocol/base/buf.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void appending_grows_and_terminates(void **state)
{
	(void)state;
	struct buf buf;
	buf_init(&buf, 100000);
	assert_string_equal(buf_text(&buf), "");
	assert_int_equal(buf_str(&buf).len, 0);
	for (size_t i = 0; i < 100000; i++) {
		assert_int_equal(buf_append(&buf, "x", 1), 0);
		assert_int_equal(buf.data[buf.len], 0);
	}
	assert_int_equal(buf.len, 100000);
	assert_true(buf.size > buf.len);
	buf_done(&buf);
	buf_done(&buf);
	buf_done(NULL);
}

static void append_past_the_cap_changes_nothing(void **state)
{
	(void)state;
	struct buf buf;
	buf_init(&buf, 5);
	assert_int_equal(buf_puts(&buf, "abc"), 0);
	assert_int_equal(buf_puts(&buf, "def"), -ENOBUFS);
	assert_int_equal(buf_printf(&buf, "%d", 123), -ENOBUFS);
	assert_int_equal(buf_reserve(&buf, SIZE_MAX), -ENOBUFS);
	assert_string_equal(buf_text(&buf), "abc");
	assert_int_equal(buf_puts(&buf, "de"), 0);
	assert_int_equal(buf_append(&buf, "", 0), 0);
	assert_int_equal(buf_append(&buf, NULL, 0), 0);
	assert_string_equal(buf_text(&buf), "abcde");
	buf_done(&buf);
}

static void a_zeroed_buffer_refuses_everything(void **state)
{
	(void)state;
	struct buf buf = { 0 };
	assert_int_equal(buf_puts(&buf, "x"), -ENOBUFS);
	assert_string_equal(buf_text(&buf), "");
	buf_done(&buf);
}

static void text_is_formatted_at_the_end(void **state)
{
	(void)state;
	struct buf buf;
	buf_init(&buf, 1000);
	assert_int_equal(buf_put_str(&buf, STR_LIT("a")), 0);
	assert_int_equal(buf_printf(&buf, "-%s-%0100d", "b", 7), 0);
	assert_int_equal(buf.len, 1 + 3 + 100);
	assert_memory_equal(buf.data, "a-b-000", 7);
	buf_done(&buf);
}

static void consuming_moves_the_rest_down(void **state)
{
	(void)state;
	struct buf buf;
	buf_init(&buf, 100);
	buf_consume(&buf, 0);
	assert_int_equal(buf_puts(&buf, "head tail"), 0);
	buf_consume(&buf, 5);
	assert_string_equal(buf_text(&buf), "tail");
	buf_consume(&buf, 4);
	assert_string_equal(buf_text(&buf), "");
	assert_int_equal(buf.len, 0);
	buf_done(&buf);
}

static void clearing_keeps_memory_and_cap(void **state)
{
	(void)state;
	struct buf buf;
	buf_init(&buf, 10);
	buf_clear(&buf);
	assert_int_equal(buf_puts(&buf, "0123456789"), 0);
	size_t size = buf.size;
	buf_clear(&buf);
	assert_string_equal(buf_text(&buf), "");
	assert_int_equal(buf.size, size);
	assert_int_equal(buf_puts(&buf, "01234567890"), -ENOBUFS);
	buf_done(&buf);
}

static void taking_hands_the_memory_over(void **state)
{
	(void)state;
	struct buf buf;
	buf_init(&buf, 10);
	char *nothing = buf_take(&buf);
	assert_string_equal(nothing, "");
	free(nothing);
	assert_int_equal(buf_puts(&buf, "mine"), 0);
	char *text = buf_take(&buf);
	assert_string_equal(text, "mine");
	assert_int_equal(buf.len, 0);
	assert_int_equal(buf_puts(&buf, "again"), 0);
	assert_string_equal(text, "mine");
	free(text);
	buf_done(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appending_grows_and_terminates),
		cmocka_unit_test(append_past_the_cap_changes_nothing),
		cmocka_unit_test(a_zeroed_buffer_refuses_everything),
		cmocka_unit_test(text_is_formatted_at_the_end),
		cmocka_unit_test(consuming_moves_the_rest_down),
		cmocka_unit_test(clearing_keeps_memory_and_cap),
		cmocka_unit_test(taking_hands_the_memory_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
