// SPDX-License-Identifier: Apache-2.0
/*
 * session.c - the state machine of a worker's session.
 *
 *	JOINING --welcome--> SERVING --drained--> LEAVING --answer, or none in time--> GONE
 *	   ^  '--refused--> GONE        |
 *	   '------refused (unknown)-----'
 *
 * JOINING: a hello is outstanding on the control lane; nothing else is sent; attempts go on, their
 * events wait.
 *
 * SERVING: a poll is outstanding on the control lane, parked by the coordinator until it has
 * orders; reports leave one at a time on the data lane, each kept in the spool until its receipt,
 * and between them questions for the contents that attempts wait for. Draining is a flag of this
 * state: polls say so.
 *
 * LEAVING: nothing runs, the spool is empty, a stop is outstanding.
 *
 * GONE: the loop is stopped; exit_code and why tell the rest.
 *
 * A coordinator that was restarted does not know the session: it refuses, and the worker joins
 * again, naming the session it had; the report that was outstanding is sent anew. Silence is cured
 * by sending again (lane.h) and, past twice the polling time, by dialling again, since a half-open
 * connection never fails by itself.
 */
#include "worker/session.h"

#include "protocol/base/arena.h"
#include "protocol/base/assert.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"
#include "protocol/wire/chan.h"
#include "protocol/wire/guard.h"
#include "protocol/wire/hello.h"
#include "protocol/wire/lane.h"
#include "protocol/wire/msg.h"
#include "protocol/wire/outcome.h"
#include "worker/disk.h"
#include "worker/inputs.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A verdict may wait this long for company: each report costs a round trip and a durable write at
 * the other end. What frees a slot, and a full batch, does not wait. */
#define FLUSH_US   (10 * CLOCK_US_PER_MS)
#define GOODBYE_US (2 * CLOCK_US_PER_S)
enum {
	FLUSH_BYTES = 64 << 10,
	REJOINS_MAX = 20, /* in a row without a single receipt: the coordinator does not want us */
};

enum state { JOINING, SERVING, LEAVING, GONE, STATE_MAX };

static const char *const state_names[STATE_MAX] = {
	[JOINING] = "joining",
	[SERVING] = "serving",
	[LEAVING] = "leaving",
	[GONE] = "gone",
};

static const bool legal[STATE_MAX][STATE_MAX] = {
	[JOINING] = { [SERVING] = true, [GONE] = true },
	[SERVING] = { [JOINING] = true, [LEAVING] = true, [GONE] = true },
	[LEAVING] = { [JOINING] = true, [GONE] = true },
};

enum { CONTROL, DATA }; /* numbers of lanes */

/* One lane and its connection. */
struct line {
	const char *name;
	unsigned number;
	struct session *session;
	struct chan_client *chan;
	struct loop_fd *watch;
	struct lane_client lane;
	uint64_t heard_us; /* last answer, or when the first unanswered request left */
	bool warned;
};

struct session {
	struct session_options options;
	enum state state;
	struct line control, data;
	struct guard guard;
	struct loop_timer *timer;
	struct arena arena; /* of the frame being handled */
	uint64_t id;	    /* 0 before the first welcome */
	uint64_t before;    /* of the worker before this one; 0: none is known */
	uint64_t poll_us;
	uint64_t flush_us; /* when what waits is sent at the latest; 0: nothing waits */
	uint64_t leave_us; /* LEAVING: when to go without an answer */
	uint64_t closed;   /* attempts closed when the last report left: a freed slot is news that
			      does not wait */
	unsigned rejoins;  /* since the last receipt or order */
	bool draining;
	const char *drain_reason;
	struct msg_running *running;
	int exit_code;
	struct err why;
};

static void set_state(struct session *s, enum state state)
{
	ASSERT(legal[s->state][state]);
	LOG_DEBUG("session", "from=%s to=%s session=%" PRIu64, state_names[s->state],
		  state_names[state], s->id);
	s->state = state;
}

static void go(struct session *s, int exit_code)
{
	s->exit_code = exit_code;
	set_state(s, GONE);
	loop_stop(s->options.loop);
}

/* ---- sending ---- */

