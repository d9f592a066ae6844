// SPDX-License-Identifier: Apache-2.0
/*
 * db_link.h - a connection to a PostgreSQL server: made, waited on, lost and made again, claimed.
 * What is asked over it is db_postgres.c's.
 */
#ifndef PADDOCK_COORDINATOR_HISTORY_DB_LINK_H
#define PADDOCK_COORDINATOR_HISTORY_DB_LINK_H

#include "protocol/base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct pg_conn;
struct pg_result;

/* The key of an advisory lock: a word of ours, then the number of a table that each schema has. */
#define DB_LINK_LOCK(word) \
	"((" word "::bigint << 32) | coalesce(to_regclass('counters')::oid::bigint, 0))"

/* Zeroed, with dropped and data, before db_link_open. */
struct db_link {
	struct pg_conn *conn; /* NULL: lost */
	uint64_t connections; /* so many were made */
	char *name;	      /* what to call it: the URL without its password */
	bool relaxed;	      /* commits need not wait for the disk, also on the next connection */
	void (*dropped)(void *data); /* the connection is no more, and what was under way on it */
	void *data;
	char *url;
	char session[40]; /* tells our connections from all others */
	int busy_ms;
	bool claimed;
	uint64_t retry_us; /* no attempt to connect before; `trouble` says why */
	struct err trouble;
};

/* Read the URL and connect; locks are waited for up to busy_ms. 0 or -errno with err; db_link_close
 * in any case. */
int db_link_open(struct db_link *link, const char *url, int busy_ms, struct err *err);

/* Close and zero. Accepts zeroed. */
void db_link_close(struct db_link *link);

/* Connect again if it was lost. 0 or -errno with err. */
int db_link_connect(struct db_link *link, struct err *err);

/* Give up the connection. */
void db_link_drop(struct db_link *link);

/* The same, saying what failed; why: NULL for the reason libpq has. Returns -EIO. */
int db_link_lost(struct db_link *link, const char *what, const char *why, struct err *err);

/*
 * Wait for the next result, into *ret_result, NULL at the end of a query; the caller's to clear. 0,
 * or -EIO with err when the connection was lost.
 */
int db_link_result(struct db_link *link, const char *what, struct pg_result **ret_result,
		   struct err *err);

/* 0, or -errno with err when the result is an error. */
int db_link_check(struct db_link *link, const char *what, const struct pg_result *result,
		  struct err *err);

/* Take all results of the query. 0 or the first failure. */
int db_link_finish(struct db_link *link, const char *what, struct err *err);

/* Run statements without values, when nothing else is under way. 0 or -errno with err. */
int db_link_script(struct db_link *link, const char *what, const char *sql, struct err *err);

/* As db_claim, on this connection and those after it. */
int db_link_claim(struct db_link *link, struct err *err);

#endif
