// SPDX-License-Identifier: Apache-2.0
/*
 * fakecoord.c - the coordinator's side of the protocol as short as it can be. The worker is started
 * before the first channel is opened, since those start a thread. Whatever goes wrong fails the
 * test that runs.
 */
#include "tests/kit/fakecoord.h"

#include "protocol/base/clock.h"
#include "protocol/base/fd.h"
#include "protocol/base/vec.h"
#include "protocol/wire/chan.h"
#include "protocol/wire/hello.h"
#include "protocol/wire/lane.h"
#include "protocol/wire/record.h"
#include "tests/kit/temp.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_US (30 * CLOCK_US_PER_S)
enum { POLL_MS = 20, CONTROL = 0, DATA = 1 };

struct fakecoord {
	char folder[64];
	struct chan_server *chans[2];
	struct lane_server lanes[2];
	struct chan_peer parked; /* the poll that waits for orders */
	uint64_t parked_seq;	 /* 0: none */
	uint64_t session, sessions;
	unsigned hellos;
	bool mute;
	struct chan_peer unread; /* the report that came while mute */
	uint64_t unread_session, unread_seq;
	bool refuses_late; /* ... is refused once its worker says hello again */
	pid_t worker;
	int status;
	bool reaped;
	uint64_t attempts;
	struct arena arena; /* of events and orders */
	struct {
		struct msg_event *items;
		size_t len, cap;
	} events;
	struct {
		struct msg_assign *items;
		size_t len, cap;
	} orders;
	struct {
		struct msg_cancel *items;
		size_t len, cap;
	} cancels;
	struct buf frame;
};

extern char **environ;

static void start_worker(struct fakecoord *coord, unsigned slots)
{
	char program[512], url[128], count[16];
	const char *bin = getenv("PADDOCK_BIN");
	assert_non_null(bin);
	snprintf(program, sizeof(program), "%s/paddock-worker", bin);
	snprintf(url, sizeof(url), "ipc://%s/socket", coord->folder);
	snprintf(count, sizeof(count), "%u", slots);
	char *argv[] = { program,  "--coordinator", url,	  "--slots",	count,
			 "--name", "tester",	    "--embedded", "--insecure", NULL };
	if (posix_spawn(&coord->worker, program, NULL, NULL, argv, environ) != 0)
		fail_msg("cannot start %s", program);
}

static void listen_at(struct fakecoord *coord, int lane, const char *name)
{
	char url[128];
	struct err err = { 0 };
	snprintf(url, sizeof(url), "ipc://%s/%s", coord->folder, name);
	if (chan_server_new(&coord->chans[lane], &err) < 0 ||
	    chan_server_listen(coord->chans[lane], url, &err) < 0)
		fail_msg("%s", err.text);
}

struct fakecoord *fakecoord_start(unsigned slots)
{
	struct fakecoord *coord = calloc(1, sizeof(*coord));
	assert_non_null(coord);
	temp_folder(coord->folder, sizeof(coord->folder));
	buf_init(&coord->frame, LIMIT_FRAME_BYTES);
	start_worker(coord, slots);
	listen_at(coord, CONTROL, "socket");
	listen_at(coord, DATA, "socket.data");
	return coord;
}

static void reply(struct fakecoord *coord, int lane, struct chan_peer *peer, enum msg_type type,
		  const void *message)
{
	struct err err = { 0 };
	if (msg_encode(type, message, &coord->frame, &err) < 0)
		fail_msg("%s", err.text);
	chan_server_reply(coord->chans[lane], peer, buf_str(&coord->frame));
}

static void on_hello(struct fakecoord *coord, const struct msg_hello *hello, struct chan_peer *peer)
{
	struct err err = { 0 };
	struct msg_welcome welcome;
	if (hello_check(hello, &err) < 0)
		fail_msg("%s", err.text);
	if (coord->refuses_late) { /* and the hello is only heard when it is said again */
		struct msg_refused refused;
		coord->refuses_late = false;
		hello_refuse(&refused, EXIT_CODE_INCOMPLETE, coord->unread_session,
			     coord->unread_seq, "session unknown");
		reply(coord, DATA, &coord->unread, MSG_REFUSED, &refused);
		chan_server_drop(coord->chans[CONTROL], peer);
		return;
	}
	coord->hellos++;
	coord->session = ++coord->sessions;
	for (int lane = CONTROL; lane <= DATA; lane++)
		lane_server_done(&coord->lanes[lane]);
	hello_welcome(&welcome, coord->session, 0, 0);
	reply(coord, CONTROL, peer, MSG_WELCOME, &welcome);
}

