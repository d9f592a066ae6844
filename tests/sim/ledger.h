// SPDX-License-Identifier: Apache-2.0
/*
 * ledger.h - an independent book about a simulation, kept from the outside: who holds which case,
 * which locks are taken, which verdicts were given. It knows the rules of the contract and
 * nothing of how the core keeps them.
 */
#ifndef PADDOCK_TESTS_SIM_LEDGER_H
#define PADDOCK_TESTS_SIM_LEDGER_H

#include "coordinator/sim/sim.h"

#include <stdbool.h>
#include <stdint.h>

struct ledger;

/* A book about `world`, to be written by ledger_observer's calls. */
struct ledger *ledger_new(const struct sim_world *world);

/* Free it. Accepts NULL. */
void ledger_free(struct ledger *ledger);

/* What to give to the world. Valid as long as the ledger. */
const struct sim_observer *ledger_observer(const struct ledger *ledger);

/*
 * Close the book: compare with what the simulation returned. NULL when every rule was kept, else
 * the first broken one.
 */
const char *ledger_close(struct ledger *ledger, const struct sim_result *results);

/* A hash of everything that was seen, in order: equal for equal runs. */
uint64_t ledger_hash(const struct ledger *ledger);

/*
 * Final outcome of case `name` of `program` in run `run`, by its first repetition; OUTCOME_MAX
 * when it has none.
 */
enum outcome ledger_outcome(const struct ledger *ledger, size_t run, struct str program,
			    struct str name);

/* Was its final verdict called flaky? */
bool ledger_flaky(const struct ledger *ledger, size_t run, struct str program, struct str name);

#endif
