// SPDX-License-Identifier: Apache-2.0
/* db_dialect.h - PostgreSQL's side of our SQL, its error codes and URLs, as far as text goes. Pure.
 */
#ifndef PADDOCK_COORDINATOR_HISTORY_DB_DIALECT_H
#define PADDOCK_COORDINATOR_HISTORY_DB_DIALECT_H

#include "protocol/base/buf.h"

#include <stdbool.h>

/* Append the statement with "$1" for each "?" or "?1"; it has no such sign in a literal. 0,
 * -ENOMEM. */
int db_dialect_values(struct buf *out, const char *sql);

/*
 * Append what inserts many rows from one array for each value, if the statement is "INSERT INTO ...
 * VALUES (?, ...)" and no more; else nothing. 0, -ENOMEM.
 */
int db_dialect_rows(struct buf *out, const char *sql);

/* The -errno of store.h for an SQLSTATE. */
int db_dialect_code(const char *state);

/* What to do about an error of that -errno. */
const char *db_dialect_advice(int code);

/* Words of libpq in one line, into out. Returns out. */
const char *db_dialect_line(const char *text, char *out, size_t size);

/* Whether libpq would take for the host, and quote, what follows a '@' or '/' of a password. */
bool db_dialect_is_ambiguous(const char *url);

#endif
