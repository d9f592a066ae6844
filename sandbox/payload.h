// SPDX-License-Identifier: Apache-2.0
/* payload.h - from a built sandbox (or none) to the payload's exec. */
#ifndef PADDOCK_SANDBOX_PAYLOAD_H
#define PADDOCK_SANDBOX_PAYLOAD_H

#include "sandbox/filter.h"
#include "sandbox/host.h"
#include "sandbox/proto.h"
#include "sandbox/slate.h"

struct payload {
	const struct host *host;
	const struct box_spec *spec;
	const char *cwd;
	const char *const *envp;
	const int *fds;
	size_t n_fds;
	int userns_fd;	      /* entered last; -1 (level off): it stays what we are */
	bool set_groups;      /* the kernel lets us */
	bool count_processes; /* RLIMIT_NPROC stands in for a pids cgroup */
	int fence;	      /* rules to enter, see fence_make; -EBADF: none */
	const struct filter *filter;
	struct slate *slate;
	/* Set by payload_start. */
	pid_t pid;
	int listener; /* where refused calls wait, or -EBADF: nowhere */
};

/*
 * Fills in what a SPAWN packet says: descriptors, which stay the packet's, and the spec, unless
 * that is there already. 0, or -errno with the slate filled. The caller calls spec_done.
 */
int payload_take(struct payload *payload, const struct proto_packet *packet,
		 struct spec_store *store);

/*
 * Starts the payload as a child of the caller, sharing its memory until exec (no page tables are
 * copied). 0, or -errno with the slate saying which step failed. Blocks until exec or
 * failure; reaps a child that failed.
 */
int payload_start(struct payload *payload);

/*
 * Takes all children of this process that die, and notes the payload's end on the slate. True:
 * nobody is left; false: somebody is, longer after the payload than the spec allows. `ready` is
 * called whenever `fd` (-1: none) can be read; when it returns true it allows nothing any more.
 * SIGCHLD must be blocked.
 */
bool payload_watch(const struct payload *payload, int fd,
		   bool (*ready)(const struct payload *payload, int fd));

#endif
