// SPDX-License-Identifier: Apache-2.0
/*
 * shard.c - who runs next, who is to blame.
 *
 *	WAITING --begin--> in the step --started--> RUNNING --ended--> DONE
 *	                     |                      '--the process died--> DONE (blamed)
 *	                     '--the process died before its turn--> WAITING again, in a fresh
 * process
 *
 * Invariants: cases[first..len) are those without a verdict, in order; a step is
 * cases[first..first+step); a case is DONE at most once, and its verdict is told then. A step of
 * one case holds its verdict back until the process ended, since leftovers, memory and processor
 * time belong to it. Progress: a step that ended without a verdict of a listed case blames its
 * first; after DEATHS_MAX such steps in a row all that are left are blamed, so that a program that
 * always dies is not started once per case. Not for effects: no process, file or clock is touched
 * here.
 */
#include "worker/shard.h"

#include "protocol/base/assert.h"
#include "protocol/base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEATHS_MAX = 3 };

enum state { WAITING, RUNNING, DONE };

struct item {
	uint32_t index;
	uint32_t state; /* enum state */
	uint64_t timeout_us;
	uint64_t started_us;
};

/* The verdict of a step's only case, until its process ended. */
struct held {
	bool is_set;
	enum outcome outcome;
	uint64_t duration_us;
	struct buf message;
};

struct shard {
	struct shard_sink sink;
	struct shard_options options;
	struct adapt_case *cases; /* parallel to items: what adapters see */
	struct item *items;
	size_t len, first, step;
	ptrdiff_t running; /* in the step, or -1 */
	uint64_t step_us;  /* when the step began */
	uint64_t last_us;  /* last news of the step */
	uint64_t moved_us; /* when the limit of its only case was moved; 0: it was not */
	size_t news;	   /* starts and verdicts of the step, found cases too */
	size_t settled;	   /* listed cases of the step with a verdict */
	bool told_start;   /* did the adapter see a case of the step begin? */
	size_t red_found;  /* red verdicts of found cases in the step */
	unsigned deaths;   /* steps in a row that died without news */
	struct held held;
	uint64_t startup_us, startups; /* sum and number */
};

struct shard *shard_new(const struct msg_shard_case *cases, size_t n,
			const struct shard_options *options, const struct shard_sink *sink)
{
	struct shard *shard = calloc(1, sizeof(*shard));
	if (!shard)
		return NULL;
	shard->cases = calloc(n ? n : 1, sizeof(*shard->cases));
	shard->items = calloc(n ? n : 1, sizeof(*shard->items));
	if (!shard->cases || !shard->items) {
		shard_free(shard);
		return NULL;
	}
	shard->sink = *sink;
	shard->options = *options;
	shard->len = n;
	shard->running = -1;
	buf_init(&shard->held.message, LIMIT_TEXT_BYTES);
	for (size_t i = 0; i < n; i++) {
		uint64_t timeout_us = cases[i].timeout_us ? cases[i].timeout_us
							  : options->timeout_us;
		shard->cases[i] = (struct adapt_case){
			.name = cases[i].name,
			.detail = cases[i].detail,
			.timeout_us = timeout_us,
		};
		shard->items[i] = (struct item){ .index = (uint32_t)cases[i].index,
						 .timeout_us = timeout_us };
	}
	return shard;
}

void shard_free(struct shard *shard)
{
	if (!shard)
		return;
	buf_done(&shard->held.message);
	free(shard->cases);
	free(shard->items);
	free(shard);
}

size_t shard_offer(const struct shard *shard, const struct adapt_case **ret_cases)
{
	ASSERT(!shard->step);
	size_t n = shard->len - shard->first;
	*ret_cases = shard->cases + shard->first;
	return n > 1 && (shard->options.process_per_case || shard->options.isolate) ? 1 : n;
}

static struct item *item_at(const struct shard *shard, size_t i)
{
	ASSERT(i < shard->step);
	return &shard->items[shard->first + i];
}

