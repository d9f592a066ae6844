// SPDX-License-Identifier: Apache-2.0
/*
 * store.c - the store's face: opening, runs, the grouping of commits, retention. Rows of events are
 * journal.c's, samples are samples.c's, tables schema.c's. Every writing transaction of the room
 * begins and ends here.
 *
 * Events wait in memory instead of in an open transaction, because a transaction would lock out
 * other runs that share the file for as long as it is open, and so that a full disk loses nothing:
 * what waits is written again when there is room.
 */
#include "coordinator/history/store.h"

#include "coordinator/history/db.h"
#include "coordinator/history/journal.h"
#include "coordinator/history/samples.h"
#include "coordinator/history/schema.h"
#include "protocol/base/assert.h"
#include "protocol/base/buf.h"
#include "protocol/base/clock.h"
#include "protocol/base/fd.h"
#include "protocol/base/vec.h"
#include "protocol/wire/outcome.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	BUSY_MS = 10000,
	STARTUPS_MAX = 1 << 16, /* waiting; one per program */
	KEEP_KEYS_DAYS = 183,
	CASES_SWEEP = 200000, /* interned names before unused ones are looked for */
};

#define DAY_US (UINT64_C(86400) * CLOCK_US_PER_S)

struct store {
	struct db *db;
	struct journal *journal;
	struct map startups; /* waiting: "suite::program" -> the last cost measured */
};

static int make_folder(const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	if (!slash || slash == path)
		return 0;
	char *folder = str_dup((struct str){ path, (size_t)(slash - path) });
	int r = folder ? fd_make_dirs(folder) : -ENOMEM;
	if (r < 0)
		err_errno(
			err, r,
			"making the folder %s of the history (choose another file with --history)",
			folder ? folder : path);
	free(folder);
	return r;
}

int store_open(const char *path, struct store **ret_store, struct err *err)
{
	ASSERT(path && *path);
	int r = db_is_url(path) ? 0 : make_folder(path, err);
	if (r < 0)
		return r;
	struct store *store = calloc(1, sizeof(*store));
	if (store)
		store->journal = journal_new(STORE_PENDING_BYTES);
	if (!store || !store->journal) {
		store_close(store);
		return err_errno(err, -ENOMEM, "opening the history");
	}
	r = db_open(path, BUSY_MS, &store->db, err);
	if (r == 0)
		r = schema_apply(store->db, err);
	if (r < 0) {
		store_close(store);
		return r;
	}
	*ret_store = store;
	return 0;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	journal_free(store->journal);
	map_done(&store->startups);
	db_close(store->db);
	free(store);
}

bool store_is_url(const char *name)
{
	return db_is_url(name);
}

const char *store_name(const struct store *store)
{
	return db_path(store->db);
}

int store_claim(struct store *store, struct err *err)
{
	return db_claim(store->db, err);
}

int store_relax(struct store *store, struct err *err)
{
	return db_relax(store->db, err);
}

int store_run_begin(struct store *store, struct str name, uint64_t wall_us, struct str submit,
		    uint64_t *ret_run, struct err *err)
{
	struct db_query *add = db_query(
		store->db,
		"INSERT INTO runs (name, started_us, submit) VALUES (?, ?, ?) RETURNING id", err);
	if (!add)
		return -EIO;
	db_put_text(add, name);
	db_put_u64(add, wall_us);
	db_put_text(add, submit);
	return db_run_for(add, ret_run, err);
}

static int run_with(struct db *db, const char *sql, uint64_t value, struct err *err)
{
	struct db_query *query = db_query(db, sql, err);
	if (!query)
		return -EIO;
	db_put_u64(query, value);
	return db_run(query, err);
}

static int keep_submission(struct store *store, uint64_t run,
			   const struct store_submission *submission, struct err *err)
{
	struct db_query *mark = db_query(store->db, "UPDATE runs SET token=? WHERE id=?", err);
	struct db_query *add = db_query(store->db, "INSERT INTO submissions VALUES (?, ?)", err);
	if (!mark || !add)
		return -EIO;
	db_put_u64(mark, submission->token);
	db_put_u64(mark, run);
	int r = db_run(mark, err);
	for (size_t i = 0; r == 0 && i < submission->n_frames; i++) {
		db_put_u64(add, run << 32 | (i + 1));
		db_put_blob(add, submission->frames[i]);
		r = db_queue(add, NULL, NULL, err);
	}
	return r;
}