/* Send what was encoded, with result r, into the line's lane as begun by the caller. */
static void transmit(struct line *line, int r, const struct err *err, uint64_t patience_us)
{
	uint64_t now_us = clock_mono_us();
	if (r < 0) {
		/* The spool cuts batches to size and everything else is small: only memory can be
		 * missing. */
		LOG_ERROR("not_encoded", "line=%s reason=%s", line->name, err->text);
		ASSERT(r == -ENOMEM);
		return;
	}
	if (!line->heard_us)
		line->heard_us = now_us;
	r = chan_client_send(line->chan, buf_str(&line->lane.frame));
	if (r < 0)
		LOG_WARN("not_sent", "line=%s reason=%s", line->name, strerror(-r));
	lane_client_sent(&line->lane, now_us, patience_us);
}

/* Encode a message numbered `seq` into the frame its lane began, and send it. */
static void send_message(struct line *line, enum msg_type type, const void *message, uint64_t seq,
			 struct buf *frame, uint64_t patience_us)
{
	struct err err = { 0 };
	const struct guard_number number = { line->number, line->session->id, seq,
					     clock_mono_us() };
	int r = guard_request(&line->session->guard, &number, type, message, frame, &err);
	transmit(line, r, &err, patience_us);
}

static unsigned processors(void)
{
	cpu_set_t set;
	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		return (unsigned)CPU_COUNT(&set);
	return 1;
}

static void send_hello(struct session *s)
{
	struct msg_hello hello;
	char host[256] = "";
	uint64_t seq;
	long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
	hello_fill(&hello, HELLO_WORKER, s->options.name);
	hello.slots = slots_count(s->options.slots);
	hello.processors = processors();
	hello.memory_bytes = pages > 0 && page_bytes > 0 ? (uint64_t)pages * (uint64_t)page_bytes
							 : 0;
	hello.resume = s->id ? s->id : s->before;
	hello.tags = s->options.tags;
	hello.n_tags = s->options.n_tags;
	(void)gethostname(host, sizeof(host) - 1); /* an empty one is as good as none */
	hello.host = str_of(host);
	struct buf *frame = lane_client_begin(&s->control.lane, &seq);
	int r = guard_hello(&s->guard, &hello, frame, &s->why);
	if (r == -EMSGSIZE)
		go(s, EXIT_CODE_USAGE);
	else
		transmit(&s->control, r, &s->why, 0);
}

static void send_poll(struct session *s)
{
	bool open = !s->draining && !slots_are_broken(s->options.slots) &&
		    !spool_is_troubled(s->options.spool);
	struct msg_poll poll = {
		.session = s->id,
		.free_slots = open ? slots_idle(s->options.slots) : 0,
		.draining = !open,
		.unsent = !spool_is_empty(s->options.spool),
		.running = s->running,
		.n_running = slots_running(s->options.slots, s->running),
	};
	struct buf *frame = lane_client_begin(&s->control.lane, &poll.seq);
	send_message(&s->control, MSG_POLL, &poll, poll.seq, frame, s->poll_us);
}

static void send_report(struct session *s)
{
	struct msg_report report = { .session = s->id };
	report.n_events = spool_front(s->options.spool, &report.events);
	ASSERT(report.n_events > 0);
	struct buf *frame = lane_client_begin(&s->data.lane, &report.seq);
	send_message(&s->data, MSG_REPORT, &report, report.seq, frame, 0);
	s->flush_us = 0;
	s->closed = slots_closed(s->options.slots);
}

static void send_get(struct session *s, struct str ids)
{
	struct msg_get get = { .session = s->id, .ids = ids };
	struct buf *frame = lane_client_begin(&s->data.lane, &get.seq);
	send_message(&s->data, MSG_GET, &get, get.seq, frame, 0);
}

static void send_stop(struct session *s)
{
	struct msg_stop stop = { .session = s->id, .reason = str_of(s->drain_reason) };
	struct buf *frame = lane_client_begin(&s->control.lane, &stop.seq);
	s->leave_us = clock_mono_us() + GOODBYE_US;
	send_message(&s->control, MSG_STOP, &stop, stop.seq, frame, 0);
}

/* ---- receiving ---- */

