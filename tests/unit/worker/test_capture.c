// SPDX-License-Identifier: Apache-2.0
/* Head and tail of a stream, and text made safe to show. */
#include "worker/capture.h"

#include "protocol/base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* All that is kept, the mark of a gap included. */
static struct buf text_of(const struct capture *capture)
{
	char mark[CAPTURE_MARK_BYTES];
	struct str pieces[CAPTURE_PIECES];
	struct buf buf;
	size_t n = capture_views(capture, mark, pieces);
	buf_init(&buf, 1 << 20);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(buf_put_str(&buf, pieces[i]), 0);
	return buf;
}

static void assert_kept(const struct capture *capture, const char *expected)
{
	struct buf buf = text_of(capture);
	assert_string_equal(buf_text(&buf), expected);
	buf_done(&buf);
}

static void test_keeps_all_within_the_cap(void **state)
{
	struct capture capture;
	(void)state;
	capture_init(&capture, 16);
	capture_append(&capture, STR_LIT("hello "));
	capture_append(&capture, STR_LIT("wo"));
	capture_append(&capture, STR_LIT("rld"));
	assert_kept(&capture, "hello world");
	assert_int_equal(capture_dropped(&capture), 0);
	capture_clear(&capture);
	assert_kept(&capture, "");
	capture_append(&capture, STR_LIT("again"));
	assert_kept(&capture, "again");
	capture_done(&capture);
}

static void test_keeps_head_and_tail_beyond(void **state)
{
	struct capture capture;
	(void)state;
	capture_init(&capture, 8);
	capture_append(&capture, STR_LIT("abcdefghij"));
	assert_kept(&capture, "abcd\n[... 2 bytes not kept ...]\nghij");
	capture_append(&capture, STR_LIT("k"));
	assert_kept(&capture, "abcd\n[... 3 bytes not kept ...]\nhijk");
	capture_append(&capture, STR_LIT("0123456789"));
	assert_kept(&capture, "abcd\n[... 13 bytes not kept ...]\n6789");
	capture_done(&capture);
}

static void test_nothing_is_kept_without_a_cap(void **state)
{
	struct capture capture = { 0 };
	(void)state;
	capture_append(&capture, STR_LIT("lost"));
	assert_int_equal(capture_dropped(&capture), 4);
	assert_kept(&capture, "\n[... 4 bytes not kept ...]\n");
	capture_done(&capture);
}

/* However the stream is cut, the same is kept. */
static void test_any_split_keeps_the_same(void **state)
{
	enum { BYTES = 5000, CAP = 1024 };
	char text[BYTES];
	struct rng rng;
	struct capture whole, parts;
	(void)state;
	for (size_t i = 0; i < BYTES; i++)
		text[i] = (char)('a' + i % 26);
	capture_init(&whole, CAP);
	capture_append(&whole, (struct str){ text, BYTES });
	struct buf expected = text_of(&whole);
	for (uint64_t seed = 1; seed <= 50; seed++) {
		rng_seed(&rng, seed);
		capture_init(&parts, CAP);
		for (size_t at = 0; at < BYTES;) {
			size_t n = 1 + rng_below(&rng, seed * 20);
			n = n < BYTES - at ? n : BYTES - at;
			capture_append(&parts, (struct str){ text + at, n });
			at += n;
		}
		struct buf got = text_of(&parts);
		assert_string_equal(buf_text(&got), buf_text(&expected));
		assert_int_equal(capture_dropped(&parts), BYTES - CAP);
		buf_done(&got);
		capture_done(&parts);
	}
	buf_done(&expected);
	capture_done(&whole);
}

static void test_put_tail(void **state)
{
	struct capture capture;
	struct buf buf;
	(void)state;
	buf_init(&buf, 100);
	capture_init(&capture, 8);
	capture_append(&capture, STR_LIT("abcdefghijkl"));
	assert_int_equal(capture_put_tail(&capture, 3, &buf), 0);
	assert_string_equal(buf_text(&buf), "jkl");
	buf_clear(&buf);
	capture_clear(&capture);
	capture_append(&capture, STR_LIT("xy"));
	assert_int_equal(capture_put_tail(&capture, 3, &buf), 0);
	assert_string_equal(buf_text(&buf), "xy");
	buf_done(&buf);
	capture_done(&capture);
}

static void assert_safe(struct str text, const char *expected)
{
	struct buf buf;
	buf_init(&buf, 100);
	assert_int_equal(capture_put_safe(text, &buf), 0);
	assert_string_equal(buf_text(&buf), expected);
	buf_done(&buf);
}

static void test_safe_text(void **state)
{
	(void)state;
	assert_safe(STR_LIT("plain\n\ttext"), "plain\n\ttext");
	assert_safe(STR_LIT("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\x8e"),
		    "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\x8e");
	assert_safe(STR_LIT("a\x1b[31mb\x00"
			    "c\x7f"),
		    "a\\x1b[31mb\\x00c\\x7f");
	assert_safe(STR_LIT("\xff|\xc3|\xc0\x80|\xed\xa0\x80|"),
		    "\xef\xbf\xbd|\xef\xbf\xbd|\xef\xbf\xbd\xef\xbf\xbd|"
		    "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd|");
	assert_safe(STR_LIT("cut \xe2\x82"), "cut \xef\xbf\xbd\xef\xbf\xbd");
}

static void test_safe_text_stops_at_the_cap(void **state)
{
	struct buf buf;
	(void)state;
	buf_init(&buf, 5);
	assert_int_equal(capture_put_safe(STR_LIT("abcdefgh"), &buf), 0);
	assert_string_equal(buf_text(&buf), "abcde");
	buf_clear(&buf);
	assert_int_equal(capture_put_safe(STR_LIT("abcd\xe2\x82\xac"), &buf), 0);
	assert_string_equal(buf_text(&buf), "abcd");
	buf_done(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keeps_all_within_the_cap),
		cmocka_unit_test(test_keeps_head_and_tail_beyond),
		cmocka_unit_test(test_nothing_is_kept_without_a_cap),
		cmocka_unit_test(test_any_split_keeps_the_same),
		cmocka_unit_test(test_put_tail),
		cmocka_unit_test(test_safe_text),
		cmocka_unit_test(test_safe_text_stops_at_the_cap),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
