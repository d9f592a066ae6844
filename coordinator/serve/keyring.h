// SPDX-License-Identifier: Apache-2.0
/*
 * keyring.h - whom a coordinator lets in: tokens, the keys they vouched for, and what was revoked.
 * One file that is only ever appended to, by the coordinator and by `paddock token` beside it.
 */
#ifndef PADDOCK_SERVE_KEYRING_H
#define PADDOCK_SERVE_KEYRING_H

#include "protocol/base/err.h"
#include "protocol/base/str.h"
#include "protocol/wire/identity.h"
#include "protocol/wire/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct keyring;

/* What a key may do; each role of a client includes those behind it. */
enum keyring_role {
	KEYRING_WORKER,
	KEYRING_OPERATE,
	KEYRING_SUBMIT,
	KEYRING_READ,
	KEYRING_ROLE_MAX,
};

enum { KEYRING_NAME_BYTES = 65, KEYRING_SHORT_BYTES = 17 };

struct keyring_token {
	struct identity_token token; /* its coordinator's key is not filled */
	enum keyring_role role;
	uint64_t uses, used;	    /* keys it may vouch for, and has */
	uint64_t made_s, expires_s; /* wall time; 0: never */
	uint64_t max_slots;	    /* of a worker; 0: any number */
	char *tags;		    /* "K=V,K=V" that its workers have */
	bool revoked;
};

struct keyring_key {
	uint8_t key[CIPHER_KEY_BYTES], signer[CIPHER_KEY_BYTES];
	size_t token; /* that vouched for it: place among the tokens */
	uint64_t made_s;
	char name[KEYRING_NAME_BYTES];
	bool revoked;
	uint64_t revoked_s;
};

/* What a new token is to allow. */
struct keyring_grant {
	enum keyring_role role;
	uint64_t uses, ttl_s, max_slots;
	const char *const *tags; /* "K=V" */
	size_t n_tags;
};

/* A key that a token is to vouch for. */
struct keyring_newcomer {
	struct str token; /* its id */
	const uint8_t *key, *signer;
	struct str name; /* for lists */
};

/* "worker", "operate", ... */
const char *keyring_role_name(enum keyring_role role);

/* The role called so, or -EINVAL. */
int keyring_role_parse(struct str name);

/* The first 16 digits of a key, for people: into out. Returns out. */
const char *keyring_short(const uint8_t key[CIPHER_KEY_BYTES], char out[KEYRING_SHORT_BYTES]);

/* Read the file; one that is not there is empty. The caller frees. 0, or -errno with err. */
int keyring_open(const char *path, struct keyring **ret_keyring, struct err *err);

/* Forget it, secrets wiped. Accepts NULL. */
void keyring_free(struct keyring *keyring);

/*
 * Read what was appended since. 1 when there was something, 0, or -errno with err. Costs one fstat
 * when nothing changed.
 */
int keyring_refresh(struct keyring *keyring, struct err *err);

/* The key, or NULL. Valid until the next call that changes the ring; so are all below. */
const struct keyring_key *keyring_find(const struct keyring *keyring,
				       const uint8_t key[CIPHER_KEY_BYTES]);

/* The token with this id, or NULL. */
const struct keyring_token *keyring_find_token(const struct keyring *keyring, struct str id);

/* The token that vouched for a key. */
const struct keyring_token *keyring_token_of(const struct keyring *keyring,
					     const struct keyring_key *key);

/* Token and key number i, or NULL past the end. */
const struct keyring_token *keyring_nth_token(const struct keyring *keyring, size_t i);
const struct keyring_key *keyring_nth_key(const struct keyring *keyring,
					  size_t i); /* as keyring_nth_token */

/* May the token vouch for one more key at now_s? 0, or -EACCES with the sentence why not. */
int keyring_may_vouch(const struct keyring_token *token, uint64_t now_s, struct err *err);

/*
 * May a worker with this key have so many slots and these tags? 0, or -EACCES with the sentence.
 * The token's own tags come in any case.
 */
int keyring_check_worker(const struct keyring_token *token, uint64_t slots, const struct str *tags,
			 size_t n_tags, struct err *err);

/* Add a token, durably. 0 with it (but for the coordinator's key), or -errno with err. */
int keyring_add_token(struct keyring *keyring, const struct keyring_grant *grant, uint64_t now_s,
		      struct identity_token *ret_token, struct err *err);

/*
 * A token vouches for a key: add it, durably, one use fewer. 0; -EACCES when the token may not (any
 * more), -errno, both with err.
 */
int keyring_enrol(struct keyring *keyring, const struct keyring_newcomer *newcomer, uint64_t now_s,
		  struct err *err);

/*
 * Revoke a token or a key by its id or the first digits of it, durably; revoking a token leaves the
 * keys it vouched for. 0 with its full id in ret_id, or -errno with err: nothing, or more than one,
 * is called so.
 */
int keyring_revoke(struct keyring *keyring, const char *which, uint64_t now_s,
		   char ret_id[CIPHER_HEX_BYTES], struct err *err);

#endif
