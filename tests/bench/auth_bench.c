// SPDX-License-Identifier: Apache-2.0
/*
 * auth_bench.c - what identity and secrecy cost: handshakes answered a second, messages sealed and
 * opened, and a round trip over nanomsg on loopback with and without a seal, in turn.
 *
 *	auth_bench COUNT JSON
 */
#include "protocol/base/clock.h"
#include "protocol/base/loop.h"
#include "protocol/wire/chan.h"
#include "protocol/wire/guard.h"
#include "protocol/wire/limits.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(call)                                                             \
	do {                                                                    \
		int check_r = (call);                                           \
		if (check_r < 0) {                                              \
			fprintf(stderr, "%s: %s\n", #call, strerror(-check_r)); \
			exit(1);                                                \
		}                                                               \
	} while (0)

enum { SMALL = 256, LARGE = 64 << 10, ROUNDS = 5 };

static struct auth_pair pairs[2];
static struct seal asks, answers;
static char payload[LARGE];

static void random_pair(struct auth_pair *pair)
{
	cipher_random(pair->secret, sizeof(pair->secret));
	cipher_public(pair->secret, pair->public);
}

/* Seconds for n handshakes as the coordinator answers them; leaves keys of one. */
static double handshakes(uint64_t n)
{
	struct buf first, second, out;
	struct auth initiator, responder;
	uint8_t ephemeral[CIPHER_KEY_BYTES];
	buf_init(&first, AUTH_MESSAGE_BYTES);
	buf_init(&second, AUTH_MESSAGE_BYTES);
	buf_init(&out, AUTH_MESSAGE_BYTES);
	cipher_random(ephemeral, sizeof(ephemeral));
	auth_begin(&initiator, AUTH_IK, STR_LIT(GUARD_PROLOGUE), &pairs[0], ephemeral,
		   pairs[1].public);
	CHECK(auth_write_first(&initiator, (struct str){ payload, SMALL }, &first));
	uint64_t begin = clock_mono_us();
	for (uint64_t i = 0; i < n; i++) {
		buf_clear(&second);
		buf_clear(&out);
		cipher_random(ephemeral, sizeof(ephemeral));
		auth_begin(&responder, AUTH_IK, STR_LIT(GUARD_PROLOGUE), &pairs[1], ephemeral,
			   NULL);
		CHECK(auth_read_first(&responder, buf_str(&first), &out));
		CHECK(auth_write_second(&responder, (struct str){ payload, 64 }, &second));
		seal_init(&answers, &responder, 0, 0);
	}
	double s = (double)(clock_mono_us() - begin) / 1e6;
	CHECK(auth_read_second(&initiator, buf_str(&second), &out));
	seal_init(&asks, &initiator, 0, 0);
	buf_done(&first);
	buf_done(&second);
	buf_done(&out);
	return s;
}

/* Seconds to seal and open n messages of some bytes. */
static double seals(uint64_t n, size_t bytes)
{
	struct buf frame, message;
	buf_init(&frame, LIMIT_FRAME_BYTES);
	buf_init(&message, LIMIT_FRAME_BYTES);
	uint64_t begin = clock_mono_us(), seq = asks.sealed_seq;
	for (uint64_t i = 0; i < n; i++) {
		CHECK(seal_frame(&asks, SEAL_REQUEST, 1, ++seq, (struct str){ payload, bytes },
				 &frame));
		CHECK(seal_open(&answers, buf_str(&frame), &message));
	}
	double s = (double)(clock_mono_us() - begin) / 1e6;
	buf_done(&frame);
	buf_done(&message);
	return s;
}

/* Echo for ever; sealed frames are opened and sealed again. */
static void serve(const char *url)
{
	struct chan_server *server;
	struct chan_peer peer;
	struct str frame;
	struct buf message, reply;
	struct seal_head head;
	CHECK(chan_server_new(&server, NULL));
	CHECK(chan_server_listen(server, url, NULL));
	buf_init(&message, LIMIT_FRAME_BYTES);
	buf_init(&reply, LIMIT_FRAME_BYTES);
	struct pollfd fd = { .fd = chan_server_fd(server), .events = POLLIN };
	while (poll(&fd, 1, -1) >= 0)
		while (chan_server_receive(server, &frame, &peer) > 0) {
			CHECK(seal_parse(frame, &head));
			if (head.kind == SEAL_CLEAR) {
				CHECK(chan_server_reply(server, &peer, frame));
				continue;
			}
			CHECK(seal_open(&answers, frame, &message));
			CHECK(seal_frame(&answers, SEAL_REPLY, head.session, head.seq,
					 buf_str(&message), &reply));
			CHECK(chan_server_reply(server, &peer, buf_str(&reply)));
		}
}

/* Seconds for n round trips. */
static double trips(struct chan_client *client, uint64_t n, size_t bytes, bool sealed)
{
	struct buf frame, message;
	struct str answer;
	struct pollfd fd = { .fd = chan_client_fd(client), .events = POLLIN };
	buf_init(&frame, LIMIT_FRAME_BYTES);
	buf_init(&message, LIMIT_FRAME_BYTES);
	uint64_t begin = clock_mono_us(), seq = asks.sealed_seq;
	for (uint64_t i = 0; i < n; i++) {
		struct str out = { payload, bytes };
		if (sealed) {
			CHECK(seal_frame(&asks, SEAL_REQUEST, 1, ++seq, out, &frame));
			out = buf_str(&frame);
		}
		CHECK(chan_client_send(client, out));
		int r;
		while ((r = chan_client_receive(client, &answer)) == 0)
			poll(&fd, 1, -1);
		CHECK(r);
		if (sealed)
			CHECK(seal_open(&asks, answer, &message));
	}
	double s = (double)(clock_mono_us() - begin) / 1e6;
	buf_done(&frame);
	buf_done(&message);
	return s;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

/* Plain and sealed in turn; the medians in microseconds and the median ratio. */
static void compare_trips(struct chan_client *client, uint64_t n, size_t bytes, FILE *json)
{
	double plain[ROUNDS], sealed[ROUNDS], ratio[ROUNDS];
	for (int i = 0; i < ROUNDS; i++) {
		plain[i] = trips(client, n, bytes, false) * 1e6 / (double)n;
		sealed[i] = trips(client, n, bytes, true) * 1e6 / (double)n;
		ratio[i] = sealed[i] / plain[i];
	}
	qsort(plain, ROUNDS, sizeof(double), compare);
	qsort(sealed, ROUNDS, sizeof(double), compare);
	qsort(ratio, ROUNDS, sizeof(double), compare);
	printf("round trip of %6zu bytes over tcp: plain %7.1f us, sealed %7.1f us, ratio %.2f\n",
	       bytes, plain[ROUNDS / 2], sealed[ROUNDS / 2], ratio[ROUNDS / 2]);
	fprintf(json, ", \"trip_%zu\": {\"plain_us\": %.2f, \"sealed_us\": %.2f, \"ratio\": %.3f}",
		bytes, plain[ROUNDS / 2], sealed[ROUNDS / 2], ratio[ROUNDS / 2]);
}

int main(int argc, char **argv)
{
	uint64_t n;
	struct chan_client *client;
	char url[64];
	if (argc != 3 || str_parse_u64(str_of(argv[1]), 100, 10000000, &n) < 0) {
		fprintf(stderr, "usage: auth_bench COUNT JSON\n");
		return 2;
	}
	FILE *json = fopen(argv[2], "we");
	if (!json)
		return 1;
	random_pair(&pairs[0]);
	random_pair(&pairs[1]);
	double rate = (double)(n / 10) / handshakes(n / 10);
	printf("handshakes answered: %.0f/s\n", rate);
	fprintf(json, "{\"handshakes_per_s\": %.0f", rate);
	rate = (double)n / seals(n, SMALL);
	printf("sealed and opened: %.0f/s of %d bytes, %.0f MB/s of %d\n", rate, SMALL,
	       (double)(n / 10) * LARGE / 1e6 / seals(n / 10, LARGE), LARGE);
	fprintf(json, ", \"seals_per_s\": %.0f", rate);
	snprintf(url, sizeof(url), "tcp://127.0.0.1:%d", 20000 + (int)(getpid() % 20000));
	pid_t child = fork(); /* before any channel: those start a thread */
	if (child == 0) {
		serve(url);
		_exit(1);
	}
	CHECK(chan_client_new(url, &client, NULL));
	(void)trips(client, 100, SMALL, false);
	compare_trips(client, n / 10, SMALL, json);
	compare_trips(client, n / 50, LARGE, json);
	chan_client_free(client);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	fputs("}\n", json);
	return fclose(json) == 0 ? 0 : 1;
}
