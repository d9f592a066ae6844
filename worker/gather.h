// SPDX-License-Identifier: Apache-2.0
/*
 * gather.h - what a process left below PADDOCK_ARTIFACTS, and its core file, told as events:
 *regular files, in pieces, within the limits of limits.h; what is left out is named. The content is
 *hostile: no link is followed, nothing outside the folder is opened, nothing is waited for.
 *
 *	gather_begin -> gather_add_cores, perhaps -> { gather_step }* -> gather_end
 */
#ifndef PADDOCK_WORKER_GATHER_H
#define PADDOCK_WORKER_GATHER_H

#include "worker/cores.h"
#include "worker/news.h"

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

/* Embedded by its attempt. */
struct gather {
	struct news *news;
	struct news_artifact told; /* whose, and the file being read */
	DIR *folders[LIMIT_ARTIFACTS_DEPTH];
	size_t path_lens[LIMIT_ARTIFACTS_DEPTH]; /* of each folder's path, with its slash */
	unsigned depth;				 /* folders open; 0: done */
	int fd;					 /* of the file being read; -1: none */
	uint64_t size, bytes;			 /* of that file; of all so far */
	uint64_t whole;				 /* of a core file: its size if nothing lacks */
	bool sparse;				 /* that file */
	unsigned files, seen, left_out;
	char path[LIMIT_PATH_BYTES + 1];
	struct cores *cores; /* NULL: there are none to look for */
	int cores_fd;	     /* where, when the artifacts are told; -1: there already */
};

/* Begin with the folder `fd`, which is taken over, or (negative) with the reason why there is none.
 * `index` and `cases` are of the step whose process it was. */
void gather_begin(struct gather *gather, struct news *news, int fd, uint32_t index, size_t cases);

/* Tell, when all else is told, the core files in the folder `fd`, which is taken over. `cores`
 * outlives the gathering. */
void gather_add_cores(struct gather *gather, int fd, struct cores *cores);

/*
 * Tell some of it: a few MiB at most, and nothing while the spool is full. True when all is told. A
 * few milliseconds.
 */
bool gather_step(struct gather *gather);

/* Close what is open. Accepts zeroed. */
void gather_end(struct gather *gather);

#endif
