// SPDX-License-Identifier: Apache-2.0
/*
 * samples.c - the history per key. A row's samples are packed newest first, each as three varints:
 * duration and processor time in microseconds, peak memory in bytes; never more than
 * ESTIMATE_SAMPLES_MAX. Packed because the planner reads all of a suite at once: one row per case,
 * one scan.
 *
 * What a verdict does to its key:
 *	pass, leak, fail	one sample, counted, failed_last set or cleared, isolate cleared
 *	timeout, oom, crash	no sample (the duration is the limit's or cut short), counted,
 * failed_last and isolate set skip, error, lost, notrun	nothing: they say nothing about the
 * case An attempt that was repeated gives no sample; a crash or timeout there sets isolate. Keys
 * shared by many cases of one run (parameterised instances) get SAMPLES_PER_RUN samples spread
 * evenly over the sorted durations, so that one run cannot push all others out; a red one among
 * them makes the key failed_last.
 */
#include "coordinator/history/samples.h"

#include "coordinator/history/journal.h"
#include "protocol/base/arena.h"
#include "protocol/base/assert.h"
#include "protocol/base/buf.h"
#include "protocol/base/map.h"
#include "protocol/base/vec.h"
#include "protocol/wire/ids.h"
#include "protocol/wire/limits.h"
#include "protocol/wire/msg.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	KEY_BYTES_MAX = 3 * LIMIT_NAME_BYTES + 16,
	PACKED_BYTES_MAX = ESTIMATE_SAMPLES_MAX * 3 * 10,
	RECORDS_AT_ONCE = 1024, /* read, merged and written together */
};

struct sample {
	uint64_t duration_us, cpu_us, peak_bytes;
};

/* What one run says about one key. */
struct gathered {
	struct {
		struct sample *items;
		size_t len, cap;
	} samples;
	uint64_t runs, failures, flakes;
	bool alone;
};

/* A row of the history. */
struct record {
	bool exists;
	size_t n;
	struct sample samples[ESTIMATE_SAMPLES_MAX];
	uint64_t runs, failures, flakes;
	bool failed_last, isolate;
};

struct samples {
	struct map keys;
	struct {
		struct gathered *items;
		size_t len, cap;
	} all;
	struct buf key;
	struct record *records; /* RECORDS_AT_ONCE, while writing */
};

struct samples *samples_new(void)
{
	struct samples *samples = calloc(1, sizeof(*samples));
	if (samples)
		buf_init(&samples->key, KEY_BYTES_MAX);
	return samples;
}

void samples_free(struct samples *samples)
{
	if (!samples)
		return;
	for (size_t i = 0; i < samples->all.len; i++)
		VEC_DONE(&samples->all.items[i].samples);
	VEC_DONE(&samples->all);
	map_done(&samples->keys);
	buf_done(&samples->key);
	free(samples->records);
	free(samples);
}

static struct gathered *at_key(struct samples *samples, const struct samples_verdict *verdict)
{
	uint64_t index;
	buf_clear(&samples->key);
	if (ids_history_key(&samples->key, verdict->suite, verdict->program, verdict->name) < 0)
		return NULL;
	struct str key = buf_str(&samples->key);
	if (map_get(&samples->keys, key, &index))
		return &samples->all.items[index];
	if (VEC_PUSH(&samples->all, (struct gathered){ 0 }) < 0)
		return NULL;
	if (map_put(&samples->keys, key, samples->all.len - 1) < 0) {
		samples->all.len--;
		return NULL;
	}
	return &samples->all.items[samples->all.len - 1];
}

static bool ran_to_its_end(enum outcome outcome)
{
	return outcome == OUTCOME_PASS || outcome == OUTCOME_LEAK || outcome == OUTCOME_FAIL;
}

static bool was_cut_off(enum outcome outcome)
{
	return outcome == OUTCOME_TIMEOUT || outcome == OUTCOME_OOM || outcome == OUTCOME_CRASH;
}

int samples_add(struct samples *samples, const struct samples_verdict *verdict)
{
	ASSERT(verdict->outcome < OUTCOME_MAX);
	if (!ran_to_its_end(verdict->outcome) && !was_cut_off(verdict->outcome))
		return 0;
	struct gathered *gathered = at_key(samples, verdict);
	if (!gathered)
		return -ENOMEM;
	gathered->alone |= was_cut_off(verdict->outcome);
	if (!verdict->final)
		return 0;
	gathered->runs++;
	gathered->failures += outcome_is_red(verdict->outcome);
	gathered->flakes += verdict->flaky;
	if (was_cut_off(verdict->outcome))
		return 0;
	struct sample sample = { verdict->duration_us, verdict->cpu_us, verdict->peak_bytes };
	return VEC_PUSH(&gathered->samples, sample);
}

