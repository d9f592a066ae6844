// SPDX-License-Identifier: Apache-2.0
/*
 * test_store.c - runs, events and samples through a real file, or a real server: what is kept, what
 * never spoils the history, what is refused.
 * ctest: again=postgres
 * ctest: timeout=120
 */
#include "coordinator/history/store.h"
#include "protocol/base/buf.h"
#include "protocol/base/fd.h"
#include "protocol/wire/outcome.h"
#include "tests/kit/storekit.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct msg_run_event verdict(const char *name, enum outcome outcome, uint64_t duration_us)
{
	return (struct msg_run_event){
		.kind = MSG_RUN_CASE_FINISHED,
		.suite = STR_LIT("s"),
		.program = STR_LIT("p"),
		.name = str_of(name),
		.outcome = outcome,
		.duration_us = duration_us,
		.attempt = 1,
	};
}

static uint64_t begin(struct storekit *f, const char *name)
{
	uint64_t run = 0;
	assert_int_equal(store_run_begin(f->store, str_of(name), 1000, STR_LIT("what"), &run,
					 &f->err),
			 0);
	assert_true(run > 0);
	return run;
}

static void add(struct storekit *f, uint64_t run, struct msg_run_event event)
{
	assert_int_equal(store_run_event(f->store, run, &event), 0);
}

static void finish(struct storekit *f, uint64_t run, int exit_code)
{
	if (store_run_finish(f->store, run, 5000, exit_code, &f->err) != 0)
		fail_msg("%s", f->err.text);
}

/* A run with one verdict. */
static void run_one(struct storekit *f, const char *run_name, struct msg_run_event event)
{
	uint64_t run = begin(f, run_name);
	add(f, run, event);
	finish(f, run, 0);
}

static const struct estimate_history *history(struct storekit *f, struct estimate_table *table,
					      const char *key)
{
	struct str suite = STR_LIT("s");
	*table = (struct estimate_table){ 0 };
	assert_int_equal(store_load_estimates(f->store, &suite, 1, table, &f->err), 0);
	return estimate_table_find(table, str_of(key));
}

