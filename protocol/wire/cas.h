// SPDX-License-Identifier: Apache-2.0
/*
 * cas.h - contents on disk under their digests: FOLDER/a/bcdef..., one file per chunk. Both ends
 * keep one: the coordinator what clients sent, a worker what it fetched. An object is whole or not
 * there; one that was damaged is found out by its digest when it is read, and is then not there.
 *
 *	cas_put * -> cas_sync	(durable, and visible from then on)
 *	cas_lease -> cas_has, cas_get ... -> cas_release
 */
#ifndef PADDOCK_WIRE_CAS_H
#define PADDOCK_WIRE_CAS_H

#include "protocol/base/buf.h"
#include "protocol/base/err.h"
#include "protocol/wire/digest.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	CAS_SHELVES = 16, /* folders, each with its share of the quota */
};

#define CAS_QUOTA_LEAST_BYTES (UINT64_C(64) << 20)

struct cas;

struct cas_options {
	const char *folder;   /* made, with its parents, when it is not there */
	uint64_t quota_bytes; /* of the objects; at least CAS_QUOTA_LEAST_BYTES */
	bool durable;	      /* cas_sync waits for the disk */
};

struct cas_counts {
	uint64_t put, put_bytes; /* objects taken in, as packed */
	uint64_t got, got_bytes;
	uint64_t damaged; /* found and removed */
	uint64_t evicted, evicted_bytes;
};

/* Open the store; blocks on the disk. 0 with a handle the caller frees, or -errno with err. */
int cas_new(const struct cas_options *options, struct cas **ret_cas, struct err *err);

/* Close it; what was put and not synced is forgotten. Accepts NULL. */
void cas_free(struct cas *cas);

/*
 * Begin a lease: nothing that was put, asked for or read since `from_us` (wall time; UINT64_MAX:
 * now) is evicted before its cas_release. Returns its number, never 0; 0 on no memory.
 */
uint64_t cas_lease(struct cas *cas, uint64_t from_us);

/* End a lease. 0 is allowed. */
void cas_release(struct cas *cas, uint64_t lease);

/*
 * Is the object there? Counts as a use of it. One system call or two; for some minutes after damage
 * was found, its content is read and checked.
 */
bool cas_has(struct cas *cas, const struct digest *id);

/*
 * Take a chunk in, as blob_pack made it. 0, also when it is there already; -EBADMSG when it is not
 * what its id says; -ENOSPC with err when the quota is full of what leases protect, or the disk is
 * full; -errno with err. Visible after cas_sync.
 */
int cas_put(struct cas *cas, const struct digest *id, struct str packed, size_t raw_bytes,
	    struct err *err);

/* Make what was put visible, and durable where that was asked for. 0, or -errno with err. */
int cas_sync(struct cas *cas, struct err *err);

/*
 * Read an object. Its content is checked against the id and is in *raw, the packed form in *packed,
 * both replaced, with the caps that blob.h asks for; `packed` may be NULL. 0, -ENOENT when it is
 * not there (any more), -errno.
 */
int cas_get(struct cas *cas, const struct digest *id, struct buf *packed, struct buf *raw);

/* What happened since cas_new. */
struct cas_counts cas_counts(const struct cas *cas);

#endif
