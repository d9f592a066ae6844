// SPDX-License-Identifier: Apache-2.0
/*
 * cluster_bench.c - workers and a client that only speak the protocol, to measure what a
 * coordinator alone can do. Driven by cluster.sh.
 *
 *	cluster_bench URL rate CASES WORKERS SLOTS [TOKENS]
 *		every order is answered at once, as one report; prints verdicts per second
 *	cluster_bench URL idle CASES
 *		one slot, a case an order: from the report that frees the slot to the next order;
 *		prints p50 and p99
 *	cluster_bench URL hold CASES WORKERS SLOTS [TOKENS]
 *		orders are taken and never ended; prints "held N", and "again N" when a restarted
 *		coordinator has taken all back
 *
 * TOKENS are two files, a worker's token and a client's: all goes with keys then.
 */
#include "protocol/base/arena.h"
#include "protocol/base/assert.h"
#include "protocol/base/clock.h"
#include "protocol/base/loop.h"
#include "protocol/base/vec.h"
#include "protocol/wire/chan.h"
#include "protocol/wire/guard.h"
#include "protocol/wire/hello.h"
#include "protocol/wire/lane.h"
#include "protocol/wire/outcome.h"
#include "protocol/wire/warrant.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONTROL, DATA, LANES };
enum mode { RATE, IDLE, HOLD };

struct bench;

/* A line to the coordinator: one request outstanding. */
struct line {
	struct peer *peer;
	struct chan_client *chan;
	struct lane_client lane;
};

struct peer {
	struct bench *bench;
	bool client;
	unsigned number;
	uint64_t session, freed_us;
	struct line lines[LANES];
	struct identity identity;
	struct guard guard;
	struct {
		struct msg_running *items;
		size_t len, cap;
	} running;
	struct {
		struct msg_event *items;
		size_t len, cap;
	} events; /* to report */
};

struct bench {
	enum mode mode;
	const char *url;
	const char *tokens[2]; /* files: a worker's and a client's; NULL: no keys */
	struct loop *loop;
	struct loop_timer *tick;
	struct arena arena;
	struct peer *peers; /* the client is the last */
	unsigned n_workers;
	uint64_t slots, cases, from_us, next_event;
	char run[64];
	size_t held, adopted;
	bool restarted;
	struct {
		uint64_t *items;
		size_t len, cap;
	} gaps_us;
};

static void transmit(struct line *line, int encoded, const struct err *err)
{
	if (encoded < 0) {
		fprintf(stderr, "cluster_bench: %s\n", err->text);
		exit(1);
	}
	int r = chan_client_send(line->chan, buf_str(&line->lane.frame));
	ASSERT(r == 0);
	lane_client_sent(&line->lane, clock_mono_us(), 0);
}

static void send_message(struct line *line, enum msg_type type, const void *message, uint64_t seq,
			 struct buf *frame)
{
	struct err err = { 0 };
	struct peer *peer = line->peer;
	const struct guard_number number = { (unsigned)(line - peer->lines), peer->session, seq,
					     clock_mono_us() };
	transmit(line, guard_request(&peer->guard, &number, type, message, frame, &err), &err);
}

static void say_hello(struct peer *peer)
{
	char name[32];
	struct msg_hello hello;
	struct err err = { 0 };
	uint64_t seq;
	struct line *line = &peer->lines[CONTROL];
	struct buf *frame = lane_client_begin(&line->lane, &seq);
	snprintf(name, sizeof(name), "bench-%u", peer->number);
	hello_fill(&hello, peer->client ? HELLO_CLIENT : HELLO_WORKER, name);
	hello.slots = peer->client ? 0 : peer->bench->slots;
	hello.resume = peer->session;
	transmit(line, guard_hello(&peer->guard, &hello, frame, &err), &err);
}

