// SPDX-License-Identifier: Apache-2.0
/*
 * roster.c - the workers: who is there, what they offer, when they were last heard, whether they
 * take work. Two lists keep them in the order in which they were heard, so that the next to be
 * suspected, and the next to be given up, is always the first of one; a bit for each says whether
 * it has room, so that handing out looks at nobody else. Invariants: a worker is in `suspects` when
 * it is suspect, else in `heard`; `present` and `healthy` of pools and classes count the workers
 * whose flags say so.
 */
#include "coordinator/core/state.h"

#include "protocol/base/assert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum class_serves { SERVES_UNKNOWN, SERVES, SERVES_NOT };

enum { PLACES_MAX = 0xffff };

/* ---- the lists ---- */

static uint32_t place_of(const struct core *core, const struct core_worker *worker)
{
	return (uint32_t)(worker - core->workers.items);
}

static struct core_list *list_of(struct core *core, const struct core_worker *worker)
{
	return worker->suspect ? &core->suspects : &core->heard;
}

static void unlink_worker(struct core *core, struct core_worker *worker)
{
	struct core_list *list = list_of(core, worker);
	if (worker->before == CORE_NOBODY)
		list->first = worker->after;
	else
		core->workers.items[worker->before].after = worker->after;
	if (worker->after == CORE_NOBODY)
		list->last = worker->before;
	else
		core->workers.items[worker->after].before = worker->before;
}

static void append_worker(struct core *core, struct core_worker *worker)
{
	struct core_list *list = list_of(core, worker);
	uint32_t place = place_of(core, worker);
	worker->before = list->last;
	worker->after = CORE_NOBODY;
	if (list->last == CORE_NOBODY)
		list->first = place;
	else
		core->workers.items[list->last].after = place;
	list->last = place;
}

/* ---- pools ---- */

static int by_bytes(const void *a, const void *b)
{
	return str_compare(*(const struct str *)a, *(const struct str *)b);
}

static uint64_t hash_tags(const struct str *tags, size_t n)
{
	uint64_t hash = n + 1;
	for (size_t i = 0; i < n; i++)
		hash = hash * 0x100000001b3u ^ str_hash(tags[i]);
	return hash;
}

static bool equal_tags(const struct core_pool *pool, const struct core_worker *worker)
{
	for (size_t i = 0; i < pool->n_tags; i++)
		if (!str_eq(pool->tags[i], worker->tags[i]))
			return false;
	return true;
}

/* What was found out about the pool that had this place is void. */
static void forget_pool(struct core *core, size_t place)
{
	for (size_t i = 0; i < core->runs.len; i++)
		for (size_t j = 0; j < core->runs.items[i]->classes.len; j++) {
			struct core_class *class = &core->runs.items[i]->classes.items[j];
			if (place < class->pools.len)
				class->pools.items[place] = SERVES_UNKNOWN;
		}
}

static void free_pool(struct core_pool *pool)
{
	for (size_t i = 0; i < pool->n_tags; i++)
		free((char *)pool->tags[i].data);
	free((struct str *)pool->tags);
	*pool = (struct core_pool){ 0 };
}

static struct str *copy_tags(const struct str *tags, size_t n)
{
	struct str *copy = calloc(n + 1, sizeof(*copy));
	for (size_t i = 0; copy && i < n; i++) {
		copy[i] = (struct str){ str_dup(tags[i]), tags[i].len };
		if (copy[i].data)
			continue;
		while (i)
			free((char *)copy[--i].data);
		free(copy);
		copy = NULL;
	}
	return copy;
}

/* Put the worker into the pool of its tags, made when new. 0 or -ENOMEM. */
static int join_pool(struct core *core, struct core_worker *worker)
{
	uint64_t hash = hash_tags(worker->tags, worker->n_tags);
	size_t place = core->pools.len;
	for (size_t i = 0; i < core->pools.len; i++) {
		const struct core_pool *pool = &core->pools.items[i];
		if (!pool->workers) {
			place = i;
		} else if (pool->hash == hash && pool->n_tags == worker->n_tags &&
			   equal_tags(pool, worker)) {
			worker->pool = (uint32_t)i;
			core->pools.items[i].workers++;
			return 0;
		}
	}
	struct core_pool fresh = { .tags = copy_tags(worker->tags, worker->n_tags),
				   .n_tags = worker->n_tags,
				   .hash = hash,
				   .workers = 1 };
	if (!fresh.tags || (place == core->pools.len && VEC_PUSH(&core->pools, fresh) < 0)) {
		free_pool(&fresh);
		return -ENOMEM;
	}
	core->pools.items[place] = fresh;
	forget_pool(core, place);
	worker->pool = (uint32_t)place;
	return 0;
}

