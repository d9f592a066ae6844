// SPDX-License-Identifier: Apache-2.0
/*
 * warrant.h - signed programs: whoever submits one signs what it orders, so that a worker can tell
 * that it comes from somebody it trusts and that nobody on the way, the coordinator included, made
 * it another. Pure, but for reading the file of trusted keys.
 *
 * Covered: every field of the record but the memory limit, which the coordinator sets by overrides.
 * Not covered: which cases run, how often, and when.
 */
#ifndef PADDOCK_WIRE_WARRANT_H
#define PADDOCK_WIRE_WARRANT_H

#include "protocol/base/err.h"
#include "protocol/wire/cipher.h"
#include "protocol/wire/msg.h"

#include <stdbool.h>
#include <stddef.h>

enum { WARRANT_TRUSTED_MAX = 1024 };

/* The keys somebody trusts. A zeroed one trusts nobody. */
struct warrant_trust {
	uint8_t (*keys)[CIPHER_KEY_BYTES];
	size_t n;
};

/*
 * Sign a program: fills its signer and signature with views of ret_signature and `signer`, which
 * must live as long as it. 0, -EMSGSIZE, -ENOMEM.
 */
int warrant_sign(struct msg_program *program, const uint8_t seed[CIPHER_KEY_BYTES],
		 const uint8_t signer[CIPHER_KEY_BYTES],
		 uint8_t ret_signature[CIPHER_SIGNATURE_BYTES]);

/*
 * Was the program signed by the key it names? 0, or -EACCES with err: it is not signed, or was
 * changed since; -ENOMEM.
 */
int warrant_check(const struct msg_program *program, struct err *err);

/*
 * Read a file of trusted keys: one of 64 hexadecimal digits a line, what follows is a remark; empty
 * lines and those that begin with # are left out. Free with warrant_done. 0, or -errno with err.
 */
int warrant_load(const char *path, struct warrant_trust *ret_trust, struct err *err);

/* Free it. Accepts a zeroed one. */
void warrant_done(struct warrant_trust *trust);

/* Is it signed by one of them? As warrant_check; -EACCES also for another's signature. */
int warrant_trusts(const struct warrant_trust *trust, const struct msg_program *program,
		   struct err *err);

#endif
