// SPDX-License-Identifier: Apache-2.0
/*
 * identity.h - who a program is: its keys in files of its own (mode 0600), and the token that
 * vouches for a key the coordinator has not seen yet. A worker or client has one key file per
 * address it dials, which also pins the coordinator's key; a coordinator has one.
 */
#ifndef PADDOCK_WIRE_IDENTITY_H
#define PADDOCK_WIRE_IDENTITY_H

#include "protocol/base/buf.h"
#include "protocol/base/err.h"
#include "protocol/base/str.h"
#include "protocol/wire/auth.h"

#include <limits.h>
#include <stdbool.h>

enum {
	IDENTITY_TOKEN_ID_BYTES = 17, /* of a token's id, with the NUL */
	IDENTITY_TOKEN_BYTES = 256,   /* of a token's text, with the NUL */
};

/* What `paddock token create` prints: the right to introduce a key to one coordinator. */
struct identity_token {
	char id[IDENTITY_TOKEN_ID_BYTES];
	uint8_t secret[CIPHER_KEY_BYTES];
	uint8_t coordinator[CIPHER_KEY_BYTES];
};

/* A worker's or client's key for one coordinator. */
struct identity {
	char path[PATH_MAX];
	struct auth_pair own;
	uint8_t seed[CIPHER_KEY_BYTES], signer[CIPHER_KEY_BYTES]; /* signs what it submits */
	uint8_t coordinator[CIPHER_KEY_BYTES];
	char token[IDENTITY_TOKEN_ID_BYTES]; /* that vouched for it */
	uint8_t secret[CIPHER_KEY_BYTES];    /* the token's, until enrolled */
	bool enrolled;
};

/* A token as one line of text, without a newline, into out. Returns out. */
const char *identity_token_text(const struct identity_token *token, char out[IDENTITY_TOKEN_BYTES]);

/* Read such a line; white space around it is allowed. 0, or -EINVAL with err. */
int identity_token_parse(struct str text, struct identity_token *ret_token, struct err *err);

/*
 * The key of `who` ("worker", "client") for the coordinator at `url`, from
 * $XDG_STATE_HOME/paddock/keys. With a token file, a key is made when there is none that this token
 * vouched for; without one, the key of before is needed. 0, or -errno with err saying what to do.
 */
int identity_open(const char *who, const char *url, const char *token_file,
		  struct identity *ret_identity, struct err *err);

/* The coordinator knows the key now: forget the token's secret, on disk too. 0, or -errno, err. */
int identity_settle(struct identity *identity, struct err *err);

/* Wipe it. Accepts a zeroed one. */
void identity_done(struct identity *identity);

/* The coordinator's own key in a file, made when it is not there. 0, or -errno with err. */
int identity_coordinator(const char *path, struct auth_pair *ret_pair, struct err *err);

#endif
