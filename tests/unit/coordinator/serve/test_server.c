// SPDX-License-Identifier: Apache-2.0
/*
 * test_server.c - a server on a socket of its own and a worker made of two lanes: what becomes of
 * one that the server does not know (any more).
 */
#include "coordinator/serve/server.h"

#include "protocol/base/arena.h"
#include "protocol/base/buf.h"
#include "protocol/wire/chan.h"
#include "protocol/wire/hello.h"
#include "tests/kit/temp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { CONTROL, DATA, LANES };

struct fixture {
	struct loop *loop;
	struct server *server;
	struct chan_client *chans[LANES];
	struct loop_fd *watches[LANES];
	struct loop_timer *patience;
	struct arena arena;
	char folder[64];
	uint64_t session, seq;
	int type; /* of the last answer, 0: none yet */
	void *message;
};

static void on_event(void *data, const struct msg_run_event *event)
{
	(void)data;
	(void)event;
}

static void on_done(void *data, int exit_code)
{
	(void)data;
	(void)exit_code;
}

static void take(struct fixture *f, int lane)
{
	struct str frame;
	struct err err = { 0 };
	if (chan_client_receive(f->chans[lane], &frame) <= 0)
		return;
	struct str copy = { arena_copy(&f->arena, frame), frame.len };
	f->type = msg_decode(copy, &f->arena, &f->message, &err);
	assert_true(f->type > 0);
	loop_stop(f->loop);
}

static void on_control(void *data)
{
	take(data, CONTROL);
}

static void on_data(void *data)
{
	take(data, DATA);
}

static void on_patience(void *data)
{
	struct fixture *f = data;
	loop_stop(f->loop);
}

/* Ask, and serve until it is answered. Returns the answer's type. */
static int ask(struct fixture *f, int lane, enum msg_type type, const void *message)
{
	struct buf frame;
	struct err err = { 0 };
	buf_init(&frame, LIMIT_FRAME_BYTES);
	assert_int_equal(msg_encode(type, message, &frame, &err), 0);
	assert_int_equal(chan_client_send(f->chans[lane], buf_str(&frame)), 0);
	buf_done(&frame);
	f->type = 0;
	loop_timer_set(f->patience, 10000000);
	loop_run(f->loop, server_step, f->server);
	loop_timer_stop(f->patience);
	return f->type;
}

static void join(struct fixture *f)
{
	struct msg_hello hello;
	hello_fill(&hello, HELLO_WORKER, "w");
	hello.slots = 1;
	assert_int_equal(ask(f, CONTROL, MSG_HELLO, &hello), MSG_WELCOME);
	f->session = ((const struct msg_welcome *)f->message)->session;
}

static const struct msg_orders *poll(struct fixture *f, struct msg_running *running, size_t n)
{
	struct msg_poll message = { .session = f->session,
				    .seq = ++f->seq,
				    .free_slots = n ? 0 : 1,
				    .running = running,
				    .n_running = n };
	assert_int_equal(ask(f, CONTROL, MSG_POLL, &message), MSG_ORDERS);
	return f->message;
}

static int set_up(void **state)
{
	static const struct server_options options = { .on_event = on_event, .on_done = on_done };
	struct fixture *f = calloc(1, sizeof(*f));
	struct err err = { 0 };
	char url[CHAN_URL_BYTES], data_url[CHAN_URL_BYTES];
	assert_non_null(f);
	temp_folder(f->folder, sizeof(f->folder));
	snprintf(url, sizeof(url), "ipc://%s/s", f->folder);
	assert_int_equal(chan_address_data(url, data_url, &err), 0);
	assert_int_equal(loop_new(&f->loop), 0);
	assert_int_equal(server_new(f->loop, &options, &f->server, &err), 0);
	assert_int_equal(server_listen(f->server, url, &err), 0);
	for (int lane = 0; lane < LANES; lane++) {
		assert_int_equal(chan_client_new(lane == CONTROL ? url : data_url, &f->chans[lane],
						 &err),
				 0);
		assert_int_equal(loop_fd_new(f->loop, chan_client_fd(f->chans[lane]),
					     lane == CONTROL ? on_control : on_data, f,
					     &f->watches[lane]),
				 0);
	}
	assert_int_equal(loop_timer_new(f->loop, on_patience, f, &f->patience), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	for (int lane = 0; lane < LANES; lane++) {
		loop_fd_free(f->watches[lane]);
		chan_client_free(f->chans[lane]);
	}
	loop_timer_free(f->patience);
	server_free(f->server);
	loop_free(f->loop);
	arena_done(&f->arena);
	temp_remove(f->folder);
	free(f);
	return 0;
}

static void submit(struct fixture *f)
{
	struct msg_program program = { .suite = STR_LIT("s"),
				       .name = STR_LIT("p"),
				       .kind = STR_LIT("list"),
				       .path = STR_LIT("/nowhere/p.list") };
	struct msg_submit submission = { .programs = &program, .n_programs = 1 };
	struct err err = { 0 };
	assert_int_equal(server_submit(f->server, &submission, &err), 0);
}

/* Its slots are taken by what nobody waits for: that ends first, and no order is wasted on it. */
static void test_strays_end_before_it_gets_work(void **state)
{
	struct fixture *f = *state;
	struct msg_running running = { .attempt = 77, .epoch = 5 };
	submit(f);
	join(f);
	const struct msg_orders *orders = poll(f, &running, 1);
	assert_int_equal(orders->n_assigns, 0);
	assert_int_equal(orders->n_cancels, 1);
	assert_int_equal(orders->cancels[0].attempt, 77);
	assert_int_equal(orders->cancels[0].epoch, 5);
	orders = poll(f, &running, 1); /* told once */
	assert_int_equal(orders->n_assigns + orders->n_cancels, 0);
	orders = poll(f, NULL, 0);
	assert_int_equal(orders->n_assigns, 1);
	assert_int_equal(orders->assigns[0].list, 1);
}

/* What it still has to tell of a session before is taken off its hands, not held against it. */
static void test_reports_before_the_first_poll_are_received(void **state)
{
	struct fixture *f = *state;
	struct msg_event event = { .kind = MSG_EVENT_ENDED, .attempt = 77, .epoch = 5 };
	submit(f);
	join(f);
	struct msg_report report = {
		.session = f->session, .seq = 1, .events = &event, .n_events = 1
	};
	assert_int_equal(ask(f, DATA, MSG_REPORT, &report), MSG_RECEIPT);
	assert_int_equal(poll(f, NULL, 0)->n_assigns, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_strays_end_before_it_gets_work, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_reports_before_the_first_poll_are_received,
						set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
