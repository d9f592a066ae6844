// SPDX-License-Identifier: Apache-2.0
/*
 * replica.h - a client's workspace made anew on this machine, from chunks. A replica is read-only
 *by custom: files are hard links into a pool that trees share, and sandboxes see it as the lower
 * layer of their own view.
 *
 *	FOLDER/cas/			chunks, as cas.h keeps them
 *	FOLDER/files/a/bc...		the pool: one file per content and mode
 *	FOLDER/trees/DIGEST-BYTES/	whole trees; locked while they are used
 *
 * Work is done in steps of some milliseconds, so that whoever makes one can do other things.
 */
#ifndef PADDOCK_WORKER_REPLICA_H
#define PADDOCK_WORKER_REPLICA_H

#include "protocol/base/err.h"
#include "protocol/base/str.h"
#include "protocol/wire/cas.h"
#include "protocol/wire/digest.h"

#include <stdbool.h>
#include <stdint.h>

/* Where replicas are kept. */
struct replica_home;

/* Open it, making what is not there. 0 with a handle the caller frees, or -errno with err. */
int replica_home_new(const char *folder, uint64_t quota_bytes, struct replica_home **ret_home,
		     struct err *err);

/* Close it. Accepts NULL. */
void replica_home_free(struct replica_home *home);

/* Its chunks: the owner puts there what a replica misses. */
struct cas *replica_home_cas(struct replica_home *home);

/*
 * A step of tidying: trees beyond the quota that nobody uses, the least used first, and what
 * broken-off work left. Returns whether more is to be done. Not while a replica is being made.
 */
bool replica_home_sweep(struct replica_home *home);

/* The next replica_home_sweep looks through everything again. */
void replica_home_soil(struct replica_home *home);

struct replica;

enum replica_state {
	REPLICA_WORKS, /* more steps are needed */
	REPLICA_WAITS, /* for the contents of replica_missing */
	REPLICA_READY,
};

/* A replica of the tree, nothing done yet. The caller frees it. NULL on no memory. */
struct replica *replica_new(struct replica_home *home, const struct digest *tree);

/* Forget it; the tree itself stays, unless it was half-made. Accepts NULL. */
void replica_free(struct replica *replica);

/*
 * Go on making it. Returns a replica_state, or -errno with err: the tree is hostile, too large,
 * cannot be written. A damaged tree of former times is made anew.
 */
int replica_step(struct replica *replica, struct err *err);

/* The ids it waits for, at most LIMIT_CHUNKS, valid until the next step. */
struct str replica_missing(const struct replica *replica);

/* The folder, absolute, once it is ready; lives as long as the replica. */
const char *replica_path(const struct replica *replica);

/*
 * Open a file or folder of a ready replica for reading, without leaving it by any link. An fd the
 * caller closes, or -errno (-EXDEV: a link that leaves).
 */
int replica_open(const struct replica *replica, const char *path);

#endif
