// SPDX-License-Identifier: Apache-2.0
/*
 * disk.h - the folder that outlives a worker: records appended to files that are removed when
 * nothing in them is needed any more, and the session it had. Knows nothing of what the records
 * say.
 *
 * Life:  disk_open (hands out what an earlier worker left) -> { disk_append ... disk_sync ...
 *        disk_release } -> disk_close
 */
#ifndef PADDOCK_WORKER_DISK_H
#define PADDOCK_WORKER_DISK_H

#include "protocol/base/err.h"
#include "protocol/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct disk;

/*
 * Open the folder DIR/NAME (made when absent, mode 0700), or DIR/NAME-2 and so on while another
 * worker holds it, and hand out the records found there, oldest first, each with the file it is in,
 * which stays until it is released. A record that is torn ends its file: the machine stopped while
 * it was written, so nobody was told of it. Files of another build are set aside and logged. 0 with
 * a handle the caller closes, or -errno with err; a negative return of `each` is returned.
 */
int disk_open(const char *dir, const char *name,
	      int (*each)(void *data, struct str record, uint64_t file), void *data,
	      struct disk **ret_disk, struct err *err);

/* Close it; what it holds stays. Accepts NULL. */
void disk_close(struct disk *disk);

/* Its folder. */
const char *disk_folder(const struct disk *disk);

/* Hold the file that is written now, for records to come; a new one when it is long enough. */
uint64_t disk_hold(struct disk *disk);

/* Nothing of one holder is needed in this file any more. */
void disk_release(struct disk *disk, uint64_t file);

/*
 * Append a record to the file that is written now: it outlives this process when it returns, and
 * the machine after disk_sync. 0; or -errno, with nothing appended.
 */
int disk_append(struct disk *disk, struct str record);

/* Are there records that a power cut would take? */
bool disk_is_unsynced(const struct disk *disk);

/* Make all durable. 0 or -errno. Blocks on the disk. */
int disk_sync(struct disk *disk);

/* The session noted last, here or by an earlier worker; 0: none. */
uint64_t disk_session(const struct disk *disk);

/* Note the session. 0 or -errno. */
int disk_note_session(struct disk *disk, uint64_t session);

#endif
