// SPDX-License-Identifier: Apache-2.0
/* apply.h - makes the template, and carries out a layout on it: the base in a zygote, what a run
 * adds in the child that becomes the sandbox's init. */
#ifndef PADDOCK_SANDBOX_APPLY_H
#define PADDOCK_SANDBOX_APPLY_H

#include "sandbox/ids.h"
#include "sandbox/layout.h"
#include "sandbox/slate.h"

struct apply {
	struct layout layout;
	struct slate *slate;
	int host_fd;	 /* the mount namespace where the host is seen */
	bool own_sys;	 /* of a network of its own */
	int scratch_fd;	 /* the scratch itself, whose places the base covers */
	int idmap_fd;	 /* user namespace for id-mapped mounts; -1: not possible here */
	bool user_xattr; /* overlayfs must keep its marks in user.* (no CAP_SYS_ADMIN in the first
			    namespace) */
	bool give;	 /* the files of the overlay are not id-mapped */
	uint32_t uid;	 /* the payload's ids, in our own numbers */
	uint32_t gid;
	uint32_t tty_gid;	 /* IDS_NONE: not mapped */
	int fds[LAYOUT_OPS_MAX]; /* per operation: what it opened, or -1 */
};

/*
 * Builds the template, a mount namespace every run of a slot starts from, and leaves this process
 * in it: the host's tree, all of it read-only and nosuid, nodev, with a small /dev of its own that
 * has the devices of `grants`, and the control groups below our own, when we are in a namespace of
 * them; the old root is already gone. 0 or -errno with the slate filled. Blocks for about a
 * millisecond. Call with CAP_SYS_ADMIN over the current namespaces.
 */
int apply_template(unsigned grants, bool own_groups, struct slate *slate);

/* Builds the base that apply->layout plans, in the template or a copy of it; sets
 * apply->scratch_fd. 0 or -errno with the slate filled. */
int apply_base(struct apply *apply);

/* Adds to the base what is an init's own, whatever its request will be: /sys of its network, /proc
 * of its processes. As apply_base. */
int apply_own(struct apply *apply);

/* Opens every workspace and bind in the host's view, and adds them and what else is the run's own
 * to the current mount namespace, which has the base. 0 or -errno with the slate filled. */
int apply_run(struct apply *apply);

#endif
