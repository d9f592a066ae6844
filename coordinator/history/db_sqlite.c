// SPDX-License-Identifier: Apache-2.0
/*
 * db_sqlite.c - the only file that knows SQLite. A query between steps holds a read snapshot until
 * it is reset.
 */
#include "coordinator/history/db_driver.h"
#include "protocol/base/assert.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>

struct sqlite {
	struct db db;
	sqlite3 *handle;
};

static struct sqlite *of(const struct db *db)
{
	return (struct sqlite *)db;
}

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
	sqlite3 *handle = of(db)->handle;
	int sqlite_code = sqlite3_extended_errcode(handle), code = code_of(sqlite_code);
	int system = sqlite3_system_errno(handle);
	if (code == -ENOENT && system)
		code = -system;
	if (code == -EIO && system == ENOSPC)
		code = -ENOSPC;
	return err_set(err, code, "%s the history %s: %s; %s", what, db->path,
		       sqlite3_errmsg(handle), advice(code));
}

/* Switching to WAL takes an exclusive lock, for which SQLite asks the busy handler only in part; so
 * try again. */
static int enter_wal(sqlite3 *handle, int busy_ms)
{
	int rc = SQLITE_BUSY;
	for (int waited = 0; rc == SQLITE_BUSY && waited <= busy_ms; waited += 20) {
		rc = sqlite3_exec(handle, "PRAGMA journal_mode=WAL", NULL, NULL, NULL);
		if (rc == SQLITE_BUSY)
			sqlite3_sleep(20);
	}
	return rc;
}

static void close_file(struct db *db)
{
	int rc = sqlite3_close(of(db)->handle);
	ASSERT(rc == SQLITE_OK);
	free(db->path);
	free(of(db));
}

static int exec(struct db *db, const char *sql, struct err *err)
{
	return sqlite3_exec(of(db)->handle, sql, NULL, NULL, NULL) == SQLITE_OK
		       ? 0
		       : fail(db, "changing", err);
}

static int prepare(struct db_query *query, struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	if (sqlite3_prepare_v3(of(query->db)->handle, query->sql, -1, SQLITE_PREPARE_PERSISTENT,
			       &stmt, NULL) != SQLITE_OK)
		return fail(query->db, "reading", err);
	query->own = stmt;
	return 0;
}

static void forget(struct db_query *query)
{
	sqlite3_finalize(query->own);
}

/* Fails for lack of memory, when a value is too big, or by a bug of ours. */
static int bind(sqlite3_stmt *stmt, int place, const struct db_value *value)
{
	const char *data = value->bytes.data ? value->bytes.data : "";
	if (value->type == DB_NUMBER)
		return sqlite3_bind_int64(stmt, place, value->number);
	if (value->type == DB_TEXT)
		return sqlite3_bind_text64(stmt, place, data, value->bytes.len, SQLITE_STATIC,
					   SQLITE_UTF8);
	return sqlite3_bind_blob64(stmt, place, data, value->bytes.len, SQLITE_STATIC);
}

static int step(struct db_query *query, struct err *err)
{
	sqlite3_stmt *stmt = query->own;
	const char *what = sqlite3_stmt_readonly(stmt) ? "reading" : "writing";
	int rc = SQLITE_OK;
	if (!query->begun) {
		ASSERT((int)query->n_values == sqlite3_bind_parameter_count(stmt));
		for (size_t i = 0; rc == SQLITE_OK && i < query->n_values; i++)
			rc = bind(stmt, (int)i + 1, &query->values[i]);
		ASSERT(rc == SQLITE_OK || rc == SQLITE_NOMEM || rc == SQLITE_TOOBIG);
	}
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		return 1;
	return rc == SQLITE_DONE ? 0 : fail(query->db, what, err);
}

static void reset(struct db_query *query)
{
	sqlite3_reset(query->own); /* its code repeats the last step's, which was told already */
	sqlite3_clear_bindings(query->own);
}

static int columns(const struct db_query *query)
{
	return sqlite3_column_count(query->own);
}

static int64_t number(struct db_query *query, int column)
{
	return sqlite3_column_int64(query->own, column);
}

static struct str bytes(struct db_query *query, int column)
{
	const void *data = sqlite3_column_blob(query->own, column);
	return (struct str){ data ? data : "", (size_t)sqlite3_column_bytes(query->own, column) };
}

static uint64_t changes(const struct db *db)
{
	return (uint64_t)sqlite3_changes(of(db)->handle);
}

static int begin(struct db *db, struct err *err)
{
	return exec(db, "BEGIN IMMEDIATE", err);
}

static int commit(struct db *db, struct err *err)
{
	return exec(db, "COMMIT", err);
}

static void rollback(struct db *db)
{
	if (!sqlite3_get_autocommit(of(db)->handle)) /* some failures have rolled back already */
		exec(db, "ROLLBACK", NULL);
}

static int relax(struct db *db, struct err *err)
{
	return exec(db, "PRAGMA synchronous=NORMAL", err);
}

static int shrink(struct db *db, struct err *err)
{
	return exec(db, "PRAGMA incremental_vacuum(2000)", err);
}

static const struct db_driver driver = {
	.kind = DB_SQLITE,
	.close = close_file,
	.exec = exec,
	.prepare = prepare,
	.forget = forget,
	.step = step,
	.reset = reset,
	.columns = columns,
	.number = number,
	.bytes = bytes,
	.changes = changes,
	.begin = begin,
	.commit = commit,
	.rollback = rollback,
	.relax = relax,
	.shrink = shrink,
};

int db_sqlite_open(const char *path, int busy_ms, struct db **ret_db, struct err *err)
{
	struct sqlite *sqlite = calloc(1, sizeof(*sqlite));
	if (!sqlite || !(sqlite->db.path = str_dup(str_of(path)))) {
		free(sqlite);
		return err_errno(err, -ENOMEM, "opening the history %s", path);
	}
	sqlite->db.driver = &driver;
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
	int rc = sqlite3_open_v2(path, &sqlite->handle, flags, NULL);
	if (!sqlite->handle) {
		close_file(&sqlite->db);
		return err_errno(err, -ENOMEM, "opening the history %s", path);
	}
	if (rc == SQLITE_OK)
		rc = sqlite3_busy_timeout(sqlite->handle, busy_ms);
	if (rc == SQLITE_OK) /* takes effect only while the file is empty */
		rc = sqlite3_exec(sqlite->handle, "PRAGMA auto_vacuum=INCREMENTAL", NULL, NULL,
				  NULL);
	if (rc == SQLITE_OK)
		rc = enter_wal(sqlite->handle, busy_ms);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(sqlite->handle,
				  "PRAGMA synchronous=FULL; PRAGMA cache_size=-16384", NULL, NULL,
				  NULL);
	if (rc != SQLITE_OK) {
		int r = fail(&sqlite->db, "opening", err);
		close_file(&sqlite->db);
		return r;
	}
	*ret_db = &sqlite->db;
	return 0;
}
