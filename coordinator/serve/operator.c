// SPDX-License-Identifier: Apache-2.0
/*
 * operator.c - hello, ask, told, page by page, over the control address alone. It has nothing else
 * to do than to wait, so it does without a loop. A lost frame is sent again by the rules of lanes;
 * what has an effect has it once.
 */
#include "coordinator/serve/operator.h"

#include "coordinator/serve/remote.h"
#include "protocol/base/assert.h"
#include "protocol/base/clock.h"
#include "protocol/wire/chan.h"
#include "protocol/wire/guard.h"
#include "protocol/wire/hello.h"
#include "protocol/wire/lane.h"
#include "protocol/wire/outcome.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

enum { PATIENCE_US = 20000000, LOOK_MS = 100 };

struct operator
{
	struct chan_client *chan;
	struct lane_client lane;
	struct identity identity;
	struct guard guard;
	uint64_t session;   /* 0: not welcome yet */
	struct arena arena; /* of the answer */
	struct err *err;
	int exit_code; /* once refused, or out of reach */
};

static int fail(struct operator* o, int exit_code)
{
	ASSERT(exit_code);
	o->exit_code = exit_code;
	return -1;
}

/* The answer that came, when it is one to what is outstanding. Its type, 0: none yet, -1: failed.
 */
static int receive(struct operator* o, void **ret_message)
{
	struct str frame;
	int r = chan_client_receive(o->chan, &frame);
	if (r < 0) {
		err_errno(o->err, r, "receiving from the coordinator");
		return fail(o, EXIT_CODE_INCOMPLETE);
	}
	if (r == 0)
		return 0;
	enum guard_trust trust = guard_open(&o->guard, 0, frame, clock_mono_us(), &frame);
	if (trust == GUARD_FORGED)
		return 0;
	arena_clear(&o->arena);
	int type = msg_decode(frame, &o->arena, ret_message, o->err);
	if (trust == GUARD_HINT && type != MSG_REFUSED)
		return 0;
	if (trust == GUARD_TRUSTED && o->session && o->guard.identity &&
	    identity_settle(&o->identity, o->err) < 0)
		return fail(o, EXIT_CODE_INCOMPLETE);
	if (type < 0) {
		err_wrap(o->err,
			 "the coordinator answered with something else than paddock's protocol");
		return fail(o, EXIT_CODE_INCOMPLETE);
	}
	(void)lane_client_take(&o->lane, o->lane.seq);
	if (type != MSG_REFUSED)
		return type;
	const struct msg_refused *refused = *ret_message;
	err_set(o->err, -EPROTO, "the coordinator refused: %.*s", STR_ARG(refused->text));
	return fail(o, refused->code ? (int)refused->code : EXIT_CODE_INCOMPLETE);
}

/* Send what was encoded, with result r, into the lane's frame and wait for an answer of this type.
 * 0 or -1. */
static int exchange(struct operator* o, int r, int want, void **ret_message)
{
	uint64_t begun_us = clock_mono_us();
	if (r < 0)
		return fail(o, EXIT_CODE_INCOMPLETE);
	r = chan_client_send(o->chan, buf_str(&o->lane.frame));
	if (r < 0) {
		err_errno(o->err, r, "sending to the coordinator");
		return fail(o, EXIT_CODE_INCOMPLETE);
	}
	lane_client_sent(&o->lane, begun_us, 0);
	for (;;) {
		r = receive(o, ret_message);
		if (r != 0 && r != want && !o->exit_code) {
			err_set(o->err, -EPROTO, "the coordinator answered with message %d, not %d",
				r, want);
			return fail(o, EXIT_CODE_INCOMPLETE);
		}
		if (r != 0)
			return r == want ? 0 : -1;
		uint64_t now_us = clock_mono_us();
		if (now_us - begun_us > PATIENCE_US) {
			err_set(o->err, -EHOSTUNREACH,
				"the coordinator does not answer for %d s: is it running, and is "
				"this its address?",
				PATIENCE_US / 1000000);
			return fail(o, EXIT_CODE_INCOMPLETE);
		}
		if (lane_client_due(&o->lane, now_us))
			(void)chan_client_resend(o->chan); /* the next one may do better */
		struct pollfd fd = { .fd = chan_client_fd(o->chan), .events = POLLIN };
		(void)poll(&fd, 1, LOOK_MS); /* a signal only makes it look sooner */
	}
}

