// SPDX-License-Identifier: Apache-2.0
/*
 * journal.c - events to rows and back. An event is copied into an arena when it arrives, because
 * the transaction that writes it comes later and is shared with its neighbours (group commit).
 * Suites, programs and cases are interned: a case's name is stored once however many runs it
 * appears in. The map from names to row numbers is a cache; after a rollback it may name rows that
 * do not exist, so it is dropped.
 *
 * A flush goes over what is pending three times, for programs, for cases, for rows, so that each
 * time all that a server must answer is asked at once.
 *
 * A commit may fail and have been written all the same, when a server's answer to it was lost. So
 * the first row of a flush is looked for before its items are written again.
 *
 * Invariants: next_seq of a run is above every stored seq of it; pending is in arrival order, and
 * its first `done` items are durable.
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
	PAGE_EVENTS = 256,	     /* read at a time, where reading may end early */
	PLACES_MAX = 256,	     /* runs whose next numbers are known; likewise */
	FLAG_FLAKY = 1,
	FLAG_QUARANTINED = 2,
	FLAG_FOUND = 4,
	FLAG_MORE = 8,
};

struct pending {
	uint64_t run;
	struct msg_run_event event;
	struct str decision;	   /* a frame; empty: it is an event */
	uint64_t program, case_id; /* rows, while it is flushed; 0: it has none */
};

/* Where a run goes on. */
struct place {
	uint64_t run, next_seq, next_decision;
};

/* Rows that were asked for: those of a map's entries from here on, in order. */
struct naming {
	struct map *map;
	size_t next;
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
	struct {
		struct place *items;
		size_t len, cap;
	} places;
	uint64_t sweeps; /* of the names, as far as known */
	size_t done;	 /* items of pending that are durable */
	size_t tried;	 /* so many would be, if the last flush was committed */
	uint64_t tried_event, tried_decision; /* the first row of each that it wrote; 0: none */
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
	journal->places.len = 0;
}

