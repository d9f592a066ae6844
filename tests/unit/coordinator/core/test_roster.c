// SPDX-License-Identifier: Apache-2.0
/*
 * test_roster.c - who works for whom: requirements and tags, what nobody serves, draining and
 * evicting, quotas and turns between runs, and what is said of all that.
 */
#include "tests/kit/desk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static uint64_t join_with(struct desk *desk, const char *name, uint64_t slots, const char *tag,
			  const char *tag2)
{
	const struct str tags[] = { str_of(tag), str_of(tag2) };
	uint64_t worker = core_worker_joined(desk->core, desk->now_us,
					     &(struct core_worker_spec){
						     .name = str_of(name),
						     .slots = slots,
						     .tags = tags,
						     .n_tags = (tag != NULL) + (tag2 != NULL) });
	assert_true(worker > 0);
	desk_drain(desk);
	return worker;
}

/* A run of one program that requires a tag (NULL: none), for a client. */
static uint64_t submit(struct desk *desk, const char *tag, struct msg_submit submission,
		       const char *client)
{
	const struct str requires[] = { str_of(tag) };
	struct msg_program program = { .suite = STR_LIT("s"),
				       .name = STR_LIT("a"),
				       .kind = STR_LIT("gtest"),
				       .path = STR_LIT("/p"),
				       .requires = requires,
				       .n_requires = tag != NULL,
				       .isolate = 1 };
	submission.programs = &program;
	submission.n_programs = 1;
	desk->run = core_run_submit(desk->core, desk->now_us, &submission, "run", NULL, NULL);
	assert_true(desk->run > 0);
	if (client)
		core_run_of_client(desk->core, desk->run, str_of(client));
	desk_drain(desk);
	return desk->run;
}

static void list_cases(struct desk *desk, size_t n)
{
	static char names[16][8];
	struct msg_listed listed[16] = { 0 };
	for (size_t i = 0; i < n; i++) {
		snprintf(names[i], sizeof(names[i]), "c%zu", i);
		listed[i].name = str_of(names[i]);
	}
	desk_list(desk, listed, n);
}

static void tick(struct desk *desk)
{
	uint64_t due = core_deadline_us(desk->core);
	assert_true(due != UINT64_MAX && due >= desk->now_us);
	desk->now_us = due;
	core_tick(desk->core, desk->now_us);
	desk_drain(desk);
}

static void test_requirements(void **state)
{
	struct desk *desk = *state;
	join_with(desk, "plain", 4, NULL, NULL);
	join_with(desk, "fast", 4, "disk=fast", "os=linux");
	uint64_t gpu = join_with(desk, "gpu", 1, "os=linux", "gpu=1");
	submit(desk, "gpu=1", (struct msg_submit){ 0 }, NULL);
	assert_int_equal(desk->orders.len, 1);
	assert_true(desk->orders.items[0].worker == gpu);
	list_cases(desk, 3);
	for (int i = 0; i < 3; i++) { /* one slot, one after the other */
		assert_int_equal(desk->orders.len, 1);
		assert_true(desk_run(desk, OUTCOME_PASS).worker == gpu);
	}
	desk_expect_end(desk, EXIT_CODE_OK, 3);
}

static void test_both_classes_of_a_run(void **state)
{
	struct desk *desk = *state;
	const struct str requires[] = { STR_LIT("gpu=1") };
	struct msg_program programs[] = {
		{ .suite = STR_LIT("s"),
		  .name = STR_LIT("a"),
		  .kind = STR_LIT("gtest"),
		  .path = STR_LIT("/p") },
		{ .suite = STR_LIT("s"),
		  .name = STR_LIT("b"),
		  .kind = STR_LIT("gtest"),
		  .path = STR_LIT("/p"),
		  .requires = requires,
		  .n_requires = 1 },
	};
	struct msg_submit submission = { .programs = programs, .n_programs = 2 };
	join_with(desk, "plain", 2, NULL, NULL);
	desk->run = core_run_submit(desk->core, desk->now_us, &submission, "run", NULL, NULL);
	desk_drain(desk);
	assert_int_equal(desk->orders.len, 1); /* a alone */
	list_cases(desk, 1);
	desk_run(desk, OUTCOME_PASS);
	assert_int_equal(desk->orders.len, 0);
	assert_false(desk->done);
	join_with(desk, "gpu", 2, "gpu=1", NULL);
	list_cases(desk, 1);
	desk_run(desk, OUTCOME_PASS);
	desk_expect_end(desk, EXIT_CODE_OK, 2);
}

