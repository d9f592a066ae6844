// SPDX-License-Identifier: Apache-2.0
/*
 * fd.h - file descriptors: close-on-exec from birth, closed by `cleanup`, handed over with take_fd,
 * and files written whole or not at all (temporary name, fsync, rename).
 */
#ifndef PADDOCK_BASE_FD_H
#define PADDOCK_BASE_FD_H

#include "protocol/base/buf.h"
#include "protocol/base/err.h"

#include <stddef.h>

/* Close *fd when >= 0 and set it to -1. Keeps errno. */
void fd_close(int *fd);

#define FD_CLEANUP __attribute__((cleanup(fd_close)))

/* Give *fd away: returns it and leaves -1 behind. */
static inline int fd_take(int *fd)
{
	int taken = *fd;
	*fd = -1;
	return taken;
}

/*
 * Open descriptors 0, 1 and 2 on /dev/null where the caller left them closed, so that no later file
 * or socket takes their place. For the first lines of main; keeps them open across exec. 0 or
 * -errno.
 */
int fd_open_standard(void);

/* A pipe, both ends close-on-exec and the reading end non-blocking. 0 or -errno. */
int fd_pipe(int *ret_read, int *ret_write);

/* Write all n bytes, retrying on EINTR and short writes. 0 or -errno. Blocks on a blocking fd. */
int fd_write_all(int fd, const void *data, size_t n);

/*
 * Read a whole file of at most cap_bytes into buf (initialised here, the caller's to free). 0,
 * -EFBIG past the cap, -errno.
 */
int fd_read_file(const char *path, size_t cap_bytes, struct buf *ret_buf);

/*
 * Replace `path` by `n` bytes: written to a temporary file beside it, synced, renamed; on failure
 * the old file is untouched and the temporary one gone. 0, or -errno with `err` filled.
 */
int fd_write_file(const char *path, const void *data, size_t n, struct err *err);

/* Make a folder and its parents (mode 0777 less umask). 0, also when it exists, or -errno. */
int fd_make_dirs(const char *path);

#endif
