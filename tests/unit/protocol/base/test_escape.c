// SPDX-License-Identifier: Apache-2.0
/* test_escape.c - what each target must never see, and how wide text is. */
#include "protocol/base/escape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void check(int (*escape)(struct buf *, struct str), struct str text, const char *wanted)
{
	struct buf buf;
	buf_init(&buf, 4096);
	assert_int_equal(escape(&buf, text), 0);
	assert_string_equal(buf_text(&buf), wanted);
	buf_done(&buf);
}

static int to_line(struct buf *buf, struct str text)
{
	return escape_terminal(buf, text, false);
}

static int to_lines(struct buf *buf, struct str text)
{
	return escape_terminal(buf, text, true);
}

static void test_json(void **state)
{
	(void)state;
	check(escape_json, STR_LIT("a\"\\\n\r\t\x01\x7f<&'\0b"),
	      "a\\\"\\\\\\n\\r\\t\\u0001\\u007f<&'\\u0000b");
	check(escape_json, STR_LIT("\xc3\xa9\xff\xe2\x82"),
	      "\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	check(escape_json, STR_LIT(""), "");
}

static void test_xml(void **state)
{
	(void)state;
	check(escape_xml, STR_LIT("<a b='\"&'>\x1b\n"),
	      "&lt;a b=&#39;&quot;&amp;&#39;&gt;\xef\xbf\xbd\n");
	check(escape_text, STR_LIT("<\x0b\xef\xbf\xbe\t\r"), "<\xef\xbf\xbd\xef\xbf\xbd\t\r");
}

static void test_terminal(void **state)
{
	(void)state;
	check(to_line, STR_LIT("\033[2J\a\nx\ty\r"), "\\x1b[2J\\x07\\nx\\ty\\r");
	check(to_lines, STR_LIT("a\tb\nc\r\n"), "a\tb\nc\\r\n");
	check(to_line,
	      STR_LIT("\xc2\x9b"
		      "31m \xe2\x80\xae \xef\xbb\xbf"),
	      "\\u{9b}31m \\u{202e} \\u{feff}");
	check(to_line, STR_LIT("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

static void test_decode(void **state)
{
	static const struct {
		struct str text;
		size_t len;
		uint32_t point;
	} rows[] = {
		{ STR_LIT("a"), 1, 'a' },
		{ STR_LIT("\xc2\x80"), 2, 0x80 },
		{ STR_LIT("\xe2\x82\xac"), 3, 0x20ac },
		{ STR_LIT("\xf4\x8f\xbf\xbf"), 4, 0x10ffff },
		{ STR_LIT("\xf4\x90\x80\x80"), 0, 0 },
		{ STR_LIT("\xc0\x80"), 0, 0 },
		{ STR_LIT("\xe0\x80\x80"), 0, 0 },
		{ STR_LIT("\xed\xbf\xbf"), 0, 0 },
		{ STR_LIT("\xe2\x82"), 0, 0 },
		{ STR_LIT(""), 0, 0 },
		{ STR_LIT("\x80"), 0, 0 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t point = 0;
		assert_int_equal(escape_decode(rows[i].text, &point), rows[i].len);
		assert_int_equal(point, rows[i].point);
	}
}

static void test_width(void **state)
{
	(void)state;
	assert_int_equal(escape_width(STR_LIT("abc")), 3);
	assert_int_equal(escape_width(STR_LIT("\xe6\xbc\xa2\xe5\xad\x97")), 4);
	assert_int_equal(escape_width(STR_LIT("e\xcc\x81")), 1);
	assert_int_equal(escape_cut(STR_LIT("\xe6\xbc\xa2\xe5\xad\x97"), 3).len, 3);
	assert_int_equal(escape_cut(STR_LIT("abc"), 2).len, 2);
	assert_int_equal(escape_cut(STR_LIT("abc"), 0).len, 0);
	assert_int_equal(escape_cut(STR_LIT("e\xcc\x81x"), 1).len, 3);
}

static void test_the_cap_holds(void **state)
{
	struct buf buf;
	(void)state;
	buf_init(&buf, 4);
	assert_true(escape_json(&buf, STR_LIT("\x01")) < 0);
	assert_true(escape_json(&buf, STR_LIT("abcde")) < 0);
	assert_int_equal(buf.len, 0);
	buf_done(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json),	 cmocka_unit_test(test_xml),
		cmocka_unit_test(test_terminal), cmocka_unit_test(test_decode),
		cmocka_unit_test(test_width),	 cmocka_unit_test(test_the_cap_holds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