static void start(struct shard *shard, size_t i, uint64_t now_us)
{
	struct item *item = item_at(shard, i);
	item->state = RUNNING;
	item->started_us = now_us;
	shard->running = (ptrdiff_t)i;
	shard->sink.started(shard->sink.data, item->index, now_us - shard->options.now_us);
}

void shard_begin(struct shard *shard, size_t n, uint64_t now_us)
{
	ASSERT(!shard->step && n > 0 && n <= shard->len - shard->first);
	shard->step = n;
	shard->running = -1;
	shard->step_us = shard->last_us = now_us;
	shard->moved_us = 0;
	shard->news = shard->settled = shard->red_found = 0;
	shard->held.is_set = false;
	shard->told_start = false;
	if (n == 1)
		start(shard, 0, now_us);
}

bool shard_is_single(const struct shard *shard)
{
	return shard->step == 1;
}

uint32_t shard_first(const struct shard *shard)
{
	return item_at(shard, 0)->index;
}

size_t shard_size(const struct shard *shard)
{
	return shard->step;
}

uint64_t shard_limit(const struct shard *shard)
{
	return shard->step == 1 ? item_at(shard, 0)->timeout_us : 0;
}

static void tell(struct shard *shard, const struct shard_verdict *verdict, uint64_t now_us)
{
	struct shard_verdict told = *verdict;
	told.at_us = now_us - shard->options.now_us;
	shard->sink.ended(shard->sink.data, &told);
}

/* The verdict of the step's case i. */
static void settle(struct shard *shard, size_t i, struct shard_verdict verdict, uint64_t now_us)
{
	struct item *item = item_at(shard, i);
	ASSERT(item->state != DONE);
	verdict.index = item->index;
	item->state = DONE;
	if (shard->running == (ptrdiff_t)i)
		shard->running = -1;
	shard->last_us = now_us;
	shard->news++;
	shard->settled++;
	tell(shard, &verdict, now_us);
}

/* A case that nobody listed, told beside the listed case i of the step. */
static void settle_found(struct shard *shard, size_t i, struct shard_verdict verdict,
			 uint64_t now_us)
{
	ASSERT(verdict.name.len);
	verdict.index = item_at(shard, i)->index;
	shard->news++;
	shard->red_found += outcome_is_red(verdict.outcome);
	tell(shard, &verdict, now_us);
	shard->last_us = now_us;
}

static void note_startup(struct shard *shard, uint64_t now_us)
{
	if (shard->news)
		return;
	shard->startup_us += now_us - shard->step_us;
	shard->startups++;
}

void shard_started(struct shard *shard, size_t i, uint64_t now_us)
{
	if (i >= shard->step)
		return;
	shard->told_start = true;
	if (shard->step == 1 || item_at(shard, i)->state == WAITING)
		note_startup(shard, now_us);
	if (item_at(shard, i)->state == WAITING)
		start(shard, i, now_us);
	shard->news++;
	shard->last_us = now_us;
}

void shard_ended(struct shard *shard, const struct adapt_verdict *verdict, uint64_t now_us)
{
	if (verdict->index >= shard->step)
		return;
	struct item *item = item_at(shard, verdict->index);
	uint64_t since_us = !verdict->name.len && item->state == RUNNING ? item->started_us
									 : shard->last_us;
	struct shard_verdict ours = {
		.name = verdict->name,
		.outcome = verdict->outcome,
		.duration_us = verdict->duration_us ? verdict->duration_us : now_us - since_us,
		.message = verdict->message,
	};
	if (verdict->name.len) {
		settle_found(shard, verdict->index, ours, now_us);
		return;
	}
	if (item->state == DONE || shard->held.is_set)
		return;
	if (shard->step > 1) {
		note_startup(shard, now_us);
		settle(shard, verdict->index, ours, now_us);
		return;
	}
	struct str message = verdict->message;
	if (message.len > LIMIT_TEXT_BYTES)
		message.len = LIMIT_TEXT_BYTES;
	buf_clear(&shard->held.message);
	buf_put_str(&shard->held.message,
		    message); /* no memory: the verdict counts more than its text */
	shard->held.outcome = verdict->outcome;
	shard->held.duration_us = verdict->duration_us;
	shard->held.is_set = true;
}

