// SPDX-License-Identifier: Apache-2.0
/* test_err.c - errors for humans: set by a leaf, wrapped outward, cut rather than lost. */
#include "protocol/base/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void setting_returns_the_code(void **state)
{
	(void)state;
	struct err err = { 0 };
	assert_int_equal(err_set(&err, -ENOENT, "no %s", "file"), -ENOENT);
	assert_int_equal(err.code, -ENOENT);
	assert_string_equal(err.text, "no file");
	assert_int_equal(err_errno(&err, -EACCES, "cannot open %s", "x"), -EACCES);
	assert_string_equal(err.text, "cannot open x: Permission denied");
}

static void wrapping_puts_context_in_front(void **state)
{
	(void)state;
	struct err err = { 0 };
	err_set(&err, -EIO, "disk");
	assert_int_equal(err_wrap(&err, "reading %d", 7), -EIO);
	assert_int_equal(err_wrap(&err, "run"), -EIO);
	assert_string_equal(err.text, "run: reading 7: disk");
	struct err unset = { 0 };
	assert_int_equal(err_wrap(&unset, "who"), -EINVAL);
	assert_int_equal(unset.code, -EINVAL);
}

static void nobody_listening_is_fine(void **state)
{
	(void)state;
	assert_int_equal(err_set(NULL, -EIO, "x"), -EIO);
	assert_int_equal(err_errno(NULL, -EIO, "x"), -EIO);
	assert_int_equal(err_wrap(NULL, "x"), -EINVAL);
}

static void too_long_a_text_is_cut(void **state)
{
	(void)state;
	struct err err = { 0 };
	char wide[3000];
	memset(wide, 'y', sizeof(wide) - 1);
	wide[sizeof(wide) - 1] = '\0';
	err_set(&err, -EIO, "%s", wide);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	err_wrap(&err, "front");
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	assert_memory_equal(err.text, "front: yyy", 10);
	err_wrap(&err, "%s", wide);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	err_errno(&err, -EIO, "%s", wide);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(setting_returns_the_code),
		cmocka_unit_test(wrapping_puts_context_in_front),
		cmocka_unit_test(nobody_listening_is_fine),
		cmocka_unit_test(too_long_a_text_is_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
