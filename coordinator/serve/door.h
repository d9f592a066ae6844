// SPDX-License-Identifier: Apache-2.0
/*
 * door.h - who comes in: the coordinator's key, its keyring, the handshakes it answers and how many
 * of them a second. What a server needs of it while it runs is in state.h.
 */
#ifndef PADDOCK_SERVE_DOOR_H
#define PADDOCK_SERVE_DOOR_H

#include "coordinator/serve/audit.h"
#include "protocol/base/err.h"
#include "protocol/wire/cipher.h"

struct door;

/*
 * A door with the key and keyring in the folder `state`, both made when they are not there. `audit`
 * is borrowed. The caller frees it. 0, or -errno with err.
 */
int door_new(const char *state, struct audit *audit, struct door **ret_door, struct err *err);

/* Close it, secrets wiped. Accepts NULL. */
void door_free(struct door *door);

/* The coordinator's public key as hexadecimal digits, into out. Returns out. */
const char *door_key(const struct door *door, char out[CIPHER_HEX_BYTES]);

#endif