static int same(void *data, const struct msg_run_event *got)
{
	const struct msg_run_event *want = data;
	const struct str texts[][2] = {
		{ want->suite, got->suite },	 { want->program, got->program },
		{ want->name, got->name },	 { want->adapter, got->adapter },
		{ want->file, got->file },	 { want->worker, got->worker },
		{ want->message, got->message }, { want->out, got->out },
		{ want->err, got->err },
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (!str_eq(texts[i][0], texts[i][1]))
			fail_msg("text %zu: wanted '%.*s', got '%.*s'", i, STR_ARG(texts[i][0]),
				 STR_ARG(texts[i][1]));
	const uint64_t numbers[][2] = {
		{ want->kind, got->kind },
		{ want->at_us, got->at_us },
		{ want->index, got->index },
		{ want->count, got->count },
		{ want->outcome, got->outcome },
		{ want->flaky, got->flaky },
		{ want->quarantined, got->quarantined },
		{ want->found, got->found },
		{ want->attempt, got->attempt },
		{ want->estimate_us, got->estimate_us },
		{ want->duration_us, got->duration_us },
		{ want->cpu_us, got->cpu_us },
		{ want->peak_bytes, got->peak_bytes },
		{ want->slot, got->slot },
		{ want->exit_code, got->exit_code },
		{ want->signal, got->signal },
		{ want->dropped_bytes, got->dropped_bytes },
		{ want->makespan_us, got->makespan_us },
		{ want->bound_us, got->bound_us },
		{ want->slots, got->slots },
		{ want->busy_us, got->busy_us },
	};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (numbers[i][0] != numbers[i][1])
			fail_msg("number %zu: wanted %llu, got %llu", i,
				 (unsigned long long)numbers[i][0],
				 (unsigned long long)numbers[i][1]);
	return -ECANCELED; /* also shows that a negative return stops */
}

static void test_replay_gives_back_every_field(void **state)
{
	struct storekit *f = *state;
	uint64_t run = begin(f, "20261122-101112-0001");
	struct msg_run_event full = {
		.kind = MSG_RUN_CASE_FINISHED,
		.at_us = 1,
		.suite = STR_LIT("s"),
		.program = STR_LIT("p"),
		.name = STR_LIT("a\0b\xff"),
		.adapter = STR_LIT("gtest"),
		.file = STR_LIT("/x/p"),
		.index = UINT32_MAX,
		.count = 2,
		.outcome = OUTCOME_CRASH,
		.flaky = 1,
		.quarantined = 1,
		.found = 1,
		.attempt = 3,
		.estimate_us = 4,
		.duration_us = 5,
		.cpu_us = 6,
		.peak_bytes = 7,
		.worker = STR_LIT("w"),
		.slot = 8,
		.exit_code = 9,
		.signal = 11,
		.dropped_bytes = 10,
		.message = STR_LIT("m\0n"),
		.out = STR_LIT("\xfe\0o"),
		.err = STR_LIT("e"),
		.makespan_us = 12,
		.bound_us = 13,
		.slots = 14,
		.busy_us = 15,
	};
	add(f, run, full);
	assert_true(store_pending_bytes(f->store) > 0);
	assert_int_equal(store_commit(f->store, &f->err), 0);
	assert_int_equal(store_pending_bytes(f->store), 0);
	add(f, run, verdict("never seen", OUTCOME_PASS, 1));
	assert_int_equal(store_run_replay(f->store, run, same, &full, &f->err), -ECANCELED);
}

struct order {
	size_t n;
	uint64_t kinds[8];
	char name[64];
};

static int note(void *data, const struct msg_run_event *event)
{
	struct order *order = data;
	assert_true(order->n < 8);
	order->kinds[order->n++] = event->kind;
	if (event->kind == MSG_RUN_STARTED)
		snprintf(order->name, sizeof(order->name), "%.*s", STR_ARG(event->name));
	return 0;
}

static void test_events_come_in_their_order_across_commits_and_reopening(void **state)
{
	struct storekit *f = *state;
	uint64_t run = begin(f, "r"), other = begin(f, "other");
	add(f, run, (struct msg_run_event){ .kind = MSG_RUN_STARTED, .name = STR_LIT("r") });
	add(f, other, (struct msg_run_event){ .kind = MSG_RUN_STARTED, .name = STR_LIT("other") });
	add(f, run, verdict("a", OUTCOME_PASS, 1));
	assert_int_equal(store_commit(f->store, &f->err), 0);
	store_close(f->store);
	f->store = NULL;
	assert_int_equal(store_open(f->path, &f->store, &f->err), 0);
	add(f, other, verdict("b", OUTCOME_PASS, 1));
	add(f, run,
	    (struct msg_run_event){ .kind = MSG_RUN_FINISHED, .exit_code = 100, .makespan_us = 7 });
	finish(f, run, 100);

	struct order order = { 0 };
	assert_int_equal(store_run_replay(f->store, run, note, &order, &f->err), 0);
	assert_int_equal(order.n, 3);
	assert_int_equal(order.kinds[0], MSG_RUN_STARTED);
	assert_int_equal(order.kinds[1], MSG_RUN_CASE_FINISHED);
	assert_int_equal(order.kinds[2], MSG_RUN_FINISHED);
	assert_string_equal(order.name, "r");
}

static void test_only_cases_that_ran_to_their_end_give_samples(void **state)
{
	static const struct {
		enum outcome outcome;
		unsigned samples, runs, failures;
		bool failed_last, isolate;
	} rows[] = {
		{ OUTCOME_PASS, 1, 1, 0, false, false },   { OUTCOME_LEAK, 1, 1, 0, false, false },
		{ OUTCOME_FAIL, 1, 1, 1, true, false },	   { OUTCOME_TIMEOUT, 0, 1, 1, true, true },
		{ OUTCOME_CRASH, 0, 1, 1, true, true },	   { OUTCOME_OOM, 0, 1, 1, true, true },
		{ OUTCOME_SKIP, 0, 0, 0, false, false },   { OUTCOME_ERROR, 0, 0, 0, false, false },
		{ OUTCOME_NOTRUN, 0, 0, 0, false, false }, { OUTCOME_LOST, 0, 0, 0, false, false },
	};
	struct storekit *f = *state;
	uint64_t run = begin(f, "r");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		add(f, run, verdict(outcome_name(rows[i].outcome), rows[i].outcome, 42));
	finish(f, run, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct estimate_table table;
		char key[64];
		snprintf(key, sizeof(key), "s::p::%s", outcome_name(rows[i].outcome));
		const struct estimate_history *h = history(f, &table, key);
		if (!rows[i].runs)
			assert_null(h);
		else {
			assert_int_equal(h->n, rows[i].samples);
			assert_int_equal(h->runs, rows[i].runs);
			assert_int_equal(h->failures, rows[i].failures);
			assert_int_equal(h->failed_last, rows[i].failed_last);
			assert_int_equal(h->isolate, rows[i].isolate);
			assert_int_equal(h->n ? h->samples_us[0] : 42, 42);
		}
		estimate_table_done(&table);
	}
}

static void test_a_partial_run_leaves_other_cases_alone(void **state)
{
	struct storekit *f = *state;
	struct estimate_table table;
	uint64_t run = begin(f, "whole");
	add(f, run, verdict("a", OUTCOME_FAIL, 10));
	add(f, run, verdict("b", OUTCOME_FAIL, 20));
	finish(f, run, 100);
	run = begin(f, "interrupted rerun");
	add(f, run, verdict("a", OUTCOME_PASS, 11));
	add(f, run, verdict("b", OUTCOME_NOTRUN, 0));
	finish(f, run, 130);
	const struct estimate_history *a = history(f, &table, "s::p::a"),
				      *b = estimate_table_find(&table, STR_LIT("s::p::b"));
	assert_int_equal(a->n, 2);
	assert_int_equal(a->samples_us[0], 11);
	assert_false(a->failed_last);
	assert_int_equal(b->n, 1);
	assert_true(b->failed_last);
	estimate_table_done(&table);
}

static void test_a_case_that_crashed_before_it_passed_runs_alone_next_time(void **state)
{
	struct storekit *f = *state;
	struct estimate_table table;
	uint64_t run = begin(f, "r");
	struct msg_run_event crashed = verdict("a", OUTCOME_CRASH, 9),
			     passed = verdict("a", OUTCOME_PASS, 10);
	crashed.kind = MSG_RUN_CASE_RETRIED;
	passed.flaky = 1;
	add(f, run, crashed);
	add(f, run, passed);
	finish(f, run, 0);
	const struct estimate_history *a = history(f, &table, "s::p::a");
	assert_true(a->isolate);
	assert_false(a->failed_last);
	assert_int_equal(a->flakes, 1);
	assert_int_equal(a->runs, 1);
	assert_int_equal(a->n, 1);
	estimate_table_done(&table);
	run_one(f, "next", verdict("a", OUTCOME_PASS, 10));
	assert_false(history(f, &table, "s::p::a")->isolate);
	estimate_table_done(&table);
}

static void test_the_newest_samples_are_kept(void **state)
{
	struct storekit *f = *state;
	struct estimate_table table;
	for (unsigned i = 0; i < ESTIMATE_SAMPLES_MAX + 5; i++) {
		char name[16];
		snprintf(name, sizeof(name), "run-%u", i);
		struct msg_run_event event = verdict("a", OUTCOME_PASS, 1000 + i);
		event.cpu_us = i + 1;
		event.peak_bytes = (uint64_t)1 << (40 - i);
		run_one(f, name, event);
	}
	const struct estimate_history *a = history(f, &table, "s::p::a");
	assert_int_equal(a->n, ESTIMATE_SAMPLES_MAX);
	for (unsigned i = 0; i < ESTIMATE_SAMPLES_MAX; i++)
		assert_int_equal(a->samples_us[i], 1000 + ESTIMATE_SAMPLES_MAX + 4 - i);
	assert_int_equal(a->runs, ESTIMATE_SAMPLES_MAX + 5);
	assert_int_equal(a->cpu_us, 14);		 /* of 6..21 */
	assert_true(a->peak_bytes == (uint64_t)1 << 35); /* of the kept ones */
	estimate_table_done(&table);
}

static void test_instances_share_a_key_and_do_not_flood_it(void **state)
{
	struct storekit *f = *state;
	struct estimate_table table;
	run_one(f, "before", verdict("T/0", OUTCOME_PASS, 7));
	uint64_t run = begin(f, "r");
	for (unsigned i = 0; i < 100; i++) {
		char name[16];
		snprintf(name, sizeof(name), "T/%u", i);
		add(f, run, verdict(name, i == 50 ? OUTCOME_FAIL : OUTCOME_PASS, 100 + i));
	}
	finish(f, run, 100);
	const struct estimate_history *t = history(f, &table, "s::p::T/N");
	assert_int_equal(t->n, 5);
	assert_int_equal(t->samples_us[0], 187);
	assert_int_equal(t->samples_us[1], 162);
	assert_int_equal(t->samples_us[2], 137);
	assert_int_equal(t->samples_us[3], 112);
	assert_int_equal(t->samples_us[4], 7);
	assert_true(t->failed_last);
	assert_int_equal(t->runs, 101);
	estimate_table_done(&table);
}

static void test_suites_are_loaded_apart(void **state)
{
	struct storekit *f = *state;
	struct estimate_table table = { 0 };
	static const char *const suites[] = { "s", "s2", "s:", "t" };
	uint64_t run = begin(f, "r");
	for (size_t i = 0; i < 4; i++) {
		struct msg_run_event event = verdict("a", OUTCOME_PASS, 1);
		event.suite = str_of(suites[i]);
		add(f, run, event);
	}
	finish(f, run, 0);
	struct str two[] = { STR_LIT("s"), STR_LIT("t") };
	assert_int_equal(store_load_estimates(f->store, two, 2, &table, &f->err), 0);
	assert_non_null(estimate_table_find(&table, STR_LIT("s::p::a")));
	assert_non_null(estimate_table_find(&table, STR_LIT("t::p::a")));
	assert_null(estimate_table_find(&table, STR_LIT("s2::p::a")));
	estimate_table_done(&table);
	assert_int_equal(store_load_estimates(f->store, NULL, 0, &table, &f->err), 0);
	assert_int_equal(table.len, 4);
	estimate_table_done(&table);
}

static void test_startups_are_learned(void **state)
{
	struct storekit *f = *state;
	struct estimate_table table = { 0 };
	uint64_t startup_us = 0;
	assert_int_equal(store_startup(f->store, STR_LIT("s"), STR_LIT("p"), 1000), 0);
	assert_int_equal(store_commit(f->store, &f->err), 0);
	assert_int_equal(store_startup(f->store, STR_LIT("s"), STR_LIT("p"), 2000), 0);
	assert_int_equal(store_commit(f->store, &f->err), 0);
	assert_int_equal(store_load_estimates(f->store, NULL, 0, &table, &f->err), 0);
	assert_true(map_get(&table.startups, STR_LIT("s::p"), &startup_us));
	assert_int_equal(startup_us, 1300);
	estimate_table_done(&table);
}

static void first_run(void *data, const struct store_run *run)
{
	struct store_run *first = data;
	if (!first->run)
		*first = *run;
	first->name = first->submit = first->bounded_by =
		(struct str){ 0 }; /* do not outlive the call */
}

static void test_the_list_of_runs_counts(void **state)
{
	struct storekit *f = *state;
	uint64_t run = begin(f, "r");
	struct msg_run_event flaky = verdict("b", OUTCOME_PASS, 1);
	flaky.flaky = 1;
	add(f, run, verdict("a", OUTCOME_FAIL, 1));
	add(f, run, flaky);
	add(f, run, verdict("c", OUTCOME_LEAK, 1));
	add(f, run,
	    (struct msg_run_event){ .kind = MSG_RUN_FINISHED,
				    .exit_code = 100,
				    .makespan_us = 7,
				    .bound_us = 6,
				    .busy_us = 5,
				    .slots = 4,
				    .message = STR_LIT("longest case") });
	finish(f, run, 111);
	struct store_run first = { 0 };
	assert_int_equal(store_runs(f->store, 10, first_run, &first, &f->err), 0);
	assert_true(first.run == run);
	assert_int_equal(first.started_us, 1000);
	assert_int_equal(first.finished_us, 5000);
	assert_int_equal(first.exit_code, 111);
	assert_int_equal(first.cases, 3);
	assert_int_equal(first.red, 1);
	assert_int_equal(first.flaky, 1);
	assert_int_equal(first.makespan_us, 7);
	assert_int_equal(first.bound_us, 6);
	assert_int_equal(first.busy_us, 5);
	assert_int_equal(first.slots, 4);
}

static void test_a_run_is_found_by_name_prefix_or_age(void **state)
{
	struct storekit *f = *state;
	uint64_t run = 0;
	assert_int_equal(store_run_find(f->store, STR_LIT("latest"), &run, &f->err), -ENOENT);
	assert_non_null(strstr(f->err.text, "no run is recorded"));
	uint64_t a = begin(f, "20261122-101112-0001"), b = begin(f, "20261122-101112-0002"),
		 c = begin(f, "2026");
	assert_int_equal(store_run_find(f->store, STR_LIT("latest"), &run, &f->err), 0);
	assert_true(run == c);
	assert_int_equal(store_run_find(f->store, STR_LIT("20261122-101112-0001"), &run, &f->err),
			 0);
	assert_true(run == a);
	assert_int_equal(store_run_find(f->store, STR_LIT("2026"), &run, &f->err), 0);
	assert_true(run == c);
	assert_int_equal(store_run_find(f->store, STR_LIT("20261122"), &run, &f->err), -ENOENT);
	assert_non_null(strstr(f->err.text, "several"));
	assert_int_equal(store_run_find(f->store, STR_LIT("20261122-101112-0002"), &run, &f->err),
			 0);
	assert_true(run == b);
	assert_int_equal(store_run_find(f->store, STR_LIT("nope"), &run, &f->err), -ENOENT);
	assert_non_null(strstr(f->err.text, "20261122-101112-0002"));
	assert_true(run == b);
	assert_int_equal(store_run_begin(f->store, STR_LIT("2026"), 1, STR_LIT(""), &run, &f->err),
			 -EEXIST);
}

static void append_name(void *data, struct str suite, struct str program, struct str name)
{
	assert_int_equal(buf_printf(data, "%.*s::%.*s::%.*s ", STR_ARG(suite), STR_ARG(program),
				    STR_ARG(name)),
			 0);
}

static void append_change(void *data, const struct store_change *change)
{
	assert_int_equal(buf_printf(data, "%.*s:%s>%s ", STR_ARG(change->name),
				    outcome_name(change->before), outcome_name(change->after)),
			 0);
}

static void test_what_failed_and_what_changed(void **state)
{
	struct storekit *f = *state;
	struct buf text;
	buf_init(&text, 1024);
	uint64_t one = begin(f, "one"), two = begin(f, "two");
	struct msg_run_event known = verdict("known", OUTCOME_FAIL, 1),
			     moved = verdict("b", OUTCOME_CRASH, 1);
	known.quarantined = 1;
	moved.file = STR_LIT("/elsewhere/p");
	add(f, one, verdict("a", OUTCOME_FAIL, 1));
	add(f, one, verdict("b", OUTCOME_PASS, 1));
	add(f, one, verdict("n", OUTCOME_NOTRUN, 0));
	add(f, one, known);
	add(f, two, verdict("a", OUTCOME_PASS, 1));
	add(f, two, moved);
	add(f, two, known);
	finish(f, one, 100);
	finish(f, two, 100);
	assert_int_equal(store_run_failed(f->store, one, append_name, &text, &f->err), 0);
	assert_string_equal(buf_text(&text), "s::p::a s::p::n ");
	buf_clear(&text);
	assert_int_equal(store_changes(f->store, one, two, append_change, &text, &f->err), 0);
	assert_string_equal(buf_text(&text), "a:fail>pass b:pass>crash ");
	buf_done(&text);
}

static void count_run(void *data, const struct store_run *run)
{
	assert_true(run->run > 0);
	(*(unsigned *)data)++;
}

static void test_old_runs_go_their_history_stays(void **state)
{
	struct storekit *f = *state;
	struct estimate_table table;
	unsigned n = 0;
	for (unsigned i = 0; i < 5; i++) {
		char name[16];
		snprintf(name, sizeof(name), "r%u", i);
		run_one(f, name, verdict("a", OUTCOME_PASS, 1 + i));
	}
	assert_int_equal(store_prune(f->store, 10000, 30, 2, &f->err), 0);
	assert_int_equal(store_runs(f->store, 10, count_run, &n, &f->err), 0);
	assert_int_equal(n, 2);
	assert_int_equal(history(f, &table, "s::p::a")->n, 5);
	estimate_table_done(&table);
	n = 0;
	assert_int_equal(store_prune(f->store, UINT64_C(31) * 86400 * 1000000, 30, 2, &f->err), 0);
	assert_int_equal(store_runs(f->store, 10, count_run, &n, &f->err), 0);
	assert_int_equal(n, 0);
	run_one(f, "after", verdict("a", OUTCOME_PASS, 9)); /* the names are interned anew */
	assert_int_equal(history(f, &table, "s::p::a")->samples_us[0], 9);
	estimate_table_done(&table);
}

static void test_imported_samples_count(void **state)
{
	struct storekit *f = *state;
	struct estimate_table table;
	struct store_sample samples[] = {
		{ STR_LIT("s"), STR_LIT("p"), STR_LIT("a"), 5, false },
		{ STR_LIT("s"), STR_LIT("p"), STR_LIT("a"), 6, false },
		{ STR_LIT("s"), STR_LIT("p"), STR_LIT("b"), 7, true },
	};
	assert_int_equal(store_add_samples(f->store, samples, 3, 1, &f->err), 0);
	const struct estimate_history *a = history(f, &table, "s::p::a");
	assert_int_equal(a->n, 2);
	assert_int_equal(a->samples_us[0], 6);
	assert_true(estimate_table_find(&table, STR_LIT("s::p::b"))->failed_last);
	estimate_table_done(&table);
}

static void test_two_processes_share_one_file(void **state)
{
	struct storekit *f = *state;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct store *store = NULL;
		struct msg_run_event event = verdict("child", OUTCOME_PASS, 3);
		uint64_t run;
		int r = store_open(f->path, &store, NULL);
		r = r ? r : store_run_begin(store, STR_LIT("child"), 1, STR_LIT(""), &run, NULL);
		for (int i = 0; r == 0 && i < 100; i++) {
			r = store_run_event(store, run, &event);
			r = r ? r : store_commit(store, NULL);
		}
		r = r ? r : store_run_finish(store, run, 2, 0, NULL);
		store_close(store);
		_exit(r ? 1 : 0);
	}
	assert_int_equal(store_relax(f->store, &f->err), 0);
	uint64_t run = begin(f, "parent");
	for (int i = 0; i < 100; i++) {
		add(f, run, verdict("parent", OUTCOME_PASS, 4));
		assert_int_equal(store_commit(f->store, &f->err), 0);
	}
	finish(f, run, 0);
	int status = -1;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	struct estimate_table table;
	assert_int_equal(history(f, &table, "s::p::child")->runs, 100);
	assert_int_equal(estimate_table_find(&table, STR_LIT("s::p::parent"))->runs, 100);
	estimate_table_done(&table);
}