static void leave_pool(struct core *core, const struct core_worker *worker)
{
	struct core_pool *pool = &core->pools.items[worker->pool];
	ASSERT(pool->workers > 0);
	if (--pool->workers)
		return;
	ASSERT(!pool->present && !pool->healthy);
	free_pool(pool);
}

/* Both are sorted: one pass over the pool's tags. */
static bool offers_all(const struct core_pool *pool, const struct core_class *class)
{
	size_t at = 0;
	for (size_t i = 0; i < class->n_requires; i++) {
		while (at < pool->n_tags && str_compare(pool->tags[at], class->requires[i]) < 0)
			at++;
		if (at == pool->n_tags || !str_eq(pool->tags[at], class->requires[i]))
			return false;
	}
	return true;
}

bool roster_serves(struct core *core, struct core_class *class, uint32_t pool)
{
	if (!class->n_requires)
		return true;
	while (class->pools.len <= pool)
		if (VEC_PUSH(&class->pools, SERVES_UNKNOWN) < 0) {
			core->out_of_memory = true;
			return false;
		}
	uint8_t *known = &class->pools.items[pool];
	if (*known == SERVES_UNKNOWN)
		*known = offers_all(&core->pools.items[pool], class) ? SERVES : SERVES_NOT;
	return *known == SERVES;
}

/* ---- counting ---- */

static void set_room(struct core *core, const struct core_worker *worker)
{
	uint32_t place = place_of(core, worker);
	uint64_t bit = UINT64_C(1) << place % 64;
	ASSERT(place / 64 < core->room.len);
	if (worker->healthy && worker->used < worker->slots)
		core->room.items[place / 64] |= bit;
	else
		core->room.items[place / 64] &= ~bit;
}

static void count_in_class(struct core *core, struct core_class *class, int present, int healthy)
{
	bool served = class->present;
	class->present += (size_t)present;
	class->healthy += (size_t)healthy;
	if (served && !class->present)
		class->unserved_us = core->now_us;
	else if (class->present)
		class->unserved_us = UINT64_MAX, class->told = false;
}

void roster_refresh(struct core *core, struct core_worker *worker)
{
	bool present = worker->number && !worker->draining && !worker->quarantined,
	     healthy = present && !worker->suspect;
	int more = present - worker->present, better = healthy - worker->healthy;
	if (more || better) {
		core->pools.items[worker->pool].present += (size_t)more;
		core->pools.items[worker->pool].healthy += (size_t)better;
		for (size_t i = 0; i < core->runs.len; i++)
			for (size_t j = 0; j < core->runs.items[i]->classes.len; j++) {
				struct core_class *class = &core->runs.items[i]->classes.items[j];
				if (roster_serves(core, class, worker->pool))
					count_in_class(core, class, more, better);
			}
		worker->present = present;
		worker->healthy = healthy;
		core->work_changed = true;
	}
	set_room(core, worker);
}

void roster_count(struct core *core, struct core_run *run)
{
	for (size_t i = 0; i < run->classes.len; i++) {
		struct core_class *class = &run->classes.items[i];
		class->unserved_us = core->now_us;
		for (size_t p = 0; p < core->pools.len; p++)
			if (core->pools.items[p].workers &&
			    roster_serves(core, class, (uint32_t)p)) {
				class->present += core->pools.items[p].present;
				class->healthy += core->pools.items[p].healthy;
			}
		if (class->present)
			class->unserved_us = UINT64_MAX;
	}
}

/* ---- coming and going ---- */

static void tell_runs(struct core *core, const struct msg_run_event *event)
{
	for (size_t i = 0; i < core->runs.len; i++)
		if (!core->runs.items[i]->finished)
			run_emit(core, core->runs.items[i], event);
}

