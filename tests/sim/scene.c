// SPDX-License-Identifier: Apache-2.0
/*
 * scene.c - dice for worlds. Each feature is on in a part of the seeds only, so that plain
 * worlds, in which everything can be foretold, are among them, too. Worker 0 is always there and
 * always well: every run can end.
 */
#include "tests/sim/scene.h"

#include "protocol/base/assert.h"
#include "protocol/base/rng.h"
#include "protocol/wire/ids.h"

#include <math.h>
#include <string.h>

static const struct str scene_tags[2] = { STR_LIT("arch=x86"), STR_LIT("gpu=1") };

static bool once_in(struct rng *rng, uint64_t n)
{
	return rng_below(rng, n) == 0;
}

/* What is switched on in this world. */
struct features {
	bool locks, serial, wide, depends, cycles, red, retries, disabled, listing, isolate;
	bool requires;
};

static struct features draw_features(struct rng *rng)
{
	return (struct features){
		.locks = once_in(rng, 3),
		.serial = once_in(rng, 4),
		.wide = once_in(rng, 3),
		.depends = once_in(rng, 3),
		.cycles = once_in(rng, 8),
		.red = !once_in(rng, 3),
		.retries = once_in(rng, 2),
		.disabled = once_in(rng, 4),
		.listing = once_in(rng, 5),
		.isolate = once_in(rng, 5),
		.requires = once_in(rng, 4),
	};
}

static const struct str *pick_names(struct scene *scene, struct rng *rng,
				    const struct sim_case *cases, size_t below, size_t *ret_n)
{
	size_t n = 1 + rng_below(rng, 3);
	struct str *names = arena_alloc(&scene->arena, n * sizeof(*names));
	ASSERT(names && below);
	for (size_t i = 0; i < n; i++)
		names[i] = cases[rng_below(rng, below)].listed.name;
	*ret_n = n;
	return names;
}

static const struct str *pick_locks(struct scene *scene, struct rng *rng, size_t *ret_n)
{
	static const char *const locks[] = { "port", "db", "gpu", "display" };
	size_t n = 1 + rng_below(rng, 3);
	struct str *names = arena_alloc(&scene->arena, n * sizeof(*names));
	ASSERT(names);
	for (size_t i = 0; i < n; i++)
		names[i] = str_of(locks[rng_below(rng, 4)]);
	*ret_n = n;
	return names;
}

static void draw_case(struct scene *scene, struct rng *rng, const struct features *on,
		      struct sim_case *cases, size_t at, size_t n)
{
	static const enum outcome reds[] = { OUTCOME_FAIL, OUTCOME_CRASH, OUTCOME_TIMEOUT,
					     OUTCOME_OOM,  OUTCOME_SKIP,  OUTCOME_LEAK };
	struct sim_case *item = &cases[at];
	struct msg_listed *listed = &item->listed;
	item->duration_us = (uint64_t)(20000 * exp(1.2 * rng_normal(rng)));
	if (on->red && once_in(rng, 6)) {
		item->outcome = reds[rng_below(rng, 6)];
		item->spoiled = once_in(rng, 2) ? UINT32_MAX : 1 + (uint32_t)rng_below(rng, 2);
	}
	listed->disabled = on->disabled && once_in(rng, 8);
	listed->serial = on->serial && once_in(rng, 8);
	if (on->wide && once_in(rng, 4))
		listed->processors = rng_below(rng, 7);
	if (on->locks && once_in(rng, 3))
		listed->locks = pick_locks(scene, rng, &listed->n_locks);
	size_t below = on->cycles ? n : at;
	if (on->depends && below && once_in(rng, 3))
		listed->after = pick_names(scene, rng, cases, below, &listed->n_after);
	if (on->depends && below && once_in(rng, 4))
		listed->needs = pick_names(scene, rng, cases, below, &listed->n_needs);
}

