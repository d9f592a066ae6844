// SPDX-License-Identifier: Apache-2.0
/*
 * forecast.c - from recorded runs to a world of the simulator. Two things are learned from the
 * newest run itself: when its workers came and how long listing took, and what each case cost
 * beside its own duration: a simulation of that very run is compared with the slot time it really
 * used, and the difference spread over its cases.
 *
 * Not recorded, so not foreseen: locks, serial cases, dependencies, cases that take several
 * slots, and that cases slow each other down where a worker has more slots than processors.
 */
#include "coordinator/sim/forecast.h"

#include "coordinator/sim/census.h"
#include "coordinator/sim/sim.h"
#include "protocol/base/assert.h"
#include "protocol/base/rng.h"
#include "protocol/wire/ids.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	DRAWS_MAX = 21,
	DRAWS_MIN = 3,
	DRAWN_CASES =
		/* of all draws of one pool: 1,000 cases are drawn 21 times, 100,000 four times */
	400000,
	HANDOVER_US = 500, /* measured: an order and its first event over ipc */
};

struct forecast {
	struct census census;
	struct estimate_table history;
	const struct estimate_history **known; /* per case; NULL: unseen */
	struct sim_program *programs;
	struct sim_case *cases; /* of all programs, in the census's order */
	uint64_t case_us;	/* learned: cost of a case beside its duration */
};

/* ---- building ---- */

static int find_known(struct forecast *forecast)
{
	struct buf key;
	int r = 0;
	buf_init(&key, 4 * LIMIT_NAME_BYTES);
	for (size_t i = 0; r == 0 && i < forecast->census.cases.len; i++) {
		const struct census_case *item = &forecast->census.cases.items[i];
		const struct census_program *program =
			&forecast->census.programs.items[item->program];
		buf_clear(&key);
		r = ids_history_key(&key, program->suite, program->name, item->name);
		const struct estimate_history *known = estimate_table_find(&forecast->history,
									   buf_str(&key));
		forecast->known[i] = r == 0 && known && known->n ? known : NULL;
	}
	buf_done(&key);
	return r;
}

static uint64_t startup_of(const struct forecast *forecast, const struct census_program *program)
{
	char key[2 * LIMIT_NAME_BYTES + 8];
	uint64_t startup = 0;
	snprintf(key, sizeof(key), "%.*s::%.*s", STR_ARG(program->suite), STR_ARG(program->name));
	(void)map_get(&forecast->history.startups, str_of(key), &startup);
	return startup;
}

/* The census orders cases by program: each program's are one stretch. */
static void fill_programs(struct forecast *forecast)
{
	const struct census *census = &forecast->census;
	size_t at = 0;
	for (size_t i = 0; i < census->cases.len; i++)
		forecast->cases[i].listed = (struct msg_listed){
			.name = census->cases.items[i].name, .disabled = !census->cases.items[i].ran
		};
	for (size_t p = 0; p < census->programs.len; p++) {
		const struct census_program *program = &census->programs.items[p];
		forecast->programs[p] = (struct sim_program){
			.spec = { .suite = program->suite,
				  .name = program->name,
				  .kind = program->kind,
				  .path = program->file },
			.cases = forecast->cases + at,
			.n_cases = program->cases,
			.startup_us = startup_of(forecast, program),
			.list_us = census->list_us,
		};
		at += program->cases;
	}
	ASSERT(at == census->cases.len);
}

/* ---- simulating ---- */

static int copy_history(const struct estimate_table *from, struct estimate_table *to)
{
	for (size_t i = 0; i < from->keys.len; i++) {
		struct estimate_history *copy = estimate_table_at(to, from->keys.entries[i].key);
		if (!copy)
			return -ENOMEM;
		*copy = from->histories[from->keys.entries[i].value];
	}
	for (size_t i = 0; i < from->startups.len; i++)
		if (map_put(&to->startups, from->startups.entries[i].key,
			    from->startups.entries[i].value) < 0)
			return -ENOMEM;
	return 0;
}

/* Durations for one draw; rng NULL: those of the recorded run. */
static void draw_durations(const struct forecast *forecast, struct rng *rng)
{
	for (size_t i = 0; i < forecast->census.cases.len; i++) {
		const struct estimate_history *known = forecast->known[i];
		forecast->cases[i].duration_us =
			rng && known ? known->samples_us[rng_below(rng, known->n)]
				     : forecast->census.cases.items[i].duration_us;
	}
}

