// SPDX-License-Identifier: Apache-2.0
/* test_query.c - rankings and the export of a table made by hand. */
#include "coordinator/history/export.h"
#include "coordinator/history/query.h"
#include "protocol/base/buf.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Samples newest first, ended by 0. */
static struct estimate_history *put(struct estimate_table *table, const char *key,
				    const uint64_t *samples_us)
{
	struct estimate_history *history = estimate_table_at(table, str_of(key));
	assert_non_null(history);
	for (; samples_us[history->n]; history->n++)
		history->samples_us[history->n] = samples_us[history->n];
	history->runs = history->n;
	return history;
}

static void check(const struct estimate_table *table, enum query_by by, const char *wanted)
{
	struct query_row *rows = NULL;
	struct buf got;
	size_t n = 0;
	buf_init(&got, 4096);
	assert_int_equal(query_rank(table, by, 10, &rows, &n), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(buf_printf(&got, "%.*s ", STR_ARG(rows[i].key)), 0);
	assert_string_equal(buf_text(&got), wanted);
	free(rows);
	buf_done(&got);
}

static void test_slowest_by_median(void **state)
{
	struct estimate_table table = { 0 };
	(void)state;
	put(&table, "quick", (uint64_t[]){ 1, 2, 900, 0 });
	put(&table, "slow", (uint64_t[]){ 50, 60, 1, 0 });
	put(&table, "b", (uint64_t[]){ 7, 0 });
	put(&table, "a", (uint64_t[]){ 7, 0 });
	put(&table, "never", (uint64_t[]){ 0 });
	check(&table, QUERY_SLOWEST, "slow a b quick ");
	estimate_table_done(&table);
	check(&table, QUERY_SLOWEST, "");
}

static void test_flakiest_by_share(void **state)
{
	struct estimate_table table = { 0 };
	(void)state;
	put(&table, "steady", (uint64_t[]){ 1, 1, 1, 0 });
	put(&table, "half", (uint64_t[]){ 1, 1, 0 })->flakes = 1;
	put(&table, "third", (uint64_t[]){ 1, 1, 1, 0 })->flakes = 1;
	check(&table, QUERY_FLAKIEST, "half third ");
	estimate_table_done(&table);
}

static void test_regressed_needs_evidence(void **state)
{
	struct estimate_table table = { 0 };
	const uint64_t ms = 1000;
	(void)state;
	put(&table, "slower",
	    (uint64_t[]){ 150 * ms, 160 * ms, 155 * ms, 151 * ms, 149 * ms, 100 * ms, 101 * ms,
			  99 * ms, 0 });
	put(&table, "much slower",
	    (uint64_t[]){ 300 * ms, 310 * ms, 305 * ms, 9 * ms, 303 * ms, 100 * ms, 101 * ms,
			  99 * ms, 100 * ms, 0 });
	put(&table, "one outlier",
	    (uint64_t[]){ 900 * ms, 100 * ms, 100 * ms, 100 * ms, 100 * ms, 100 * ms, 101 * ms,
			  99 * ms, 0 });
	put(&table, "noisy",
	    (uint64_t[]){ 150 * ms, 160 * ms, 155 * ms, 151 * ms, 149 * ms, 60 * ms, 100 * ms,
			  140 * ms, 0 });
	put(&table, "tiny", (uint64_t[]){ 200, 200, 200, 200, 200, 100, 100, 100, 0 });
	put(&table, "faster",
	    (uint64_t[]){ 50 * ms, 50 * ms, 50 * ms, 50 * ms, 50 * ms, 100 * ms, 100 * ms, 100 * ms,
			  0 });
	put(&table, "too young",
	    (uint64_t[]){ 900 * ms, 900 * ms, 900 * ms, 900 * ms, 900 * ms, ms, ms, 0 });
	check(&table, QUERY_REGRESSED, "much slower slower ");
	estimate_table_done(&table);
}

static void test_the_limit_cuts(void **state)
{
	struct estimate_table table = { 0 };
	struct query_row *rows = NULL;
	size_t n = 0;
	(void)state;
	put(&table, "a", (uint64_t[]){ 1, 0 });
	put(&table, "b", (uint64_t[]){ 2, 0 });
	assert_int_equal(query_rank(&table, QUERY_SLOWEST, 1, &rows, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(rows[0].median_us, 2);
	free(rows);
	estimate_table_done(&table);
}

static int take(void *data, struct str piece)
{
	return buf_put_str(data, piece);
}

static int refuse(void *data, struct str piece)
{
	(void)data;
	(void)piece;
	return -ENOSPC;
}

static void test_export(void **state)
{
	struct estimate_table table = { 0 };
	struct buf got;
	(void)state;
	buf_init(&got, 1 << 20);
	put(&table, "s::p::say \"hi\", \xff", (uint64_t[]){ 5, 6, 0 })->failed_last = true;
	put(&table, "s::p::b", (uint64_t[]){ 0 });
	assert_true(map_put(&table.startups, STR_LIT("s::p"), 77) >= 0);
	assert_int_equal(export_table(&table, EXPORT_JSON, take, &got), 0);
	assert_string_equal(
		buf_text(&got),
		"{\"version\":1,\"cases\":[\n"
		"{\"key\":\"s::p::say \\\"hi\\\","
		" \xef\xbf\xbd\",\"runs\":2,\"failures\":0,\"flakes\":0,\"failed_last\":true,"
		"\"isolate\":false,\"peak_bytes\":0,\"cpu_us\":0,\"samples_us\":[5,6]},\n"
		"{\"key\":\"s::p::b\",\"runs\":0,\"failures\":0,\"flakes\":0,\"failed_last\":false,"
		"\"isolate\":false,\"peak_bytes\":0,\"cpu_us\":0,\"samples_us\":[]}\n"
		"],\"startups\":{\n\"s::p\":77}}\n");
	buf_clear(&got);
	assert_int_equal(export_table(&table, EXPORT_CSV, take, &got), 0);
	assert_string_equal(
		buf_text(&got),
		"key,runs,failures,flakes,failed_last,isolate,peak_bytes,cpu_us,samples_us\r\n"
		"\"s::p::say \"\"hi\"\", \xef\xbf\xbd\",2,0,0,1,0,0,0,5 6\r\n"
		"\"s::p::b\",0,0,0,0,0,0,0,\r\n");
	assert_int_equal(export_table(&table, EXPORT_CSV, refuse, NULL), -ENOSPC);
	assert_int_equal(export_format_parse(STR_LIT("csv")), EXPORT_CSV);
	assert_int_equal(export_format_parse(STR_LIT("xml")), -EINVAL);
	estimate_table_done(&table);
	buf_done(&got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slowest_by_median),
		cmocka_unit_test(test_flakiest_by_share),
		cmocka_unit_test(test_regressed_needs_evidence),
		cmocka_unit_test(test_the_limit_cuts),
		cmocka_unit_test(test_export),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
