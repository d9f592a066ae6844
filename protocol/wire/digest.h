// SPDX-License-Identifier: Apache-2.0
/* digest.h - the name of a content: BLAKE2b-256. Equal digests mean equal bytes. */
#ifndef PADDOCK_WIRE_DIGEST_H
#define PADDOCK_WIRE_DIGEST_H

#include "protocol/base/err.h"
#include "protocol/base/str.h"
#include "protocol/wire/limits.h"

#include <stdint.h>

enum {
	DIGEST_BYTES = LIMIT_ID_BYTES,
	DIGEST_HEX_BYTES = 2 * DIGEST_BYTES + 1, /* with the NUL */
};

struct digest {
	uint8_t bytes[DIGEST_BYTES];
};

/* Digest of some bytes in memory. Cannot fail. */
void digest_bytes(struct str bytes, struct digest *ret_digest);

/*
 * Digest of a regular file's content, read in pieces. Blocks on the disk. 0, or -errno with `err`
 * (-EINVAL: not a regular file).
 */
int digest_file(const char *path, struct digest *ret_digest, struct err *err);

/* Lower-case hexadecimal with a NUL into out. Returns out. */
const char *digest_hex(const struct digest *digest, char out[DIGEST_HEX_BYTES]);

#endif
