// SPDX-License-Identifier: Apache-2.0
/*
 * test_auth.c - both handshakes against published vectors, byte by byte, and what must not pass: a
 * wrong key, a wrong secret, a flipped bit, keys of low order.
 */
#include "protocol/base/fd.h"
#include "protocol/wire/auth.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { VECTOR_MESSAGES_MAX = 8, VECTOR_BYTES_MAX = 512 };

struct bytes {
	uint8_t data[VECTOR_BYTES_MAX];
	size_t len;
};

struct vector {
	enum auth_pattern pattern;
	struct bytes prologue, init_static, init_ephemeral, init_remote, resp_static,
		resp_ephemeral, psk, hash;
	struct bytes payloads[VECTOR_MESSAGES_MAX], ciphertexts[VECTOR_MESSAGES_MAX];
	size_t n_payloads, n_ciphertexts;
};

static struct str view(const struct bytes *bytes)
{
	return (struct str){ (const char *)bytes->data, bytes->len };
}

static void read_hex(struct str text, struct bytes *ret_bytes)
{
	ret_bytes->len = text.len / 2;
	assert_true(ret_bytes->len <= VECTOR_BYTES_MAX);
	assert_int_equal(cipher_unhex(text, ret_bytes->data, ret_bytes->len), 0);
}

static void take_line(struct vector *vector, struct str name, struct str value)
{
	const struct {
		const char *name;
		struct bytes *bytes;
	} fields[] = {
		{ "init_prologue", &vector->prologue },
		{ "init_static", &vector->init_static },
		{ "init_ephemeral", &vector->init_ephemeral },
		{ "init_remote_static", &vector->init_remote },
		{ "resp_static", &vector->resp_static },
		{ "resp_ephemeral", &vector->resp_ephemeral },
		{ "psk", &vector->psk },
		{ "handshake_hash", &vector->hash },
	};
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (str_eq(name, str_of(fields[i].name))) {
			read_hex(value, fields[i].bytes);
			return;
		}
	assert_true(vector->n_payloads < VECTOR_MESSAGES_MAX);
	if (str_eq(name, STR_LIT("payload")))
		read_hex(value, &vector->payloads[vector->n_payloads++]);
	else if (str_eq(name, STR_LIT("ciphertext")))
		read_hex(value, &vector->ciphertexts[vector->n_ciphertexts++]);
	else
		fail_msg("unknown line %.*s", STR_ARG(name));
}

static void expect_bytes(struct buf *buf, const struct bytes *want)
{
	assert_int_equal(buf->len, want->len);
	assert_memory_equal(buf->data, want->data, want->len);
	buf_clear(buf);
}

static struct auth_pair pair_of(const struct bytes *secret)
{
	struct auth_pair pair;
	memcpy(pair.secret, secret->data, CIPHER_KEY_BYTES);
	cipher_public(pair.secret, pair.public);
	return pair;
}

/* Messages behind the handshake: sealed in turn by one end and the other, each counting from 0. */
static void check_transport(const struct vector *vector, const struct auth *initiator,
			    const struct auth *responder)
{
	uint8_t keys[2][CIPHER_KEY_BYTES], same[2][CIPHER_KEY_BYTES], out[VECTOR_BYTES_MAX + 16];
	uint64_t nonces[2] = { 0 };
	auth_split(initiator, keys[0], keys[1]);
	auth_split(responder, same[0], same[1]);
	assert_memory_equal(keys, same, sizeof(keys));
	for (size_t i = 2; i < vector->n_payloads; i++) {
		const struct bytes *want = &vector->ciphertexts[i];
		cipher_seal(keys[i % 2], nonces[i % 2], (struct str){ "", 0 },
			    view(&vector->payloads[i]), out);
		assert_memory_equal(out, want->data, want->len);
		assert_int_equal(cipher_open(keys[i % 2], nonces[i % 2], (struct str){ "", 0 },
					     view(want), out),
				 0);
		assert_memory_equal(out, vector->payloads[i].data, vector->payloads[i].len);
		nonces[i % 2]++;
	}
}

