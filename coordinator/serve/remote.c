// SPDX-License-Identifier: Apache-2.0
/*
 * remote.c - the client of a coordinator elsewhere: hello, submit in pieces, then watch; every
 * answer is fed to the same reports a local run has. A lost connection is dialled again; silence
 * past the patience is exit 111. A coordinator that was restarted does not know the session: the
 * client says hello again and goes on with its run, by name and from the event it needs next; or,
 * not yet accepted, submits anew under the same token.
 */
#include "coordinator/serve/remote.h"

#include "coordinator/serve/reports.h"
#include "coordinator/serve/shipment.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"
#include "protocol/base/loop.h"
#include "protocol/wire/chan.h"
#include "protocol/wire/guard.h"
#include "protocol/wire/hello.h"
#include "protocol/wire/lane.h"
#include "protocol/wire/outcome.h"
#include "protocol/wire/warrant.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

enum {
	PATIENCE_US = 20000000, /* without any answer the coordinator is out of reach */
	TICK_US = 100000,
	PIECE_BYTES = 512 << 10,
	REJOINS_MAX = 20, /* then the coordinator does not want us */
};

enum { CONTROL, DATA, LANES };

enum remote_state { SAYING_HELLO, SHIPPING, SUBMITTING, WATCHING, OVER };

struct remote {
	const struct embed_options *options;
	const struct msg_submit *submit;
	uint64_t token; /* of the submission, by chance */
	char run[64];	/* its name, once it was accepted */
	bool told_end;	/* its last event came */
	struct loop *loop;
	struct chan_client *chans[LANES];
	struct lane_client lanes[LANES];
	struct identity identity;
	struct guard guard;
	struct loop_fd *watches[LANES];
	struct loop_timer *tick;
	struct loop_signal *signals[3];
	struct reports *reports;
	struct shipment *shipment; /* NULL: nothing is sent along */
	struct arena arena;
	enum remote_state state;
	uint64_t session, next_event, heard_us, poll_us;
	size_t submitted; /* programs sent so far */
	unsigned interrupts;
	unsigned rejoins; /* since the last news */
	int exit_code;
	struct err *err;
};

static void finish(struct remote *remote, int exit_code)
{
	remote->state = OVER;
	remote->exit_code = outcome_worse_exit(remote->exit_code, exit_code);
	loop_stop(remote->loop);
}

/* Send what was encoded, with result r, into the lane's frame. */
static void transmit(struct remote *remote, int lane, int r, uint64_t patience_us)
{
	if (r == 0)
		r = chan_client_send(remote->chans[lane], buf_str(&remote->lanes[lane].frame));
	if (r < 0) {
		if (!remote->err->text[0])
			err_errno(remote->err, r, "sending to the coordinator");
		finish(remote, EXIT_CODE_INCOMPLETE);
		return;
	}
	lane_client_sent(&remote->lanes[lane], clock_mono_us(), patience_us);
}

/* A watch may be parked; all else is answered at once. */
static void send_message(struct remote *remote, unsigned lane, enum msg_type type,
			 const void *message, uint64_t seq, struct buf *frame)
{
	const struct guard_number number = { lane, remote->session, seq, clock_mono_us() };
	int r = guard_request(&remote->guard, &number, type, message, frame, remote->err);
	transmit(remote, (int)lane, r, type == MSG_WATCH ? remote->poll_us : 0);
}

const char *remote_client_name(char out[REMOTE_NAME_BYTES])
{
	char host[256] = "";
	(void)gethostname(host, sizeof(host) - 1); /* an empty one is as good as none */
	snprintf(out, REMOTE_NAME_BYTES, "uid%ld@%s", (long)getuid(), host);
	return out;
}

static void say_hello(struct remote *remote)
{
	char name[REMOTE_NAME_BYTES];
	uint64_t seq;
	struct msg_hello hello;
	struct buf *frame = lane_client_begin(&remote->lanes[CONTROL], &seq);
	hello_fill(&hello, HELLO_CLIENT, remote_client_name(name));
	hello.resume = remote->session;
	transmit(remote, CONTROL, guard_hello(&remote->guard, &hello, frame, remote->err), 0);
}

