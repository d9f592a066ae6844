// SPDX-License-Identifier: Apache-2.0
/*
 * schema.c - tables and migrations. PRAGMA user_version counts the steps that have been applied;
 * each step is one entry of `steps` and is never edited once released. PRAGMA application_id tells
 * our files from other SQLite databases. In PostgreSQL a row of `counters` counts the steps, which
 * are its own.
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

/*
 * PostgreSQL. Texts are bytea: names of tests are any bytes. What is looked up by a name that may
 * be too long for an ordered index has a hash index, or one over the beginning of the name; each
 * name is there once because writers take turns (db_postgres.c).
 */
static const char *const postgres_steps[] = {
	"CREATE TABLE runs ("
	" id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, name BYTEA NOT NULL UNIQUE,"
	" submit BYTEA NOT NULL, started_us BIGINT NOT NULL, finished_us BIGINT NOT NULL DEFAULT 0,"
	" exit_code BIGINT NOT NULL DEFAULT 0, cases BIGINT NOT NULL DEFAULT 0,"
	" red BIGINT NOT NULL DEFAULT 0, flaky BIGINT NOT NULL DEFAULT 0,"
	" makespan_us BIGINT NOT NULL DEFAULT 0, bound_us BIGINT NOT NULL DEFAULT 0,"
	" busy_us BIGINT NOT NULL DEFAULT 0, slots BIGINT NOT NULL DEFAULT 0,"
	" bounded_by BYTEA NOT NULL DEFAULT '', token BIGINT NOT NULL DEFAULT 0);"
	"CREATE INDEX runs_by_time ON runs (started_us);"
	"CREATE INDEX runs_by_token ON runs (token) WHERE token > 0;"
	"CREATE TABLE programs ("
	" id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, suite BYTEA NOT NULL,"
	" name BYTEA NOT NULL, adapter BYTEA NOT NULL, file BYTEA NOT NULL);"
	"CREATE INDEX programs_by_name ON programs USING hash (name);"
	"CREATE TABLE cases ("
	" id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, program BIGINT NOT NULL,"
	" name BYTEA NOT NULL);"
	"CREATE INDEX cases_by_name ON cases (program, substr(name, 1, 1024));"
	"CREATE TABLE events ("
	" id BIGINT PRIMARY KEY, kind BIGINT NOT NULL, at_us BIGINT NOT NULL,"
	" case_id BIGINT NOT NULL, label BYTEA NOT NULL, case_index BIGINT NOT NULL,"
	" count BIGINT NOT NULL, outcome BIGINT NOT NULL, flags BIGINT NOT NULL,"
	" attempt BIGINT NOT NULL, estimate_us BIGINT NOT NULL, duration_us BIGINT NOT NULL,"
	" cpu_us BIGINT NOT NULL, peak_bytes BIGINT NOT NULL, worker BYTEA NOT NULL,"
	" slot BIGINT NOT NULL, exit_code BIGINT NOT NULL, signal BIGINT NOT NULL,"
	" dropped_bytes BIGINT NOT NULL, message BYTEA NOT NULL, out BYTEA NOT NULL,"
	" err BYTEA NOT NULL, makespan_us BIGINT NOT NULL, bound_us BIGINT NOT NULL,"
	" slots BIGINT NOT NULL, busy_us BIGINT NOT NULL);"
	"CREATE TABLE submissions (id BIGINT PRIMARY KEY, frame BYTEA NOT NULL);"
	"CREATE TABLE decisions (id BIGINT PRIMARY KEY, after BIGINT NOT NULL,"
	" frame BYTEA NOT NULL);"
	"CREATE TABLE history ("
	" key BYTEA NOT NULL, samples BYTEA NOT NULL, runs BIGINT NOT NULL,"
	" failures BIGINT NOT NULL, flakes BIGINT NOT NULL, failed_last BIGINT NOT NULL,"
	" isolate BIGINT NOT NULL, seen_us BIGINT NOT NULL);"
	"CREATE INDEX history_by_key ON history USING hash (key);"
	"CREATE TABLE startups (program BYTEA NOT NULL, startup_us BIGINT NOT NULL);"
	"CREATE INDEX startups_by_program ON startups USING hash (program);"
	"CREATE TABLE counters (name BYTEA PRIMARY KEY, value BIGINT NOT NULL);"
	"INSERT INTO counters VALUES ('sweeps', 0), ('format', 0);",
};

enum {
	VERSION = sizeof(steps) / sizeof(steps[0]),
	POSTGRES_VERSION = sizeof(postgres_steps) / sizeof(postgres_steps[0]),
};

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

static int refuse_newer(struct db *db, uint64_t version, int known, struct err *err)
{
	return err_set(err, -EPROTO,
		       "opening the history %s: a newer paddock wrote it (format %" PRIu64
		       ", this one knows up to %d); use that version, or another %s",
		       db_path(db), version, known,
		       db_kind(db) == DB_SQLITE ? "file with --history" : "database");
}

static int refuse(struct db *db, uint64_t version, uint64_t application, uint64_t tables,
		  struct err *err)
{
	if (application == APPLICATION_ID && version > VERSION)
		return refuse_newer(db, version, VERSION, err);
	if (application != APPLICATION_ID && (application || tables))
		return err_set(err, -EBADMSG,
			       "opening the history %s: it is a database of another program; choose"
			       " another file "
			       "with --history",
			       db_path(db));
	return 0;
}

/* Inside the transaction: another process may have been faster. */
static int migrate_postgres(struct db *db, struct err *err)
{
	char mark[96];
	uint64_t version = 0, tables = 0;
	int r = read_number(db, "SELECT to_regclass('counters') IS NOT NULL", &tables, err);
	if (r == 0 && tables)
		r = read_number(db, "SELECT value FROM counters WHERE name='format'", &version,
				err);
	if (r == 0 && version > POSTGRES_VERSION)
		r = refuse_newer(db, version, POSTGRES_VERSION, err);
	for (uint64_t step = version; r == 0 && step < POSTGRES_VERSION; step++)
		r = db_exec(db, postgres_steps[step], err);
	if (r < 0 || version == POSTGRES_VERSION)
		return r;
	snprintf(mark, sizeof(mark), "UPDATE counters SET value=%d WHERE name='format'",
		 POSTGRES_VERSION);
	return db_exec(db, mark, err);
}

/* As migrate_postgres. */
static int migrate_sqlite(struct db *db, struct err *err)
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
	if (r == 0) {
		r = db_kind(db) == DB_SQLITE ? migrate_sqlite(db, &local)
					     : migrate_postgres(db, &local);
		r = db_end(db, r, &local);
	}
	if (r < 0 && err)
		*err = local;
	return r;
}
