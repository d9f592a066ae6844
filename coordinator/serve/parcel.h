// SPDX-License-Identifier: Apache-2.0
/*
 * parcel.h - what a client sends along with a run: the trees of its workspaces as chunks, each
 * known by its digest. Files are read twice at most: once for their digests, unless sums.h knows
 * them, and once more for those chunks that the coordinator lacks.
 */
#ifndef PADDOCK_SERVE_PARCEL_H
#define PADDOCK_SERVE_PARCEL_H

#include "protocol/base/buf.h"
#include "protocol/base/err.h"
#include "protocol/wire/digest.h"

#include <stddef.h>
#include <stdint.h>

struct parcel;

/* A workspace, and what of it is wanted. */
struct parcel_want {
	const char *workspace; /* absolute, not "/" */
	/* Absolute paths in the workspace: they and all below them. None: everything but .git and
	 * what .paddockignore of the workspace says. */
	const char *const *inputs;
	size_t n_inputs;
};

struct parcel_counts {
	uint64_t files, bytes; /* of all trees */
	uint64_t chunks;       /* different ones */
	uint64_t read_bytes;   /* that had to be read for their digests */
	uint64_t left_out;     /* sockets, devices, pipes, and links that leave the workspace */
};

/* An empty parcel; `cache` as in sums_open. The caller frees it. NULL on no memory. */
struct parcel *parcel_new(const char *cache);

/* Free it. Accepts NULL. */
void parcel_free(struct parcel *parcel);

/*
 * Add a tree, unless the same was added before, and give its digest. Reads the workspace. 0, or
 * -errno with err: an input is not there or not in the workspace, a file cannot be read or changes
 * meanwhile, there are too many.
 */
int parcel_add(struct parcel *parcel, const struct parcel_want *want, struct digest *ret_tree,
	       struct err *err);

/* How many chunks there are, and the digest of one. */
size_t parcel_chunks(const struct parcel *parcel);
const struct digest *parcel_id(const struct parcel *parcel, size_t i); /* i < parcel_chunks */

/*
 * The content of chunk i, replacing *raw, which has the cap of blob.h. 0, or -errno with err: its
 * file cannot be read any more or has changed.
 */
int parcel_read(struct parcel *parcel, size_t i, struct buf *raw, struct err *err);

/* What was added. */
struct parcel_counts parcel_counts(const struct parcel *parcel);

#endif
