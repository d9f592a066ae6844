// SPDX-License-Identifier: Apache-2.0
/*
 * cores.h - core files of crashes: whether this machine's kernel leaves any where they can be
 * fetched, where the one of a process would be, and what to say of it. gather.c fetches it.
 *
 *	cores_init -> { cores_started -> cores_open -> (gather tells them) -> cores_tell }*
 */
#ifndef PADDOCK_WORKER_CORES_H
#define PADDOCK_WORKER_CORES_H

#include "protocol/base/arena.h"
#include "protocol/base/str.h"
#include "sandbox/box.h"
#include "worker/outfit.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

/* Embedded by its attempt. */
struct cores {
	uint64_t max_bytes;	  /* of one; 0: none is wanted, or none to be had */
	char names[2 * NAME_MAX]; /* pattern that their names match */
	char refusal[512];     /* none is to be had, because ...; "": they are, or none is wanted */
	struct timespec since; /* older ones are others' */
	uint32_t index;	       /* the coordinator's number of the case that crashed */
	bool removes;	       /* what was told is removed: nobody else does it */
	char found[640];       /* what to say of it; "": nothing */
};

/* What the kernel would do with `pattern` (kernel.core_pattern) and kernel.core_uses_pid: 0 with
 * names set, or -ENOTSUP with refusal set. Pure. */
int cores_parse(struct cores *cores, struct str pattern, bool uses_pid);

/* Begin an attempt whose run wants core files of max_bytes at most, 0: none. What this machine
 * refuses is logged, once per process. */
void cores_init(struct cores *cores, uint64_t max_bytes);

/* A process of the attempt starts now. */
void cores_started(struct cores *cores);

/*
 * A process that was started in `cwd` (NULL: a private folder) is over. Open the folder where its
 * core file would be: an fd, which the caller closes, or -ENOENT when there is none to look for.
 * `index` is of the case that crashed.
 */
int cores_open(struct cores *cores, const struct outfit *outfit, const char *cwd,
	       const struct box_result *result, uint32_t index);

/* Can a file of this name be one? */
bool cores_is_name(const struct cores *cores, const char *name);

/* Is the file one of the process: regular, with a single name, and new? */
bool cores_is_own(const struct cores *cores, const struct stat *st);

/* How long the core file `fd` is when whole: 0 with *ret_bytes (0: unknown), or -EINVAL: it is
 * none. */
int cores_measure(int fd, uint64_t *ret_bytes);

/* A core file was told as `name`; `why` it is not whole, or "". */
void cores_found(struct cores *cores, const char *name, const char *why);

/* `message` of a red verdict of case `index`, with what is to be said of its core file; in the
 * arena when that is anything. */
struct str cores_tell(const struct cores *cores, uint32_t index, struct str message,
		      struct arena *arena);

#endif
