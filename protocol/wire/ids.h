// SPDX-License-Identifier: Apache-2.0
/* ids.h - how runs, attempts and cases are named. */
#ifndef PADDOCK_WIRE_IDS_H
#define PADDOCK_WIRE_IDS_H

#include "protocol/base/buf.h"
#include "protocol/base/str.h"

#include <stddef.h>
#include <stdint.h>

enum {
	IDS_RUN_BYTES = 32, /* room for a run's name with its NUL */
};

/*
 * One execution of a shard. The epoch is the fencing token: raised when the attempt's lease is
 * given to somebody else.
 */
struct ids_attempt {
	uint64_t id;
	uint64_t epoch;
};

/* Append "suite::program::case" to buf. 0, or buf_append's errors. */
int ids_case(struct buf *buf, struct str suite, struct str program, struct str name);

/*
 * Append the key that history uses for a case: the canonical id with positional parameters made
 * equal. A path component of digits only ("/12", as GoogleTest numbers instances) becomes "/N", and
 * the "@k" of a repetition (--repeat) is left out. 0, or buf_append's errors.
 */
int ids_history_key(struct buf *buf, struct str suite, struct str program, struct str name);

/*
 * A new run's name from its wall time and a random number: "20261122-101112-7f3a"; sorts by time.
 * Returns out.
 */
const char *ids_run(char out[IDS_RUN_BYTES], uint64_t wall_us, uint64_t random);

#endif