static void give_orders(struct fakecoord *coord)
{
	if (!coord->parked_seq || (!coord->orders.len && !coord->cancels.len))
		return;
	struct msg_orders orders = {
		.session = coord->session,
		.seq = coord->parked_seq,
		.assigns = coord->orders.items,
		.n_assigns = coord->orders.len,
		.cancels = coord->cancels.items,
		.n_cancels = coord->cancels.len,
	};
	coord->parked_seq = 0;
	reply(coord, CONTROL, &coord->parked, MSG_ORDERS, &orders);
	lane_server_answer(&coord->lanes[CONTROL], orders.seq, buf_str(&coord->frame));
	coord->orders.len = coord->cancels.len = 0;
}

/* Is the numbered request new? Repeated ones are answered as before, those of another session
 * refused. */
static bool take(struct fakecoord *coord, int lane, uint64_t session, uint64_t seq,
		 struct chan_peer *peer)
{
	if (session != coord->session) {
		struct msg_refused refused;
		hello_refuse(&refused, EXIT_CODE_INCOMPLETE, session, seq, "session unknown");
		reply(coord, lane, peer, MSG_REFUSED, &refused);
		return false;
	}
	switch (lane_server_take(&coord->lanes[lane], seq)) {
	case LANE_NEW: return true;
	case LANE_REPEAT:
		chan_server_reply(coord->chans[lane], peer, lane_server_reply(&coord->lanes[lane]));
		return false;
	case LANE_PARKED: coord->parked = *peer; return false;
	default: chan_server_drop(coord->chans[lane], peer); return false;
	}
}

static void send_receipt(struct fakecoord *coord, int lane, uint64_t seq, struct chan_peer *peer)
{
	struct msg_receipt receipt = { .session = coord->session, .seq = seq };
	reply(coord, lane, peer, MSG_RECEIPT, &receipt);
	lane_server_answer(&coord->lanes[lane], seq, buf_str(&coord->frame));
}

static void on_report(struct fakecoord *coord, const struct msg_report *report,
		      struct chan_peer *peer)
{
	if (coord->mute) {
		if (coord->unread_seq)
			chan_server_drop(coord->chans[DATA], &coord->unread);
		coord->unread = *peer;
		coord->unread_session = report->session;
		coord->unread_seq = report->seq;
		return;
	}
	if (!take(coord, DATA, report->session, report->seq, peer))
		return;
	for (size_t i = 0; i < report->n_events; i++) {
		struct msg_event copy;
		assert_int_equal(record_copy(&msg_record_event, &report->events[i], &copy,
					     &coord->arena),
				 0);
		assert_int_equal(VEC_PUSH(&coord->events, copy), 0);
	}
	send_receipt(coord, DATA, report->seq, peer);
}

static void on_poll(struct fakecoord *coord, const struct msg_poll *poll, struct chan_peer *peer)
{
	if (!take(coord, CONTROL, poll->session, poll->seq, peer))
		return;
	coord->parked = *peer;
	coord->parked_seq = poll->seq;
}

static void on_stop(struct fakecoord *coord, const struct msg_stop *stop, struct chan_peer *peer)
{
	coord->parked_seq = 0;
	if (take(coord, CONTROL, stop->session, stop->seq, peer))
		send_receipt(coord, CONTROL, stop->seq, peer);
}

static void handle(struct fakecoord *coord, struct str frame, struct chan_peer *peer)
{
	struct arena arena = { 0 };
	struct err err = { 0 };
	void *message;
	int type = msg_decode(frame, &arena, &message, &err);
	if (type == MSG_HELLO)
		on_hello(coord, message, peer);
	else if (type == MSG_POLL)
		on_poll(coord, message, peer);
	else if (type == MSG_REPORT)
		on_report(coord, message, peer);
	else if (type == MSG_STOP)
		on_stop(coord, message, peer);
	else
		fail_msg("unexpected message %d: %s", type, err.text);
	arena_done(&arena);
}

