// SPDX-License-Identifier: Apache-2.0
/*
 * cipher.c - libsodium behind our names. The library has no HMAC over BLAKE2b, which the Noise
 * specification asks for, so RFC 2104's is put together here from its hash.
 *
 * Invariants: every secret that lived on this stack is wiped. Not for: what the keys are for
 * (auth.c, seal.c), and contents (digest.c).
 */
#include "protocol/wire/cipher.h"

#include "protocol/base/assert.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

enum { BLOCK_BYTES = 128 }; /* of BLAKE2b */

_Static_assert(CIPHER_KEY_BYTES == crypto_scalarmult_BYTES, "X25519");
_Static_assert(CIPHER_KEY_BYTES == crypto_aead_chacha20poly1305_ietf_KEYBYTES, "ChaCha20");
_Static_assert(CIPHER_TAG_BYTES == crypto_aead_chacha20poly1305_ietf_ABYTES, "Poly1305");
_Static_assert(CIPHER_HASH_BYTES == crypto_generichash_BYTES_MAX, "BLAKE2b-512");
_Static_assert(CIPHER_SIGNATURE_BYTES == crypto_sign_BYTES, "Ed25519");
_Static_assert(CIPHER_KEY_BYTES == crypto_sign_SEEDBYTES, "Ed25519");

/* Let the library choose its code for this processor; only the first call does anything. */
static void prepare(void)
{
	int r = sodium_init();
	ASSERT(r >= 0);
}

void cipher_random(void *ret_bytes, size_t n)
{
	prepare();
	randombytes_buf(ret_bytes, n);
}

void cipher_wipe(void *bytes, size_t n)
{
	sodium_memzero(bytes, n);
}

bool cipher_equal(const void *a, const void *b, size_t n)
{
	return sodium_memcmp(a, b, n) == 0;
}

void cipher_public(const uint8_t secret[CIPHER_KEY_BYTES], uint8_t ret_public[CIPHER_KEY_BYTES])
{
	prepare();
	int r = crypto_scalarmult_base(ret_public, secret);
	ASSERT(r == 0);
}

int cipher_dh(const uint8_t secret[CIPHER_KEY_BYTES], const uint8_t public[CIPHER_KEY_BYTES],
	      uint8_t ret_shared[CIPHER_KEY_BYTES])
{
	prepare();
	return crypto_scalarmult(ret_shared, secret, public) == 0 ? 0 : -EBADMSG;
}

static void add(crypto_generichash_state *state, struct str piece)
{
	crypto_generichash_update(state, (const unsigned char *)piece.data, piece.len);
}

void cipher_hash(struct str a, struct str b, uint8_t ret_hash[CIPHER_HASH_BYTES])
{
	crypto_generichash_state state;
	prepare();
	crypto_generichash_init(&state, NULL, 0, CIPHER_HASH_BYTES);
	add(&state, a);
	add(&state, b);
	crypto_generichash_final(&state, ret_hash, CIPHER_HASH_BYTES);
}

/* RFC 2104 with a key of one hash and a message of two pieces. */
static void hmac(const uint8_t key[CIPHER_HASH_BYTES], struct str a, struct str b,
		 uint8_t ret_mac[CIPHER_HASH_BYTES])
{
	crypto_generichash_state state;
	uint8_t inner[BLOCK_BYTES], outer[BLOCK_BYTES], hash[CIPHER_HASH_BYTES];
	memset(inner, 0x36, sizeof(inner));
	memset(outer, 0x5c, sizeof(outer));
	for (size_t i = 0; i < CIPHER_HASH_BYTES; i++) {
		inner[i] ^= key[i];
		outer[i] ^= key[i];
	}
	crypto_generichash_init(&state, NULL, 0, CIPHER_HASH_BYTES);
	crypto_generichash_update(&state, inner, sizeof(inner));
	add(&state, a);
	add(&state, b);
	crypto_generichash_final(&state, hash, sizeof(hash));
	crypto_generichash_init(&state, NULL, 0, CIPHER_HASH_BYTES);
	crypto_generichash_update(&state, outer, sizeof(outer));
	crypto_generichash_update(&state, hash, sizeof(hash));
	crypto_generichash_final(&state, ret_mac, CIPHER_HASH_BYTES);
	sodium_memzero(inner, sizeof(inner));
	sodium_memzero(outer, sizeof(outer));
	sodium_memzero(&state, sizeof(state));
}