static void overwrite(struct storekit *f, const void *bytes, size_t n, long offset)
{
	store_close(f->store);
	f->store = NULL;
	FD_CLEANUP int fd = open(f->path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, n, offset), n);
}

static void test_a_damaged_file_is_refused_by_name(void **state)
{
	struct storekit *f = *state;
	overwrite(f, "this is no database, it is a text that somebody put here", 56, 0);
	assert_int_equal(store_open(f->path, &f->store, &f->err), -EBADMSG);
	assert_non_null(strstr(f->err.text, f->path));
	assert_non_null(strstr(f->err.text, "move it away"));
}

static void test_a_newer_file_is_refused_and_left_alone(void **state)
{
	static const unsigned char version[] = { 0, 0, 3, 0xe7 };
	struct storekit *f = *state;
	overwrite(f, version, sizeof(version),
		  60); /* user_version in the header of an SQLite file */
	assert_int_equal(store_open(f->path, &f->store, &f->err), -EPROTO);
	assert_non_null(strstr(f->err.text, "newer paddock"));
	assert_non_null(strstr(f->err.text, "999"));
}

static void test_another_programs_database_is_refused(void **state)
{
	static const unsigned char application[] = { 1, 2, 3, 4 };
	struct storekit *f = *state;
	overwrite(f, application, sizeof(application), 68);
	assert_int_equal(store_open(f->path, &f->store, &f->err), -EBADMSG);
	assert_non_null(strstr(f->err.text, "another program"));
}

