// SPDX-License-Identifier: Apache-2.0
/*
 * db.h - a database as this room uses it: one connection, cached prepared statements with values
 * put and read in order, errors that name the database and say what to do. Everything else in the
 * room speaks SQL but knows neither SQLite nor PostgreSQL.
 *
 *	struct db_query *q = db_query(db, "SELECT a FROM t WHERE b = ?", err);
 *	db_put_u64(q, 5);
 *	while ((r = db_step(q, err)) == 1)
 *		use(db_get_u64(q));
 *
 * A query is reset when db_query is called for the same text again, when it ends, and by db_reset.
 *
 * SQL is what both databases understand: "?" and "?1" for values, ON CONFLICT, RETURNING, numbers
 * of 64 bits, and byte strings, which compare as memcmp does. Texts are byte strings too: they may
 * hold any byte. A text may be longer than PostgreSQL can hold in an ordered index (2,704 bytes).
 */
#ifndef PADDOCK_COORDINATOR_HISTORY_DB_H
#define PADDOCK_COORDINATOR_HISTORY_DB_H

#include "protocol/base/err.h"
#include "protocol/base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct db;
struct db_query;

enum db_kind { DB_SQLITE, DB_POSTGRES, DB_KIND_MAX };

/* Whether `name` is the URL of a server and not the path of a file. */
bool db_is_url(const char *name);

/*
 * Open what `name` says: the file of this path, made when absent, or the database of a
 * postgresql:// URL. Waits up to busy_ms for others. 0 with *ret_db, or -errno with err.
 */
int db_open(const char *name, int busy_ms, struct db **ret_db, struct err *err);

/* Close it and every query. Accepts NULL. */
void db_close(struct db *db);

/* Which of them it is: the definitions of tables differ. */
enum db_kind db_kind(const struct db *db);

/* What to call it: the path, or the URL without its password. */
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

/* One step: 1 a row is there, 0 the end (the query is reset), or -errno with err (reset, too). */
int db_step(struct db_query *query, struct err *err);

/* Step a query that gives no row to its end. 0 or -errno with err. */
int db_run(struct db_query *query, struct err *err);

/* Step a query that gives one row with one number ("... RETURNING id") to its end. 0 or -errno. */
int db_run_for(struct db_query *query, uint64_t *ret_value, struct err *err);

/*
 * Inside a transaction: run a query at a time of the database's choosing, in order with others, and
 * at the latest in db_flush, db_step or db_end, whose failure may be this query's. Rows that
 * "INSERT ... VALUES (...)" adds may come after what is queued later. Views need not outlive the
 * call. `row`, unless NULL, is called for its row if it gives one; it reads columns and
 * asks nothing else. What would be thousands of round trips to a server are a few. 0 or -errno.
 */
int db_queue(struct db_query *query, void (*row)(void *data, struct db_query *query), void *data,
	     struct err *err);

/* Run what is queued. 0 or -errno with err. */
int db_flush(struct db *db, struct err *err);

/* The next column of the row. Texts live until the next step. */
uint64_t db_get_u64(struct db_query *query);
struct str db_get_text(struct db_query *query); /* as db_get_u64 */

/* Give up the rest of the rows. Accepts NULL. */
void db_reset(struct db_query *query);

/* Rows the last db_run changed. */
uint64_t db_changes(const struct db *db);

/* Begin a writing transaction (waits for other writers). 0 or -errno with err. */
int db_begin(struct db *db, struct err *err);

/*
 * Commit when r is 0, else roll back. Returns r, or the commit's own failure. When a server's
 * answer to the commit was lost, that is a failure, and what was written may be there all the same.
 */
int db_end(struct db *db, int r, struct err *err);

/* From now on commits may wait for the disk later: they survive this process, not a power cut. */
int db_relax(struct db *db, struct err *err);

/*
 * Nobody else may claim this database until it is closed. 0, or -EADDRINUSE with err: somebody has.
 * A file is always granted: whoever shares files must lock them.
 */
int db_claim(struct db *db, struct err *err);

/* Give space that deletions left back, some of it, unless the database does so by itself. */
int db_shrink(struct db *db, struct err *err);

#endif
