// SPDX-License-Identifier: Apache-2.0
/* zygote.h - the process of a slot that sandboxes are cloned from. */
#ifndef PADDOCK_SANDBOX_ZYGOTE_H
#define PADDOCK_SANDBOX_ZYGOTE_H

#include "sandbox/filter.h"
#include "sandbox/ids.h"
#include "sandbox/layout.h"
#include "sandbox/slate.h"

enum { ZYGOTE_GROUPS_MAX = 64 };

/* What is the same for every slot of a keeper; made once by zygote_host_init. */
struct zygote_host {
	struct layout_host layout;
	struct filter filters[BOX_LEVEL_MAX];
	struct ids_map own_uids; /* the ids the keeper's own user namespace has */
	struct ids_map own_gids;
	uint32_t uid;
	uint32_t gid;
	gid_t groups[ZYGOTE_GROUPS_MAX];
	size_t n_groups;
	bool root; /* uid 0 with CAP_SYS_ADMIN: builds sandboxes without an outer user namespace */
	int null_fd;
	char name[64]; /* of the user; "" when it has none */
	char home[PATH_MAX];
};

/* Learns about this host and compiles the filters. 0 or -errno. `null_fd` stays the caller's. */
int zygote_host_init(struct zygote_host *host, int null_fd);

struct zygote_slot {
	const struct zygote_host *host;
	struct slate *slate;
	unsigned slot;
	bool count_processes; /* no pids cgroup: RLIMIT_NPROC instead */
};

/*
 * Forks a zygote. Returns its pid and the keeper's end of its socket, or -errno. It takes SPAWN
 * packets one at a time: a sandbox's init becomes a child of the caller, with its pid on the slate;
 * a failure before that, and the end of a bare run, are told by a RESULT head. It ends with its
 * socket.
 */
pid_t zygote_start(const struct zygote_slot *slot, int *ret_sock);

#endif
