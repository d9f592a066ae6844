// SPDX-License-Identifier: Apache-2.0
/*
 * auth.h - the handshake: Noise_IK_25519_ChaChaPoly_BLAKE2b, and Noise_IKpsk2_... where a token
 * vouches for a key that is not known yet. One message each way; the initiator knows the
 * responder's key beforehand, its own travels encrypted. Pure: bytes in, bytes out; randomness is
 * given.
 *
 *	initiator  auth_begin, auth_write_first  ->  auth_read_second, auth_split
 *	responder  auth_begin, auth_read_first (now auth->remote is known; auth_share)
 *	           -> auth_write_second, auth_split
 *
 * The first message may be a replay of an old one: the responder must not let it have any effect
 * until the initiator has used the keys that came of it.
 */
#ifndef PADDOCK_WIRE_AUTH_H
#define PADDOCK_WIRE_AUTH_H

#include "protocol/base/buf.h"
#include "protocol/base/str.h"
#include "protocol/wire/cipher.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum auth_pattern {
	AUTH_IK,
	AUTH_IKPSK2,
	AUTH_PATTERN_MAX,
};

enum {
	AUTH_MESSAGE_BYTES = 65535, /* no Noise message is longer */
	/* what a message takes beside its payload */
	AUTH_FIRST_BYTES = 2 * CIPHER_KEY_BYTES + 2 * CIPHER_TAG_BYTES,
	AUTH_SECOND_BYTES = CIPHER_KEY_BYTES + CIPHER_TAG_BYTES,
};

/* An X25519 key pair. */
struct auth_pair {
	uint8_t secret[CIPHER_KEY_BYTES], public[CIPHER_KEY_BYTES];
};

/* One end of one handshake. Wipe it with auth_done. */
struct auth {
	enum auth_pattern pattern;
	bool initiator;
	struct auth_pair own, ephemeral;
	uint8_t remote[CIPHER_KEY_BYTES];	    /* the other end's static key, once known */
	uint8_t remote_ephemeral[CIPHER_KEY_BYTES]; /* ... and its key of this handshake */
	uint8_t psk[CIPHER_KEY_BYTES];
	bool has_psk;
	uint8_t hash[CIPHER_HASH_BYTES];  /* of all that was said: h */
	uint8_t chain[CIPHER_HASH_BYTES]; /* ck */
	uint8_t key[CIPHER_KEY_BYTES];	  /* k, and the number of its next use */
	uint64_t nonce;
	unsigned messages; /* written or read so far */
};

/*
 * Start one end. `prologue` is what both ends must agree on beside; `ephemeral` 32 random bytes
 * that are used this once; `remote` the responder's public key for the initiator, NULL for the
 * responder.
 */
void auth_begin(struct auth *auth, enum auth_pattern pattern, struct str prologue,
		const struct auth_pair *own, const uint8_t ephemeral[CIPHER_KEY_BYTES],
		const uint8_t *remote);

/* The shared secret of AUTH_IKPSK2: before the second message. */
void auth_share(struct auth *auth, const uint8_t psk[CIPHER_KEY_BYTES]);

/*
 * Append the first message with `payload` inside. 0, -EMSGSIZE when it would pass
 * AUTH_MESSAGE_BYTES, -EBADMSG when `remote` is no good key, buf_append's errors.
 */
int auth_write_first(struct auth *auth, struct str payload, struct buf *message);

/*
 * Read the first message; its payload is appended. 0 with auth->remote the initiator's key (whose
 * possession this does not yet prove for a replay); -EBADMSG when it was not made for this key.
 */
int auth_read_first(struct auth *auth, struct str message, struct buf *payload);

/* Append the second message with `payload` inside. Errors as auth_write_first. */
int auth_write_second(struct auth *auth, struct str payload, struct buf *message);

/*
 * Read the second message; its payload is appended and comes from the owner of `remote`. 0, or
 * -EBADMSG.
 */
int auth_read_second(struct auth *auth, struct str message, struct buf *payload);

/*
 * After both messages: the keys of what follows, from the initiator and from the responder.
 * auth->hash names the handshake.
 */
void auth_split(const struct auth *auth, uint8_t ret_requests[CIPHER_KEY_BYTES],
		uint8_t ret_replies[CIPHER_KEY_BYTES]);

/* Wipe it. Accepts a zeroed one. */
void auth_done(struct auth *auth);

#endif