static void draw_program(struct scene *scene, struct rng *rng, const struct features *on, size_t at,
			 struct sim_program *program)
{
	static const uint64_t causes[] = { MSG_CLOSE_LISTING, MSG_CLOSE_WORKER, MSG_CLOSE_SETUP };
	size_t n = once_in(rng, 12) ? 0 : 1 + rng_below(rng, once_in(rng, 4) ? 120 : 20);
	struct sim_case *cases = arena_alloc(&scene->arena, (n + 1) * sizeof(*cases));
	ASSERT(cases);
	for (size_t i = 0; i < n; i++)
		cases[i].listed.name = str_of(arena_printf(&scene->arena, "case%zu", i));
	for (size_t i = 0; i < n; i++)
		draw_case(scene, rng, on, cases, i, n);
	*program = (struct sim_program){
		.spec = { .suite = STR_LIT("suite"),
			  .name = str_of(arena_printf(&scene->arena, "p%zu", at)),
			  .kind = STR_LIT("gtest"),
			  .path = STR_LIT("/p"),
			  .retries = on->retries ? rng_below(rng, 3) : 0,
			  .isolate = on->isolate && once_in(rng, 2) },
		.cases = cases,
		.n_cases = n,
		.list_us = 1000 + rng_below(rng, 50000),
		.startup_us = once_in(rng, 3) ? 0 : rng_below(rng, 30000),
	};
	if (on->listing && once_in(rng, 3)) {
		program->bad_listings = 1 + rng_below(rng, 4);
		program->list_cause = causes[rng_below(rng, 3)];
	}
	if (on->requires && once_in(rng, 2)) {
		size_t first = rng_below(rng, 2);
		program->spec.requires = &scene_tags[first];
		program->spec.n_requires = first ? 1 : 1 + rng_below(rng, 2);
	}
}

static void draw_history(struct rng *rng, const struct sim_program *program,
			 struct estimate_table *table)
{
	for (size_t i = 0; i < program->n_cases; i++) {
		struct buf key;
		buf_init(&key, 1024);
		int r = ids_history_key(&key, program->spec.suite, program->spec.name,
					program->cases[i].listed.name);
		struct estimate_history *history = r == 0 && !once_in(rng, 5)
							   ? estimate_table_at(table, buf_str(&key))
							   : NULL;
		for (uint64_t n = rng_below(rng, 5); history && n; n--)
			estimate_add_sample(history,
					    (uint64_t)((double)program->cases[i].duration_us *
						       exp(0.3 * rng_normal(rng))));
		if (history) {
			history->failed_last = once_in(rng, 10);
			history->isolate = once_in(rng, 15);
		}
		buf_done(&key);
	}
}

static void draw_run(struct scene *scene, struct rng *rng, size_t at)
{
	struct sim_run *run = &scene->runs[at];
	struct features on = draw_features(rng);
	size_t n = 1 + rng_below(rng, SCENE_PROGRAMS_MAX);
	struct sim_program *programs = arena_alloc(&scene->arena, n * sizeof(*programs));
	ASSERT(programs);
	scene->cyclic = scene->cyclic || (on.depends && on.cycles);
	for (size_t i = 0; i < n; i++) {
		draw_program(scene, rng, &on, i, &programs[i]);
		if (!once_in(rng, 3))
			draw_history(rng, &programs[i], &scene->histories[at]);
	}
	*run = (struct sim_run){
		.programs = programs,
		.n_programs = n,
		.history = &scene->histories[at],
		.at_us = rng_below(rng, 300000),
		.submit = { .seed = rng_next(rng),
			    .shuffle = once_in(rng, 6),
			    .priority = rng_below(rng, 2),
			    .no_tests = rng_below(rng, 3) },
	};
	if (once_in(rng, 6))
		run->submit.repeat = 2 + rng_below(rng, 3);
	if (once_in(rng, 8))
		run->submit.max_fail = 1 + rng_below(rng, 4);
	if (once_in(rng, 16))
		run->submit.max_fail_percent = 1 + rng_below(rng, 50);
	run->submit.fail_immediate = once_in(rng, 2);
	if (once_in(rng, 8))
		run->submit.deadline_us = 1 + rng_below(rng, 2000000);
	if (once_in(rng, 8)) {
		run->stop_us = run->at_us + 1 + rng_below(rng, 1500000);
		run->stop_code = once_in(rng, 2) ? EXIT_CODE_INCOMPLETE : EXIT_CODE_OK;
		run->stop_immediate = once_in(rng, 2);
	}
	if (once_in(rng, 3))
		run->submit.slow_us = 1 + rng_below(rng, 300000);
	if (once_in(rng, 8))
		run->submit.partition = STR_LIT("time:1/2");
	scene->stopped[at] = run->stop_us || run->submit.deadline_us || run->submit.max_fail ||
			     run->submit.max_fail_percent;
}