int store_run_accept(struct store *store, struct str name, uint64_t wall_us,
		     const struct store_submission *submission, uint64_t *ret_run, struct err *err)
{
	ASSERT(submission->n_frames > 0 && submission->n_frames < UINT32_MAX);
	uint64_t run = 0;
	int r = db_begin(store->db, err);
	if (r < 0)
		return r;
	r = store_run_begin(store, name, wall_us, submission->submit, &run, err);
	if (r == 0)
		r = keep_submission(store, run, submission, err);
	r = db_end(store->db, r, err);
	if (r == 0)
		*ret_run = run;
	return r;
}

/* What only an unfinished run needs. */
static int forget_decisions(struct db *db, uint64_t run, struct err *err)
{
	int r = run_with(db,
			 "DELETE FROM submissions WHERE id BETWEEN ?1 << 32 AND (?1 << 32) +"
			 " 4294967295",
			 run, err);
	return r < 0 ? r
		     : run_with(db,
				"DELETE FROM decisions WHERE id BETWEEN ?1 << 32 AND (?1 << 32) +"
				" 4294967295",
				run, err);
}

int store_run_refuse(struct store *store, uint64_t run, struct err *err)
{
	int r = db_begin(store->db, err);
	if (r < 0)
		return r;
	r = forget_decisions(store->db, run, err);
	if (r == 0)
		r = run_with(store->db, "DELETE FROM runs WHERE id=?", run, err);
	return db_end(store->db, r, err);
}

int store_run_decision(struct store *store, uint64_t run, struct str frame)
{
	ASSERT(run > 0);
	return journal_add_decision(store->journal, run, frame);
}

int store_open_runs(struct store *store,
		    int (*each)(void *data, uint64_t run, struct str name, uint64_t started_us),
		    void *data, struct err *err)
{
	struct db_query *rows = db_query(
		store->db,
		"SELECT id, name, started_us FROM runs WHERE finished_us=0 AND EXISTS (SELECT 1"
		" FROM submissions s WHERE s.id = (runs.id << 32) + 1) ORDER BY id",
		err);
	if (!rows)
		return -EIO;
	int r;
	while ((r = db_step(rows, err)) == 1) {
		uint64_t run = db_get_u64(rows);
		struct str name = db_get_text(rows);
		r = each(data, run, name, db_get_u64(rows));
		if (r < 0)
			break;
	}
	db_reset(rows);
	return r;
}

int store_run_submission(struct store *store, uint64_t run,
			 int (*each)(void *data, struct str frame), void *data, struct err *err)
{
	struct db_query *rows =
		db_query(store->db,
			 "SELECT frame FROM submissions WHERE id BETWEEN ?1 << 32 AND (?1 << 32) +"
			 " 4294967295 ORDER BY id",
			 err);
	if (!rows)
		return -EIO;
	db_put_u64(rows, run);
	int r;
	while ((r = db_step(rows, err)) == 1) {
		r = each(data, db_get_text(rows));
		if (r < 0)
			break;
	}
	db_reset(rows);
	return r;
}

int store_run_recall(struct store *store, uint64_t run,
		     int (*event)(void *data, const struct msg_run_event *event),
		     int (*decision)(void *data, struct str frame), void *data, struct err *err)
{
	return journal_recall(store->db, run, event, decision, data, err);
}

int store_run_length(struct store *store, uint64_t run, uint64_t *ret_events, struct err *err)
{
	struct db_query *row = db_query(store->db,
					"SELECT max(id) FROM events WHERE " JOURNAL_OF_RUN, err);
	if (!row)
		return -EIO;
	db_put_u64(row, run);
	int r = db_step(row, err);
	if (r == 1)
		*ret_events = db_get_u64(row) & UINT32_MAX;
	db_reset(row);
	return r < 0 ? r : 0;
}

