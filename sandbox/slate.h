// SPDX-License-Identifier: Apache-2.0
/*
 * slate.h - pages of a slot shared by keeper, zygote and init: where they write what happened.
 *
 * It replaces a report pipe: a start costs no message but the request. Another page is for what
 * happens before a request is there. The payload never sees it,
 * because exec drops the mapping and init is not dumpable. Each field has one writer at a time: the
 * keeper before a start and after the end; then init (and the payload's child until exec, in init's
 * memory); on the other page the zygote until it cloned init, then init until it has a request.
 */
#ifndef PADDOCK_SANDBOX_SLATE_H
#define PADDOCK_SANDBOX_SLATE_H

#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "sandbox/box.h"

struct slate {
	_Atomic int32_t init_pid;  /* before a request: set by the kernel at the clone */
	_Atomic int32_t error;	   /* positive errno of that step; 0: none */
	int32_t network_fd;	   /* of the zygote, opened by the child that made it */
	_Atomic uint32_t refused;  /* the failure is of this host, not of this request */
	_Atomic uint64_t start_us; /* exec of the payload succeeded */
	_Atomic uint64_t end_us;   /* the payload was reaped: its status is valid */
	int32_t status;		   /* wait status of the payload; of init, when that died first */
	uint32_t leftovers;
	uint64_t user_us; /* of every process reaped inside */
	uint64_t system_us;
	uint64_t maxrss_bytes;	/* of the largest one */
	uint64_t scratch_bytes; /* left in the private files */
	uint64_t read_bytes;	/* from disks, and to them */
	uint64_t written_bytes;
	char step[32];	       /* of a start, in the words of the record: what is done, or failed */
	char object[256];      /* what it works on */
	struct slate_refused { /* calls the filter refused */
		int rule;
		uint32_t count;
	} calls[BOX_REFUSALS_MAX]; /* in order of first sight; count 0 ends them */
};

/* A new page shared with every process cloned from now on; NULL when there is no memory. Freed with
 * slate_free, which takes NULL. */
struct slate *slate_new(void);
void slate_free(struct slate *slate);

/* Notes that `step` now works on `object` (NULL: nothing to name). */
void slate_at(struct slate *slate, const char *step, const char *object);

/* Notes that the current step failed with `error` (negative errno). Returns `error`. */
int slate_fail(struct slate *slate, int error);

/* Notes what the reaped children of this process have used since `before`. NULL: since its birth;
 * then the largest of them was the run's, too. */
void slate_usage(struct slate *slate, const struct rusage *before);

/* Counts a call that was refused by `rule`. */
void slate_refused(struct slate *slate, int rule);

#endif
