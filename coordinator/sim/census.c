// SPDX-License-Identifier: Apache-2.0
/*
 * census.c - two passes over the newest runs: first how many cases each had of each suite, then
 * the cases of those that were chosen. Nothing is taken from a run that was cut off.
 */
#include "coordinator/sim/census.h"

#include "protocol/base/assert.h"
#include "protocol/base/vec.h"
#include "protocol/wire/outcome.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS_LOOKED_AT = 100, CANDIDATES_MAX = 10 };

struct candidate {
	uint64_t run, busy_us, slots;
	char name[64];
};

struct tally {
	uint64_t counts[CANDIDATES_MAX];
	size_t chosen;
};

struct taking {
	struct census *census;
	const struct str *wanted;
	size_t n_wanted;
	struct candidate candidates[CANDIDATES_MAX];
	size_t n_candidates, at; /* at: the candidate being read */
	struct map suites;	 /* name -> tally */
	struct {
		struct tally *items;
		size_t len, cap;
	} tallies;
	uint64_t last_listed_us, n_listed;
	size_t seen; /* cases of the runs read for good, wanted or not */
	bool joined;
};

static void consider(void *data, const struct store_run *run)
{
	struct taking *taking = data;
	bool whole = run->exit_code == EXIT_CODE_OK || run->exit_code == EXIT_CODE_FAILED ||
		     run->exit_code == EXIT_CODE_LISTING || run->exit_code == EXIT_CODE_SETUP ||
		     run->exit_code == EXIT_CODE_REPORT;
	if (!run->finished_us || !whole || !run->cases || taking->n_candidates == CANDIDATES_MAX)
		return;
	struct candidate *candidate = &taking->candidates[taking->n_candidates++];
	*candidate =
		(struct candidate){ .run = run->run, .busy_us = run->busy_us, .slots = run->slots };
	snprintf(candidate->name, sizeof(candidate->name), "%.*s", STR_ARG(run->name));
}

static bool is_wanted(const struct taking *taking, const struct msg_run_event *event)
{
	bool wanted = !taking->n_wanted;
	for (size_t i = 0; i < taking->n_wanted && !wanted; i++) {
		struct str word = taking->wanted[i], file = event->file;
		wanted = str_eq(word, event->suite) || str_eq(word, file) ||
			 (word.len && str_starts(file, word) && file.len > word.len &&
			  file.data[word.len] == '/');
	}
	return wanted && event->kind == MSG_RUN_CASE_FINISHED && !event->found;
}

static struct tally *tally_of(struct taking *taking, struct str suite)
{
	uint64_t at;
	if (map_get(&taking->suites, suite, &at))
		return &taking->tallies.items[at];
	if (VEC_PUSH(&taking->tallies, (struct tally){ 0 }) < 0 ||
	    map_put(&taking->suites, suite, taking->tallies.len - 1) < 0)
		return NULL;
	return &taking->tallies.items[taking->tallies.len - 1];
}

static int count_case(void *data, const struct msg_run_event *event)
{
	struct taking *taking = data;
	if (!is_wanted(taking, event))
		return 0;
	struct tally *tally = tally_of(taking, event->suite);
	if (!tally)
		return -ENOMEM;
	tally->counts[taking->at]++;
	return 0;
}

/*
 * Of each suite the newest run that had at least half as many of its cases as any. True when it
 * is the same for all.
 */
static bool choose(struct taking *taking)
{
	bool same = true;
	for (size_t i = 0; i < taking->tallies.len; i++) {
		struct tally *tally = &taking->tallies.items[i];
		uint64_t most = 0;
		for (size_t c = 0; c < taking->n_candidates; c++)
			most = tally->counts[c] > most ? tally->counts[c] : most;
		while (tally->counts[tally->chosen] * 2 < most)
			tally->chosen++;
		same = same && tally->chosen == taking->tallies.items[0].chosen;
	}
	return same;
}

static struct str kept(struct census *census, struct str text)
{
	char *copy = arena_copy(&census->arena, text);
	return copy ? (struct str){ copy, text.len } : (struct str){ .data = "" };
}

static int program_at(struct census *census, const struct msg_run_event *event,
		      uint32_t *ret_program)
{
	char key[2 * LIMIT_NAME_BYTES + 8];
	uint64_t at;
	snprintf(key, sizeof(key), "%.*s::%.*s", STR_ARG(event->suite), STR_ARG(event->program));
	if (!map_get(&census->by_name, str_of(key), &at)) {
		struct census_program program = { .suite = kept(census, event->suite),
						  .name = kept(census, event->program),
						  .kind = kept(census, event->adapter),
						  .file = kept(census, event->file) };
		at = census->programs.len;
		if (VEC_PUSH(&census->programs, program) < 0 ||
		    map_put(&census->by_name, str_of(key), at) < 0)
			return -ENOMEM;
	}
	*ret_program = (uint32_t)at;
	return 0;
}

