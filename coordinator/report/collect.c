// SPDX-License-Identifier: Apache-2.0
/*
 * collect.c - copies of verdicts and of attempts that were repeated, sorted at the end so that the
 * attempts of a case stand right before its verdict. Repeated runs of a case (--repeat) differ by
 * index and stay apart. Outputs are kept up to OUTPUT_BYTES_MAX in all; beyond that their last
 * lines are.
 */
#include "coordinator/report/collect.h"

#include "protocol/base/arena.h"
#include "protocol/base/assert.h"
#include "protocol/base/vec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	OUTPUT_BYTES_MAX = 512 << 20,
	OUTPUT_BYTES_LATER = 4 << 10, /* per output beyond that */
};

struct collect {
	struct arena arena;
	struct {
		struct msg_run_event *items;
		size_t len, cap;
	} events, artifacts;
	struct collect_case *cases;
	size_t n_cases;
	struct collect_run run;
	struct str program_texts[4]; /* copies of the last suite, program, adapter, file: most
					repeat */
};

struct collect *collect_new(void)
{
	return calloc(1, sizeof(struct collect));
}

void collect_free(struct collect *collect)
{
	if (!collect)
		return;
	arena_done(&collect->arena);
	VEC_DONE(&collect->events);
	VEC_DONE(&collect->artifacts);
	free(collect->cases);
	free(collect);
}

static int copy_text(struct collect *collect, struct str *text)
{
	char *copy = text->len ? arena_copy(&collect->arena, *text) : "";
	if (!copy)
		return -ENOMEM;
	text->data = copy;
	return 0;
}

static void cut_output(const struct collect *collect, struct str *text)
{
	if (collect->arena.total_bytes < OUTPUT_BYTES_MAX || text->len <= OUTPUT_BYTES_LATER)
		return;
	text->data += text->len - OUTPUT_BYTES_LATER;
	text->len = OUTPUT_BYTES_LATER;
}

static int copy_program(struct collect *collect, struct msg_run_event *event)
{
	struct str *texts[] = { &event->suite, &event->program, &event->adapter, &event->file };
	for (size_t i = 0; i < 4; i++) {
		struct str *last = &collect->program_texts[i];
		if (!last->data || !str_eq(*last, *texts[i])) {
			if (copy_text(collect, texts[i]) < 0)
				return -ENOMEM;
			*last = *texts[i];
		}
		*texts[i] = *last;
	}
	return 0;
}

static int copy_event(struct collect *collect, struct msg_run_event *event)
{
	struct str *texts[] = { &event->name, &event->worker, &event->message,
				&event->out,  &event->err,    &event->path };
	cut_output(collect, &event->out);
	cut_output(collect, &event->err);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (copy_text(collect, texts[i]) < 0)
			return -ENOMEM;
	return copy_program(collect, event);
}

int collect_event(struct collect *collect, const struct msg_run_event *event)
{
	struct msg_run_event copy = *event;
	ASSERT(!collect->cases);
	tally_add(&collect->run.tally, event);
	switch (event->kind) {
	case MSG_RUN_STARTED:
		collect->run.name = event->name;
		return copy_text(collect, &collect->run.name);
	case MSG_RUN_FINISHED:
		collect->run.finished = true;
		collect->run.end = copy;
		return copy_event(collect, &collect->run.end);
	case MSG_RUN_CASE_RETRIED:
	case MSG_RUN_CASE_FINISHED:
		if (copy_event(collect, &copy) < 0)
			return -ENOMEM;
		return VEC_PUSH(&collect->events, copy);
	case MSG_RUN_ARTIFACT:
		if (copy_event(collect, &copy) < 0)
			return -ENOMEM;
		return VEC_PUSH(&collect->artifacts, copy);
	default: return 0;
	}
}

static int compare_text(struct str a, struct str b)
{
	size_t shorter = a.len < b.len ? a.len : b.len;
	int order = shorter ? memcmp(a.data, b.data, shorter) : 0;
	return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_number(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

/* Same case, same place in the run? */
static int compare_case(const struct msg_run_event *a, const struct msg_run_event *b)
{
	int order = compare_text(a->suite, b->suite);
	if (!order)
		order = compare_text(a->program, b->program);
	if (!order)
		order = compare_text(a->name, b->name);
	return order ? order : compare_number(a->index, b->index);
}

static int compare(const void *left, const void *right)
{
	const struct msg_run_event *a = left, *b = right;
	int order = compare_case(a, b);
	if (!order)
		order = compare_number(a->kind == MSG_RUN_CASE_FINISHED,
				       b->kind == MSG_RUN_CASE_FINISHED);
	if (!order)
		order = compare_number(a->attempt, b->attempt);
	if (!order)
		order = compare_number(a->at_us, b->at_us);
	return order ? order : compare_text(a->worker, b->worker);
}

static int compare_artifact(const void *left, const void *right)
{
	const struct msg_run_event *a = left, *b = right;
	int order = compare_case(a, b);
	if (!order)
		order = compare_number(a->attempt, b->attempt);
	if (!order)
		order = compare_text(a->path, b->path);
	return order ? order : compare_text(a->message, b->message);
}

/* Both are sorted by case: each case gets its own. */
static void hand_out_artifacts(struct collect *collect)
{
	struct msg_run_event *items = collect->artifacts.items;
	size_t n = collect->artifacts.len, at = 0;
	if (n)
		qsort(items, n, sizeof(*items), compare_artifact);
	for (size_t i = 0; i < collect->n_cases; i++) {
		struct collect_case *one = &collect->cases[i];
		while (at < n && compare_case(&items[at], one->verdict) < 0)
			at++;
		one->artifacts = items + at;
		while (at < n && compare_case(&items[at], one->verdict) == 0) {
			at++;
			one->n_artifacts++;
		}
	}
}

int collect_sort(struct collect *collect)
{
	size_t n = collect->events.len, first = 0;
	struct msg_run_event *events = collect->events.items;
	ASSERT(!collect->cases);
	collect->cases = calloc(n + 1, sizeof(*collect->cases));
	if (!collect->cases)
		return -ENOMEM;
	if (n)
		qsort(events, n, sizeof(*events), compare);
	for (size_t i = 0; i < n; i++) {
		if (first < i && compare_case(&events[first], &events[i]) != 0)
			first = i; /* attempts without a verdict: the run was cut off */
		if (events[i].kind == MSG_RUN_CASE_RETRIED)
			continue;
		collect->cases[collect->n_cases++] = (struct collect_case){
			.verdict = &events[i],
			.attempts = &events[first],
			.n_attempts = i - first,
		};
		first = i + 1;
	}
	hand_out_artifacts(collect);
	return 0;
}

bool collect_nth(const struct collect *collect, size_t i, struct collect_case *ret_case)
{
	ASSERT(collect->cases);
	if (i >= collect->n_cases)
		return false;
	*ret_case = collect->cases[i];
	return true;
}

const struct collect_run *collect_run(const struct collect *collect)
{
	return &collect->run;
}

bool collect_same_program(const struct msg_run_event *a, const struct msg_run_event *b)
{
	return str_eq(a->suite, b->suite) && str_eq(a->program, b->program);
}