/* Sign copies of n programs in the arena; the originals without keys. NULL on no memory. */
static struct msg_program *sign(struct remote *remote, struct msg_program *programs, size_t n)
{
	if (!remote->guard.identity)
		return programs;
	arena_clear(&remote->arena);
	struct msg_program *copies = arena_alloc(&remote->arena, n * sizeof(*copies));
	uint8_t(*signatures)[CIPHER_SIGNATURE_BYTES] = arena_alloc(&remote->arena,
								   n * sizeof(*signatures));
	for (size_t i = 0; copies && signatures && i < n; i++) {
		copies[i] = programs[i];
		if (warrant_sign(&copies[i], remote->identity.seed, remote->identity.signer,
				 signatures[i]) < 0)
			return NULL;
	}
	return signatures ? copies : NULL;
}

static void submit_piece(struct remote *remote)
{
	uint64_t seq;
	struct buf *frame = lane_client_begin(&remote->lanes[CONTROL], &seq);
	struct msg_submit piece = *remote->submit;
	size_t n = 0, bytes = 0, left = remote->submit->n_programs - remote->submitted;
	piece.programs = remote->submit->programs + remote->submitted;
	while (n < left && n < LIMIT_PROGRAMS) {
		bytes += msg_size(&msg_record_program, &piece.programs[n]);
		if (n && bytes > PIECE_BYTES)
			break;
		n++;
	}
	piece.n_programs = n;
	piece.programs = sign(remote, piece.programs, n);
	if (n && !piece.programs) {
		transmit(remote, CONTROL, -ENOMEM, 0);
		return;
	}
	piece.more = n < left;
	piece.token = remote->token;
	piece.session = remote->session;
	piece.seq = seq;
	remote->submitted += n;
	send_message(remote, CONTROL, MSG_SUBMIT, &piece, seq, frame);
}

/* Once the inputs are there: how much they are, and how much of it had to travel. */
static void tell_inputs(struct remote *remote)
{
	struct parcel_counts parcel = parcel_counts(remote->options->parcel);
	struct shipment_counts sent = shipment_counts(remote->shipment);
	char all[24], travelled[24];
	fprintf(stderr, "paddock: inputs: %llu files, %s in %llu chunks; %llu chunks sent (%s)\n",
		(unsigned long long)parcel.files, str_format_size(all, sizeof(all), parcel.bytes),
		(unsigned long long)parcel.chunks, (unsigned long long)sent.chunks,
		str_format_size(travelled, sizeof(travelled), sent.packed_bytes));
}

/* The next question or gift about inputs; after the last one the run is submitted. */
static void ship(struct remote *remote)
{
	uint64_t seq;
	struct buf *frame = lane_client_begin(&remote->lanes[DATA], &seq);
	const void *message;
	int r = shipment_next(remote->shipment, remote->session, seq, &message, remote->err);
	if (r > 0) {
		send_message(remote, DATA, (enum msg_type)r, message, seq, frame);
		return;
	}
	if (r < 0) {
		transmit(remote, DATA, r, 0);
		return;
	}
	if (!remote->rejoins)
		tell_inputs(remote);
	remote->state = SUBMITTING;
	submit_piece(remote);
}

static void on_shipped(struct remote *remote, int type, const void *message)
{
	if (shipment_take(remote->shipment, type, message, remote->err) < 0)
		finish(remote, EXIT_CODE_INCOMPLETE);
	else
		ship(remote);
}

static void watch(struct remote *remote)
{
	uint64_t seq;
	struct buf *frame = lane_client_begin(&remote->lanes[DATA], &seq);
	send_message(remote, DATA, MSG_WATCH,
		     &(struct msg_watch){ .session = remote->session,
					  .seq = seq,
					  .run = str_of(remote->run),
					  .token = remote->token,
					  .from = remote->next_event },
		     seq, frame);
}