static void test_nobody_serves(void **state)
{
	struct desk *desk = *state;
	uint64_t begun_us = desk->now_us;
	submit(desk, "gpu=1", (struct msg_submit){ .wait_us = 60 * DESK_S }, NULL);
	tick(desk);
	assert_int_equal(desk->now_us - begun_us, 5 * DESK_S);
	assert_int_equal(desk_count(desk, MSG_RUN_WARNING), 1);
	assert_non_null(strstr(desk_last(desk, MSG_RUN_WARNING, NULL)->message.data,
			       "no worker with the tag gpu=1 is connected"));
	tick(desk);
	assert_int_equal(desk->now_us - begun_us, 60 * DESK_S);
	assert_int_equal(desk_count(desk, MSG_RUN_WARNING), 1); /* told once */
	desk_expect_end(desk, EXIT_CODE_INCOMPLETE, 1);
	assert_int_equal(desk_verdict(desk, "(listing)"), OUTCOME_ERROR);
}

/* Its only worker leaves: what it had begun is lost, runs again, and is given up in the end. */
static void test_the_only_one_leaves(void **state)
{
	struct desk *desk = *state;
	uint64_t worker = join_with(desk, "gpu", 1, "gpu=1", NULL);
	join_with(desk, "plain", 4, NULL, NULL);
	submit(desk, "gpu=1", (struct msg_submit){ .wait_us = 10 * DESK_S }, NULL);
	list_cases(desk, 2);
	core_worker_left(desk->core, desk->now_us, worker, "test");
	desk_drain(desk);
	while (!desk->done && desk->now_us < 1000 * DESK_S)
		tick(desk);
	desk_expect_end(desk, EXIT_CODE_INCOMPLETE, 2);
	assert_int_equal(desk_verdict(desk, "c0"), OUTCOME_ERROR);
	assert_int_equal(desk_verdict(desk, "c1"), OUTCOME_ERROR);
}

static void test_drained_and_evicted(void **state)
{
	struct desk *desk = *state;
	uint64_t one = desk_join(desk, "one", 1);
	submit(desk, NULL, (struct msg_submit){ 0 }, NULL);
	list_cases(desk, 2);
	struct desk_order order = desk_next(desk);
	for (int i = 0; i < 5; i++) { /* more often than losses are forgiven */
		core_worker_drain(desk->core, desk->now_us, one, true);
		core_worker_evict(desk->core, desk->now_us, one, desk->now_us + DESK_S);
		desk_drain(desk);
		assert_int_equal(desk->orders.len, 0);
		tick(desk);
		struct desk_order cancel = desk_next(desk);
		assert_true(cancel.cancel && cancel.attempt == order.attempt);
		desk_close(desk, &order, MSG_CLOSE_CANCELLED);
		assert_int_equal(desk->orders.len, 0); /* nobody else is there */
		core_worker_drain(desk->core, desk->now_us, one, false);
		desk_drain(desk);
		order = desk_next(desk);
		assert_false(order.cancel);
	}
	desk_end(desk, &order, 0, OUTCOME_PASS);
	desk_close(desk, &order, MSG_CLOSE_FINE);
	desk_run(desk, OUTCOME_PASS);
	desk_expect_end(desk, EXIT_CODE_OK, 2);
}

/* The deadline of a drain that was taken back is void. */
static void test_undrained(void **state)
{
	struct desk *desk = *state;
	uint64_t one = desk_join(desk, "one", 1);
	submit(desk, NULL, (struct msg_submit){ 0 }, NULL);
	list_cases(desk, 1);
	core_worker_drain(desk->core, desk->now_us, one, true);
	core_worker_evict(desk->core, desk->now_us, one, desk->now_us + DESK_S);
	core_worker_drain(desk->core, desk->now_us, one, false);
	core_tick(desk->core, desk->now_us += 2 * DESK_S);
	desk_drain(desk);
	assert_int_equal(desk->orders.len, 1);
	desk_run(desk, OUTCOME_PASS);
	desk_expect_end(desk, EXIT_CODE_OK, 1);
}

