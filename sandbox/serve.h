// SPDX-License-Identifier: Apache-2.0
/* serve.h - the keeper. */
#ifndef PADDOCK_SANDBOX_SERVE_H
#define PADDOCK_SANDBOX_SERVE_H

#include <stdbool.h>

/*
 * Serves the owner at the other end of PROTO_FD until it closes; then everything is killed and reaped. Returns the
 * exit code. `one_shot`: cgroups are made only when a limit is asked for.
 */
int serve_run(unsigned slots, bool one_shot);

#endif
