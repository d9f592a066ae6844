// SPDX-License-Identifier: Apache-2.0
/*
 * trust.c - workers that fail more than chance explains: a full disk, a missing library, bad
 *memory. Such a worker is fast, so it would take more work than any other and redden all of it.
 *
 * What is compared are shards, as cases of one shard fail together. A shard is red when any of its
 * cases was; it was expected to be with the rate of red ones that the others had with the same
 * program, so that a program that is broken tells nothing about who ran it. A program that hardly
 * anybody else has run counts once, and is held against the first shards that the others had of
 * their programs. A worker is looked at when a shard of it ends, and when a case that was red there
 * passes elsewhere; each time with what the others have done by then.
 *
 * Of a worker's shards, each expected to be red with its own probability p, k were. Chernoff's
 *bound for a sum of independent trials (M. Mitzenmacher, E. Upfal: Probability and Computing,
 *theorem 4.4) says that chance gives so many or more with a probability below
 *
 *	exp(-(k ln(k / m) - k + m)),  m = the sum of p
 *
 * and a worker for which that is below exp(-NATS) is quarantined. What is long ago counts less.
 */
#include "coordinator/core/state.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

enum {
	NATS = 16,    /* a chance of one in nine million, since it is asked after each shard */
	RED_MIN = 5,  /* ... and not fewer red shards than this */
	OTHERS = 3,   /* shards that others had of something, before they are a measure */
	CELL_MAX = 8, /* shards of one program count as so many at most: they are alike */
	MEMORY = 64,  /* shards of runs that are over before half of them is forgotten */
	CELLS = 64,   /* programs of a worker remembered one by one */
};

/* Red shards, how many were to be expected, of how many. */
struct sum {
	double red, expected, n;
};

static struct core_cell *cell_of(struct core_trust *trust, uint64_t run, uint32_t program)
{
	for (size_t i = 0; i < trust->cells.len; i++)
		if (trust->cells.items[i].run == run && trust->cells.items[i].program == program)
			return &trust->cells.items[i];
	return NULL;
}

/* The chance of a red one by what others had (Laplace's rule), or 0: they had too few. */
static double chance(struct core_tally all, struct core_tally mine)
{
	uint64_t n = all.n - mine.n, red = all.red - mine.red;
	return n < OTHERS ? 0 : ((double)red + 1) / ((double)n + 2);
}

/* First shards of programs that this worker had in a run. */
static struct core_tally own_firsts(const struct core_trust *trust, uint64_t run)
{
	struct core_tally firsts = { 0 };
	for (size_t i = 0; i < trust->cells.len; i++) {
		const struct core_cell *cell = &trust->cells.items[i];
		firsts.n += cell->run == run;
		firsts.red += cell->run == run && cell->first_red;
	}
	return firsts;
}

static void weigh(const struct core *core, const struct core_trust *trust,
		  const struct core_cell *cell, struct sum *sum)
{
	const struct core_run *run = core_find_run(core, cell->run);
	if (!run)
		return;
	double p = chance(run->programs.items[cell->program].tried, cell->tally);
	double n = (double)cell->tally.n, red = (double)cell->tally.red;
	if (p == 0) {
		p = chance(run->first_tried, own_firsts(trust, cell->run));
		n = p > 0;
		red = p > 0 && cell->first_red;
	}
	double scale = n > CELL_MAX ? CELL_MAX / n : 1;
	sum->n += scale * n;
	sum->red += scale * red;
	sum->expected += scale * n * p;
}

/* What a cell came to goes on in the sum of all that is over. */
static void fold(const struct core *core, struct core_trust *trust, const struct core_cell *cell)
{
	struct sum sum = { trust->red, trust->expected, trust->n };
	weigh(core, trust, cell, &sum);
	double keep = sum.n > MEMORY ? 0.5 : 1;
	trust->red = keep * sum.red;
	trust->expected = keep * sum.expected;
	trust->n = keep * sum.n;
}

void trust_run_over(struct core *core, const struct core_run *run)
{
	for (size_t i = 0; i < core->workers.len; i++) {
		struct core_trust *trust = &core->workers.items[i].trust;
		for (size_t j = 0; j < trust->cells.len; j++)
			if (trust->cells.items[j].run == run->number)
				fold(core, trust, &trust->cells.items[j]);
		size_t kept = 0;
		for (size_t j = 0; j < trust->cells.len; j++)
			if (trust->cells.items[j].run != run->number)
				trust->cells.items[kept++] = trust->cells.items[j];
		trust->cells.len = kept;
	}
}

/* Not where half of the workers would be: then it is not them. */
static bool may_quarantine(const struct core *core)
{
	size_t all = 0, out = 0;
	for (size_t i = 0; i < core->workers.len; i++) {
		all += core->workers.items[i].number != 0;
		out += core->workers.items[i].number && core->workers.items[i].quarantined;
	}
	return 2 * (out + 1) <= all;
}

/* Does an open run have nobody else for some of its programs? Better a doubtful one than none. */
static bool is_needed(struct core *core, const struct core_worker *worker)
{
	for (size_t i = 0; i < core->runs.len; i++) {
		struct core_run *run = core->runs.items[i];
		for (size_t j = 0; !run->finished && j < run->classes.len; j++)
			if (run->classes.items[j].healthy <= worker->healthy &&
			    roster_serves(core, &run->classes.items[j], worker->pool))
				return true;
	}
	return false;
}

void trust_look(struct core *core, struct core_worker *worker)
{
	const struct core_trust *trust = &worker->trust;
	struct sum sum = { trust->red, trust->expected, trust->n };
	char text[512];
	if (!core->options.quarantine || worker->quarantined)
		return;
	for (size_t i = 0; i < trust->cells.len; i++)
		weigh(core, trust, &trust->cells.items[i], &sum);
	double k = sum.red, m = sum.expected;
	if (k < RED_MIN || k <= m || k * log(k / m) - k + m < NATS || !may_quarantine(core) ||
	    is_needed(core, worker))
		return;
	snprintf(text, sizeof(text),
		 "the worker %.200s is quarantined: of its last %u shards %u had failures, where "
		 "%u would be many for any other; what it runs runs elsewhere, and it gets no more "
		 "work until somebody looked (paddock drain --undo)",
		 worker->name.data, (unsigned)sum.n, (unsigned)k, (unsigned)ceil(m));
	roster_quarantine(core, worker, text);
}

void trust_judge(struct core *core, struct core_run *run, uint32_t program,
		 struct core_worker *worker, bool red)
{
	struct core_trust *trust = &worker->trust;
	struct core_program *of = &run->programs.items[program];
	struct core_cell *cell = cell_of(trust, run->number, program);
	struct core_cell fresh = { .run = run->number, .program = program, .first_red = red };
	if (!core->options.quarantine)
		return;
	if (!cell) {
		run->first_tried.n++;
		run->first_tried.red += red;
		if (trust->cells.len < CELLS && VEC_PUSH(&trust->cells, fresh) == 0) {
			cell = &trust->cells.items[trust->cells.len - 1];
		} else if (trust->cells.len) {
			cell = &trust->cells.items[trust->next_cell++ % trust->cells.len];
			fold(core, trust, cell);
			*cell = fresh;
		}
	}
	of->tried.n++;
	of->tried.red += red;
	if (!cell)
		return;
	cell->tally.n++;
	cell->tally.red += red;
	trust_look(core, worker);
}
