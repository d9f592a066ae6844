// SPDX-License-Identifier: Apache-2.0
/* client.h - what the one-shot program needs of the client besides box.h. */
#ifndef PADDOCK_SANDBOX_CLIENT_H
#define PADDOCK_SANDBOX_CLIENT_H

#include <sys/types.h>

#include "sandbox/box.h"

/*
 * A handle for a keeper that was forked, not executed: `fd` is our end of its socket, `keeper` its pid; both belong to
 * the handle from here on, also on failure. 0 or -errno with `err` filled. Blocks for its hello.
 */
int client_adopt(int fd, pid_t keeper, unsigned slots, struct box **ret_box, struct box_error *err);

#endif
