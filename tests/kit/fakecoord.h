// SPDX-License-Identifier: Apache-2.0
/*
 * fakecoord.h - a coordinator for tests of the worker: starts one real paddock-worker, gives it the
 * orders a test wants, and keeps every event it reports. No planning, no leases.
 *
 * Life:  fakecoord_start -> { fakecoord_order -> fakecoord_wait_closed }* -> fakecoord_stop
 */
#ifndef PADDOCK_TESTS_KIT_FAKECOORD_H
#define PADDOCK_TESTS_KIT_FAKECOORD_H

#include "protocol/base/arena.h"
#include "protocol/wire/msg.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct fakecoord;

/* Listen in a private folder and start PADDOCK_BIN/paddock-worker with `slots` slots. Fails the
 * test when it cannot. */
struct fakecoord *fakecoord_start(unsigned slots);

/* Give the worker an order with its next poll. Its attempt number is set here and returned. */
uint64_t fakecoord_order(struct fakecoord *coord, const struct msg_assign *assign);

/* Cancel an attempt with the next answer, at once when a poll is parked. */
void fakecoord_cancel(struct fakecoord *coord, uint64_t attempt);

/* Serve until `attempt` closed. Fails the test after 30 s. Returns its `closed` event. */
const struct msg_event *fakecoord_wait_closed(struct fakecoord *coord, uint64_t attempt);

/* Serve until an event of `kind` about `attempt` came. Fails the test after 30 s. */
const struct msg_event *fakecoord_wait(struct fakecoord *coord, uint64_t attempt,
				       enum msg_event_kind kind);

/* Serve for this long, whatever comes. */
void fakecoord_serve(struct fakecoord *coord, uint64_t for_us);

/* The events so far, oldest first; valid until the next call that serves. Returns how many. */
size_t fakecoord_events(const struct fakecoord *coord, const struct msg_event **ret_events);

/*
 * Forget the session: the worker's next request is refused and it has to join again. A report that
 * came while mute is refused only after that, before the hello is answered.
 */
void fakecoord_forget(struct fakecoord *coord);

/* While mute, reports are received but neither kept nor acknowledged. */
void fakecoord_mute(struct fakecoord *coord, bool mute);

/* How often the worker said hello. */
unsigned fakecoord_hellos(const struct fakecoord *coord);

/* The worker's process. */
pid_t fakecoord_worker(const struct fakecoord *coord);

/* SIGTERM to the worker, serve until it ended (30 s), free all. Returns its wait status. */
int fakecoord_stop(struct fakecoord *coord);

#endif
