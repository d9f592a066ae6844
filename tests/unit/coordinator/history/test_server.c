// SPDX-License-Identifier: Apache-2.0
/*
 * test_server.c - a store in PostgreSQL when the server goes away, loses an answer, is somebody
 * else's or not to be had. Passwords of URLs stay out of every text.
 * ctest: timeout=120
 */
#include "coordinator/history/store.h"
#include "protocol/wire/outcome.h"
#include "tests/kit/storekit.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void begin(struct storekit *f)
{
	assert_int_equal(store_run_begin(f->store, STR_LIT("r"), 1000, STR_LIT(""), &f->run,
					 &f->err),
			 0);
}

static void add(struct storekit *f, const char *name)
{
	const struct msg_run_event event = { .kind = MSG_RUN_CASE_FINISHED,
					     .suite = STR_LIT("s"),
					     .program = STR_LIT("p"),
					     .name = str_of(name),
					     .outcome = OUTCOME_PASS,
					     .duration_us = 1 };
	assert_int_equal(store_run_event(f->store, f->run, &event), 0);
}

static int append(void *data, const struct msg_run_event *event)
{
	size_t n = strlen(data);
	snprintf((char *)data + n, 64 - n, "%.*s ", STR_ARG(event->name));
	return 0;
}

static void expect_events(struct storekit *f, const char *want)
{
	char got[64] = "";
	if (store_run_replay(f->store, f->run, append, got, &f->err) != 0)
		fail_msg("%s", f->err.text);
	assert_string_equal(got, want);
}

static void commit(struct storekit *f)
{
	if (store_commit(f->store, &f->err) != 0)
		fail_msg("%s", f->err.text);
}

/* Whatever is asked next is answered; nothing that was committed is lost. */
static void test_a_server_that_was_restarted_is_not_noticed(void **state)
{
	struct storekit *f = *state;
	begin(f);
	add(f, "a");
	commit(f);
	storekit_ctl("restart -m immediate");
	expect_events(f, "a ");
	storekit_ctl("restart -m fast");
	add(f, "b");
	commit(f);
	expect_events(f, "a b ");
}

static void test_what_waits_is_written_when_the_server_is_back(void **state)
{
	struct storekit *f = *state;
	begin(f);
	add(f, "a");
	storekit_ctl("stop -m immediate");
	assert_int_equal(store_commit(f->store, &f->err), -EIO);
	assert_non_null(strstr(f->err.text, store_name(f->store)));
	assert_null(strstr(f->err.text, "Secret"));
	assert_true(store_pending_bytes(f->store) > 0);
	add(f, "b");
	assert_int_equal(store_commit(f->store, &f->err), -EIO);
	storekit_ctl("start");
	usleep(150 * 1000); /* failed attempts to connect rest a little */
	commit(f);
	assert_int_equal(store_pending_bytes(f->store), 0);
	expect_events(f, "a b ");
}

#define END_BACKENDS                                                                     \
	"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name " \
	"LIKE 'paddock-%' AND wait_event = 'SyncRep'"

/*
 * The server commits, then waits for a standby that never comes, and the connection ends: the store
 * cannot know, asks, and writes nothing twice.
 */