int samples_gather(struct samples *samples, struct db *db, uint64_t run, struct err *err)
{
	struct db_query *rows = db_query(
		db,
		"SELECT kind, outcome, flags & 1, duration_us, cpu_us, peak_bytes, p.suite,"
		" p.name, c.name FROM events"
		" JOIN cases c ON c.id = case_id JOIN programs p ON p.id = c.program"
		" WHERE " JOURNAL_OF_RUN " AND kind IN (?, ?)",
		err);
	if (!rows)
		return -EIO;
	db_put_u64(rows, run);
	db_put_u64(rows, MSG_RUN_CASE_FINISHED);
	db_put_u64(rows, MSG_RUN_CASE_RETRIED);
	int r;
	while ((r = db_step(rows, err)) == 1) {
		struct samples_verdict verdict = { 0 };
		verdict.final = db_get_u64(rows) == MSG_RUN_CASE_FINISHED;
		uint64_t outcome = db_get_u64(rows);
		verdict.outcome = outcome < OUTCOME_MAX ? (enum outcome)outcome : OUTCOME_ERROR;
		verdict.flaky = db_get_u64(rows);
		verdict.duration_us = db_get_u64(rows);
		verdict.cpu_us = db_get_u64(rows);
		verdict.peak_bytes = db_get_u64(rows);
		verdict.suite = db_get_text(rows);
		verdict.program = db_get_text(rows);
		verdict.name = db_get_text(rows);
		if (samples_add(samples, &verdict) < 0) {
			r = err_errno(err, -ENOMEM, "adding the run to the history %s",
				      db_path(db));
			break;
		}
	}
	db_reset(rows);
	return r;
}

static size_t put_varint(unsigned char *out, uint64_t value)
{
	size_t n = 0;
	for (; value >= 0x80; value >>= 7)
		out[n++] = (unsigned char)(value | 0x80);
	out[n++] = (unsigned char)value;
	return n;
}

/* 0 at the end or when the bytes are no varint. */
static size_t get_varint(const unsigned char *in, size_t size, uint64_t *ret_value)
{
	uint64_t value = 0;
	for (size_t n = 0; n < size && n < 10; n++) {
		value |= (uint64_t)(in[n] & 0x7f) << (7 * n);
		if (!(in[n] & 0x80)) {
			*ret_value = value;
			return n + 1;
		}
	}
	return 0;
}

static size_t pack(unsigned char out[PACKED_BYTES_MAX], const struct record *record)
{
	size_t len = 0;
	ASSERT(record->n <= ESTIMATE_SAMPLES_MAX);
	for (size_t i = 0; i < record->n; i++) {
		len += put_varint(out + len, record->samples[i].duration_us);
		len += put_varint(out + len, record->samples[i].cpu_us);
		len += put_varint(out + len, record->samples[i].peak_bytes);
	}
	ASSERT(len <= PACKED_BYTES_MAX);
	return len;
}

/* Unpack as many whole samples as there are; damaged bytes end the list early. */
static size_t unpack(struct str packed, struct sample samples[ESTIMATE_SAMPLES_MAX])
{
	const unsigned char *at = (const unsigned char *)packed.data, *end = at + packed.len;
	size_t n = 0;
	for (; n < ESTIMATE_SAMPLES_MAX && at < end; n++) {
		uint64_t values[3];
		for (int i = 0; i < 3; i++) {
			size_t used = get_varint(at, (size_t)(end - at), &values[i]);
			if (!used)
				return n;
			at += used;
		}
		samples[n] = (struct sample){ values[0], values[1], values[2] };
	}
	return n;
}

static int by_duration(const void *a, const void *b)
{
	const struct sample *x = a, *y = b;
	return (x->duration_us > y->duration_us) - (x->duration_us < y->duration_us);
}

/*
 * At most SAMPLES_PER_RUN that stand for all: evenly spread, the largest peak on the longest.
 * Returns how many.
 */
static size_t choose(struct gathered *gathered, struct sample chosen[SAMPLES_PER_RUN])
{
	size_t n = gathered->samples.len;
	if (n <= SAMPLES_PER_RUN) {
		for (size_t i = 0; i < n; i++)
			chosen[i] = gathered->samples.items[i];
		return n;
	}
	struct sample *items = gathered->samples.items;
	uint64_t peak_bytes = 0;
	qsort(items, n, sizeof(*items), by_duration);
	for (size_t i = 0; i < n; i++)
		peak_bytes = items[i].peak_bytes > peak_bytes ? items[i].peak_bytes : peak_bytes;
	for (size_t i = 0; i < SAMPLES_PER_RUN; i++)
		chosen[i] = items[n * (2 * i + 1) / (2 * SAMPLES_PER_RUN)];
	chosen[SAMPLES_PER_RUN - 1].peak_bytes = peak_bytes;
	return SAMPLES_PER_RUN;
}

