// SPDX-License-Identifier: Apache-2.0
/*
 * merge.c - reads, sorts, chooses. Sorting is by case, then run, then place in the run, so that all
 * that is known of a case stands together and exact duplicates are neighbours. Everything read
 * lives in one arena until merge_free.
 *
 * The exit code is computed anew where verdicts decide it (100, 104, 111) and taken over where they
 * do not (a deadline, a sandbox that could not be had, an interruption).
 */
#include "coordinator/report/merge.h"

#include "coordinator/report/jsonlread.h"
#include "coordinator/report/tally.h"
#include "protocol/base/arena.h"
#include "protocol/base/assert.h"
#include "protocol/base/fd.h"
#include "protocol/base/vec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct entry {
	struct str run;
	struct msg_run_event event;
};

struct entries {
	struct entry *items;
	size_t len, cap;
};

struct merge {
	struct arena arena;
	struct entries all;
	size_t files;
};

struct merge *merge_new(void)
{
	return calloc(1, sizeof(struct merge));
}

void merge_free(struct merge *merge)
{
	if (!merge)
		return;
	arena_done(&merge->arena);
	VEC_DONE(&merge->all);
	free(merge);
}

/* A file being read. */
struct reading {
	struct merge *merge;
	const char *name;
	struct str run;
	size_t line;
	struct err *err;
};

static int read_line(struct reading *reading, struct str line)
{
	struct merge *merge = reading->merge;
	struct entry entry = { 0 };
	reading->line++;
	if (!str_trim(line).len)
		return 0;
	int r = jsonlread_line(line, &merge->arena, &entry.event, reading->err);
	if (r < 0)
		return err_wrap(reading->err, "reading the events %s, line %zu", reading->name,
				reading->line);
	if (r == 0)
		return 0;
	if (entry.event.kind == MSG_RUN_STARTED)
		reading->run = entry.event.name;
	entry.run = reading->run;
	if (merge->all.len >= MERGE_EVENTS)
		return err_set(reading->err, -EFBIG,
			       "reading the events %s: more than %d events in all", reading->name,
			       MERGE_EVENTS);
	if (VEC_PUSH(&merge->all, entry) < 0)
		return err_errno(reading->err, -ENOMEM, "reading the events %s", reading->name);
	return 0;
}

/* Whole lines of buf; what follows the last one stays. */
static int read_lines(struct reading *reading, struct buf *buf)
{
	size_t done = 0;
	int r = 0;
	const char *end;
	while (r == 0 && done < buf->len &&
	       (end = memchr(buf->data + done, '\n', buf->len - done))) {
		size_t len = (size_t)(end - buf->data) - done;
		r = read_line(reading, (struct str){ buf->data + done, len });
		done += len + 1;
	}
	buf_consume(buf, done);
	return r;
}

static int read_fd(struct reading *reading, int fd, struct buf *buf)
{
	char chunk[65536];
	ssize_t n;
	while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		int r = n < 0 ? -errno : buf_append(buf, chunk, (size_t)n);
		if (r == -ENOBUFS)
			return err_set(reading->err, -EFBIG,
				       "reading the events %s: line %zu is longer than %d bytes",
				       reading->name, reading->line + 1, MERGE_LINE_BYTES);
		if (r < 0)
			return err_errno(reading->err, r, "reading the events %s", reading->name);
		r = read_lines(reading, buf);
		if (r < 0)
			return r;
	}
	return 0;
}

static int finish_file(struct merge *merge, struct reading *reading, size_t before, int r)
{
	if (r == 0 && merge->all.len == before)
		r = err_set(reading->err, -EPROTO, "reading the events %s: there are none in it",
			    reading->name);
	if (r < 0)
		merge->all.len = before;
	else
		merge->files++;
	return r;
}

int merge_file(struct merge *merge, const char *path, struct err *err)
{
	struct err local = { 0 };
	struct reading reading = { .merge = merge, .name = path, .err = err ? err : &local };
	struct buf buf;
	size_t before = merge->all.len;
	FD_CLEANUP int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return err_errno(err, -errno, "reading the events %s", path);
	buf_init(&buf, MERGE_LINE_BYTES);
	int r = read_fd(&reading, fd, &buf);
	buf_done(&buf);
	return finish_file(merge, &reading, before, r);
}

