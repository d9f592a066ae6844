// SPDX-License-Identifier: Apache-2.0
/*
 * ledger.c - the rules, checked one by one as the simulation goes. The first broken one is kept
 * with its virtual time; the rest of the run is still read, so that a broken rule does not stop
 * the world it was broken in.
 */
#include "tests/sim/ledger.h"

#include "protocol/base/assert.h"
#include "protocol/base/map.h"
#include "protocol/base/vec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A row: one index of the core's ledger. */
struct row {
	const struct sim_case *of; /* NULL until it was seen in an order */
	uint64_t holder;	   /* attempt that runs it */
	uint32_t finals;
	uint64_t begun; /* attempt that told of its start */
	uint64_t slow;	/* how often it was told as slow */
	bool late;	/* an attempt that does not hold it any more told its verdict */
};

/* What is known of a case of the world, over its repetitions. */
struct fate {
	uint32_t finals;
	enum outcome outcome; /* of the first final verdict */
	bool flaky;
};

struct book {
	uint64_t number;
	bool done;
	struct {
		struct row *items;
		size_t len, cap;
	} rows;
	struct map cases; /* "program::case" -> index of fates */
	struct fate *fates;
	const struct sim_case **truths;
	uint64_t listed, failed_listings, finals, red, lost, verdicts;
	uint64_t live;	  /* attempts, listings included */
	bool serial;	  /* one of them is serial */
	struct map locks; /* name -> attempt that holds it, 0 free */
};

struct live {
	uint64_t attempt, epoch, worker, processors;
	size_t run;
	bool list, serial;
	uint64_t left; /* rows it holds */
};

struct post {
	uint64_t number, slots, used;
	const struct sim_worker *of;
};

struct ledger {
	const struct sim_world *world;
	struct sim_observer observer;
	struct book *books;
	struct {
		struct live *items;
		size_t len, cap;
	} lives;
	struct {
		struct post *items;
		size_t len, cap;
	} posts;
	struct map given; /* attempt -> run: every order there was */
	uint64_t hash;
	char broken[512];
};

#define RULE(ledger, holds, ...)                                                           \
	do {                                                                               \
		if (!(holds) && !(ledger)->broken[0])                                      \
			snprintf((ledger)->broken, sizeof((ledger)->broken), __VA_ARGS__); \
	} while (0)

static void mix(struct ledger *ledger, uint64_t value)
{
	ledger->hash = (ledger->hash ^ value) * 0x100000001b3u + 1;
}

static struct book *book_of(struct ledger *ledger, uint64_t number)
{
	for (size_t i = 0; i < ledger->world->n_runs; i++)
		if (ledger->books[i].number == number)
			return &ledger->books[i];
	return NULL;
}

static struct post *post_of(struct ledger *ledger, uint64_t number)
{
	for (size_t i = 0; i < ledger->posts.len; i++)
		if (ledger->posts.items[i].number == number)
			return &ledger->posts.items[i];
	return NULL;
}

static struct row *row_at(struct ledger *ledger, struct book *book, uint64_t index)
{
	while (book->rows.len <= index)
		if (VEC_PUSH(&book->rows, (struct row){ 0 }) < 0)
			ASSERT_NOT_REACHED();
	(void)ledger;
	return &book->rows.items[index];
}

static uint64_t fate_of(const struct book *book, struct str program, struct str name)
{
	char key[256];
	uint64_t at;
	snprintf(key, sizeof(key), "%.*s::%.*s", STR_ARG(program), STR_ARG(name));
	return map_get(&book->cases, str_of(key), &at) ? at : UINT64_MAX;
}

static uint64_t width(const struct sim_case *of)
{
	return of->listed.processors ? of->listed.processors : 1;
}

/* ---- orders ---- */