static void merge(struct record *record, struct gathered *gathered)
{
	struct sample chosen[SAMPLES_PER_RUN];
	size_t fresh = choose(gathered, chosen), kept = record->n;
	if (kept > ESTIMATE_SAMPLES_MAX - fresh)
		kept = ESTIMATE_SAMPLES_MAX - fresh;
	memmove(record->samples + fresh, record->samples, kept * sizeof(record->samples[0]));
	for (size_t i = 0; i < fresh; i++) /* the last one measured is the newest */
		record->samples[i] = chosen[fresh - 1 - i];
	record->n = kept + fresh;
	if (gathered->runs)
		record->failed_last = gathered->failures > 0;
	record->isolate = gathered->alone;
	record->runs += gathered->runs;
	record->failures += gathered->failures;
	record->flakes += gathered->flakes;
}

static void take_record(void *data, struct db_query *row)
{
	struct record *record = data;
	record->exists = true;
	record->n = unpack(db_get_text(row), record->samples);
	record->runs = db_get_u64(row);
	record->failures = db_get_u64(row);
	record->flakes = db_get_u64(row);
	record->failed_last = db_get_u64(row);
	record->isolate = db_get_u64(row);
}

static int read_record(struct db *db, struct str key, struct record *record, struct err *err)
{
	struct db_query *row = db_query(
		db,
		"SELECT samples, runs, failures, flakes, failed_last, isolate FROM history WHERE"
		" key=?",
		err);
	if (!row)
		return -EIO;
	db_put_text(row, key);
	return db_queue(row, take_record, record, err);
}

static int write_record(struct db *db, struct str key, const struct record *record,
			uint64_t wall_us, struct err *err)
{
	unsigned char packed[PACKED_BYTES_MAX];
	struct db_query *put =
		record->exists
			? db_query(db,
				   "UPDATE history SET samples=?, runs=?, failures=?, flakes=?,"
				   " failed_last=?, isolate=?, seen_us=? WHERE key=?",
				   err)
			: db_query(db,
				   "INSERT INTO history (samples, runs, failures, flakes,"
				   " failed_last, isolate, seen_us, key) VALUES (?, ?, ?, ?, ?, ?,"
				   " ?, ?)",
				   err);
	if (!put)
		return -EIO;
	db_put_blob(put, (struct str){ (const char *)packed, pack(packed, record) });
	db_put_u64(put, record->runs);
	db_put_u64(put, record->failures);
	db_put_u64(put, record->flakes);
	db_put_u64(put, record->failed_last);
	db_put_u64(put, record->isolate);
	db_put_u64(put, wall_us);
	db_put_text(put, key);
	return db_queue(put, NULL, NULL, err);
}

static int by_key(const void *a, const void *b)
{
	const struct map_entry *x = *(const struct map_entry *const *)a,
			       *y = *(const struct map_entry *const *)b;
	size_t shorter = x->key.len < y->key.len ? x->key.len : y->key.len;
	int order = memcmp(x->key.data, y->key.data, shorter);
	return order ? order : (x->key.len > y->key.len) - (x->key.len < y->key.len);
}

/* Read, merge and write the records of these keys. */
static int write_some(struct samples *samples, struct db *db, const struct map_entry **keys,
		      size_t n, uint64_t wall_us, struct err *err)
{
	struct record *records = samples->records;
	int r = 0;
	memset(records, 0, n * sizeof(*records));
	for (size_t i = 0; r == 0 && i < n; i++)
		r = read_record(db, keys[i]->key, &records[i], err);
	if (r == 0)
		r = db_flush(db, err);
	for (size_t i = 0; r == 0 && i < n; i++) {
		merge(&records[i], &samples->all.items[keys[i]->value]);
		r = write_record(db, keys[i]->key, &records[i], wall_us, err);
	}
	return r < 0 ? r : db_flush(db, err);
}

