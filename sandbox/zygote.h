// SPDX-License-Identifier: Apache-2.0
/* zygote.h - the process of a slot that sandboxes are cloned from. */
#ifndef PADDOCK_SANDBOX_ZYGOTE_H
#define PADDOCK_SANDBOX_ZYGOTE_H

#include "sandbox/host.h"
#include "sandbox/slate.h"

struct zygote_slot {
	const struct host *host;
	struct slate *birth; /* what it does, and each init until that has a request */
	struct slate *slate; /* what a run does */
	unsigned slot;
	const struct box_spec *like; /* off, network and granted devices are as here in all runs */
	bool count_processes;	     /* no group of its own: RLIMIT_NPROC instead */
	/* The spec of its only request, which comes without; it ends then. NULL: they come with. */
	const struct box_spec *once;
};

/*
 * Starts a zygote: forks one, or, for a moment, runs one in the caller's memory until it has cloned
 * its only init, and only then returns. Returns its pid or -errno; its ends of the sockets stay
 * open here, to be closed.
 *
 * A bare one takes SPAWN packets from `sock` one at a time, and tells the end of each by a RESULT
 * head. Another makes what a run needs, with so many bytes of private files, for every NEXT or
 * CLEAR it gets there (one that is for a moment finds it there), and clones an init, which becomes
 * a child of the caller, with its pid on the birth slate, and takes one SPAWN packet from
 * `requests`. The first thing of a run on its slate is the step "spec". CLEAR is answered by a
 * RESULT head as soon as the files of the last run are gone. What fails is on the birth slate, and
 * the zygote ends; and so it does with `sock`, and an init that has no request with `requests`.
 */
pid_t zygote_start(const struct zygote_slot *slot, bool moment, int sock, int requests);

#endif
