// SPDX-License-Identifier: Apache-2.0
/*
 * schema.c - tables and migrations. PRAGMA user_version counts the steps that have been applied;
 * each step is one entry of `steps` and is never edited once released. PRAGMA application_id tells
 * our files from other SQLite databases.
 *
 *	runs      one row per run
 *	programs  a suite's program as an event named it, with adapter and file; interned
 *	cases     a case of a program; interned. A program's own events use the case with the empty
 * name events    the journal: every event of every run, in order history   one row per history key:
 * the newest samples (packed, see samples.c) and counters. Clustered by key, so that one suite's
 * keys lie together startups  learned start-up cost per "suite::program"
 *	submissions  what an unfinished run of a coordinator was submitted as, in pieces
 *	decisions    what the coordinator decided for it, each after so many of its events
 */
#include "coordinator/history/schema.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

enum { APPLICATION_ID = 0x7064636b }; /* "pdck" */

static const char *const steps[] = {
	"CREATE TABLE runs ("
	" id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, submit TEXT NOT NULL,"
	" started_us INTEGER NOT NULL, finished_us INTEGER NOT NULL DEFAULT 0, exit_code INTEGER"
	" NOT NULL DEFAULT 0,"
	" cases INTEGER NOT NULL DEFAULT 0, red INTEGER NOT NULL DEFAULT 0, flaky INTEGER NOT"
	" NULL DEFAULT 0,"
	" makespan_us INTEGER NOT NULL DEFAULT 0, bound_us INTEGER NOT NULL DEFAULT 0,"
	" busy_us INTEGER NOT NULL DEFAULT 0, slots INTEGER NOT NULL DEFAULT 0,"
	" bounded_by TEXT NOT NULL DEFAULT '');"
	"CREATE INDEX runs_by_time ON runs (started_us);"
	"CREATE TABLE programs ("
	" id INTEGER PRIMARY KEY, suite TEXT NOT NULL, name TEXT NOT NULL, adapter TEXT NOT NULL,"
	" file TEXT NOT NULL,"
	" UNIQUE (suite, name, adapter, file));"
	"CREATE TABLE cases ("
	" id INTEGER PRIMARY KEY, program INTEGER NOT NULL REFERENCES programs, name TEXT NOT NULL,"
	" UNIQUE (program, name));"
	"CREATE TABLE events ("
	" run INTEGER NOT NULL REFERENCES runs, seq INTEGER NOT NULL, kind INTEGER NOT NULL,"
	" at_us INTEGER NOT NULL,"
	" case_id INTEGER NOT NULL, label TEXT NOT NULL, case_index INTEGER NOT NULL, count"
	" INTEGER NOT NULL,"
	" outcome INTEGER NOT NULL, flags INTEGER NOT NULL, attempt INTEGER NOT NULL, estimate_us"
	" INTEGER NOT NULL,"
	" duration_us INTEGER NOT NULL, cpu_us INTEGER NOT NULL, peak_bytes INTEGER NOT NULL,"
	" worker TEXT NOT NULL,"
	" slot INTEGER NOT NULL, exit_code INTEGER NOT NULL, signal INTEGER NOT NULL,"
	" dropped_bytes INTEGER NOT NULL,"
	" message BLOB NOT NULL, out BLOB NOT NULL, err BLOB NOT NULL, makespan_us INTEGER NOT"
	" NULL,"
	" bound_us INTEGER NOT NULL, slots INTEGER NOT NULL, busy_us INTEGER NOT NULL,"
	" PRIMARY KEY (run, seq)) WITHOUT ROWID;"
	"CREATE TABLE history ("
	" key TEXT PRIMARY KEY, samples BLOB NOT NULL, runs INTEGER NOT NULL, failures INTEGER"
	" NOT NULL,"
	" flakes INTEGER NOT NULL, failed_last INTEGER NOT NULL, isolate INTEGER NOT NULL,"
	" seen_us INTEGER NOT NULL)"
	" WITHOUT ROWID;"
	"CREATE TABLE startups (program TEXT PRIMARY KEY, startup_us INTEGER NOT NULL) WITHOUT"
	" ROWID;",
	/*
	 * Large outputs thin out the pages of an index: events move to a table of their own order.
	 */
	"CREATE TABLE events_2 ("
	" id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, at_us INTEGER NOT NULL,"
	" case_id INTEGER NOT NULL, label TEXT NOT NULL, case_index INTEGER NOT NULL,"
	" count INTEGER NOT NULL, outcome INTEGER NOT NULL, flags INTEGER NOT NULL,"
	" attempt INTEGER NOT NULL, estimate_us INTEGER NOT NULL, duration_us INTEGER NOT NULL,"
	" cpu_us INTEGER NOT NULL, peak_bytes INTEGER NOT NULL, worker TEXT NOT NULL,"
	" slot INTEGER NOT NULL, exit_code INTEGER NOT NULL, signal INTEGER NOT NULL,"
	" dropped_bytes INTEGER NOT NULL, message BLOB NOT NULL, out BLOB NOT NULL,"
	" err BLOB NOT NULL, makespan_us INTEGER NOT NULL, bound_us INTEGER NOT NULL,"
	" slots INTEGER NOT NULL, busy_us INTEGER NOT NULL);"
	"INSERT INTO events_2 SELECT (run << 32) + seq, kind, at_us, case_id, label, case_index,"
	" count, outcome, flags, attempt, estimate_us, duration_us, cpu_us, peak_bytes, worker,"
	" slot,"
	" exit_code, signal, dropped_bytes, message, out, err, makespan_us, bound_us, slots,"
	" busy_us"
	" FROM events;"
	"DROP TABLE events;"
	"ALTER TABLE events_2 RENAME TO events;"
	"CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
	"INSERT INTO counters VALUES ('sweeps', 0);",
	/* What a coordinator needs to go on with a run that another one began. */
	"ALTER TABLE runs ADD COLUMN token INTEGER NOT NULL DEFAULT 0;"
	"CREATE INDEX runs_by_token ON runs (token) WHERE token > 0;"
	"CREATE TABLE submissions (id INTEGER PRIMARY KEY, frame BLOB NOT NULL);"
	"CREATE TABLE decisions (id INTEGER PRIMARY KEY, after INTEGER NOT NULL, frame BLOB NOT"
	" NULL);",
};

