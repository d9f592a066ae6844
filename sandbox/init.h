// SPDX-License-Identifier: Apache-2.0
/* init.h - pid 1 of a sandbox. */
#ifndef PADDOCK_SANDBOX_INIT_H
#define PADDOCK_SANDBOX_INIT_H

#include "sandbox/apply.h"
#include "sandbox/payload.h"

/*
 * The whole life of pid 1, in the freshly cloned child, with SIGCHLD blocked: wait for a request,
 * build the tree, start the payload, give up all rights, reap, note on the slate what happened,
 * exit. What still lives then dies with the pid namespace. `uid` and `gid` are what init itself
 * becomes, in the zygote's numbers; IDS_NONE: it stays. Never returns.
 */
void init_run(struct apply *apply, struct payload *payload, uint32_t uid, uint32_t gid)
	__attribute__((noreturn));

#endif