void cipher_hkdf(const uint8_t key[CIPHER_HASH_BYTES], struct str input, unsigned n,
		 uint8_t ret_outputs[][CIPHER_HASH_BYTES])
{
	uint8_t temporary[CIPHER_HASH_BYTES];
	struct str before = { "", 0 };
	ASSERT(n && n <= CIPHER_HKDF_MAX);
	prepare();
	hmac(key, input, before, temporary);
	for (unsigned i = 0; i < n; i++) {
		char number = (char)(i + 1);
		hmac(temporary, before, (struct str){ &number, 1 }, ret_outputs[i]);
		before = (struct str){ (const char *)ret_outputs[i], CIPHER_HASH_BYTES };
	}
	sodium_memzero(temporary, sizeof(temporary));
}

static void make_nonce(uint64_t number,
		       unsigned char nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES])
{
	memset(nonce, 0, crypto_aead_chacha20poly1305_ietf_NPUBBYTES);
	for (size_t i = 0; i < 8; i++)
		nonce[4 + i] = (unsigned char)(number >> (8 * i));
}

void cipher_seal(const uint8_t key[CIPHER_KEY_BYTES], uint64_t nonce, struct str ad,
		 struct str plain, uint8_t *ret_sealed)
{
	unsigned char bytes[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];
	prepare();
	make_nonce(nonce, bytes);
	crypto_aead_chacha20poly1305_ietf_encrypt(ret_sealed, NULL,
						  (const unsigned char *)plain.data, plain.len,
						  (const unsigned char *)ad.data, ad.len, NULL,
						  bytes, key);
}

int cipher_open(const uint8_t key[CIPHER_KEY_BYTES], uint64_t nonce, struct str ad,
		struct str sealed, uint8_t *ret_plain)
{
	unsigned char bytes[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];
	prepare();
	if (sealed.len < CIPHER_TAG_BYTES)
		return -EBADMSG;
	make_nonce(nonce, bytes);
	int r = crypto_aead_chacha20poly1305_ietf_decrypt(ret_plain, NULL, NULL,
							  (const unsigned char *)sealed.data,
							  sealed.len,
							  (const unsigned char *)ad.data, ad.len,
							  bytes, key);
	return r == 0 ? 0 : -EBADMSG;
}

void cipher_signer(const uint8_t seed[CIPHER_KEY_BYTES], uint8_t ret_signer[CIPHER_KEY_BYTES])
{
	unsigned char secret[crypto_sign_SECRETKEYBYTES];
	prepare();
	crypto_sign_seed_keypair(ret_signer, secret, seed);
	sodium_memzero(secret, sizeof(secret));
}

void cipher_sign(const uint8_t seed[CIPHER_KEY_BYTES], struct str bytes,
		 uint8_t ret_signature[CIPHER_SIGNATURE_BYTES])
{
	unsigned char secret[crypto_sign_SECRETKEYBYTES], public[CIPHER_KEY_BYTES];
	prepare();
	crypto_sign_seed_keypair(public, secret, seed);
	crypto_sign_detached(ret_signature, NULL, (const unsigned char *)bytes.data, bytes.len,
			     secret);
	sodium_memzero(secret, sizeof(secret));
}

bool cipher_verify(const uint8_t signer[CIPHER_KEY_BYTES], struct str bytes,
		   const uint8_t signature[CIPHER_SIGNATURE_BYTES])
{
	prepare();
	return crypto_sign_verify_detached(signature, (const unsigned char *)bytes.data, bytes.len,
					   signer) == 0;
}

const char *cipher_hex(const void *bytes, size_t n, char *out)
{
	return sodium_bin2hex(out, 2 * n + 1, bytes, n);
}

int cipher_unhex(struct str text, void *ret_bytes, size_t n)
{
	size_t len = 0;
	if (text.len != 2 * n)
		return -EINVAL;
	int r = sodium_hex2bin(ret_bytes, n, text.data, text.len, NULL, &len, NULL);
	return r == 0 && len == n ? 0 : -EINVAL;
}
