// SPDX-License-Identifier: Apache-2.0
/*
 * db.h - SQLite as this room uses it: one connection, cached prepared statements with values put
 * and read in order, errors that name the file and say what to do. Everything else in the room
 * speaks SQL but knows no SQLite.
 *
 *	struct db_query *q = db_query(db, "SELECT a FROM t WHERE b = ?", err);
 *	db_put_u64(q, 5);
 *	while ((r = db_step(q, err)) == 1)
 *		use(db_get_u64(q));
 *
 * A query is reset when db_query is called for the same text again, when it ends, and by db_reset.
 */
#ifndef PADDOCK_COORDINATOR_HISTORY_DB_H
#define PADDOCK_COORDINATOR_HISTORY_DB_H

#include "protocol/base/err.h"
#include "protocol/base/str.h"

#include <stdint.h>

struct db;
struct db_query;

/*
 * Open or make the file `path` in WAL mode, waiting up to busy_ms for others. 0 with *ret_db, or
 * -errno with err.
 */
int db_open(const char *path, int busy_ms, struct db **ret_db, struct err *err);

/* Close it and every query. Accepts NULL. */
void db_close(struct db *db);

/* The path it was opened with. */
const char *db_path(const struct db *db);

/* Run statements without values or rows. 0 or -errno with err. */
int db_exec(struct db *db, const char *sql, struct err *err);

/*
 * Prepared once per text (a literal: cached by address), reset. NULL with err when the database
 * cannot prepare it.
 */
struct db_query *db_query(struct db *db, const char *sql, struct err *err);

/*
 * The next value of the query, in the order of its question marks. Views must live until the step
 * is done.
 */
void db_put_u64(struct db_query *query, uint64_t value);
void db_put_text(struct db_query *query, struct str value); /* as db_put_u64 */
void db_put_blob(struct db_query *query, struct str value); /* as db_put_u64 */
void db_put_null(struct db_query *query);		    /* as db_put_u64 */

/* One step: 1 a row is there, 0 the end (the query is reset), or -errno with err (reset, too). */
int db_step(struct db_query *query, struct err *err);

/* Step a query that gives no row to its end. 0 or -errno with err. */
int db_run(struct db_query *query, struct err *err);

/* The next column of the row. Texts live until the next step. */
uint64_t db_get_u64(struct db_query *query);
struct str db_get_text(struct db_query *query); /* as db_get_u64 */

/* Give up the rest of the rows. Accepts NULL. */
void db_reset(struct db_query *query);

/* The number the last insert gave its row. */
uint64_t db_last_row(const struct db *db);

/* Rows the last statement changed. */
uint64_t db_changes(const struct db *db);

/* Begin a writing transaction (waits for other writers). 0 or -errno with err. */
int db_begin(struct db *db, struct err *err);

/* Commit when r is 0, else roll back. Returns r, or the commit's own failure. */
int db_end(struct db *db, int r, struct err *err);

#endif