static void poll(struct peer *peer)
{
	struct line *line = &peer->lines[CONTROL];
	struct msg_poll message = { .session = peer->session,
				    .free_slots = peer->bench->slots - peer->running.len,
				    .unsent = peer->events.len != 0,
				    .running = peer->running.items,
				    .n_running = peer->running.len };
	struct buf *frame = lane_client_begin(&line->lane, &message.seq);
	send_message(line, MSG_POLL, &message, message.seq, frame);
}

static void report(struct peer *peer)
{
	struct line *line = &peer->lines[DATA];
	size_t n = peer->events.len < LIMIT_EVENTS ? peer->events.len : LIMIT_EVENTS;
	struct msg_report message = { .session = peer->session,
				      .events = peer->events.items,
				      .n_events = n };
	if (!n || lane_client_busy(&line->lane))
		return;
	while (n > 1 && n * 90 > LIMIT_FRAME_BYTES) /* an event without texts is smaller */
		n /= 2;
	size_t bytes = 0;
	for (size_t i = 0; i < n; i++) {
		bytes += msg_size(&msg_record_event, &message.events[i]);
		if (i && bytes > LIMIT_FRAME_BYTES - 4096)
			n = i;
	}
	message.n_events = n;
	struct buf *frame = lane_client_begin(&line->lane, &message.seq);
	send_message(line, MSG_REPORT, &message, message.seq, frame);
	peer->freed_us = clock_mono_us();
	memmove(peer->events.items, peer->events.items + n,
		(peer->events.len - n) * sizeof(*peer->events.items));
	peer->events.len -= n;
}

static void submit(struct peer *peer)
{
	struct line *line = &peer->lines[CONTROL];
	struct msg_program program = { .suite = STR_LIT("bench"),
				       .name = STR_LIT("p"),
				       .kind = STR_LIT("gtest"),
				       .path = STR_LIT("/bench"),
				       .isolate = peer->bench->mode != RATE };
	struct msg_submit message = { .session = peer->session,
				      .name = STR_LIT("bench"),
				      .programs = &program,
				      .n_programs = 1 };
	uint8_t signature[CIPHER_SIGNATURE_BYTES];
	int r = warrant_sign(&program, peer->identity.seed, peer->identity.signer, signature);
	ASSERT(r == 0);
	struct buf *frame = lane_client_begin(&line->lane, &message.seq);
	send_message(line, MSG_SUBMIT, &message, message.seq, frame);
}

static void watch(struct peer *peer)
{
	struct line *line = &peer->lines[DATA];
	struct msg_watch message = { .session = peer->session,
				     .run = str_of(peer->bench->run),
				     .from = peer->bench->next_event };
	struct buf *frame = lane_client_begin(&line->lane, &message.seq);
	send_message(line, MSG_WATCH, &message, message.seq, frame);
}

static void put(struct peer *peer, struct msg_event event)
{
	int r = VEC_PUSH(&peer->events, event);
	ASSERT(r == 0);
}

/* Names that live as long as the process. */
static void list_cases(struct peer *peer, const struct msg_assign *assign)
{
	uint64_t n = peer->bench->cases, seq = 0;
	struct msg_listed *listed = calloc(n, sizeof(*listed));
	char(*names)[32] = calloc(n, sizeof(*names));
	ASSERT(listed && names);
	for (uint64_t i = 0; i < n; i++) {
		snprintf(names[i], sizeof(names[i]), "case%" PRIu64, i);
		listed[i].name = str_of(names[i]);
	}
	for (uint64_t at = 0; at < n; at += LIMIT_LISTED)
		put(peer, (struct msg_event){ .kind = MSG_EVENT_LISTED,
					      .attempt = assign->attempt,
					      .epoch = assign->epoch,
					      .seq = ++seq,
					      .listed = listed + at,
					      .n_listed = n - at < LIMIT_LISTED ? n - at
										: LIMIT_LISTED });
	put(peer, (struct msg_event){ .kind = MSG_EVENT_CLOSED,
				      .attempt = assign->attempt,
				      .epoch = assign->epoch,
				      .seq = ++seq });
}

