// SPDX-License-Identifier: Apache-2.0
/*
 * journal.c - events to rows and back. An event is copied into an arena when it arrives, because
 * the transaction that writes it comes later and is shared with its neighbours (group commit).
 * Suites, programs and cases are interned: a case's name is stored once however many runs it
 * appears in. The map from names to row numbers is a cache; after a rollback it may name rows that
 * do not exist, so it is dropped.
 *
 * Invariants: next_seq of a run is above every stored seq of it; pending is in arrival order.
 */
#include "coordinator/history/journal.h"

#include "protocol/base/arena.h"
#include "protocol/base/assert.h"
#include "protocol/base/map.h"
#include "protocol/base/vec.h"
#include "protocol/wire/outcome.h"

#include <errno.h>
#include <stdlib.h>

enum {
	KEY_BYTES_MAX = 4 * LIMIT_NAME_BYTES + 64,
	CACHE_ENTRIES_MAX = 1 << 20, /* then it starts anew: the tables know */
	FLAG_FLAKY = 1,
	FLAG_QUARANTINED = 2,
	FLAG_FOUND = 4,
	FLAG_MORE = 8,
};

struct pending {
	uint64_t run;
	struct msg_run_event event;
	struct str decision; /* a frame; empty: it is an event */
};

struct journal {
	size_t cap_bytes, held_bytes;
	struct arena texts;
	struct {
		struct pending *items;
		size_t len, cap;
	} pending;
	struct map programs, cases; /* names -> row */
	struct buf key;
	uint64_t seq_run, next_seq; /* the run written last, and its next number */
	uint64_t next_decision;	    /* ... of its decisions */
	uint64_t sweeps;	    /* of the names, as far as known */
};

struct journal *journal_new(size_t cap_bytes)
{
	struct journal *journal = calloc(1, sizeof(*journal));
	if (!journal)
		return NULL;
	journal->cap_bytes = cap_bytes;
	buf_init(&journal->key, KEY_BYTES_MAX);
	return journal;
}

static void forget_rows(struct journal *journal)
{
	map_done(&journal->programs);
	map_done(&journal->cases);
	journal->seq_run = 0;
}

void journal_free(struct journal *journal)
{
	if (!journal)
		return;
	forget_rows(journal);
	arena_done(&journal->texts);
	VEC_DONE(&journal->pending);
	buf_done(&journal->key);
	free(journal);
}

void journal_hold(struct journal *journal, size_t cap_bytes)
{
	ASSERT(cap_bytes >= journal->held_bytes);
	journal->cap_bytes = cap_bytes;
}

static int keep(struct arena *arena, struct str *text)
{
	if (!text->len)
		return 0;
	char *copy = arena_copy(arena, *text);
	if (!copy)
		return -ENOMEM;
	text->data = copy;
	return 0;
}

/*
 * Of an artifact its path and its size are kept, in columns that artifacts have no use for. Its
 * pieces but the last are kept for the sake of their numbers alone.
 */
static void fold_artifact(struct msg_run_event *event)
{
	event->peak_bytes = event->offset + event->out.len;
	event->out = event->path;
}

static void unfold_artifact(struct msg_run_event *event)
{
	event->path = event->out;
	event->offset = event->peak_bytes;
	event->out = (struct str){ .data = "" };
	event->peak_bytes = 0;
}

int journal_add(struct journal *journal, uint64_t run, const struct msg_run_event *event)
{
	struct pending item = { .run = run, .event = *event };
	if (event->kind == MSG_RUN_ARTIFACT)
		fold_artifact(&item.event);
	struct str *texts[] = {
		&item.event.suite,   &item.event.program, &item.event.name,
		&item.event.adapter, &item.event.file,	  &item.event.worker,
		&item.event.message, &item.event.out,	  &item.event.err,
	};
	size_t bytes = sizeof(item), n = sizeof(texts) / sizeof(texts[0]);
	for (size_t i = 0; i < n; i++)
		bytes += texts[i]->len + 1;
	if (bytes > journal->cap_bytes - journal->held_bytes)
		return -ENOBUFS;
	for (size_t i = 0; i < n; i++)
		if (keep(&journal->texts, texts[i]) < 0)
			return -ENOMEM;
	if (VEC_PUSH(&journal->pending, item) < 0)
		return -ENOMEM;
	journal->held_bytes += bytes;
	return 0;
}

