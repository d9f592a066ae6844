// SPDX-License-Identifier: Apache-2.0
/*
 * kept.h - the workspace of a process whose run keeps them: a folder below the state folder where
 * its changes lie (the upper layer of its overlay), which stays when the process had a red case and
 * is removed when not. With core files wanted, there is one for the time of the process.
 */
#ifndef PADDOCK_WORKER_KEPT_H
#define PADDOCK_WORKER_KEPT_H

#include "protocol/base/arena.h"
#include "protocol/base/str.h"
#include "protocol/wire/msg.h"

#include <limits.h>
#include <stdbool.h>

/* Embedded by its attempt; zeroed: nothing is kept. */
struct kept {
	char path[PATH_MAX]; /* "": nothing is kept */
	size_t run_len;	     /* of the path of the run's folder in it */
	bool stays;	     /* with red cases; else it is there for a core file alone */
	bool wanted;	     /* a case of the process was red */
};

/* What there is to keep: of a process of so many cases, the first called `name`. */
struct kept_options {
	struct str name;
	size_t cases;
	bool cores; /* its core file is wanted */
};

/* Make the folder of a process, if it has an overlay that is to be kept or looked into for a core
 * file: kept->path. 0, or -errno with a sentence in *ret_reason, in the arena. */
int kept_begin(struct kept *kept, const struct msg_assign *assign,
	       const struct kept_options *options, struct arena *arena, const char **ret_reason);

/* A case of the process was red: `message` with where its workspace is, in the arena; itself when
 * nothing is kept. */
struct str kept_tell(struct kept *kept, const char *worker, struct str message,
		     struct arena *arena);

/* The process is over: keep its changes, or remove them. Nothing when nothing is kept. */
void kept_end(struct kept *kept);

#endif