static void run_cases(struct peer *peer, const struct msg_assign *assign)
{
	uint64_t seq = 0;
	for (size_t i = 0; i < assign->n_cases; i++) {
		put(peer, (struct msg_event){ .kind = MSG_EVENT_STARTED,
					      .attempt = assign->attempt,
					      .epoch = assign->epoch,
					      .seq = ++seq,
					      .index = assign->cases[i].index });
		put(peer, (struct msg_event){ .kind = MSG_EVENT_ENDED,
					      .attempt = assign->attempt,
					      .epoch = assign->epoch,
					      .seq = ++seq,
					      .index = assign->cases[i].index,
					      .outcome = OUTCOME_PASS,
					      .duration_us = 1000 });
	}
	put(peer, (struct msg_event){ .kind = MSG_EVENT_CLOSED,
				      .attempt = assign->attempt,
				      .epoch = assign->epoch,
				      .seq = ++seq });
}

static void on_orders(struct peer *peer, const struct msg_orders *orders)
{
	struct bench *bench = peer->bench;
	for (size_t i = 0; i < orders->n_assigns; i++) {
		const struct msg_assign *assign = &orders->assigns[i];
		if (assign->list) {
			list_cases(peer, assign);
			continue;
		}
		if (!bench->from_us)
			bench->from_us = clock_mono_us();
		if (bench->mode == IDLE && peer->freed_us)
			(void)VEC_PUSH(&bench->gaps_us, clock_mono_us() - peer->freed_us);
		if (bench->mode != HOLD) {
			run_cases(peer, assign);
			continue;
		}
		int r = VEC_PUSH(&peer->running,
				 (struct msg_running){ assign->attempt, assign->epoch });
		ASSERT(r == 0);
		if (++bench->held == bench->n_workers * bench->slots) {
			printf("held %zu\n", bench->held);
			fflush(stdout);
		}
	}
	if (orders->n_cancels) {
		printf("cancelled %zu\n", orders->n_cancels);
		exit(1);
	}
	report(peer);
	poll(peer);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static void finish(struct bench *bench)
{
	double seconds = (double)(clock_mono_us() - bench->from_us) / 1e6;
	if (bench->mode == RATE)
		printf("%.0f\n", (double)bench->cases / seconds);
	size_t n = bench->gaps_us.len;
	if (bench->mode == IDLE && n) {
		qsort(bench->gaps_us.items, n, sizeof(uint64_t), compare);
		printf("%" PRIu64 " %" PRIu64 "\n", bench->gaps_us.items[n / 2],
		       bench->gaps_us.items[n * 99 / 100]);
	}
	loop_stop(bench->loop);
}

static void on_welcome(struct peer *peer, const struct msg_welcome *welcome)
{
	struct bench *bench = peer->bench;
	bool again = peer->session != 0;
	peer->session = welcome->session;
	if (peer->client && bench->run[0])
		watch(peer);
	else if (peer->client)
		submit(peer);
	else
		poll(peer);
	if (again && !peer->client && ++bench->adopted % bench->n_workers == 0) {
		printf("again %zu\n", bench->held);
		fflush(stdout);
	}
}

static void on_frame(struct line *line, struct str frame)
{
	struct peer *peer = line->peer;
	struct bench *bench = peer->bench;
	struct err err = { 0 };
	void *message;
	arena_clear(&bench->arena);
	enum guard_trust trust = guard_open(&peer->guard, (unsigned)(line - peer->lines), frame,
					    clock_mono_us(), &frame);
	int type = trust == GUARD_FORGED ? -EBADMSG
					 : msg_decode(frame, &bench->arena, &message, &err);
	if (trust != GUARD_TRUSTED && type != MSG_REFUSED)
		return; /* an answer to what is over */
	(void)lane_client_take(&line->lane, line->lane.seq);
	if (type == MSG_WELCOME) {
		on_welcome(peer, message);
	} else if (type == MSG_ORDERS) {
		on_orders(peer, message);
	} else if (type == MSG_RECEIPT) {
		report(peer);
	} else if (type == MSG_ACCEPTED) {
		const struct msg_accepted *accepted = message;
		snprintf(bench->run, sizeof(bench->run), "%.*s", STR_ARG(accepted->run));
		watch(peer);
	} else if (type == MSG_NEWS) {
		const struct msg_news *news = message;
		bench->next_event = news->next;
		if (news->done)
			finish(bench);
		else
			watch(peer);
	} else if (type == MSG_REFUSED && peer->session) {
		say_hello(peer);
	} else {
		fprintf(stderr, "cluster_bench: answer %d %s\n", type, err.text);
		exit(1);
	}
}

static void on_readable(void *data)
{
	struct line *line = data;
	struct str frame;
	while (chan_client_receive(line->chan, &frame) > 0)
		on_frame(line, frame);
}

static void on_tick(void *data)
{
	struct bench *bench = data;
	for (unsigned i = 0; i <= bench->n_workers; i++)
		for (int lane = 0; lane < LANES; lane++)
			if (lane_client_due(&bench->peers[i].lines[lane].lane, clock_mono_us()))
				(void)chan_client_resend(bench->peers[i].lines[lane].chan);
	loop_timer_set(bench->tick, 100000);
}

static void dial(struct bench *bench, unsigned number)
{
	struct peer *peer = &bench->peers[number];
	struct err err = { 0 };
	char data_url[CHAN_URL_BYTES];
	int r = chan_address_data(bench->url, data_url, &err);
	*peer = (struct peer){ .bench = bench,
			       .number = number,
			       .client = number == bench->n_workers };
	const char *token = bench->tokens[peer->client];
	char who[64];
	snprintf(who, sizeof(who), "bench-%d-%u", (int)getpid(), number);
	if (r == 0 && token)
		r = identity_open(who, bench->url, token, &peer->identity, &err);
	guard_init(&peer->guard, token ? &peer->identity : NULL);
	for (int lane = 0; r == 0 && lane < LANES; lane++) {
		struct line *line = &peer->lines[lane];
		struct loop_fd *fd;
		line->peer = peer;
		lane_client_init(&line->lane, number * 2 + (uint64_t)lane + 1);
		r = chan_client_new(lane == CONTROL ? bench->url : data_url, &line->chan, &err);
		if (r == 0)
			r = loop_fd_new(bench->loop, chan_client_fd(line->chan), on_readable, line,
					&fd);
	}
	if (r < 0) {
		fprintf(stderr, "cluster_bench: dialling %s: %s\n", bench->url, err.text);
		exit(1);
	}
	say_hello(peer);
}

static uint64_t number(const char *text)
{
	uint64_t value = 0;
	if (!text || str_parse_u64(str_of(text), 1, 1 << 24, &value) < 0) {
		fprintf(stderr, "cluster_bench: a number is missing\n");
		exit(2);
	}
	return value;
}

int main(int argc, char **argv)
{
	static const char *const modes[] = { "rate", "idle", "hold" };
	struct bench bench = { .n_workers = 1, .slots = 1 };
	if (argc < 4)
		return 2;
	while (bench.mode < HOLD && strcmp(argv[2], modes[bench.mode]) != 0)
		bench.mode++;
	bench.url = argv[1];
	bench.cases = number(argv[3]);
	if (bench.mode != IDLE) {
		bench.n_workers = (unsigned)number(argc > 4 ? argv[4] : NULL);
		bench.slots = number(argc > 5 ? argv[5] : NULL);
	}
	for (int i = 0; argc > 7 && i < 2; i++)
		bench.tokens[i] = argv[6 + i];
	bench.peers = calloc(bench.n_workers + 1, sizeof(*bench.peers));
	if (!bench.peers || loop_new(&bench.loop) < 0 ||
	    loop_timer_new(bench.loop, on_tick, &bench, &bench.tick) < 0)
		return 1;
	for (unsigned i = 0; i <= bench.n_workers; i++)
		dial(&bench, i);
	loop_timer_set(bench.tick, 100000);
	return loop_run(bench.loop, NULL, NULL) < 0;
}
