// SPDX-License-Identifier: Apache-2.0
/*
 * explain.c - `paddock explain`: what a stored run's time went into. It replays the run's events
 * and adds them up; how good the schedule was is what the core noted at the end of the run.
 */
#include "coordinator/cli/place.h"
#include "coordinator/cli/say.h"
#include "coordinator/cli/verbs.h"
#include "coordinator/history/store.h"
#include "protocol/base/arena.h"
#include "protocol/base/vec.h"
#include "protocol/wire/ids.h"
#include "protocol/wire/outcome.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROWS = 10 };

struct slot {
	struct str worker;
	uint64_t slot, busy_us, last_us, cases;
};

struct row {
	struct str id;
	uint64_t duration_us, end_us, attempts;
};

/* What one pass over the events collects. */
struct explanation {
	struct arena arena;
	struct {
		struct slot *items;
		size_t len, cap;
	} slots;
	struct {
		struct row *items;
		size_t len, cap;
	} rows;
	struct str name, bounded_by;
	uint64_t cases, makespan_us, bound_us, busy_us, n_slots, retries;
	int exit_code;
	bool finished;
};

static struct slot *slot_of(struct explanation *all, const struct msg_run_event *event)
{
	for (size_t i = 0; i < all->slots.len; i++) {
		struct slot *slot = &all->slots.items[i];
		if (slot->slot == event->slot && str_eq(slot->worker, event->worker))
			return slot;
	}
	const char *worker = arena_copy(&all->arena, event->worker);
	struct slot fresh = { .worker = str_of(worker), .slot = event->slot };
	if (!worker || VEC_PUSH(&all->slots, fresh) < 0)
		return NULL;
	return &all->slots.items[all->slots.len - 1];
}

/* An attempt took its slot's time, whether its verdict counts or not. */
static int take_attempt(struct explanation *all, const struct msg_run_event *event)
{
	if (!event->worker.len)
		return 0; /* never ran */
	struct slot *slot = slot_of(all, event);
	if (!slot)
		return -ENOMEM;
	slot->busy_us += event->duration_us;
	slot->cases++;
	if (event->at_us > slot->last_us)
		slot->last_us = event->at_us;
	return 0;
}

static int take_verdict(struct explanation *all, const struct msg_run_event *event)
{
	struct buf id;
	if (event->found)
		return 0; /* its time is that of the case it was found in */
	buf_init(&id, 4 * LIMIT_NAME_BYTES);
	int r = ids_case(&id, event->suite, event->program, event->name);
	const char *copy = r < 0 ? NULL : arena_copy(&all->arena, buf_str(&id));
	buf_done(&id);
	struct row row = {
		.id = str_of(copy),
		.duration_us = event->duration_us,
		.end_us = event->at_us,
		.attempts = event->attempt,
	};
	if (!copy || VEC_PUSH(&all->rows, row) < 0)
		return -ENOMEM;
	all->cases++;
	return take_attempt(all, event);
}

static int take_end(struct explanation *all, const struct msg_run_event *event)
{
	const char *message = arena_copy(&all->arena, event->message);
	all->makespan_us = event->makespan_us;
	all->bound_us = event->bound_us;
	all->busy_us = event->busy_us;
	all->n_slots = event->slots;
	all->exit_code = (int)event->exit_code;
	all->bounded_by = str_of(message);
	all->finished = true;
	return message ? 0 : -ENOMEM;
}

static int take(void *data, const struct msg_run_event *event)
{
	struct explanation *all = data;
	const char *name;
	switch (event->kind) {
	case MSG_RUN_STARTED:
		name = arena_copy(&all->arena, event->name);
		all->name = str_of(name);
		return name ? 0 : -ENOMEM;
	case MSG_RUN_CASE_RETRIED: all->retries++; return take_attempt(all, event);
	case MSG_RUN_CASE_FINISHED: return take_verdict(all, event);
	case MSG_RUN_FINISHED: return take_end(all, event);
	default: return 0;
	}
}

/* ---- printing ---- */

static int by_duration(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	return x->duration_us < y->duration_us ? 1 : x->duration_us > y->duration_us ? -1 : 0;
}

static int by_end(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	return x->end_us < y->end_us ? 1 : x->end_us > y->end_us ? -1 : 0;
}

