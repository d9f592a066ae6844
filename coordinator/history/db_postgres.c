// SPDX-License-Identifier: Apache-2.0
/*
 * db_postgres.c - queries to PostgreSQL, one after the other or many at once, and transactions. The
 * connection is db_link.c's: these two files alone know libpq. When it was lost, a query outside a
 * transaction that only reads is repeated here.
 *
 * Rows are taken one by one as they come. The wire serves one query at a time: when another one is
 * to be asked, the rows that are still to come are taken and parked with their query.
 *
 * Queued queries go out in a pipeline. Rows that "INSERT ... VALUES (...)" adds are gathered, and
 * sent as arrays (db_rows.h).
 *
 * Writers take turns, as with a file: each transaction takes an advisory lock that is this schema's
 * alone. So names are interned without unique indexes, which could not hold the longest ones, and
 * a transaction whose fate is unknown is over before the next one looks for what it wrote.
 */
#include "coordinator/history/db_dialect.h"
#include "coordinator/history/db_driver.h"
#include "coordinator/history/db_link.h"
#include "coordinator/history/db_rows.h"
#include "coordinator/history/libpq.h"
#include "protocol/base/assert.h"
#include "protocol/base/buf.h"
#include "protocol/base/vec.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SQL_BYTES = 1 << 16,	/* of a statement */
	QUEUED_MAX = 4096,	/* queries in one pipeline ... */
	QUEUED_BYTES = 4 << 20, /* ... and their values, which libpq holds until they are sent */
};

struct statement {
	char name[16];
	char *sql; /* with values as $1 */
	uint64_t connection;
	PGresult *row;
	struct {
		PGresult **items;
		size_t len, cap;
	} parked;
	size_t next;	   /* of the parked */
	struct err failed; /* after the parked */
	char *many_sql;	   /* for the rows that are gathered; NULL: they are not */
	struct db_rows rows;
};

struct queued {
	struct db_query *query; /* NULL: of the transaction */
	const char *tag;	/* what the server must say it did; NULL: anything */
	void (*row)(void *data, struct db_query *query);
	void *data;
};

struct postgres {
	struct db db;
	struct db_link link;
	bool piped;
	struct db_query *streaming;
	uint64_t changes;
	struct {
		struct queued *items;
		size_t len, cap;
	} queued;
	size_t queued_bytes;
};

static struct postgres *of(const struct db *db)
{
	return (struct postgres *)db;
}

static struct statement *statement_of(const struct db_query *query)
{
	return query->own;
}

static void drop_gathered(struct postgres *pg)
{
	for (size_t i = 0; i < pg->db.n_queries; i++)
		db_rows_clear(&statement_of(&pg->db.queries[i])->rows);
}

static void forget_all(void *data)
{
	struct postgres *pg = data;
	drop_gathered(pg);
	pg->streaming = NULL;
	pg->piped = false;
	pg->queued.len = 0;
	pg->queued_bytes = 0;
}

/* ---- rows ---- */

/* The next row of the query that streams. 1, 0 at the end, or failure. */
static int fetch(struct postgres *pg, struct err *err)
{
	struct statement *statement = statement_of(pg->streaming);
	PGresult *result = NULL;
	int r = db_link_result(&pg->link, "reading", &result, err);
	if (r < 0)
		return r;
	if (result && libpq.resultStatus(result) == PGRES_SINGLE_TUPLE) {
		statement->row = result;
		return 1;
	}
	if (result) {
		r = db_link_check(&pg->link, "using", result, err);
		if (str_parse_u64(str_of(libpq.cmdTuples(result)), 0, UINT64_MAX, &pg->changes) < 0)
			pg->changes = 0; /* it changes nothing */
		libpq.clear(result);
		int rest = db_link_finish(&pg->link, "reading", r < 0 ? NULL : err);
		r = r < 0 ? r : rest;
	}
	pg->streaming = NULL;
	return r;
}

static void clear_row(struct statement *statement)
{
	libpq.clear(statement->row);
	statement->row = NULL;
}

