// SPDX-License-Identifier: Apache-2.0
/*
 * audit.h - what operators did and whom the coordinator let in, in a file that is only appended to.
 * Each entry ends with a digest of itself and of the entry before, so an edit, a deletion or a
 * swap anywhere but at the end breaks the chain. Several processes may append.
 */
#ifndef PADDOCK_SERVE_AUDIT_H
#define PADDOCK_SERVE_AUDIT_H

#include "protocol/base/err.h"
#include "protocol/base/str.h"
#include "protocol/wire/digest.h"

#include <stddef.h>
#include <stdint.h>

struct audit;

/* What a whole file came to. */
struct audit_head {
	uint64_t entries;
	char digest[DIGEST_HEX_BYTES]; /* of the last entry; zeros when there is none */
};

/* Open the log, made when it is not there. The caller frees. 0, or -errno with err. */
int audit_open(const char *path, struct audit **ret_audit, struct err *err);

/* Close it. Accepts NULL. */
void audit_free(struct audit *audit);

/*
 * Append an entry: the act, a word, and the formatted "key=value" words. Texts of others go in
 * through audit_word. Durable when 0 is returned; -errno with err, and then nothing was appended.
 */
int audit_add(struct audit *audit, struct err *err, const char *act, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * Text of others as one harmless word: spaces and all that is not plain ASCII become '_', the rest
 * is cut. Into out, returns out.
 */
const char *audit_word(struct str text, char *out, size_t size);

/*
 * Check the chain of a log from the first entry to the last, calling `show` (may be NULL) with each
 * line. 0 with *ret_head; -EBADMSG with err naming the first entry that does not fit; -errno with
 * err. A log whose end was cut off passes: compare the head with one that was noted before.
 */
int audit_verify(const char *path, void (*show)(void *data, struct str line), void *data,
		 struct audit_head *ret_head, struct err *err);

#endif
