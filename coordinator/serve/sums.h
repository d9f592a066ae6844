// SPDX-License-Identifier: Apache-2.0
/*
 * sums.h - chunk digests of files from one run to the next: a file whose size, times and inode are
 * what they were is not read again. Asked for and kept in the order of a walk (tree_order), so that
 * both are one pass over one file. Losing it costs time only.
 */
#ifndef PADDOCK_SERVE_SUMS_H
#define PADDOCK_SERVE_SUMS_H

#include "protocol/base/str.h"

#include <sys/stat.h>

struct sums;

/*
 * The sums of the walk called `key` (a workspace and what is taken of it) below `folder` (NULL:
 * $XDG_CACHE_HOME/paddock, else ~/.cache/paddock). A file that is not there or damaged is an empty
 * one. NULL on no memory. Blocks on the disk.
 */
struct sums *sums_open(const char *folder, struct str key);

/* What was kept of a file that did not change, valid until sums_close; an empty view with data NULL
 * when it did, or is not known. */
struct str sums_find(struct sums *sums, struct str path, const struct stat *st);

/* Keep what is known of a file, any bytes, unless it was changed so lately that another change
 * could go unseen. */
void sums_keep(struct sums *sums, struct str path, const struct stat *st, struct str known);

/* Write what was kept, when it differs from what was read, and free. Accepts NULL. */
void sums_close(struct sums *sums);

#endif