static int take_case(void *data, const struct msg_run_event *event)
{
	struct taking *taking = data;
	struct census *census = taking->census;
	if (event->kind == MSG_RUN_WORKER_JOINED && !taking->joined) {
		census->join_us = event->at_us;
		taking->joined = true;
	} else if (event->kind == MSG_RUN_LISTED) {
		taking->last_listed_us = event->at_us;
		taking->n_listed++;
	}
	uint64_t suite;
	taking->seen += event->kind == MSG_RUN_CASE_FINISHED && !event->found;
	if (!is_wanted(taking, event) || !map_get(&taking->suites, event->suite, &suite) ||
	    taking->tallies.items[suite].chosen != taking->at)
		return 0;
	struct census_case item = { .name = kept(census, event->name),
				    .ran = event->worker.len,
				    .duration_us = event->duration_us };
	int r = program_at(census, event, &item.program);
	if (r < 0 || VEC_PUSH(&census->cases, item) < 0)
		return -ENOMEM;
	census->programs.items[item.program].cases++;
	census->ran += item.ran;
	return 0;
}

/* Bring each program's cases together, in the order they came in. */
static int order_by_program(struct census *census)
{
	size_t *places = calloc(census->programs.len + 1, sizeof(*places));
	struct census_case *sorted = calloc(census->cases.len + 1, sizeof(*sorted));
	if (!places || !sorted) {
		free(places);
		free(sorted);
		return -ENOMEM;
	}
	for (size_t p = 0; p + 1 < census->programs.len; p++)
		places[p + 1] = places[p] + census->programs.items[p].cases;
	for (size_t i = 0; i < census->cases.len; i++)
		sorted[places[census->cases.items[i].program]++] = census->cases.items[i];
	free(census->cases.items);
	census->cases.items = sorted;
	census->cases.cap = census->cases.len + 1;
	free(places);
	return 0;
}

/* What the run itself tells about its surroundings. Listings come first and fill the slots. */
static void learn(struct taking *taking, bool alone)
{
	struct census *census = taking->census;
	const struct candidate *candidate = &taking->candidates[taking->tallies.items[0].chosen];
	memcpy(census->run, candidate->name, sizeof(census->run));
	if (!alone || taking->seen != census->cases.len) {
		census->join_us = 0;
		return;
	}
	census->busy_us = candidate->busy_us;
	census->slots = candidate->slots;
	uint64_t abreast = candidate->slots < taking->n_listed ? candidate->slots
							       : taking->n_listed;
	if (abreast && taking->last_listed_us > census->join_us)
		census->list_us = (taking->last_listed_us - census->join_us) * abreast /
				  taking->n_listed;
}

static int take(struct taking *taking, struct store *store, struct err *err)
{
	int r = store_runs(store, RUNS_LOOKED_AT, consider, taking, err);
	for (taking->at = 0; r == 0 && taking->at < taking->n_candidates; taking->at++)
		r = store_run_replay(store, taking->candidates[taking->at].run, count_case, taking,
				     err);
	if (r < 0)
		return r;
	if (!taking->tallies.len)
		return err_set(err, -ENOENT,
			       "nothing is recorded %s: run it first (paddock run ...), then plan",
			       taking->n_wanted ? "of what you named" : "yet");
	bool alone = choose(taking);
	for (taking->at = 0; r == 0 && taking->at < taking->n_candidates; taking->at++) {
		bool used = false;
		for (size_t i = 0; i < taking->tallies.len; i++)
			used = used || taking->tallies.items[i].chosen == taking->at;
		if (used)
			r = store_run_replay(store, taking->candidates[taking->at].run, take_case,
					     taking, err);
	}
	if (r == 0)
		r = order_by_program(taking->census);
	if (r == 0)
		learn(taking, alone);
	return r;
}

int census_take(struct census *census, struct store *store, const struct str *wanted, size_t n,
		struct err *err)
{
	struct taking *taking = calloc(1, sizeof(*taking));
	if (!taking)
		return err_set(err, -ENOMEM, "no memory to read the history");
	taking->census = census;
	taking->wanted = wanted;
	taking->n_wanted = n;
	int r = take(taking, store, err);
	if (r == -ENOMEM)
		err_set(err, r, "no memory to read the history");
	ASSERT(r < 0 || census->cases.len);
	map_done(&taking->suites);
	free(taking->tallies.items);
	free(taking);
	return r;
}

void census_done(struct census *census)
{
	map_done(&census->by_name);
	free(census->programs.items);
	free(census->cases.items);
	arena_done(&census->arena);
	*census = (struct census){ 0 };
}
