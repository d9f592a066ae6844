// SPDX-License-Identifier: Apache-2.0
/* jsonlread.h - one line of an event file (jsonl.c writes them) back into an event. Bytes are not
 * trusted. Pure. */
#ifndef PADDOCK_COORDINATOR_REPORT_JSONLREAD_H
#define PADDOCK_COORDINATOR_REPORT_JSONLREAD_H

#include "protocol/base/arena.h"
#include "protocol/base/err.h"
#include "protocol/wire/msg.h"

/*
 * Parse a line. 1: *ret_event is filled, texts in the arena; 0: an event of a kind this version
 * does not know; -EPROTO: not an event, or of a newer format; -EMSGSIZE: a text is longer than it
 * may be; -ENOMEM; with err.
 */
int jsonlread_line(struct str bytes, struct arena *arena, struct msg_run_event *ret_event,
		   struct err *err);

#endif
