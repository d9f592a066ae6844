// SPDX-License-Identifier: Apache-2.0
/*
 * test_identity.c - key files and tokens: made once and private, found again by address, bound to
 * the token that vouched, and refused with a sentence when they are somebody else's to read.
 */
#include "protocol/base/fd.h"
#include "protocol/wire/identity.h"
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

#define URL "tcp://127.0.0.1:7200"

static char folder[64];

static int make_folder(void **state)
{
	(void)state;
	temp_folder(folder, sizeof(folder));
	return setenv("XDG_STATE_HOME", folder, 1);
}

static int remove_folder(void **state)
{
	(void)state;
	temp_remove(folder);
	return 0;
}

/* A token file of some coordinator; its path in `path`. */
static void make_token(const char *name, struct identity_token *ret_token, char path[128])
{
	char text[IDENTITY_TOKEN_BYTES];
	uint8_t id[8];
	cipher_random(id, sizeof(id));
	cipher_hex(id, sizeof(id), ret_token->id);
	cipher_random(ret_token->secret, CIPHER_KEY_BYTES);
	cipher_random(ret_token->coordinator, CIPHER_KEY_BYTES);
	identity_token_text(ret_token, text);
	snprintf(path, 128, "%s/%s", folder, name);
	assert_int_equal(fd_write_file(path, text, strlen(text), NULL), 0);
}

static void a_token_comes_back(void **state)
{
	(void)state;
	struct identity_token token, back;
	struct err err = { 0 };
	char path[128], text[IDENTITY_TOKEN_BYTES], padded[IDENTITY_TOKEN_BYTES + 8];
	make_token("token", &token, path);
	identity_token_text(&token, text);
	snprintf(padded, sizeof(padded), " \n%s\r\n", text);
	assert_int_equal(identity_token_parse(str_of(padded), &back, &err), 0);
	assert_memory_equal(&token, &back, sizeof(token));
	for (size_t len = 0; len < strlen(text); len++)
		assert_int_equal(identity_token_parse((struct str){ text, len }, &back, &err),
				 -EINVAL);
	snprintf(padded, sizeof(padded), "%s.00", text);
	assert_int_equal(identity_token_parse(str_of(padded), &back, &err), -EINVAL);
	assert_int_equal(identity_token_parse(STR_LIT("hello"), &back, &err), -EINVAL);
	assert_non_null(strstr(err.text, "paddock token create"));
}

static void a_key_is_made_once_and_kept(void **state)
{
	(void)state;
	struct identity_token token;
	struct identity first, again, other;
	struct err err = { 0 };
	struct stat st;
	char path[128];
	assert_int_equal(identity_open("worker", URL, NULL, &first, &err), -ENOENT);
	assert_non_null(strstr(err.text, "--token FILE"));
	make_token("token", &token, path);
	assert_int_equal(identity_open("worker", URL, path, &first, &err), 0);
	assert_false(first.enrolled);
	assert_memory_equal(first.secret, token.secret, CIPHER_KEY_BYTES);
	assert_int_equal(stat(first.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(identity_open("worker", URL, path, &again, &err), 0);
	assert_memory_equal(&first, &again, sizeof(first));
	assert_int_equal(identity_settle(&again, &err), 0);
	assert_int_equal(identity_open("worker", URL, NULL, &again, &err), 0);
	assert_true(again.enrolled);
	assert_memory_equal(&first.own, &again.own, sizeof(first.own));
	assert_memory_equal(first.signer, again.signer, CIPHER_KEY_BYTES);
	/* The token's secret is not kept longer than it is needed. */
	struct buf file;
	char hex[CIPHER_HEX_BYTES];
	assert_int_equal(fd_read_file(first.path, 4096, &file), 0);
	assert_int_equal(str_find(buf_str(&file),
				  str_of(cipher_hex(token.secret, CIPHER_KEY_BYTES, hex))),
			 -1);
	buf_done(&file);
	/* Other names and addresses have keys of their own. */
	assert_int_equal(identity_open("client", URL, NULL, &other, &err), -ENOENT);
	assert_int_equal(identity_open("worker", "ipc:///run/x", NULL, &other, &err), -ENOENT);
}

static void another_token_means_another_key(void **state)
{
	(void)state;
	struct identity_token token;
	struct identity first, second;
	struct err err = { 0 };
	char path[128];
	make_token("token", &token, path);
	assert_int_equal(identity_open("worker", URL, path, &first, &err), 0);
	assert_int_equal(identity_settle(&first, &err), 0);
	assert_int_equal(identity_open("worker", URL, path, &second, &err), 0);
	assert_true(second.enrolled);
	make_token("token", &token, path);
	assert_int_equal(identity_open("worker", URL, path, &second, &err), 0);
	assert_false(second.enrolled);
	assert_memory_not_equal(&first.own, &second.own, sizeof(first.own));
	assert_memory_equal(second.coordinator, token.coordinator, CIPHER_KEY_BYTES);
}

static void a_key_that_others_read_is_none(void **state)
{
	(void)state;
	struct identity_token token;
	struct identity identity;
	struct err err = { 0 };
	char path[128];
	make_token("token", &token, path);
	assert_int_equal(identity_open("worker", URL, path, &identity, &err), 0);
	assert_int_equal(chmod(identity.path, 0640), 0);
	assert_int_equal(identity_open("worker", URL, path, &identity, &err), -EPERM);
	assert_non_null(strstr(err.text, "chmod 600"));
	assert_int_equal(chmod(identity.path, 0600), 0);
	assert_int_equal(truncate(identity.path, 40), 0);
	assert_int_equal(identity_open("worker", URL, path, &identity, &err), -EBADMSG);
}

static void a_coordinator_keeps_its_key(void **state)
{
	(void)state;
	struct auth_pair first, again;
	struct err err = { 0 };
	char path[128];
	snprintf(path, sizeof(path), "%s/coordinator.key", folder);
	assert_int_equal(identity_coordinator(path, &first, &err), 0);
	assert_int_equal(identity_coordinator(path, &again, &err), 0);
	assert_memory_equal(&first, &again, sizeof(first));
	assert_int_equal(truncate(path, 10), 0);
	assert_int_equal(identity_coordinator(path, &again, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "backup"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_token_comes_back, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(a_key_is_made_once_and_kept, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(another_token_means_another_key, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(a_key_that_others_read_is_none, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(a_coordinator_keeps_its_key, make_folder,
						remove_folder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