static void check_names(struct ledger *ledger, const struct book *book, struct str program,
			const struct str *names, size_t n, struct str self)
{
	const struct msg_submit *submit = &ledger->world->runs[book - ledger->books].submit;
	for (size_t i = 0; i < n; i++) {
		uint64_t at = fate_of(book, program, names[i]);
		bool must = !str_eq(names[i], self) && submit->repeat <= 1 &&
			    !submit->partition.len;
		RULE(ledger, !must || at == UINT64_MAX || book->fates[at].finals,
		     "case %.*s starts before %.*s ended", STR_ARG(self), STR_ARG(names[i]));
	}
}

static void take_lock(struct ledger *ledger, struct book *book, struct str name, uint64_t attempt)
{
	uint64_t holder = 0;
	(void)map_get(&book->locks, name, &holder);
	RULE(ledger, !holder || holder == attempt, "lock %.*s is taken twice", STR_ARG(name));
	if (map_put(&book->locks, name, attempt) < 0)
		ASSERT_NOT_REACHED();
}

static void order_case(struct ledger *ledger, struct book *book, struct live *live,
		       const struct msg_assign *assign, const struct msg_shard_case *item)
{
	struct row *row = row_at(ledger, book, item->index);
	uint64_t fate = fate_of(book, assign->program->name, item->name);
	RULE(ledger, fate != UINT64_MAX, "an order names the unknown case %.*s",
	     STR_ARG(item->name));
	if (fate == UINT64_MAX)
		return;
	const struct sim_case *of = book->truths[fate];
	RULE(ledger, !row->of || row->of == of, "index %llu means two cases",
	     (unsigned long long)item->index);
	RULE(ledger, !row->holder, "case %.*s is held by two attempts", STR_ARG(item->name));
	RULE(ledger, !row->finals, "case %.*s runs again after its verdict", STR_ARG(item->name));
	RULE(ledger, !of->listed.disabled, "the disabled case %.*s runs", STR_ARG(item->name));
	bool bound = of->listed.n_locks || of->listed.serial || width(of) > 1;
	RULE(ledger, assign->n_cases == 1 || !bound, "the bound case %.*s is in a batch",
	     STR_ARG(item->name));
	check_names(ledger, book, assign->program->name, of->listed.after, of->listed.n_after,
		    item->name);
	check_names(ledger, book, assign->program->name, of->listed.needs, of->listed.n_needs,
		    item->name);
	for (size_t i = 0; i < of->listed.n_locks; i++)
		take_lock(ledger, book, of->listed.locks[i], live->attempt);
	row->of = of;
	row->holder = live->attempt;
	if (ledger->world->restart <= 0) /* else news is told before orders are seen */
		row->late = false;
	live->left++;
	live->serial = live->serial || of->listed.serial;
	live->processors = width(of);
}

static bool offers(const struct sim_worker *worker, struct str tag)
{
	for (size_t i = 0; i < worker->n_tags; i++)
		if (str_eq(worker->tags[i], tag))
			return true;
	return false;
}

static void on_assign(struct ledger *ledger, struct book *book, const struct core_action *action)
{
	const struct msg_assign *assign = action->assign;
	struct post *post = post_of(ledger, action->worker);
	struct live live = { .attempt = assign->attempt,
			     .epoch = assign->epoch,
			     .worker = action->worker,
			     .run = (size_t)(book - ledger->books),
			     .list = assign->list,
			     .processors = 1 };
	RULE(ledger, post, "an order for a worker that never joined");
	for (size_t i = 0; post && i < assign->program->n_requires; i++)
		RULE(ledger, offers(post->of, assign->program->requires[i]),
		     "an order for a worker without the tag %.*s",
		     STR_ARG(assign->program->requires[i]));
	RULE(ledger, assign->list ? !assign->n_cases : assign->n_cases,
	     "an order with the wrong number of cases");
	RULE(ledger, !book->serial, "something starts beside a serial case");
	RULE(ledger, !book->done, "an order after the end of its run");
	for (size_t i = 0; i < assign->n_cases; i++)
		order_case(ledger, book, &live, assign, &assign->cases[i]);
	RULE(ledger, !live.serial || !book->live, "a serial case starts beside something");
	book->live++;
	book->serial = live.serial;
	if (post) {
		if (live.processors > post->slots)
			live.processors = post->slots;
		post->used += live.processors;
		RULE(ledger, post->used <= post->slots, "%llu of %llu slots are used",
		     (unsigned long long)post->used, (unsigned long long)post->slots);
	}
	char key[32];
	snprintf(key, sizeof(key), "%llu", (unsigned long long)live.attempt);
	RULE(ledger, !map_get(&ledger->given, str_of(key), NULL), "an attempt is given twice");
	if (VEC_PUSH(&ledger->lives, live) < 0 ||
	    map_put(&ledger->given, str_of(key), live.run) < 0)
		ASSERT_NOT_REACHED();
}

