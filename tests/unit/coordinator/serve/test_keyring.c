// SPDX-License-Identifier: Apache-2.0
/*
 * test_keyring.c - tokens, keys and revocations in one file: what is added is there for another
 * reader at once, uses and times are counted, a torn end is cut, damage is named.
 */
#include "coordinator/serve/keyring.h"
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
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char path[64];
static const uint8_t signer[CIPHER_KEY_BYTES] = { 5 };

static int make_path(void **state)
{
	(void)state;
	close(temp_file(path, sizeof(path)));
	return unlink(path);
}

static int remove_path(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

static struct keyring *opened(void)
{
	struct keyring *keyring = NULL;
	struct err err = { 0 };
	if (keyring_open(path, &keyring, &err) < 0)
		fail_msg("%s", err.text);
	return keyring;
}

static void add(struct keyring *keyring, const struct keyring_grant *grant,
		struct identity_token *ret_token)
{
	struct err err = { 0 };
	if (keyring_add_token(keyring, grant, 1000, ret_token, &err) < 0)
		fail_msg("%s", err.text);
}

static int enrol(struct keyring *keyring, const struct identity_token *token, uint8_t number,
		 uint64_t now_s, struct err *err)
{
	const uint8_t key[CIPHER_KEY_BYTES] = { number };
	return keyring_enrol(keyring,
			     &(struct keyring_newcomer){ str_of(token->id), key, signer,
							 STR_LIT("a name") },
			     now_s, err);
}

static void a_token_vouches_so_often_and_so_long(void **state)
{
	(void)state;
	struct keyring *keyring = opened(), *other = opened();
	struct err err = { 0 };
	struct identity_token token;
	const uint8_t key[CIPHER_KEY_BYTES] = { 1 };
	struct stat st;
	add(keyring, &(struct keyring_grant){ .role = KEYRING_SUBMIT, .uses = 2, .ttl_s = 60 },
	    &token);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(keyring_refresh(other, &err), 1);
	assert_int_equal(keyring_refresh(other, &err), 0);
	assert_int_equal(enrol(keyring, &token, 1, 1059, &err), 0);
	assert_int_equal(enrol(keyring, &token, 1, 1059, &err), -EACCES); /* known already */
	assert_int_equal(enrol(other, &token, 2, 1059, &err), 0);	  /* by another process */
	assert_int_equal(enrol(keyring, &token, 3, 1059, &err), -EACCES);
	assert_non_null(strstr(err.text, "used up (2 of 2)"));
	const struct keyring_key *found = keyring_find(keyring, key);
	assert_non_null(found);
	assert_string_equal(found->name, "a_name");
	assert_memory_equal(found->signer, signer, sizeof(signer));
	assert_int_equal(keyring_token_of(keyring, found)->role, KEYRING_SUBMIT);
	assert_int_equal(keyring_token_of(keyring, found)->used, 2);
	add(keyring, &(struct keyring_grant){ .role = KEYRING_WORKER, .uses = 1, .ttl_s = 60 },
	    &token);
	assert_int_equal(enrol(keyring, &token, 4, 1060, &err), -EACCES);
	assert_non_null(strstr(err.text, "expired at 1970-01-01T00:17:40Z"));
	keyring_free(keyring);
	keyring_free(other);
	keyring_free(NULL);
}

static void a_worker_is_what_its_token_says(void **state)
{
	(void)state;
	static const char *const pool[] = { "pool=gpu", "os=linux" };
	const struct str right[] = { STR_LIT("os=linux") }, wrong[] = { STR_LIT("pool=cpu") };
	struct keyring *keyring = opened();
	struct identity_token token;
	struct err err = { 0 };
	add(keyring,
	    &(struct keyring_grant){
		    .role = KEYRING_WORKER, .uses = 1, .max_slots = 8, .tags = pool, .n_tags = 2 },
	    &token);
	const struct keyring_token *found = keyring_find_token(keyring, str_of(token.id));
	assert_string_equal(found->tags, "pool=gpu,os=linux");
	assert_int_equal(keyring_may_vouch(found, UINT64_MAX, &err), 0); /* no end */
	assert_int_equal(keyring_check_worker(found, 8, right, 1, &err), 0);
	assert_int_equal(keyring_check_worker(found, 9, right, 1, &err), -EACCES);
	assert_non_null(strstr(err.text, "--slots 8"));
	assert_int_equal(keyring_check_worker(found, 8, wrong, 1, &err), -EACCES);
	assert_non_null(strstr(err.text, "--pool"));
	static const char *const bad[] = { "no equals sign", "=x", "a=b,c=d", "a=b c" };
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(keyring_add_token(keyring,
						   &(struct keyring_grant){ .uses = 1,
									    .tags = &bad[i],
									    .n_tags = 1 },
						   0, &token, &err),
				 -EINVAL);
	keyring_free(keyring);
}

static void revoked_by_the_beginning_of_an_id(void **state)
{
	(void)state;
	struct keyring *keyring = opened(), *other = opened();
	struct identity_token token;
	struct err err = { 0 };
	char id[CIPHER_HEX_BYTES], text[8];
	const uint8_t key[CIPHER_KEY_BYTES] = { 0xab, 0xcd };
	add(keyring, &(struct keyring_grant){ .role = KEYRING_WORKER, .uses = 9 }, &token);
	assert_int_equal(keyring_enrol(keyring,
				       &(struct keyring_newcomer){ str_of(token.id), key, signer,
								   STR_LIT("") },
				       0, &err),
			 0);
	assert_int_equal(keyring_revoke(keyring, "abc", 7, id, &err), -EINVAL);
	assert_int_equal(keyring_revoke(keyring, "0123456789ab", 7, id, &err), -ENOENT);
	assert_int_equal(keyring_revoke(keyring, "abcd0", 7, id, &err), 0);
	assert_true(keyring_find(keyring, key)->revoked);
	assert_int_equal(keyring_refresh(other, &err), 1);
	assert_true(keyring_find(other, key)->revoked);
	assert_false(keyring_find_token(other, str_of(token.id))->revoked);
	snprintf(text, sizeof(text), "%.7s", token.id);
	assert_int_equal(keyring_revoke(other, text, 8, id, &err), 0);
	assert_string_equal(id, token.id);
	assert_int_equal(enrol(keyring, &token, 2, 0, &err), -EACCES);
	assert_non_null(strstr(err.text, "revoked"));
	keyring_free(keyring);
	keyring_free(other);
}

static void append_bytes(const char *bytes)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_int_equal(write(fd, bytes, strlen(bytes)), strlen(bytes));
	close(fd);
}