int store_run_by_token(struct store *store, uint64_t token, uint64_t *ret_run,
		       char ret_name[STORE_NAME_BYTES], bool *ret_over, struct err *err)
{
	struct db_query *row = db_query(
		store->db,
		"SELECT id, name, finished_us FROM runs WHERE token > 0 AND token=? ORDER BY id"
		" DESC LIMIT 1",
		err);
	if (!row)
		return -EIO;
	db_put_u64(row, token);
	int r = db_step(row, err);
	if (r == 1) {
		*ret_run = db_get_u64(row);
		struct str name = db_get_text(row);
		snprintf(ret_name, STORE_NAME_BYTES, "%.*s", STR_ARG(name));
		*ret_over = db_get_u64(row) != 0;
	}
	db_reset(row);
	return r;
}

void store_hold(struct store *store, size_t bytes)
{
	journal_hold(store->journal, bytes);
}

int store_run_event(struct store *store, uint64_t run, const struct msg_run_event *event)
{
	ASSERT(run > 0);
	return journal_add(store->journal, run, event);
}

int store_startup(struct store *store, struct str suite, struct str program, uint64_t startup_us)
{
	struct buf key;
	if (store->startups.len >= STARTUPS_MAX)
		return -ENOBUFS;
	buf_init(&key, 2 * LIMIT_NAME_BYTES + 2);
	int r = buf_printf(&key, "%.*s::%.*s", STR_ARG(suite), STR_ARG(program));
	if (r == 0 && map_put(&store->startups, buf_str(&key), startup_us) < 0)
		r = -ENOMEM;
	buf_done(&key);
	return r;
}

size_t store_pending_bytes(const struct store *store)
{
	return journal_pending_bytes(store->journal) +
	       store->startups.len * sizeof(struct map_entry);
}

static int write_pending(struct store *store, struct err *err)
{
	int r = journal_flush(store->journal, store->db, err);
	for (size_t i = 0; r == 0 && i < store->startups.len; i++) {
		const struct map_entry *entry = &store->startups.entries[i];
		r = samples_startup(store->db, entry->key, entry->value, err);
	}
	return r;
}

int store_commit(struct store *store, struct err *err)
{
	if (!store_pending_bytes(store))
		return 0;
	int r = db_begin(store->db, err);
	if (r < 0)
		return r;
	r = db_end(store->db, write_pending(store, err), err);
	journal_flushed(store->journal, r == 0);
	if (r == 0)
		map_done(&store->startups);
	return r;
}

/* Whether an earlier try, whose answer was lost, did it after all: samples are added once. */
static int is_finished(struct store *store, uint64_t run, bool *ret_finished, struct err *err)
{
	struct db_query *row = db_query(store->db, "SELECT finished_us FROM runs WHERE id=?", err);
	if (!row)
		return -EIO;
	db_put_u64(row, run);
	int r = db_step(row, err);
	*ret_finished = r == 1 && db_get_u64(row) > 0;
	db_reset(row);
	return r < 0 ? r : 0;
}

static int mark_finished(struct store *store, uint64_t run, uint64_t wall_us, int exit_code,
			 struct err *err)
{
	struct db_query *set =
		db_query(store->db,
			 "UPDATE runs SET finished_us=?, exit_code=?,"
			 " (cases, red, flaky) = (SELECT count(*),"
			 " count(*) FILTER (WHERE outcome NOT IN (?, ?, ?)),"
			 " count(*) FILTER (WHERE (flags & 1) = 1) FROM events"
			 " WHERE events.id BETWEEN runs.id << 32 AND (runs.id << 32) + 4294967295"
			 " AND kind=?) WHERE id=?",
			 err);
	if (!set)
		return -EIO;
	db_put_u64(set, wall_us);
	db_put_u64(set, (uint64_t)exit_code);
	db_put_u64(set, OUTCOME_PASS);
	db_put_u64(set, OUTCOME_SKIP);
	db_put_u64(set, OUTCOME_LEAK);
	db_put_u64(set, MSG_RUN_CASE_FINISHED);
	db_put_u64(set, run);
	return db_run(set, err);
}

