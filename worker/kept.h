// SPDX-License-Identifier: Apache-2.0
/*
 * kept.h - the workspace of a process whose run keeps them: a folder below the state folder where
 * its changes lie (the upper layer of its overlay), which stays when the process had a red case and
 * is removed when not.
 */
#ifndef PADDOCK_WORKER_KEPT_H
#define PADDOCK_WORKER_KEPT_H

#include "protocol/base/arena.h"
#include "protocol/base/err.h"
#include "protocol/base/state.h"
#include "protocol/base/str.h"
#include "protocol/wire/msg.h"

#include <limits.h>
#include <stdbool.h>

/* Embedded by its attempt; zeroed: nothing is kept. */
struct kept {
	char path[PATH_MAX]; /* "": nothing is kept */
	size_t run_len;	     /* of the path of the run's folder in it */
	bool wanted;	     /* a case of the process was red */
};

/* Has the program an overlay that is to be kept? */
bool kept_is_asked(const struct msg_program *program);

/* Make the folder of a process. 0, or -errno with err. */
int kept_begin(struct kept *kept, struct str run, const struct state_owner *owner, struct err *err);

/* A case of the process was red: `message` with where its workspace is, in the arena; itself when
 * nothing is kept. */
struct str kept_tell(struct kept *kept, const char *worker, struct str message,
		     struct arena *arena);

/* The process is over: keep its changes, or remove them. Nothing when nothing is kept. */
void kept_end(struct kept *kept);

#endif