static void free_worker(struct core_worker *worker)
{
	free((char *)worker->name.data);
	for (size_t i = 0; i < worker->n_tags; i++)
		free((char *)worker->tags[i].data);
	free(worker->tags);
	free(worker->attempts.items);
	free(worker->trust.cells.items);
	*worker = (struct core_worker){ 0 };
}

static int fill_worker(struct core *core, struct core_worker *worker,
		       const struct core_worker_spec *spec)
{
	worker->name = (struct str){ str_dup(spec->name), spec->name.len };
	worker->tags = copy_tags(spec->tags, spec->n_tags);
	if (!worker->name.data || !worker->tags)
		return -ENOMEM;
	worker->n_tags = spec->n_tags;
	qsort(worker->tags, worker->n_tags, sizeof(*worker->tags), by_bytes);
	worker->slots = spec->slots ? spec->slots : 1;
	worker->evict_us = UINT64_MAX;
	worker->owner = spec->owner;
	worker->session = spec->session;
	while (core->room.len <= place_of(core, worker) / 64)
		if (VEC_PUSH(&core->room, 0) < 0)
			return -ENOMEM;
	return join_pool(core, worker);
}

/* The name where it outlives the worker: an action may be drained after it left. */
static struct str name_in_arena(struct core *core, const struct core_worker *worker)
{
	char *name = core_action_alloc(core, worker->name.len + 1);
	if (!name)
		return (struct str){ .data = "" };
	memcpy(name, worker->name.data, worker->name.len);
	return (struct str){ name, worker->name.len };
}

uint64_t core_worker_joined(struct core *core, uint64_t now_us, const struct core_worker_spec *spec)
{
	core_enter(core, now_us);
	size_t place = 0;
	while (place < core->workers.len && core->workers.items[place].number)
		place++;
	if (place > PLACES_MAX ||
	    (place == core->workers.len && VEC_PUSH(&core->workers, (struct core_worker){ 0 }) < 0))
		return 0;
	struct core_worker *worker = &core->workers.items[place];
	if (fill_worker(core, worker, spec) < 0) {
		free_worker(worker);
		return 0;
	}
	worker->number = (++core->serial << 16) | place;
	worker->heard_us = worker->joined_us = now_us;
	append_worker(core, worker);
	core->slots += worker->slots;
	tell_runs(core, &(struct msg_run_event){ .kind = MSG_RUN_WORKER_JOINED,
						 .worker = name_in_arena(core, worker),
						 .slots = worker->slots });
	roster_refresh(core, worker);
	return worker->number;
}

/* The worker, its lease renewed; NULL when it is unknown. */
static struct core_worker *hear(struct core *core, uint64_t number)
{
	struct core_worker *worker = core_find_worker(core, number);
	if (!worker)
		return NULL;
	unlink_worker(core, worker);
	worker->suspect = false;
	worker->heard_us = core->now_us;
	append_worker(core, worker);
	roster_refresh(core, worker);
	return worker;
}

bool core_worker_ready(struct core *core, uint64_t now_us, uint64_t number)
{
	core_enter(core, now_us);
	return hear(core, number);
}

void core_renew_leases(struct core *core, uint64_t now_us)
{
	core_enter(core, now_us);
	for (size_t i = 0; i < core->workers.len; i++)
		(void)hear(core, core->workers.items[i].number);
	if (core->orphans)
		core->orphans_us = now_us + core->options.lease_us;
}

int core_worker_event(struct core *core, uint64_t now_us, uint64_t number,
		      const struct msg_event *event, struct err *err)
{
	core_enter(core, now_us);
	(void)hear(core, number);
	struct core_attempt *attempt = assign_find(core, event->attempt);
	if (!attempt || attempt->epoch != event->epoch)
		return 0; /* of an attempt that is over: whatever it says was decided without it */
	if (event->seq && event->seq < attempt->seq)
		return 0; /* said before, and in the journal */
	if (event->seq)
		attempt->seq = event->seq + 1;
	if (core->options.journal && !attempt->dirty) {
		attempt->dirty = true;
		if (VEC_PUSH(&core->dirty, (uint32_t)(attempt - core->attempts.items)) < 0)
			core->out_of_memory = true;
	}
	return merge_event(core, attempt, event, err);
}

