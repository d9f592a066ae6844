// SPDX-License-Identifier: Apache-2.0
/* payload.h - from a built sandbox (or none) to the payload's exec. */
#ifndef PADDOCK_SANDBOX_PAYLOAD_H
#define PADDOCK_SANDBOX_PAYLOAD_H

#include <sys/types.h>

#include "sandbox/box.h"
#include "sandbox/filter.h"
#include "sandbox/slate.h"

/* Who the payload is inside; NULL in struct payload: it stays what we are, with all we may (level
 * off). */
struct payload_identity {
	int userns_fd;
	uid_t uid; /* inside */
	gid_t gid;
	const gid_t *groups;
	size_t n_groups;
	bool set_groups;      /* the kernel lets us */
	bool count_processes; /* RLIMIT_NPROC stands in for a pids cgroup */
	bool prefer_for_oom;  /* so that a full cgroup costs the payload, not its init */
	const struct filter *filter;
};

struct payload {
	const struct box_spec *spec;
	const char *cwd;
	const char *const *envp;
	const int *fds;
	size_t n_fds;
	int null_fd;
	const struct payload_identity *identity;
	struct slate *slate;
};

/*
 * Starts the payload as a child of the caller, sharing its memory until exec (no page tables are
 * copied). Returns its pid, or -errno with the slate saying which step failed. Blocks until exec or
 * failure; reaps a child that failed.
 */
pid_t payload_start(const struct payload *payload);

#endif