/* The lane's next request, sealed where there are keys. As guard_request. */
static int encode(struct operator* o, enum msg_type type, const void *message, uint64_t seq,
		  struct buf *frame)
{
	const struct guard_number number = { 0, o->session, seq, clock_mono_us() };
	return guard_request(&o->guard, &number, type, message, frame, o->err);
}

static int say_hello(struct operator* o)
{
	char name[REMOTE_NAME_BYTES];
	uint64_t seq;
	struct msg_hello hello;
	const struct msg_welcome *welcome;
	void *message;
	struct buf *frame = lane_client_begin(&o->lane, &seq);
	hello_fill(&hello, HELLO_CLIENT, remote_client_name(name));
	if (exchange(o, guard_hello(&o->guard, &hello, frame, o->err), MSG_WELCOME, &message) < 0)
		return -1;
	welcome = message;
	if (hello_check_welcome(welcome, o->err) < 0)
		return fail(o, EXIT_CODE_INCOMPLETE);
	o->session = welcome->session;
	return 0;
}

static int ask(struct operator* o, const struct operator_question *question,
	       void (*each)(void *data, const struct msg_told *told), void *data)
{
	struct msg_ask ask = { .session = o->session,
			       .what = question->what,
			       .pattern = str_of(question->pattern),
			       .deadline_us = question->deadline_us };
	do {
		void *message;
		struct buf *frame = lane_client_begin(&o->lane, &ask.seq);
		int r = encode(o, MSG_ASK, &ask, ask.seq, frame);
		if (r < 0)
			return fail(o, EXIT_CODE_USAGE);
		if (exchange(o, r, MSG_TOLD, &message) < 0)
			return -1;
		const struct msg_told *told = message;
		each(data, told);
		if (told->next && told->next <= ask.from) {
			err_set(o->err, -EPROTO, "the coordinator's pages go in a circle");
			return fail(o, EXIT_CODE_INCOMPLETE);
		}
		ask.from = told->next;
	} while (ask.from);
	return 0;
}

/* Goodbye, so that the session need not wait to be missed; nobody waits for the answer. */
static void leave(struct operator* o)
{
	struct msg_stop stop = { .session = o->session };
	void *message;
	struct buf *frame = lane_client_begin(&o->lane, &stop.seq);
	struct err err = { 0 };
	o->err = &err;
	(void)exchange(o, encode(o, MSG_STOP, &stop, stop.seq, frame), MSG_RECEIPT, &message);
}

int operator_ask(const struct operator_question *question,
		 void (*each)(void *data, const struct msg_told *told), void *data, struct err *err)
{
	struct err own = { 0 };
	struct operator o = { .err = err ? err : &own };
	if (remote_check_address(question->url, question->insecure, o.err) < 0)
		return EXIT_CODE_USAGE;
	if (!question->insecure &&
	    identity_open("client", question->url, question->token, &o.identity, o.err) < 0)
		return EXIT_CODE_INCOMPLETE;
	guard_init(&o.guard, question->insecure ? NULL : &o.identity);
	o.exit_code = EXIT_CODE_INCOMPLETE;
	if (chan_client_new(question->url, &o.chan, o.err) == 0) {
		o.exit_code = 0;
		lane_client_init(&o.lane, (uint64_t)getpid());
	}
	bool told = o.chan && say_hello(&o) == 0 && ask(&o, question, each, data) == 0;
	int exit_code = o.exit_code;
	if (told)
		leave(&o);
	guard_done(&o.guard);
	identity_done(&o.identity);
	chan_client_free(o.chan);
	lane_client_done(&o.lane);
	arena_done(&o.arena);
	return exit_code;
}
