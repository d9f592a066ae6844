// SPDX-License-Identifier: Apache-2.0
/*
 * fd.c - small wrappers that make the descriptor rules cheap to keep. All calls may block on the
 * file system.
 */
#include "protocol/base/fd.h"

#include "protocol/base/assert.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void fd_close(int *fd)
{
	int saved = errno;
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

int fd_open_standard(void)
{
	int fd;
	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

int fd_pipe(int *ret_read, int *ret_write)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	if (fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0) {
		int r = -errno;
		close(ends[0]);
		close(ends[1]);
		return r;
	}
	*ret_read = ends[0];
	*ret_write = ends[1];
	return 0;
}

int fd_write_all(int fd, const void *data, size_t n)
{
	ASSERT(fd >= 0);
	const char *at = data;
	while (n) {
		ssize_t written = write(fd, at, n);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		at += written;
		n -= (size_t)written;
	}
	return 0;
}

int fd_read_file(const char *path, size_t cap_bytes, struct buf *ret_buf)
{
	FD_CLEANUP int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	struct buf buf;
	buf_init(&buf, cap_bytes);
	for (;;) {
		size_t room = buf.cap_bytes - buf.len;
		char chunk[16384];
		ssize_t n = read(fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		int r = n < 0		   ? -errno
			: (size_t)n > room ? -EFBIG
					   : buf_append(&buf, chunk, (size_t)n);
		if (r < 0) {
			buf_done(&buf);
			return r;
		}
		if (n == 0)
			break;
	}
	*ret_buf = buf;
	return 0;
}

static int write_and_sync(const char *temporary, const void *data, size_t n)
{
	FD_CLEANUP int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
				 0666);
	if (fd < 0)
		return -errno;
	int r = fd_write_all(fd, data, n);
	if (r == 0 && fsync(fd) < 0 && errno != EINVAL && errno != EROFS)
		r = -errno;
	return r;
}

int fd_write_file(const char *path, const void *data, size_t n, struct err *err)
{
	struct stat st;
	if (stat(path, &st) == 0 &&
	    !S_ISREG(st.st_mode)) { /* /dev/stdout, a pipe: nothing to rename over */
		FD_CLEANUP int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
		int r = fd < 0 ? -errno : fd_write_all(fd, data, n);
		return r < 0 ? err_errno(err, r, "writing %s", path) : 0;
	}
	char temporary[PATH_MAX];
	if (snprintf(temporary, sizeof(temporary), "%s.%ld.tmp", path, (long)getpid()) >=
	    (int)sizeof(temporary))
		return err_set(err, -ENAMETOOLONG, "writing %s: the path is too long", path);
	int r = write_and_sync(temporary, data, n);
	if (r == 0 && rename(temporary, path) < 0)
		r = -errno;
	if (r < 0) {
		unlink(temporary);
		return err_errno(
			err, r,
			"writing %s (nothing was changed; free space or choose another path)",
			path);
	}
	return 0;
}

int fd_make_dirs(const char *path)
{
	char part[PATH_MAX];
	size_t len = strlen(path);
	if (!len || len >= sizeof(part))
		return len ? -ENAMETOOLONG : -EINVAL;
	memcpy(part, path, len + 1);
	for (size_t i = 1; i <= len; i++) {
		if (part[i] != '/' && part[i] != '\0')
			continue;
		char held = part[i];
		part[i] = '\0';
		if (mkdir(part, 0777) < 0 && errno != EEXIST)
			return -errno;
		part[i] = held;
	}
	struct stat st;
	if (stat(path, &st) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}