static void test_a_commit_whose_answer_was_lost_is_not_repeated(void **state)
{
	struct storekit *f = *state;
	begin(f);
	add(f, "a");
	storekit_sql(NULL, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
	storekit_ctl("reload");
	storekit_sql_later(8, END_BACKENDS);
	usleep(200 * 1000); /* for the server to have heard */
	assert_int_equal(store_commit(f->store, &f->err), -EIO);
	storekit_sql(NULL, "ALTER SYSTEM RESET synchronous_standby_names");
	storekit_ctl("reload");
	usleep(200 * 1000);
	assert_true(store_pending_bytes(f->store) > 0);
	add(f, "b");
	commit(f);
	expect_events(f, "a b ");
}

/* The longest names are written and found again, each once. */
static void test_names_may_be_as_long_as_the_protocol_lets_them(void **state)
{
	struct storekit *f = *state;
	struct estimate_table table = { 0 };
	static char name[LIMIT_NAME_BYTES];
	unsigned seed = 7;
	for (size_t i = 0; i < sizeof(name) - 1; i++) /* what no index can compress */
		name[i] = (char)('!' + rand_r(&seed) % 90);
	begin(f);
	for (int i = 0; i < 2; i++) {
		const struct msg_run_event event = { .kind = MSG_RUN_CASE_FINISHED,
						     .suite = str_of(name),
						     .program = str_of(name),
						     .name = str_of(name),
						     .file = str_of(name),
						     .outcome = OUTCOME_PASS,
						     .duration_us = 5 };
		assert_int_equal(store_run_event(f->store, f->run, &event), 0);
		assert_int_equal(store_startup(f->store, event.suite, event.program, 9), 0);
		commit(f);
	}
	assert_int_equal(store_run_finish(f->store, f->run, 2000, 0, &f->err), 0);
	assert_int_equal(store_load_estimates(f->store, NULL, 0, &table, &f->err), 0);
	assert_int_equal(table.len, 1);
	assert_int_equal(table.startups.len, 1);
	estimate_table_done(&table);
}

/* Two coordinators on one database would both go on with its runs. */
static void test_it_is_claimed_by_one_and_open_to_all(void **state)
{
	struct storekit *f = *state;
	struct store *other = NULL;
	assert_int_equal(store_claim(f->store, &f->err), 0);
	assert_int_equal(store_open(f->path, &other, &f->err), 0);
	assert_int_equal(store_claim(other, &f->err), -EADDRINUSE);
	assert_non_null(strstr(f->err.text, "another coordinator"));
	begin(f);
	storekit_ctl("restart -m immediate"); /* the claim is taken again with the connection */
	expect_events(f, "");
	assert_int_equal(store_claim(other, &f->err), -EADDRINUSE);
	store_close(f->store);
	f->store = NULL;
	assert_int_equal(store_claim(other, &f->err), 0);
	store_close(other);
}

static void test_a_newer_format_and_other_tables_are_refused(void **state)
{
	struct storekit *f = *state;
	store_close(f->store);
	f->store = NULL;
	storekit_sql(f->path, "UPDATE counters SET value = 999 WHERE name = 'format'");
	assert_int_equal(store_open(f->path, &f->store, &f->err), -EPROTO);
	assert_non_null(strstr(f->err.text, "newer paddock"));
	storekit_sql(f->path, "DROP TABLE counters");
	assert_int_equal(store_open(f->path, &f->store, &f->err), -EBADMSG);
	assert_non_null(strstr(f->err.text, "of its own"));
	assert_null(f->store);
}

static void test_no_text_has_a_password(void **state)
{
	struct storekit *f = *state;
	static const struct {
		const char *url;
		int code;
	} rows[] = {
		{ "postgresql://me:Secret@127.0.0.1:1/db", -EIO },
		{ "postgresql://me:Secret@[::1/db", -EINVAL },
		{ "postgresql://me:Sec@Secret@host/db", -EINVAL },
		{ "postgresql://me:1/Secret@host/db", -EINVAL },
		{ "postgresql://me:Secret/x@host/db", -EINVAL },
		{ "postgresql://me:a?b@Secret@host/db", -EINVAL },
		{ "postgresql://me:1/a?Secret@host/db", -EINVAL },
		{ "postgresql://me@127.0.0.1:1/db?password=Secret", -EIO },
		{ "mysql://me:Secret@host/db", -EINVAL },
	};
	struct store *store = NULL;
	assert_null(strstr(store_name(f->store), "Secret"));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int r = store_open(rows[i].url, &store, &f->err);
		if (r != rows[i].code || strstr(f->err.text, "Secret"))
			fail_msg("%s: %d %s", rows[i].url, r, f->err.text);
		assert_null(store);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, storekit_set_up, storekit_tear_down)

int main(void)
{
	char *words[] = { "server", "postgres", NULL };
	const struct CMUnitTest tests[] = {
		TEST(a_server_that_was_restarted_is_not_noticed),
		TEST(what_waits_is_written_when_the_server_is_back),
		TEST(a_commit_whose_answer_was_lost_is_not_repeated),
		TEST(names_may_be_as_long_as_the_protocol_lets_them),
		TEST(it_is_claimed_by_one_and_open_to_all),
		TEST(a_newer_format_and_other_tables_are_refused),
		TEST(no_text_has_a_password),
	};
	int r = storekit_begin(2, words);
	return r ? r : storekit_end(cmocka_run_group_tests(tests, NULL, NULL));
}