/* A row leaves the attempt that held it. */
static void release(struct book *book, struct row *row)
{
	for (size_t i = 0; i < row->of->listed.n_locks; i++)
		(void)map_put(&book->locks, row->of->listed.locks[i], 0);
	row->holder = 0;
}

static void end_live(struct ledger *ledger, size_t at)
{
	struct live live = ledger->lives.items[at];
	struct book *book = &ledger->books[live.run];
	struct post *post = post_of(ledger, live.worker);
	for (size_t i = 0; i < book->rows.len; i++)
		if (book->rows.items[i].holder == live.attempt)
			release(book, &book->rows.items[i]);
	book->live--;
	if (live.serial)
		book->serial = false;
	if (post)
		post->used -= live.processors;
	ledger->lives.items[at] = ledger->lives.items[--ledger->lives.len];
}

/* A verdict of an attempt that was given up: it may count when it is the first. */
static void note_late(struct ledger *ledger, const struct msg_event *event)
{
	uint64_t run;
	char key[32];
	snprintf(key, sizeof(key), "%llu", (unsigned long long)event->attempt);
	if (event->kind == MSG_EVENT_ENDED && map_get(&ledger->given, str_of(key), &run) &&
	    event->index < ledger->books[run].rows.len)
		ledger->books[run].rows.items[event->index].late = true;
}

static void on_event(void *data, uint64_t now_us, uint64_t worker, const struct msg_event *event)
{
	struct ledger *ledger = data;
	(void)worker;
	mix(ledger, now_us);
	mix(ledger, event->kind);
	for (size_t i = 0; i < ledger->lives.len; i++) {
		struct live *live = &ledger->lives.items[i];
		if (live->attempt != event->attempt || live->epoch != event->epoch)
			continue; /* whoever tells it: the epoch is the proof */
		struct book *book = &ledger->books[live->run];
		if (event->kind == MSG_EVENT_STARTED)
			row_at(ledger, book, event->index)->begun = live->attempt;
		if (event->kind == MSG_EVENT_ENDED &&
		    book->rows.items[event->index].holder == live->attempt) {
			release(book, &book->rows.items[event->index]);
			book->rows.items[event->index].late = true;
			live->left--;
		} else if (event->kind == MSG_EVENT_CLOSED) {
			end_live(ledger, i);
		}
		return;
	}
	note_late(ledger, event);
}

static void on_left(void *data, uint64_t now_us, uint64_t worker)
{
	struct ledger *ledger = data;
	mix(ledger, now_us);
	for (size_t i = ledger->lives.len; i > 0; i--)
		if (ledger->lives.items[i - 1].worker == worker)
			end_live(ledger, i - 1);
}

static void on_joined(void *data, uint64_t number, uint32_t worker)
{
	struct ledger *ledger = data;
	struct post post = { .number = number,
			     .slots = ledger->world->workers[worker].slots,
			     .of = &ledger->world->workers[worker] };
	for (size_t i = 0; i < ledger->posts.len; i++)
		if (ledger->posts.items[i].number == number) {
			ledger->posts.items[i] = post;
			return;
		}
	if (VEC_PUSH(&ledger->posts, post) < 0)
		ASSERT_NOT_REACHED();
}

