// SPDX-License-Identifier: Apache-2.0
/*
 * attempt.h - what one slot does: list a program or run a shard of it, one process after the other,
 * and tell the news. One object per slot, used again and again. An attempt that was started ends
 * with exactly one `closed` event.
 */
#ifndef PADDOCK_WORKER_ATTEMPT_H
#define PADDOCK_WORKER_ATTEMPT_H

#include "protocol/base/loop.h"
#include "protocol/wire/msg.h"
#include "sandbox/box.h"
#include "worker/inputs.h"
#include "worker/payload.h"
#include "worker/spool.h"
#include "worker/stage.h"

#include <stdbool.h>
#include <stdint.h>

/* What all attempts of a worker share; outlives them. */
struct attempt_host {
	struct loop *loop;
	struct payload_host payload;
	struct spool *spool;
	struct stage *stage;
	struct inputs *inputs;
	const char *worker;	/* name, for the tests' environment */
	const char *machine_id; /* see outfit.h */
	uint64_t closed;	/* attempts closed so far */
};

struct attempt;

/* An idle attempt of a slot; the caller frees it. NULL on no memory. */
struct attempt *attempt_new(struct attempt_host *host, unsigned slot);

/* Free it; what runs must have ended or been dropped. Accepts NULL. */
void attempt_free(struct attempt *attempt);

/* Is it at work? */
bool attempt_is_busy(const struct attempt *attempt);

/* Its number and epoch; only while it is busy. */
struct msg_running attempt_running(const struct attempt *attempt);

/* Begin what the order says, which is copied. May be over when this returns. Only while idle. Does
 * not block, but for reading files. */
void attempt_start(struct attempt *attempt, const struct msg_assign *assign);

/* Kill it without verdicts; it closes as cancelled when its payload is gone. */
void attempt_cancel(struct attempt *attempt);

/* The keeper's result for this slot came. Results of payloads it does not know are ignored. */
void attempt_result(struct attempt *attempt, const struct box_result *result);

/* The keeper died, and the payload with it: close with `reason`. Nothing happens when idle. */
void attempt_lost(struct attempt *attempt, const char *reason);

/* After each round of the loop: a process that is over may have left what is not told yet. */
void attempt_go_on(struct attempt *attempt);

/* Stop reading what the payload writes, or go on. */
void attempt_pause(struct attempt *attempt, bool paused);

#endif
