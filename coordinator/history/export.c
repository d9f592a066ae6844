// SPDX-License-Identifier: Apache-2.0
/*
 * export.c - one object or line per history key, in the table's order (which is the order of the
 * keys when the table was loaded whole). Fields are only ever added; the JSON says its version.
 */
#include "coordinator/history/export.h"

#include "protocol/base/assert.h"
#include "protocol/base/escape.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>

enum { PIECE_BYTES = 64 << 10, BUFFER_BYTES = 1 << 20, STARTUPS_BYTES = 1 << 30 };

struct exporting {
	struct buf buf;
	int (*put)(void *data, struct str piece);
	void *data;
};

int export_format_parse(struct str name)
{
	if (str_eq(name, STR_LIT("json")))
		return EXPORT_JSON;
	return str_eq(name, STR_LIT("csv")) ? EXPORT_CSV : -EINVAL;
}

static int flow(struct exporting *exporting, bool now)
{
	if (exporting->buf.len < PIECE_BYTES && !now)
		return 0;
	int r = exporting->put(exporting->data, buf_str(&exporting->buf));
	buf_clear(&exporting->buf);
	return r;
}

static int put_numbers(struct buf *buf, const struct estimate_history *history, const char *between)
{
	int r = 0;
	for (uint32_t i = 0; r == 0 && i < history->n; i++)
		r = buf_printf(buf, "%s%" PRIu64, i ? between : "", history->samples_us[i]);
	return r;
}

static int json_row(struct buf *buf, struct str key, const struct estimate_history *history,
		    bool first)
{
	int r = buf_puts(buf, first ? "\n{\"key\":\"" : ",\n{\"key\":\"");
	if (r == 0)
		r = escape_json(buf, key);
	if (r == 0)
		r = buf_printf(buf,
			       "\",\"runs\":%u,\"failures\":%u,\"flakes\":%u,\"failed_last\":%s,"
			       "\"isolate\":%s,"
			       "\"peak_bytes\":%" PRIu64 ",\"cpu_us\":%" PRIu64 ",\"samples_us\":[",
			       history->runs, history->failures, history->flakes,
			       history->failed_last ? "true" : "false",
			       history->isolate ? "true" : "false", history->peak_bytes,
			       history->cpu_us);
	if (r == 0)
		r = put_numbers(buf, history, ",");
	return r == 0 ? buf_puts(buf, "]}") : r;
}

/* Quoted as RFC 4180 says; invalid UTF-8 replaced. */
static int csv_text(struct buf *buf, struct str text)
{
	struct str piece;
	int r = buf_puts(buf, "\"");
	for (const char *quote = ""; r == 0 && str_split(&text, '"', &piece); quote = "\"\"") {
		r = buf_puts(buf, quote);
		r = r == 0 ? escape_text(buf, piece) : r;
	}
	return r == 0 ? buf_puts(buf, "\"") : r;
}

static int csv_row(struct buf *buf, struct str key, const struct estimate_history *history,
		   bool first)
{
	(void)first;
	int r = csv_text(buf, key);
	if (r == 0)
		r = buf_printf(buf, ",%u,%u,%u,%d,%d,%" PRIu64 ",%" PRIu64 ",", history->runs,
			       history->failures, history->flakes, history->failed_last,
			       history->isolate, history->peak_bytes, history->cpu_us);
	if (r == 0)
		r = put_numbers(buf, history, " ");
	return r == 0 ? buf_puts(buf, "\r\n") : r;
}

static int put_startups(struct buf *buf, const struct estimate_table *table)
{
	int r = buf_puts(buf, "\n],\"startups\":{");
	for (size_t i = 0; r == 0 && i < table->startups.len; i++) {
		r = buf_puts(buf, i ? ",\n\"" : "\n\"");
		r = r == 0 ? escape_json(buf, table->startups.entries[i].key) : r;
		r = r == 0 ? buf_printf(buf, "\":%" PRIu64, table->startups.entries[i].value) : r;
	}
	return r == 0 ? buf_puts(buf, "}}\n") : r;
}

int export_table(const struct estimate_table *table, enum export_format format,
		 int (*put)(void *data, struct str piece), void *data)
{
	static const char *const heads[EXPORT_FORMAT_MAX] = {
		[EXPORT_JSON] = "{\"version\":1,\"cases\":[",
		[EXPORT_CSV] = "key,runs,failures,flakes,failed_last,isolate,peak_bytes,cpu_us,"
			       "samples_us\r\n",
	};
	struct exporting exporting = { .put = put, .data = data };
	int (*row)(struct buf *, struct str, const struct estimate_history *,
		   bool) = format == EXPORT_JSON ? json_row : csv_row;
	ASSERT(format < EXPORT_FORMAT_MAX);
	buf_init(&exporting.buf, BUFFER_BYTES);
	int r = buf_puts(&exporting.buf, heads[format]);
	for (size_t i = 0; r == 0 && i < table->keys.len; i++) {
		const struct map_entry *entry = &table->keys.entries[i];
		r = row(&exporting.buf, entry->key, &table->histories[entry->value], i == 0);
		if (r == 0)
			r = flow(&exporting, false);
	}
	if (r == 0 && format == EXPORT_JSON)
		r = flow(&exporting, true);
	if (r == 0 && format == EXPORT_JSON) {
		buf_done(&exporting.buf); /* the list of programs may be larger than a piece */
		buf_init(&exporting.buf, STARTUPS_BYTES);
		r = put_startups(&exporting.buf, table);
	}
	if (r == 0 && exporting.buf.len)
		r = flow(&exporting, true);
	buf_done(&exporting.buf);
	return r;
}
