// SPDX-License-Identifier: Apache-2.0
/*
 * cipher.h - the primitives that authentication is made of, by libsodium: X25519, BLAKE2b-512 and
 * the HMAC and HKDF of the Noise specification over it, ChaCha20-Poly1305, Ed25519. Thin on
 * purpose: nothing here knows a protocol. Keys are 32 bytes in the caller's memory.
 */
#ifndef PADDOCK_WIRE_CIPHER_H
#define PADDOCK_WIRE_CIPHER_H

#include "protocol/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	CIPHER_KEY_BYTES = 32,
	CIPHER_TAG_BYTES = 16,
	CIPHER_HASH_BYTES = 64,
	CIPHER_SIGNATURE_BYTES = 64,
	CIPHER_HKDF_MAX = 3,   /* outputs of one derivation */
	CIPHER_HEX_BYTES = 65, /* of a key, with the NUL */
};

/* Fill with random bytes of the kernel. */
void cipher_random(void *ret_bytes, size_t n);

/* Overwrite a secret, in a way the compiler does not leave out. */
void cipher_wipe(void *bytes, size_t n);

/* Are n bytes equal? Takes as long whatever they are. */
bool cipher_equal(const void *a, const void *b, size_t n);

/* The X25519 public key of a secret. */
void cipher_public(const uint8_t secret[CIPHER_KEY_BYTES], uint8_t ret_public[CIPHER_KEY_BYTES]);

/*
 * What two keys share. 0, or -EBADMSG when the public one is of low order, which would share
 * nothing secret.
 */
int cipher_dh(const uint8_t secret[CIPHER_KEY_BYTES], const uint8_t public[CIPHER_KEY_BYTES],
	      uint8_t ret_shared[CIPHER_KEY_BYTES]);

/* BLAKE2b-512 of two pieces, one behind the other. ret_hash may be one of them. */
void cipher_hash(struct str a, struct str b, uint8_t ret_hash[CIPHER_HASH_BYTES]);

/*
 * HKDF as section 4.3 of the Noise specification has it: n (1 to CIPHER_HKDF_MAX) outputs of a
 * chaining key and some input. The outputs may overwrite the key.
 */
void cipher_hkdf(const uint8_t key[CIPHER_HASH_BYTES], struct str input, unsigned n,
		 uint8_t ret_outputs[][CIPHER_HASH_BYTES]);

/*
 * ChaCha20-Poly1305 (RFC 8439) with a nonce of 32 zero bits and the number, little-endian. Writes
 * plain.len + CIPHER_TAG_BYTES bytes, which must not overlap the input.
 */
void cipher_seal(const uint8_t key[CIPHER_KEY_BYTES], uint64_t nonce, struct str ad,
		 struct str plain, uint8_t *ret_sealed);

/*
 * Undo cipher_seal: writes sealed.len - CIPHER_TAG_BYTES bytes. 0, or -EBADMSG when it was not
 * sealed by this key, number and ad, or is too short; then nothing useful was written.
 */
int cipher_open(const uint8_t key[CIPHER_KEY_BYTES], uint64_t nonce, struct str ad,
		struct str sealed, uint8_t *ret_plain);

/* The Ed25519 public key of a seed. */
void cipher_signer(const uint8_t seed[CIPHER_KEY_BYTES], uint8_t ret_signer[CIPHER_KEY_BYTES]);

/* Sign some bytes. */
void cipher_sign(const uint8_t seed[CIPHER_KEY_BYTES], struct str bytes,
		 uint8_t ret_signature[CIPHER_SIGNATURE_BYTES]);

/* Did the owner of `signer` sign these bytes? */
bool cipher_verify(const uint8_t signer[CIPHER_KEY_BYTES], struct str bytes,
		   const uint8_t signature[CIPHER_SIGNATURE_BYTES]);

/* Lower-case hexadecimal of n bytes with a NUL into out (2 n + 1 bytes). Returns out. */
const char *cipher_hex(const void *bytes, size_t n, char *out);

/* Read 2 n hexadecimal digits, exactly. 0 or -EINVAL. */
int cipher_unhex(struct str text, void *ret_bytes, size_t n);

#endif
