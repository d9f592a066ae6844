// SPDX-License-Identifier: Apache-2.0
/* mount.h - the template: a prebuilt mount namespace every run of a slot starts from. */
#ifndef PADDOCK_SANDBOX_MOUNT_H
#define PADDOCK_SANDBOX_MOUNT_H

#include "sandbox/slate.h"

/*
 * Builds the template in a short-lived child: the host's tree, all of it read-only and nosuid,
 * nodev, with a small /dev of its own; the old root is already gone. Returns an fd of its mount
 * namespace, or -errno with the slate filled. Blocks for about a millisecond. Call with
 * CAP_SYS_ADMIN over the current namespaces.
 */
int mount_template(struct slate *slate);

#endif