static void on_restarted(void *data)
{
	struct ledger *ledger = data;
	ledger->posts.len = 0;
	for (size_t i = 0; i < ledger->world->n_runs; i++)
		ledger->books[i].number = 0; /* until it is restored */
	for (size_t i = 0; i < ledger->lives.len; i++)
		ledger->lives.items[i].worker = 0;
}

static void on_restored(void *data, size_t run, uint64_t number)
{
	struct ledger *ledger = data;
	ledger->books[run].number = number;
}

static void on_adopted(void *data, uint64_t attempt, uint64_t worker)
{
	struct ledger *ledger = data;
	struct post *post = post_of(ledger, worker);
	for (size_t i = 0; i < ledger->lives.len; i++) {
		struct live *live = &ledger->lives.items[i];
		if (live->attempt != attempt)
			continue;
		RULE(ledger, !live->worker, "an attempt is with two workers");
		live->worker = worker;
		post->used += live->processors;
		return;
	}
	RULE(ledger, false, "a worker goes on with an attempt that is over");
}

/* The core itself says that an attempt is over. */
static void on_decision(struct ledger *ledger, const struct msg_decision *decision)
{
	for (size_t i = 0; decision->kind == MSG_DECISION_CLOSED && i < ledger->lives.len; i++)
		if (ledger->lives.items[i].attempt == decision->attempt) {
			end_live(ledger, i);
			return;
		}
}

/* ---- verdicts ---- */

/* Without a worker since its coordinator died: the core may give it up with its verdicts. */
static bool is_orphan(const struct ledger *ledger, uint64_t attempt)
{
	for (size_t i = 0; i < ledger->lives.len; i++)
		if (ledger->lives.items[i].attempt == attempt)
			return !ledger->lives.items[i].worker;
	return false;
}

static void on_verdict(struct ledger *ledger, struct book *book, const struct msg_run_event *event)
{
	struct row *row = row_at(ledger, book, event->index);
	row->finals++;
	RULE(ledger, row->finals == 1, "case %.*s has two verdicts", STR_ARG(event->name));
	RULE(ledger, !row->holder || row->late || is_orphan(ledger, row->holder),
	     "case %.*s is decided while an attempt holds it", STR_ARG(event->name));
	if (row->holder)
		release(book, row);
	book->finals++;
	book->red += outcome_is_red((enum outcome)event->outcome) && !event->quarantined;
	book->lost += event->outcome == OUTCOME_LOST;
	struct str name = event->name;
	for (size_t i = name.len; i > 0; i--) /* "@k" of a repetition is not part of the name */
		if (name.data[i - 1] == '@')
			name.len = i - 1;
	uint64_t at = fate_of(book, event->program, name);
	if (at == UINT64_MAX)
		return;
	struct fate *fate = &book->fates[at];
	if (!fate->finals++) {
		fate->outcome = (enum outcome)event->outcome;
		fate->flaky = event->flaky;
	}
}

static void on_finished(struct ledger *ledger, struct book *book, const struct msg_run_event *event)
{
	uint64_t expected = book->listed + book->failed_listings;
	RULE(ledger, book->finals == expected, "%llu verdicts for %llu listed cases",
	     (unsigned long long)book->finals, (unsigned long long)expected);
	RULE(ledger, event->count == book->finals, "the end counts %llu verdicts, not %llu",
	     (unsigned long long)event->count, (unsigned long long)book->finals);
	RULE(ledger, !book->live, "the run ends while %llu attempts live",
	     (unsigned long long)book->live);
	RULE(ledger, event->makespan_us >= event->bound_us,
	     "makespan %llu us below its bound %llu us", (unsigned long long)event->makespan_us,
	     (unsigned long long)event->bound_us);
	for (size_t i = 0; i < book->rows.len; i++)
		RULE(ledger, book->rows.items[i].finals == 1, "index %zu ends without a verdict",
		     i);
}

