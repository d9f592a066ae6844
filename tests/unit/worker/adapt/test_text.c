// SPDX-License-Identifier: Apache-2.0
/* test_text.c - names and messages out of any bytes, shell words, and fields there and back. */
#include "protocol/wire/limits.h"
#include "worker/adapt/text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect_name(struct str raw, const char *clean)
{
	struct buf buf;
	buf_init(&buf, LIMIT_NAME_BYTES);
	assert_int_equal(text_name(&buf, raw), 0);
	assert_string_equal(buf_text(&buf), clean);
	buf_done(&buf);
}

static void test_names(void **state)
{
	(void)state;
	expect_name(STR_LIT("  plain \t"), "plain");
	expect_name(STR_LIT("\x14\x01 lead\x7f"), "lead");
	expect_name(STR_LIT("a\nb\0c"), "a b c");
	expect_name(STR_LIT("\033[1;31mred\033[0m \033x"), "red x");
	expect_name(STR_LIT("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"),
		    "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
	/* overlong, surrogate, beyond the last character, cut short */
	expect_name(STR_LIT("\xc0\xaf"), "\xef\xbf\xbd\xef\xbf\xbd");
	expect_name(STR_LIT("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	expect_name(STR_LIT("\xf4\x90\x80\x80x"),
		    "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx");
	expect_name(STR_LIT("\xe2\x82"), "\xef\xbf\xbd\xef\xbf\xbd");
	expect_name(STR_LIT(""), "");
	expect_name(STR_LIT("\033\033["), "[");
}

/* A name too long is cut between characters. */
static void test_long_name(void **state)
{
	(void)state;
	char raw[6001];
	for (size_t i = 0; i < 3000; i++)
		memcpy(raw + 2 * i, "\xc3\xa9", 2);
	struct buf buf;
	buf_init(&buf, LIMIT_NAME_BYTES);
	assert_int_equal(text_name(&buf, (struct str){ raw, 5999 }), 0);
	assert_in_range(buf.len, LIMIT_NAME_BYTES - 40, LIMIT_NAME_BYTES - 32);
	assert_int_equal(buf.len % 2, 0);
	buf_done(&buf);
}

static void test_messages(void **state)
{
	(void)state;
	struct buf buf;
	buf_init(&buf, 10);
	text_message(&buf, STR_LIT("a\r\n\tb\xff"));
	assert_string_equal(buf_text(&buf), "a\n\tb\xef\xbf\xbd");
	text_message(&buf, STR_LIT("12\xc3\xa9"));
	assert_string_equal(buf_text(&buf), "a\n\tb\xef\xbf\xbd"
					    "12");
	buf_done(&buf);
}

static void expect_words(const char *line, const char *joined)
{
	struct arena arena = { 0 };
	struct buf buf;
	const char **words;
	size_t n;
	buf_init(&buf, 4096);
	int r = text_shell_words(str_of(line), &arena, &words, &n);
	if (!joined)
		assert_int_equal(r, -EINVAL);
	for (size_t i = 0; joined && i < n; i++)
		buf_printf(&buf, "%s%s", i ? "|" : "", words[i]);
	if (joined) {
		assert_int_equal(r, 0);
		assert_null(words[n]);
		assert_string_equal(buf_text(&buf), joined);
	}
	buf_done(&buf);
	arena_done(&arena);
}

static void test_shell_words(void **state)
{
	(void)state;
	expect_words("a b  c", "a|b|c");
	expect_words("a", "a");
	expect_words(" 'single \"x\" \\n' \"dq \\\" \\$ \\n\" back\\ slash ''",
		     "single \"x\" \\n|dq \" $ \\n|back slash|");
	expect_words("a'b'\"c\"d", "abcd");
	expect_words("a # comment\nb#c", "a|b#c");
	expect_words("a\\\nb", "ab");
	expect_words("", NULL);
	expect_words("  # only", NULL);
	expect_words("'open", NULL);
	expect_words("\"open\\\"", NULL);
	expect_words("end\\", NULL);
}

static void test_fields(void **state)
{
	(void)state;
	struct arena arena = { 0 };
	struct buf buf;
	buf_init(&buf, 4096);
	const struct str fields[] = { STR_LIT("plain"), STR_LIT(""), STR_LIT("a\tb\nc\\d\r\0e"),
				      STR_LIT("\\t") };
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(text_put_field(&buf, fields[i]), 0);
	assert_null(memchr(buf.data, '\n', buf.len));
	struct str rest = buf_str(&buf), field;
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(text_field(&rest, &arena, &field), 1);
		assert_true(str_eq(field, fields[i]));
	}
	assert_int_equal(text_field(&rest, &arena, &field), 0);
	rest = STR_LIT("unfinished");
	assert_int_equal(text_field(&rest, &arena, &field), -EINVAL);
	rest = STR_LIT("bad\\q\t");
	assert_int_equal(text_field(&rest, &arena, &field), -EINVAL);
	rest = STR_LIT("end\\\t");
	assert_int_equal(text_field(&rest, &arena, &field), -EINVAL);
	buf_done(&buf);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),	 cmocka_unit_test(test_long_name),
		cmocka_unit_test(test_messages), cmocka_unit_test(test_shell_words),
		cmocka_unit_test(test_fields),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
