// SPDX-License-Identifier: Apache-2.0
/* test_digest.c - known values, files of several pieces, and what is not a file. */
#include "protocol/wire/digest.h"
#include "tests/kit/temp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* Computed by Python's hashlib.blake2b(..., digest_size=32). */
static const char of_nothing[] = "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8";
static const char of_abc[] = "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319";
static const char of_many[] = "9e8cd39caeb79c80409fc5aa6607f8390821e5361850e10fb5e8a861800a259f";

enum { MANY = 200000 };

static void hex_is(const struct digest *digest, const char *expected)
{
	char out[DIGEST_HEX_BYTES];
	assert_ptr_equal(digest_hex(digest, out), out);
	assert_string_equal(out, expected);
}

static void known_bytes_have_known_digests(void **state)
{
	(void)state;
	struct digest digest;
	char *many = malloc(MANY);
	memset(many, 'x', MANY);
	digest_bytes((struct str){ NULL, 0 }, &digest);
	hex_is(&digest, of_nothing);
	digest_bytes(STR_LIT("abc"), &digest);
	hex_is(&digest, of_abc);
	digest_bytes((struct str){ many, MANY }, &digest);
	hex_is(&digest, of_many);
	free(many);
}

static void a_file_is_its_bytes(void **state)
{
	(void)state;
	char path[64];
	struct digest digest;
	struct err err = { 0 };
	char *many = malloc(MANY);
	memset(many, 'x', MANY);
	int fd = temp_file(path, sizeof(path));
	assert_int_equal(digest_file(path, &digest, &err), 0);
	hex_is(&digest, of_nothing);
	assert_int_equal(write(fd, many, MANY), MANY);
	close(fd);
	assert_int_equal(digest_file(path, &digest, &err), 0);
	hex_is(&digest, of_many);
	assert_int_equal(unlink(path), 0);
	free(many);
}

static void what_is_no_file_is_refused_at_once(void **state)
{
	(void)state;
	char folder[64], fifo[80];
	struct digest digest;
	struct err err = { 0 };
	memset(&digest, 7, sizeof(digest));
	temp_folder(folder, sizeof(folder));
	snprintf(fifo, sizeof(fifo), "%s/fifo", folder);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(digest_file(fifo, &digest, &err), -EINVAL);
	assert_int_equal(digest_file(folder, &digest, &err), -EINVAL);
	assert_non_null(strstr(err.text, "not a regular file"));
	assert_int_equal(unlink(fifo), 0);
	assert_int_equal(digest_file(fifo, &digest, &err), -ENOENT);
	assert_non_null(strstr(err.text, fifo));
	assert_int_equal(rmdir(folder), 0);
	assert_int_equal(digest.bytes[0], 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_bytes_have_known_digests),
		cmocka_unit_test(a_file_is_its_bytes),
		cmocka_unit_test(what_is_no_file_is_refused_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