/* Take the rows that are still to come out of the way. */
static int park(struct postgres *pg)
{
	while (pg->streaming) {
		struct statement *statement = statement_of(pg->streaming);
		PGresult *current = statement->row;
		statement->row = NULL;
		int r = fetch(pg, &statement->failed);
		PGresult *taken = statement->row;
		statement->row = current;
		if (r == 1 && VEC_PUSH(&statement->parked, taken) < 0) {
			libpq.clear(taken);
			db_link_drop(&pg->link);
			return -ENOMEM;
		}
	}
	return 0;
}

/* ---- asking ---- */

static int flush(struct db *db, struct err *err);

/* A connection with nothing else to do. In a transaction it must be the one it began on. */
static int ready(struct postgres *pg, const char *what, struct err *err)
{
	if (!pg->link.conn && pg->db.in_transaction)
		return err_set(err, -EIO, "%s the history %s: the connection was lost; %s", what,
			       pg->db.path, db_dialect_advice(-EIO));
	int r = db_link_connect(&pg->link, err);
	if (r == 0)
		r = flush(&pg->db, err);
	if (r == 0 && park(pg) < 0)
		r = err_errno(err, -ENOMEM, "%s the history %s", what, pg->db.path);
	if (r == 0 && !pg->link.conn)
		r = err_set(err, -EIO, "%s the history %s: the connection was lost; %s", what,
			    pg->db.path, db_dialect_advice(-EIO));
	return r;
}

/* The server knows the statement, by the types of its values. */
static int prepare_there(struct postgres *pg, struct db_query *query, struct err *err)
{
	struct statement *statement = statement_of(query);
	Oid types[DB_VALUES_MAX];
	if (pg->link.conn && statement->connection == pg->link.connections)
		return 0;
	int r = ready(pg, "using", err);
	if (r < 0 || statement->connection == pg->link.connections)
		return r;
	for (size_t i = 0; i < query->n_values; i++)
		types[i] = query->values[i].type == DB_NUMBER ? DB_ROWS_INT8 : DB_ROWS_BYTEA;
	if (!libpq.sendPrepare(pg->link.conn, statement->name, statement->sql, (int)query->n_values,
			       types))
		return db_link_lost(&pg->link, "using", NULL, err);
	r = db_link_finish(&pg->link, "using", err);
	if (r == 0)
		statement->connection = pg->link.connections;
	return r;
}

static int send_query(struct postgres *pg, const struct db_query *query, struct err *err)
{
	const char *values[DB_VALUES_MAX];
	int lengths[DB_VALUES_MAX], formats[DB_VALUES_MAX];
	uint64_t numbers[DB_VALUES_MAX];
	for (size_t i = 0; i < query->n_values; i++) {
		const struct db_value *value = &query->values[i];
		bool is_number = value->type == DB_NUMBER;
		ASSERT(is_number || value->bytes.len <= INT32_MAX);
		numbers[i] = htobe64((uint64_t)value->number);
		values[i] = is_number		? (const char *)&numbers[i]
			    : value->bytes.data ? value->bytes.data
						: "";
		lengths[i] = is_number ? (int)sizeof(numbers[i]) : (int)value->bytes.len;
		formats[i] = 1;
		pg->queued_bytes += (size_t)lengths[i];
	}
	return libpq.sendQueryPrepared(pg->link.conn, statement_of(query)->name,
				       (int)query->n_values, values, lengths, formats, 1)
		       ? 0
		       : db_link_lost(&pg->link, "using", NULL, err);
}

static int ask(struct postgres *pg, struct db_query *query, struct err *err)
{
	int r = prepare_there(pg, query, err);
	if (r == 0)
		r = ready(pg, "using", err);
	if (r == 0)
		r = send_query(pg, query, err);
	if (r < 0)
		return r;
	pg->queued_bytes = 0;
	libpq.setSingleRowMode(pg->link.conn);
	pg->streaming = query;
	return fetch(pg, err);
}

static int step(struct db_query *query, struct err *err)
{
	struct postgres *pg = of(query->db);
	struct statement *statement = statement_of(query);
	if (!query->begun) {
		bool again = !query->db->in_transaction && strncmp(query->sql, "SELECT", 6) == 0;
		int r = ask(pg, query, err);
		return r < 0 && !pg->link.conn && again ? ask(pg, query, err) : r;
	}
	clear_row(statement);
	if (statement->next < statement->parked.len) {
		statement->row = statement->parked.items[statement->next++];
		return 1;
	}
	if (statement->failed.code) {
		if (err)
			*err = statement->failed;
		return statement->failed.code;
	}
	if (!pg->link.conn)
		return err_set(err, -EIO, "reading the history %s: the connection was lost; %s",
			       pg->db.path, db_dialect_advice(-EIO));
	return pg->streaming == query ? fetch(pg, err) : 0;
}

