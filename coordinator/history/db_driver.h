// SPDX-License-Identifier: Apache-2.0
/*
 * db_driver.h - what a kind of database does for db.c, which does what they have in common: caching
 * queries, collecting values, reading columns in order.
 */
#ifndef PADDOCK_COORDINATOR_HISTORY_DB_DRIVER_H
#define PADDOCK_COORDINATOR_HISTORY_DB_DRIVER_H

#include "coordinator/history/db.h"

#include <stddef.h>

enum {
	DB_VALUES_MAX = 32,
	DB_QUERIES_MAX = 64,
};

struct db_value {
	enum { DB_NUMBER, DB_TEXT, DB_BLOB } type;
	int64_t number;
	struct str bytes;
};

struct db_query {
	struct db *db;
	const char *sql;
	void *own; /* the driver's */
	struct db_value values[DB_VALUES_MAX];
	size_t n_values;
	int get;     /* the next column to read */
	bool active; /* there is a row */
	bool begun;  /* stepped since it was reset */
};

/* Embedded at the beginning of a driver's own. */
struct db {
	const struct db_driver *driver;
	char *path;
	bool in_transaction;
	size_t n_queries;
	struct db_query queries[DB_QUERIES_MAX];
};

/* Failures are negative errno with err filled. Every slot may block; those marked may be NULL. */
struct db_driver {
	enum db_kind kind;
	/* Free everything of the driver and `db` itself; queries were closed. */
	void (*close)(struct db *db);
	int (*exec)(struct db *db, const char *sql, struct err *err);
	/* Once per query: make `own`. */
	int (*prepare)(struct db_query *query, struct err *err);
	/* Free `own`. */
	void (*forget)(struct db_query *query);
	/* The first step (begun is false) takes the values. 1, 0 or failure; db_reset follows on
	 * the last two. */
	int (*step)(struct db_query *query, struct err *err);
	/* Give up rows and values. */
	void (*reset)(struct db_query *query);
	/* NULL: stepped at once. */
	int (*queue)(struct db_query *query, void (*row)(void *data, struct db_query *query),
		     void *data, struct err *err);
	int (*flush)(struct db *db, struct err *err); /* NULL: nothing is ever queued */
	/* Columns of the row that is there. */
	int (*columns)(const struct db_query *query);
	int64_t (*number)(struct db_query *query, int column);
	struct str (*bytes)(struct db_query *query, int column);
	uint64_t (*changes)(const struct db *db);
	/* Of a transaction. rollback tells nobody when it fails: there is nothing left to do. */
	int (*begin)(struct db *db, struct err *err);
	int (*commit)(struct db *db, struct err *err);
	void (*rollback)(struct db *db);
	int (*relax)(struct db *db, struct err *err);
	int (*claim)(struct db *db, struct err *err);  /* NULL: always granted */
	int (*shrink)(struct db *db, struct err *err); /* NULL: not needed */
};

/* Open an SQLite file; as db_open, without queries. */
int db_sqlite_open(const char *path, int busy_ms, struct db **ret_db, struct err *err);

/* Open a PostgreSQL database by its URL; as db_sqlite_open. */
int db_postgres_open(const char *url, int busy_ms, struct db **ret_db, struct err *err);

#endif
