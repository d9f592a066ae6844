// SPDX-License-Identifier: Apache-2.0
/* priv.h - giving up rights for good. */
#ifndef PADDOCK_SANDBOX_PRIV_H
#define PADDOCK_SANDBOX_PRIV_H

/* Drops every capability: ambient, bounding, inheritable, permitted, effective; sets no_new_privs.
 * 0 or -errno. */
int priv_drop(void);

/* Whether this process has the capability called `name` (as in "cap_sys_admin") in its effective
 * set. */
int priv_has(const char *name);

#endif