/*
 * Only of what runs. Where coordinators die, what they say takes effect later, and workers are
 * ahead.
 */
static void on_slow(struct ledger *ledger, struct book *book, const struct msg_run_event *event)
{
	const struct sim_run *run = &ledger->world->runs[book - ledger->books];
	struct row *row = row_at(ledger, book, event->index);
	RULE(ledger, run->submit.slow_us && event->duration_us >= run->submit.slow_us,
	     "case %.*s is told as slow after %llu us", STR_ARG(event->name),
	     (unsigned long long)event->duration_us);
	RULE(ledger, !row->finals, "case %.*s is told as slow after its verdict",
	     STR_ARG(event->name));
	RULE(ledger, ledger->world->restart > 0 || (row->holder && row->begun == row->holder),
	     "case %.*s is told as slow and does not run", STR_ARG(event->name));
	RULE(ledger, event->count == ++row->slow, "case %.*s is told as slow %llu times, not %llu",
	     STR_ARG(event->name), (unsigned long long)row->slow, (unsigned long long)event->count);
}

static void on_run_event(struct ledger *ledger, struct book *book,
			 const struct msg_run_event *event)
{
	RULE(ledger, !book->done, "an event after the end of its run");
	if (event->kind == MSG_RUN_LISTED)
		book->listed += event->count;
	else if (event->kind == MSG_RUN_LIST_FAILED)
		book->failed_listings++;
	else if (event->kind == MSG_RUN_CASE_SLOW)
		on_slow(ledger, book, event);
	else if (event->kind == MSG_RUN_CASE_FINISHED && !event->found)
		on_verdict(ledger, book, event);
	else if (event->kind == MSG_RUN_FINISHED)
		on_finished(ledger, book, event);
}

static void check_exit(struct ledger *ledger, const struct book *book, int exit_code)
{
	const struct sim_run *run = &ledger->world->runs[book - ledger->books];
	int least = book->lost ? EXIT_CODE_INCOMPLETE : book->red ? EXIT_CODE_FAILED : EXIT_CODE_OK;
	RULE(ledger, outcome_worse_exit(exit_code, least) == exit_code,
	     "exit code %d though it is at least %d", exit_code, least);
	bool excuse = book->red || book->failed_listings || run->stop_us ||
		      run->submit.deadline_us || !book->finals;
	RULE(ledger, exit_code == EXIT_CODE_OK || excuse, "exit code %d though nothing went wrong",
	     exit_code);
	RULE(ledger,
	     !book->failed_listings ||
		     outcome_worse_exit(exit_code, EXIT_CODE_LISTING) == exit_code ||
		     exit_code == EXIT_CODE_SETUP,
	     "exit code %d though a listing failed", exit_code);
}

static void on_action(void *data, uint64_t now_us, const struct core_action *action)
{
	struct ledger *ledger = data;
	uint64_t run;
	mix(ledger, now_us);
	mix(ledger, action->kind);
	if (action->kind == CORE_ACTION_EVENT && action->event->kind == MSG_RUN_STARTED &&
	    str_parse_u64(action->event->name, 0, ledger->world->n_runs - 1, &run) == 0)
		ledger->books[run].number = action->run;
	struct book *book = book_of(ledger, action->run);
	RULE(ledger, book, "an action for a run that did not start");
	if (!book)
		return;
	if (action->kind == CORE_ACTION_ASSIGN) {
		mix(ledger, action->assign->attempt);
		on_assign(ledger, book, action);
	} else if (action->kind == CORE_ACTION_DECISION) {
		on_decision(ledger, action->decision);
	} else if (action->kind == CORE_ACTION_EVENT) {
		mix(ledger, action->event->index);
		on_run_event(ledger, book, action->event);
	} else if (action->kind == CORE_ACTION_RUN_DONE) {
		RULE(ledger, !book->done, "a run ends twice");
		book->done = true;
		check_exit(ledger, book, action->exit_code);
	}
}

