// SPDX-License-Identifier: Apache-2.0
/*
 * test_seeds.c - the core in thousands of random worlds, each checked against the rules of the
 * contract by an independent ledger. PADDOCK_SEEDS=N tries N worlds from PADDOCK_SEEDS_FROM
 * on, PADDOCK_SEED=N only that one.
 *
 * ctest: timeout=120
 */
#include "tests/sim/ledger.h"
#include "tests/sim/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SEEDS = 20000 };

/* What the contract foretells of a case in a world without faults: NULL, or what is wrong. */
static const char *judge_case(const struct scene *scene, const struct ledger *ledger, size_t run,
			      const struct sim_program *program, const struct sim_case *item)
{
	static char text[256];
	enum outcome got = ledger_outcome(ledger, run, program->spec.name, item->listed.name);
	bool flaky = ledger_flaky(ledger, run, program->spec.name, item->listed.name);
	bool retried = outcome_is_retryable(item->outcome) && item->spoiled &&
		       item->spoiled <= program->spec.retries;
	enum outcome want = item->listed.disabled	? OUTCOME_SKIP
			    : item->spoiled && !retried ? item->outcome
							: OUTCOME_PASS;
	if (got == OUTCOME_NOTRUN && item->listed.n_needs)
		return NULL; /* whether rightly so is the business of judge_needs */
	if (got == OUTCOME_ERROR && scene->cyclic && (item->listed.n_needs || item->listed.n_after))
		return NULL;
	if (got == want && flaky == (retried && !item->listed.disabled))
		return NULL;
	snprintf(text, sizeof(text), "case %.*s::%.*s ended %s%s instead of %s",
		 STR_ARG(program->spec.name), STR_ARG(item->listed.name),
		 got < OUTCOME_MAX ? outcome_name(got) : "never", flaky ? " (flaky)" : "",
		 outcome_name(want));
	return text;
}

static const char *judge_needs(const struct ledger *ledger, size_t run,
			       const struct sim_program *program, const struct sim_case *item)
{
	bool passed = true;
	for (size_t i = 0; i < item->listed.n_needs; i++) {
		if (str_eq(item->listed.needs[i], item->listed.name))
			continue;
		enum outcome needed = ledger_outcome(ledger, run, program->spec.name,
						     item->listed.needs[i]);
		passed = passed && (needed == OUTCOME_PASS || needed == OUTCOME_LEAK ||
				    needed == OUTCOME_SKIP);
	}
	bool ran = ledger_outcome(ledger, run, program->spec.name, item->listed.name) !=
		   OUTCOME_NOTRUN;
	return passed == ran ? NULL
	       : passed	     ? "a case did not run though all it needs passed"
			     : "a case ran though something it needs did not pass";
}

static const char *judge_outcomes(const struct scene *scene, const struct ledger *ledger,
				  size_t run)
{
	const struct sim_run *of = &scene->world.runs[run];
	const char *wrong = NULL;
	if (scene->faulty || scene->stopped[run] || of->submit.partition.len ||
	    of->submit.repeat > 1)
		return NULL;
	for (size_t p = 0; p < of->n_programs; p++) {
		const struct sim_program *program = &of->programs[p];
		if (program->bad_listings)
			continue;
		for (size_t i = 0; i < program->n_cases && !wrong; i++) {
			wrong = judge_case(scene, ledger, run, program, &program->cases[i]);
			if (!wrong && !scene->cyclic && !program->cases[i].listed.disabled)
				wrong = judge_needs(ledger, run, program, &program->cases[i]);
		}
	}
	return wrong;
}

/* Play one world. Returns what is wrong with it, or NULL; *ret_hash says what happened. */
static const char *play(uint64_t seed, uint64_t *ret_hash, struct sim_cost *cost)
{
	static char text[1024];
	struct scene scene;
	struct sim_result results[SCENE_RUNS_MAX];
	struct err err = { 0 };
	scene_init(&scene, seed);
	struct ledger *ledger = ledger_new(&scene.world);
	scene.world.observer = ledger_observer(ledger);
	int r = sim_world_run(&scene.world, results, cost, &err);
	const char *wrong = r < 0 ? err.text : ledger_close(ledger, results);
	for (size_t i = 0; i < scene.world.n_runs && !wrong; i++)
		wrong = judge_outcomes(&scene, ledger, i);
	*ret_hash = ledger_hash(ledger);
	if (wrong)
		snprintf(text, sizeof(text), "%s", wrong);
	ledger_free(ledger);
	scene_done(&scene);
	return wrong ? text : NULL;
}

static uint64_t from_environment(const char *name, uint64_t fallback)
{
	uint64_t value;
	const char *text = getenv(name);
	return text && str_parse_u64(str_of(text), 0, UINT64_MAX, &value) == 0 ? value : fallback;
}

static void test_worlds(void **state)
{
	(void)state;
	uint64_t only = from_environment("PADDOCK_SEED", UINT64_MAX), events = 0, broken = 0;
	uint64_t restarts = 0, quarantined = 0, fulls = 0;
	uint64_t from = only == UINT64_MAX ? from_environment("PADDOCK_SEEDS_FROM", 1) : only;
	uint64_t to = only == UINT64_MAX ? from - 1 + from_environment("PADDOCK_SEEDS", SEEDS)
					 : only;
	for (uint64_t seed = from; seed <= to; seed++) {
		struct sim_cost cost = { 0 };
		uint64_t hash;
		const char *wrong = play(seed, &hash, &cost);
		events += cost.events;
		restarts += cost.restarts;
		quarantined += cost.quarantined;
		fulls += cost.fulls;
		if (!wrong)
			continue;
		print_error("world %llu: %s\n  replay: PADDOCK_SEED=%llu tests/sim/seeds\n",
			    (unsigned long long)seed, wrong, (unsigned long long)seed);
		if (++broken >= 10)
			break;
	}
	print_message("%llu worlds, %llu virtual events, %llu coordinators killed, %llu workers "
		      "quarantined, %llu disks full\n",
		      (unsigned long long)(to - from + 1), (unsigned long long)events,
		      (unsigned long long)restarts, (unsigned long long)quarantined,
		      (unsigned long long)fulls);
	assert_int_equal(broken, 0);
}

/* The same seed gives the same run, event by event. */
static void test_same_again(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 100; seed++) {
		uint64_t first = 0, second = 0;
		(void)play(seed, &first, NULL);
		(void)play(seed, &second, NULL);
		assert_true(first == second);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_worlds),
		cmocka_unit_test(test_same_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
