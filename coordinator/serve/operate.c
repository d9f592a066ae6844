// SPDX-License-Identifier: Apache-2.0
/*
 * operate.c - what operators ask: who is there, what runs and why it does not go faster; and what
 * they order: drain, cancel. Everything is answered at once, in pages; an order is carried out with
 * the first page, and repeated requests never get here (lane.h).
 */
#include "coordinator/serve/state.h"

#include "coordinator/plan/glob.h"
#include "protocol/base/assert.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"

#include <stdio.h>
#include <string.h>

enum {
	PAGE_ITEMS = 4096,
	PAGE_BYTES = 640 << 10, /* leaves room in the frame */
};

/* An answer in the making. */
struct answer {
	struct server *server;
	const struct msg_ask *ask;
	struct msg_told told;
	size_t bytes;
	bool full;
};

/* ---- may they? ---- */

/*
 * Whoever may look may ask (passport.c); orders are for operators, which without keys every client
 * is. NULL: yes; else why not.
 */
static const char *is_refused(const struct session *session, const struct msg_ask *ask)
{
	if (ask->what >= MSG_ASK_DRAIN && session->access != KEYRING_OPERATE)
		return "this key may look, not operate: enrol one by a token of paddock token "
		       "create --role operate";
	return NULL;
}

/* An act is in the audit log before it happens. */
static const char *note(struct server *server, const struct session *session,
			const struct msg_ask *ask, struct err *err)
{
	static const char *const acts[MSG_ASK_MAX] = { [MSG_ASK_DRAIN] = "drain",
						       [MSG_ASK_UNDRAIN] = "undrain",
						       [MSG_ASK_CANCEL] = "cancel" };
	char words[160], pattern[128];
	if (!acts[ask->what] || ask->from)
		return NULL;
	snprintf(words, sizeof(words), "what=%s",
		 audit_word(ask->pattern, pattern, sizeof(pattern)));
	return server_note(server, session, acts[ask->what], words, err) < 0 ? err->text : NULL;
}

/* ---- patterns ---- */

static bool matches(struct str pattern, const struct session *session)
{
	if (!pattern.len)
		return true;
	if (!memchr(pattern.data, '=', pattern.len))
		return glob_match(pattern, str_of(session->name));
	for (size_t i = 0; i < session->n_tags; i++)
		if (glob_match(pattern, session->tags[i]))
			return true;
	return false;
}

/* ---- pages ---- */

/* Room for one more of these bytes. False: the page is full. */
static bool take_room(struct answer *answer, size_t n, size_t bytes)
{
	answer->full = n >= PAGE_ITEMS || (n && answer->bytes + bytes > PAGE_BYTES);
	if (!answer->full)
		answer->bytes += bytes;
	return !answer->full;
}

static void add_worker(struct answer *answer, const struct session *session)
{
	struct core_worker_status status;
	struct msg_worker_state state = { .name = str_of(session->name),
					  .host = session->host,
					  .tags = session->tags,
					  .n_tags = session->n_tags,
					  .slots = session->slots };
	if (!core_worker_status(answer->server->core, clock_mono_us(), session->worker, &status))
		return; /* it said hello and has not asked for work yet */
	state.used = status.used;
	state.attempts = status.attempts;
	state.heard_us = status.heard_us;
	state.state = status.state;
	size_t bytes = msg_size(&msg_record_worker_state, &state);
	if (take_room(answer, answer->told.n_workers, bytes))
		answer->told.workers[answer->told.n_workers++] = state;
}

static void add_run(struct answer *answer, uint64_t number)
{
	struct core_run_status status = core_run_status(answer->server->core, number);
	struct msg_run_state state = {
		.name = status.name,
		.client = status.client,
		.state = status.stopped ? MSG_RUN_PHASE_STOPPED
			 : status.slots ? MSG_RUN_PHASE_RUNNING
					: MSG_RUN_PHASE_WAITING,
		.priority = status.priority,
		.programs = status.programs,
		.listed = status.programs_listed,
		.cases = status.cases,
		.finished = status.finished,
		.running = status.running,
		.red = status.red,
		.slots = status.slots,
		.age_us = status.age_us,
		.left_us = status.left_us,
	};
	if (take_room(answer, answer->told.n_runs, msg_size(&msg_record_run_state, &state)))
		answer->told.runs[answer->told.n_runs++] = state;
}

/* ---- workers ---- */

static void drain(struct answer *answer, struct session *session)
{
	struct server *server = answer->server;
	uint64_t now_us = clock_mono_us(), within_us = answer->ask->deadline_us;
	bool drains = answer->ask->what == MSG_ASK_DRAIN;
	if (!drains && session->drain_told)
		return; /* it is on its way out */
	session->leaves = drains;
	session->evict_us = drains && within_us ? now_us + within_us : UINT64_MAX;
	LOG_INFO(drains ? "drained" : "undrained", "worker=%s", session->name);
	core_worker_drain(server->core, now_us, session->worker, drains || session->draining);
	if (!drains && session->quarantined) {
		session->quarantined = false;
		core_worker_quarantine(server->core, now_us, session->worker, false);
	}
	if (session->evict_us != UINT64_MAX)
		core_worker_evict(server->core, now_us, session->worker, session->evict_us);
	server_look(server, session);
}