static void test_a_folder_that_cannot_be_made_is_named(void **state)
{
	struct storekit *f = *state;
	struct store *store = NULL;
	assert_int_equal(store_open("/proc/nowhere/history.db", &store, &f->err), -ENOENT);
	assert_non_null(strstr(f->err.text, "/proc/nowhere"));
	assert_non_null(strstr(f->err.text, "--history"));
	assert_null(store);
}

static void test_what_waits_is_bounded(void **state)
{
	struct storekit *f = *state;
	uint64_t run = begin(f, "r");
	char *big = calloc(1, LIMIT_CHUNK_BYTES);
	struct msg_run_event event = verdict("a", OUTCOME_FAIL, 1);
	event.out = (struct str){ big, LIMIT_CHUNK_BYTES };
	int r = 0;
	for (int i = 0; r == 0 && i <= STORE_PENDING_BYTES / LIMIT_CHUNK_BYTES; i++)
		r = store_run_event(f->store, run, &event);
	assert_int_equal(r, -ENOBUFS);
	assert_true(store_pending_bytes(f->store) <= STORE_PENDING_BYTES);
	free(big);
}

static int count_event(void *data, const struct msg_run_event *event)
{
	assert_true(event->kind < MSG_RUN_KIND_MAX);
	(*(unsigned *)data)++;
	return 0;
}