static void say_stop(struct remote *remote)
{
	uint64_t seq;
	struct buf *frame = lane_client_begin(&remote->lanes[CONTROL], &seq);
	send_message(remote, CONTROL, MSG_STOP,
		     &(struct msg_stop){ .session = remote->session,
					 .seq = seq,
					 .run = str_of(remote->run),
					 .reason = STR_LIT("interrupted") },
		     seq, frame);
}

static void on_welcome(struct remote *remote, const struct msg_welcome *welcome)
{
	if (hello_check_welcome(welcome, remote->err) < 0) {
		finish(remote, EXIT_CODE_INCOMPLETE);
		return;
	}
	remote->session = welcome->session;
	remote->poll_us = welcome->poll_us;
	if (remote->run[0]) {
		remote->state = WATCHING;
		watch(remote);
		if (remote->interrupts)
			say_stop(remote);
		return;
	}
	remote->submitted = 0;
	remote->state = remote->shipment ? SHIPPING : SUBMITTING;
	if (remote->shipment) {
		shipment_begin(remote->shipment);
		ship(remote);
	} else {
		submit_piece(remote);
	}
}

static void on_accepted(struct remote *remote, const struct msg_accepted *accepted)
{
	if (!accepted->run.len) {
		submit_piece(remote);
		return;
	}
	snprintf(remote->run, sizeof(remote->run), "%.*s", STR_ARG(accepted->run));
	remote->state = WATCHING;
	watch(remote);
}

static void on_news(struct remote *remote, const struct msg_news *news)
{
	if (news->next != remote->next_event + news->n_events) {
		err_set(remote->err, -EPROTO,
			"the coordinator's news have a gap: %llu events are missing",
			(unsigned long long)(news->next - remote->next_event - news->n_events));
		finish(remote, EXIT_CODE_INCOMPLETE);
		return;
	}
	for (size_t i = 0; i < news->n_events; i++) {
		reports_event(remote->reports, &news->events[i]);
		remote->told_end |= news->events[i].kind == MSG_RUN_FINISHED;
		if (news->events[i].kind == MSG_RUN_FINISHED)
			remote->exit_code = outcome_worse_exit(remote->exit_code,
							       (int)news->events[i].exit_code);
	}
	remote->next_event = news->next;
	remote->rejoins = 0;
	if (news->done && !remote->told_end)
		err_set(remote->err, -EIO,
			"the coordinator could not go on with run %s: its log says why",
			remote->run);
	if (news->done)
		finish(remote, remote->told_end ? EXIT_CODE_OK : EXIT_CODE_INCOMPLETE);
	else
		watch(remote);
}

/* The coordinator was restarted, or gave this session up. */
static void join_again(struct remote *remote)
{
	uint64_t seq;
	LOG_INFO("session_unknown", "saying hello again");
	lane_client_begin(&remote->lanes[DATA], &seq); /* gives up what was asked there */
	remote->state = SAYING_HELLO;
	remote->rejoins++;
	say_hello(remote);
}

/*
 * A coordinator that does not know a session cannot seal what it says of it. With keys, what comes
 * in the clear may be anybody's: it ends a first attempt to join, makes a session say hello again,
 * and nothing more.
 */
static void on_refused(struct remote *remote, const struct msg_refused *refused, bool sealed)
{
	bool ours = remote->session && refused->session == remote->session &&
		    refused->code == EXIT_CODE_INCOMPLETE;
	bool patient = !sealed && remote->rejoins < REJOINS_MAX;
	if (ours && patient) {
		if (remote->state != SAYING_HELLO) /* else it is the other lane's word for it */
			join_again(remote);
		return;
	}
	if (remote->session && remote->guard.identity && patient) {
		LOG_WARN("refused_in_the_clear", "text=%.*s; still trying",
			 (int)(refused->text.len < 400 ? refused->text.len : 400),
			 refused->text.data);
		return;
	}
	err_set(remote->err, -EPROTO, "the coordinator refused: %.*s", STR_ARG(refused->text));
	finish(remote, refused->code ? (int)refused->code : EXIT_CODE_INCOMPLETE);
}