void journal_free(struct journal *journal)
{
	if (!journal)
		return;
	forget_rows(journal);
	arena_done(&journal->texts);
	VEC_DONE(&journal->pending);
	VEC_DONE(&journal->places);
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

static int no_memory(const struct db *db, struct err *err)
{
	return err_errno(err, -ENOMEM, "writing the history %s", db_path(db));
}

static void note_row(void *data, struct db_query *query)
{
	struct naming *naming = data;
	ASSERT(naming->next < naming->map->len);
	naming->map->entries[naming->next++].value = db_get_u64(query);
}

#define PROGRAM_ROW "FROM programs WHERE suite=?1 AND name=?2 AND adapter=?3 AND file=?4"

static int ask_program(struct db *db, const struct str parts[4], struct naming *naming,
		       struct err *err)
{
	struct db_query *add =
		db_query(db,
			 "INSERT INTO programs (suite, name, adapter, file) SELECT ?1, ?2, ?3, ?4"
			 " WHERE NOT EXISTS (SELECT 1 " PROGRAM_ROW ")",
			 err);
	struct db_query *find = db_query(db, "SELECT id " PROGRAM_ROW, err);
	if (!add || !find)
		return -EIO;
	for (size_t i = 0; i < 4; i++) {
		db_put_text(add, parts[i]);
		db_put_text(find, parts[i]);
	}
	int r = db_queue(add, NULL, NULL, err);
	return r < 0 ? r : db_queue(find, note_row, naming, err);
}

/* The beginning of the name is what PostgreSQL has an index of. */
#define CASE_ROW                                  \
	"FROM cases WHERE program=?1 AND name=?2" \
	" AND substr(name, 1, 1024) = substr(?2, 1, 1024)"

static int ask_case(struct db *db, uint64_t program, struct str name, struct naming *naming,
		    struct err *err)
{
	struct db_query *add = db_query(db,
					"INSERT INTO cases (program, name) SELECT ?1, ?2"
					" WHERE NOT EXISTS (SELECT 1 " CASE_ROW ")",
					err);
	struct db_query *find = db_query(db, "SELECT id " CASE_ROW, err);
	if (!add || !find)
		return -EIO;
	db_put_u64(add, program);
	db_put_text(add, name);
	db_put_u64(find, program);
	db_put_text(find, name);
	int r = db_queue(add, NULL, NULL, err);
	return r < 0 ? r : db_queue(find, note_row, naming, err);
}

static struct str program_key(struct journal *journal, const struct msg_run_event *event)
{
	const struct str parts[] = { event->suite, event->program, event->adapter, event->file };
	return key_of(journal, parts, 4);
}

static struct str case_key(struct journal *journal, const struct pending *item)
{
	const struct str parts[] = { { (const char *)&item->program, sizeof(item->program) },
				     item->event.name };
	return key_of(journal, parts, 2);
}

/* An event that belongs to no program has no case either, and no decision has one. */
static bool is_named(const struct pending *item)
{
	return !item->decision.len && (item->event.suite.len || item->event.program.len);
}

/* The row of the key, if it is known; else ask for it, once. 1: it was asked for. */
static int look_up(struct map *map, struct str key, uint64_t *ret_row)
{
	*ret_row = 0;
	if (!key.len)
		return -ENOMEM;
	if (map_get(map, key, ret_row))
		return 0;
	return map_put(map, key, 0) < 0 ? -ENOMEM : 1;
}

static int name_programs(struct journal *journal, struct db *db, struct err *err)
{
	struct naming naming = { &journal->programs, journal->programs.len };
	int r = 0;
	for (size_t i = journal->done; r >= 0 && i < journal->pending.len; i++) {
		struct pending *item = &journal->pending.items[i];
		const struct msg_run_event *event = &item->event;
		const struct str parts[] = { event->suite, event->program, event->adapter,
					     event->file };
		if (!is_named(item))
			continue;
		r = look_up(naming.map, program_key(journal, event), &item->program);
		if (r < 0)
			return no_memory(db, err);
		if (r == 1)
			r = ask_program(db, parts, &naming, err);
	}
	return r < 0 ? r : db_flush(db, err);
}

static int name_cases(struct journal *journal, struct db *db, struct err *err)
{
	struct naming naming = { &journal->cases, journal->cases.len };
	int r = 0;
	for (size_t i = journal->done; r >= 0 && i < journal->pending.len; i++) {
		struct pending *item = &journal->pending.items[i];
		if (!is_named(item))
			continue;
		if (!item->program) /* it was asked for */
			map_get(&journal->programs, program_key(journal, &item->event),
				&item->program);
		ASSERT(item->program);
		r = look_up(naming.map, case_key(journal, item), &item->case_id);
		if (r < 0)
			return no_memory(db, err);
		if (r == 1)
			r = ask_case(db, item->program, item->event.name, &naming, err);
	}
	return r < 0 ? r : db_flush(db, err);
}

/* Where its run goes on. */
static int find_place(struct journal *journal, struct db *db, uint64_t run,
		      struct place **ret_place, struct err *err)
{
	for (size_t i = 0; i < journal->places.len; i++)
		if (journal->places.items[i].run == run) {
			*ret_place = &journal->places.items[i];
			return 0;
		}
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
	ASSERT(r == 1);
	struct place place = { .run = run };
	place.next_seq = (db_get_u64(last) & UINT32_MAX) + 1;
	place.next_decision = (db_get_u64(last) & UINT32_MAX) + 1;
	db_reset(last);
	if (journal->places.len >= PLACES_MAX)
		journal->places.len = 0;
	if (VEC_PUSH(&journal->places, place) < 0)
		return no_memory(db, err);
	*ret_place = &journal->places.items[journal->places.len - 1];
	return 0;
}

static int insert_decision(struct journal *journal, struct db *db, struct place *place,
			   const struct pending *item, struct err *err)
{
	struct db_query *add = db_query(db, "INSERT INTO decisions VALUES (?, ?, ?)", err);
	if (!add)
		return -EIO;
	if (place->next_decision > UINT32_MAX)
		return err_set(err, -EFBIG, "writing the history %s: a run has too many decisions",
			       db_path(db));
	uint64_t id = item->run << 32 | place->next_decision++;
	if (!journal->tried_decision)
		journal->tried_decision = id;
	db_put_u64(add, id);
	db_put_u64(add, place->next_seq - 1);
	db_put_blob(add, item->decision);
	return db_queue(add, NULL, NULL, err);
}

/* The order of the values is that of the columns in schema.c and in journal_replay. */
static int insert(struct db *db, uint64_t id, uint64_t case_id, const struct msg_run_event *event,
		  struct err *err)
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
	db_put_u64(add, id);
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
	return db_queue(add, NULL, NULL, err);
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
	return db_queue(set, NULL, NULL, err);
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

/* An earlier flush whose commit failed may have been written. Its writer is gone by now: this
 * transaction is the only one that writes. */
static int heed_lost_answer(struct journal *journal, struct db *db, struct err *err)
{
	uint64_t written = 0;
	if (!journal->tried)
		return 0;
	struct db_query *row = db_query(db,
					"SELECT (SELECT count(*) FROM events WHERE id=?)"
					" + (SELECT count(*) FROM decisions WHERE id=?)",
					err);
	if (!row)
		return -EIO;
	db_put_u64(row, journal->tried_event);
	db_put_u64(row, journal->tried_decision);
	int r = db_run_for(row, &written, err);
	if (r < 0)
		return r;
	if (written)
		journal->done = journal->tried;
	journal->tried = 0;
	return 0;
}

static int write_item(struct journal *journal, struct db *db, struct pending *item, struct err *err)
{
	struct place *place = NULL;
	int r = find_place(journal, db, item->run, &place, err);
	if (r < 0)
		return r;
	if (item->decision.len)
		return insert_decision(journal, db, place, item, err);
	if (!item->case_id && is_named(item)) /* it was asked for */
		map_get(&journal->cases, case_key(journal, item), &item->case_id);
	ASSERT(!is_named(item) == !item->case_id);
	if (place->next_seq > UINT32_MAX)
		return err_set(err, -EFBIG, "writing the history %s: a run has too many events",
			       db_path(db));
	uint64_t id = item->run << 32 | place->next_seq++;
	if (!journal->tried_event)
		journal->tried_event = id;
	r = insert(db, id, item->case_id, &item->event, err);
	if (r == 0 && item->event.kind == MSG_RUN_FINISHED)
		r = note_finished(db, item->run, &item->event, err);
	return r;
}

int journal_flush(struct journal *journal, struct db *db, struct err *err)
{
	int r = heed_sweeps(journal, db, err);
	if (r == 0)
		r = heed_lost_answer(journal, db, err);
	if (journal->programs.len >= CACHE_ENTRIES_MAX || journal->cases.len >= CACHE_ENTRIES_MAX)
		forget_rows(journal);
	if (r == 0)
		r = name_programs(journal, db, err);
	if (r == 0)
		r = name_cases(journal, db, err);
	journal->tried_event = journal->tried_decision = 0;
	for (size_t i = journal->done; r == 0 && i < journal->pending.len; i++)
		r = write_item(journal, db, &journal->pending.items[i], err);
	if (r == 0 && (journal->tried_event || journal->tried_decision))
		journal->tried = journal->pending.len;
	return r;
}

void journal_flushed(struct journal *journal, bool committed)
{
	if (!committed) {
		forget_rows(journal);
		return;
	}
	journal->pending.len = 0;
	journal->held_bytes = 0;
	journal->done = journal->tried = 0;
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
		    uint64_t *ret_n, struct err *err)
{
	int r;
	for (*ret_n = 0; (r = db_step(rows, err)) == 1; ++*ret_n) {
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
						" AND (flags & 8) = 0 ORDER BY events.id",
					 err);
	if (!rows)
		return -EIO;
	uint64_t n;
	db_put_u64(rows, run);
	return hand_out(db, rows, each, data, &n, err);
}

/* In pages: whoever is fed takes a part at a time, and a server would send all the rest, too. */
int journal_replay_from(struct db *db, uint64_t run, uint64_t from,
			int (*each)(void *data, const struct msg_run_event *event), void *data,
			struct err *err)
{
	uint64_t n = PAGE_EVENTS;
	int r = 0;
	for (; r == 0 && n == PAGE_EVENTS; from += n) {
		struct db_query *rows = db_query(db,
						 EVENTS " WHERE events.id > ? AND events.id <= ?"
							" ORDER BY events.id LIMIT ?",
						 err);
		if (!rows)
			return -EIO;
		db_put_u64(rows, run << 32 | (from < UINT32_MAX ? from : UINT32_MAX));
		db_put_u64(rows, run << 32 | UINT32_MAX);
		db_put_u64(rows, PAGE_EVENTS);
		r = hand_out(db, rows, each, data, &n, err);
	}
	return r;
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
