// SPDX-License-Identifier: Apache-2.0
/*
 * desk.c - the other side of the core's table. Texts of events are kept in an arena as long as
 * the desk.
 */
#include "tests/kit/desk.h"

#include "protocol/base/vec.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct str keep(struct desk *desk, struct str text)
{
	char *copy = arena_copy(&desk->arena, text);
	assert_non_null(copy);
	return (struct str){ copy, text.len };
}

static void take_order(struct desk *desk, const struct core_action *action)
{
	struct desk_order order = { .worker = action->worker,
				    .cancel = action->kind == CORE_ACTION_CANCEL };
	if (order.cancel) {
		order.attempt = action->cancel->attempt;
		order.epoch = action->cancel->epoch;
	} else {
		order.attempt = action->assign->attempt;
		order.epoch = action->assign->epoch;
		order.list = action->assign->list;
		order.retry = action->assign->retry;
		order.n_cases = action->assign->n_cases;
		for (size_t i = 0; i < order.n_cases && i < 16; i++) {
			order.index[i] = (uint32_t)action->assign->cases[i].index;
			snprintf(order.names[i], sizeof(order.names[i]), "%.*s",
				 STR_ARG(action->assign->cases[i].name));
		}
	}
	assert_int_equal(VEC_PUSH(&desk->orders, order), 0);
}

void desk_drain(struct desk *desk)
{
	struct core_action action;
	while (core_next_action(desk->core, &action)) {
		if (action.kind == CORE_ACTION_RUN_DONE) {
			assert_false(desk->done && action.run == desk->run);
			desk->done = true;
			desk->exit_code = action.exit_code;
		} else if (action.kind == CORE_ACTION_EVENT) {
			struct msg_run_event event = *action.event;
			event.name = keep(desk, event.name);
			event.message = keep(desk, event.message);
			event.worker = keep(desk, event.worker);
			event.out = keep(desk, event.out);
			event.program = keep(desk, event.program);
			assert_int_equal(VEC_PUSH(&desk->events, event), 0);
		} else {
			take_order(desk, &action);
		}
	}
}

int desk_setup(void **state)
{
	struct desk *desk = calloc(1, sizeof(*desk));
	assert_non_null(desk);
	desk->core = core_new(NULL);
	desk->now_us = 100 * DESK_S;
	*state = desk;
	return 0;
}

int desk_teardown(void **state)
{
	struct desk *desk = *state;
	core_free(desk->core);
	arena_done(&desk->arena);
	free(desk->orders.items);
	free(desk->events.items);
	free(desk);
	return 0;
}

uint64_t desk_join(struct desk *desk, const char *name, uint64_t slots)
{
	uint64_t worker = core_worker_joined(desk->core, desk->now_us,
					     &(struct core_worker_spec){ .name = str_of(name),
									 .slots = slots });
	assert_true(worker > 0);
	desk_drain(desk);
	return worker;
}

void desk_submit(struct desk *desk, struct msg_submit submission, size_t n_programs,
		 uint64_t retries)
{
	static const char *const names[] = { "a", "b", "c" };
	struct msg_program programs[3] = { 0 };
	struct err err = { 0 };
	for (size_t i = 0; i < n_programs; i++)
		programs[i] = (struct msg_program){ .suite = STR_LIT("s"),
						    .name = str_of(names[i]),
						    .kind = STR_LIT("gtest"),
						    .path = STR_LIT("/p"),
						    .retries = retries };
	submission.programs = programs;
	submission.n_programs = n_programs;
	desk->run = core_run_submit(desk->core, desk->now_us, &submission, "run", NULL, &err);
	assert_true(desk->run > 0);
	desk_drain(desk);
}

struct desk_order desk_next(struct desk *desk)
{
	assert_true(desk->orders.len > 0);
	struct desk_order order = desk->orders.items[0];
	memmove(desk->orders.items, desk->orders.items + 1, --desk->orders.len * sizeof(order));
	return order;
}

int desk_tell(struct desk *desk, const struct desk_order *order, struct msg_event event)
{
	event.attempt = order->attempt;
	event.epoch = order->epoch;
	int r = core_worker_event(desk->core, desk->now_us, order->worker, &event, NULL);
	desk_drain(desk);
	return r;
}

void desk_close(struct desk *desk, const struct desk_order *order, enum msg_close_cause cause)
{
	assert_int_equal(desk_tell(desk, order,
				   (struct msg_event){ .kind = MSG_EVENT_CLOSED,
						       .cause = cause,
						       .message = STR_LIT("why") }),
			 0);
}

void desk_list(struct desk *desk, struct msg_listed *listed, size_t n)
{
	struct desk_order order = desk_next(desk);
	assert_true(order.list && !order.n_cases);
	assert_int_equal(desk_tell(desk, &order,
				   (struct msg_event){ .kind = MSG_EVENT_LISTED,
						       .listed = listed,
						       .n_listed = n }),
			 0);
	desk_close(desk, &order, MSG_CLOSE_FINE);
}

void desk_end(struct desk *desk, const struct desk_order *order, size_t at, enum outcome outcome)
{
	desk->now_us += DESK_S / 10;
	assert_int_equal(desk_tell(desk, order,
				   (struct msg_event){ .kind = MSG_EVENT_ENDED,
						       .index = order->index[at],
						       .outcome = outcome,
						       .duration_us = DESK_S / 10 }),
			 0);
}

struct desk_order desk_run(struct desk *desk, enum outcome outcome)
{
	struct desk_order order = desk_next(desk);
	assert_true(!order.list && !order.cancel && order.n_cases);
	for (size_t i = 0; i < order.n_cases; i++)
		desk_end(desk, &order, i, outcome);
	desk_close(desk, &order, MSG_CLOSE_FINE);
	return order;
}

size_t desk_count(const struct desk *desk, enum msg_run_kind kind)
{
	size_t n = 0;
	for (size_t i = 0; i < desk->events.len; i++)
		n += desk->events.items[i].kind == (uint64_t)kind;
	return n;
}

const struct msg_run_event *desk_last(const struct desk *desk, enum msg_run_kind kind,
				      const char *name)
{
	for (size_t i = desk->events.len; i > 0; i--) {
		const struct msg_run_event *event = &desk->events.items[i - 1];
		if (event->kind == (uint64_t)kind && (!name || str_eq(event->name, str_of(name))))
			return event;
	}
	fail_msg("no event of kind %d about %s", kind, name ? name : "anything");
	return NULL;
}

enum outcome desk_verdict(const struct desk *desk, const char *name)
{
	return (enum outcome)desk_last(desk, MSG_RUN_CASE_FINISHED, name)->outcome;
}

void desk_expect_end(const struct desk *desk, int exit_code, size_t verdicts)
{
	assert_true(desk->done);
	assert_int_equal(desk->exit_code, exit_code);
	assert_int_equal(desk_count(desk, MSG_RUN_CASE_FINISHED), verdicts);
	assert_int_equal(desk_last(desk, MSG_RUN_FINISHED, NULL)->count, verdicts);
}