static void tell_left(struct core *core, const struct core_worker *worker, const char *why)
{
	char *text = core_action_alloc(core, strlen(why) + 1);
	if (!text)
		return;
	memcpy(text, why, strlen(why) + 1);
	tell_runs(core, &(struct msg_run_event){ .kind = MSG_RUN_WORKER_LEFT,
						 .worker = name_in_arena(core, worker),
						 .message = str_of(text) });
}

/* It is gone, and each of its attempts goes where `part` puts it. */
static void leave(struct core *core, uint64_t number, const char *why,
		  void (*part)(struct core *core, struct core_attempt *attempt))
{
	struct core_worker *worker = core_find_worker(core, number);
	if (!worker)
		return;
	tell_left(core, worker, why);
	while (worker->attempts.len)
		part(core, &core->attempts.items[worker->attempts.items[worker->attempts.len - 1]]);
	core->slots -= worker->slots;
	unlink_worker(core, worker);
	worker->number = 0;
	roster_refresh(core, worker);
	leave_pool(core, worker);
	free_worker(worker);
	core->work_changed = true;
}

void core_worker_left(struct core *core, uint64_t now_us, uint64_t number, const char *why)
{
	core_enter(core, now_us);
	leave(core, number, why, merge_lost);
}

void core_worker_away(struct core *core, uint64_t now_us, uint64_t number, const char *why)
{
	core_enter(core, now_us);
	leave(core, number, why, assign_orphan);
}

/* ---- coming back ---- */

bool core_attempt_is_orphan(const struct core *core, uint64_t attempt, uint64_t epoch)
{
	const struct core_attempt *found = assign_find(core, attempt);
	return found && found->epoch == epoch && !found->worker && !found->late;
}

void core_worker_adopt(struct core *core, uint64_t now_us, uint64_t number, uint64_t attempt,
		       uint64_t epoch)
{
	core_enter(core, now_us);
	struct core_worker *worker = core_find_worker(core, number);
	if (worker && core_attempt_is_orphan(core, attempt, epoch))
		assign_adopt(core, assign_find(core, attempt), worker);
}

/* Orphans are lost: all of them (session 0), or those of one session. */
static void lose_orphans(struct core *core, uint64_t session)
{
	for (size_t i = 0; core->orphans && i < core->attempts.len; i++) {
		struct core_attempt *attempt = &core->attempts.items[i];
		if (attempt->id && !attempt->worker && !attempt->late &&
		    (!session || attempt->session == session))
			merge_lost(core, attempt);
	}
}

void core_session_over(struct core *core, uint64_t now_us, uint64_t session)
{
	core_enter(core, now_us);
	ASSERT(session);
	lose_orphans(core, session);
}

/* ---- draining ---- */

void core_worker_drain(struct core *core, uint64_t now_us, uint64_t number, bool draining)
{
	core_enter(core, now_us);
	struct core_worker *worker = core_find_worker(core, number);
	if (!worker)
		return;
	worker->draining = draining;
	if (!draining)
		worker->evict_us = UINT64_MAX;
	roster_refresh(core, worker);
}

void core_worker_evict(struct core *core, uint64_t now_us, uint64_t number, uint64_t at_us)
{
	core_enter(core, now_us);
	struct core_worker *worker = core_find_worker(core, number);
	if (!worker)
		return;
	worker->evict_us = at_us;
	if (at_us < core->evict_us)
		core->evict_us = at_us;
}

/* What it runs is to run elsewhere, by no fault of anybody. */
static void evict(struct core *core, struct core_worker *worker, const char *why)
{
	worker->evict_us = UINT64_MAX;
	for (size_t i = 0; i < worker->attempts.len; i++) {
		struct core_attempt *attempt = &core->attempts.items[worker->attempts.items[i]];
		attempt->moved = attempt->moved || !attempt->cancelled;
		assign_cancel(core, attempt, why);
	}
}

