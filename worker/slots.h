// SPDX-License-Identifier: Apache-2.0
/*
 * slots.h - the slots of a worker: who is free, who runs what, and the keeper that serves them all.
 */
#ifndef PADDOCK_WORKER_SLOTS_H
#define PADDOCK_WORKER_SLOTS_H

#include "protocol/base/err.h"
#include "protocol/base/loop.h"
#include "protocol/wire/msg.h"
#include "protocol/wire/warrant.h"
#include "worker/spool.h"

#include <stdbool.h>
#include <stdint.h>

struct inputs;
struct slots;

struct slots_options {
	struct loop *loop;
	struct spool *spool;
	unsigned n;
	const char *worker;		   /* name */
	const char *box_program;	   /* absolute path of paddock-box */
	const struct warrant_trust *trust; /* whose programs to run; NULL: anybody's */
	uint64_t cache_bytes;		   /* most that is kept of what runs are given */
};

/*
 * Start the keeper and make the slots' folders. Call before the process opens any channel: those
 * start a thread. Texts and the loop are borrowed. 0 with a handle the caller frees, or -errno with
 * err.
 */
int slots_new(const struct slots_options *options, struct slots **ret_slots, struct err *err);

/* Kill what runs, end the keeper, remove the folders. Accepts NULL. */
void slots_free(struct slots *slots);

/* How many are idle; all are when this is slots_count. */
unsigned slots_idle(const struct slots *slots);
unsigned slots_count(const struct slots *slots); /* how many there are */

/* The trees that its attempts need; the slots' own. */
struct inputs *slots_inputs(const struct slots *slots);

/* How many attempts have closed so far: whether a slot was freed meanwhile. */
uint64_t slots_closed(const struct slots *slots);

/* Give an order to an idle slot. One that runs already is ignored; without an idle slot it closes
 * at once, in the spool. */
void slots_assign(struct slots *slots, const struct msg_assign *assign);

/* Kill an attempt, if it is here. */
void slots_cancel(struct slots *slots, uint64_t attempt, uint64_t epoch);

/* Kill all that run. */
void slots_cancel_all(struct slots *slots);

/* What runs, at most slots_count entries. Returns how many. */
size_t slots_running(const struct slots *slots, struct msg_running *ret_running);

/* After each round of the loop: tell more of what ended processes left; stop reading from payloads
 * while the spool is full, go on when it has room. */
void slots_step(struct slots *slots);

/* Has the keeper died without a successor? Then no order can be carried out here. */
bool slots_are_broken(const struct slots *slots);

#endif