enum { VERSION = sizeof(steps) / sizeof(steps[0]) };

static int read_number(struct db *db, const char *sql, uint64_t *ret_value, struct err *err)
{
	struct db_query *query = db_query(db, sql, err);
	if (!query)
		return err ? err->code : -EIO;
	int r = db_step(query, err);
	if (r < 0)
		return r;
	*ret_value = r ? db_get_u64(query) : 0;
	db_reset(query);
	return 0;
}

static int refuse(struct db *db, uint64_t version, uint64_t application, uint64_t tables,
		  struct err *err)
{
	if (application == APPLICATION_ID && version > VERSION)
		return err_set(err, -EPROTO,
			       "opening the history %s: a newer paddock wrote it (format %" PRIu64
			       ", this one knows up to %d); use that version, or another file with"
			       " --history",
			       db_path(db), version, VERSION);
	if (application != APPLICATION_ID && (application || tables))
		return err_set(err, -EBADMSG,
			       "opening the history %s: it is a database of another program; choose"
			       " another file "
			       "with --history",
			       db_path(db));
	return 0;
}

/* Inside the transaction: another process may have been faster. */
static int migrate(struct db *db, struct err *err)
{
	char mark[96];
	uint64_t version = 0, application = 0, tables = 0;
	int r = read_number(db, "PRAGMA user_version", &version, err);
	if (r == 0)
		r = read_number(db, "PRAGMA application_id", &application, err);
	if (r == 0)
		r = read_number(db, "SELECT count(*) FROM sqlite_schema", &tables, err);
	if (r == 0)
		r = refuse(db, version, application, tables, err);
	for (uint64_t step = version; r == 0 && step < VERSION; step++)
		r = db_exec(db, steps[step], err);
	if (r < 0 || version == VERSION)
		return r;
	snprintf(mark, sizeof(mark), "PRAGMA user_version=%d; PRAGMA application_id=%d", VERSION,
		 APPLICATION_ID);
	return db_exec(db, mark, err);
}

int schema_apply(struct db *db, struct err *err)
{
	struct err local = { 0 };
	int r = db_begin(db, &local);
	if (r == 0)
		r = db_end(db, migrate(db, &local), &local);
	if (r < 0 && err)
		*err = local;
	return r;
}
