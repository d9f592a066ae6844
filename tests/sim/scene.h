// SPDX-License-Identifier: Apache-2.0
/*
 * scene.h - a random world for the simulator: programs with locks, dependencies, serial and wide
 * cases, red and crashing ones, listings that fail, workers that fall silent, return, drain or
 * are lost, runs that are stopped. All of it follows from the seed.
 */
#ifndef PADDOCK_TESTS_SIM_SCENE_H
#define PADDOCK_TESTS_SIM_SCENE_H

#include "coordinator/sim/sim.h"

#include <stdbool.h>
#include <stdint.h>

enum { SCENE_RUNS_MAX = 2, SCENE_WORKERS_MAX = 5, SCENE_PROGRAMS_MAX = 6 };

struct scene {
	struct sim_world world;
	struct sim_run runs[SCENE_RUNS_MAX];
	struct sim_worker workers[SCENE_WORKERS_MAX];
	struct estimate_table histories[SCENE_RUNS_MAX];
	bool faulty; /* attempts may be lost or cut off: outcomes cannot be foretold */
	bool stopped[SCENE_RUNS_MAX]; /* this run may be stopped */
	bool cyclic;		      /* some dependencies may form a circle */
	struct arena arena;
};

/* Build the scene of a seed. */
void scene_init(struct scene *scene, uint64_t seed);

/* Free it. */
void scene_done(struct scene *scene);

#endif