ptrdiff_t shard_running(const struct shard *shard)
{
	return shard->running;
}

/* First case of the step without a verdict, or -1. */
static ptrdiff_t first_open(const struct shard *shard)
{
	for (size_t i = 0; i < shard->step; i++)
		if (item_at(shard, i)->state != DONE)
			return (ptrdiff_t)i;
	return -1;
}

uint32_t shard_suspect(const struct shard *shard)
{
	ptrdiff_t i = shard->running >= 0 ? shard->running : first_open(shard);
	return item_at(shard, i >= 0 ? (size_t)i : shard->step - 1)->index;
}

void shard_move_limit(struct shard *shard, uint64_t limit_us, uint64_t now_us)
{
	ASSERT(shard->step == 1 && now_us > 0);
	item_at(shard, 0)->timeout_us = limit_us ? limit_us : 1;
	shard->moved_us = now_us;
}

uint64_t shard_deadline(const struct shard *shard)
{
	const struct item *item;
	if (!shard->step)
		return 0;
	if (shard->moved_us)
		return shard->moved_us + item_at(shard, 0)->timeout_us;
	if (shard->running >= 0) {
		item = item_at(shard, (size_t)shard->running);
		return item->timeout_us ? item->started_us + item->timeout_us : 0;
	}
	/*
	 * Between cases: the next one's clock; behind the last one: the last one's, for a process
	 * that will not end.
	 */
	ptrdiff_t open = first_open(shard);
	item = item_at(shard, open >= 0 ? (size_t)open : shard->step - 1);
	return item->timeout_us ? shard->last_us + item->timeout_us : 0;
}

/* "SIGSEGV (segmentation fault)" into out. */
static const char *signal_text(int signal, char *out, size_t size)
{
	const char *name = sigabbrev_np(signal);
	const char *what = sigdescr_np(signal);
	if (name && what)
		snprintf(out, size, "SIG%s (%s)", name, what);
	else
		snprintf(out, size, "signal %d", signal);
	return out;
}

static enum outcome outcome_of(const struct shard_end *end)
{
	switch (end->how) {
	case SHARD_SIGNALLED: return OUTCOME_CRASH;
	case SHARD_OOM: return OUTCOME_OOM;
	case SHARD_TIMED_OUT: return OUTCOME_TIMEOUT;
	case SHARD_EXITED: return OUTCOME_FAIL;
	case SHARD_NOT_STARTED:
	case SHARD_CANCELLED:
	case SHARD_HOW_MAX: break;
	}
	return OUTCOME_ERROR;
}

/* What to say of the case that is blamed for the end of its process. */
static void blame_text(const struct shard_end *end, uint64_t after_us, char *out, size_t size)
{
	char name[64], after[32];
	switch (end->how) {
	case SHARD_SIGNALLED:
		snprintf(out, size, "killed by %s", signal_text(end->signal, name, sizeof(name)));
		return;
	case SHARD_OOM:
		snprintf(out, size, "killed at the memory limit; raise it (memory) or use less");
		return;
	case SHARD_TIMED_OUT:
		if (end->cpu_deadline)
			snprintf(out, size,
				 "used %s of processor time and was killed; raise that limit if "
				 "it is healthy",
				 str_format_duration(after, sizeof(after), end->cpu_us));
		else
			snprintf(out, size,
				 "did not end within %s and was killed; raise its timeout if it is "
				 "healthy",
				 str_format_duration(after, sizeof(after), after_us));
		return;
	default:
		snprintf(out, size, "the process exited with code %d while this case ran",
			 end->code);
	}
}

static struct shard_verdict verdict_of(const struct shard_end *end, enum outcome outcome,
				       const char *message)
{
	return (struct shard_verdict){
		.outcome = outcome,
		.exit_code = end->how == SHARD_EXITED ? end->code & 255 : 0,
		.signal = end->how == SHARD_EXITED ? 0 : end->signal & 127,
		.message = str_of(message),
	};
}