static void join_again(struct session *s, const char *why)
{
	LOG_INFO("session_unknown", "session=%" PRIu64 " reason=%s; joining again", s->id, why);
	if (++s->rejoins > REJOINS_MAX) {
		err_set(&s->why, -EPROTO,
			"the coordinator at %s takes this worker in but refuses what it says: %s",
			s->options.coordinator, why);
		go(s, EXIT_CODE_INCOMPLETE);
		return;
	}
	set_state(s, JOINING);
	uint64_t seq;
	lane_client_begin(
		&s->data.lane,
		&seq); /* gives up the report of the old session; the spool still has it */
	s->data.heard_us = 0;
	send_hello(s);
}

static void on_refused(struct session *s, const struct msg_refused *refused)
{
	char text[256];
	snprintf(text, sizeof(text), "%.*s",
		 (int)(refused->text.len < 255 ? refused->text.len : 255), refused->text.data);
	if (s->state == SERVING || s->state == LEAVING) {
		if (refused->session == s->id || refused->session == 0)
			join_again(s, text);
		return;
	}
	if (s->state == JOINING && s->id && refused->session == s->id)
		return; /* what the other lane had asked before; a hello has no session */
	err_set(&s->why, -ECONNREFUSED, "the coordinator at %s refused this worker: %s",
		s->options.coordinator, text);
	go(s, refused->code ? (int)refused->code : EXIT_CODE_INCOMPLETE);
}

static void on_welcome(struct session *s, const struct msg_welcome *welcome)
{
	if (s->state != JOINING || !lane_client_take(&s->control.lane, s->control.lane.seq))
		return;
	int r = hello_check_welcome(welcome, &s->why);
	if (r < 0) {
		go(s, EXIT_CODE_INCOMPLETE);
		return;
	}
	s->id = welcome->session;
	s->poll_us = welcome->poll_us;
	s->data.heard_us = 0;
	set_state(s, SERVING);
	int noted = spool_disk(s->options.spool)
			    ? disk_note_session(spool_disk(s->options.spool), s->id)
			    : 0;
	if (noted < 0) /* a worker started after this one waits out a lease */
		LOG_WARN("session_not_noted", "reason=%s", strerror(-noted));
	LOG_INFO("joined", "coordinator=%s session=%" PRIu64 " slots=%u", s->options.coordinator,
		 s->id, slots_count(s->options.slots));
}

static void on_orders(struct session *s, const struct msg_orders *orders)
{
	if (s->state != SERVING || orders->session != s->id ||
	    !lane_client_take(&s->control.lane, orders->seq))
		return;
	s->rejoins = 0;
	for (size_t i = 0; i < orders->n_cancels; i++)
		slots_cancel(s->options.slots, orders->cancels[i].attempt,
			     orders->cancels[i].epoch);
	for (size_t i = 0; i < orders->n_assigns; i++)
		slots_assign(s->options.slots, &orders->assigns[i]);
	if (orders->drain)
		session_drain(s, "as ordered");
}

static void on_receipt(struct session *s, struct line *line, const struct msg_receipt *receipt)
{
	if (receipt->session != s->id || !lane_client_take(&line->lane, receipt->seq))
		return;
	s->rejoins = 0;
	if (line == &s->data)
		spool_drop(s->options.spool);
	else if (s->state == LEAVING)
		go(s, s->exit_code);
}

/* The coordinator answered what only this worker can have sealed: it knows the key. */
static void settle(struct session *s)
{
	struct err err = { 0 };
	if (s->state == JOINING || !s->options.identity || s->options.identity->enrolled)
		return;
	LOG_INFO("enrolled", "token=%s key_file=%s", s->options.identity->token,
		 s->options.identity->path);
	if (identity_settle(s->options.identity, &err) < 0)
		LOG_WARN("not_settled", "%s; the token is needed again", err.text);
}

/*
 * A refusal in the clear, which anybody on the way can have written. A coordinator that lost our
 * session cannot seal one, and one that was never asked before may not know how: so it makes a
 * session join again, and ends a first attempt to join, but nothing more.
 */
static void on_hint(struct session *s, const struct msg_refused *refused)
{
	if (s->state == JOINING && s->id)
		LOG_WARN("refused_in_the_clear", "text=%.*s; still trying",
			 (int)(refused->text.len < 400 ? refused->text.len : 400),
			 refused->text.data);
	else if (s->state == JOINING || refused->session == s->id)
		on_refused(s, refused);
}