static void a_torn_end_is_cut_and_damage_is_named(void **state)
{
	(void)state;
	struct keyring *keyring = opened(), *other;
	struct identity_token token;
	struct err err = { 0 };
	add(keyring, &(struct keyring_grant){ .role = KEYRING_WORKER, .uses = 9 }, &token);
	append_bytes("key 0123");
	other = opened(); /* reads what is whole */
	assert_int_equal(enrol(other, &token, 1, 0, &err), 0);
	assert_int_equal(keyring_refresh(keyring, &err), 1);
	assert_non_null(keyring_nth_key(keyring, 0));
	assert_null(keyring_nth_key(keyring, 1));
	keyring_free(other);
	append_bytes("key nonsense\n");
	assert_int_equal(keyring_refresh(keyring, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "line 3"));
	assert_int_equal(keyring_open(path, &other, &err), -EBADMSG);
	assert_int_equal(truncate(path, 5), 0);
	assert_int_equal(keyring_refresh(keyring, &err), -EBADMSG);
	keyring_free(keyring);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(keyring_open(path, &keyring, &err), -EPERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_token_vouches_so_often_and_so_long, make_path,
						remove_path),
		cmocka_unit_test_setup_teardown(a_worker_is_what_its_token_says, make_path,
						remove_path),
		cmocka_unit_test_setup_teardown(revoked_by_the_beginning_of_an_id, make_path,
						remove_path),
		cmocka_unit_test_setup_teardown(a_torn_end_is_cut_and_damage_is_named, make_path,
						remove_path),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
