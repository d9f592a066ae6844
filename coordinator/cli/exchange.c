// SPDX-License-Identifier: Apache-2.0
/* exchange.c - files on one side, the store on the other; formats are the history room's. */
#include "coordinator/cli/exchange.h"

#include "coordinator/cli/place.h"
#include "coordinator/history/export.h"
#include "coordinator/history/import.h"
#include "protocol/base/clock.h"
#include "protocol/base/fd.h"
#include "protocol/wire/outcome.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { EXPORT_BYTES = 1 << 30 };

/* ---- in ---- */

/* Open the history, making it when there is none. */
static int open_store(const struct verbs_call *call, struct store **ret_store, struct err *err)
{
	struct buf path = { 0 };
	int r = place_history(call->conf, &path, err);
	if (r == 0 && !path.len)
		r = err_set(err, -EINVAL, "there is nothing to import into with --history none");
	r = r < 0 ? r : store_open(buf_text(&path), ret_store, err);
	buf_done(&path);
	return r;
}

static int read_files(const char *const *files, size_t n, const struct import_options *options,
		      struct import *import, struct err *err)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = import_file(import, files[i], options, err);
	return r;
}

int exchange_import(const struct verbs_call *call, const char *const *files, size_t n,
		    struct err *err)
{
	struct import import = { 0 };
	struct store *store = NULL;
	const char *suite = conf_text(call->conf, OPTIONS_SUITE);
	const char *name = conf_text(call->conf, OPTIONS_FORMAT);
	int format = import_format_parse(str_of(name));
	if (!n || !suite || !*suite || format < 0) {
		if (format < 0)
			err_set(err, -EINVAL, "--format: %s is a form to export, not to import",
				name);
		else
			err_set(err, -EINVAL, "give %s",
				n ? "--suite NAME: the suite that the cases belong to"
				  : "the files to import");
		return EXIT_CODE_USAGE;
	}
	const struct import_options options = {
		.format = (enum import_format)format,
		.suite = str_of(suite),
	};
	int r = read_files(files, n, &options, &import, err);
	r = r < 0 ? r : open_store(call, &store, err);
	if (r == 0)
		r = store_add_samples(store, import.items, import.len, clock_wall_us(), err);
	if (r == 0)
		printf("%zu durations of %zu files imported into suite %s\n", import.len, n, suite);
	store_close(store);
	import_done(&import);
	return r < 0 ? EXIT_CODE_USAGE : EXIT_CODE_OK;
}

/* ---- out ---- */

static int put(void *data, struct str piece)
{
	return buf_put_str(data, piece);
}

static int print(void *data, struct str piece)
{
	(void)data;
	return fwrite(piece.data, 1, piece.len, stdout) == piece.len ? 0 : -errno;
}

/* By --format, else by the file's name. */
static int choose_format(const struct conf *conf, const char *file, struct err *err)
{
	const char *name = conf_text(conf, OPTIONS_FORMAT);
	if (strcmp(name, "auto") == 0)
		return file && str_ends(str_of(file), STR_LIT(".csv")) ? EXPORT_CSV : EXPORT_JSON;
	int format = export_format_parse(str_of(name));
	if (format < 0)
		err_set(err, -EINVAL, "--format: %s is a form to import, not to export", name);
	return format;
}

static int write_out(const struct estimate_table *table, enum export_format format,
		     const char *file, struct err *err)
{
	struct buf text;
	int r;
	if (!file || strcmp(file, "-") == 0) {
		r = export_table(table, format, print, NULL);
		if (r == 0 && fflush(stdout) == EOF)
			r = -errno;
		return r < 0 ? err_errno(err, r, "standard output") : 0;
	}
	buf_init(&text, EXPORT_BYTES);
	r = export_table(table, format, put, &text);
	if (r < 0)
		err_errno(err, r, "exporting the history");
	else
		r = fd_write_file(file, text.data ? text.data : "", text.len, err);
	buf_done(&text);
	return r;
}

int exchange_export(const struct verbs_call *call, const char *file, struct err *err)
{
	struct estimate_table table = { 0 };
	struct store *store = NULL;
	const char *name = conf_text(call->conf, OPTIONS_SUITE);
	const struct str suite = str_of(name);
	int format = choose_format(call->conf, file, err);
	if (format < 0)
		return EXIT_CODE_USAGE;
	int r = place_open_history(call->conf, &store, err);
	r = r < 0 ? r : store_load_estimates(store, &suite, name ? 1 : 0, &table, err);
	store_close(store);
	int code = r < 0 ? EXIT_CODE_USAGE : EXIT_CODE_OK;
	if (r == 0 && write_out(&table, (enum export_format)format, file, err) < 0)
		code = EXIT_CODE_REPORT;
	estimate_table_done(&table);
	return code;
}