int store_run_finish(struct store *store, uint64_t run, uint64_t wall_us, int exit_code,
		     struct err *err)
{
	ASSERT(exit_code >= 0);
	int r = store_commit(store, err);
	if (r < 0)
		return r;
	struct samples *samples = samples_new();
	if (!samples)
		return err_errno(err, -ENOMEM, "adding the run to the history %s",
				 db_path(store->db));
	r = samples_gather(samples, store->db, run, err);
	if (r == 0)
		r = db_begin(store->db, err);
	if (r == 0) {
		bool finished = false;
		r = is_finished(store, run, &finished, err);
		if (r == 0 && !finished)
			r = samples_write(samples, store->db, wall_us, err);
		if (r == 0)
			r = mark_finished(store, run, wall_us, exit_code, err);
		if (r == 0)
			r = forget_decisions(store->db, run, err);
		r = db_end(store->db, r, err);
	}
	samples_free(samples);
	return r;
}

int store_load_estimates(struct store *store, const struct str *suites, size_t n,
			 struct estimate_table *table, struct err *err)
{
	return samples_load(store->db, suites, n, table, err);
}

int store_runs(struct store *store, size_t limit,
	       void (*each)(void *data, const struct store_run *run), void *data, struct err *err)
{
	struct db_query *rows = db_query(
		store->db,
		"SELECT id, name, submit, started_us, finished_us, exit_code, cases, red, flaky,"
		" makespan_us, bound_us,"
		" busy_us, slots, bounded_by FROM runs ORDER BY started_us DESC, id DESC LIMIT ?",
		err);
	if (!rows)
		return -EIO;
	db_put_u64(rows, limit);
	int r;
	while ((r = db_step(rows, err)) == 1) {
		struct store_run run = { 0 };
		run.run = db_get_u64(rows);
		run.name = db_get_text(rows);
		run.submit = db_get_text(rows);
		run.started_us = db_get_u64(rows);
		run.finished_us = db_get_u64(rows);
		run.exit_code = (int)db_get_u64(rows);
		run.cases = db_get_u64(rows);
		run.red = db_get_u64(rows);
		run.flaky = db_get_u64(rows);
		run.makespan_us = db_get_u64(rows);
		run.bound_us = db_get_u64(rows);
		run.busy_us = db_get_u64(rows);
		run.slots = db_get_u64(rows);
		run.bounded_by = db_get_text(rows);
		each(data, &run);
	}
	return r;
}

/* Runs whose name begins with the prefix: the first two, newest first. Returns how many, or -errno.
 */
static int find_prefix(struct store *store, struct str prefix, uint64_t *ret_run, struct err *err)
{
	struct db_query *rows = db_query(
		store->db,
		"SELECT id, name = ? FROM runs WHERE substr(name, 1, length(?)) = ? ORDER BY name"
		" = ? DESC, id DESC LIMIT 2",
		err);
	if (!rows)
		return -EIO;
	for (int i = 0; i < 4; i++)
		db_put_text(rows, prefix);
	int found = 0, r;
	while ((r = db_step(rows, err)) == 1) {
		uint64_t run = db_get_u64(rows), exact = db_get_u64(rows);
		*ret_run = found ? *ret_run : run;
		found++;
		if (exact)
			break;
	}
	db_reset(rows);
	return r < 0 ? r : found;
}

static void keep_name(void *data, const struct store_run *run)
{
	char *names = data;
	size_t used = strlen(names);
	snprintf(names + used, 256 - used, "%s%.*s", used ? ", " : "", STR_ARG(run->name));
}

static int not_found(struct store *store, struct str name, int found, struct err *err)
{
	char names[256] = "";
	if (found > 1)
		return err_set(
			err, -ENOENT,
			"no single run is called '%.*s': several begin with it, write more of it",
			STR_ARG(name));
	int r = store_runs(store, 3, keep_name, names, err);
	if (r < 0)
		return r;
	if (!*names)
		return err_set(err, -ENOENT, "no run is recorded in %s yet", db_path(store->db));
	return err_set(err, -ENOENT, "no run called '%.*s' is recorded in %s; the newest are: %s",
		       STR_ARG(name), db_path(store->db), names);
}