static void serve_once(struct fakecoord *coord)
{
	struct pollfd fds[2] = {
		{ .fd = chan_server_fd(coord->chans[CONTROL]), .events = POLLIN },
		{ .fd = chan_server_fd(coord->chans[DATA]), .events = POLLIN },
	};
	give_orders(coord);
	poll(fds, 2, POLL_MS);
	for (int lane = CONTROL; lane <= DATA; lane++) {
		struct str frame;
		struct chan_peer peer;
		while (chan_server_receive(coord->chans[lane], &frame, &peer) > 0)
			handle(coord, frame, &peer);
	}
	give_orders(coord);
	if (!coord->reaped && waitpid(coord->worker, &coord->status, WNOHANG) == coord->worker)
		coord->reaped = true;
}

uint64_t fakecoord_order(struct fakecoord *coord, const struct msg_assign *assign)
{
	struct msg_assign copy;
	assert_int_equal(record_copy(&msg_record_assign, assign, &copy, &coord->arena), 0);
	copy.attempt = ++coord->attempts;
	copy.epoch = 1;
	assert_int_equal(VEC_PUSH(&coord->orders, copy), 0);
	return copy.attempt;
}

void fakecoord_cancel(struct fakecoord *coord, uint64_t attempt)
{
	struct msg_cancel cancel = { .attempt = attempt, .epoch = 1, .reason = STR_LIT("test") };
	assert_int_equal(VEC_PUSH(&coord->cancels, cancel), 0);
}

const struct msg_event *fakecoord_wait(struct fakecoord *coord, uint64_t attempt,
				       enum msg_event_kind kind)
{
	uint64_t until_us = clock_mono_us() + WAIT_US;
	for (size_t i = 0;;) {
		for (; i < coord->events.len; i++)
			if (coord->events.items[i].attempt == attempt &&
			    coord->events.items[i].kind == kind)
				return &coord->events.items[i];
		if (coord->reaped)
			fail_msg("the worker ended with status %d", coord->status);
		if (clock_mono_us() > until_us)
			fail_msg("no event of kind %d about attempt %d came", kind, (int)attempt);
		serve_once(coord);
	}
}

const struct msg_event *fakecoord_wait_closed(struct fakecoord *coord, uint64_t attempt)
{
	return fakecoord_wait(coord, attempt, MSG_EVENT_CLOSED);
}

void fakecoord_serve(struct fakecoord *coord, uint64_t for_us)
{
	uint64_t until_us = clock_mono_us() + for_us;
	while (clock_mono_us() < until_us)
		serve_once(coord);
}

size_t fakecoord_events(const struct fakecoord *coord, const struct msg_event **ret_events)
{
	*ret_events = coord->events.items;
	return coord->events.len;
}

void fakecoord_forget(struct fakecoord *coord)
{
	coord->refuses_late = coord->unread_seq != 0;
	coord->session = ++coord->sessions;
	if (coord->parked_seq) {
		struct msg_refused refused;
		hello_refuse(&refused, EXIT_CODE_INCOMPLETE, 0, coord->parked_seq,
			     "session unknown");
		reply(coord, CONTROL, &coord->parked, MSG_REFUSED, &refused);
	}
	coord->parked_seq = 0;
}

void fakecoord_mute(struct fakecoord *coord, bool mute)
{
	coord->mute = mute;
}

unsigned fakecoord_hellos(const struct fakecoord *coord)
{
	return coord->hellos;
}

pid_t fakecoord_worker(const struct fakecoord *coord)
{
	return coord->worker;
}

int fakecoord_stop(struct fakecoord *coord)
{
	uint64_t until_us = clock_mono_us() + WAIT_US;
	if (!coord->reaped)
		kill(coord->worker, SIGTERM);
	while (!coord->reaped) {
		if (clock_mono_us() > until_us)
			fail_msg("the worker did not end");
		serve_once(coord);
	}
	int status = coord->status;
	for (int lane = CONTROL; lane <= DATA; lane++) {
		chan_server_free(coord->chans[lane]);
		lane_server_done(&coord->lanes[lane]);
	}
	rmdir(coord->folder);
	arena_done(&coord->arena);
	buf_done(&coord->frame);
	VEC_DONE(&coord->events);
	VEC_DONE(&coord->orders);
	VEC_DONE(&coord->cancels);
	free(coord);
	return status;
}