/* The coordinator answered what only this client can have sealed: it knows the key. */
static bool settle(struct remote *remote)
{
	if (!remote->guard.identity || identity_settle(&remote->identity, remote->err) == 0)
		return true;
	finish(remote, EXIT_CODE_INCOMPLETE);
	return false;
}

static void on_frame(struct remote *remote, int lane, struct str frame)
{
	void *message;
	struct err err = { 0 };
	enum guard_trust trust = guard_open(&remote->guard, (unsigned)lane, frame, clock_mono_us(),
					    &frame);
	if (trust == GUARD_FORGED)
		return;
	arena_clear(&remote->arena);
	int type = msg_decode(frame, &remote->arena, &message, &err);
	remote->heard_us = clock_mono_us();
	if (trust == GUARD_HINT && type != MSG_REFUSED)
		return;
	if (trust == GUARD_TRUSTED && remote->state != SAYING_HELLO && !settle(remote))
		return;
	if (type < 0) {
		*remote->err = err;
		err_wrap(remote->err,
			 "the coordinator answered with something else than paddock's protocol");
		finish(remote, EXIT_CODE_INCOMPLETE);
		return;
	}
	(void)lane_client_take(&remote->lanes[lane], remote->lanes[lane].seq);
	if (type == MSG_WELCOME && remote->state == SAYING_HELLO)
		on_welcome(remote, message);
	else if (type == MSG_ACCEPTED && remote->state == SUBMITTING)
		on_accepted(remote, message);
	else if (type == MSG_NEWS && remote->state == WATCHING)
		on_news(remote, message);
	else if ((type == MSG_MISSING || type == MSG_RECEIPT) && remote->state == SHIPPING)
		on_shipped(remote, type, message);
	else if (type == MSG_REFUSED)
		on_refused(remote, message, remote->guard.identity && trust == GUARD_TRUSTED);
}

static void receive(struct remote *remote, int lane)
{
	struct str frame;
	int r = 0;
	while (remote->state != OVER && (r = chan_client_receive(remote->chans[lane], &frame)) > 0)
		on_frame(remote, lane, frame);
	if (r < 0) {
		err_errno(remote->err, r, "receiving from the coordinator");
		finish(remote, EXIT_CODE_INCOMPLETE);
	}
}

static void on_control(void *data)
{
	receive(data, CONTROL);
}

static void on_data(void *data)
{
	receive(data, DATA);
}

static void on_tick(void *data)
{
	struct remote *remote = data;
	uint64_t now = clock_mono_us();
	reports_tick(remote->reports, now);
	if (now - remote->heard_us > PATIENCE_US) {
		err_set(remote->err, -EHOSTUNREACH,
			"the coordinator does not answer for %d s: is it running, and is this its "
			"address?",
			PATIENCE_US / 1000000);
		finish(remote, EXIT_CODE_INCOMPLETE);
		return;
	}
	for (int lane = 0; lane < LANES; lane++)
		if (lane_client_due(&remote->lanes[lane], now) &&
		    chan_client_resend(remote->chans[lane]) < 0)
			LOG_WARN("resend_failed", "lane=%d", lane);
	loop_timer_set(remote->tick, TICK_US);
}

static void on_interrupt(void *data, int signum)
{
	struct remote *remote = data;
	remote->exit_code = EXIT_CODE_SIGNAL + signum;
	if (remote->interrupts++ || remote->state != WATCHING)
		finish(remote, EXIT_CODE_SIGNAL + signum);
	else
		say_stop(remote);
}

static int dial(struct remote *remote, const char *url)
{
	char data_url[CHAN_URL_BYTES];
	int r = chan_address_data(url, data_url, remote->err);
	for (int lane = 0; r == 0 && lane < LANES; lane++) {
		lane_client_init(&remote->lanes[lane], (uint64_t)getpid() * 2 + (uint64_t)lane);
		r = chan_client_new(lane == CONTROL ? url : data_url, &remote->chans[lane],
				    remote->err);
		if (r == 0)
			r = loop_fd_new(remote->loop, chan_client_fd(remote->chans[lane]),
					lane == CONTROL ? on_control : on_data, remote,
					&remote->watches[lane]);
	}
	return r;
}