static void answer_workers(struct answer *answer)
{
	const struct sessions *sessions = &answer->server->sessions;
	bool acts = answer->ask->what != MSG_ASK_WORKERS && !answer->ask->from;
	for (size_t i = 0; acts && i < sessions->table.len; i++) {
		struct session *session = sessions->table.items[i];
		if (session && session->worker && matches(answer->ask->pattern, session))
			drain(answer, session);
	}
	for (size_t i = answer->ask->from; i < sessions->table.len; i++) {
		const struct session *session = sessions->table.items[i];
		if (!session || !session->worker || !matches(answer->ask->pattern, session))
			continue;
		add_worker(answer, session);
		if (answer->full) {
			answer->told.next = i;
			return;
		}
	}
}

/* ---- runs ---- */

/* A name that is given whole, or its beginning where that is enough to tell. 0: none, or several.
 */
static uint64_t find_run(const struct core *core, struct str name)
{
	uint64_t number, found = 0;
	size_t n = 0;
	for (size_t i = 0; (number = core_run_at(core, i)); i++) {
		struct str full = core_run_status(core, number).name;
		if (str_eq(full, name))
			return number;
		if (!name.len || !str_starts(full, name))
			continue;
		found = number;
		n++;
	}
	return n == 1 ? found : 0;
}

static void cancel(struct answer *answer, uint64_t number)
{
	const struct core_run_status status = core_run_status(answer->server->core, number);
	LOG_INFO("cancelled", "run=%.*s", STR_ARG(status.name));
	core_run_stop(answer->server->core, clock_mono_us(), number, "cancelled by an operator",
		      EXIT_CODE_INCOMPLETE, true);
}

static void answer_runs(struct answer *answer)
{
	const struct core *core = answer->server->core;
	bool cancels = answer->ask->what == MSG_ASK_CANCEL,
	     all = !cancels || str_eq(answer->ask->pattern, STR_LIT("all"));
	uint64_t number, only = all ? 0 : find_run(core, answer->ask->pattern);
	for (size_t i = 0; cancels && !answer->ask->from && (number = core_run_at(core, i)); i++)
		if (all || number == only)
			cancel(answer, number);
	for (size_t i = answer->ask->from; (number = core_run_at(core, i)); i++) {
		if (!all && number != only)
			continue;
		add_run(answer, number);
		if (answer->full) {
			answer->told.next = i;
			return;
		}
	}
}

static void add_reason(void *data, const struct core_reason *reason)
{
	struct answer *answer = data;
	struct msg_reason copy = { .kind = reason->kind, .count = reason->count };
	char *text = arena_copy(&answer->server->arena, reason->text);
	copy.text = str_of(text);
	if (text && take_room(answer, answer->told.n_reasons, msg_size(&msg_record_reason, &copy)))
		answer->told.reasons[answer->told.n_reasons++] = copy;
}

/* The reasons beyond a page are left out: the weightiest come first. */
static void answer_explain(struct answer *answer)
{
	uint64_t number = find_run(answer->server->core, answer->ask->pattern);
	if (!number)
		return;
	add_run(answer, number);
	(void)core_run_explain(answer->server->core, clock_mono_us(), number, add_reason, answer);
}

void operate_ask(struct server *server, struct session *session, const struct msg_ask *ask)
{
	struct arena *arena = &server->arena;
	struct answer answer = { .server = server, .ask = ask };
	struct err err = { 0 };
	const char *why = is_refused(session, ask);
	if (!why)
		why = note(server, session, ask, &err);
	core_tick(server->core, clock_mono_us()); /* what is told is told as of now */
	answer.told = (struct msg_told){
		.session = session->id,
		.seq = ask->seq,
		.workers = arena_alloc(arena, PAGE_ITEMS * sizeof(struct msg_worker_state)),
		.runs = arena_alloc(arena, PAGE_ITEMS * sizeof(struct msg_run_state)),
		.reasons = arena_alloc(arena, PAGE_ITEMS * sizeof(struct msg_reason)),
	};
	if (!why && !(answer.told.workers && answer.told.runs && answer.told.reasons))
		why = "the coordinator has no memory for an answer";
	if (why) {
		const struct request request = { SESSION_CONTROL, &session->parked[SESSION_CONTROL],
						 session->id, ask->seq };
		session->waits[SESSION_CONTROL] = false;
		outbox_refuse(server, &request, EXIT_CODE_USAGE, why);
		return;
	}
	ASSERT(ask->what < MSG_ASK_MAX);
	if (ask->what == MSG_ASK_EXPLAIN)
		answer_explain(&answer);
	else if (ask->what == MSG_ASK_RUNS || ask->what == MSG_ASK_CANCEL)
		answer_runs(&answer);
	else
		answer_workers(&answer);
	(void)outbox_answer(server, session, SESSION_CONTROL, MSG_TOLD, &answer.told);
}