static void blame(struct shard *shard, size_t i, const struct shard_end *end, uint64_t now_us)
{
	struct item *item = item_at(shard, i);
	uint64_t since_us = item->state == RUNNING ? item->started_us : shard->last_us;
	char text[256];
	blame_text(end, item->timeout_us ? item->timeout_us : now_us - since_us, text,
		   sizeof(text));
	struct shard_verdict verdict = verdict_of(end, outcome_of(end), text);
	verdict.duration_us = now_us - since_us;
	settle(shard, i, verdict, now_us);
}

/* All open cases of the step get the same verdict. */
static void settle_all(struct shard *shard, const struct shard_verdict *verdict, uint64_t now_us)
{
	for (size_t i = 0; i < shard->step; i++)
		if (item_at(shard, i)->state != DONE)
			settle(shard, i, *verdict, now_us);
}

static struct shard_verdict unreported(const struct shard_end *end, char *text, size_t size)
{
	snprintf(text, size,
		 "the program ended without reporting this case (exit code %d), although its "
		 "listing named it; does it honour the framework's selection options?",
		 end->code);
	return verdict_of(end, OUTCOME_ERROR, text);
}

/* What to say of a step's only case that ran out of time. */
static void late_text(const struct shard *shard, const struct shard_end *end, char *out,
		      size_t size)
{
	uint64_t limit_us = item_at(shard, 0)->timeout_us;
	char after[32];
	if (!shard->moved_us || end->cpu_deadline) {
		blame_text(end, limit_us ? limit_us : end->wall_us, out, size);
		return;
	}
	snprintf(out, size,
		 "did not end within %s of the output that its limit counts from and was killed; "
		 "raise that limit if it is healthy",
		 str_format_duration(after, sizeof(after), limit_us));
}

/* A refusal of the sandbox may be why; it need not be. */
static void add_refused(struct shard *shard, const struct shard_end *end,
			struct shard_verdict *verdict)
{
	struct buf *text = &shard->held.message;
	if (!end->refused.len || verdict->outcome == OUTCOME_PASS ||
	    verdict->outcome == OUTCOME_LEAK)
		return;
	if (verdict->message.data != text->data) {
		buf_clear(text);
		buf_put_str(text, verdict->message);
	}
	buf_printf(text, "%sthe sandbox refused %.*s", text->len ? "; " : "",
		   STR_ARG(end->refused));
	verdict->message = buf_str(text);
}

/*
 * A process of one case that the kind judges by its exit, or whose verdict the end of the process
 * decides.
 */
static void end_single(struct shard *shard, const struct shard_end *end, uint64_t now_us)
{
	struct held *held = &shard->held;
	char text[256];
	struct shard_verdict verdict;
	bool died = end->how != SHARD_EXITED;
	if (end->how == SHARD_TIMED_OUT || (died && !held->is_set) ||
	    (end->how == SHARD_OOM && outcome_is_red(held->outcome))) {
		blame_text(end, 0, text, sizeof(text));
		if (end->how == SHARD_TIMED_OUT)
			late_text(shard, end, text, sizeof(text));
		verdict = verdict_of(end, outcome_of(end), text);
	} else if (held->is_set) {
		verdict = verdict_of(end, held->outcome, NULL);
		verdict.message = buf_str(&held->message);
	} else if (shard->options.process_per_case) {
		snprintf(text, sizeof(text), "exit code %d", end->code);
		verdict = verdict_of(end, end->code ? OUTCOME_FAIL : OUTCOME_PASS,
				     end->code ? text : NULL);
	} else if (shard->told_start) {
		blame_text(end, 0, text, sizeof(text));
		verdict = verdict_of(end, OUTCOME_FAIL, text);
	} else {
		verdict = unreported(end, text, sizeof(text));
	}
	if (verdict.outcome == OUTCOME_PASS && end->leftovers) {
		snprintf(text, sizeof(text), "passed, but left %u process%s behind; killed",
			 end->leftovers, end->leftovers == 1 ? "" : "es");
		verdict.outcome = OUTCOME_LEAK;
		verdict.message = str_of(text);
	}
	add_refused(shard, end, &verdict);
	verdict.duration_us = held->is_set && held->duration_us ? held->duration_us : end->wall_us;
	verdict.cpu_us = end->cpu_us;
	verdict.peak_bytes = end->peak_bytes;
	settle(shard, 0, verdict, now_us);
}

