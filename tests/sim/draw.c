// SPDX-License-Identifier: Apache-2.0
/* draw.c - builds the worlds of test_policy.c and test_cost.c. */
#include "tests/sim/draw.h"

#include "coordinator/plan/bound.h"
#include "protocol/base/assert.h"
#include "protocol/base/rng.h"
#include "protocol/wire/ids.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void know(struct draw *draw, struct rng *rng, const struct sim_case *item, double noise)
{
	struct buf key;
	buf_init(&key, 1024);
	int r = ids_history_key(&key, STR_LIT("s"), STR_LIT("p"), item->listed.name);
	struct estimate_history *history = r == 0 ? estimate_table_at(&draw->history, buf_str(&key))
						  : NULL;
	ASSERT(history);
	for (int i = 0; i < 3; i++)
		estimate_add_sample(history, (uint64_t)((double)item->duration_us *
							exp(noise * rng_normal(rng))));
	buf_done(&key);
}

void draw_init(struct draw *draw, const struct draw_options *options)
{
	struct rng rng;
	rng_seed(&rng, options->seed);
	*draw = (struct draw){ 0 };
	draw->cases = calloc(options->cases, sizeof(*draw->cases));
	draw->names = calloc(options->cases, sizeof(*draw->names));
	draw->workers = calloc(options->workers, sizeof(*draw->workers));
	ASSERT(draw->cases && draw->names && draw->workers);
	for (size_t i = 0; i < options->cases; i++) {
		double duration = (double)options->median_us *
				  exp(options->deviation * rng_normal(&rng));
		snprintf(draw->names[i], sizeof(draw->names[i]), "c%zu", i);
		draw->cases[i] = (struct sim_case){ .listed.name = str_of(draw->names[i]),
						    .duration_us = (uint64_t)duration + 1 };
		if (rng_unit(&rng) >= options->unseen)
			know(draw, &rng, &draw->cases[i], options->noise);
	}
	for (size_t i = 0; i < options->workers; i++)
		draw->workers[i] = (struct sim_worker){
			.slots = options->slots, .slowness = rng_unit(&rng) < options->slow ? 2 : 1
		};
	draw->program = (struct sim_program){ .spec = { .suite = STR_LIT("s"),
							.name = STR_LIT("p"),
							.kind = STR_LIT("gtest"),
							.path = STR_LIT("/p") },
					      .cases = draw->cases,
					      .n_cases = options->cases,
					      .startup_us = options->startup_us };
	draw->run = (struct sim_run){ .programs = &draw->program,
				      .n_programs = 1,
				      .history = &draw->history,
				      .submit.slow_us = options->slow_us };
	draw->world = (struct sim_world){ .runs = &draw->run,
					  .n_runs = 1,
					  .workers = draw->workers,
					  .n_workers = options->workers,
					  .seed = options->seed,
					  .handover_us = 300 };
}

void draw_done(struct draw *draw)
{
	estimate_table_done(&draw->history);
	free(draw->cases);
	free(draw->names);
	free(draw->workers);
}

double draw_ratio(struct draw *draw, struct sim_result *ret_result, struct sim_cost *ret_cost)
{
	struct err err = { 0 };
	uint64_t slots = 0, *durations = calloc(draw->program.n_cases, sizeof(*durations));
	int r = sim_world_run(&draw->world, ret_result, ret_cost, &err);
	ASSERT(durations && r == 0 && ret_result->ended && ret_result->exit_code == EXIT_CODE_OK);
	ASSERT(ret_result->verdicts == draw->program.n_cases);
	for (size_t i = 0; i < draw->program.n_cases; i++)
		durations[i] = draw->cases[i].duration_us;
	for (size_t i = 0; i < draw->world.n_workers; i++)
		slots += draw->workers[i].slots;
	uint64_t bound = bound_makespan_us(durations, draw->program.n_cases, slots, NULL);
	free(durations);
	return (double)ret_result->makespan_us / (double)bound;
}
