// SPDX-License-Identifier: Apache-2.0
/*
 * desk.h - a core to talk to by hand, one event at a time: what cmocka tests of coordinator/core
 * share. Every call that tells the core something also drains its actions: orders wait in
 * `orders` until the test deals with them, events are kept. A call that does not go as the test
 * says fails the test.
 */
#ifndef PADDOCK_TESTS_KIT_DESK_H
#define PADDOCK_TESTS_KIT_DESK_H

#include "coordinator/core/core.h"
#include "protocol/base/arena.h"

#include <stddef.h>

#define DESK_S UINT64_C(1000000)

/* An order as it was received, copied: an assignment, or a cancel. */
struct desk_order {
	uint64_t worker, attempt, epoch;
	bool list, cancel;
	uint64_t retry, n_cases;
	uint32_t index[16];
	char names[16][32];
};

struct desk {
	struct core *core;
	uint64_t now_us, run;
	struct arena arena;
	struct {
		struct desk_order *items;
		size_t len, cap;
	} orders; /* not yet dealt with by the test */
	struct {
		struct msg_run_event *items;
		size_t len, cap;
	} events; /* texts in the arena */
	bool done;
	int exit_code;
};

/* For cmocka_unit_test_setup_teardown: *state becomes a desk at 100 s of its clock. */
int desk_setup(void **state);
int desk_teardown(void **state); /* frees it */

/* Take the core's actions: after calls that a test makes itself. */
void desk_drain(struct desk *desk);

/* A worker joins. Its number. */
uint64_t desk_join(struct desk *desk, const char *name, uint64_t slots);

/*
 * Submit programs "a", "b", "c" (the first n) of suite "s" with these options. The run is
 * desk->run from here on.
 */
void desk_submit(struct desk *desk, struct msg_submit submission, size_t n_programs,
		 uint64_t retries);

/* The oldest order not dealt with. */
struct desk_order desk_next(struct desk *desk);

/* Tell an event of an order's attempt. What core_worker_event returned. */
int desk_tell(struct desk *desk, const struct desk_order *order, struct msg_event event);

/* The attempt is over, with the message "why". */
void desk_close(struct desk *desk, const struct desk_order *order, enum msg_close_cause cause);

/* Answer the oldest order, a listing, with these cases. */
void desk_list(struct desk *desk, struct msg_listed *listed, size_t n);

/* The order's case number `at` ends after 100 ms. */
void desk_end(struct desk *desk, const struct desk_order *order, size_t at, enum outcome outcome);

/* Run the oldest order whole: all its cases end so. Returns it. */
struct desk_order desk_run(struct desk *desk, enum outcome outcome);

/* How many events of a kind there were. */
size_t desk_count(const struct desk *desk, enum msg_run_kind kind);

/* The last event of a kind, about the case `name` (NULL: any). Fails when there is none. */
const struct msg_run_event *desk_last(const struct desk *desk, enum msg_run_kind kind,
				      const char *name);

/* The final outcome of a case. */
enum outcome desk_verdict(const struct desk *desk, const char *name);

/* The run ended with this exit code and so many verdicts. */
void desk_expect_end(const struct desk *desk, int exit_code, size_t verdicts);

#endif
