// SPDX-License-Identifier: Apache-2.0
/*
 * test_chan_address.c - which addresses are served, which are local, and where the data channel
 * lies.
 */
#include "protocol/wire/chan.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void good_addresses_pass(void **state)
{
	(void)state;
	static const char *const good[] = {
		"ipc:///run/paddock/socket",
		"ipc:///s",
		"tcp://127.0.0.1:7077",
		"tcp://localhost:1",
		"tcp://[::1]:65535",
		"tcp://*:7077",
		"tcp://build-7.example.org:7077",
		"tcp://eth0:7077",
	};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct err err = { 0 };
		if (chan_address_check(good[i], &err) != 0)
			fail_msg("%s: %s", good[i], err.text);
	}
}

static void bad_addresses_are_refused_with_a_reason(void **state)
{
	(void)state;
	static const struct {
		const char *url, *reason;
	} bad[] = {
		{ "", "an address is ipc:///PATH or tcp://HOST:PORT" },
		{ "ws://127.0.0.1:80", "an address is" },
		{ "inproc://a", "an address is" },
		{ "ipc://", "must be absolute" },
		{ "ipc://relative/path", "must be absolute" },
		{ "tcp://", "a port from 1 to 65535" },
		{ "tcp://host", "a port from 1 to 65535" },
		{ "tcp://host:", "a port from 1 to 65535" },
		{ "tcp://host:0", "a port from 1 to 65535" },
		{ "tcp://host:65536", "a port from 1 to 65535" },
		{ "tcp://host:7077x", "a port from 1 to 65535" },
		{ "tcp://:7077", "'' is no host" },
		{ "tcp://eth0;host:7077", "'eth0;host' is no host" },
		{ "tcp://a b:7077", "is no host" },
		{ "tcp://::1:7077", "is no host" },
		{ "tcp://[::1:7077", "is no host" },
		{ "tcp://[nonsense]:7077", "is no host" },
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err = { 0 };
		assert_int_equal(chan_address_check(bad[i].url, &err), -EINVAL);
		if (!strstr(err.text, bad[i].reason) || !strstr(err.text, bad[i].url))
			fail_msg("%s: %s", bad[i].url, err.text);
	}
}

/* "ipc:///xxx..." with a path of `bytes` bytes. */
static void make_ipc(char *url, size_t bytes)
{
	memcpy(url, "ipc:///", 7);
	memset(url + 7, 'x', bytes - 1);
	url[7 + bytes - 1] = '\0';
}

static void a_sockets_path_has_a_limit(void **state)
{
	(void)state;
	char url[512];
	struct err err = { 0 };
	make_ipc(url, 107);
	assert_int_equal(chan_address_check(url, &err), 0);
	make_ipc(url, 108);
	assert_int_equal(chan_address_check(url, &err), -EINVAL);
	assert_non_null(strstr(err.text, "108 bytes"));
	make_ipc(url, 400);
	assert_int_equal(chan_address_check(url, &err), -EINVAL);
}

static void only_this_machine_is_local(void **state)
{
	(void)state;
	assert_true(chan_address_is_local("ipc:///run/paddock"));
	assert_true(chan_address_is_local("tcp://127.0.0.1:7077"));
	assert_true(chan_address_is_local("tcp://127.8.9.10:7077"));
	assert_true(chan_address_is_local("tcp://localhost:7077"));
	assert_true(chan_address_is_local("tcp://[::1]:7077"));
	assert_false(chan_address_is_local("tcp://*:7077"));
	assert_false(chan_address_is_local("tcp://0.0.0.0:7077"));
	assert_false(chan_address_is_local("tcp://[::]:7077"));
	assert_false(chan_address_is_local("tcp://10.0.0.1:7077"));
	assert_false(chan_address_is_local("tcp://127.0.0.1.example.org:7077"));
	assert_false(chan_address_is_local("tcp://127.1:7077"));
	assert_false(chan_address_is_local("tcp://localhost.example.org:7077"));
	assert_false(chan_address_is_local("ipc://relative"));
	assert_false(chan_address_is_local("nonsense"));
}

static void the_data_channel_lies_beside(void **state)
{
	(void)state;
	char url[CHAN_URL_BYTES], data[CHAN_URL_BYTES] = "untouched";
	struct err err = { 0 };
	assert_int_equal(chan_address_data("ipc:///run/p", data, &err), 0);
	assert_string_equal(data, "ipc:///run/p.data");
	assert_int_equal(chan_address_data("tcp://[::1]:7077", data, &err), 0);
	assert_string_equal(data, "tcp://[::1]:7078");
	assert_int_equal(chan_address_data("tcp://host:65535", data, &err), -EINVAL);
	make_ipc(url, 105);
	assert_int_equal(chan_address_data(url, data, &err), -EINVAL);
	assert_non_null(strstr(err.text, "no room for the data channel"));
	assert_int_equal(chan_address_data("nonsense", data, &err), -EINVAL);
	assert_string_equal(data, "tcp://[::1]:7078");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_addresses_pass),
		cmocka_unit_test(bad_addresses_are_refused_with_a_reason),
		cmocka_unit_test(a_sockets_path_has_a_limit),
		cmocka_unit_test(only_this_machine_is_local),
		cmocka_unit_test(the_data_channel_lies_beside),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