static void reset(struct db_query *query)
{
	struct postgres *pg = of(query->db);
	struct statement *statement = statement_of(query);
	clear_row(statement);
	while (pg->streaming == query && fetch(pg, NULL) == 1)
		clear_row(statement);
	while (statement->next < statement->parked.len)
		libpq.clear(statement->parked.items[statement->next++]);
	VEC_DONE(&statement->parked);
	statement->next = 0;
	statement->failed.code = 0;
}

/* ---- many at once ---- */

static int enter(struct postgres *pg, const struct queued *item, struct err *err)
{
	if (!pg->piped && !libpq.enterPipelineMode(pg->link.conn))
		return db_link_lost(&pg->link, "using", NULL, err);
	pg->piped = true;
	if (VEC_PUSH(&pg->queued, *item) < 0) {
		db_link_drop(&pg->link);
		return err_errno(err, -ENOMEM, "writing the history %s", pg->db.path);
	}
	return 0;
}

/* One more row of the statement's. */
static int gather(struct postgres *pg, struct db_query *query, struct err *err)
{
	int64_t bytes = db_rows_add(&statement_of(query)->rows, query->values, query->n_values);
	if (bytes < 0) {
		db_link_drop(&pg->link);
		return err_errno(err, (int)bytes, "writing the history %s", pg->db.path);
	}
	pg->queued_bytes += (size_t)bytes;
	return 0;
}

/* The rows gathered for a statement, on their way. */
static int send_rows(struct postgres *pg, struct statement *statement, struct err *err)
{
	const char *values[DB_VALUES_MAX];
	int lengths[DB_VALUES_MAX], formats[DB_VALUES_MAX];
	Oid types[DB_VALUES_MAX];
	const struct queued item = { 0 };
	int r = enter(pg, &item, err), n = (int)statement->rows.n_columns;
	if (r < 0)
		return r;
	for (int i = 0; i < n; i++) {
		struct str array = db_rows_array(&statement->rows, (size_t)i);
		types[i] = statement->rows.numbers[i] ? DB_ROWS_INT8_ARRAY : DB_ROWS_BYTEA_ARRAY;
		values[i] = array.data;
		lengths[i] = (int)array.len;
		formats[i] = 1;
	}
	r = libpq.sendQueryParams(pg->link.conn, statement->many_sql, n, types, values, lengths,
				  formats, 1);
	db_rows_clear(&statement->rows);
	return r ? 0 : db_link_lost(&pg->link, "writing", NULL, err);
}

static int send_gathered(struct postgres *pg, struct err *err)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < pg->db.n_queries; i++)
		if (statement_of(&pg->db.queries[i])->rows.len)
			r = send_rows(pg, statement_of(&pg->db.queries[i]), err);
	return r;
}

static int queue(struct db_query *query, void (*row)(void *data, struct db_query *query),
		 void *data, struct err *err)
{
	struct postgres *pg = of(query->db);
	struct statement *statement = statement_of(query);
	const struct queued item = { .query = query, .row = row, .data = data };
	size_t n = pg->queued.len + statement->rows.len;
	int r = 0;
	if (!pg->link.conn || pg->streaming)
		r = ready(pg, "writing", err);
	if (r == 0 && statement->many_sql && !row) {
		r = gather(pg, query, err);
	} else if (r == 0) {
		r = prepare_there(pg, query, err);
		if (r == 0)
			r = enter(pg, &item, err);
		if (r == 0)
			r = send_query(pg, query, err);
	}
	if (r == 0 && (n >= QUEUED_MAX || pg->queued_bytes >= QUEUED_BYTES))
		r = flush(query->db, err);
	return r;
}

static int queue_script(struct postgres *pg, const char *sql, const char *tag, struct err *err)
{
	const struct queued item = { .tag = tag };
	int r = enter(pg, &item, err);
	if (r < 0)
		return r;
	return libpq.sendQueryParams(pg->link.conn, sql, 0, NULL, NULL, NULL, NULL, 1)
		       ? 0
		       : db_link_lost(&pg->link, "writing", NULL, err);
}

