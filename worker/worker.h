// SPDX-License-Identifier: Apache-2.0
/* worker.h - the worker program's main part: slots, spool and session on one loop, until it is
 * drained or refused. */
#ifndef PADDOCK_WORKER_WORKER_H
#define PADDOCK_WORKER_WORKER_H

#include "protocol/base/err.h"
#include "protocol/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct worker_options {
	const char *coordinator; /* URL of the control endpoint */
	const char *name;
	unsigned slots;
	const struct str *tags; /* "K=V" */
	size_t n_tags;
	const char *box_program; /* absolute path of paddock-box */
	const char *state;	 /* folder whose spool/ outlives the worker; NULL: nothing does */
	uint64_t cache_bytes;	 /* most that is kept of what runs are given */
	bool insecure;		 /* speak without keys where only this machine listens */
	const char *token;	 /* file of a token, for first contact; NULL: none */
	const char *trust;	 /* file of the keys whose programs are run; NULL: anybody's */
	uint64_t drain_us;	 /* what runs so long after it was told to end is killed; 0 never */
	bool embedded;		 /* child of a run: ends with its parent, leaves Ctrl-C to it */
};

/*
 * Serve until drained, refused or signalled. Returns the exit code of the program, with `err`
 * filled when a human must know why it is not 0. Blocks for as long as the worker lives.
 */
int worker_run(const struct worker_options *options, struct err *err);

#endif