int journal_add_decision(struct journal *journal, uint64_t run, struct str frame)
{
	struct pending item = { .run = run, .decision = frame };
	size_t bytes = sizeof(item) + frame.len + 1;
	ASSERT(frame.len);
	if (bytes > journal->cap_bytes - journal->held_bytes)
		return -ENOBUFS;
	if (keep(&journal->texts, &item.decision) < 0 || VEC_PUSH(&journal->pending, item) < 0)
		return -ENOMEM;
	journal->held_bytes += bytes;
	return 0;
}

size_t journal_pending_bytes(const struct journal *journal)
{
	return journal->held_bytes;
}

/* The key of a map of rows: parts with their lengths, so that no two lists of names look alike. */
static struct str key_of(struct journal *journal, const struct str *parts, size_t n)
{
	buf_clear(&journal->key);
	for (size_t i = 0; i < n; i++) {
		int r = buf_append(&journal->key, &parts[i].len, sizeof(parts[i].len));
		if (r == 0)
			r = buf_put_str(&journal->key, parts[i]);
		if (r < 0)
			return (struct str){ 0 };
	}
	return buf_str(&journal->key);
}

static int remember(struct map *map, struct str key, uint64_t row)
{
	if (map->len >= CACHE_ENTRIES_MAX)
		map_done(map);
	return map_put(map, key, row) < 0 ? -ENOMEM : 0;
}

static int program_row(struct journal *journal, struct db *db, const struct msg_run_event *event,
		       uint64_t *ret_row, struct err *err)
{
	const struct str parts[] = { event->suite, event->program, event->adapter, event->file };
	struct str key = key_of(journal, parts, 4);
	if (!key.len)
		return err_errno(err, -ENOMEM, "writing the history %s", db_path(db));
	if (map_get(&journal->programs, key, ret_row))
		return 0;
	struct db_query *find = db_query(
		db, "SELECT id FROM programs WHERE suite=? AND name=? AND adapter=? AND file=?",
		err);
	struct db_query *add = db_query(
		db, "INSERT INTO programs (suite, name, adapter, file) VALUES (?, ?, ?, ?)", err);
	if (!find || !add)
		return -EIO;
	for (size_t i = 0; i < 4; i++)
		db_put_text(find, parts[i]);
	int r = db_step(find, err);
	if (r < 0)
		return r;
	uint64_t row = r ? db_get_u64(find) : 0;
	db_reset(find);
	if (!row) {
		for (size_t i = 0; i < 4; i++)
			db_put_text(add, parts[i]);
		r = db_run(add, err);
		if (r < 0)
			return r;
		row = db_last_row(db);
	}
	*ret_row = row;
	return remember(&journal->programs, key, row);
}

static int find_or_add_case(struct db *db, uint64_t program, struct str name, uint64_t *ret_row,
			    struct err *err)
{
	struct db_query *find = db_query(db, "SELECT id FROM cases WHERE program=? AND name=?",
					 err);
	struct db_query *add = db_query(db, "INSERT INTO cases (program, name) VALUES (?, ?)", err);
	if (!find || !add)
		return -EIO;
	db_put_u64(find, program);
	db_put_text(find, name);
	int r = db_step(find, err);
	if (r < 0)
		return r;
	if (r == 1) {
		*ret_row = db_get_u64(find);
		db_reset(find);
		return 0;
	}
	db_put_u64(add, program);
	db_put_text(add, name);
	r = db_run(add, err);
	if (r == 0)
		*ret_row = db_last_row(db);
	return r;
}

/* The row of an event's case; 0 for an event that belongs to no program. */
static int case_row(struct journal *journal, struct db *db, const struct msg_run_event *event,
		    uint64_t *ret_row, struct err *err)
{
	uint64_t program = 0, row = 0;
	if (!event->suite.len && !event->program.len) {
		*ret_row = 0;
		return 0;
	}
	int r = program_row(journal, db, event, &program, err);
	if (r < 0)
		return r;
	const struct str parts[] = { { (const char *)&program, sizeof(program) }, event->name };
	struct str key = key_of(journal, parts, 2);
	if (!key.len)
		return err_errno(err, -ENOMEM, "writing the history %s", db_path(db));
	if (map_get(&journal->cases, key, ret_row))
		return 0;
	r = find_or_add_case(db, program, event->name, &row, err);
	if (r < 0)
		return r;
	*ret_row = row;
	return remember(&journal->cases, key, row);
}

