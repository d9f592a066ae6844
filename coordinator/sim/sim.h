// SPDX-License-Identifier: Apache-2.0
/*
 * sim.h - the core under a virtual clock with virtual workers. The core is the one that serves:
 * nothing of its decisions is modelled here, only what surrounds it: how long listings, start-ups
 * and cases take, when workers come, fall silent and return, and what gets lost or arrives twice
 * on the way. The same world and seed give the same run, event by event.
 */
#ifndef PADDOCK_SIM_SIM_H
#define PADDOCK_SIM_SIM_H

#include "coordinator/core/core.h"
#include "coordinator/plan/estimate.h"
#include "protocol/base/err.h"
#include "protocol/wire/msg.h"
#include "protocol/wire/outcome.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is true of a case, whatever anybody expects of it. */
struct sim_case {
	struct msg_listed listed; /* its `detail` is overwritten on the way */
	uint64_t duration_us;
	enum outcome outcome; /* of its first `spoiled` attempts; later ones pass */
	uint32_t spoiled;
};

struct sim_program {
	struct msg_program spec; /* its `workspace` is overwritten on the way */
	const struct sim_case *cases;
	size_t n_cases;
	uint64_t list_us, startup_us; /* of one listing, of each process */
	uint64_t bad_listings;	      /* the first so many listings close with list_cause */
	uint64_t list_cause;	      /* enum msg_close_cause */
};

struct sim_run {
	struct msg_submit submit; /* without programs */
	const struct sim_program *programs;
	size_t n_programs;
	struct estimate_table *history; /* taken over as core_run_submit does; may be NULL */
	uint64_t at_us;
	uint64_t stop_us; /* core_run_stop then; 0: never */
	int stop_code;
	bool stop_immediate;
};

struct sim_worker {
	uint64_t slots;
	double slowness; /* factor of every duration; 0 is 1 */
	uint64_t join_us;
	uint64_t silent_us; /* nothing is heard of it from here on; 0: never */
	uint64_t back_us;   /* ... until here, when all it had to say arrives; 0: never */
	bool proven; /* the coordinator is told at once that it is gone, and back is a new hello */
	uint64_t drain_us; /* it takes no more from here on; 0: never */
	uint64_t evict_us; /* with that: what it still runs then runs elsewhere; 0: never */
	double ruins; /* probability that a case is red for no other reason than running here */
	const struct str *tags;
	size_t n_tags;
};

/*
 * What an observer sees, all in order of virtual time. Any slot may be NULL; none may call the
 * simulation.
 */
struct sim_observer {
	/*
	 * A worker of the world joined and got this number from the core; a return is a new
	 * number.
	 */
	void (*joined)(void *data, uint64_t number, uint32_t worker);
	/* The core did something. A run is named after its place in the world. */
	void (*action)(void *data, uint64_t now_us, const struct core_action *action);
	/* An event of a worker is about to reach the core (duplicates come again). */
	void (*event)(void *data, uint64_t now_us, uint64_t worker, const struct msg_event *event);
	/* The core gave a worker up. What it ran is lost from here on; may come more than once. */
	void (*left)(void *data, uint64_t now_us, uint64_t worker);
	/* The coordinator died; one that knows what the first had journalled serves from now on. */
	void (*restarted)(void *data);
	/* A run that was not over has this number now. */
	void (*restored)(void *data, size_t run, uint64_t number);
	/* An attempt of before goes on at a worker that joined anew. */
	void (*adopted)(void *data, uint64_t attempt, uint64_t worker);
	void *data;
};

struct sim_world {
	const struct sim_run *runs;
	size_t n_runs;
	const struct sim_worker *workers;
	size_t n_workers;
	uint64_t seed;
	double noise;	  /* deviation of the logarithm of each duration */
	double duplicate; /* probability that an event arrives twice */
	double cut; /* probability that a shard breaks off with its worker's failure after a case */
	double restart; /* probability that the coordinator dies whenever it decided something */
	double full;	/* with restart: ... that the disk is full then, for some seconds */
	uint64_t handover_us; /* from a decision to the first thing the worker does about it */
	uint64_t
		/* what each case costs beside its own duration: sandbox, reading, reporting */
		case_us;
	bool quarantine;  /* of core_options */
	uint64_t beat_us; /* a worker is heard so often; 0: leases never run out */
	uint64_t
		/* virtual time after which a run that has not ended never will; 0: a year */
		give_up_us;
	const struct sim_observer *observer; /* NULL: nobody */
};

/* How one run went; what the core reported at its end. */
struct sim_result {
	bool ended;
	int exit_code;
	uint64_t makespan_us, bound_us, busy_us, slots;
	uint64_t verdicts; /* final ones */
	uint64_t outcomes[OUTCOME_MAX];
	uint64_t work_us; /* sum of the durations of all attempts at cases */
	uint64_t shards;  /* handed out, listings not counted */
	uint64_t steps;	  /* comparisons of the core's queues */
	char bounded_by[256];
};

/* The cost of the simulation itself. */
struct sim_cost {
	uint64_t events; /* virtual things that happened */
	uint64_t steps;	 /* comparisons of the agenda */
	uint64_t restarts;
	uint64_t quarantined; /* workers */
	uint64_t fulls;	      /* times that the disk was full */
};

/*
 * Let the world run until all its runs ended. ret_results has n_runs entries; ret_cost may be
 * NULL. 0; -ENOMEM, or -EINVAL (a submission that the core refuses) with err. A run that did not
 * end is no error here: see `ended`.
 */
int sim_world_run(const struct sim_world *world, struct sim_result *ret_results,
		  struct sim_cost *ret_cost, struct err *err);

#endif
