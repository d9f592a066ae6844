// SPDX-License-Identifier: Apache-2.0
/*
 * estimate.c - durations from history. Test durations are close to lognormal, so the upper
 * estimate is taken in the log domain: median times exp(k * robust deviation), weights halving
 * every four samples so that a change of a test shows after a few runs and one outlier does not.
 * Not for prediction intervals: it only has to order cases well.
 */
#include "coordinator/plan/estimate.h"

#include "protocol/base/assert.h"
#include "protocol/base/vec.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void estimate_table_done(struct estimate_table *table)
{
	if (!table)
		return;
	map_done(&table->keys);
	map_done(&table->startups);
	free(table->histories);
	*table = (struct estimate_table){ 0 };
}

struct estimate_history *estimate_table_at(struct estimate_table *table, struct str key)
{
	uint64_t index;
	if (map_get(&table->keys, key, &index))
		return &table->histories[index];
	if (table->len == table->cap && vec_grow((void **)&table->histories, &table->cap,
						 table->len + 1, sizeof(*table->histories)) < 0)
		return NULL;
	if (map_put(&table->keys, key, table->len) < 0)
		return NULL;
	struct estimate_history *history = &table->histories[table->len++];
	*history = (struct estimate_history){ 0 };
	return history;
}

const struct estimate_history *estimate_table_find(const struct estimate_table *table,
						   struct str key)
{
	uint64_t index;
	return map_get(&table->keys, key, &index) ? &table->histories[index] : NULL;
}

void estimate_add_sample(struct estimate_history *history, uint64_t duration_us)
{
	memmove(history->samples_us + 1, history->samples_us,
		(ESTIMATE_SAMPLES_MAX - 1) * sizeof(history->samples_us[0]));
	history->samples_us[0] = duration_us;
	if (history->n < ESTIMATE_SAMPLES_MAX)
		history->n++;
	ASSERT(history->n > 0);
}

struct weighted {
	double value, weight;
};

static int by_value(const void *a, const void *b)
{
	double x = ((const struct weighted *)a)->value, y = ((const struct weighted *)b)->value;
	return (x > y) - (x < y);
}

/* Median of values under weights: the value at half of the total weight. Sorts `items`. */
static double weighted_median(struct weighted *items, size_t n)
{
	double total = 0, sum = 0;
	ASSERT(n > 0);
	qsort(items, n, sizeof(*items), by_value);
	for (size_t i = 0; i < n; i++)
		total += items[i].weight;
	for (size_t i = 0; i < n; i++) {
		sum += items[i].weight;
		if (sum >= total / 2)
			return items[i].value;
	}
	return items[n - 1].value;
}

/* Spread assumed before there are enough samples: between runs on a quiet and a loaded machine the
 * deviation of the log
 * ratio is 0.06 to 0.31 (tests/bench/README.md). */
static const double prior_deviation = 0.3;
static const double upper_deviations = 1.0;

struct estimate estimate_of(const struct estimate_history *history, uint64_t prior_us)
{
	struct estimate estimate = { .expect_us = prior_us, .upper_us = prior_us };
	if (!history)
		return estimate;
	estimate.failed_last = history->failed_last;
	estimate.isolate = history->isolate;
	if (!history->n)
		return estimate;
	struct weighted items[ESTIMATE_SAMPLES_MAX];
	for (uint32_t i = 0; i < history->n; i++)
		items[i] = (struct weighted){ log((double)history->samples_us[i] + 1),
					      exp2(-(double)i / 4) };
	double median = weighted_median(items, history->n);
	for (uint32_t i = 0; i < history->n; i++)
		items[i].value = fabs(items[i].value - median);
	double deviation = 1.4826 * weighted_median(items, history->n);
	if (history->n < ESTIMATE_SAMPLES_MIN && deviation < prior_deviation)
		deviation = prior_deviation;
	estimate.seen = true;
	estimate.expect_us = (uint64_t)(exp(median) - 1);
	estimate.upper_us = (uint64_t)(exp(median + upper_deviations * deviation) - 1);
	return estimate;
}
