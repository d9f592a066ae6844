// SPDX-License-Identifier: Apache-2.0
/*
 * auth.c - the two handshake patterns, token by token as revision 34 of the Noise specification
 * has them. Names in comments are the specification's.
 *
 *	IK:      <- s  ...  -> e, es, s, ss   <- e, ee, se
 *	IKpsk2:  <- s  ...  -> e, es, s, ss   <- e, ee, se, psk
 *
 * Invariants: the state goes forward even when a message is refused, so a handshake that failed is
 * thrown away, never continued. Not for: who may come in (the coordinator), and frames (seal.c).
 */
#include "protocol/wire/auth.h"

#include "protocol/base/assert.h"

#include <errno.h>
#include <string.h>

static const char *const names[AUTH_PATTERN_MAX] = {
	[AUTH_IK] = "Noise_IK_25519_ChaChaPoly_BLAKE2b",
	[AUTH_IKPSK2] = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2b",
};

static struct str view(const void *bytes, size_t n)
{
	return (struct str){ bytes, n };
}

/* MixHash */
static void mix_hash(struct auth *auth, struct str bytes)
{
	cipher_hash(view(auth->hash, sizeof(auth->hash)), bytes, auth->hash);
}

/* MixKey */
static void mix_key(struct auth *auth, const uint8_t input[CIPHER_KEY_BYTES])
{
	uint8_t outputs[2][CIPHER_HASH_BYTES];
	cipher_hkdf(auth->chain, view(input, CIPHER_KEY_BYTES), 2, outputs);
	memcpy(auth->chain, outputs[0], sizeof(auth->chain));
	memcpy(auth->key, outputs[1], sizeof(auth->key));
	auth->nonce = 0;
	cipher_wipe(outputs, sizeof(outputs));
}

/* MixKeyAndHash */
static void mix_key_and_hash(struct auth *auth, const uint8_t input[CIPHER_KEY_BYTES])
{
	uint8_t outputs[3][CIPHER_HASH_BYTES];
	cipher_hkdf(auth->chain, view(input, CIPHER_KEY_BYTES), 3, outputs);
	memcpy(auth->chain, outputs[0], sizeof(auth->chain));
	mix_hash(auth, view(outputs[1], CIPHER_HASH_BYTES));
	memcpy(auth->key, outputs[2], sizeof(auth->key));
	auth->nonce = 0;
	cipher_wipe(outputs, sizeof(outputs));
}

/* DH of one of our keys and one of theirs, mixed in. */
static int mix_dh(struct auth *auth, const uint8_t secret[CIPHER_KEY_BYTES],
		  const uint8_t public[CIPHER_KEY_BYTES])
{
	uint8_t shared[CIPHER_KEY_BYTES];
	int r = cipher_dh(secret, public, shared);
	if (r == 0)
		mix_key(auth, shared);
	cipher_wipe(shared, sizeof(shared));
	return r;
}

/* The four Diffie-Hellman tokens; the first letter is the initiator's key. */
static int mix_es(struct auth *auth)
{
	return auth->initiator ? mix_dh(auth, auth->ephemeral.secret, auth->remote)
			       : mix_dh(auth, auth->own.secret, auth->remote_ephemeral);
}

static int mix_se(struct auth *auth)
{
	return auth->initiator ? mix_dh(auth, auth->own.secret, auth->remote_ephemeral)
			       : mix_dh(auth, auth->ephemeral.secret, auth->remote);
}

static int mix_ss(struct auth *auth)
{
	return mix_dh(auth, auth->own.secret, auth->remote);
}

static int mix_ee(struct auth *auth)
{
	return mix_dh(auth, auth->ephemeral.secret, auth->remote_ephemeral);
}

/* ee, se, psk: what follows the second message's e, at both ends. */
static int mix_second(struct auth *auth)
{
	ASSERT(auth->has_psk == (auth->pattern == AUTH_IKPSK2));
	int r = mix_ee(auth);
	if (r == 0)
		r = mix_se(auth);
	if (r == 0 && auth->has_psk)
		mix_key_and_hash(auth, auth->psk);
	return r;
}

/* EncryptAndHash, appended to the message. */
static int put_sealed(struct auth *auth, struct str plain, struct buf *message)
{
	size_t n = plain.len + CIPHER_TAG_BYTES;
	int r = buf_reserve(message, n);
	if (r < 0)
		return r;
	uint8_t *out = (uint8_t *)message->data + message->len;
	cipher_seal(auth->key, auth->nonce++, view(auth->hash, sizeof(auth->hash)), plain, out);
	mix_hash(auth, view(out, n));
	message->len += n;
	message->data[message->len] = '\0';
	return 0;
}

/* DecryptAndHash of the next n bytes of the message into out. */
static int get_sealed(struct auth *auth, struct str *message, size_t n, uint8_t *out)
{
	struct str sealed = { message->data, n };
	if (n > message->len || n < CIPHER_TAG_BYTES)
		return -EBADMSG;
	int r = cipher_open(auth->key, auth->nonce++, view(auth->hash, sizeof(auth->hash)), sealed,
			    out);
	if (r < 0)
		return r;
	mix_hash(auth, sealed);
	*message = (struct str){ message->data + n, message->len - n };
	return 0;
}

/* The payload: all that is left of the message. */
static int get_payload(struct auth *auth, struct str *message, struct buf *payload)
{
	if (message->len < CIPHER_TAG_BYTES)
		return -EBADMSG;
	size_t n = message->len - CIPHER_TAG_BYTES;
	int r = buf_reserve(payload, n);
	if (r == 0)
		r = get_sealed(auth, message, message->len,
			       (uint8_t *)payload->data + payload->len);
	if (r < 0)
		return r;
	payload->len += n;
	payload->data[payload->len] = '\0';
	return 0;
}