int merge_bytes(struct merge *merge, const char *name, struct str bytes, struct err *err)
{
	struct err local = { 0 };
	struct reading reading = { .merge = merge, .name = name, .err = err ? err : &local };
	size_t before = merge->all.len;
	int r = 0;
	const char *end;
	while (r == 0 && bytes.len && (end = memchr(bytes.data, '\n', bytes.len))) {
		struct str line = { bytes.data, (size_t)(end - bytes.data) };
		r = read_line(&reading, line);
		bytes = (struct str){ end + 1, bytes.len - line.len - 1 };
	}
	return finish_file(merge, &reading, before, r);
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

static int compare_case(const struct msg_run_event *a, const struct msg_run_event *b)
{
	int order = compare_text(a->suite, b->suite);
	if (!order)
		order = compare_text(a->program, b->program);
	return order ? order : compare_text(a->name, b->name);
}

/* A total order, so that the result is one whatever order the files came in. */
static int compare(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;
	const struct msg_run_event *x = &a->event, *y = &b->event;
	int order = compare_case(x, y);
	if (!order)
		order = compare_text(a->run, b->run);
	const uint64_t numbers[][2] = {
		{ x->index, y->index },	    { x->at_us, y->at_us },
		{ x->kind, y->kind },	    { x->attempt, y->attempt },
		{ x->outcome, y->outcome }, { x->slot, y->slot },
		{ x->count, y->count },	    { x->duration_us, y->duration_us },
	};
	for (size_t i = 0; !order && i < sizeof(numbers) / sizeof(numbers[0]); i++)
		order = compare_number(numbers[i][0], numbers[i][1]);
	if (!order)
		order = compare_text(x->worker, y->worker);
	if (!order)
		order = compare_text(x->message, y->message);
	if (!order)
		order = compare_text(x->out, y->out);
	if (!order)
		order = compare_text(x->path, y->path);
	return order ? order : compare_text(x->err, y->err);
}

static void drop_duplicates(struct entries *all)
{
	size_t kept = 0;
	for (size_t i = 0; i < all->len; i++)
		if (!kept || compare(&all->items[kept - 1], &all->items[i]) != 0)
			all->items[kept++] = all->items[i];
	all->len = kept;
}

static bool ran(const struct msg_run_event *event)
{
	return event->outcome != OUTCOME_ERROR && event->outcome != OUTCOME_LOST &&
	       event->outcome != OUTCOME_NOTRUN;
}

/* Is verdict b to be preferred to a? Entries come with older runs first. */
static bool better(const struct entry *a, const struct entry *b)
{
	if (ran(&a->event) != ran(&b->event))
		return ran(&b->event);
	int order = compare_text(a->run, b->run);
	if (order)
		return order < 0;
	return b->event.outcome > a->event.outcome;
}

/* The run whose verdicts count for the case of items[first..last); NULL data when none has one. */
static struct str choose(const struct entry *items, size_t first, size_t last)
{
	const struct entry *best = NULL;
	for (size_t i = first; i < last; i++)
		if (items[i].event.kind == MSG_RUN_CASE_FINISHED &&
		    (!best || better(best, &items[i])))
			best = &items[i];
	return best ? best->run : (struct str){ 0 };
}

/* What the merged run is told to have been. */
struct emission {
	void (*each)(void *data, const struct msg_run_event *event);
	void *data;
	struct tally tally;
	struct msg_run_event started, finished;
	size_t runs, ended;
	uint64_t next_index;
	int exit_code;
};

static void emit(struct emission *emission, const struct msg_run_event *event)
{
	tally_add(&emission->tally, event);
	emission->each(emission->data, event);
}

static bool decided_by_verdicts(int code)
{
	return code == EXIT_CODE_FAILED || code == EXIT_CODE_LISTING ||
	       code == EXIT_CODE_INCOMPLETE || code == EXIT_CODE_OK || code == EXIT_CODE_NO_TESTS;
}

static void add_run(struct emission *emission, const struct msg_run_event *event)
{
	struct msg_run_event *end = &emission->finished;
	if (event->kind == MSG_RUN_STARTED) {
		emission->runs++;
		emission->started.count += event->count;
		if (compare_text(event->name, emission->started.name) > 0)
			emission->started.name = event->name;
		return;
	}
	emission->ended++;
	end->makespan_us = event->makespan_us > end->makespan_us ? event->makespan_us
								 : end->makespan_us;
	end->busy_us += event->busy_us;
	end->slots += event->slots;
	if (!decided_by_verdicts((int)event->exit_code))
		emission->exit_code = outcome_worse_exit(emission->exit_code,
							 (int)event->exit_code);
}

static bool is_case(const struct msg_run_event *event)
{
	return event->kind == MSG_RUN_CASE_FINISHED || event->kind == MSG_RUN_CASE_RETRIED ||
	       event->kind == MSG_RUN_ARTIFACT || event->kind == MSG_RUN_CASE_SLOW;
}

static void emit_case(struct emission *emission, const struct entry *items, size_t first,
		      size_t last)
{
	struct str run = choose(items, first, last);
	uint64_t index = UINT64_MAX, given = 0;
	for (size_t i = first; run.data && i < last; i++) {
		struct msg_run_event event = items[i].event;
		if (!str_eq(items[i].run, run) || !is_case(&event))
			continue;
		if (event.index != UINT32_MAX && event.index != index) {
			index = event.index;
			given = emission->next_index++;
		}
		if (event.index != UINT32_MAX)
			event.index = given;
		emit(emission, &event);
	}
}

static void emit_cases(struct emission *emission, const struct entries *all)
{
	for (size_t first = 0, last; first < all->len; first = last) {
		const struct msg_run_event *event = &all->items[first].event;
		last = first + 1;
		if (!is_case(event))
			continue;
		/* Starts of later attempts stand between. */
		while (last < all->len && compare_case(event, &all->items[last].event) == 0)
			last++;
		emit_case(emission, all->items, first, last);
	}
}

static bool is_listing(const struct msg_run_event *event)
{
	return event->kind == MSG_RUN_LISTED || event->kind == MSG_RUN_LIST_FAILED;
}

/* Warnings, and of each program what the newest run that listed it says. */
static void emit_others(struct emission *emission, const struct entries *all)
{
	for (size_t i = 0; i < all->len; i++) {
		const struct entry *entry = &all->items[i], *newest = entry;
		if (entry->event.kind == MSG_RUN_WARNING)
			emit(emission, &entry->event);
		if (!is_listing(&entry->event))
			continue;
		for (size_t k = i + 1; k < all->len; k++) {
			if (compare_case(&entry->event, &all->items[k].event) != 0)
				break;
			if (is_listing(&all->items[k].event))
				newest = &all->items[k];
		}
		if (str_eq(newest->run, entry->run))
			emit(emission, &entry->event);
	}
}

static int exit_code(const struct emission *emission)
{
	const struct tally *tally = &emission->tally;
	int code = emission->exit_code;
	if (tally_red(tally))
		code = outcome_worse_exit(code, EXIT_CODE_FAILED);
	if (tally->list_failed)
		code = outcome_worse_exit(code, EXIT_CODE_LISTING);
	if (tally->outcomes[OUTCOME_LOST] || emission->ended < emission->runs)
		code = outcome_worse_exit(code, EXIT_CODE_INCOMPLETE);
	if (!tally->verdicts && !tally->list_failed)
		code = outcome_worse_exit(code, EXIT_CODE_NO_TESTS);
	return code;
}

int merge_emit(struct merge *merge, void (*each)(void *data, const struct msg_run_event *event),
	       void *data)
{
	struct entries *all = &merge->all;
	struct emission emission = { .each = each, .data = data };
	if (all->len)
		qsort(all->items, all->len, sizeof(*all->items), compare);
	drop_duplicates(all);
	for (size_t i = 0; i < all->len; i++)
		if (all->items[i].event.kind == MSG_RUN_STARTED ||
		    all->items[i].event.kind == MSG_RUN_FINISHED)
			add_run(&emission, &all->items[i].event);
	emission.started.kind = MSG_RUN_STARTED;
	emit(&emission, &emission.started);
	emit_others(&emission, all);
	emit_cases(&emission, all);
	int code = exit_code(&emission);
	emission.finished.kind = MSG_RUN_FINISHED;
	emission.finished.count = emission.tally.verdicts;
	emission.finished.exit_code = (uint64_t)code;
	emission.finished.at_us = emission.finished.makespan_us;
	if (emission.ended == emission.runs) /* else the reports say that the end is missing */
		emit(&emission, &emission.finished);
	ASSERT(code >= 0);
	return code;
}
