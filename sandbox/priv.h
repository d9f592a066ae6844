// SPDX-License-Identifier: Apache-2.0
/* priv.h - giving up rights for good. */
#ifndef PADDOCK_SANDBOX_PRIV_H
#define PADDOCK_SANDBOX_PRIV_H

#include <stdbool.h>

/* Drops every capability: ambient, bounding, inheritable, permitted, effective; sets no_new_privs.
 * 0 or -errno. */
int priv_drop(void);

/* Whether this process has the rights to mount and to take other ids in effect. */
bool priv_is_admin(void);

#endif