static void keep_number(void *data, const struct store_run *run)
{
	*(uint64_t *)data = run->run;
}

int store_run_find(struct store *store, struct str name, uint64_t *ret_run, struct err *err)
{
	uint64_t run = 0;
	if (str_eq(name, STR_LIT("latest"))) {
		int r = store_runs(store, 1, keep_number, &run, err);
		if (r < 0)
			return r;
		if (!run)
			return not_found(store, name, 0, err);
		*ret_run = run;
		return 0;
	}
	int found = name.len ? find_prefix(store, name, &run, err) : 0;
	if (found < 0)
		return found;
	if (found != 1)
		return not_found(store, name, found, err);
	*ret_run = run;
	return 0;
}

int store_run_replay(struct store *store, uint64_t run,
		     int (*each)(void *data, const struct msg_run_event *event), void *data,
		     struct err *err)
{
	return journal_replay(store->db, run, each, data, err);
}

int store_run_replay_from(struct store *store, uint64_t run, uint64_t from,
			  int (*each)(void *data, const struct msg_run_event *event), void *data,
			  struct err *err)
{
	return journal_replay_from(store->db, run, from, each, data, err);
}

int store_run_failed(struct store *store, uint64_t run,
		     void (*each)(void *data, struct str suite, struct str program,
				  struct str name),
		     void *data, struct err *err)
{
	struct db_query *rows = db_query(
		store->db,
		"SELECT outcome, p.suite, p.name, c.name FROM events JOIN cases c ON c.id = case_id"
		" JOIN programs p ON p.id = c.program WHERE " JOURNAL_OF_RUN
		" AND kind=? AND (flags & 2) = 0 ORDER BY events.id",
		err);
	if (!rows)
		return -EIO;
	db_put_u64(rows, run);
	db_put_u64(rows, MSG_RUN_CASE_FINISHED);
	int r;
	while ((r = db_step(rows, err)) == 1) {
		uint64_t outcome = db_get_u64(rows);
		struct str suite = db_get_text(rows), program = db_get_text(rows),
			   name = db_get_text(rows);
		if (outcome >= OUTCOME_MAX || outcome_is_red((enum outcome)outcome))
			each(data, suite, program, name);
	}
	return r;
}

int store_changes(struct store *store, uint64_t before, uint64_t after,
		  void (*each)(void *data, const struct store_change *change), void *data,
		  struct err *err)
{
	struct db_query *rows = db_query(
		store->db,
		"WITH old AS (SELECT p.suite s, p.name p, c.name n, outcome FROM events JOIN"
		" cases c ON c.id = case_id"
		"  JOIN programs p ON p.id = c.program WHERE " JOURNAL_OF_RUN " AND kind=?3),"
		" new AS (SELECT p.suite s, p.name p, c.name n, outcome FROM events JOIN cases c"
		" ON c.id = case_id"
		"  JOIN programs p ON p.id = c.program WHERE " JOURNAL_OF_RUN_2 " AND kind=?3)"
		" SELECT s, p, n, old.outcome, new.outcome FROM old JOIN new USING (s, p, n)"
		" WHERE old.outcome <> new.outcome ORDER BY s, p, n",
		err);
	if (!rows)
		return -EIO;
	db_put_u64(rows, before);
	db_put_u64(rows, after);
	db_put_u64(rows, MSG_RUN_CASE_FINISHED);
	int r;
	while ((r = db_step(rows, err)) == 1) {
		struct store_change change = { 0 };
		change.suite = db_get_text(rows);
		change.program = db_get_text(rows);
		change.name = db_get_text(rows);
		change.before = (unsigned)db_get_u64(rows);
		change.after = (unsigned)db_get_u64(rows);
		if (change.before < OUTCOME_MAX && change.after < OUTCOME_MAX)
			each(data, &change);
	}
	return r;
}

