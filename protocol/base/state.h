// SPDX-License-Identifier: Apache-2.0
/*
 * state.h - where what outlives a run lies: $XDG_STATE_HOME/paddock, else ~/.local/state/paddock.
 * Below it runs/RUN/ has what tests left in that run, by suite, program and case.
 */
#ifndef PADDOCK_BASE_STATE_H
#define PADDOCK_BASE_STATE_H

#include "protocol/base/buf.h"
#include "protocol/base/err.h"
#include "protocol/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	STATE_KEEP_DAYS = 30,  /* retention of what is below runs/: younger than this ... */
	STATE_KEEP_RUNS = 100, /* ... and among the newest of this many */
};

/* Whose a folder is. */
struct state_owner {
	struct str suite, program, name;
	uint64_t attempt; /* 1 for the first; 0 counts as that */
	size_t cases;	  /* that share it, `name` being the first; 0 counts as 1 */
};

/*
 * Append the state folder's path, which may not exist. 0, -ENOENT when the environment names none,
 * buf_append's errors.
 */
int state_folder(struct buf *buf);

/* Append "RUN's folder/what", without making it. 0, -ENOENT, buf_append's errors. */
int state_run_path(struct buf *buf, struct str run, const char *what);

/* Append "SUITE/PROGRAM/CASE" with names made safe; attempts and shared ones are told apart by what
 * no name contains. As buf_append. */
int state_owner_path(struct buf *buf, const struct state_owner *owner);

/*
 * Make RUN's folder and "what" in it, for this user alone; the first one of a run removes what is
 * kept of runs too old or too many. 0 with its path, free of symbolic links, in buf (initialised
 * here, the caller's to free), or -errno with err.
 */
int state_make_run(struct str run, const char *what, struct buf *ret_buf, struct err *err);

#endif
