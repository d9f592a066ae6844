// SPDX-License-Identifier: Apache-2.0
/* test_warrant.c - signed programs: what is covered, what is not, and whose signature counts. */
#include "protocol/base/fd.h"
#include "protocol/wire/warrant.h"
#include "tests/kit/temp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static uint8_t seed[CIPHER_KEY_BYTES], signer[CIPHER_KEY_BYTES];
static uint8_t signature[CIPHER_SIGNATURE_BYTES];
static const struct str args[] = { { "sh", 2 }, { "-c", 2 }, { "true", 4 } };

static struct msg_program signed_program(void)
{
	struct msg_program program = {
		.suite = STR_LIT("suite"),
		.name = STR_LIT("program"),
		.kind = STR_LIT("list"),
		.path = STR_LIT("/bin/true"),
		.args = args,
		.n_args = 3,
		.level = 2,
	};
	cipher_random(seed, sizeof(seed));
	cipher_signer(seed, signer);
	assert_int_equal(warrant_sign(&program, seed, signer, signature), 0);
	return program;
}

static void what_is_covered(void **state)
{
	(void)state;
	static const struct str other[] = { { "sh", 2 }, { "-c", 2 }, { "evil", 4 } };
	struct err err = { 0 };
	struct msg_program program = signed_program(), changed = program;
	assert_int_equal(warrant_check(&program, &err), 0);
	changed.args = other;
	assert_int_equal(warrant_check(&changed, &err), -EACCES);
	assert_non_null(strstr(err.text, "changed after it was signed"));
	changed = program;
	changed.level = 0;
	assert_int_equal(warrant_check(&changed, &err), -EACCES);
	changed = program;
	changed.path = STR_LIT("/bin/false");
	assert_int_equal(warrant_check(&changed, &err), -EACCES);
	changed = program;
	changed.n_args = 2;
	assert_int_equal(warrant_check(&changed, &err), -EACCES);
	/* Thereby every file that was sent along. */
	changed = program;
	changed.tree = STR_LIT("0123456789abcdef0123456789abcdef");
	assert_int_equal(warrant_check(&changed, &err), -EACCES);
	/* A core file shows the program's memory. */
	changed = program;
	changed.core_bytes = 1 << 20;
	assert_int_equal(warrant_check(&changed, &err), -EACCES);
	/* The coordinator applies overrides. */
	changed = program;
	changed.memory_bytes = 1 << 20;
	assert_int_equal(warrant_check(&changed, &err), 0);
}

static void whose_signature_counts(void **state)
{
	(void)state;
	struct err err = { 0 };
	struct msg_program program = signed_program();
	uint8_t keys[2][CIPHER_KEY_BYTES] = { { 1 } };
	struct warrant_trust trust = { .keys = keys, .n = 2 };
	assert_int_equal(warrant_trusts(&trust, &program, &err), -EACCES);
	assert_non_null(strstr(err.text, "does not trust"));
	memcpy(keys[1], signer, CIPHER_KEY_BYTES);
	assert_int_equal(warrant_trusts(&trust, &program, &err), 0);
	program.signature.len = 0;
	assert_int_equal(warrant_trusts(&trust, &program, &err), -EACCES);
	assert_non_null(strstr(err.text, "not signed"));
	/* Naming a trusted signer is not enough. */
	program = signed_program();
	program.signer = (struct str){ (const char *)keys[1], CIPHER_KEY_BYTES };
	assert_int_equal(warrant_trusts(&trust, &program, &err), -EACCES);
}

static void a_file_of_trusted_keys(void **state)
{
	(void)state;
	char path[64], text[512], hex[CIPHER_HEX_BYTES];
	struct warrant_trust trust = { 0 };
	struct err err = { 0 };
	close(temp_file(path, sizeof(path)));
	(void)signed_program();
	int n = snprintf(text, sizeof(text), "# ours\n\n%s the build server\n",
			 cipher_hex(signer, CIPHER_KEY_BYTES, hex));
	assert_int_equal(fd_write_file(path, text, (size_t)n, NULL), 0);
	assert_int_equal(warrant_load(path, &trust, &err), 0);
	assert_int_equal(trust.n, 1);
	assert_memory_equal(trust.keys[0], signer, CIPHER_KEY_BYTES);
	warrant_done(&trust);
	assert_int_equal(fd_write_file(path, "# ours\nabc\n", 11, NULL), 0);
	assert_int_equal(warrant_load(path, &trust, &err), -EINVAL);
	assert_non_null(strstr(err.text, ":2:"));
	assert_int_equal(fd_write_file(path, "# nobody\n", 9, NULL), 0);
	assert_int_equal(warrant_load(path, &trust, &err), -EINVAL);
	unlink(path);
	assert_int_equal(warrant_load(path, &trust, &err), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_covered),
		cmocka_unit_test(whose_signature_counts),
		cmocka_unit_test(a_file_of_trusted_keys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
