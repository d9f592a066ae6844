// SPDX-License-Identifier: Apache-2.0
/*
 * crew.c - virtual workers: they join, fall silent, return and drain, and run their shards case
 * by case. A shard is one walking agenda item: start-up, then each case in turn, then the word
 * that it is over. Nothing here knows what the core thinks of it all; events go through send(),
 * which keeps, loses or doubles them as the world says.
 */
#include "coordinator/sim/state.h"

#include "protocol/base/assert.h"
#include "protocol/base/vec.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool chance(struct sim *sim, double probability)
{
	return probability > 0 && rng_unit(&sim->rng) < probability;
}

static const struct sim_worker *spec_of(const struct sim *sim, uint32_t worker)
{
	ASSERT(worker < sim->world->n_workers);
	return &sim->world->workers[worker];
}

/* ---- events on their way to the core ---- */

static void hand_in(struct sim *sim, uint32_t worker, uint64_t number,
		    const struct msg_event *event)
{
	const struct sim_observer *observer = sim->world->observer;
	if (sim->world->restart > 0 && VEC_PUSH(&sim->crew[worker].unacked, *event) < 0)
		sim->out_of_memory = true;
	int times = chance(sim, sim->world->duplicate) ? 2 : 1;
	while (times--) {
		if (observer && observer->event)
			observer->event(observer->data, sim->now_us, number, event);
		(void)core_worker_event(sim->core, sim->now_us, number, event,
					NULL); /* refused: of one long given up */
	}
}

static void send(struct sim *sim, uint32_t worker, const struct msg_event *event)
{
	struct sim_crew_member *member = &sim->crew[worker];
	if (!member->silent && !member->away)
		hand_in(sim, worker, member->number, event);
	else if ((!member->silent || spec_of(sim, worker)->back_us) &&
		 VEC_PUSH(&member->unsent, *event) < 0)
		sim->out_of_memory = true;
}

/* Numbered where coordinators die; elsewhere doubles have to be told by what they say. */
static struct msg_event event_of(const struct sim *sim, struct sim_shard *shard,
				 enum msg_event_kind kind)
{
	return (struct msg_event){
		.kind = kind,
		.seq = sim->world->restart > 0 ? ++shard->seq : 0,
		.attempt = shard->attempt,
		.epoch = shard->epoch,
		.slot = 0,
		.index = shard->at < shard->cases.len ? shard->cases.items[shard->at].index : 0,
	};
}

/* ---- shards ---- */

static uint64_t scaled(const struct sim *sim, uint32_t worker, uint64_t us)
{
	double slowness = spec_of(sim, worker)->slowness;
	return slowness > 0 ? (uint64_t)((double)us * slowness) : us;
}

static const struct sim_program *program_of(const struct sim *sim, const struct sim_shard *shard)
{
	return &sim->world->runs[shard->run].programs[shard->program];
}

static void free_shard(struct sim *sim, uint32_t place)
{
	struct sim_shard *shard = &sim->shards.items[place];
	shard->life = 0;
	shard->cases.len = 0; /* its memory serves the next user of the place */
	if (VEC_PUSH(&sim->free_shards, place) < 0)
		sim->out_of_memory = true;
}

static void close_shard(struct sim *sim, uint32_t place, enum msg_close_cause cause)
{
	struct sim_shard *shard = &sim->shards.items[place];
	uint32_t worker = shard->worker;
	struct msg_event event = event_of(sim, shard, MSG_EVENT_CLOSED);
	event.cause = cause;
	event.processes = 1;
	event.startup_us = cause == MSG_CLOSE_FINE ? program_of(sim, shard)->startup_us : 0;
	event.message = str_of(cause == MSG_CLOSE_FINE ? "" : "as the world says");
	free_shard(sim, place);
	send(sim, worker, &event);
}

static void finish_listing(struct sim *sim, uint32_t place)
{
	struct sim_shard *shard = &sim->shards.items[place];
	const struct sim_program *program = program_of(sim, shard);
	struct sim_listing *listing = &sim->listings[shard->run][shard->program];
	bool bad = listing->failures < program->bad_listings;
	listing->failures += bad;
	for (size_t at = 0; !bad && at < program->n_cases; at += LIMIT_LISTED) {
		struct msg_event event = event_of(sim, shard, MSG_EVENT_LISTED);
		event.listed = listing->items + at;
		event.n_listed = program->n_cases - at < LIMIT_LISTED ? program->n_cases - at
								      : LIMIT_LISTED;
		send(sim, shard->worker, &event);
	}
	close_shard(sim, place, bad ? (enum msg_close_cause)program->list_cause : MSG_CLOSE_FINE);
}

