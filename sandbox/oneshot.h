// SPDX-License-Identifier: Apache-2.0
/* oneshot.h - one sandbox with a keeper of its own. */
#ifndef PADDOCK_SANDBOX_ONESHOT_H
#define PADDOCK_SANDBOX_ONESHOT_H

#include "sandbox/box.h"

/*
 * Runs one valid spec on our own descriptors 0, 1 and 2 to its end. The usual
 * terminal signals end it: TERM and its grace first, KILL when they come again; they stay blocked
 * afterwards. 0 with the record, or -errno with `err` when there was no keeper. Blocks for the
 * payload.
 */
int oneshot_run(const struct box_spec *spec, struct box_result *ret_result, struct box_error *err);

#endif