int samples_write(struct samples *samples, struct db *db, uint64_t wall_us, struct err *err)
{
	size_t n = samples->keys.len;
	if (!n)
		return 0;
	const struct map_entry **sorted = malloc(n * sizeof(const struct map_entry *));
	int r = 0;
	if (!samples->records)
		samples->records = malloc(RECORDS_AT_ONCE * sizeof(*samples->records));
	if (!sorted || !samples->records)
		r = err_errno(err, -ENOMEM, "adding the run to the history %s", db_path(db));
	for (size_t i = 0; r == 0 && i < n; i++)
		sorted[i] = &samples->keys.entries[i];
	if (r == 0) /* neighbours of the table together: a third of the time */
		qsort(sorted, n, sizeof(const struct map_entry *), by_key);
	for (size_t i = 0; r == 0 && i < n; i += RECORDS_AT_ONCE)
		r = write_some(samples, db, sorted + i,
			       n - i < RECORDS_AT_ONCE ? n - i : RECORDS_AT_ONCE, wall_us, err);
	free(sorted);
	return r;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static void fill(struct estimate_history *history, const struct sample *samples, size_t n)
{
	uint64_t cpu_us[ESTIMATE_SAMPLES_MAX];
	size_t n_cpu = 0;
	history->n = (uint32_t)n;
	history->peak_bytes = 0;
	for (size_t i = 0; i < n; i++) {
		history->samples_us[i] = samples[i].duration_us;
		if (samples[i].peak_bytes > history->peak_bytes)
			history->peak_bytes = samples[i].peak_bytes;
		if (samples[i].cpu_us)
			cpu_us[n_cpu++] = samples[i].cpu_us;
	}
	if (n_cpu)
		qsort(cpu_us, n_cpu, sizeof(cpu_us[0]), by_number);
	history->cpu_us = n_cpu ? cpu_us[n_cpu / 2] : 0;
}

static int load_rows(struct db_query *rows, struct estimate_table *table, struct err *err)
{
	int r;
	while ((r = db_step(rows, err)) == 1) {
		struct sample samples[ESTIMATE_SAMPLES_MAX];
		struct estimate_history *history = estimate_table_at(table, db_get_text(rows));
		if (!history)
			break;
		fill(history, samples, unpack(db_get_text(rows), samples));
		history->runs = (uint32_t)db_get_u64(rows);
		history->failures = (uint32_t)db_get_u64(rows);
		history->flakes = (uint32_t)db_get_u64(rows);
		history->failed_last = db_get_u64(rows);
		history->isolate = db_get_u64(rows);
	}
	db_reset(rows);
	return r == 1 ? err_errno(err, -ENOMEM, "reading the history") : r;
}

#define COLUMNS "key, samples, runs, failures, flakes, failed_last, isolate"

/*
 * The keys of a suite are those from "suite::" up to the text that follows "suite:" + ':' in byte
 * order, ';'.
 */
static int load_suite(struct db *db, struct str suite, struct estimate_table *table,
		      struct err *err)
{
	struct db_query *rows =
		db_query(db,
			 "SELECT " COLUMNS
			 " FROM history WHERE key >= ? || '::' AND key < ? || ':;' ORDER BY key",
			 err);
	if (!rows)
		return -EIO;
	db_put_text(rows, suite);
	db_put_text(rows, suite);
	return load_rows(rows, table, err);
}

static int load_startups(struct db *db, struct estimate_table *table, struct err *err)
{
	struct db_query *rows = db_query(db, "SELECT program, startup_us FROM startups", err);
	int r = rows ? 0 : -EIO;
	while (rows && (r = db_step(rows, err)) == 1) {
		struct str program = db_get_text(rows);
		if (map_put(&table->startups, program, db_get_u64(rows)) < 0)
			break;
	}
	db_reset(rows);
	return r == 1 ? err_errno(err, -ENOMEM, "reading the history") : r;
}

int samples_load(struct db *db, const struct str *suites, size_t n, struct estimate_table *table,
		 struct err *err)
{
	int r = 0;
	if (!n) {
		struct db_query *rows = db_query(db, "SELECT " COLUMNS " FROM history ORDER BY key",
						 err);
		r = rows ? load_rows(rows, table, err) : -EIO;
	}
	for (size_t i = 0; r == 0 && i < n; i++)
		r = load_suite(db, suites[i], table, err);
	return r == 0 ? load_startups(db, table, err) : r;
}

int samples_startup(struct db *db, struct str program, uint64_t startup_us, struct err *err)
{
	struct db_query *mix = db_query(
		db,
		"UPDATE startups SET startup_us = (startup_us * 7 + ?1 * 3) / 10 WHERE program=?2",
		err);
	struct db_query *add = db_query(db,
					"INSERT INTO startups (program, startup_us) SELECT ?1, ?2"
					" WHERE NOT EXISTS (SELECT 1 FROM startups WHERE"
					" program=?1)",
					err);
	if (!mix || !add)
		return -EIO;
	db_put_u64(mix, startup_us);
	db_put_text(mix, program);
	db_put_text(add, program);
	db_put_u64(add, startup_us);
	int r = db_queue(mix, NULL, NULL, err);
	return r < 0 ? r : db_queue(add, NULL, NULL, err);
}