static void on_contents(struct session *s, const struct msg_contents *contents)
{
	if (contents->session != s->id || !lane_client_take(&s->data.lane, contents->seq))
		return;
	s->rejoins = 0;
	inputs_answer(slots_inputs(s->options.slots), contents);
}

static void handle(struct line *line, struct str frame)
{
	struct session *s = line->session;
	struct err err = { 0 };
	void *message;
	enum guard_trust trust = guard_open(&s->guard, line->number, frame, clock_mono_us(),
					    &frame);
	if (trust == GUARD_FORGED) {
		LOG_WARN("not_opened", "line=%s state=%s", line->name, state_names[s->state]);
		return;
	}
	int type = msg_decode(frame, &s->arena, &message, &err);
	line->heard_us = clock_mono_us();
	line->warned = false;
	if (trust == GUARD_HINT) {
		if (type == MSG_REFUSED)
			on_hint(s, message);
		arena_clear(&s->arena);
		return;
	}
	settle(s);
	if (type == MSG_REFUSED)
		on_refused(s, message);
	else if (type == MSG_WELCOME && line == &s->control)
		on_welcome(s, message);
	else if (type == MSG_ORDERS && line == &s->control)
		on_orders(s, message);
	else if (type == MSG_RECEIPT)
		on_receipt(s, line, message);
	else if (type == MSG_CONTENTS && line == &s->data)
		on_contents(s, message);
	else
		LOG_WARN("unexpected_answer", "line=%s state=%s type=%d reason=%s", line->name,
			 state_names[s->state], type, type < 0 ? err.text : "not in this state");
	arena_clear(&s->arena);
}

static void on_readable(void *data)
{
	struct line *line = data;
	struct str frame;
	int r;
	while (line->session->state != GONE && (r = chan_client_receive(line->chan, &frame)) != 0) {
		if (r < 0) {
			LOG_WARN("not_received", "line=%s reason=%s", line->name, strerror(-r));
			return;
		}
		handle(line, frame);
	}
}

/* ---- time ---- */

/* Send again what is due, and dial again after a long silence. */
static void tend(struct line *line, uint64_t now_us)
{
	struct session *s = line->session;
	uint64_t patience_us = 2 * (s->poll_us ? s->poll_us : HELLO_POLL_US);
	if (!lane_client_due(&line->lane, now_us))
		return;
	int r;
	if (line->heard_us + patience_us < now_us) {
		if (!line->warned)
			LOG_WARN("coordinator_silent", "line=%s url=%s; still trying", line->name,
				 s->options.coordinator);
		line->warned = true;
		line->heard_us = now_us;
		r = chan_client_reopen(line->chan);
	} else {
		r = chan_client_resend(line->chan);
		if (r == -ENOENT)
			r = chan_client_send(line->chan, lane_client_frame(&line->lane));
	}
	if (r < 0)
		LOG_WARN("not_sent_again", "line=%s reason=%s", line->name, strerror(-r));
}

static void on_timer(void *data)
{
	struct session *s = data;
	uint64_t now_us = clock_mono_us();
	if (s->state == GONE)
		return;
	tend(&s->control, now_us);
	tend(&s->data, now_us);
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return b && b < a ? b : a;
}

static void arm_timer(struct session *s)
{
	uint64_t now_us = clock_mono_us();
	uint64_t at_us = sooner(lane_client_deadline(&s->control.lane),
				lane_client_deadline(&s->data.lane));
	at_us = sooner(at_us, s->flush_us);
	at_us = sooner(at_us, s->leave_us);
	if (at_us == UINT64_MAX)
		loop_timer_stop(s->timer);
	else
		loop_timer_set(s->timer, at_us > now_us ? at_us - now_us : 0);
}

/* Is it time to report? Sets the flush time for what may wait. */
static bool is_report_due(struct session *s)
{
	if (lane_client_busy(&s->data.lane) || spool_is_empty(s->options.spool))
		return false;
	uint64_t now_us = clock_mono_us();
	if (slots_closed(s->options.slots) != s->closed ||
	    spool_bytes(s->options.spool) >= FLUSH_BYTES)
		return true;
	if (!s->flush_us)
		s->flush_us = now_us + FLUSH_US;
	return s->flush_us <= now_us;
}

