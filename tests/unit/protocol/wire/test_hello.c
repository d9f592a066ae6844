// SPDX-License-Identifier: Apache-2.0
/* test_hello.c - equal builds pass; others are told what to install. */
#include "protocol/wire/hello.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct msg_hello worker(void)
{
	struct msg_hello hello;
	hello_fill(&hello, HELLO_WORKER, "w1");
	hello.slots = 2;
	return hello;
}

static void our_own_build_passes(void **state)
{
	(void)state;
	struct msg_hello hello = worker();
	struct msg_welcome welcome;
	struct err err = { 0 };
	assert_int_equal(hello_check(&hello, &err), 0);
	hello_fill(&hello, HELLO_CLIENT, "desk");
	assert_true(str_eq(hello.name, STR_LIT("desk")));
	assert_int_equal(hello_check(&hello, &err), 0);
	hello_welcome(&welcome, 42, 0, 0);
	assert_int_equal(welcome.session, 42);
	assert_int_equal(welcome.poll_us, HELLO_POLL_US);
	assert_int_equal(welcome.lease_us, HELLO_LEASE_US);
	assert_int_equal(hello_check_welcome(&welcome, &err), 0);
	assert_int_equal(err.code, 0);
}

static void another_build_is_told_both(void **state)
{
	(void)state;
	struct msg_hello hello = worker();
	struct err err = { 0 };
	hello.build_id = STR_LIT("9.9-old");
	assert_int_equal(hello_check(&hello, &err), -EPROTONOSUPPORT);
	assert_non_null(strstr(err.text, "this worker is build 9.9-old"));
	assert_non_null(strstr(err.text, hello_build_id()));
	assert_non_null(strstr(err.text, "install the same version"));
	hello.version = MSG_PROTOCOL_VERSION + 1;
	assert_int_equal(hello_check(&hello, &err), -EPROTONOSUPPORT);
	assert_non_null(strstr(err.text, "speaks protocol 2 (build 9.9-old)"));
	assert_non_null(strstr(err.text, "install the same version"));
}

static void a_worker_without_slots_is_no_worker(void **state)
{
	(void)state;
	struct msg_hello hello = worker();
	struct err err = { 0 };
	hello.slots = 0;
	assert_int_equal(hello_check(&hello, &err), -EPROTO);
	assert_non_null(strstr(err.text, "--slots"));
}

static void a_strange_welcome_is_not_taken(void **state)
{
	(void)state;
	struct msg_welcome welcome;
	struct err err = { 0 };
	hello_welcome(&welcome, 42, 1, 2);
	assert_int_equal(hello_check_welcome(&welcome, &err), 0);
	welcome.lease_us = 1;
	assert_int_equal(hello_check_welcome(&welcome, &err), -EPROTO);
	hello_welcome(&welcome, 42, 0, 0);
	welcome.poll_us = 0;
	assert_int_equal(hello_check_welcome(&welcome, &err), -EPROTO);
	hello_welcome(&welcome, 42, 0, 0);
	welcome.session = 0;
	assert_int_equal(hello_check_welcome(&welcome, &err), -EPROTO);
	hello_welcome(&welcome, 42, 0, 0);
	welcome.build_id = STR_LIT("9.9-new");
	assert_int_equal(hello_check_welcome(&welcome, &err), -EPROTONOSUPPORT);
	assert_non_null(strstr(err.text, "the coordinator is build 9.9-new"));
}

static void a_refusal_fits_its_frame(void **state)
{
	(void)state;
	struct msg_refused refused;
	char *text = malloc(LIMIT_TEXT_BYTES + 10);
	memset(text, 'x', LIMIT_TEXT_BYTES + 9);
	text[LIMIT_TEXT_BYTES + 9] = '\0';
	hello_refuse(&refused, EXIT_CODE_INCOMPLETE, 7, 8, text);
	assert_int_equal(refused.code, 111);
	assert_int_equal(refused.session, 7);
	assert_int_equal(refused.seq, 8);
	assert_int_equal(refused.text.len, LIMIT_TEXT_BYTES);
	struct buf frame;
	buf_init(&frame, LIMIT_FRAME_BYTES);
	assert_int_equal(msg_encode(MSG_REFUSED, &refused, &frame, NULL), 0);
	buf_done(&frame);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(our_own_build_passes),
		cmocka_unit_test(another_build_is_told_both),
		cmocka_unit_test(a_worker_without_slots_is_no_worker),
		cmocka_unit_test(a_strange_welcome_is_not_taken),
		cmocka_unit_test(a_refusal_fits_its_frame),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
