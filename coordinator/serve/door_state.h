// SPDX-License-Identifier: Apache-2.0
/* door_state.h - the door's struct, shared by door.c and knock.c alone. */
#ifndef PADDOCK_SERVE_DOOR_STATE_H
#define PADDOCK_SERVE_DOOR_STATE_H

#include "coordinator/serve/audit.h"
#include "coordinator/serve/keyring.h"
#include "protocol/base/buf.h"
#include "protocol/wire/auth.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* So many at once, and so many a second from then on. */
struct door_limit {
	unsigned burst, per_s;
	uint64_t since_us; /* what was saved up counts from here */
	uint64_t refused;  /* since the last that was let through */
};

struct door {
	struct auth_pair own;
	struct keyring *keyring;
	struct audit *audit; /* borrowed */
	struct door_limit handshakes, notices;
	size_t pending;	   /* sessions whose owner has not spoken yet */
	bool ring_broken;  /* the keyring cannot be read: nobody new comes in */
	struct buf opened; /* the message that came: valid until the next frame */
	struct buf sealed; /* the frame that goes out, for a moment */
};

/* May one more pass at now_us? Counts it. */
bool door_take(struct door_limit *limit, uint64_t now_us);

/* Tell the log and the audit log of somebody who was not let in; both in bounded numbers. */
void door_notice(struct door *door, uint64_t now_us, const char *who, const char *why);

#endif
