// SPDX-License-Identifier: Apache-2.0
/*
 * out.h - where a reporter's bytes go: a file that appears whole at the end, or a stream written as
 * the run goes. The first failure is remembered and told by out_close; writing goes on as if
 * nothing had happened, because a report must not stop a run.
 */
#ifndef PADDOCK_COORDINATOR_REPORT_OUT_H
#define PADDOCK_COORDINATOR_REPORT_OUT_H

#include "protocol/base/buf.h"
#include "protocol/base/err.h"

#include <stdbool.h>

enum out_mode {
	OUT_WHOLE,  /* written beside the target, synced and renamed by out_close */
	OUT_STREAM, /* the target itself, emptied first, synced by out_close */
};

/* Embedded by reporters. Append to `buf` and call out_flow now and then. */
struct out {
	struct buf buf;
	char *path;	 /* as asked for */
	char *temporary; /* NULL: the target is written directly */
	int fd;
	int failed; /* first -errno, 0 none */
	bool begun; /* the run began: else no whole file is published over an older one */
};

/*
 * Open path; "-" is standard output, and what is no regular file (a pipe, a device) is written
 * directly in both modes. 0 or -errno with err; *ret_out needs out_close or out_drop after 0 only.
 */
int out_open(struct out *ret_out, const char *path, enum out_mode mode, struct err *err);

/* Note the result of appending to buf: a negative one is remembered. */
void out_note(struct out *out, int r);

/*
 * Write the buffer to the file when it holds much, or in any case when `now`. May block on the
 * disk.
 */
void out_flow(struct out *out, bool now);

/*
 * Write the rest, sync, publish, free. 0, or the first failure with err; then no new file is left.
 */
int out_close(struct out *out, struct err *err);

#endif