/* ---- the book itself ---- */

static void open_book(struct book *book, const struct sim_run *run)
{
	size_t n = 0;
	for (size_t p = 0; p < run->n_programs; p++)
		n += run->programs[p].n_cases;
	book->fates = calloc(n + 1, sizeof(*book->fates));
	book->truths = calloc(n + 1, sizeof(const struct sim_case *));
	ASSERT(book->fates && book->truths);
	for (size_t p = 0, at = 0; p < run->n_programs; p++)
		for (size_t i = 0; i < run->programs[p].n_cases; i++, at++) {
			char key[256];
			snprintf(key, sizeof(key), "%.*s::%.*s",
				 STR_ARG(run->programs[p].spec.name),
				 STR_ARG(run->programs[p].cases[i].listed.name));
			book->truths[at] = &run->programs[p].cases[i];
			book->fates[at].outcome = OUTCOME_MAX;
			if (map_put(&book->cases, str_of(key), at) < 0)
				ASSERT_NOT_REACHED();
		}
}

struct ledger *ledger_new(const struct sim_world *world)
{
	struct ledger *ledger = calloc(1, sizeof(*ledger));
	ASSERT(ledger);
	ledger->world = world;
	ledger->observer = (struct sim_observer){ .joined = on_joined,
						  .action = on_action,
						  .event = on_event,
						  .left = on_left,
						  .restarted = on_restarted,
						  .restored = on_restored,
						  .adopted = on_adopted,
						  .data = ledger };
	ledger->books = calloc(world->n_runs, sizeof(*ledger->books));
	ASSERT(ledger->books);
	for (size_t i = 0; i < world->n_runs; i++)
		open_book(&ledger->books[i], &world->runs[i]);
	return ledger;
}

void ledger_free(struct ledger *ledger)
{
	if (!ledger)
		return;
	for (size_t i = 0; i < ledger->world->n_runs; i++) {
		map_done(&ledger->books[i].cases);
		map_done(&ledger->books[i].locks);
		free(ledger->books[i].rows.items);
		free(ledger->books[i].fates);
		free(ledger->books[i].truths);
	}
	map_done(&ledger->given);
	free(ledger->books);
	free(ledger->lives.items);
	free(ledger->posts.items);
	free(ledger);
}

const struct sim_observer *ledger_observer(const struct ledger *ledger)
{
	return &ledger->observer;
}

const char *ledger_close(struct ledger *ledger, const struct sim_result *results)
{
	for (size_t i = 0; i < ledger->world->n_runs; i++) {
		RULE(ledger, results[i].ended && ledger->books[i].done, "run %zu never ends", i);
		RULE(ledger, results[i].verdicts == ledger->books[i].finals,
		     "run %zu: %llu verdicts were counted, %llu given", i,
		     (unsigned long long)results[i].verdicts,
		     (unsigned long long)ledger->books[i].finals);
	}
	return ledger->broken[0] ? ledger->broken : NULL;
}

uint64_t ledger_hash(const struct ledger *ledger)
{
	return ledger->hash;
}

enum outcome ledger_outcome(const struct ledger *ledger, size_t run, struct str program,
			    struct str name)
{
	uint64_t at = fate_of(&ledger->books[run], program, name);
	return at == UINT64_MAX ? OUTCOME_MAX : ledger->books[run].fates[at].outcome;
}

bool ledger_flaky(const struct ledger *ledger, size_t run, struct str program, struct str name)
{
	uint64_t at = fate_of(&ledger->books[run], program, name);
	return at != UINT64_MAX && ledger->books[run].fates[at].flaky;
}
