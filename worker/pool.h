// SPDX-License-Identifier: Apache-2.0
/*
 * pool.h - what replicas are made of on disk: files that trees share, whole trees, and their
 * removal. For replica.c alone; the rest of the worker sees replica.h.
 */
#ifndef PADDOCK_WORKER_POOL_H
#define PADDOCK_WORKER_POOL_H

#include "protocol/wire/digest.h"
#include "protocol/wire/tree.h"
#include "worker/replica.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

enum {
	POOL_NAME_BYTES = 96, /* of anything in trees/ or files/ */
};

/* A file on its way into the pool; fd -1: none. */
struct pool_file {
	int fd;
	size_t chunks; /* written so far */
	char name[POOL_NAME_BYTES];
};

/* The most bytes that trees may have together. */
uint64_t pool_quota(const struct replica_home *home);

/* What a tree is called in trees/. */
void pool_tree_name(const struct digest *tree, uint64_t bytes, char out[POOL_NAME_BYTES]);

/* The open folder of the trees; the home's. */
int pool_trees(const struct replica_home *home);

/* The absolute path of a tree; out has PATH_MAX bytes. */
void pool_tree_path(const struct replica_home *home, const char *name, char *out);

/* A whole tree that is there: an fd that keeps sweepers away; or -errno. */
int pool_hold_tree(struct replica_home *home, const char *name);

/* An empty folder for a tree to be built in: an fd that keeps sweepers away, and its name. Or
 * -errno. */
int pool_tmp_tree(struct replica_home *home, char ret_name[POOL_NAME_BYTES]);

/* The built tree gets its name. 0, or 1 when another worker was faster: theirs stays; or -errno. */
int pool_publish(struct replica_home *home, const char *tmp, const char *name);

/* Take a tree out of sight; sweeping removes it. */
void pool_discard(struct replica_home *home, const char *name);

/* The tree was used now. */
void pool_used(int tree_fd);

/* Nothing in this folder or file changes any more: its mode and the time all of a replica has. 0
 * or -errno. */
int pool_seal(int fd, unsigned mode);

/* Is this what pool_seal left: of that kind (S_IFREG, S_IFDIR), mode and, for a file, size? */
bool pool_is_intact(const struct stat *st, mode_t kind, unsigned mode, uint64_t bytes);

/* Is the content of the entry, a file, in the pool? A damaged one is removed. */
bool pool_has(struct replica_home *home, const struct tree_entry *entry);

/* Make the entry, a file, in folder `at` as a link to the pool. 0, -ENOENT when it is not there or
 * has as many links as the file system allows (then it is removed), -errno. */
int pool_link(struct replica_home *home, const struct tree_entry *entry, int at, const char *name);

/* Begin a file for the pool. 0 or -errno. */
int pool_begin(struct replica_home *home, struct pool_file *ret_file);

/* The file is written: into the pool with it. 0 or -errno; it is done with either way. */
int pool_keep(struct replica_home *home, struct pool_file *file, const struct tree_entry *entry);

/* Give up the file, if there is one. */
void pool_drop(struct replica_home *home, struct pool_file *file);

#endif