/* No room for the file to grow: the commit fails, what waits is still there, and goes in when there
 * is room again. */
static void test_a_commit_that_failed_is_repeated(void **state)
{
	struct storekit *f = *state;
	struct rlimit old, none;
	unsigned n = 0;
	uint64_t run = begin(f, "r");
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	none = (struct rlimit){ .rlim_cur = 4096, .rlim_max = old.rlim_max };
	struct sigaction ignore = { .sa_handler = SIG_IGN }, before;
	assert_int_equal(sigaction(SIGXFSZ, &ignore, &before), 0);
	add(f, run, verdict("a", OUTCOME_PASS, 1));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	int r = store_commit(f->store, &f->err);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(sigaction(SIGXFSZ, &before, NULL), 0);
	assert_true(r < 0);
	assert_non_null(strstr(f->err.text, f->path));
	assert_true(store_pending_bytes(f->store) > 0);
	add(f, run, verdict("b", OUTCOME_PASS, 1));
	assert_int_equal(store_commit(f->store, &f->err), 0);
	assert_int_equal(store_run_replay(f->store, run, count_event, &n, &f->err), 0);
	assert_int_equal(n, 2);
}

/* A file of format 1 as it was written then: nothing is lost on the way up. */
static void test_an_older_file_is_migrated(void **state)
{
	struct storekit *f = *state;
	const char *source = getenv("PADDOCK_SOURCE");
	char path[4200];
	struct buf bytes;
	struct order order = { 0 };
	struct estimate_table table;
	uint64_t run = 0;
	snprintf(path, sizeof(path), "%s/tests/fixtures/history-v1.db", source ? source : ".");
	assert_int_equal(fd_read_file(path, 1 << 20, &bytes), 0);
	store_close(f->store);
	f->store = NULL;
	assert_int_equal(fd_write_file(f->path, bytes.data, bytes.len, &f->err), 0);
	buf_done(&bytes);
	for (int i = 0; i < 2; i++) { /* the second time there is nothing to do */
		store_close(f->store);
		f->store = NULL;
		if (store_open(f->path, &f->store, &f->err) != 0)
			fail_msg("%s", f->err.text);
	}
	assert_int_equal(store_run_find(f->store, STR_LIT("20261122"), &run, &f->err), 0);
	assert_int_equal(run, 7);
	assert_int_equal(store_run_replay(f->store, run, note, &order, &f->err), 0);
	assert_int_equal(order.n, 2);
	assert_string_equal(order.name, "20261122-101112-7f3a");
	assert_int_equal(history(f, &table, "s::p::a")->samples_us[0], 42);
	estimate_table_done(&table);
	add(f, run, verdict("b", OUTCOME_PASS, 1));
	finish(f, run, 0);
	order.n = 0;
	assert_int_equal(store_run_replay(f->store, run, note, &order, &f->err), 0);
	assert_int_equal(order.n, 3);
}

