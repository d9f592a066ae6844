// SPDX-License-Identifier: Apache-2.0
/*
 * query.c - rankings. "Regressed" compares medians and asks the difference to pass both a share of
 * the old duration and three robust deviations of the old samples, so that neither a noisy test nor
 * a quick one is accused by chance. Pure.
 */
#include "coordinator/history/query.h"

#include "protocol/base/assert.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
	REGRESSED_PERCENT = 25,
	REGRESSED_MIN_US = 5000, /* smaller differences are the machine's */
};

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static uint64_t median(const uint64_t *values, size_t n)
{
	uint64_t sorted[ESTIMATE_SAMPLES_MAX];
	ASSERT(n <= ESTIMATE_SAMPLES_MAX);
	if (!n)
		return 0;
	memcpy(sorted, values, n * sizeof(*values));
	qsort(sorted, n, sizeof(*sorted), by_number);
	return n % 2 ? sorted[n / 2] : sorted[n / 2 - 1] / 2 + sorted[n / 2] / 2;
}

/* Median distance from the centre: the deviation that outliers do not move. */
static uint64_t spread(const uint64_t *values, size_t n, uint64_t centre)
{
	uint64_t distances[ESTIMATE_SAMPLES_MAX];
	for (size_t i = 0; i < n; i++)
		distances[i] = values[i] > centre ? values[i] - centre : centre - values[i];
	return median(distances, n);
}

static bool rank_slow(struct query_row *row)
{
	row->score = (double)row->median_us;
	return row->history->n > 0;
}

static bool rank_flaky(struct query_row *row)
{
	const struct estimate_history *history = row->history;
	if (!history->runs || !history->flakes)
		return false;
	row->score = (double)history->flakes / history->runs +
		     1e-6 * (double)history->failures / history->runs;
	return true;
}

static bool rank_regressed(struct query_row *row)
{
	const struct estimate_history *history = row->history;
	if (history->n < QUERY_RECENT + QUERY_BEFORE_MIN)
		return false;
	const uint64_t *older = history->samples_us + QUERY_RECENT;
	size_t n = history->n - QUERY_RECENT;
	row->after_us = median(history->samples_us, QUERY_RECENT);
	row->before_us = median(older, n);
	if (row->after_us <= row->before_us)
		return false;
	uint64_t more_us = row->after_us - row->before_us;
	uint64_t noise_us = spread(older, n, row->before_us) * 9 / 2; /* 3 sigma = 4.45 spreads */
	row->score = (double)row->after_us / (double)(row->before_us ? row->before_us : 1);
	return more_us >= REGRESSED_MIN_US && more_us > noise_us &&
	       row->score >= 1 + REGRESSED_PERCENT / 100.0;
}

static int better(const void *a, const void *b)
{
	const struct query_row *x = a, *y = b;
	if (x->score > y->score || x->score < y->score)
		return x->score > y->score ? -1 : 1;
	size_t shorter = x->key.len < y->key.len ? x->key.len : y->key.len;
	int order = memcmp(x->key.data, y->key.data, shorter);
	return order ? order : (x->key.len > y->key.len) - (x->key.len < y->key.len);
}

int query_rank(const struct estimate_table *table, enum query_by by, size_t limit,
	       struct query_row **ret_rows, size_t *ret_n)
{
	static bool (*const ranks[QUERY_BY_MAX])(struct query_row *) = {
		[QUERY_SLOWEST] = rank_slow,
		[QUERY_FLAKIEST] = rank_flaky,
		[QUERY_REGRESSED] = rank_regressed,
	};
	size_t n = 0;
	ASSERT(by < QUERY_BY_MAX);
	struct query_row *rows = calloc(table->keys.len + 1, sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	for (size_t i = 0; i < table->keys.len; i++) {
		const struct map_entry *entry = &table->keys.entries[i];
		const struct estimate_history *history = &table->histories[entry->value];
		rows[n] = (struct query_row){ .key = entry->key, .history = history };
		rows[n].median_us = median(history->samples_us, history->n);
		n += ranks[by](&rows[n]);
	}
	if (n)
		qsort(rows, n, sizeof(*rows), better);
	*ret_rows = rows;
	*ret_n = n < limit ? n : limit;
	return 0;
}
