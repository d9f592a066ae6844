// SPDX-License-Identifier: Apache-2.0
/* init.h - pid 1 of a sandbox. */
#ifndef PADDOCK_SANDBOX_INIT_H
#define PADDOCK_SANDBOX_INIT_H

#include "sandbox/apply.h"
#include "sandbox/payload.h"

struct init {
	struct apply *apply;
	const struct payload *payload;
	uint32_t uid; /* what init itself becomes, in the zygote's numbers; IDS_NONE: stays */
	uint32_t gid;
};

/*
 * The whole life of pid 1, in the freshly cloned child: build the tree, start the payload, give up
 * all rights, reap, note on the slate what happened, exit. What still lives then dies with the pid
 * namespace. Never returns.
 */
void init_run(const struct init *init) __attribute__((noreturn));

/*
 * Waits until every child of this process has ended or `grace_us` is over; SIGCHLD must be blocked.
 * Returns whether any is left. For init and for the zygote of a bare run.
 */
bool init_linger(uint64_t grace_us);

#endif