/* Begin the case at shard->at after `delay_us` of set-up. */
static void begin_case(struct sim *sim, uint32_t place, uint64_t delay_us)
{
	struct sim_shard *shard = &sim->shards.items[place];
	const struct sim_case *of = sim->truths[shard->cases.items[shard->at].truth].of;
	double noise = sim->world->noise > 0 ? exp(sim->world->noise * rng_normal(&sim->rng)) : 1;
	shard->under_way = true;
	shard->duration_us = scaled(sim, shard->worker,
				    (uint64_t)((double)of->duration_us * noise));
	uint64_t due = delay_us + sim->world->case_us + shard->duration_us, life = shard->life;
	struct msg_event event = event_of(sim, shard, MSG_EVENT_STARTED);
	send(sim, shard->worker, &event);
	sim_due(sim, SIM_DUE_STEP, place, due, life);
}

/* The case at shard->at ends. True when its process died with it. */
static bool end_case(struct sim *sim, uint32_t place)
{
	struct sim_shard *shard = &sim->shards.items[place];
	struct sim_truth *truth = &sim->truths[shard->cases.items[shard->at].truth];
	struct msg_event event = event_of(sim, shard, MSG_EVENT_ENDED);
	double ruins = spec_of(sim, shard->worker)->ruins;
	event.outcome = truth->attempts++ < truth->of->spoiled ? truth->of->outcome
			: ruins > 0 && chance(sim, ruins)      ? OUTCOME_FAIL
							       : OUTCOME_PASS;
	event.duration_us = shard->duration_us;
	shard->at++;
	sim->results[shard->run].work_us += shard->duration_us;
	send(sim, shard->worker, &event);
	return event.outcome == OUTCOME_CRASH || event.outcome == OUTCOME_TIMEOUT ||
	       event.outcome == OUTCOME_OOM;
}

static void step_shard(struct sim *sim, uint32_t place)
{
	uint64_t startup = program_of(sim, &sim->shards.items[place])->startup_us, delay = 0;
	if (sim->shards.items[place].list) {
		finish_listing(sim, place);
		return;
	}
	if (sim->shards.items[place].under_way) {
		if (end_case(sim, place))
			delay = scaled(sim, sim->shards.items[place].worker, startup);
		if (sim->shards.items[place].at < sim->shards.items[place].cases.len &&
		    chance(sim, sim->world->cut)) {
			close_shard(sim, place, MSG_CLOSE_WORKER);
			return;
		}
	}
	if (sim->shards.items[place].at < sim->shards.items[place].cases.len)
		begin_case(sim, place, delay);
	else
		close_shard(sim, place, MSG_CLOSE_FINE);
}

static uint32_t new_shard(struct sim *sim)
{
	if (sim->free_shards.len)
		return sim->free_shards.items[--sim->free_shards.len];
	if (VEC_PUSH(&sim->shards, (struct sim_shard){ 0 }) < 0)
		return UINT32_MAX;
	return (uint32_t)sim->shards.len - 1;
}

static bool worker_of(const struct sim *sim, uint64_t number, uint32_t *ret_worker)
{
	uint64_t worker;
	if (!map_get(&sim->numbers, (struct str){ (const char *)&number, sizeof(number) }, &worker))
		return false;
	*ret_worker = (uint32_t)worker;
	return true;
}

/* The program that an order names: its index travels as the workspace. */
static uint32_t program_at(const struct msg_program *program)
{
	uint32_t at;
	ASSERT(program->workspace.len == sizeof(at));
	memcpy(&at, program->workspace.data, sizeof(at));
	return at;
}

void crew_assign(struct sim *sim, const struct core_action *action, size_t run)
{
	const struct msg_assign *assign = action->assign;
	uint32_t worker, place = new_shard(sim);
	ASSERT(assign->n_program == 1);
	if (place == UINT32_MAX || !worker_of(sim, action->worker, &worker)) {
		sim->out_of_memory = true;
		return;
	}
	struct sim_shard *shard = &sim->shards.items[place];
	shard->life = ++sim->lives;
	shard->attempt = assign->attempt;
	shard->epoch = assign->epoch;
	shard->worker = worker;
	shard->run = (uint32_t)run;
	shard->program = program_at(assign->program);
	shard->list = assign->list;
	shard->under_way = false;
	shard->at = shard->seq = 0;
	for (size_t i = 0; i < assign->n_cases; i++) {
		struct sim_shard_case item = { .index = (uint32_t)assign->cases[i].index };
		ASSERT(assign->cases[i].detail.len == sizeof(item.truth));
		memcpy(&item.truth, assign->cases[i].detail.data, sizeof(item.truth));
		if (VEC_PUSH(&shard->cases, item) < 0)
			sim->out_of_memory = true;
	}
	sim->results[shard->run].shards += !shard->list;
	const struct sim_program *program = program_of(sim, shard);
	sim_due(sim, SIM_DUE_STEP, place,
		sim->world->handover_us +
			scaled(sim, worker, shard->list ? program->list_us : program->startup_us),
		shard->life);
}

