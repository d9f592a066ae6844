// SPDX-License-Identifier: Apache-2.0
/*
 * cluster_swarm.c - many workers from one process, against a coordinator that serves: each is two
 * connections that speak what nanomsg speaks (8 bytes of greeting, then messages with their length
 * in front, each led by its request's number), from one epoll loop. They join, poll, run nothing:
 * an order to run is answered with a closed attempt once it is cancelled, an order to list with the
 * cases asked for. What is measured is the coordinator: how long until all have joined, and its
 * memory; how long until a cancellation has reached everybody.
 *
 *	cluster_swarm tcp://127.0.0.1:PORT WORKERS PID
 *
 * PID is the coordinator's. Commands on standard input, one a line, each answered by a line of
 * JSON: "join" connects all; "idle SECONDS" lets them poll; "busy N" waits until N attempts run;
 * "cancelled N" waits until N were told to end, and says how long the last came after the first,
 * and when it came by the clock. It ends with its input.
 */
#include "protocol/base/arena.h"
#include "protocol/base/assert.h"
#include "protocol/base/clock.h"
#include "protocol/base/fd.h"
#include "protocol/base/str.h"
#include "protocol/base/vec.h"
#include "protocol/wire/hello.h"
#include "protocol/wire/msg.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONTROL, DATA, LANES };

enum {
	GREETING_BYTES = 8,
	LENGTH_BYTES = 8,
	REQUEST_BYTES = 4,
	EVENTS = 512,
	NAME_BYTES = 32,
};

/* One connection. Requests are small and few: a write that does not go whole is an error here. */
struct line {
	int fd;
	uint32_t worker;
	int lane;
	bool greeted;
	uint32_t request;
	struct buf in;
};

struct worker {
	struct line lines[LANES];
	uint64_t session, seq[LANES];
	uint64_t attempt, epoch;   /* that it runs; 0 none */
	bool reporting;		   /* the receipt of a report is due: one at a time */
	struct msg_running unsent; /* its end is to be reported after that */
};

struct swarm {
	struct sockaddr_in address;
	struct worker *workers;
	size_t n, welcomed, busy, cancelled;
	uint64_t first_cancel_us, last_cancel_us, orders;
	struct {
		struct worker **items;
		size_t len, cap;
	} cancelled_now; /* told to end, and to say so once nothing more comes in */
	int epoll, pid;
	struct arena arena;
	struct buf frame;
};

static void die(const char *what)
{
	fprintf(stderr, "cluster_swarm: %s: %s\n", what, strerror(errno));
	_exit(1);
}

/* ---- what nanomsg speaks ---- */

static void write_all(const struct line *line, const void *data, size_t n)
{
	const char *at = data;
	while (n) {
		ssize_t sent = send(line->fd, at, n, MSG_NOSIGNAL);
		if (sent < 0 && errno != EAGAIN)
			die("sending");
		if (sent < 0) {
			struct pollfd fd = { .fd = line->fd, .events = POLLOUT };
			(void)poll(&fd, 1, 1000);
			continue;
		}
		at += sent;
		n -= (size_t)sent;
	}
}

static void send_frame(struct line *line, struct str frame)
{
	unsigned char head[LENGTH_BYTES + REQUEST_BYTES];
	uint64_t length = frame.len + REQUEST_BYTES;
	uint32_t request = ++line->request | UINT32_C(1) << 31;
	for (int i = 0; i < LENGTH_BYTES; i++)
		head[i] = (unsigned char)(length >> (8 * (LENGTH_BYTES - 1 - i)));
	for (int i = 0; i < REQUEST_BYTES; i++)
		head[LENGTH_BYTES + i] = (unsigned char)(request >> (8 * (REQUEST_BYTES - 1 - i)));
	write_all(line, head, sizeof(head));
	write_all(line, frame.data, frame.len);
}

