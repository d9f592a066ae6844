// SPDX-License-Identifier: Apache-2.0
/*
 * gather.h - what a process left below PADDOCK_ARTIFACTS, told as events: regular files, in pieces,
 * within the limits of limits.h; what is left out is named. The content is hostile: no link is
 * followed, nothing outside the folder is opened, nothing is waited for.
 *
 *	gather_begin -> { gather_step }* -> gather_end
 */
#ifndef PADDOCK_WORKER_GATHER_H
#define PADDOCK_WORKER_GATHER_H

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
	unsigned files, seen, left_out;
	char path[LIMIT_PATH_BYTES + 1];
};

/* Begin with the folder `fd`, which is taken over, or (negative) with the reason why there is none.
 * `index` and `cases` are of the step whose process it was. */
void gather_begin(struct gather *gather, struct news *news, int fd, uint32_t index, size_t cases);

/*
 * Tell some of it: a few MiB at most, and nothing while the spool is full. True when all is told. A
 * few milliseconds.
 */
bool gather_step(struct gather *gather);

/* Close what is open. Accepts zeroed. */
void gather_end(struct gather *gather);

#endif
