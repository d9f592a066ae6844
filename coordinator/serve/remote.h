// SPDX-License-Identifier: Apache-2.0
/* remote.h - a run through a coordinator elsewhere: submit, watch, stop. */
#ifndef PADDOCK_SERVE_REMOTE_H
#define PADDOCK_SERVE_REMOTE_H

#include "coordinator/serve/embed.h"

/* Which coordinator, and who asks. */
struct remote_options {
	const char *url;   /* of its control endpoint */
	const char *token; /* file of a token, for first contact; NULL: none */
	bool insecure;	   /* without keys, to an address of this machine only */
};

enum { REMOTE_NAME_BYTES = 320 };

/* What a client calls itself: the user and the machine, whose runs share a quota. Returns out. */
const char *remote_client_name(char out[REMOTE_NAME_BYTES]);

/* May this address be spoken to so? 0, or -EINVAL or -EPERM with err saying what to give. */
int remote_check_address(const char *url, bool insecure, struct err *err);

/*
 * As embed_run, but through a coordinator; options->jobs and the store are not used. Programs are
 * signed by the key that was enrolled. Unreachable for 20 s: 111.
 */
int remote_run(const struct remote_options *where, const struct embed_options *options,
	       const struct msg_submit *submit, struct err *err);

#endif