static void hand_out(const struct queued *item, PGresult *result)
{
	if (!item->row || libpq.ntuples(result) == 0)
		return;
	struct statement *statement = statement_of(item->query);
	statement->row = result;
	item->query->active = true;
	item->query->get = 0;
	item->row(item->data, item->query);
	item->query->active = false;
	statement->row = NULL;
}

static int take_answer(struct postgres *pg, const struct queued *item, bool failed, struct err *err)
{
	int r = 0;
	for (;;) {
		PGresult *result = NULL;
		int taken = db_link_result(&pg->link, "writing", &result,
					   r < 0 || failed ? NULL : err);
		if (taken < 0)
			return taken;
		if (!result)
			return r;
		if (r == 0 && !failed)
			r = db_link_check(&pg->link, "writing", result, err);
		if (r == 0 && !failed && item->tag &&
		    strcmp(libpq.cmdStatus(result), item->tag) != 0)
			r = err_set(err, -EIO,
				    "writing the history %s: the server rolled it back; try again",
				    pg->db.path);
		if (r == 0 && !failed)
			hand_out(item, result);
		libpq.clear(result);
	}
}

static int flush(struct db *db, struct err *err)
{
	struct postgres *pg = of(db);
	PGresult *sync = NULL;
	int r = pg->link.conn ? send_gathered(pg, err) : 0;
	if (r < 0 || !pg->piped)
		return r;
	if (!libpq.pipelineSync(pg->link.conn))
		return db_link_lost(&pg->link, "writing", NULL, err);
	for (size_t i = 0; i < pg->queued.len; i++) {
		int got = take_answer(pg, &pg->queued.items[i], r < 0, err);
		r = r < 0 ? r : got;
		if (!pg->link.conn)
			return r;
	}
	pg->queued.len = 0;
	pg->queued_bytes = 0;
	int got = db_link_result(&pg->link, "writing", &sync, r < 0 ? NULL : err);
	if (got < 0)
		return r < 0 ? r : got;
	ASSERT(libpq.resultStatus(sync) == PGRES_PIPELINE_SYNC);
	libpq.clear(sync);
	pg->piped = false;
	if (!libpq.exitPipelineMode(pg->link.conn))
		return db_link_lost(&pg->link, "writing", NULL, r < 0 ? NULL : err);
	return r;
}

/* ---- transactions ---- */

static void rollback(struct db *db)
{
	struct postgres *pg = of(db);
	drop_gathered(pg);
	if (pg->link.conn)
		flush(db, NULL);
	if (pg->link.conn && park(pg) == 0 && pg->link.conn &&
	    db_link_script(&pg->link, "leaving", "ROLLBACK", NULL) < 0 && pg->link.conn)
		db_link_drop(&pg->link);
}

static int try_to_begin(struct postgres *pg, struct err *err)
{
	int r = ready(pg, "writing", err);
	if (r == 0)
		r = queue_script(pg, "BEGIN", NULL, err);
	if (r == 0)
		r = queue_script(pg, "SELECT pg_advisory_xact_lock(" DB_LINK_LOCK("1885627243") ")",
				 NULL, err);
	return r == 0 ? flush(&pg->db, err) : r;
}

static int begin(struct db *db, struct err *err)
{
	struct postgres *pg = of(db);
	bool had = pg->link.conn != NULL;
	int r = try_to_begin(pg, err);
	if (r < 0 && had && !pg->link.conn) /* it was lost since it was last used */
		r = try_to_begin(pg, err);
	if (r < 0)
		rollback(db);
	return r;
}

static int commit(struct db *db, struct err *err)
{
	struct postgres *pg = of(db);
	int r = pg->link.conn && !pg->streaming ? send_gathered(pg, err)
						: ready(pg, "writing", err);
	if (r == 0)
		r = queue_script(pg, "COMMIT", "COMMIT", err);
	return r == 0 ? flush(db, err) : r;
}

/* ---- the rest ---- */