/* The next whole message of what came, without its request's number; false: not there yet. */
static bool next_frame(struct line *line, struct str *ret_frame, size_t *ret_taken)
{
	const unsigned char *at = (const unsigned char *)line->in.data;
	size_t have = line->in.len;
	uint64_t length = 0;
	if (!line->greeted) {
		if (have < GREETING_BYTES)
			return false;
		ASSERT(memcmp(at, "\0SP", 3) == 0);
		line->greeted = true;
		*ret_frame = (struct str){ 0 };
		*ret_taken = GREETING_BYTES;
		return true;
	}
	if (have < LENGTH_BYTES)
		return false;
	for (int i = 0; i < LENGTH_BYTES; i++)
		length = length << 8 | at[i];
	ASSERT(length >= REQUEST_BYTES && length <= LIMIT_RECEIVE_BYTES);
	if (have < LENGTH_BYTES + length)
		return false;
	*ret_frame = (struct str){ line->in.data + LENGTH_BYTES + REQUEST_BYTES,
				   length - REQUEST_BYTES };
	*ret_taken = LENGTH_BYTES + length;
	return true;
}

static void dial(struct swarm *swarm, uint32_t at, int lane)
{
	static const unsigned char greeting[GREETING_BYTES] = { 0, 'S', 'P', 0, 0, 48, 0, 0 };
	struct line *line = &swarm->workers[at].lines[lane];
	struct sockaddr_in address = swarm->address;
	const int yes = 1;
	address.sin_port = htons((uint16_t)(ntohs(address.sin_port) + lane));
	*line = (struct line){ .worker = at, .lane = lane };
	buf_init(&line->in, LIMIT_RECEIVE_BYTES + 64);
	line->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (line->fd < 0)
		die("making a socket (raise the limit of open files)");
	while (connect(line->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		if (errno != EINTR && errno != EAGAIN)
			die("connecting");
	(void)setsockopt(line->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if (fcntl(line->fd, F_SETFL, O_NONBLOCK) < 0)
		die("making a socket nonblocking");
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = line };
	if (epoll_ctl(swarm->epoll, EPOLL_CTL_ADD, line->fd, &event) < 0)
		die("watching a socket");
	write_all(line, greeting, sizeof(greeting));
}

/* ---- what a worker says ---- */

static void say(struct swarm *swarm, struct worker *worker, int lane, enum msg_type type,
		const void *message)
{
	int r = msg_encode(type, message, &swarm->frame, NULL);
	ASSERT(r == 0);
	send_frame(&worker->lines[lane], buf_str(&swarm->frame));
}

static void say_hello(struct swarm *swarm, uint32_t at)
{
	char name[NAME_BYTES];
	struct msg_hello hello;
	snprintf(name, sizeof(name), "swarm-%u", at);
	hello_fill(&hello, HELLO_WORKER, name);
	hello.slots = 1;
	hello.host = STR_LIT("swarm");
	say(swarm, &swarm->workers[at], CONTROL, MSG_HELLO, &hello);
}

static void poll_for_orders(struct swarm *swarm, struct worker *worker)
{
	struct msg_running running = { .attempt = worker->attempt, .epoch = worker->epoch };
	say(swarm, worker, CONTROL, MSG_POLL,
	    &(struct msg_poll){ .session = worker->session,
				.seq = ++worker->seq[CONTROL],
				.free_slots = !worker->attempt,
				.running = &running,
				.n_running = worker->attempt != 0 });
}

/* List as many cases as there are workers, at most a piece of a listing. */
static size_t list_cases(struct swarm *swarm, struct msg_listed **ret_cases)
{
	size_t n = swarm->n < LIMIT_LISTED ? swarm->n : LIMIT_LISTED;
	*ret_cases = arena_alloc(&swarm->arena, n * sizeof(**ret_cases));
	ASSERT(*ret_cases);
	for (size_t i = 0; i < n; i++)
		(*ret_cases)[i].name = str_of(arena_printf(&swarm->arena, "case-%zu", i));
	return n;
}

/* Report the end of an attempt, with what it listed in front when that was asked for. */
static void report(struct swarm *swarm, struct worker *worker, struct msg_running attempt,
		   bool list)
{
	struct msg_event events[] = {
		{ .kind = MSG_EVENT_LISTED },
		{ .kind = MSG_EVENT_CLOSED, .cause = list ? MSG_CLOSE_FINE : MSG_CLOSE_CANCELLED },
	};
	if (list)
		events[0].n_listed = list_cases(swarm, &events[0].listed);
	for (size_t i = 0; i < 2; i++) {
		events[i].attempt = attempt.attempt;
		events[i].epoch = attempt.epoch;
	}
	say(swarm, worker, DATA, MSG_REPORT,
	    &(struct msg_report){ .session = worker->session,
				  .seq = ++worker->seq[DATA],
				  .events = list ? events : events + 1,
				  .n_events = list ? 2 : 1 });
	worker->reporting = true;
}

/* The attempt it has ends; its slot is free at once. */
static void close_attempt(struct swarm *swarm, struct worker *worker, bool list)
{
	struct msg_running attempt = { worker->attempt, worker->epoch };
	worker->attempt = 0;
	if (!worker->reporting)
		report(swarm, worker, attempt, list);
	else
		worker->unsent = attempt;
	ASSERT(!list || worker->reporting);
}

/* ---- what it is told ---- */

static void take_orders(struct swarm *swarm, struct worker *worker, const struct msg_orders *orders)
{
	bool list = false;
	for (size_t i = 0; i < orders->n_assigns; i++) {
		ASSERT(!worker->attempt);
		worker->attempt = orders->assigns[i].attempt;
		worker->epoch = orders->assigns[i].epoch;
		list = orders->assigns[i].list;
		swarm->busy += !list;
		swarm->orders++;
	}
	if (list)
		close_attempt(swarm, worker, true);
	for (size_t i = 0; i < orders->n_cancels; i++) {
		if (worker->attempt != orders->cancels[i].attempt)
			continue;
		swarm->last_cancel_us = clock_mono_us();
		if (!swarm->cancelled++)
			swarm->first_cancel_us = swarm->last_cancel_us;
		if (VEC_PUSH(&swarm->cancelled_now, worker) < 0)
			die("keeping who was cancelled");
		return; /* this process plays them all: it hears the others before it answers */
	}
	poll_for_orders(swarm, worker);
}

static void answer_cancelled(struct swarm *swarm)
{
	for (size_t i = 0; i < swarm->cancelled_now.len; i++) {
		close_attempt(swarm, swarm->cancelled_now.items[i], false);
		poll_for_orders(swarm, swarm->cancelled_now.items[i]);
	}
	swarm->cancelled_now.len = 0;
}

static void take_message(struct swarm *swarm, struct worker *worker, struct str frame)
{
	struct err err = { 0 };
	void *message;
	arena_clear(&swarm->arena);
	int type = msg_decode(frame, &swarm->arena, &message, &err);
	if (type == MSG_WELCOME) {
		worker->session = ((const struct msg_welcome *)message)->session;
		swarm->welcomed++;
		poll_for_orders(swarm, worker);
	} else if (type == MSG_ORDERS) {
		take_orders(swarm, worker, message);
	} else if (type == MSG_RECEIPT) {
		worker->reporting = false;
		if (worker->unsent.attempt)
			report(swarm, worker, worker->unsent, false);
		worker->unsent = (struct msg_running){ 0 };
	} else {
		const struct msg_refused *refused = message;
		fprintf(stderr, "cluster_swarm: message %d: %.*s\n", type,
			type == MSG_REFUSED ? (int)refused->text.len : 0,
			type == MSG_REFUSED ? refused->text.data : "");
		_exit(1);
	}
}

static void take_bytes(struct swarm *swarm, struct line *line)
{
	char bytes[16384];
	struct str frame;
	size_t taken;
	ssize_t n = recv(line->fd, bytes, sizeof(bytes), 0);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		die("the coordinator hung up");
	if (buf_append(&line->in, bytes, (size_t)n) < 0)
		die("keeping what came");
	while (next_frame(line, &frame, &taken)) {
		if (frame.len)
			take_message(swarm, &swarm->workers[line->worker], frame);
		line->in.len -= taken;
		memmove(line->in.data, line->in.data + taken, line->in.len);
	}
	if (!line->in.len)
		buf_done(&line->in), buf_init(&line->in, LIMIT_RECEIVE_BYTES + 64);
}

static void run_for(struct swarm *swarm, int ms)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(swarm->epoll, events, EVENTS, swarm->cancelled_now.len ? 20 : ms);
	if (n == 0)
		answer_cancelled(swarm);
	for (int i = 0; i < n; i++)
		take_bytes(swarm, events[i].data.ptr);
}

/* ---- the coordinator's cost ---- */

static uint64_t rss_kib(int pid)
{
	char path[64], line[256];
	unsigned long long kib = 0;
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	FILE *file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "VmRSS: %llu", &kib) == 1)
			break;
	if (file)
		fclose(file);
	return kib;
}

