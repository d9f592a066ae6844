// SPDX-License-Identifier: Apache-2.0
/*
 * scratch.h - folders that tests may write: one per slot, below one private folder of the worker,
 * emptied between attempts and gone at its exit. What a test left there is hostile: nothing here
 * follows a link, opens a pipe or trusts a size.
 *
 *	ROOT/lock			held while the worker lives, so that another may sweep what
 * a dead one left ROOT/slot-N/			files of adapters ROOT/slot-N/tmp, artifacts
 * PADDOCK_TMPDIR without a sandbox, PADDOCK_ARTIFACTS
 */
#ifndef PADDOCK_WORKER_SCRATCH_H
#define PADDOCK_WORKER_SCRATCH_H

#include "protocol/base/buf.h"
#include "protocol/base/err.h"
#include "protocol/base/str.h"

#include <stddef.h>

struct scratch;

/*
 * Make the folders for n slots below `parent` (NULL: $XDG_RUNTIME_DIR, else $TMPDIR, else /tmp),
 * after sweeping those of dead workers. 0 with a handle the caller frees, or -errno with err.
 */
int scratch_new(const char *parent, unsigned n, struct scratch **ret_scratch, struct err *err);

/* Remove the folders and free the handle. Accepts NULL. */
void scratch_free(struct scratch *scratch);

/* The slot's folder, absolute, without a slash at the end; lives as long as the handle. */
const char *scratch_path(const struct scratch *scratch, unsigned slot);

/*
 * Put a file there, replacing whatever has that plain name. 0, -EINVAL for a name with a slash,
 * -errno.
 */
int scratch_write(struct scratch *scratch, unsigned slot, const char *name, struct str content);

/*
 * Append a regular file's content to buf and remove the file. 0, -ENOENT, -EFBIG past buf's cap,
 * -EINVAL when it is no plain file, -errno.
 */
int scratch_take(struct scratch *scratch, unsigned slot, const char *name, struct buf *buf);

/*
 * Open the slot's artifacts for reading: the folder's fd, which the caller closes; -ENOENT when
 * nothing was put there; -errno when it is no folder of ours any more or cannot be opened safely.
 */
int scratch_artifacts(const struct scratch *scratch, unsigned slot);

/* Empty the slot's artifacts, for the next process of the attempt. 0 or -errno. */
int scratch_drop_artifacts(struct scratch *scratch, unsigned slot);

/*
 * Empty the slot's folder if anything changed in it. Three system calls when nothing did. 0 or
 * -errno.
 */
int scratch_clear(struct scratch *scratch, unsigned slot);

#endif
