// SPDX-License-Identifier: Apache-2.0
/*
 * why.c - what is there and why it does not go faster, for whoever asks. It only looks: one pass
 * over the cases, one over the workers, nothing is kept and nothing is decided from it.
 */
#include "coordinator/core/state.h"

#include "protocol/base/assert.h"
#include "protocol/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_BYTES = 16 << 10, NAMES_MAX = 5, SHARDS_MAX = 8 };

/* ---- numbers ---- */

uint64_t core_run_at(const struct core *core, size_t place)
{
	return place < core->runs.len ? core->runs.items[place]->number : 0;
}

static struct str client_of(const struct core *core, const struct core_run *run)
{
	return run->client == CORE_NOBODY ? (struct str){ .data = "" }
					  : core->clients.items[run->client].name;
}

struct core_run_status core_run_status(const struct core *core, uint64_t number)
{
	struct core_run_status status = { .name = { .data = "" }, .client = { .data = "" } };
	const struct core_run *run = core_find_run(core, number);
	if (!run)
		return status;
	status.name = str_of(run->name);
	status.client = client_of(core, run);
	status.programs = run->programs.len;
	status.programs_listed = run->listed;
	status.cases = run->cases.len;
	status.finished = run->done;
	status.running = run->running;
	status.red = run->red;
	status.found = run->n_found;
	status.left_us = run->left_us;
	status.age_us = core->now_us - run->began_us;
	status.priority = run->spec.priority;
	status.slots = run->used;
	status.stopped = run->stopped;
	status.steps = run->steps;
	memcpy(status.outcomes, run->outcomes, sizeof(status.outcomes));
	return status;
}

static void fill_status(const struct core *core, uint64_t now_us, const struct core_worker *worker,
			struct core_worker_status *ret_status)
{
	ASSERT(now_us >= worker->heard_us && worker->attempts.len <= core->attempts.len);
	*ret_status = (struct core_worker_status){
		.number = worker->number,
		.name = worker->name,
		.tags = worker->tags,
		.n_tags = worker->n_tags,
		.slots = worker->slots,
		.used = worker->used,
		.attempts = worker->attempts.len,
		.heard_us = now_us - worker->heard_us,
		.state = worker->quarantined ? CORE_WORKER_QUARANTINED
			 : worker->suspect   ? CORE_WORKER_SUSPECT
			 : worker->draining  ? CORE_WORKER_DRAINING
					     : CORE_WORKER_HEALTHY,
	};
}

bool core_worker_next(const struct core *core, uint64_t now_us, size_t *place,
		      struct core_worker_status *ret_status)
{
	while (*place < core->workers.len) {
		const struct core_worker *worker = &core->workers.items[(*place)++];
		if (!worker->number)
			continue;
		fill_status(core, now_us, worker, ret_status);
		return true;
	}
	return false;
}

bool core_worker_status(const struct core *core, uint64_t now_us, uint64_t number,
			struct core_worker_status *ret_status)
{
	const struct core_worker *worker = core_find_worker(core, number);
	if (worker)
		fill_status(core, now_us, worker, ret_status);
	return worker;
}

/* ---- reasons ---- */

struct telling {
	const struct core *core;
	const struct core_run *run;
	void (*each)(void *data, const struct core_reason *reason);
	void *data;
	struct buf text;
	uint64_t now_us;
	uint64_t ready[CORE_CLASSES_MAX]; /* cases per class */
	uint64_t waiting;
};

/* The sentence in t->text is whole. */
static void tell(struct telling *t, enum core_reason_kind kind, uint64_t count)
{
	t->each(t->data,
		&(struct core_reason){ .kind = kind, .count = count, .text = buf_str(&t->text) });
	buf_clear(&t->text);
}