static int same_artifact(void *data, const struct msg_run_event *got)
{
	const struct msg_run_event *want = data;
	assert_true(str_eq(got->path, want->path) && str_eq(got->file, want->file));
	assert_true(got->kind == want->kind && got->offset == 28 && got->count == want->count);
	assert_true(got->attempt == want->attempt && !got->out.len && !got->peak_bytes);
	return 0;
}

/* Of a file its name and size are kept, once, and nothing of its content. */
static void test_artifacts_leave_no_content(void **state)
{
	struct storekit *f = *state;
	struct msg_run_event event = verdict("a", OUTCOME_PASS, 0);
	event.kind = MSG_RUN_ARTIFACT;
	event.file = STR_LIT("/program");
	event.path = STR_LIT("core/dump");
	event.out = STR_LIT("secret content");
	event.count = 3;
	event.more = 1;
	uint64_t run = begin(f, "20261122-101112-7f3a");
	add(f, run, event);
	event.more = 0;
	event.offset = 14;
	add(f, run, event);
	finish(f, run, 0);
	assert_int_equal(store_run_replay(f->store, run, same_artifact, &event, &f->err), 0);
	uint64_t events = 0; /* the piece keeps its number, for those who watch */
	assert_int_equal(store_run_length(f->store, run, &events, &f->err), 0);
	assert_int_equal(events, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, storekit_set_up, storekit_tear_down)

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		TEST(replay_gives_back_every_field),
		TEST(events_come_in_their_order_across_commits_and_reopening),
		TEST(only_cases_that_ran_to_their_end_give_samples),
		TEST(a_partial_run_leaves_other_cases_alone),
		TEST(a_case_that_crashed_before_it_passed_runs_alone_next_time),
		TEST(the_newest_samples_are_kept),
		TEST(instances_share_a_key_and_do_not_flood_it),
		TEST(suites_are_loaded_apart),
		TEST(startups_are_learned),
		TEST(the_list_of_runs_counts),
		TEST(a_run_is_found_by_name_prefix_or_age),
		TEST(what_failed_and_what_changed),
		TEST(old_runs_go_their_history_stays),
		TEST(imported_samples_count),
		TEST(two_processes_share_one_file),
		TEST(what_waits_is_bounded),
		TEST(artifacts_leave_no_content),
	};
	const struct CMUnitTest of_files[] = {
		TEST(a_damaged_file_is_refused_by_name),
		TEST(a_newer_file_is_refused_and_left_alone),
		TEST(another_programs_database_is_refused),
		TEST(a_folder_that_cannot_be_made_is_named),
		TEST(a_commit_that_failed_is_repeated),
		TEST(an_older_file_is_migrated),
	};
	int r = storekit_begin(argc, argv);
	if (r)
		return r;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	if (!storekit_is_server())
		r += cmocka_run_group_tests(of_files, NULL, NULL);
	return storekit_end(r);
}
