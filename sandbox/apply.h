// SPDX-License-Identifier: Apache-2.0
/* apply.h - carries out a layout, in the child that becomes a sandbox's init. */
#ifndef PADDOCK_SANDBOX_APPLY_H
#define PADDOCK_SANDBOX_APPLY_H

#include "sandbox/ids.h"
#include "sandbox/layout.h"
#include "sandbox/slate.h"

struct apply {
	const struct layout *layout;
	struct slate *slate;
	int template_fd; /* mount namespace to start from */
	int idmap_fd;	 /* user namespace for id-mapped mounts; -1: not possible here */
	bool user_xattr; /* overlayfs must keep its marks in user.* (no CAP_SYS_ADMIN in the first
			    namespace) */
	uint32_t uid;	 /* the payload's ids, in our own numbers */
	uint32_t gid;
	uint32_t tty_gid;	 /* IDS_NONE: not mapped */
	int fds[LAYOUT_OPS_MAX]; /* per operation: what it opened, or -1 */
};

/* Opens every workspace and bind in the host's view. Call before apply_build. 0 or -errno with the
 * slate filled. */
int apply_open(struct apply *apply);

/* Enters a private copy of the template and builds the tree. 0 or -errno with the slate filled. */
int apply_build(struct apply *apply);

#endif