static bool is_drained(const struct session *s)
{
	return s->draining && slots_idle(s->options.slots) == slots_count(s->options.slots) &&
	       spool_is_empty(s->options.spool);
}

void session_step(struct session *session)
{
	struct session *s = session;
	struct inputs *inputs = slots_inputs(s->options.slots);
	if (s->state == SERVING) {
		if (slots_are_broken(s->options.slots) && !s->draining) {
			s->exit_code = EXIT_CODE_SETUP;
			err_set(&s->why, -EPIPE,
				"the sandbox keeper died and could not be started again; see the "
				"log");
			session_drain(s, "lost its sandbox keeper");
		}
		if (is_report_due(s))
			send_report(s);
		else if (!lane_client_busy(&s->data.lane) && inputs_ask(inputs).len)
			send_get(s, inputs_ask(inputs));
		if (is_drained(s)) {
			set_state(s, LEAVING);
			send_stop(s);
		} else if (!lane_client_busy(&s->control.lane)) {
			send_poll(s);
		}
	}
	if (s->state == LEAVING && s->leave_us <= clock_mono_us())
		go(s, s->exit_code);
	if (s->state == JOINING && is_drained(s))
		go(s, s->exit_code);
	if (s->state != GONE)
		arm_timer(s);
}

void session_drain(struct session *session, const char *reason)
{
	if (session->draining)
		return;
	LOG_INFO("draining", "reason=%s", reason);
	/*
	 * The poll that is parked still offers slots, and its answer may be on the way: what it
	 * brings is run. Asking anew would make that answer go astray, and its orders with it. The
	 * next poll says that no more are wanted.
	 */
	session->draining = true;
	session->drain_reason = reason;
}

int session_exit_code(const struct session *session, struct err *err)
{
	if (session->exit_code)
		*err = session->why;
	return session->exit_code;
}

/* ---- life ---- */

static int dial(struct line *line, const char *url, struct err *err)
{
	uint64_t seed = clock_mono_us() ^ (uint64_t)getpid() << 32 ^ (uint64_t)(uintptr_t)line;
	lane_client_init(&line->lane, seed);
	int r = chan_client_new(url, &line->chan, err);
	if (r < 0)
		return r;
	r = loop_fd_new(line->session->options.loop, chan_client_fd(line->chan), on_readable, line,
			&line->watch);
	return r < 0 ? err_errno(err, r, "cannot watch the connection to %s", url) : 0;
}

int session_new(const struct session_options *options, struct session **ret_session,
		struct err *err)
{
	char data_url[CHAN_URL_BYTES];
	int r = chan_address_data(options->coordinator, data_url, err);
	if (r < 0)
		return r;
	struct session *s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(err, -ENOMEM, "no memory for the session");
	s->options = *options;
	guard_init(&s->guard, options->identity);
	s->control = (struct line){ .name = "control", .number = CONTROL, .session = s };
	s->data = (struct line){ .name = "data", .number = DATA, .session = s };
	if (spool_disk(options->spool))
		s->before = disk_session(spool_disk(options->spool));
	s->running = calloc(slots_count(options->slots), sizeof(*s->running));
	if (!s->running)
		r = err_set(err, -ENOMEM, "no memory for the session");
	if (r == 0 && loop_timer_new(options->loop, on_timer, s, &s->timer) < 0)
		r = err_set(err, -ENOMEM, "no memory for the session's timer");
	r = r ? r : dial(&s->control, options->coordinator, err);
	r = r ? r : dial(&s->data, data_url, err);
	if (r < 0) {
		session_free(s);
		return r;
	}
	send_hello(s);
	if (s->state == GONE) {
		*err = s->why;
		session_free(s);
		return err->code;
	}
	*ret_session = s;
	return 0;
}

static void hang_up(struct line *line)
{
	loop_fd_free(line->watch);
	chan_client_free(line->chan);
	lane_client_done(&line->lane);
}

void session_free(struct session *session)
{
	if (!session)
		return;
	hang_up(&session->control);
	hang_up(&session->data);
	loop_timer_free(session->timer);
	arena_done(&session->arena);
	guard_done(&session->guard);
	free(session->running);
	free(session);
}
