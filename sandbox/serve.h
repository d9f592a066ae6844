// SPDX-License-Identifier: Apache-2.0
/* serve.h - the keeper: the process that serves an owner with sandboxes. */
#ifndef PADDOCK_SANDBOX_SERVE_H
#define PADDOCK_SANDBOX_SERVE_H

#include <stdbool.h>

/*
 * Serves the owner at the other end of PROTO_FD until it closes; then everything is killed and
 * reaped. Returns the exit code. `on_demand`: cgroups are made only when a limit is asked for.
 */
int serve_run(unsigned slots, bool on_demand);

/* The build this program is of: the id that owner and keeper compare. */
const char *serve_build(void);

#endif