static int by_busy(const void *a, const void *b)
{
	const struct slot *x = a, *y = b;
	return x->busy_us < y->busy_us ? 1 : x->busy_us > y->busy_us ? -1 : 0;
}

static const char *time_text(uint64_t us, char out[32])
{
	return str_format_duration(out, 32, us);
}

static double percent(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void print_end(const struct explanation *all)
{
	char makespan[32], bound[32], busy[32];
	printf("run %.*s: %llu cases, exit code %d\n", STR_ARG(all->name),
	       (unsigned long long)all->cases, all->exit_code);
	if (!all->finished) {
		printf("it has no end: it still runs, or was cut off\n");
		return;
	}
	printf("took %s; no schedule of it could take less than %s",
	       time_text(all->makespan_us, makespan), time_text(all->bound_us, bound));
	if (all->bound_us)
		printf(": %.3f times the bound", (double)all->makespan_us / (double)all->bound_us);
	printf("\n");
	if (all->bounded_by.len) {
		printf("bounded by: ");
		say_text(stdout, all->bounded_by);
		printf("\n");
	}
	printf("%llu slots, busy %s in all: %.0f%% of the time they were there\n",
	       (unsigned long long)all->n_slots, time_text(all->busy_us, busy),
	       percent(all->busy_us, all->makespan_us * all->n_slots));
	if (all->retries)
		printf("%llu attempts were repeated\n", (unsigned long long)all->retries);
}

static void print_rows(struct explanation *all, const char *title,
		       int (*order)(const void *, const void *), bool ends)
{
	char text[32];
	if (!all->rows.len)
		return;
	qsort(all->rows.items, all->rows.len, sizeof(*all->rows.items), order);
	printf("\n%s:\n", title);
	for (size_t i = 0; i < all->rows.len && i < ROWS; i++) {
		const struct row *row = &all->rows.items[i];
		printf("%10s  ", time_text(row->duration_us, text));
		say_text(stdout, row->id);
		if (ends)
			printf("  ended at %s", time_text(row->end_us, text));
		if (row->attempts > 1)
			printf("  attempt %llu", (unsigned long long)row->attempts);
		printf("\n");
	}
}

static void print_slots(struct explanation *all)
{
	char busy[32], last[32];
	if (!all->slots.len)
		return;
	qsort(all->slots.items, all->slots.len, sizeof(*all->slots.items), by_busy);
	printf("\nslots, the busiest first:\n");
	for (size_t i = 0; i < all->slots.len && i < 2 * ROWS; i++) {
		const struct slot *slot = &all->slots.items[i];
		printf("  ");
		say_text(stdout, slot->worker);
		printf("/%llu: %s in %llu attempts (%.0f%%), the last ended at %s\n",
		       (unsigned long long)slot->slot, time_text(slot->busy_us, busy),
		       (unsigned long long)slot->cases, percent(slot->busy_us, all->makespan_us),
		       time_text(slot->last_us, last));
	}
	if (all->slots.len > 2 * ROWS)
		printf("  and %zu more\n", all->slots.len - 2 * ROWS);
}

static void explain_done(struct explanation *all)
{
	VEC_DONE(&all->slots);
	VEC_DONE(&all->rows);
	arena_done(&all->arena);
}

int verbs_explain(const struct verbs_call *call, struct err *err)
{
	const char *url = conf_text(call->conf, OPTIONS_COORDINATOR);
	if (url && *url)
		return verbs_explain_there(call, err);
	struct explanation all = { 0 };
	struct store *store = NULL;
	uint64_t run;
	size_t n;
	const char *const *operands = conf_operands(call->conf, &n);
	int r = place_open_history(call->conf, &store, err);
	r = r < 0 ? r : store_run_find(store, str_of(n ? operands[0] : "latest"), &run, err);
	r = r < 0 ? r : store_run_replay(store, run, take, &all, err);
	store_close(store);
	if (r == -ENOMEM)
		err_set(err, r, "out of memory");
	if (r == 0) {
		print_end(&all);
		print_rows(&all, "slowest", by_duration, false);
		print_rows(&all, "ended last", by_end, true);
		print_slots(&all);
	}
	explain_done(&all);
	if (r < 0)
		return EXIT_CODE_USAGE;
	return fflush(stdout) == EOF ? EXIT_CODE_REPORT : EXIT_CODE_OK;
}