static int simulate(const struct forecast *forecast, uint64_t workers, uint64_t slots,
		    struct rng *rng, struct sim_result *ret_result, struct err *err)
{
	struct estimate_table history = { 0 };
	struct sim_worker *crew = calloc(workers, sizeof(*crew));
	int r = crew ? copy_history(&forecast->history, &history) : -ENOMEM;
	draw_durations(forecast, rng);
	for (uint64_t i = 0; r == 0 && i < workers; i++)
		crew[i] = (struct sim_worker){ .slots = slots,
					       .join_us = forecast->census.join_us };
	struct sim_run run = { .programs = forecast->programs,
			       .n_programs = forecast->census.programs.len,
			       .history = &history,
			       .submit.no_tests = 2 };
	struct sim_world world = { .runs = &run,
				   .n_runs = 1,
				   .workers = crew,
				   .n_workers = workers,
				   .handover_us = HANDOVER_US,
				   .case_us = forecast->case_us };
	if (r < 0)
		err_set(err, r, "no memory for a simulation");
	else
		r = sim_world_run(&world, ret_result, NULL, err);
	ASSERT(r < 0 || ret_result->ended);
	estimate_table_done(&history);
	free(crew);
	return r;
}

/* Simulate the recorded run itself and lay what it really cost more upon its cases. */
static int calibrate(struct forecast *forecast, struct err *err)
{
	struct sim_result result;
	const struct census *census = &forecast->census;
	if (!census->busy_us || !census->slots || !census->ran)
		return 0;
	int r = simulate(forecast, 1, census->slots, NULL, &result, err);
	if (r == 0 && census->busy_us > result.busy_us)
		forecast->case_us = (census->busy_us - result.busy_us) / census->ran;
	return r;
}

int forecast_load(struct store *store, const struct str *wanted, size_t n,
		  struct forecast **ret_forecast, struct err *err)
{
	struct forecast *forecast = calloc(1, sizeof(*forecast));
	if (!forecast)
		return err_set(err, -ENOMEM, "no memory for a forecast");
	int r = census_take(&forecast->census, store, wanted, n, err);
	if (r == 0)
		r = store_load_estimates(store, NULL, 0, &forecast->history, err);
	size_t cases = forecast->census.cases.len;
	forecast->known = calloc(cases + 1, sizeof(const struct estimate_history *));
	forecast->cases = calloc(cases + 1, sizeof(*forecast->cases));
	forecast->programs = calloc(forecast->census.programs.len + 1, sizeof(*forecast->programs));
	if (r == 0 && (!forecast->known || !forecast->cases || !forecast->programs ||
		       find_known(forecast) < 0))
		r = err_set(err, -ENOMEM, "no memory for a forecast of %zu cases", cases);
	if (r == 0) {
		fill_programs(forecast);
		r = calibrate(forecast, err);
	}
	if (r < 0) {
		forecast_free(forecast);
		return r;
	}
	*ret_forecast = forecast;
	return 0;
}

void forecast_free(struct forecast *forecast)
{
	if (!forecast)
		return;
	census_done(&forecast->census);
	estimate_table_done(&forecast->history);
	free(forecast->known);
	free(forecast->cases);
	free(forecast->programs);
	free(forecast);
}

static size_t draws_of(const struct forecast *forecast)
{
	size_t draws = forecast->census.cases.len ? DRAWN_CASES / forecast->census.cases.len
						  : DRAWS_MAX;
	return draws > DRAWS_MAX ? DRAWS_MAX : draws < DRAWS_MIN ? DRAWS_MIN : draws;
}

struct forecast_basis forecast_basis(const struct forecast *forecast)
{
	struct forecast_basis basis = { .programs = forecast->census.programs.len,
					.cases = forecast->census.cases.len,
					.draws = draws_of(forecast) };
	for (size_t i = 0; i < basis.cases; i++) {
		const struct census_case *item = &forecast->census.cases.items[i];
		basis.unseen += item->ran && !forecast->known[i];
		basis.work_us += estimate_of(forecast->known[i], item->duration_us).expect_us;
	}
	memcpy(basis.run, forecast->census.run, sizeof(basis.run));
	return basis;
}

static int by_makespan(const void *a, const void *b)
{
	uint64_t x = ((const struct sim_result *)a)->makespan_us,
		 y = ((const struct sim_result *)b)->makespan_us;
	return (x > y) - (x < y);
}

int forecast_pool(const struct forecast *forecast, uint64_t workers, uint64_t slots,
		  struct forecast_row *ret_row, struct err *err)
{
	struct sim_result results[DRAWS_MAX] = { 0 };
	size_t draws = draws_of(forecast);
	struct rng rng;
	ASSERT(workers > 0 && slots > 0);
	rng_seed(&rng, 1); /* the same draws for every pool: they differ by their size alone */
	for (size_t i = 0; i < draws; i++) {
		int r = simulate(forecast, workers, slots, &rng, &results[i], err);
		if (r < 0)
			return r;
	}
	qsort(results, draws, sizeof(results[0]), by_makespan);
	const struct sim_result *median = &results[draws / 2];
	*ret_row = (struct forecast_row){
		.workers = workers,
		.slots = workers * slots,
		.makespan_us = median->makespan_us,
		.bound_us = median->bound_us,
		.busy_us = median->busy_us,
		.shards = median->shards,
		.late_us = results[(draws * 19 + 19) / 20 - 1].makespan_us,
	};
	memcpy(ret_row->bounded_by, median->bounded_by, sizeof(ret_row->bounded_by));
	return 0;
}
