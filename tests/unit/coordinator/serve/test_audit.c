// SPDX-License-Identifier: Apache-2.0
/*
 * test_audit.c - the chained log: every change of a byte, removal, repetition and swap is found and
 * named; a cut end is a shorter log with another head; what a crash tore off is cut and noted.
 */
#include "coordinator/serve/audit.h"
#include "protocol/base/fd.h"
#include "tests/kit/temp.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { ENTRIES = 5 };

static char path[64];

static int make_log(void **state)
{
	struct audit *audit;
	struct err err = { 0 };
	(void)state;
	close(temp_file(path, sizeof(path)));
	if (audit_open(path, &audit, &err) < 0)
		return -1;
	for (int i = 0; i < ENTRIES; i++)
		if (audit_add(audit, &err, "act", "number=%d", i) < 0)
			return -1;
	audit_free(audit);
	return 0;
}

static int remove_log(void **state)
{
	(void)state;
	return unlink(path);
}

static void read_log(struct buf *ret_buf)
{
	assert_int_equal(fd_read_file(path, 1 << 20, ret_buf), 0);
}

static void write_log(const char *bytes, size_t n)
{
	assert_int_equal(fd_write_file(path, bytes, n, NULL), 0);
}

static void count(void *data, struct str line)
{
	(void)line;
	++*(int *)data;
}

static void a_chain_is_whole(void **state)
{
	(void)state;
	struct audit_head head;
	struct err err = { 0 };
	int n = 0;
	assert_int_equal(audit_verify(path, count, &n, &head, &err), 0);
	assert_int_equal(head.entries, ENTRIES);
	assert_int_equal(n, ENTRIES);
	/* Two writers in turn keep one chain. */
	struct audit *a, *b;
	assert_int_equal(audit_open(path, &a, &err), 0);
	assert_int_equal(audit_open(path, &b, &err), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(audit_add(i % 2 ? a : b, &err, "turn", "n=%d", i), 0);
	audit_free(a);
	audit_free(b);
	assert_int_equal(audit_verify(path, NULL, NULL, &head, &err), 0);
	assert_int_equal(head.entries, ENTRIES + 4);
}

static void every_changed_byte_is_found(void **state)
{
	(void)state;
	struct buf log;
	struct audit_head head;
	struct err err = { 0 };
	read_log(&log);
	for (size_t at = 0; at < log.len; at++) {
		log.data[at] ^= 1;
		write_log(log.data, log.len);
		assert_int_equal(audit_verify(path, NULL, NULL, &head, &err), -EBADMSG);
		log.data[at] ^= 1;
	}
	buf_done(&log);
}

/* The log without, or with twice, or with swapped lines. */
static void removals_repetitions_and_swaps_are_found(void **state)
{
	(void)state;
	struct buf log;
	struct str lines[ENTRIES], rest;
	struct audit_head whole, head;
	struct err err = { 0 };
	assert_int_equal(audit_verify(path, NULL, NULL, &whole, &err), 0);
	read_log(&log);
	rest = buf_str(&log);
	for (int i = 0; i < ENTRIES; i++)
		assert_true(str_line(&rest, &lines[i]));
	for (int gone = 0; gone < ENTRIES; gone++)
		for (int twice = -1; twice < ENTRIES; twice++) {
			struct buf changed;
			buf_init(&changed, 1 << 20);
			for (int i = 0; i < ENTRIES; i++) {
				if (i == gone)
					continue;
				for (int k = i == twice ? 0 : 1; k < 2; k++)
					assert_int_equal(buf_printf(&changed, "%.*s\n",
								    STR_ARG(lines[i])),
							 0);
			}
			write_log(changed.data, changed.len);
			bool cut = gone == ENTRIES - 1 && (twice < 0 || twice == gone);
			assert_int_equal(audit_verify(path, NULL, NULL, &head, &err),
					 cut ? 0 : -EBADMSG);
			/* A cut end can be told by the head alone. */
			if (cut)
				assert_string_not_equal(head.digest, whole.digest);
			buf_done(&changed);
		}
	for (int i = 0; i + 1 < ENTRIES; i++) {
		struct buf changed;
		buf_init(&changed, 1 << 20);
		for (int k = 0; k < ENTRIES; k++)
			assert_int_equal(buf_printf(&changed, "%.*s\n",
						    STR_ARG(lines[k == i       ? i + 1
								  : k == i + 1 ? i
									       : k])),
					 0);
		write_log(changed.data, changed.len);
		assert_int_equal(audit_verify(path, NULL, NULL, &head, &err), -EBADMSG);
		buf_done(&changed);
	}
	buf_done(&log);
}

static void a_torn_end_is_noted(void **state)
{
	(void)state;
	struct audit *audit;
	struct audit_head head;
	struct err err = { 0 };
	struct buf log;
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_int_equal(write(fd, "6 2026-", 7), 7);
	close(fd);
	assert_int_equal(audit_verify(path, NULL, NULL, &head, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "never finished"));
	assert_int_equal(audit_open(path, &audit, &err), 0);
	assert_int_equal(audit_add(audit, &err, "next", "x=y"), 0);
	audit_free(audit);
	assert_int_equal(audit_verify(path, NULL, NULL, &head, &err), 0);
	assert_int_equal(head.entries, ENTRIES + 2);
	read_log(&log);
	assert_true(str_find(buf_str(&log), STR_LIT("mended torn_bytes=7")) > 0);
	buf_done(&log);
	write_log("rubbish\n", 8);
	assert_int_equal(audit_open(path, &audit, &err), 0);
	assert_int_equal(audit_add(audit, &err, "next", "x=y"), -EBADMSG);
	audit_free(audit);
}

static void words_of_others_stay_words(void **state)
{
	(void)state;
	char out[16];
	assert_string_equal(audit_word(STR_LIT("a b\nc\x80"), out, sizeof(out)), "a_b_c_");
	assert_string_equal(audit_word(STR_LIT("longer than fifteen"), out, sizeof(out)),
			    "longer_than_fif");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_chain_is_whole, make_log, remove_log),
		cmocka_unit_test_setup_teardown(every_changed_byte_is_found, make_log, remove_log),
		cmocka_unit_test_setup_teardown(removals_repetitions_and_swaps_are_found, make_log,
						remove_log),
		cmocka_unit_test_setup_teardown(a_torn_end_is_noted, make_log, remove_log),
		cmocka_unit_test(words_of_others_stay_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
