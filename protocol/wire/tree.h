// SPDX-License-Identifier: Apache-2.0
/*
 * tree.h - a folder as data: the manifest, a row of entries in the order a walk meets them, and the
 * root, which names the manifest's chunks. The digest of the encoded root is the name of the whole
 * tree: equal digests mean equal names, modes, links and contents.
 *
 *	root      [TREE_MAGIC, manifest's bytes, entries, bytes of all files, chunk ids]
 *	manifest  [path, kind, mode, bytes, content] ...
 *
 * in the shapes of codec.h. What is read here may come from anybody: a path never leaves the tree,
 * its parent is a folder that came before it, nothing comes twice, and counts agree with sizes.
 * Pure.
 */
#ifndef PADDOCK_WIRE_TREE_H
#define PADDOCK_WIRE_TREE_H

#include "protocol/base/buf.h"
#include "protocol/base/err.h"
#include "protocol/base/str.h"
#include "protocol/wire/digest.h"
#include "protocol/wire/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tree_kind {
	TREE_FOLDER,
	TREE_FILE,
	TREE_LINK,
	TREE_KIND_MAX,
};

/* One entry. Views are the maker's, or into the manifest. */
struct tree_entry {
	struct str path; /* from the tree's top, "a/b"; never empty */
	enum tree_kind kind;
	unsigned mode;	    /* permission bits; 0 for a link */
	uint64_t bytes;	    /* of a file */
	struct str content; /* a file's chunk ids, one behind the other; a link's target */
};

struct tree_root {
	uint64_t manifest_bytes;
	uint64_t entries;
	uint64_t file_bytes; /* of all files together */
	struct str chunks;   /* ids of the manifest's chunks; a view */
};

/* Where reading stands; tree_begin makes one. */
struct tree_reader {
	struct str rest; /* of the manifest */
	struct tree_entry last;
	uint64_t entries, file_bytes; /* so far */
};

/* The order of a manifest: as by bytes, with "/" below all others, so that what is in a folder
 * follows it at once. Less than, equal to or greater than 0. */
int tree_order(struct str a, struct str b);

/*
 * Does a relative link at `path` with this target stay in the tree? Absolute ones mean what they
 * mean in the sandbox and are not judged.
 */
bool tree_link_stays(struct str path, struct str target);

/* Append an entry, which must be right and come behind the last one. 0, or buf_append's errors. */
int tree_put(struct buf *manifest, const struct tree_entry *entry);

/* Begin to read a manifest. */
struct tree_reader tree_begin(struct str manifest);

/*
 * The next entry: 1 with *ret_entry, 0 at the end, -EPROTO with err when it is not one that may
 * stand there. Views are valid as long as the manifest.
 */
int tree_next(struct tree_reader *reader, struct tree_entry *ret_entry, struct err *err);

/* Append the encoded root. 0, or buf_append's errors. */
int tree_root_put(struct buf *buf, const struct tree_root *root);

/* Read an encoded root to its last byte. 0, -EPROTO with err. */
int tree_root_get(struct str bytes, struct tree_root *ret_root, struct err *err);

/* How many ids are in such a text, and the one at place i. */
size_t tree_ids(struct str ids);
struct digest tree_id(struct str ids, size_t i); /* i < tree_ids(ids) */

#endif
