// SPDX-License-Identifier: Apache-2.0
/*
 * auth_bench.c - what identity and secrecy cost: handshakes answered a second, messages sealed and
 * opened, and a round trip over nanomsg on loopback with and without a seal, in turn with plain
 * sockets and epoll doing the same: a length, then so many bytes, and back.
 *
 *	auth_bench COUNT JSON
 */
#include "protocol/base/clock.h"
#include "protocol/base/loop.h"
#include "protocol/wire/chan.h"
#include "protocol/wire/guard.h"
#include "protocol/wire/limits.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
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

/* ---- the same with plain sockets ---- */

static void move_all(int fd, char *bytes, size_t n, bool write_them)
{
	for (size_t at = 0; at < n;) {
		ssize_t moved = write_them ? write(fd, bytes + at, n - at)
					   : read(fd, bytes + at, n - at);
		if (moved <= 0)
			_exit(0); /* the other end is gone */
		at += (size_t)moved;
	}
}

static void send_plain(int fd, char *frame, size_t bytes)
{
	uint64_t length = bytes;
	memcpy(frame, &length, sizeof(length));
	move_all(fd, frame, sizeof(length) + bytes, true);
}

static size_t receive_plain(int fd, char *frame)
{
	uint64_t length;
	move_all(fd, frame, sizeof(length), false);
	memcpy(&length, frame, sizeof(length));
	move_all(fd, frame + sizeof(length), length, false);
	return length;
}

/* Echo for ever on one connection of a listening socket. */
static void serve_plain(int listener)
{
	static char frame[LARGE + 8];
	const int on = 1;
	int fd = accept(listener, NULL, NULL), epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = { .events = EPOLLIN };
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (fd < 0 || epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		_exit(1);
	while (epoll_wait(epoll, &event, 1, -1) >= 0)
		send_plain(fd, frame, receive_plain(fd, frame));
}

static int listen_plain(struct sockaddr_in *ret_address)
{
	socklen_t n = sizeof(*ret_address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	*ret_address = (struct sockaddr_in){ .sin_family = AF_INET,
					     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (fd < 0 || bind(fd, (struct sockaddr *)ret_address, n) < 0 || listen(fd, 1) < 0 ||
	    getsockname(fd, (struct sockaddr *)ret_address, &n) < 0) {
		perror("a plain socket");
		exit(1);
	}
	return fd;
}

static int dial_plain(const struct sockaddr_in *address)
{
	const int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0) {
		perror("a plain socket");
		exit(1);
	}
	return fd;
}

/* Seconds for n round trips. */
static double plain_trips(int fd, uint64_t n, size_t bytes)
{
	static char frame[LARGE + 8];
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	uint64_t begin = clock_mono_us();
	for (uint64_t i = 0; i < n; i++) {
		send_plain(fd, frame, bytes);
		poll(&ready, 1, -1);
		(void)receive_plain(fd, frame);
	}
	return (double)(clock_mono_us() - begin) / 1e6;
}

/* ---- side by side ---- */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static double median(double *values)
{
	qsort(values, ROUNDS, sizeof(double), compare);
	return values[ROUNDS / 2];
}

/* In turn; the medians in microseconds and the median ratios. */
static void compare_trips(struct chan_client *client, int plain_fd, uint64_t n, size_t bytes,
			  FILE *json)
{
	double plain[ROUNDS], clear[ROUNDS], sealed[ROUNDS], seal[ROUNDS], wire[ROUNDS];
	for (int i = 0; i < ROUNDS; i++) {
		plain[i] = plain_trips(plain_fd, n, bytes) * 1e6 / (double)n;
		clear[i] = trips(client, n, bytes, false) * 1e6 / (double)n;
		sealed[i] = trips(client, n, bytes, true) * 1e6 / (double)n;
		seal[i] = sealed[i] / clear[i];
		wire[i] = clear[i] / plain[i];
	}
	double us[] = { median(plain), median(clear), median(sealed), median(wire), median(seal) };
	printf("round trip of %6zu bytes over tcp: plain sockets %7.1f us, in the clear %7.1f us "
	       "(%.2f x), sealed %7.1f us (%.2f x that)\n",
	       bytes, us[0], us[1], us[3], us[2], us[4]);
	fprintf(json,
		", \"trip_%zu\": {\"plain_us\": %.2f, \"clear_us\": %.2f, \"sealed_us\": %.2f, "
		"\"clear_ratio\": %.3f, \"sealed_ratio\": %.3f}",
		bytes, us[0], us[1], us[2], us[3], us[4]);
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
	struct sockaddr_in address;
	int listener = listen_plain(&address);
	pid_t child = fork(), plain_child = child > 0 ? fork() : -1; /* channels start a thread */
	if (child == 0)
		serve(url);
	if (plain_child == 0)
		serve_plain(listener);
	if (child <= 0 || plain_child <= 0)
		_exit(1);
	int plain_fd = dial_plain(&address);
	CHECK(chan_client_new(url, &client, NULL));
	(void)trips(client, 100, SMALL, false);
	compare_trips(client, plain_fd, n / 10, SMALL, json);
	compare_trips(client, plain_fd, n / 50, LARGE, json);
	chan_client_free(client);
	close(plain_fd); /* ends the plain one */
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	waitpid(plain_child, NULL, 0);
	fputs("}\n", json);
	return fclose(json) == 0 ? 0 : 1;
}
