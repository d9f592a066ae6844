// SPDX-License-Identifier: Apache-2.0
/* db_rows.c - PostgreSQL's binary form of arrays of one dimension: a head, then size and bytes
 * each. */
#include "coordinator/history/db_rows.h"

#include "protocol/base/assert.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

enum { HEAD_WORDS = 5 };

int64_t db_rows_add(struct db_rows *rows, const struct db_value *values, size_t n)
{
	const uint32_t head[HEAD_WORDS] = { 0 };
	int64_t bytes = 0;
	ASSERT(n <= DB_VALUES_MAX && (!rows->len || n == rows->n_columns));
	for (size_t i = 0; i < n; i++) {
		struct buf *column = &rows->columns[i];
		uint64_t number = htobe64((uint64_t)values[i].number);
		struct str data = values[i].bytes;
		rows->numbers[i] = values[i].type == DB_NUMBER;
		if (rows->numbers[i])
			data = (struct str){ (const char *)&number, sizeof(number) };
		uint32_t size = htobe32((uint32_t)data.len);
		if (!column->cap_bytes)
			buf_init(column, INT32_MAX);
		if ((!column->len && buf_append(column, head, sizeof(head)) < 0) ||
		    buf_append(column, &size, sizeof(size)) < 0 || buf_put_str(column, data) < 0)
			return -ENOMEM;
		bytes += (int64_t)(sizeof(size) + data.len);
	}
	rows->n_columns = n;
	rows->len++;
	return bytes;
}

struct str db_rows_array(struct db_rows *rows, size_t column)
{
	ASSERT(rows->len && column < rows->n_columns);
	uint32_t type = rows->numbers[column] ? DB_ROWS_INT8 : DB_ROWS_BYTEA;
	const uint32_t head[HEAD_WORDS] = { htobe32(1), 0, htobe32(type),
					    htobe32((uint32_t)rows->len), htobe32(1) };
	memcpy(rows->columns[column].data, head, sizeof(head));
	return buf_str(&rows->columns[column]);
}

void db_rows_clear(struct db_rows *rows)
{
	for (size_t i = 0; i < DB_VALUES_MAX; i++)
		buf_clear(&rows->columns[i]);
	rows->len = 0;
}

void db_rows_done(struct db_rows *rows)
{
	for (size_t i = 0; i < DB_VALUES_MAX; i++)
		buf_done(&rows->columns[i]);
	*rows = (struct db_rows){ 0 };
}
