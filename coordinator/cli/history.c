// SPDX-License-Identifier: Apache-2.0
/*
 * history.c - `paddock history`: tables of what earlier runs tell. Ranking is the history room's;
 * here are words and columns.
 */
#include "coordinator/cli/exchange.h"
#include "coordinator/cli/place.h"
#include "coordinator/cli/say.h"
#include "coordinator/cli/verbs.h"
#include "coordinator/history/query.h"

#include "protocol/base/clock.h"
#include "protocol/wire/outcome.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- tables ---- */

static void print_run(void *data, const struct store_run *run)
{
	char when[32], took[32] = "-", code[16] = "cut off";
	(void)data;
	clock_format_utc(when, sizeof(when), run->started_us);
	if (run->finished_us) {
		str_format_duration(took, sizeof(took), run->makespan_us);
		snprintf(code, sizeof(code), "exit %d", run->exit_code);
	}
	printf("%.*s  %s  %10s  %6llu cases %4llu red %3llu flaky  %-8s  ", STR_ARG(run->name),
	       when, took, (unsigned long long)run->cases, (unsigned long long)run->red,
	       (unsigned long long)run->flaky, code);
	say_text(stdout, run->submit);
	printf("\n");
}

static void print_row(enum query_by by, const struct query_row *row)
{
	char before[32], after[32];
	const struct estimate_history *history = row->history;
	switch (by) {
	case QUERY_REGRESSED:
		printf("%10s -> %10s", str_format_duration(before, sizeof(before), row->before_us),
		       str_format_duration(after, sizeof(after), row->after_us));
		break;
	case QUERY_FLAKIEST:
		printf("%4u flaky %4u red of %5u", history->flakes, history->failures,
		       history->runs);
		break;
	default:
		printf("%10s  of %2u", str_format_duration(after, sizeof(after), row->median_us),
		       history->n);
		break;
	}
	printf("  ");
	say_text(stdout, row->key);
	printf("\n");
}

static int print_ranking(const struct estimate_table *table, enum query_by by, size_t limit,
			 const char *title, struct err *err)
{
	struct query_row *rows = NULL;
	size_t n = 0;
	int r = query_rank(table, by, limit, &rows, &n);
	if (r < 0)
		return err_set(err, r, "out of memory");
	printf("%s:%s\n", title, n ? "" : " none");
	for (size_t i = 0; i < n; i++)
		print_row(by, &rows[i]);
	free(rows);
	return 0;
}

static int load(const struct verbs_call *call, struct store *store, struct estimate_table *table,
		struct err *err)
{
	const char *name = conf_text(call->conf, OPTIONS_SUITE);
	const struct str suite = str_of(name);
	return store_load_estimates(store, &suite, name ? 1 : 0, table, err);
}

/* ---- what changed ---- */

struct latest {
	uint64_t runs[2]; /* newest first */
	size_t n;
};

static void take_run(void *data, const struct store_run *run)
{
	struct latest *latest = data;
	if (latest->n < 2)
		latest->runs[latest->n++] = run->run;
}

static void print_change(void *data, const struct store_change *change)
{
	size_t *n = data;
	printf("%8s -> %-8s  ", outcome_name(change->before), outcome_name(change->after));
	say_case(stdout, change->suite, change->program, change->name);
	printf("\n");
	++*n;
}

static int print_changes(struct store *store, struct err *err)
{
	struct latest latest = { .n = 0 };
	size_t changes = 0;
	int r = store_runs(store, 2, take_run, &latest, err);
	if (r == 0 && latest.n < 2)
		r = err_set(err, -ENODATA, "it takes two runs to tell what changed");
	if (r == 0)
		r = store_changes(store, latest.runs[1], latest.runs[0], print_change, &changes,
				  err);
	if (r == 0 && !changes)
		printf("every case of both latest runs ended the same way\n");
	return r;
}

/* ---- words ---- */

enum what { SLOWEST, FLAKIEST, REGRESSED, CHANGED, RUNS, IMPORT, EXPORT, PRUNE, OVERVIEW };

static const char *const whats[] = {
	[SLOWEST] = "slowest", [FLAKIEST] = "flakiest", [REGRESSED] = "regressed",
	[CHANGED] = "changed", [RUNS] = "runs",		[IMPORT] = "import",
	[EXPORT] = "export",   [PRUNE] = "prune",
};

static int rank(const struct verbs_call *call, struct store *store, enum what what, size_t limit,
		struct err *err)
{
	static const char *const titles[] = {
		[QUERY_SLOWEST] = "slowest, by the median of the samples kept",
		[QUERY_FLAKIEST] = "flakiest, by how often a retry helped",
		[QUERY_REGRESSED] = "regressed, the newest five against those before",
	};
	static const enum query_by by[] = { [SLOWEST] = QUERY_SLOWEST,
					    [FLAKIEST] = QUERY_FLAKIEST,
					    [REGRESSED] = QUERY_REGRESSED };
	struct estimate_table table = { 0 };
	int r = load(call, store, &table, err);
	for (size_t i = SLOWEST; r == 0 && i <= REGRESSED; i++)
		if (what == OVERVIEW || what == i)
			r = print_ranking(&table, by[i], limit, titles[by[i]], err);
	estimate_table_done(&table);
	return r;
}

static int tell(const struct verbs_call *call, struct store *store, enum what what, struct err *err)
{
	size_t limit = conf_u64(call->conf, OPTIONS_LIMIT);
	int r;
	switch (what) {
	case CHANGED: return print_changes(store, err);
	case RUNS: return store_runs(store, limit, print_run, NULL, err);
	case PRUNE:
		printf("keeping the newest %d runs of the last %d days\n", STORE_KEEP_RUNS,
		       STORE_KEEP_DAYS);
		return store_prune(store, clock_wall_us(), STORE_KEEP_DAYS, STORE_KEEP_RUNS, err);
	case OVERVIEW:
		printf("latest runs:\n");
		r = store_runs(store, limit, print_run, NULL, err);
		return r < 0 ? r : rank(call, store, what, limit, err);
	default: return rank(call, store, what, limit, err);
	}
}

static int parse_what(const char *word, struct err *err)
{
	enum { N = sizeof(whats) / sizeof(whats[0]) };
	for (int i = 0; i < N; i++)
		if (strcmp(word, whats[i]) == 0)
			return i;
	const char *nearest = conf_nearest(str_of(word), whats, N);
	return err_set(err, -EINVAL, "\"%.60s\" is nothing it can tell%s%s%s", word,
		       nearest ? "; did you mean \"" : "; see paddock history --help",
		       nearest ? nearest : "", nearest ? "\"?" : "");
}

int verbs_history(const struct verbs_call *call, struct err *err)
{
	struct store *store = NULL;
	size_t n;
	const char *const *words = conf_operands(call->conf, &n);
	int what = n ? parse_what(words[0], err) : OVERVIEW;
	if (what < 0)
		return EXIT_CODE_USAGE;
	if (what == IMPORT)
		return exchange_import(call, words + 1, n - 1, err);
	if (n > (what == EXPORT ? 2 : 1)) {
		err_set(err, -EINVAL, "\"%.60s\" is one word too many", words[n - 1]);
		return EXIT_CODE_USAGE;
	}
	if (what == EXPORT)
		return exchange_export(call, n > 1 ? words[1] : NULL, err);
	int r = place_open_history(call->conf, &store, err);
	r = r < 0 ? r : tell(call, store, (enum what)what, err);
	store_close(store);
	if (r < 0)
		return EXIT_CODE_USAGE;
	return fflush(stdout) == EOF ? EXIT_CODE_REPORT : EXIT_CODE_OK;
}
