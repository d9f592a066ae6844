// SPDX-License-Identifier: Apache-2.0
/*
 * passport.h - what a session with keys has beside: whose it is, the keys of its lanes, and, until
 * its owner used them for the first time, what that first use will bring about.
 */
#ifndef PADDOCK_SERVE_PASSPORT_H
#define PADDOCK_SERVE_PASSPORT_H

#include "coordinator/serve/keyring.h"
#include "protocol/base/buf.h"
#include "protocol/wire/seal.h"

#include <stdbool.h>
#include <stdint.h>

struct passport {
	uint8_t key[CIPHER_KEY_BYTES], signer[CIPHER_KEY_BYTES];
	char id[KEYRING_SHORT_BYTES]; /* the key's, for people */
	struct seal seals[SEAL_LANES];
	/*
	 * Pending: the hello may be a replay, so all it asked for waits until a message comes that
	 * only the owner of the key can have sealed.
	 */
	bool pending;
	uint8_t ephemeral[CIPHER_KEY_BYTES]; /* of the hello: the same again gets the same answer */
	struct buf second;		     /* that answer */
	char token[IDENTITY_TOKEN_ID_BYTES]; /* will vouch for the key; "": it is known */
	uint64_t resume;		     /* the session that ends then */
	uint64_t made_us;
};

/* An empty one, pending. NULL on no memory. */
struct passport *passport_new(void);

/* Wipe and free. Accepts NULL. */
void passport_free(struct passport *passport);

/* Whoever has this role may send messages of this type (enum msg_type). */
bool passport_allows(enum keyring_role role, int type);

#endif