static uint64_t slots_of(struct desk *desk, uint64_t run)
{
	return core_run_status(desk->core, run).slots;
}

static void test_quota(void **state)
{
	struct desk *desk = *state;
	core_configure(desk->core, desk->now_us, &(struct core_options){ .client_slots = 2 });
	uint64_t first = submit(desk, NULL, (struct msg_submit){ 0 }, "alice");
	desk_join(desk, "w", 4);
	list_cases(desk, 8);
	assert_int_equal(slots_of(desk, first), 4); /* nobody else wants them */
	uint64_t second = submit(desk, NULL, (struct msg_submit){ 0 }, "bob");
	for (size_t i = 0; i < 3; i++) {
		struct desk_order order = desk_next(desk);
		desk_end(desk, &order, 0, OUTCOME_PASS);
		desk_close(desk, &order, MSG_CLOSE_FINE);
		if (i == 0) { /* the slot went to bob's listing */
			struct desk_order list = desk->orders.items[--desk->orders.len];
			assert_true(list.list);
			memmove(desk->orders.items + 1, desk->orders.items,
				desk->orders.len++ * sizeof(list));
			desk->orders.items[0] = list;
			list_cases(desk, 8);
		}
	}
	assert_int_equal(slots_of(desk, first), 2);
	assert_int_equal(slots_of(desk, second), 2);
}

static bool said(const char *texts, const char *what)
{
	return strstr(texts, what) != NULL;
}

static void note(void *data, const struct core_reason *reason)
{
	char *texts = data;
	size_t len = strlen(texts);
	snprintf(texts + len, 4096 - len, "%.*s\n", STR_ARG(reason->text));
}

static void test_explained(void **state)
{
	struct desk *desk = *state;
	char texts[4096] = "";
	uint64_t one = desk_join(desk, "one", 1), two = desk_join(desk, "two", 1);
	uint64_t first = submit(desk, NULL, (struct msg_submit){ .priority = 3 }, "alice");
	list_cases(desk, 8);
	uint64_t second = submit(desk, "gpu=1", (struct msg_submit){ .wait_us = DESK_S }, "bob");
	core_worker_drain(desk->core, desk->now_us, two, true);
	assert_true(core_run_explain(desk->core, desk->now_us, first, note, texts));
	assert_true(said(texts, "1 worker gets no work: two drains"));
	assert_true(said(texts, "6 cases wait: all 1 slots that would serve are taken"));
	assert_true(said(texts, "s::a on one for 0 us, 1 case to go, now c0"));
	texts[0] = '\0';
	assert_true(core_run_explain(desk->core, desk->now_us, second, note, texts));
	assert_true(said(texts, "no worker with the tag gpu=1 is connected, since 0 us: 1 program "
				"to be listed waits for one, 1.00 s at most"));
	texts[0] = '\0';
	core_tick(desk->core, desk->now_us += 6 * DESK_S);
	assert_true(core_worker_ready(desk->core, desk->now_us, two));
	assert_true(core_run_explain(desk->core, desk->now_us, first, note, texts));
	assert_true(said(texts, "one is silent for 6"));
	assert_false(core_run_explain(desk->core, desk->now_us, 4711, note, texts));
	struct core_worker_status status;
	assert_true(core_worker_status(desk->core, desk->now_us, one, &status));
	assert_int_equal(status.state, CORE_WORKER_SUSPECT);
	assert_int_equal(status.attempts, 1);
	desk_drain(desk);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, desk_setup, desk_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(requirements),
		TEST(both_classes_of_a_run),
		TEST(nobody_serves),
		TEST(the_only_one_leaves),
		TEST(drained_and_evicted),
		TEST(undrained),
		TEST(quota),
		TEST(explained),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
