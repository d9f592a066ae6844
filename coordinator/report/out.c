// SPDX-License-Identifier: Apache-2.0
/*
 * out.c - files of reports. Invariant: while `failed` is set nothing more is written, and the
 * buffer is emptied at each flow, so that memory stays bounded on a full disk.
 */
#include "coordinator/report/out.h"

#include "protocol/base/assert.h"
#include "protocol/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	BUFFER_BYTES_MAX = 64 << 20, /* one event's escaped outputs fit with room to spare */
	FLOW_BYTES = 64 << 10,
};

static int fail(struct out *out, const char *path, int code, struct err *err)
{
	fd_close(&out->fd);
	free(out->path);
	free(out->temporary);
	buf_done(&out->buf);
	return err_errno(err, code, "writing the report %s (free space or choose another path)",
			 path);
}

static int open_direct(const char *path, enum out_mode mode)
{
	if (strcmp(path, "-") == 0)
		return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	int flags = O_WRONLY | O_CLOEXEC | O_NOCTTY | (mode == OUT_STREAM ? O_CREAT | O_TRUNC : 0);
	return open(path, flags, 0666);
}

int out_open(struct out *ret_out, const char *path, enum out_mode mode, struct err *err)
{
	struct out out = { .fd = -1 };
	struct stat st;
	ASSERT(path && *path);
	buf_init(&out.buf, BUFFER_BYTES_MAX);
	out.path = str_dup(str_of(path));
	if (!out.path)
		return fail(&out, path, -ENOMEM, err);
	bool special = strcmp(path, "-") == 0 || (stat(path, &st) == 0 && !S_ISREG(st.st_mode));
	if (mode == OUT_STREAM || special) {
		out.fd = open_direct(path, mode);
	} else {
		if (asprintf(&out.temporary, "%s.%ld.tmp", path, (long)getpid()) < 0) {
			out.temporary = NULL;
			return fail(&out, path, -ENOMEM, err);
		}
		int flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC;
		out.fd = open(out.temporary, flags, 0666);
	}
	if (out.fd < 0)
		return fail(&out, path, -errno, err);
	*ret_out = out;
	return 0;
}

void out_note(struct out *out, int r)
{
	if (r < 0 && !out->failed)
		out->failed = r;
}

void out_flow(struct out *out, bool now)
{
	if (out->buf.len < FLOW_BYTES && !(now && out->buf.len))
		return;
	if (!out->failed)
		out_note(out, fd_write_all(out->fd, out->buf.data, out->buf.len));
	buf_clear(&out->buf);
}

/* Devices and pipes have nothing to sync. */
static int sync_fd(int fd)
{
	return fsync(fd) == 0 || errno == EINVAL || errno == EROFS || errno == ENOTSUP ? 0 : -errno;
}

int out_close(struct out *out, struct err *err)
{
	if (out->temporary && !out->begun)
		out_note(out, -ECANCELED);
	out_flow(out, true);
	if (!out->failed)
		out_note(out, sync_fd(out->fd));
	fd_close(&out->fd);
	if (out->temporary && !out->failed && rename(out->temporary, out->path) < 0)
		out_note(out, -errno);
	if (out->temporary && out->failed)
		unlink(out->temporary);
	int r = out->failed;
	if (r < 0)
		err_errno(err, r, "writing the report %s (%s; free space or choose another path)",
			  out->path, out->temporary ? "nothing was changed" : "it is cut off");
	free(out->path);
	free(out->temporary);
	buf_done(&out->buf);
	*out = (struct out){ .fd = -1 };
	return r;
}