void crew_cancel(struct sim *sim, const struct core_action *action)
{
	for (uint32_t place = 0; place < sim->shards.len; place++) {
		const struct sim_shard *shard = &sim->shards.items[place];
		if (shard->life && shard->attempt == action->cancel->attempt &&
		    shard->epoch == action->cancel->epoch)
			sim_due(sim, SIM_DUE_CANCEL, place, sim->world->handover_us, shard->life);
	}
}

/* ---- workers ---- */

/*
 * What it could not send arrives now: under its old number too, as a frame that was long on its
 * way would.
 */
static void send_unsent(struct sim *sim, uint32_t worker, uint64_t before)
{
	struct sim_crew_member *member = &sim->crew[worker];
	for (size_t i = 0; i < member->unsent.len; i++) {
		if (before && member->number != before)
			hand_in(sim, worker, before, &member->unsent.items[i]);
		hand_in(sim, worker, member->number, &member->unsent.items[i]);
	}
	member->unsent.len = 0;
}

/* It gets a number of the core. */
static void enter(struct sim *sim, uint32_t worker)
{
	const struct sim_observer *observer = sim->world->observer;
	struct sim_crew_member *member = &sim->crew[worker];
	char name[32];
	snprintf(name, sizeof(name), "%u", worker);
	member->session = ++sim->sessions;
	member->number = core_worker_joined(sim->core, sim->now_us,
					    &(struct core_worker_spec){
						    .name = str_of(name),
						    .slots = spec_of(sim, worker)->slots,
						    .tags = spec_of(sim, worker)->tags,
						    .n_tags = spec_of(sim, worker)->n_tags,
						    .session = member->session });
	if (!member->number ||
	    map_put(&sim->numbers,
		    (struct str){ (const char *)&member->number, sizeof(member->number) },
		    worker) < 0)
		sim->out_of_memory = true;
	if (observer && observer->joined)
		observer->joined(observer->data, member->number, worker);
	if (member->drained)
		core_worker_drain(sim->core, sim->now_us, member->number, true);
}

static void join(struct sim *sim, uint32_t worker)
{
	struct sim_crew_member *member = &sim->crew[worker];
	uint64_t before = member->number;
	member->silent = member->away = false;
	enter(sim, worker);
	core_worker_ready(sim->core, sim->now_us, member->number);
	send_unsent(sim, worker, before);
}

static void free_or_adopt(struct sim *sim, uint32_t worker)
{
	const struct sim_observer *observer = sim->world->observer;
	uint64_t number = sim->crew[worker].number;
	for (uint32_t place = 0; place < sim->shards.len; place++) {
		const struct sim_shard *shard = &sim->shards.items[place];
		if (!shard->life || shard->worker != worker)
			continue;
		if (!core_attempt_is_orphan(sim->core, shard->attempt, shard->epoch)) {
			free_shard(sim, place);
			continue;
		}
		if (observer && observer->adopted)
			observer->adopted(observer->data, shard->attempt, number);
		core_worker_adopt(sim->core, sim->now_us, number, shard->attempt, shard->epoch);
	}
}

/*
 * Its coordinator is another one: it says hello, shows what it runs, and a little later says what
 * it had to keep.
 */
static void rejoin(struct sim *sim, uint32_t worker)
{
	struct sim_crew_member *member = &sim->crew[worker];
	uint64_t before = member->session;
	if (member->silent || member->rejoined)
		return; /* it will find out when it is back */
	member->rejoined = true;
	enter(sim, worker);
	free_or_adopt(sim, worker);
	core_worker_ready(sim->core, sim->now_us, member->number);
	sim_due(sim, SIM_DUE_SPOOL, worker, rng_below(&sim->rng, 500000), sim->restarts);
	member->before = before;
}

static void empty_spool(struct sim *sim, uint32_t worker)
{
	struct sim_crew_member *member = &sim->crew[worker];
	member->away = false;
	if (member->silent)
		return;
	send_unsent(sim, worker, 0);
	if (member->before)
		core_session_over(sim->core, sim->now_us, member->before);
}

void crew_orphaned(struct sim *sim)
{
	for (uint32_t worker = 0; worker < sim->world->n_workers; worker++) {
		struct sim_crew_member *member = &sim->crew[worker];
		if (!member->number || (member->silent && !spec_of(sim, worker)->back_us))
			continue;
		size_t n = member->unacked.len;
		if (VEC_RESERVE(&member->unacked, member->unsent.len) < 0) {
			sim->out_of_memory = true;
			return;
		}
		for (size_t i = 0; i < member->unsent.len; i++)
			member->unacked.items[n + i] = member->unsent.items[i];
		member->unacked.len += member->unsent.len;
		member->unsent.len = 0;
		for (size_t i = 0; i < member->unacked.len; i++)
			if (VEC_PUSH(&member->unsent, member->unacked.items[i]) < 0)
				sim->out_of_memory = true;
		member->unacked.len = 0;
		member->away = true;
		member->rejoined = false;
		sim_due(sim, SIM_DUE_REJOIN, worker, 1 + rng_below(&sim->rng, 3000000),
			sim->restarts);
	}
}

