// SPDX-License-Identifier: Apache-2.0
/* host.h - what is the same for every slot of a keeper. */
#ifndef PADDOCK_SANDBOX_HOST_H
#define PADDOCK_SANDBOX_HOST_H

#include "sandbox/ids.h"
#include "sandbox/layout.h"

enum { HOST_GROUPS_MAX = 64 };

/* Made once by host_init. */
struct host {
	struct layout_host layout;
	struct ids_map own_uids; /* the ids the keeper's own user namespace has */
	struct ids_map own_gids;
	unsigned first_slot; /* as root: what our slots are counted from for their ids */
	uint32_t uid;
	uint32_t gid;
	gid_t groups[HOST_GROUPS_MAX];
	size_t n_groups; /* as root: others cannot keep theirs */
	bool root; /* uid 0 with CAP_SYS_ADMIN: builds sandboxes without an outer user namespace */
	char name[64]; /* of the user; "" when it has none */
	char home[PATH_MAX];
};

/* Learns about this host. 0 or -errno. */
int host_init(struct host *host);

#endif
