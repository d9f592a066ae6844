// SPDX-License-Identifier: Apache-2.0
/*
 * walk.h - the files below a folder, in the same order on every machine. Symbolic links are not
 * followed, so that nothing is seen twice and nothing outside is seen at all; hidden entries and
 * folders that hold other people's files (node_modules, CMakeFiles, ...) are passed over.
 */
#ifndef PADDOCK_CLI_WALK_H
#define PADDOCK_CLI_WALK_H

#include "protocol/base/err.h"

#include <stdbool.h>

enum {
	WALK_DEPTH_MAX = 64,
	WALK_ENTRIES_MAX = 1 << 20, /* files and folders: more is a disk, not a suite */
};

struct walk_entry {
	const char *path; /* absolute */
	const char *name; /* from the folder the walk began at; "" for that folder */
	bool folder;
	bool executable; /* a file that may be executed */
};

/*
 * What to do with an entry. 0 to go on (into a folder, too), WALK_PRUNE to go on without entering
 * this folder, -errno to stop.
 */
enum { WALK_PRUNE = 1 };
typedef int (*walk_fn)(void *data, const struct walk_entry *entry);

/*
 * Visit `root` (absolute), then what is below it, folders before their content, sorted by name.
 * 0, what `visit` returned when it stopped, or -errno with err: a folder that cannot be read is an
 * error, since tests might be in it. Blocks on the disk.
 */
int walk_tree(const char *root, walk_fn visit, void *data, struct err *err);

#endif
