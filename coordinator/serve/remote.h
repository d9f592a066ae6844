// SPDX-License-Identifier: Apache-2.0
/* remote.h - a run through a coordinator elsewhere: submit, watch, stop. */
#ifndef PADDOCK_SERVE_REMOTE_H
#define PADDOCK_SERVE_REMOTE_H

#include "coordinator/serve/embed.h"

/*
 * As embed_run, but through the coordinator at `url`; options->jobs and the store are not used.
 * Without `insecure` nothing is sent (keys come later); with it only to an address of this machine.
 * Unreachable for 20 s: 111.
 */
int remote_run(const char *url, bool insecure, const struct embed_options *options,
	       const struct msg_submit *submit, struct err *err);

#endif
