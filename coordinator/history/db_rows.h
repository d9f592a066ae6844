// SPDX-License-Identifier: Apache-2.0
/*
 * db_rows.h - rows of values gathered as one array for each column, in the form that PostgreSQL
 * reads: a row of an array costs the server a third of what a statement of its own would. Pure.
 */
#ifndef PADDOCK_COORDINATOR_HISTORY_DB_ROWS_H
#define PADDOCK_COORDINATOR_HISTORY_DB_ROWS_H

#include "coordinator/history/db_driver.h"
#include "protocol/base/buf.h"

enum {
	DB_ROWS_INT8 = 20,
	DB_ROWS_BYTEA = 17,
	DB_ROWS_INT8_ARRAY = 1016,
	DB_ROWS_BYTEA_ARRAY = 1001,
};

/* Zeroed to begin with. */
struct db_rows {
	struct buf columns[DB_VALUES_MAX];
	bool numbers[DB_VALUES_MAX];
	size_t n_columns, len; /* columns, rows */
};

/* Add a row; the same types each time. Returns its bytes, or -ENOMEM, after which nothing but
 * db_rows_clear may follow. */
int64_t db_rows_add(struct db_rows *rows, const struct db_value *values, size_t n);

/* The array of a column, whole; valid until rows are added or cleared. */
struct str db_rows_array(struct db_rows *rows, size_t column);

/* Forget the rows, keep the memory. */
void db_rows_clear(struct db_rows *rows);

/* Free everything and zero. Accepts zeroed. */
void db_rows_done(struct db_rows *rows);

#endif
