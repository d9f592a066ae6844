// SPDX-License-Identifier: Apache-2.0
/* off.h - a payload without a sandbox, still with an end that is an end. */
#ifndef PADDOCK_SANDBOX_OFF_H
#define PADDOCK_SANDBOX_OFF_H

#include "sandbox/payload.h"

/*
 * Runs a bare payload to its end and kills whatever it left. `sock` is the zygote's: a KILL packet
 * there sends its signal, its end kills all and exits. The caller is a subreaper with SIGCHLD
 * blocked. Blocks until nothing of the payload lives; the slate has the record.
 */
void off_run(struct payload *payload, int sock);

#endif