/* Words of a sentence; what does not fit is cut. */
__attribute__((format(printf, 2, 3))) static void say(struct telling *t, const char *fmt, ...)
{
	char words[1024];
	va_list args;
	va_start(args, fmt);
	vsnprintf(words, sizeof(words), fmt, args);
	va_end(args);
	(void)buf_puts(&t->text, words);
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static const char *duration(char out[32], uint64_t us)
{
	return str_format_duration(out, 32, us);
}

static void count_cases(struct telling *t)
{
	const struct core_run *run = t->run;
	for (size_t i = 0; i < run->cases.len; i++) {
		const struct core_case *item = &run->cases.items[i];
		if (item->state == CASE_READY && !item->serial)
			t->ready[run->programs.items[item->program].class]++;
		t->waiting += item->state == CASE_WAITING && item->waiting_for;
	}
}

static uint64_t to_list(const struct core_class *class)
{
	return class->relist.len + class->to_list.len - class->next_to_list;
}

static void say_requires(struct telling *t, const struct core_class *class)
{
	for (size_t i = 0; i < class->n_requires; i++)
		say(t, "%s%.*s",
		    i			    ? ", "
		    : class->n_requires > 1 ? " with the tags "
					    : " with the tag ",
		    STR_ARG(class->requires[i]));
}

/* "2 programs to be listed and 5 cases wait" */
static void say_work(struct telling *t, uint64_t programs, uint64_t cases)
{
	if (programs)
		say(t, "%llu program%s to be listed%s", (unsigned long long)programs,
		    plural(programs), cases ? " and " : "");
	if (cases)
		say(t, "%llu case%s", (unsigned long long)cases, plural(cases));
	say(t, " wait%s", programs + cases == 1 ? "s" : "");
}

static void tell_no_worker(struct telling *t, size_t at)
{
	const struct core_class *class = &t->run->classes.items[at];
	uint64_t programs = to_list(class), cases = t->ready[at] + class->serial.len;
	char text[32];
	if (class->present || !(programs + cases))
		return;
	say(t, "no worker");
	say_requires(t, class);
	say(t, " is connected, since %s: ", duration(text, t->now_us - class->unserved_us));
	say_work(t, programs, cases);
	say(t, " for one");
	if (t->run->spec.wait_us)
		say(t, ", %s at most", duration(text, t->run->spec.wait_us));
	tell(t, CORE_REASON_NO_WORKER, programs + cases);
}

/* Workers that get nothing. */
static void tell_workers(struct telling *t)
{
	static const char *const states[CORE_WORKER_STATE_MAX] = {
		[CORE_WORKER_DRAINING] = " drains",
		[CORE_WORKER_SUSPECT] = " is silent for ",
		[CORE_WORKER_QUARANTINED] = " is quarantined",
	};
	uint64_t n[CORE_WORKER_STATE_MAX] = { 0 };
	struct core_worker_status status;
	char text[32];
	for (size_t place = 0; core_worker_next(t->core, t->now_us, &place, &status);)
		n[status.state]++;
	for (int state = CORE_WORKER_DRAINING; state < CORE_WORKER_STATE_MAX; state++) {
		unsigned named = 0;
		if (!n[state])
			continue;
		say(t, "%llu worker%s get%s no work: ", (unsigned long long)n[state],
		    plural(n[state]), n[state] == 1 ? "s" : "");
		for (size_t place = 0; core_worker_next(t->core, t->now_us, &place, &status);) {
			if ((int)status.state != state || named++ >= NAMES_MAX)
				continue;
			say(t, "%s%.200s%s", named > 1 ? ", " : "", status.name.data,
			    states[state]);
			if (state == CORE_WORKER_SUSPECT)
				say(t, "%s", duration(text, status.heard_us));
		}
		if (named > NAMES_MAX)
			say(t, " ...");
		tell(t, CORE_REASON_WORKERS, n[state]);
	}
}

/* Slots at healthy workers of a class: all, and free ones. */
static void count_slots(struct telling *t, size_t at, uint64_t *ret_slots, uint64_t *ret_free)
{
	const struct core_class *class = &t->run->classes.items[at];
	*ret_slots = *ret_free = 0;
	for (size_t i = 0; i < t->core->workers.len; i++) {
		const struct core_worker *worker = &t->core->workers.items[i];
		if (!worker->number || !worker->healthy ||
		    !roster_serves((struct core *)t->core, (struct core_class *)class,
				   worker->pool))
			continue;
		*ret_slots += worker->slots;
		*ret_free += worker->slots - worker->used;
	}
}

/* Which other runs have slots, the first few. */
static void say_others(struct telling *t)
{
	unsigned named = 0;
	for (size_t i = 0; i < t->core->runs.len; i++) {
		const struct core_run *run = t->core->runs.items[i];
		if (run == t->run || !run->used || named++ >= NAMES_MAX)
			continue;
		say(t, "%s%s (%llu slot%s, priority %llu)", named > 1 ? ", " : "", run->name,
		    (unsigned long long)run->used, plural(run->used),
		    (unsigned long long)run->spec.priority);
	}
	if (named > NAMES_MAX)
		say(t, " ...");
}

static void tell_busy(struct telling *t, size_t at)
{
	const struct core_class *class = &t->run->classes.items[at];
	uint64_t work = t->ready[at] + to_list(class), slots, free;
	uint64_t quota = t->core->options.client_slots;
	if (!work || !class->healthy)
		return;
	count_slots(t, at, &slots, &free);
	say_work(t, to_list(class), t->ready[at]);
	if (free) {
		say(t,
		    " although %llu slot%s free: more slots are needed at once than one worker "
		    "has free, or it failed where there is room",
		    (unsigned long long)free, free == 1 ? " is" : "s are");
	} else {
		say(t, ": all %llu slots that would serve are taken, %llu by this run",
		    (unsigned long long)slots, (unsigned long long)t->run->used);
		if (t->run->used < slots) {
			say(t, ", the rest by ");
			say_others(t);
		}
	}
	if (quota && t->run->client != CORE_NOBODY &&
	    t->core->clients.items[t->run->client].used >= quota)
		say(t, "; its client has its quota of %llu slots, so others go first",
		    (unsigned long long)quota);
	tell(t, CORE_REASON_BUSY, work);
}

/* The running case that holds a lock. */
static const struct core_case *holder_of(const struct core_run *run, struct str lock)
{
	for (size_t i = 0; i < run->cases.len; i++) {
		const struct core_case *item = &run->cases.items[i];
		for (size_t j = 0; item->state == CASE_RUNNING && j < item->n_locks; j++)
			if (str_eq(item->locks[j], lock))
				return item;
	}
	return NULL;
}

static void tell_locks(struct telling *t)
{
	const struct core_run *run = t->run;
	for (size_t i = 0; i < run->lock_index.len; i++) {
		const struct map_entry *entry = &run->lock_index.entries[i];
		const struct core_lock *lock = &run->locks.items[entry->value];
		uint64_t n = lock->waiters.len - lock->next;
		if (!lock->held || !n)
			continue;
		const struct core_case *holder = holder_of(run, entry->key);
		say(t, "%llu case%s wait%s for the lock %.*s", (unsigned long long)n, plural(n),
		    n == 1 ? "s" : "", STR_ARG(entry->key));
		if (holder)
			say(t, ", which %.*s holds", STR_ARG(holder->name));
		tell(t, CORE_REASON_LOCK, n);
	}
}

static void tell_order(struct telling *t)
{
	const struct core_run *run = t->run;
	uint64_t alone = 0;
	for (size_t i = 0; i < run->classes.len; i++)
		alone += run->classes.items[i].serial.len;
	if (t->waiting) {
		say(t, "%llu case%s wait%s for others to end first", (unsigned long long)t->waiting,
		    plural(t->waiting), t->waiting == 1 ? "s" : "");
		tell(t, CORE_REASON_AFTER, t->waiting);
	}
	if (alone && (run->busy_attempts || run->serial_running)) {
		say(t, "%llu case%s run%s alone and wait%s for the rest of the run",
		    (unsigned long long)alone, plural(alone), alone == 1 ? "s" : "",
		    alone == 1 ? "s" : "");
		tell(t, CORE_REASON_ALONE, alone);
	}
}

/* The attempts of the run, the oldest first; n at most `max`. Returns how many there are. */
static uint64_t oldest(const struct telling *t, bool list, const struct core_attempt **ret,
		       size_t max, size_t *ret_n)
{
	uint64_t all = 0;
	*ret_n = 0;
	for (size_t i = 0; i < t->core->attempts.len; i++) {
		const struct core_attempt *attempt = &t->core->attempts.items[i];
		if (!attempt->id || attempt->late || attempt->run != t->run->number ||
		    attempt->list != list)
			continue;
		all++;
		size_t at = *ret_n < max ? (*ret_n)++ : max;
		for (; at && attempt->started_us < ret[at - 1]->started_us; at--)
			if (at < max)
				ret[at] = ret[at - 1];
		if (at < max)
			ret[at] = attempt;
	}
	return all;
}

static void say_attempt(struct telling *t, const struct core_attempt *attempt)
{
	const struct msg_program *program = &t->run->programs.items[attempt->program].spec;
	const struct core_worker *worker = core_find_worker(t->core, attempt->worker);
	char text[32];
	say(t, "%.*s::%.*s on %s for %s", STR_ARG(program->suite), STR_ARG(program->name),
	    worker	    ? worker->name.data
	    : attempt->name ? attempt->name
			    : "a worker that is gone",
	    duration(text, t->now_us - attempt->started_us));
}

static void tell_listing(struct telling *t)
{
	const struct core_attempt *longest;
	size_t n;
	uint64_t left = t->run->programs.len - t->run->listed,
		 under_way = oldest(t, true, &longest, 1, &n);
	if (!left)
		return;
	say(t, "%llu program%s %s not listed yet, so not all cases are known",
	    (unsigned long long)left, plural(left), left == 1 ? "is" : "are");
	if (n) {
		say(t, "; %llu %s being listed, the longest ", (unsigned long long)under_way,
		    under_way == 1 ? "is" : "are");
		say_attempt(t, longest);
	}
	if (t->run->held)
		say(t, "; the partition is drawn when all are");
	tell(t, CORE_REASON_LISTING, left);
}

static void tell_running(struct telling *t)
{
	const struct core_attempt *attempts[SHARDS_MAX];
	size_t n;
	uint64_t all = oldest(t, false, attempts, SHARDS_MAX, &n);
	for (size_t i = 0; i < n; i++) {
		const struct core_attempt *attempt = attempts[i];
		uint64_t left = 0;
		const struct core_case *first = NULL;
		for (size_t j = 0; j < attempt->cases.len; j++) {
			const struct core_case *item =
				&t->run->cases.items[attempt->cases.items[j]];
			if (item->attempt != attempt->id)
				continue;
			left++;
			if (!first || item->started > first->started)
				first = item;
		}
		say_attempt(t, attempt);
		say(t, ", %llu case%s to go", (unsigned long long)left, plural(left));
		if (first)
			say(t, ", now %.*s", STR_ARG(first->name));
		if (attempt->cancelled)
			say(t, "; it was told to end");
		tell(t, CORE_REASON_RUNNING, left);
	}
	if (all > n) {
		say(t, "and %llu more shards", (unsigned long long)(all - n));
		tell(t, CORE_REASON_RUNNING, all - n);
	}
}

bool core_run_explain(const struct core *core, uint64_t now_us, uint64_t number,
		      void (*each)(void *data, const struct core_reason *reason), void *data)
{
	struct telling t = { .core = core,
			     .run = core_find_run(core, number),
			     .each = each,
			     .data = data,
			     .now_us = now_us };
	if (!t.run)
		return false;
	ASSERT(now_us >= t.run->began_us && t.run->classes.len <= CORE_CLASSES_MAX);
	buf_init(&t.text, TEXT_BYTES);
	count_cases(&t);
	if (t.run->stopped) {
		say(&t, "%s: %s", t.run->finished ? "it is over" : "it was stopped",
		    t.run->why_stopped);
		tell(&t, CORE_REASON_STOPPED, t.run->busy_attempts);
	} else if (t.run->finished) {
		say(&t, "it is over");
		tell(&t, CORE_REASON_DONE, t.run->done);
	}
	if (!t.run->stopped && !t.run->finished) {
		for (size_t i = 0; i < t.run->classes.len; i++)
			tell_no_worker(&t, i);
		tell_workers(&t);
		for (size_t i = 0; i < t.run->classes.len; i++)
			tell_busy(&t, i);
		tell_locks(&t);
		tell_order(&t);
		tell_listing(&t);
	}
	tell_running(&t);
	buf_done(&t.text);
	return true;
}
