// SPDX-License-Identifier: Apache-2.0
/* ns.h - user namespaces and the network of a sandbox. */
#ifndef PADDOCK_SANDBOX_NS_H
#define PADDOCK_SANDBOX_NS_H

#include <sys/types.h>

#include "sandbox/box.h"
#include "sandbox/ids.h"

/* Makes `tree`, a mount attached within this process's private mount namespace, its root, and lets
 * the old one go. The current folder becomes the new root. 0 or -errno. */
int ns_pivot(int tree);

/*
 * A user namespace with these maps, kept by fd only: payloads enter it last, so they own no other
 * namespace. Returns the fd or -errno. `gids` with a single id of an unprivileged user needs
 * setgroups denied: pass deny_setgroups. Called as root within a chroot it moves this process to a
 * mount namespace whose root shows the same files, since the kernel would refuse; the current
 * folder is then the root. A child that was needed for it may still be dying: to be waited for with
 * __WCLONE, since it sends no signal.
 */
int ns_make_user(const struct ids_map *uids, const struct ids_map *gids, bool deny_setgroups);

/*
 * For a keeper that is an ordinary user: moves this process into a user and a mount namespace of
 * its own, as 0, with the subordinate ids of `name` as 1..N through newuidmap where there are any.
 * *ret_subids is N (0: none, and setgroups is denied). 0 or -errno. Blocks for the helpers.
 */
int ns_enter_outer(const char *name, uint32_t *ret_subids);

/* The first subordinate range of user `name` (or of our id) in `file`, /etc/subuid or /etc/subgid,
 * which is keyed by the user, too. Returns its length as ids_find_sub does. */
uint32_t ns_find_subids(const char *file, const char *name, uint32_t *ret_start);

/* Moves us into a new network namespace with lo up, in which any user may bind low ports and send
 * pings; proc_fd is a /proc that can be written to. 0 or -errno. */
int ns_network(int proc_fd);

#endif