static void check_vector(const struct vector *vector)
{
	struct auth initiator, responder;
	struct buf message, payload;
	struct auth_pair init = pair_of(&vector->init_static), resp = pair_of(&vector->resp_static);
	buf_init(&message, AUTH_MESSAGE_BYTES);
	buf_init(&payload, AUTH_MESSAGE_BYTES);
	assert_memory_equal(resp.public, vector->init_remote.data, CIPHER_KEY_BYTES);
	auth_begin(&initiator, vector->pattern, view(&vector->prologue), &init,
		   vector->init_ephemeral.data, vector->init_remote.data);
	auth_begin(&responder, vector->pattern, view(&vector->prologue), &resp,
		   vector->resp_ephemeral.data, NULL);
	assert_int_equal(auth_write_first(&initiator, view(&vector->payloads[0]), &message), 0);
	expect_bytes(&message, &vector->ciphertexts[0]);
	assert_int_equal(auth_read_first(&responder, view(&vector->ciphertexts[0]), &payload), 0);
	expect_bytes(&payload, &vector->payloads[0]);
	assert_memory_equal(responder.remote, init.public, CIPHER_KEY_BYTES);
	if (vector->pattern == AUTH_IKPSK2) {
		auth_share(&initiator, vector->psk.data);
		auth_share(&responder, vector->psk.data);
	}
	assert_int_equal(auth_write_second(&responder, view(&vector->payloads[1]), &message), 0);
	expect_bytes(&message, &vector->ciphertexts[1]);
	assert_int_equal(auth_read_second(&initiator, view(&vector->ciphertexts[1]), &payload), 0);
	expect_bytes(&payload, &vector->payloads[1]);
	assert_memory_equal(initiator.hash, vector->hash.data, CIPHER_HASH_BYTES);
	assert_memory_equal(responder.hash, vector->hash.data, CIPHER_HASH_BYTES);
	check_transport(vector, &initiator, &responder);
	auth_done(&initiator);
	auth_done(&responder);
	buf_done(&message);
	buf_done(&payload);
}

static void published_vectors_come_out(void **state)
{
	(void)state;
	const char *source = getenv("PADDOCK_SOURCE");
	char path[4096];
	struct buf file;
	struct vector vector = { 0 };
	size_t n[AUTH_PATTERN_MAX] = { 0 };
	snprintf(path, sizeof(path), "%s/tests/fixtures/noise/vectors.txt", source ? source : ".");
	assert_int_equal(fd_read_file(path, 1 << 20, &file), 0);
	struct str rest = buf_str(&file), line;
	bool more;
	do {
		more = str_line(&rest, &line);
		struct str name, value = line;
		if (more && (!line.len || line.data[0] == '#'))
			continue;
		bool begins = more && str_starts(line, STR_LIT("protocol "));
		if ((begins || !more) && vector.n_payloads) {
			check_vector(&vector);
			n[vector.pattern]++;
			vector = (struct vector){ 0 };
		}
		if (begins)
			vector.pattern = str_find(line, STR_LIT("_IKpsk2_")) > 0 ? AUTH_IKPSK2
										 : AUTH_IK;
		else if (more && str_split(&value, ' ', &name))
			take_line(&vector, name, value);
	} while (more);
	buf_done(&file);
	assert_int_equal(n[AUTH_IK], 2);
	assert_int_equal(n[AUTH_IKPSK2], 1);
}

/* ---- what must not pass ---- */

struct ends {
	struct auth initiator, responder;
	struct auth_pair init, resp;
	struct buf message, payload;
};

static void random_pair(struct auth_pair *pair)
{
	cipher_random(pair->secret, sizeof(pair->secret));
	cipher_public(pair->secret, pair->public);
}

/* Both ends, with a first message written. `known`: the key the initiator believes in. */
static void begin(struct ends *ends, enum auth_pattern pattern, const uint8_t *known)
{
	uint8_t ephemerals[2][CIPHER_KEY_BYTES];
	cipher_random(ephemerals, sizeof(ephemerals));
	random_pair(&ends->init);
	random_pair(&ends->resp);
	buf_init(&ends->message, 1 << 20);
	buf_init(&ends->payload, 1 << 20);
	auth_begin(&ends->initiator, pattern, STR_LIT("test"), &ends->init, ephemerals[0],
		   known ? known : ends->resp.public);
	auth_begin(&ends->responder, pattern, STR_LIT("test"), &ends->resp, ephemerals[1], NULL);
	assert_int_equal(auth_write_first(&ends->initiator, STR_LIT("hello"), &ends->message), 0);
	assert_int_equal(ends->message.len, AUTH_FIRST_BYTES + 5);
}

static void end(struct ends *ends)
{
	auth_done(&ends->initiator);
	auth_done(&ends->responder);
	buf_done(&ends->message);
	buf_done(&ends->payload);
}

static void another_responder_reads_nothing(void **state)
{
	(void)state;
	struct ends ends;
	struct auth_pair other;
	random_pair(&other);
	begin(&ends, AUTH_IK, other.public);
	assert_int_equal(auth_read_first(&ends.responder, buf_str(&ends.message), &ends.payload),
			 -EBADMSG);
	assert_int_equal(ends.payload.len, 0);
	end(&ends);
}