static int set_up(struct remote *remote, const char *url)
{
	int r = loop_new(&remote->loop);
	if (r == 0 && remote->options->parcel &&
	    !(remote->shipment = shipment_new(remote->options->parcel)))
		r = -ENOMEM;
	if (r == 0)
		r = loop_signal_new(remote->loop, SIGINT, on_interrupt, remote,
				    &remote->signals[0]);
	if (r == 0)
		r = loop_signal_new(remote->loop, SIGTERM, on_interrupt, remote,
				    &remote->signals[1]);
	if (r == 0)
		r = loop_signal_new(remote->loop, SIGHUP, on_interrupt, remote,
				    &remote->signals[2]);
	if (r == 0)
		r = loop_timer_new(remote->loop, on_tick, remote, &remote->tick);
	if (r == 0)
		r = dial(remote, url);
	if (r < 0 && !remote->err->text[0])
		err_errno(remote->err, r, "dialling %s", url);
	return r;
}

static void tear_down(struct remote *remote)
{
	for (int lane = 0; lane < LANES; lane++) {
		loop_fd_free(remote->watches[lane]);
		chan_client_free(remote->chans[lane]);
		lane_client_done(&remote->lanes[lane]);
	}
	loop_timer_free(remote->tick);
	for (int i = 0; i < 3; i++)
		loop_signal_free(remote->signals[i]);
	loop_free(remote->loop);
	guard_done(&remote->guard);
	identity_done(&remote->identity);
	shipment_free(remote->shipment);
	arena_done(&remote->arena);
}

static uint64_t random_token(void)
{
	uint64_t token = 0;
	while (!token && getrandom(&token, sizeof(token), 0) == (ssize_t)sizeof(token))
		token &= INT64_MAX;
	return token;
}

int remote_check_address(const char *url, bool insecure, struct err *err)
{
	int r = chan_address_check(url, err);
	if (r == 0 && insecure && !chan_address_is_local(url))
		r = err_set(err, -EPERM,
			    "refusing to dial %s with --insecure: without keys only a coordinator "
			    "on this machine is spoken to; leave it out, and give --token FILE",
			    url);
	return r;
}

int remote_run(const struct remote_options *where, const struct embed_options *options,
	       const struct msg_submit *submit, struct err *err)
{
	struct err own = { 0 };
	struct remote remote = { .options = options,
				 .submit = submit,
				 .token = random_token(),
				 .err = err ? err : &own,
				 .heard_us = clock_mono_us() };
	if (remote_check_address(where->url, where->insecure, remote.err) < 0)
		return EXIT_CODE_USAGE;
	if (!where->insecure &&
	    identity_open("client", where->url, where->token, &remote.identity, remote.err) < 0)
		return EXIT_CODE_INCOMPLETE;
	guard_init(&remote.guard, where->insecure ? NULL : &remote.identity);
	if (reports_open_run(options, &remote.reports, remote.err) < 0) {
		identity_done(&remote.identity);
		return EXIT_CODE_REPORT;
	}
	if (set_up(&remote, where->url) < 0) {
		remote.exit_code = EXIT_CODE_INCOMPLETE;
	} else {
		say_hello(&remote);
		loop_timer_set(remote.tick, TICK_US);
		if (remote.state != OVER)
			loop_run(remote.loop, NULL, NULL);
	}
	tear_down(&remote);
	struct err closing = { 0 };
	if (reports_close(remote.reports, &closing) < 0) {
		if (!remote.err->text[0])
			*remote.err = closing;
		remote.exit_code = outcome_worse_exit(remote.exit_code, EXIT_CODE_REPORT);
	}
	return remote.exit_code;
}
