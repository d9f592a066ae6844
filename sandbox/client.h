// SPDX-License-Identifier: Apache-2.0
/* client.h - what the one-shot program needs of the client besides box.h. */
#ifndef PADDOCK_SANDBOX_CLIENT_H
#define PADDOCK_SANDBOX_CLIENT_H

#include "sandbox/box.h"

/* box_open with one more option for the keeper; NULL: none. */
int client_open(const char *program, unsigned slots, const char *extra, struct box **ret_box,
		struct box_error *err);

#endif