static int exec(struct db *db, const char *sql, struct err *err)
{
	struct postgres *pg = of(db);
	int r = ready(pg, "changing", err);
	return r == 0 ? db_link_script(&pg->link, "changing", sql, err) : r;
}

static void forget(struct db_query *query)
{
	struct statement *statement = statement_of(query);
	db_rows_done(&statement->rows);
	free(statement->many_sql);
	free(statement->sql);
	free(statement);
}

static int prepare(struct db_query *query, struct err *err)
{
	struct statement *statement = calloc(1, sizeof(*statement));
	struct buf sql, many;
	if (!statement)
		return err_errno(err, -ENOMEM, "using the history %s", query->db->path);
	query->own = statement;
	buf_init(&sql, SQL_BYTES);
	buf_init(&many, SQL_BYTES);
	int r = db_dialect_values(&sql, query->sql);
	r = r < 0 ? r : db_dialect_rows(&many, query->sql);
	if (r == 0)
		statement->sql = str_dup(buf_str(&sql));
	if (r == 0 && many.len)
		statement->many_sql = str_dup(buf_str(&many));
	buf_done(&sql);
	if (!statement->sql || (many.len && !statement->many_sql))
		r = -ENOMEM;
	buf_done(&many);
	snprintf(statement->name, sizeof(statement->name), "q%zu", query->db->n_queries);
	if (r < 0) {
		forget(query);
		return err_errno(err, r, "using the history %s", query->db->path);
	}
	return 0;
}

static int columns(const struct db_query *query)
{
	return libpq.nfields(statement_of(query)->row);
}

static int64_t number(struct db_query *query, int column)
{
	const PGresult *row = statement_of(query)->row;
	const unsigned char *data = (const unsigned char *)libpq.getvalue(row, 0, column);
	int n = libpq.getlength(row, 0, column);
	if (libpq.getisnull(row, 0, column))
		return 0;
	ASSERT(n == 1 || n == 2 || n == 4 || n == 8); /* a truth or a whole number */
	uint64_t value = data[0] & 0x80 ? UINT64_MAX : 0;
	for (int i = 0; i < n; i++)
		value = value << 8 | data[i];
	return (int64_t)value;
}

static struct str bytes(struct db_query *query, int column)
{
	const PGresult *row = statement_of(query)->row;
	return (struct str){ libpq.getvalue(row, 0, column),
			     (size_t)libpq.getlength(row, 0, column) };
}

static uint64_t changes(const struct db *db)
{
	return of(db)->changes;
}

static int relax(struct db *db, struct err *err)
{
	of(db)->link.relaxed = true;
	return exec(db, "SET synchronous_commit = off", err);
}

static int claim(struct db *db, struct err *err)
{
	struct postgres *pg = of(db);
	int r = -EIO;
	for (int i = 0; i < 2 && r == -EIO;
	     i++) { /* it may have been lost since it was last used */
		r = ready(pg, "claiming", err);
		r = r < 0 ? r : db_link_claim(&pg->link, err);
	}
	return r;
}

static void close_connection(struct db *db)
{
	struct postgres *pg = of(db);
	db_link_close(&pg->link);
	VEC_DONE(&pg->queued);
	free(pg);
}

static const struct db_driver driver = {
	.kind = DB_POSTGRES,
	.close = close_connection,
	.exec = exec,
	.prepare = prepare,
	.forget = forget,
	.step = step,
	.reset = reset,
	.queue = queue,
	.flush = flush,
	.columns = columns,
	.number = number,
	.bytes = bytes,
	.changes = changes,
	.begin = begin,
	.commit = commit,
	.rollback = rollback,
	.relax = relax,
	.claim = claim,
};

int db_postgres_open(const char *url, int busy_ms, struct db **ret_db, struct err *err)
{
	struct postgres *pg = NULL;
	int r = libpq_load(err);
	if (r < 0)
		return r;
	pg = calloc(1, sizeof(*pg));
	if (!pg)
		return err_errno(err, -ENOMEM, "opening the history");
	pg->db.driver = &driver;
	pg->link.dropped = forget_all;
	pg->link.data = pg;
	r = db_link_open(&pg->link, url, busy_ms, err);
	if (r < 0) {
		close_connection(&pg->db);
		return r;
	}
	pg->db.path = pg->link.name;
	*ret_db = &pg->db;
	return 0;
}
