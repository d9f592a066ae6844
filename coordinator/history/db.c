// SPDX-License-Identifier: Apache-2.0
/*
 * db.c - the only file that knows SQLite. Invariants: at most one transaction is open, begun by
 * db_begin and ended by db_end; a query between steps holds a read snapshot until it is reset.
 * Numbers above INT64_MAX are stored as INT64_MAX (they mean "no limit"). Not for schema or
 * meaning: see store.c.
 */
#include "coordinator/history/db.h"

#include "protocol/base/assert.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { QUERIES_MAX = 64 };

struct db_query {
	struct db *db;
	const char *sql;
	sqlite3_stmt *stmt;
	int put, get;
	bool active;
};

struct db {
	sqlite3 *handle;
	char *path;
	bool in_transaction;
	size_t n_queries;
	struct db_query queries[QUERIES_MAX];
};

static int code_of(int sqlite_code)
{
	switch (sqlite_code & 0xff) {
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT: return -EBADMSG;
	case SQLITE_FULL: return -ENOSPC;
	case SQLITE_BUSY:
	case SQLITE_LOCKED: return -EBUSY;
	case SQLITE_NOMEM: return -ENOMEM;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH: return -EACCES;
	case SQLITE_CANTOPEN: return -ENOENT;
	case SQLITE_CONSTRAINT: return -EEXIST;
	case SQLITE_TOOBIG: return -EMSGSIZE;
	default: return -EIO;
	}
}

static const char *advice(int code)
{
	switch (code) {
	case -EBADMSG:
		return "move it away (it is damaged or no paddock history); a new one is made then";
	case -ENOSPC: return "free space on its disk";
	case -EBUSY:
		return "another process has been writing to it for too long; wait for it or end it";
	case -EACCES:
	case -ENOENT:
		return "check the permissions of the file and its folder, or choose another with"
		       " --history";
	default: return "check its disk, or choose another file with --history";
	}
}

static int fail(struct db *db, const char *what, struct err *err)
{
	int sqlite_code = sqlite3_extended_errcode(db->handle), code = code_of(sqlite_code);
	int system = sqlite3_system_errno(db->handle);
	if (code == -ENOENT && system)
		code = -system;
	if (code == -EIO && system == ENOSPC)
		code = -ENOSPC;
	return err_set(err, code, "%s the history %s: %s; %s", what, db->path,
		       sqlite3_errmsg(db->handle), advice(code));
}

/* Switching to WAL takes an exclusive lock, for which SQLite asks the busy handler only in part; so
 * try again. */
static int enter_wal(struct db *db, int busy_ms)
{
	int rc = SQLITE_BUSY;
	for (int waited = 0; rc == SQLITE_BUSY && waited <= busy_ms; waited += 20) {
		rc = sqlite3_exec(db->handle, "PRAGMA journal_mode=WAL", NULL, NULL, NULL);
		if (rc == SQLITE_BUSY)
			sqlite3_sleep(20);
	}
	return rc;
}

int db_open(const char *path, int busy_ms, struct db **ret_db, struct err *err)
{
	struct db *db = calloc(1, sizeof(*db));
	if (!db || !(db->path = str_dup(str_of(path)))) {
		free(db);
		return err_errno(err, -ENOMEM, "opening the history %s", path);
	}
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
	int rc = sqlite3_open_v2(path, &db->handle, flags, NULL);
	if (!db->handle) {
		db_close(db);
		return err_errno(err, -ENOMEM, "opening the history %s", path);
	}
	if (rc == SQLITE_OK)
		rc = sqlite3_busy_timeout(db->handle, busy_ms);
	if (rc == SQLITE_OK) /* takes effect only while the file is empty */
		rc = sqlite3_exec(db->handle, "PRAGMA auto_vacuum=INCREMENTAL", NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = enter_wal(db, busy_ms);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db->handle, "PRAGMA synchronous=FULL; PRAGMA cache_size=-16384",
				  NULL, NULL, NULL);
	if (rc != SQLITE_OK) {
		int r = fail(db, "opening", err);
		db_close(db);
		return r;
	}
	*ret_db = db;
	return 0;
}

void db_close(struct db *db)
{
	if (!db)
		return;
	for (size_t i = 0; i < db->n_queries; i++)
		sqlite3_finalize(db->queries[i].stmt);
	int rc = sqlite3_close(db->handle);
	ASSERT(rc == SQLITE_OK);
	free(db->path);
	free(db);
}

