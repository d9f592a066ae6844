// SPDX-License-Identifier: Apache-2.0
/*
 * draw.h - one program of lognormal cases with a history, the stuff of most measurements of
 * policies.
 */
#ifndef PADDOCK_TESTS_SIM_DRAW_H
#define PADDOCK_TESTS_SIM_DRAW_H

#include "coordinator/sim/sim.h"

#include <stdint.h>

struct draw_options {
	uint64_t seed;
	size_t cases;
	uint64_t median_us;
	double deviation; /* of the logarithm of the durations */
	double noise;	  /* of the logarithm of each sample of the history */
	double unseen;	  /* part of the cases that history does not know */
	uint64_t
		/* of a process; 0: a process per case, its start-up within its duration */
		startup_us;
	uint64_t slots, workers; /* slots of each */
	uint64_t slow_us;	 /* of the run: longer cases are told */
	double slow;		 /* part of the workers that take twice as long */
};

struct draw {
	struct sim_world world;
	struct sim_run run;
	struct sim_program program;
	struct sim_worker *workers;
	struct sim_case *cases;
	struct estimate_table history;
	char (*names)[24];
};

/* Build the world. */
void draw_init(struct draw *draw, const struct draw_options *options);

/* Free it. */
void draw_done(struct draw *draw);

/*
 * Let it run; asserts that it ends well. Returns makespan divided by the lower bound of the true
 * durations.
 */
double draw_ratio(struct draw *draw, struct sim_result *ret_result, struct sim_cost *ret_cost);

#endif