/* Token e, written: with a shared secret around, it is mixed into the key too. */
static int put_ephemeral(struct auth *auth, struct buf *message)
{
	int r = buf_append(message, auth->ephemeral.public, CIPHER_KEY_BYTES);
	if (r < 0)
		return r;
	mix_hash(auth, view(auth->ephemeral.public, CIPHER_KEY_BYTES));
	if (auth->pattern == AUTH_IKPSK2)
		mix_key(auth, auth->ephemeral.public);
	return 0;
}

/* Token e, read. */
static int get_ephemeral(struct auth *auth, struct str *message)
{
	if (message->len < CIPHER_KEY_BYTES || message->len > AUTH_MESSAGE_BYTES)
		return -EBADMSG;
	memcpy(auth->remote_ephemeral, message->data, CIPHER_KEY_BYTES);
	*message = (struct str){ message->data + CIPHER_KEY_BYTES,
				 message->len - CIPHER_KEY_BYTES };
	mix_hash(auth, view(auth->remote_ephemeral, CIPHER_KEY_BYTES));
	if (auth->pattern == AUTH_IKPSK2)
		mix_key(auth, auth->remote_ephemeral);
	return 0;
}

void auth_begin(struct auth *auth, enum auth_pattern pattern, struct str prologue,
		const struct auth_pair *own, const uint8_t ephemeral[CIPHER_KEY_BYTES],
		const uint8_t *remote)
{
	ASSERT(pattern < AUTH_PATTERN_MAX && strlen(names[pattern]) <= CIPHER_HASH_BYTES);
	*auth = (struct auth){ .pattern = pattern, .initiator = remote != NULL, .own = *own };
	memcpy(auth->ephemeral.secret, ephemeral, CIPHER_KEY_BYTES);
	cipher_public(auth->ephemeral.secret, auth->ephemeral.public);
	if (remote)
		memcpy(auth->remote, remote, CIPHER_KEY_BYTES);
	memcpy(auth->hash, names[pattern], strlen(names[pattern])); /* the rest is zero */
	memcpy(auth->chain, auth->hash, sizeof(auth->chain));
	mix_hash(auth, prologue);
	mix_hash(auth, view(remote ? remote : own->public, CIPHER_KEY_BYTES));
}

void auth_share(struct auth *auth, const uint8_t psk[CIPHER_KEY_BYTES])
{
	ASSERT(auth->pattern == AUTH_IKPSK2 && auth->messages < 2);
	memcpy(auth->psk, psk, CIPHER_KEY_BYTES);
	auth->has_psk = true;
}

int auth_write_first(struct auth *auth, struct str payload, struct buf *message)
{
	ASSERT(auth->initiator && auth->messages == 0);
	auth->messages++;
	if (payload.len > AUTH_MESSAGE_BYTES - AUTH_FIRST_BYTES)
		return -EMSGSIZE;
	int r = put_ephemeral(auth, message);
	if (r == 0)
		r = mix_es(auth);
	if (r == 0)
		r = put_sealed(auth, view(auth->own.public, CIPHER_KEY_BYTES), message);
	if (r == 0)
		r = mix_ss(auth);
	return r < 0 ? r : put_sealed(auth, payload, message);
}

int auth_read_first(struct auth *auth, struct str message, struct buf *payload)
{
	ASSERT(!auth->initiator && auth->messages == 0);
	auth->messages++;
	int r = get_ephemeral(auth, &message);
	if (r == 0)
		r = mix_es(auth);
	if (r == 0)
		r = get_sealed(auth, &message, CIPHER_KEY_BYTES + CIPHER_TAG_BYTES, auth->remote);
	if (r == 0)
		r = mix_ss(auth);
	return r < 0 ? r : get_payload(auth, &message, payload);
}

int auth_write_second(struct auth *auth, struct str payload, struct buf *message)
{
	ASSERT(!auth->initiator && auth->messages == 1);
	auth->messages++;
	if (payload.len > AUTH_MESSAGE_BYTES - AUTH_SECOND_BYTES)
		return -EMSGSIZE;
	int r = put_ephemeral(auth, message);
	if (r == 0)
		r = mix_second(auth);
	return r < 0 ? r : put_sealed(auth, payload, message);
}

int auth_read_second(struct auth *auth, struct str message, struct buf *payload)
{
	ASSERT(auth->initiator && auth->messages == 1);
	auth->messages++;
	int r = get_ephemeral(auth, &message);
	if (r == 0)
		r = mix_second(auth);
	return r < 0 ? r : get_payload(auth, &message, payload);
}

void auth_split(const struct auth *auth, uint8_t ret_requests[CIPHER_KEY_BYTES],
		uint8_t ret_replies[CIPHER_KEY_BYTES])
{
	uint8_t outputs[2][CIPHER_HASH_BYTES];
	ASSERT(auth->messages == 2);
	cipher_hkdf(auth->chain, (struct str){ "", 0 }, 2, outputs);
	memcpy(ret_requests, outputs[0], CIPHER_KEY_BYTES);
	memcpy(ret_replies, outputs[1], CIPHER_KEY_BYTES);
	cipher_wipe(outputs, sizeof(outputs));
}

void auth_done(struct auth *auth)
{
	cipher_wipe(auth, sizeof(*auth));
}
