// SPDX-License-Identifier: Apache-2.0
/*
 * test_recall.c - what a coordinator stored of a run that it did not finish, for the one after it.
 * ctest: again=postgres
 * ctest: timeout=120
 */
#include "coordinator/history/store.h"
#include "protocol/wire/outcome.h"
#include "tests/kit/storekit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void add(struct storekit *f, uint64_t run, const char *name)
{
	const struct msg_run_event event = { .kind = MSG_RUN_CASE_FINISHED,
					     .suite = STR_LIT("s"),
					     .program = STR_LIT("p"),
					     .name = str_of(name) };
	assert_int_equal(store_run_event(f->store, run, &event), 0);
}

struct trail {
	char text[256];
};

static int note_event(void *data, const struct msg_run_event *event)
{
	struct trail *order = data;
	size_t n = strlen(order->text);
	snprintf(order->text + n, sizeof(order->text) - n, "e:%.*s ", STR_ARG(event->name));
	return 0;
}

static int note_frame(void *data, struct str frame)
{
	struct trail *order = data;
	size_t n = strlen(order->text);
	snprintf(order->text + n, sizeof(order->text) - n, "d:%.*s ", STR_ARG(frame));
	return 0;
}

static int note_run(void *data, uint64_t run, struct str name, uint64_t started_us)
{
	assert_int_equal(started_us, 1000);
	(void)name;
	*(uint64_t *)data = run;
	return 0;
}

/* What a run was submitted as, and what was decided for it, comes back in order until it ends. */
static void test_an_open_run_is_recalled(void **state)
{
	struct storekit *f = *state;
	const struct str pieces[] = { STR_LIT("one"), STR_LIT("two") };
	const struct store_submission submission = { .token = 77, .frames = pieces, .n_frames = 2 };
	char name[STORE_NAME_BYTES];
	struct trail order = { "" };
	uint64_t run = 0, open = 0, found = 0;
	bool over = true;
	assert_int_equal(store_run_accept(f->store, STR_LIT("r"), 1000, &submission, &run, &f->err),
			 0);
	assert_int_equal(store_run_decision(f->store, run, STR_LIT("a")), 0);
	add(f, run, "x");
	assert_int_equal(store_run_decision(f->store, run, STR_LIT("b")), 0);
	assert_int_equal(store_commit(f->store, &f->err), 0);
	assert_int_equal(store_run_decision(f->store, run, STR_LIT("c")), 0);
	add(f, run, "y");
	assert_int_equal(store_commit(f->store, &f->err), 0);
	assert_int_equal(store_open_runs(f->store, note_run, &open, &f->err), 0);
	assert_int_equal(open, run);
	assert_int_equal(store_run_submission(f->store, run, note_frame, &order, &f->err), 0);
	assert_int_equal(store_run_recall(f->store, run, note_event, note_frame, &order, &f->err),
			 0);
	assert_string_equal(order.text, "d:one d:two d:a e:x d:b d:c e:y ");
	assert_int_equal(store_run_by_token(f->store, 77, &found, name, &over, &f->err), 1);
	assert_true(found == run && !over);
	assert_int_equal(store_run_finish(f->store, run, 5000, 0, &f->err), 0);
	order.text[0] = '\0';
	open = 0;
	assert_int_equal(store_open_runs(f->store, note_run, &open, &f->err), 0);
	assert_int_equal(open, 0);
	assert_int_equal(store_run_recall(f->store, run, note_event, note_frame, &order, &f->err),
			 0);
	assert_string_equal(order.text, "e:x e:y ");
	order.text[0] = '\0';
	assert_int_equal(store_run_replay_from(f->store, run, 1, note_event, &order, &f->err), 0);
	assert_string_equal(order.text, "e:y ");
	assert_int_equal(store_run_by_token(f->store, 77, &found, name, &over, &f->err), 1);
	assert_true(over);
	assert_int_equal(store_run_by_token(f->store, 78, &found, name, &over, &f->err), 0);
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_an_open_run_is_recalled, storekit_set_up,
						storekit_tear_down),
	};
	int r = storekit_begin(argc, argv);
	return r ? r : storekit_end(cmocka_run_group_tests(tests, NULL, NULL));
}