/* Make next_seq and next_decision those of this run. */
static int find_place(struct journal *journal, struct db *db, uint64_t run, struct err *err)
{
	if (journal->seq_run == run)
		return 0;
	struct db_query *last =
		db_query(db,
			 "SELECT (SELECT max(id) FROM events WHERE " JOURNAL_OF_RUN "),"
			 " (SELECT max(id) FROM decisions WHERE decisions.id BETWEEN ?1 << 32 AND"
			 " (?1 << 32) + 4294967295)",
			 err);
	if (!last)
		return -EIO;
	db_put_u64(last, run);
	int r = db_step(last, err);
	if (r < 0)
		return r;
	journal->next_seq = (r ? db_get_u64(last) & UINT32_MAX : 0) + 1;
	journal->next_decision = (r ? db_get_u64(last) & UINT32_MAX : 0) + 1;
	journal->seq_run = run;
	db_reset(last);
	return 0;
}

static int next_seq(struct journal *journal, struct db *db, uint64_t run, uint64_t *ret_seq,
		    struct err *err)
{
	int r = find_place(journal, db, run, err);
	if (r < 0)
		return r;
	if (journal->next_seq > UINT32_MAX)
		return err_set(err, -EFBIG, "writing the history %s: a run has too many events",
			       db_path(db));
	*ret_seq = journal->next_seq++;
	return 0;
}

static int insert_decision(struct journal *journal, struct db *db, const struct pending *item,
			   struct err *err)
{
	struct db_query *add = db_query(db, "INSERT INTO decisions VALUES (?, ?, ?)", err);
	int r = add ? find_place(journal, db, item->run, err) : -EIO;
	if (r < 0)
		return r;
	if (journal->next_decision > UINT32_MAX)
		return err_set(err, -EFBIG, "writing the history %s: a run has too many decisions",
			       db_path(db));
	db_put_u64(add, item->run << 32 | journal->next_decision++);
	db_put_u64(add, journal->next_seq - 1);
	db_put_blob(add, item->decision);
	return db_run(add, err);
}