static uint64_t cpu_ms(int pid)
{
	char path[64], text[1024] = "";
	unsigned long long user = 0, system = 0;
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	FILE *file = fopen(path, "re");
	size_t n = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
	if (file)
		fclose(file);
	const char *at = n ? strrchr(text, ')') : NULL;
	if (at)
		(void)sscanf(at, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user,
			     &system);
	return (user + system) * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

/* ---- commands ---- */

static void join(struct swarm *swarm)
{
	uint64_t rss = rss_kib(swarm->pid), begun_us = clock_mono_us(), cpu = cpu_ms(swarm->pid);
	for (uint32_t i = 0; i < swarm->n; i++) {
		dial(swarm, i, CONTROL);
		dial(swarm, i, DATA);
		run_for(swarm, 0);
	}
	uint64_t connected_us = clock_mono_us();
	uint64_t connected_rss = rss_kib(swarm->pid);
	for (uint32_t i = 0; i < swarm->n; i++)
		say_hello(swarm, i);
	while (swarm->welcomed < swarm->n)
		run_for(swarm, 100);
	printf("{\"joined\":%zu,\"connect_s\":%.3f,\"welcome_s\":%.3f,\"cpu_ms\":%llu,"
	       "\"rss_before_kib\":%llu,\"rss_connected_kib\":%llu,\"rss_joined_kib\":%llu}\n",
	       swarm->n, (double)(connected_us - begun_us) / 1e6,
	       (double)(clock_mono_us() - connected_us) / 1e6,
	       (unsigned long long)(cpu_ms(swarm->pid) - cpu), (unsigned long long)rss,
	       (unsigned long long)connected_rss, (unsigned long long)rss_kib(swarm->pid));
}

static void idle(struct swarm *swarm, uint64_t seconds)
{
	uint64_t end_us = clock_mono_us() + seconds * 1000000, cpu = cpu_ms(swarm->pid), now_us;
	while ((now_us = clock_mono_us()) < end_us)
		run_for(swarm, (int)((end_us - now_us) / 1000) + 1);
	printf("{\"idle_s\":%llu,\"cpu_ms\":%llu,\"rss_kib\":%llu}\n", (unsigned long long)seconds,
	       (unsigned long long)(cpu_ms(swarm->pid) - cpu),
	       (unsigned long long)rss_kib(swarm->pid));
}

static void wait_busy(struct swarm *swarm, uint64_t n)
{
	while (swarm->busy < n)
		run_for(swarm, 100);
	printf("{\"busy\":%zu,\"orders\":%llu}\n", swarm->busy, (unsigned long long)swarm->orders);
}

static void wait_cancelled(struct swarm *swarm, uint64_t n)
{
	while (swarm->cancelled < n)
		run_for(swarm, 100);
	printf("{\"cancelled\":%zu,\"first_to_last_ms\":%.3f,\"last_at_us\":%llu}\n",
	       swarm->cancelled, (double)(swarm->last_cancel_us - swarm->first_cancel_us) / 1e3,
	       (unsigned long long)swarm->last_cancel_us);
}

/* The first word of a line, and the number behind it. */
static bool obey(struct swarm *swarm, struct str line)
{
	struct str word, rest = str_trim(line);
	uint64_t n = 0;
	str_split(&rest, ' ', &word);
	if (rest.data && str_parse_u64(rest, 0, UINT32_MAX, &n) < 0)
		return false;
	if (str_eq(word, STR_LIT("join")))
		join(swarm);
	else if (str_eq(word, STR_LIT("idle")))
		idle(swarm, n);
	else if (str_eq(word, STR_LIT("busy")))
		wait_busy(swarm, n);
	else if (str_eq(word, STR_LIT("cancelled")))
		wait_cancelled(swarm, n);
	else
		return false;
	return fflush(stdout) == 0;
}

/* Commands come when they like; the workers live on meanwhile. */
static int serve_commands(struct swarm *swarm)
{
	char line[256];
	for (;;) {
		struct pollfd fd[] = { { .fd = STDIN_FILENO, .events = POLLIN },
				       { .fd = swarm->epoll, .events = POLLIN } };
		if (poll(fd, 2, 1000) < 0 && errno != EINTR)
			die("waiting");
		if (fd[1].revents)
			run_for(swarm, 0);
		if (!(fd[0].revents & (POLLIN | POLLHUP)))
			continue;
		ssize_t n = read(STDIN_FILENO, line, sizeof(line) - 1);
		if (n <= 0)
			return 0;
		struct str rest = { line, (size_t)n }, command;
		while (str_line(&rest, &command))
			if (!obey(swarm, command)) {
				fprintf(stderr, "cluster_swarm: \"%.*s\" is no command\n",
					STR_ARG(command));
				return 2;
			}
	}
}

static int parse(struct swarm *swarm, char **args)
{
	struct str url = str_of(args[1]), host, port;
	uint64_t n, pid, number;
	char text[64];
	if (!str_starts(url, STR_LIT("tcp://")))
		return -EINVAL;
	port = (struct str){ url.data + 6, url.len - 6 };
	str_split(&port, ':', &host);
	if (!port.data || str_parse_u64(port, 1, 65534, &number) < 0 ||
	    str_parse_u64(str_of(args[2]), 1, 65000, &n) < 0 ||
	    str_parse_u64(str_of(args[3]), 1, INT32_MAX, &pid) < 0)
		return -EINVAL;
	snprintf(text, sizeof(text), "%.*s", STR_ARG(host));
	swarm->address = (struct sockaddr_in){ .sin_family = AF_INET,
					       .sin_port = htons((uint16_t)number) };
	swarm->n = n;
	swarm->pid = (int)pid;
	return inet_pton(AF_INET, text, &swarm->address.sin_addr) == 1 ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
	struct swarm swarm = { 0 };
	if (argc != 4 || parse(&swarm, argv) < 0) {
		fprintf(stderr, "usage: cluster_swarm tcp://ADDRESS:PORT WORKERS PID\n");
		return 2;
	}
	struct rlimit files = { 0 };
	(void)getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &files);
	swarm.workers = calloc(swarm.n, sizeof(*swarm.workers));
	swarm.epoll = epoll_create1(EPOLL_CLOEXEC);
	buf_init(&swarm.frame, LIMIT_FRAME_BYTES);
	if (!swarm.workers || swarm.epoll < 0)
		die("no memory");
	int code = serve_commands(&swarm);
	arena_done(&swarm.arena);
	buf_done(&swarm.frame);
	free(swarm.cancelled_now.items);
	free(swarm.workers);
	return code;
}