void roster_quarantine(struct core *core, struct core_worker *worker, const char *why)
{
	struct str text = { core_action_alloc(core, strlen(why) + 1), strlen(why) };
	worker->quarantined = true;
	evict(core, worker, "its worker is quarantined");
	roster_refresh(core, worker);
	if (!text.data)
		return;
	memcpy((char *)text.data, why, text.len + 1);
	tell_runs(core, &(struct msg_run_event){ .kind = MSG_RUN_WARNING, .message = text });
	core_push(core, &(struct core_action){ .kind = CORE_ACTION_QUARANTINE,
					       .worker = worker->number,
					       .why = text.data });
}

void core_worker_quarantine(struct core *core, uint64_t now_us, uint64_t number, bool quarantined)
{
	core_enter(core, now_us);
	struct core_worker *worker = core_find_worker(core, number);
	if (!worker)
		return;
	worker->quarantined = quarantined;
	worker->trust.n = worker->trust.red = worker->trust.expected = 0;
	worker->trust.cells.len = 0;
	roster_refresh(core, worker);
}

static void evict_due(struct core *core)
{
	if (core->now_us < core->evict_us)
		return;
	core->evict_us = UINT64_MAX;
	for (size_t i = 0; i < core->workers.len; i++) {
		struct core_worker *worker = &core->workers.items[i];
		if (worker->number && worker->evict_us <= core->now_us)
			evict(core, worker, "its worker is drained, and its time is over");
		else if (worker->number && worker->evict_us < core->evict_us)
			core->evict_us = worker->evict_us;
	}
}

/* ---- time ---- */

void roster_suspect(struct core *core)
{
	while (core->heard.first != CORE_NOBODY) {
		struct core_worker *worker = &core->workers.items[core->heard.first];
		if (core->now_us - worker->heard_us < core->options.suspect_us)
			break;
		unlink_worker(core, worker);
		worker->suspect = true;
		append_worker(core, worker);
		roster_refresh(core, worker);
	}
}

void roster_tick(struct core *core)
{
	roster_suspect(core);
	while (core->suspects.first != CORE_NOBODY) {
		const struct core_worker *worker = &core->workers.items[core->suspects.first];
		if (core->now_us - worker->heard_us < core->options.lease_us)
			break;
		core_worker_left(core, core->now_us, worker->number,
				 "its lease ran out: nothing was heard of it");
	}
	if (core->orphans && core->now_us >= core->orphans_us)
		lose_orphans(core, 0);
	evict_due(core);
}

/* When the first of a list has been silent for so long, or `deadline`, which is sooner. */
static uint64_t sooner(const struct core *core, const struct core_list *list, uint64_t silent_us,
		       uint64_t deadline)
{
	if (list->first == CORE_NOBODY)
		return deadline;
	uint64_t due = core->workers.items[list->first].heard_us + silent_us;
	return due < deadline ? due : deadline;
}

uint64_t roster_deadline_us(const struct core *core)
{
	uint64_t deadline = core->evict_us;
	if (core->orphans && core->orphans_us < deadline)
		deadline = core->orphans_us;
	deadline = sooner(core, &core->heard, core->options.suspect_us, deadline);
	return sooner(core, &core->suspects, core->options.lease_us, deadline);
}

/* ---- clients ---- */

uint32_t roster_client(struct core *core, struct str name)
{
	size_t place = core->clients.len;
	for (size_t i = 0; i < core->clients.len; i++) {
		if (!core->clients.items[i].name.data)
			place = i;
		else if (str_eq(core->clients.items[i].name, name))
			return (uint32_t)i;
	}
	struct core_client fresh = { .name = { str_dup(name), name.len } };
	if (!fresh.name.data ||
	    (place == core->clients.len && VEC_PUSH(&core->clients, fresh) < 0)) {
		free((char *)fresh.name.data);
		return CORE_NOBODY;
	}
	core->clients.items[place] = fresh;
	return (uint32_t)place;
}

void roster_done(struct core *core)
{
	for (size_t i = 0; i < core->workers.len; i++)
		free_worker(&core->workers.items[i]);
	for (size_t i = 0; i < core->pools.len; i++)
		free_pool(&core->pools.items[i]);
	for (size_t i = 0; i < core->clients.len; i++)
		free((char *)core->clients.items[i].name.data);
	free(core->workers.items);
	free(core->room.items);
	free(core->pools.items);
	free(core->clients.items);
}
