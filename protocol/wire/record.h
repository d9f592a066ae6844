// SPDX-License-Identifier: Apache-2.0
/*
 * record.h - deep copies of wire records, for whoever keeps what it decoded longer than the frame.
 */
#ifndef PADDOCK_WIRE_RECORD_H
#define PADDOCK_WIRE_RECORD_H

#include "protocol/base/arena.h"
#include "protocol/wire/msg.h"

/*
 * Copy `from` to `to` (both structs of `describe`), texts and lists into the arena. 0 or -ENOMEM
 * with `to` half filled.
 */
int record_copy(const struct msg_record *describe, const void *from, void *to, struct arena *arena);

#endif