/* A process of several cases ended by itself. */
static void end_exited(struct shard *shard, const struct shard_end *end, uint64_t now_us)
{
	char text[256];
	if (shard->running >= 0)
		blame(shard, (size_t)shard->running, end, now_us);
	if (!shard->settled) {
		struct shard_verdict verdict = unreported(end, text, sizeof(text));
		settle_all(shard, &verdict, now_us);
	}
	if (end->leftovers) {
		snprintf(text, sizeof(text), "%u processes outlived the program; they were killed",
			 end->leftovers);
		struct shard_verdict verdict = verdict_of(end, OUTCOME_LEAK, text);
		verdict.name = STR_LIT("leftover processes");
		settle_found(shard, shard->step - 1, verdict, now_us);
	}
}

/* A process of several cases was killed, by itself or by us. */
static void end_died(struct shard *shard, const struct shard_end *end, uint64_t now_us)
{
	ptrdiff_t open = first_open(shard);
	bool silent = !shard->news;
	if (open < 0) {
		char text[256];
		if (shard->red_found)
			return;
		blame_text(end, now_us - shard->last_us, text, sizeof(text));
		struct shard_verdict verdict = verdict_of(end, outcome_of(end), text);
		verdict.name = STR_LIT("exit");
		settle_found(shard, shard->step - 1, verdict, now_us);
		return;
	}
	if (shard->running >= 0)
		blame(shard, (size_t)shard->running, end, now_us);
	else if (!shard->settled || end->how == SHARD_TIMED_OUT)
		blame(shard, (size_t)open, end, now_us);
	shard->deaths = silent ? shard->deaths + 1 : 0;
	if (shard->deaths < DEATHS_MAX)
		return;
	char cause[160], text[256];
	blame_text(end, now_us - shard->step_us, cause, sizeof(cause));
	snprintf(text, sizeof(text), "%s before any case began, %d times in a row", cause,
		 DEATHS_MAX);
	struct shard_verdict verdict = verdict_of(end, outcome_of(end), text);
	settle_all(shard, &verdict, now_us);
}

/*
 * Move the cases with a verdict out of cases[first..); the open ones keep their order and are
 * WAITING again.
 */
static void compact(struct shard *shard)
{
	size_t end = shard->first + shard->step, to = end;
	for (size_t from = end; from-- > shard->first;) {
		if (shard->items[from].state == DONE)
			continue;
		to--;
		shard->items[to] = shard->items[from];
		shard->cases[to] = shard->cases[from];
		shard->items[to].state = WAITING;
	}
	shard->first = to;
	shard->step = 0;
	shard->running = -1;
}

void shard_end(struct shard *shard, const struct shard_end *end, uint64_t now_us)
{
	ASSERT(shard->step > 0 && end->how < SHARD_HOW_MAX);
	if (end->how == SHARD_CANCELLED) {
		shard->first = shard->len;
		shard->step = 0;
		shard->running = -1;
		return;
	}
	if (end->how == SHARD_NOT_STARTED) {
		struct shard_verdict verdict = { .outcome = OUTCOME_ERROR, .message = end->reason };
		settle_all(shard, &verdict, now_us);
	} else if (shard->step == 1) {
		end_single(shard, end, now_us);
	} else if (end->how == SHARD_EXITED) {
		end_exited(shard, end, now_us);
	} else {
		end_died(shard, end, now_us);
	}
	ASSERT(shard->settled > 0); /* so the attempt ends */
	compact(shard);
}

uint64_t shard_startup_us(const struct shard *shard)
{
	if (shard->options.process_per_case) /* larger shards would save none of it */
		return 0;
	return shard->startups ? shard->startup_us / shard->startups : 0;
}
