// SPDX-License-Identifier: Apache-2.0
/* zygote.h - the process of a slot that sandboxes are cloned from. */
#ifndef PADDOCK_SANDBOX_ZYGOTE_H
#define PADDOCK_SANDBOX_ZYGOTE_H

#include "sandbox/host.h"
#include "sandbox/proto.h"
#include "sandbox/slate.h"

struct zygote_slot {
	const struct host *host;
	struct slate *slate;
	unsigned slot;
	bool count_processes; /* no group of its own: RLIMIT_NPROC instead */
	/* The spec of its only request, which comes without; it ends then. NULL: they come with. */
	const struct box_spec *once;
};

/*
 * Starts a zygote: forks one, or, with a packet that waits for it already, runs one in the caller's
 * memory until it has cloned that request's init, and only then returns. Returns its pid and the
 * keeper's end of its socket, or -errno. It takes SPAWN packets one at a time: a sandbox's init
 * becomes a child of the caller, with its pid on the slate; a failure before that, and the end of a
 * bare run, are told by a RESULT head. NEXT, after a sandbox's end, makes it ready for another;
 * with an argument the RESULT head says when the files of the last one are gone. It ends with its
 * socket.
 */
pid_t zygote_start(const struct zygote_slot *slot, const struct proto_packet *waits, int *ret_sock);

#endif
