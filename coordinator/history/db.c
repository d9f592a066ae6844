// SPDX-License-Identifier: Apache-2.0
/*
 * db.c - what all kinds of databases have in common: queries cached by their text, values and
 * columns in order, at most one transaction. Numbers above INT64_MAX are stored as INT64_MAX (they
 * mean "no limit"). Not for schema or meaning: see store.c.
 */
#include "coordinator/history/db.h"

#include "coordinator/history/db_driver.h"
#include "protocol/base/assert.h"

#include <errno.h>
#include <string.h>

bool db_is_url(const char *name)
{
	return strstr(name, "://") != NULL;
}

int db_open(const char *name, int busy_ms, struct db **ret_db, struct err *err)
{
	struct str text = str_of(name);
	if (!db_is_url(name))
		return db_sqlite_open(name, busy_ms, ret_db, err);
	if (str_starts(text, STR_LIT("postgresql://")) || str_starts(text, STR_LIT("postgres://")))
		return db_postgres_open(name, busy_ms, ret_db, err);
	return err_set(err, -EINVAL,
		       "there are no stores of the kind %.*s://: give "
		       "postgresql://USER@HOST/DATABASE, or the path of a file",
		       (int)(strstr(name, "://") - name), name);
}

void db_close(struct db *db)
{
	if (!db)
		return;
	for (size_t i = 0; i < db->n_queries; i++) {
		db_reset(&db->queries[i]);
		db->driver->forget(&db->queries[i]);
	}
	db->driver->close(db);
}

enum db_kind db_kind(const struct db *db)
{
	return db->driver->kind;
}

const char *db_path(const struct db *db)
{
	return db->path;
}

int db_exec(struct db *db, const char *sql, struct err *err)
{
	return db->driver->exec(db, sql, err);
}

struct db_query *db_query(struct db *db, const char *sql, struct err *err)
{
	for (size_t i = 0; i < db->n_queries; i++)
		if (db->queries[i].sql == sql) {
			db_reset(&db->queries[i]);
			return &db->queries[i];
		}
	ASSERT(db->n_queries < DB_QUERIES_MAX);
	struct db_query *query = &db->queries[db->n_queries];
	*query = (struct db_query){ .db = db, .sql = sql };
	if (db->driver->prepare(query, err) < 0)
		return NULL;
	db->n_queries++;
	return query;
}

static struct db_value *next_value(struct db_query *query)
{
	ASSERT(!query->begun);
	ASSERT(query->n_values < DB_VALUES_MAX);
	return &query->values[query->n_values++];
}

void db_put_u64(struct db_query *query, uint64_t value)
{
	*next_value(query) = (struct db_value){ .type = DB_NUMBER,
						.number = value > INT64_MAX ? INT64_MAX
									    : (int64_t)value };
}

void db_put_text(struct db_query *query, struct str value)
{
	*next_value(query) = (struct db_value){ .type = DB_TEXT, .bytes = value };
}

void db_put_blob(struct db_query *query, struct str value)
{
	*next_value(query) = (struct db_value){ .type = DB_BLOB, .bytes = value };
}

int db_step(struct db_query *query, struct err *err)
{
	int r = query->db->driver->step(query, err);
	query->begun = true;
	query->active = r == 1;
	query->get = 0;
	if (r <= 0)
		db_reset(query);
	return r;
}

int db_run(struct db_query *query, struct err *err)
{
	int r = db_step(query, err);
	ASSERT(r <= 0);
	return r;
}

int db_run_for(struct db_query *query, uint64_t *ret_value, struct err *err)
{
	int r = db_step(query, err);
	ASSERT(r != 0);
	if (r < 0)
		return r;
	uint64_t value = db_get_u64(query);
	r = db_run(query, err);
	if (r == 0)
		*ret_value = value;
	return r;
}

int db_queue(struct db_query *query, void (*row)(void *data, struct db_query *query), void *data,
	     struct err *err)
{
	ASSERT(query->db->in_transaction);
	if (query->db->driver->queue) {
		int r = query->db->driver->queue(query, row, data, err);
		db_reset(query);
		return r;
	}
	int r = db_step(query, err);
	if (r == 1) {
		if (row)
			row(data, query);
		r = db_run(query, err);
	}
	return r;
}

int db_flush(struct db *db, struct err *err)
{
	return db->driver->flush ? db->driver->flush(db, err) : 0;
}

uint64_t db_get_u64(struct db_query *query)
{
	ASSERT(query->active && query->get < query->db->driver->columns(query));
	int64_t value = query->db->driver->number(query, query->get++);
	return value < 0 ? 0 : (uint64_t)value;
}

struct str db_get_text(struct db_query *query)
{
	ASSERT(query->active && query->get < query->db->driver->columns(query));
	return query->db->driver->bytes(query, query->get++);
}

void db_reset(struct db_query *query)
{
	if (!query)
		return;
	query->db->driver->reset(query);
	query->n_values = 0;
	query->get = 0;
	query->active = query->begun = false;
}

uint64_t db_changes(const struct db *db)
{
	return db->driver->changes(db);
}

int db_begin(struct db *db, struct err *err)
{
	ASSERT(!db->in_transaction);
	int r = db->driver->begin(db, err);
	db->in_transaction = r == 0;
	return r;
}

int db_end(struct db *db, int r, struct err *err)
{
	ASSERT(db->in_transaction);
	ASSERT(r <= 0);
	if (r == 0)
		r = db->driver->commit(db, err);
	if (r < 0)
		db->driver->rollback(db);
	db->in_transaction = false;
	return r;
}

int db_relax(struct db *db, struct err *err)
{
	return db->driver->relax(db, err);
}

int db_claim(struct db *db, struct err *err)
{
	return db->driver->claim ? db->driver->claim(db, err) : 0;
}

int db_shrink(struct db *db, struct err *err)
{
	return db->driver->shrink ? db->driver->shrink(db, err) : 0;
}