static void every_changed_byte_is_noticed(void **state)
{
	(void)state;
	for (size_t at = 0; at < AUTH_FIRST_BYTES + 5; at++) {
		struct ends ends;
		begin(&ends, AUTH_IK, NULL);
		ends.message.data[at] ^= 1;
		assert_int_equal(auth_read_first(&ends.responder, buf_str(&ends.message),
						 &ends.payload),
				 -EBADMSG);
		end(&ends);
	}
	struct ends ends;
	begin(&ends, AUTH_IK, NULL);
	for (size_t len = 0; len < AUTH_FIRST_BYTES; len++) {
		struct auth responder = ends.responder;
		assert_int_equal(auth_read_first(&responder, (struct str){ ends.message.data, len },
						 &ends.payload),
				 -EBADMSG);
	}
	end(&ends);
}

static void a_secret_both_must_know(void **state)
{
	(void)state;
	static const uint8_t right[CIPHER_KEY_BYTES] = { 1 }, wrong[CIPHER_KEY_BYTES] = { 2 };
	for (int same = 0; same <= 1; same++) {
		struct ends ends;
		begin(&ends, AUTH_IKPSK2, NULL);
		assert_int_equal(auth_read_first(&ends.responder, buf_str(&ends.message),
						 &ends.payload),
				 0);
		assert_memory_equal(ends.responder.remote, ends.init.public, CIPHER_KEY_BYTES);
		buf_clear(&ends.message);
		buf_clear(&ends.payload);
		auth_share(&ends.initiator, right);
		auth_share(&ends.responder, same ? right : wrong);
		assert_int_equal(auth_write_second(&ends.responder, STR_LIT("welcome"),
						   &ends.message),
				 0);
		assert_int_equal(auth_read_second(&ends.initiator, buf_str(&ends.message),
						  &ends.payload),
				 same ? 0 : -EBADMSG);
		assert_int_equal(ends.payload.len, same ? 7 : 0);
		end(&ends);
	}
}

static void keys_of_low_order_are_refused(void **state)
{
	(void)state;
	static const uint8_t zero[CIPHER_KEY_BYTES];
	struct auth initiator;
	struct auth_pair own;
	struct buf message;
	uint8_t shared[CIPHER_KEY_BYTES];
	random_pair(&own);
	buf_init(&message, 1024);
	auth_begin(&initiator, AUTH_IK, STR_LIT(""), &own, own.secret, zero);
	assert_int_equal(auth_write_first(&initiator, STR_LIT(""), &message), -EBADMSG);
	assert_int_equal(cipher_dh(own.secret, zero, shared), -EBADMSG);
	buf_done(&message);
}

static void a_payload_has_a_limit(void **state)
{
	(void)state;
	struct ends ends;
	static char large[AUTH_MESSAGE_BYTES];
	begin(&ends, AUTH_IK, NULL);
	struct auth again;
	auth_begin(&again, AUTH_IK, STR_LIT("test"), &ends.init, ends.init.secret,
		   ends.resp.public);
	buf_clear(&ends.message);
	assert_int_equal(auth_write_first(&again, (struct str){ large, sizeof(large) },
					  &ends.message),
			 -EMSGSIZE);
	auth_begin(&again, AUTH_IK, STR_LIT("test"), &ends.init, ends.init.secret,
		   ends.resp.public);
	assert_int_equal(auth_write_first(&again,
					  (struct str){ large,
							AUTH_MESSAGE_BYTES - AUTH_FIRST_BYTES },
					  &ends.message),
			 0);
	assert_int_equal(ends.message.len, AUTH_MESSAGE_BYTES);
	end(&ends);
}

static void signatures_hold(void **state)
{
	(void)state;
	uint8_t seed[CIPHER_KEY_BYTES], signer[CIPHER_KEY_BYTES], signature[CIPHER_SIGNATURE_BYTES];
	cipher_random(seed, sizeof(seed));
	cipher_signer(seed, signer);
	cipher_sign(seed, STR_LIT("run this"), signature);
	assert_true(cipher_verify(signer, STR_LIT("run this"), signature));
	assert_false(cipher_verify(signer, STR_LIT("run that"), signature));
	signature[7] ^= 1;
	assert_false(cipher_verify(signer, STR_LIT("run this"), signature));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_vectors_come_out),
		cmocka_unit_test(another_responder_reads_nothing),
		cmocka_unit_test(every_changed_byte_is_noticed),
		cmocka_unit_test(a_secret_both_must_know),
		cmocka_unit_test(keys_of_low_order_are_refused),
		cmocka_unit_test(a_payload_has_a_limit),
		cmocka_unit_test(signatures_hold),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