/* The order of the values is that of the columns in schema.c and in journal_replay. */
static int insert(struct db *db, uint64_t run, uint64_t seq, uint64_t case_id,
		  const struct msg_run_event *event, struct err *err)
{
	struct db_query *add = db_query(
		db,
		"INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
		" ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		err);
	struct str name = event->name;
	if (!add)
		return -EIO;
	if (case_id)
		name = (struct str){ 0 };
	db_put_u64(add, run << 32 | seq);
	db_put_u64(add, event->kind);
	db_put_u64(add, event->at_us);
	db_put_u64(add, case_id);
	db_put_text(add, name);
	db_put_u64(add, event->index);
	db_put_u64(add, event->count);
	db_put_u64(add, event->outcome);
	db_put_u64(add, (event->flaky ? FLAG_FLAKY : 0) |
				(event->quarantined ? FLAG_QUARANTINED : 0) |
				(event->found ? FLAG_FOUND : 0) | (event->more ? FLAG_MORE : 0));
	db_put_u64(add, event->attempt);
	db_put_u64(add, event->estimate_us);
	db_put_u64(add, event->duration_us);
	db_put_u64(add, event->cpu_us);
	db_put_u64(add, event->peak_bytes);
	db_put_text(add, event->worker);
	db_put_u64(add, event->slot);
	db_put_u64(add, event->exit_code);
	db_put_u64(add, event->signal);
	db_put_u64(add, event->dropped_bytes);
	db_put_blob(add, event->message);
	db_put_blob(add, event->out);
	db_put_blob(add, event->err);
	db_put_u64(add, event->makespan_us);
	db_put_u64(add, event->bound_us);
	db_put_u64(add, event->slots);
	db_put_u64(add, event->busy_us);
	return db_run(add, err);
}

/* What the list of runs shows of a run comes from its last event. */
static int note_finished(struct db *db, uint64_t run, const struct msg_run_event *event,
			 struct err *err)
{
	struct db_query *set =
		db_query(db,
			 "UPDATE runs SET exit_code=?, makespan_us=?, bound_us=?, busy_us=?, "
			 "slots=?, bounded_by=? WHERE id=?",
			 err);
	if (!set)
		return -EIO;
	db_put_u64(set, event->exit_code);
	db_put_u64(set, event->makespan_us);
	db_put_u64(set, event->bound_us);
	db_put_u64(set, event->busy_us);
	db_put_u64(set, event->slots);
	db_put_text(set, event->message);
	db_put_u64(set, run);
	return db_run(set, err);
}

/* Another process deleted names that are not used any more: the numbers known here may be among
 * them. */
static int heed_sweeps(struct journal *journal, struct db *db, struct err *err)
{
	struct db_query *row = db_query(db, "SELECT value FROM counters WHERE name='sweeps'", err);
	int r = row ? db_step(row, err) : -EIO;
	if (r < 0)
		return r;
	uint64_t sweeps = r ? db_get_u64(row) : 0;
	db_reset(row);
	if (sweeps != journal->sweeps)
		forget_rows(journal);
	journal->sweeps = sweeps;
	return 0;
}

int journal_flush(struct journal *journal, struct db *db, struct err *err)
{
	int r = heed_sweeps(journal, db, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < journal->pending.len; i++) {
		const struct pending *item = &journal->pending.items[i];
		uint64_t case_id = 0, seq = 0;
		if (item->decision.len) {
			r = insert_decision(journal, db, item, err);
			if (r < 0)
				return r;
			continue;
		}
		r = case_row(journal, db, &item->event, &case_id, err);
		if (r == 0)
			r = next_seq(journal, db, item->run, &seq, err);
		if (r == 0)
			r = insert(db, item->run, seq, case_id, &item->event, err);
		if (r == 0 && item->event.kind == MSG_RUN_FINISHED)
			r = note_finished(db, item->run, &item->event, err);
		if (r < 0)
			return r;
	}
	return 0;
}

void journal_flushed(struct journal *journal, bool committed)
{
	if (!committed) {
		forget_rows(journal);
		return;
	}
	journal->pending.len = 0;
	journal->held_bytes = 0;
	arena_clear(&journal->texts);
}

static struct msg_run_event read_event(struct db_query *row)
{
	struct msg_run_event event = { 0 };
	event.kind = db_get_u64(row);
	event.at_us = db_get_u64(row);
	struct str label = db_get_text(row);
	event.index = db_get_u64(row);
	event.count = db_get_u64(row);
	event.outcome = db_get_u64(row);
	uint64_t flags = db_get_u64(row);
	event.flaky = (flags & FLAG_FLAKY) != 0;
	event.quarantined = (flags & FLAG_QUARANTINED) != 0;
	event.found = (flags & FLAG_FOUND) != 0;
	event.more = (flags & FLAG_MORE) != 0;
	event.attempt = db_get_u64(row);
	event.estimate_us = db_get_u64(row);
	event.duration_us = db_get_u64(row);
	event.cpu_us = db_get_u64(row);
	event.peak_bytes = db_get_u64(row);
	event.worker = db_get_text(row);
	event.slot = db_get_u64(row);
	event.exit_code = db_get_u64(row);
	event.signal = db_get_u64(row);
	event.dropped_bytes = db_get_u64(row);
	event.message = db_get_text(row);
	event.out = db_get_text(row);
	event.err = db_get_text(row);
	event.makespan_us = db_get_u64(row);
	event.bound_us = db_get_u64(row);
	event.slots = db_get_u64(row);
	event.busy_us = db_get_u64(row);
	event.suite = db_get_text(row);
	event.program = db_get_text(row);
	event.adapter = db_get_text(row);
	event.file = db_get_text(row);
	struct str name = db_get_text(row);
	event.name = label.len ? label : name;
	if (event.kind == MSG_RUN_ARTIFACT)
		unfold_artifact(&event);
	return event;
}

#define EVENTS                                                                            \
	"SELECT kind, at_us, label, case_index, count, outcome, flags, attempt,"          \
	" estimate_us, duration_us, cpu_us,"                                              \
	" peak_bytes, worker, slot, exit_code, signal, dropped_bytes, message, out, err," \
	" makespan_us, bound_us,"                                                         \
	" slots, busy_us, p.suite, p.name, p.adapter, p.file, c.name FROM events"         \
	" LEFT JOIN cases c ON c.id = case_id LEFT JOIN programs p ON p.id = c.program"

static int read_checked(struct db *db, struct db_query *rows, struct msg_run_event *ret_event,
			struct err *err)
{
	*ret_event = read_event(rows);
	if (ret_event->outcome >= OUTCOME_MAX || ret_event->kind >= MSG_RUN_KIND_MAX)
		return err_set(err, -EBADMSG,
			       "reading the history %s: event of an unknown kind; it is damaged, "
			       "move it away",
			       db_path(db));
	return 0;
}

static int hand_out(struct db *db, struct db_query *rows,
		    int (*each)(void *data, const struct msg_run_event *event), void *data,
		    struct err *err)
{
	int r;
	while ((r = db_step(rows, err)) == 1) {
		struct msg_run_event event;
		r = read_checked(db, rows, &event, err);
		if (r == 0)
			r = each(data, &event);
		if (r < 0)
			break;
	}
	db_reset(rows);
	return r;
}

int journal_replay(struct db *db, uint64_t run,
		   int (*each)(void *data, const struct msg_run_event *event), void *data,
		   struct err *err)
{
	struct db_query *rows = db_query(db,
					 EVENTS " WHERE " JOURNAL_OF_RUN
						" AND NOT flags & 8 ORDER BY events.id",
					 err);
	if (!rows)
		return -EIO;
	db_put_u64(rows, run);
	return hand_out(db, rows, each, data, err);
}

int journal_replay_from(struct db *db, uint64_t run, uint64_t from,
			int (*each)(void *data, const struct msg_run_event *event), void *data,
			struct err *err)
{
	struct db_query *rows = db_query(db,
					 EVENTS " WHERE events.id > ? AND events.id <= ?"
						" ORDER BY events.id",
					 err);
	if (!rows)
		return -EIO;
	db_put_u64(rows, run << 32 | (from < UINT32_MAX ? from : UINT32_MAX));
	db_put_u64(rows, run << 32 | UINT32_MAX);
	return hand_out(db, rows, each, data, err);
}

/* The decisions that were made after `events` events, up to the next event. *ret_more: there are
 * others. */
static int recall_decisions(struct db_query *rows, uint64_t events, uint64_t *ret_after,
			    int (*decision)(void *data, struct str frame), void *data,
			    struct err *err)
{
	while (*ret_after <= events) {
		int r = decision(data, db_get_text(rows));
		if (r == 0)
			r = db_step(rows, err);
		if (r < 0)
			return r;
		*ret_after = r ? db_get_u64(rows) : UINT64_MAX;
	}
	return 0;
}

int journal_recall(struct db *db, uint64_t run,
		   int (*event)(void *data, const struct msg_run_event *event),
		   int (*decision)(void *data, struct str frame), void *data, struct err *err)
{
	struct db_query *events =
		db_query(db, EVENTS " WHERE " JOURNAL_OF_RUN " ORDER BY events.id", err);
	struct db_query *decisions = db_query(
		db, "SELECT after, frame FROM decisions WHERE id > ? AND id <= ? ORDER BY id", err);
	if (!events || !decisions)
		return -EIO;
	db_put_u64(events, run);
	db_put_u64(decisions, run << 32);
	db_put_u64(decisions, run << 32 | UINT32_MAX);
	uint64_t after = UINT64_MAX, n = 0;
	int r = db_step(decisions, err);
	if (r == 1)
		after = db_get_u64(decisions);
	while (r >= 0) {
		struct msg_run_event item;
		r = recall_decisions(decisions, n++, &after, decision, data, err);
		r = r < 0 ? r : db_step(events, err);
		if (r <= 0)
			break;
		r = read_checked(db, events, &item, err);
		r = r < 0 ? r : event(data, &item);
	}
	db_reset(events);
	db_reset(decisions);
	return r;
}