const char *db_path(const struct db *db)
{
	return db->path;
}

int db_exec(struct db *db, const char *sql, struct err *err)
{
	return sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK
		       ? 0
		       : fail(db, "changing", err);
}

struct db_query *db_query(struct db *db, const char *sql, struct err *err)
{
	for (size_t i = 0; i < db->n_queries; i++)
		if (db->queries[i].sql == sql) {
			db_reset(&db->queries[i]);
			return &db->queries[i];
		}
	ASSERT(db->n_queries < QUERIES_MAX);
	struct db_query *query = &db->queries[db->n_queries];
	*query = (struct db_query){ .db = db, .sql = sql };
	if (sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &query->stmt,
			       NULL) != SQLITE_OK) {
		fail(db, "reading", err);
		return NULL;
	}
	db->n_queries++;
	return query;
}

/* Binding fails for lack of memory only, or by a bug of ours; the step that follows then reports
 * the missing value. */
static void bound(struct db_query *query, int rc)
{
	ASSERT(rc == SQLITE_OK || rc == SQLITE_NOMEM || rc == SQLITE_TOOBIG);
	ASSERT(!query->active);
}

void db_put_u64(struct db_query *query, uint64_t value)
{
	int64_t stored = value > INT64_MAX ? INT64_MAX : (int64_t)value;
	bound(query, sqlite3_bind_int64(query->stmt, ++query->put, stored));
}

void db_put_text(struct db_query *query, struct str value)
{
	const char *data = value.data ? value.data : "";
	bound(query, sqlite3_bind_text64(query->stmt, ++query->put, data, value.len, SQLITE_STATIC,
					 SQLITE_UTF8));
}

void db_put_blob(struct db_query *query, struct str value)
{
	const char *data = value.data ? value.data : "";
	bound(query,
	      sqlite3_bind_blob64(query->stmt, ++query->put, data, value.len, SQLITE_STATIC));
}

void db_put_null(struct db_query *query)
{
	bound(query, sqlite3_bind_null(query->stmt, ++query->put));
}

int db_step(struct db_query *query, struct err *err)
{
	ASSERT(query->put == sqlite3_bind_parameter_count(query->stmt));
	int rc = sqlite3_step(query->stmt);
	query->active = true;
	query->get = 0;
	if (rc == SQLITE_ROW)
		return 1;
	int r = rc == SQLITE_DONE
			? 0
			: fail(query->db,
			       sqlite3_stmt_readonly(query->stmt) ? "reading" : "writing", err);
	db_reset(query);
	return r;
}

int db_run(struct db_query *query, struct err *err)
{
	int r = db_step(query, err);
	ASSERT(r <= 0);
	return r;
}

uint64_t db_get_u64(struct db_query *query)
{
	ASSERT(query->active && query->get < sqlite3_column_count(query->stmt));
	int64_t value = sqlite3_column_int64(query->stmt, query->get++);
	return value < 0 ? 0 : (uint64_t)value;
}

struct str db_get_text(struct db_query *query)
{
	ASSERT(query->active && query->get < sqlite3_column_count(query->stmt));
	int column = query->get++;
	const void *data = sqlite3_column_blob(query->stmt, column);
	return (struct str){ data ? data : "", (size_t)sqlite3_column_bytes(query->stmt, column) };
}

void db_reset(struct db_query *query)
{
	if (!query)
		return;
	sqlite3_reset(query->stmt); /* its code repeats the last step's, which was told already */
	sqlite3_clear_bindings(query->stmt);
	query->put = query->get = 0;
	query->active = false;
}

uint64_t db_last_row(const struct db *db)
{
	return (uint64_t)sqlite3_last_insert_rowid(db->handle);
}

uint64_t db_changes(const struct db *db)
{
	return (uint64_t)sqlite3_changes(db->handle);
}

int db_begin(struct db *db, struct err *err)
{
	ASSERT(!db->in_transaction);
	int r = db_exec(db, "BEGIN IMMEDIATE", err);
	db->in_transaction = r == 0;
	return r;
}

int db_end(struct db *db, int r, struct err *err)
{
	ASSERT(db->in_transaction);
	ASSERT(r <= 0);
	db->in_transaction = false;
	if (r == 0)
		r = db_exec(db, "COMMIT", err);
	if (r < 0 &&
	    !sqlite3_get_autocommit(db->handle)) /* some failures have rolled back already */
		db_exec(db, "ROLLBACK", NULL);
	return r;
}