static void draw_worker(struct scene *scene, struct rng *rng, size_t at)
{
	struct sim_worker *worker = &scene->workers[at];
	*worker = (struct sim_worker){
		.slots = 1 + rng_below(rng, 4),
		.slowness = once_in(rng, 4) ? 1 + 3 * rng_unit(rng) : 0,
		.join_us = once_in(rng, 2) ? 0 : rng_below(rng, 500000),
	};
	worker->tags = scene_tags;
	worker->n_tags = 2;
	if (at == 0)
		return;
	if (once_in(rng, 3)) {
		worker->tags = &scene_tags[rng_below(rng, 2)];
		worker->n_tags = rng_below(rng, 2);
	}
	if (once_in(rng, 3)) {
		worker->silent_us = worker->join_us + 1 + rng_below(rng, 1500000);
		worker->proven = once_in(rng, 2);
		if (!once_in(rng, 3))
			worker->back_us = worker->silent_us + 1 +
					  rng_below(rng, once_in(rng, 2) ? 1000000 : 40000000);
		scene->faulty = true;
	} else if (once_in(rng, 5)) {
		worker->drain_us = worker->join_us + 1 + rng_below(rng, 1000000);
		if (once_in(rng, 2))
			worker->evict_us = worker->drain_us + 1 + rng_below(rng, 300000);
	} else if (once_in(rng, 5)) {
		worker->ruins = 1;
		worker->slowness = 0.05;
		scene->faulty = true;
	}
}

void scene_init(struct scene *scene, uint64_t seed)
{
	struct rng rng;
	memset(scene, 0, sizeof(*scene));
	rng_seed(&rng, seed);
	size_t n_runs = once_in(&rng, 5) ? 2 : 1,
	       n_workers = 1 + rng_below(&rng, SCENE_WORKERS_MAX);
	for (size_t i = 0; i < n_runs; i++)
		draw_run(scene, &rng, i);
	for (size_t i = 0; i < n_workers; i++)
		draw_worker(scene, &rng, i);
	scene->world = (struct sim_world){
		.runs = scene->runs,
		.n_runs = n_runs,
		.workers = scene->workers,
		.n_workers = n_workers,
		.seed = rng_next(&rng),
		.noise = once_in(&rng, 2) ? 0.3 : 0,
		.duplicate = once_in(&rng, 4) ? 0.1 : 0,
		.cut = once_in(&rng, 8) ? 0.02 : 0,
		.restart = once_in(&rng, 2) ? 0.01 * (double)(1 + rng_below(&rng, 3)) : 0,
		.full = once_in(&rng, 3) ? 0.005 : 0,
		.handover_us = rng_below(&rng, 2000),
		.quarantine = true,
		.give_up_us = UINT64_C(3600) * 1000000,
	};
	bool beats = scene->faulty || once_in(&rng, 4) || scene->world.restart > 0;
	scene->world.beat_us = beats ? 1000000 : 0;
	scene->faulty = scene->faulty || scene->world.cut > 0 || scene->world.duplicate > 0;
}

void scene_done(struct scene *scene)
{
	for (size_t i = 0; i < SCENE_RUNS_MAX; i++)
		estimate_table_done(&scene->histories[i]);
	arena_done(&scene->arena);
}
