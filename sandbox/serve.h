// SPDX-License-Identifier: Apache-2.0
/* serve.h - the keeper: the process that sandboxes belong to. */
#ifndef PADDOCK_SANDBOX_SERVE_H
#define PADDOCK_SANDBOX_SERVE_H

#include "sandbox/box.h"

/* Serves the owner at the other end of PROTO_FD until it closes; then everything is killed and
 * reaped. Returns the exit code. */
int serve_run(unsigned slots);

/*
 * Is the keeper of one run of a valid spec, on our own descriptors 0, 1 and 2, or, with
 * output_bytes, on pipes from which so much is passed on to those; control groups are made only for
 * a limit. The usual terminal signals end it: TERM and its grace first, KILL when they come again;
 * they stay blocked afterwards. 0 with the record, or -errno. Blocks for the payload; it dies with
 * us.
 */
int serve_once(const struct box_spec *spec, uint64_t output_bytes, struct box_result *ret_result);

#endif