void crew_acknowledged(struct sim *sim)
{
	for (size_t i = 0; i < sim->world->n_workers; i++)
		sim->crew[i].unacked.len = 0;
}

uint64_t crew_number(const struct sim *sim, struct str name)
{
	uint64_t worker;
	int r = str_parse_u64(name, 0, sim->world->n_workers, &worker);
	ASSERT(r == 0);
	return sim->crew[worker].number;
}

/* Its processes are gone: no shard of it goes on. */
static void drop_shards(struct sim *sim, uint32_t worker)
{
	for (uint32_t place = 0; place < sim->shards.len; place++)
		if (sim->shards.items[place].life && sim->shards.items[place].worker == worker)
			free_shard(sim, place);
}

static void fall_silent(struct sim *sim, uint32_t worker)
{
	sim->crew[worker].silent = true;
	if (!spec_of(sim, worker)->back_us)
		drop_shards(sim, worker);
	if (spec_of(sim, worker)->proven)
		core_worker_left(sim->core, sim->now_us, sim->crew[worker].number,
				 "its connection broke");
}

/*
 * It is heard again. Buried by the coordinator, it says hello anew and its shards end: nobody
 * waits for them.
 */
static void come_back(struct sim *sim, uint32_t worker)
{
	const struct sim_worker *spec = spec_of(sim, worker);
	if (sim->crew[worker].away) {
		sim->crew[worker].silent = false;
		sim_due(sim, SIM_DUE_REJOIN, worker, 0, sim->restarts);
		return;
	}
	if (!spec->proven && sim->now_us - spec->silent_us < SIM_LEASE_US - sim->world->beat_us) {
		sim->crew[worker].silent = false;
		send_unsent(sim, worker, 0);
		return;
	}
	core_worker_left(sim->core, sim->now_us, sim->crew[worker].number, "it says hello again");
	drop_shards(sim, worker);
	sim_due(sim, SIM_DUE_JOIN, worker, 0,
		0); /* an entry of its own: the core's actions are drained between */
}

static void beat(struct sim *sim, uint32_t worker)
{
	if (!sim->crew[worker].silent && (!sim->crew[worker].away || sim->crew[worker].rejoined))
		core_worker_ready(sim->core, sim->now_us, sim->crew[worker].number);
	sim_due(sim, SIM_DUE_BEAT, worker, sim->world->beat_us, 0);
}

void crew_due(struct sim *sim, const struct agenda_item *item)
{
	switch ((enum sim_due)item->kind) {
	case SIM_DUE_JOIN: join(sim, item->what); return;
	case SIM_DUE_SILENT: fall_silent(sim, item->what); return;
	case SIM_DUE_BACK: come_back(sim, item->what); return;
	case SIM_DUE_REJOIN:
		if (item->check == sim->restarts && sim->crew[item->what].away)
			rejoin(sim, item->what);
		return;
	case SIM_DUE_SPOOL:
		if (item->check == sim->restarts)
			empty_spool(sim, item->what);
		return;
	case SIM_DUE_DRAIN:
		sim->crew[item->what].drained = true;
		core_worker_drain(sim->core, sim->now_us, sim->crew[item->what].number, true);
		if (spec_of(sim, item->what)->evict_us)
			core_worker_evict(sim->core, sim->now_us, sim->crew[item->what].number,
					  spec_of(sim, item->what)->evict_us);
		return;
	case SIM_DUE_BEAT: beat(sim, item->what); return;
	case SIM_DUE_STEP:
		if (sim->shards.items[item->what].life == item->check)
			step_shard(sim, item->what);
		return;
	case SIM_DUE_CANCEL:
		if (sim->shards.items[item->what].life == item->check)
			close_shard(sim, item->what, MSG_CLOSE_CANCELLED);
		return;
	case SIM_DUE_SUBMIT:
	case SIM_DUE_STOP: break;
	}
	ASSERT_NOT_REACHED();
}

void crew_done(struct sim *sim)
{
	for (size_t i = 0; i < sim->shards.len; i++)
		free(sim->shards.items[i].cases.items);
	for (size_t i = 0; sim->crew && i < sim->world->n_workers; i++) {
		free(sim->crew[i].unsent.items);
		free(sim->crew[i].unacked.items);
	}
	free(sim->shards.items);
	free(sim->free_shards.items);
	free(sim->crew);
	map_done(&sim->numbers);
}