int store_add_samples(struct store *store, const struct store_sample *list, size_t n,
		      uint64_t wall_us, struct err *err)
{
	struct samples *samples = samples_new();
	int r = samples ? 0 : -ENOMEM;
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct samples_verdict verdict = {
			.suite = list[i].suite,
			.program = list[i].program,
			.name = list[i].name,
			.outcome = list[i].failed ? OUTCOME_FAIL : OUTCOME_PASS,
			.final = true,
			.duration_us = list[i].duration_us,
		};
		r = samples_add(samples, &verdict);
	}
	if (r < 0)
		err_errno(err, r, "adding samples to the history %s", db_path(store->db));
	if (r == 0)
		r = db_begin(store->db, err);
	if (r == 0)
		r = db_end(store->db, samples_write(samples, store->db, wall_us, err), err);
	samples_free(samples);
	return r;
}

struct run_list {
	uint64_t *items;
	size_t len, cap;
};

/* Runs past their age, and finished ones that are not among the newest. */
static int find_old_runs(struct db *db, uint64_t before_us, uint64_t keep_runs,
			 struct run_list *runs, struct err *err)
{
	struct db_query *rows = db_query(
		db,
		"SELECT id FROM runs WHERE started_us < ? OR (finished_us > 0 AND id NOT IN"
		" (SELECT id FROM runs ORDER BY started_us DESC, id DESC LIMIT ?))",
		err);
	if (!rows)
		return -EIO;
	db_put_u64(rows, before_us);
	db_put_u64(rows, keep_runs);
	int r;
	while ((r = db_step(rows, err)) == 1)
		if (VEC_PUSH(runs, db_get_u64(rows)) < 0)
			break;
	db_reset(rows);
	return r == 1 ? err_errno(err, -ENOMEM, "pruning the history %s", db_path(db)) : r;
}

/* Names that no event uses any more. A whole scan, so only when there are many. */
static int sweep_names(struct db *db, struct err *err)
{
	int r = run_with(db,
			 "DELETE FROM cases WHERE (SELECT count(*) FROM cases) > ?"
			 " AND id IN (SELECT id FROM cases EXCEPT SELECT case_id FROM events)",
			 CASES_SWEEP, err);
	if (r == 0 && db_changes(db))
		r = run_with(db, "UPDATE counters SET value = value + ? WHERE name='sweeps'", 1,
			     err);
	return r;
}

static int prune_rows(struct db *db, const struct run_list *runs, uint64_t keys_before_us,
		      struct err *err)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < runs->len; i++) {
		r = run_with(db, "DELETE FROM events WHERE " JOURNAL_OF_RUN, runs->items[i], err);
		if (r == 0)
			r = forget_decisions(db, runs->items[i], err);
		if (r == 0)
			r = run_with(db, "DELETE FROM runs WHERE id=?", runs->items[i], err);
	}
	if (r == 0 && runs->len)
		r = sweep_names(db, err);
	if (r == 0)
		r = run_with(db, "DELETE FROM history WHERE seen_us < ?", keys_before_us, err);
	return r;
}

int store_prune(struct store *store, uint64_t wall_us, uint64_t keep_days, uint64_t keep_runs,
		struct err *err)
{
	uint64_t age_us, runs_before_us = 0, keys_before_us = 0;
	if (!__builtin_mul_overflow(keep_days, DAY_US, &age_us) && age_us < wall_us)
		runs_before_us = wall_us - age_us;
	if (KEEP_KEYS_DAYS * DAY_US < wall_us)
		keys_before_us = wall_us - KEEP_KEYS_DAYS * DAY_US;
	struct run_list runs = { 0 };
	int r = db_begin(store->db, err);
	if (r == 0) {
		r = find_old_runs(store->db, runs_before_us, keep_runs, &runs, err);
		if (r == 0)
			r = prune_rows(store->db, &runs, keys_before_us, err);
		r = db_end(store->db, r, err);
	}
	VEC_DONE(&runs);
	return r == 0 ? db_shrink(store->db, err) : r;
}
