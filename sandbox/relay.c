// SPDX-License-Identifier: Apache-2.0
/*
 * relay.c - copies what a payload writes from pipes to our own stdout and stderr, until as much as
 * was asked for has passed; the rest is read and dropped, so that the payload never waits for it.
 *
 * Invariants: nothing here blocks but relay_drain, within its bound; bytes are passed on in order
 * or counted as dropped. A reader that goes away closes the pipe: the payload learns it as it would
 * have without us. Not for the keeper of a worker, which gives payloads their descriptors.
 */
#include "sandbox/relay.h"

#include <sys/ioctl.h>
#include <sys/stat.h>

#include "sandbox/util.h"

enum { PATIENCE_MS = 2000 };

static bool same_file(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

int relay_open(struct relay *relay, uint64_t bytes, int fds[3])
{
	struct relay_stream *s = relay->streams;
	int pair[2];

	relay->left_bytes = bytes;
	s[1].from = -1;
	for (int i = 0; i < (same_file(1, 2) ? 1 : 2); i++) {
		if (pipe2(pair, O_CLOEXEC) < 0)
			return -errno;
		s[i].from = pair[0];
		/* A terminal may be stopped within a write; one opened again can be told not to
		 * wait, and nobody else is. */
		s[i].to = isatty(i + 1) ? util_open(O_WRONLY | O_NONBLOCK | O_NOCTTY,
						    "/proc/self/fd/%d", i + 1)
					: i + 1;
		s[i].to = s[i].to < 0 ? i + 1 : s[i].to;
		for (int j = i + 1; j < 3; j++)
			if (dup3(pair[1], fds[j], O_CLOEXEC) < 0)
				return -errno;
		close(pair[1]);
	}
	return 0;
}

nfds_t relay_await(const struct relay *relay, struct pollfd polled[RELAY_STREAMS])
{
	for (int i = 0; relay && i < RELAY_STREAMS; i++) {
		const struct relay_stream *s = &relay->streams[i];

		polled[i] = s->end ? (struct pollfd){ .fd = s->to, .events = POLLOUT }
				   : (struct pollfd){ .fd = s->from, .events = POLLIN };
	}
	return relay ? RELAY_STREAMS : 0;
}

static void take(struct relay *relay, struct relay_stream *s)
{
	ssize_t n = read(s->from, s->waiting, sizeof(s->waiting));

	if (n <= 0) {
		util_close(&s->from);
		return;
	}
	s->end = (uint64_t)n < relay->left_bytes ? (size_t)n : (size_t)relay->left_bytes;
	relay->left_bytes -= s->end;
	relay->dropped_bytes += (size_t)n - s->end;
}

static void pass(struct relay_stream *s)
{
	ssize_t n = write(s->to, s->waiting + s->at, s->end - s->at);

	s->at += n > 0 ? (size_t)n : 0;
	if (n < 0 && errno != EAGAIN)
		util_close(&s->from);
	if (s->at == s->end || s->from < 0)
		s->at = s->end = 0;
}

void relay_move(struct relay *relay, const struct pollfd polled[RELAY_STREAMS])
{
	for (int i = 0; relay && i < RELAY_STREAMS; i++) {
		struct relay_stream *s = &relay->streams[i];

		if (polled[i].revents && s->end)
			pass(s);
		else if (polled[i].revents)
			take(relay, s);
	}
}

void relay_drain(struct relay *relay)
{
	struct pollfd polled[RELAY_STREAMS];
	struct relay_stream *s = relay ? relay->streams : NULL;
	int unread;

	while (relay_await(relay, polled) &&
	       poll(polled, RELAY_STREAMS, s[0].end || s[1].end ? PATIENCE_MS : 0) > 0)
		relay_move(relay, polled);
	for (int i = 0; relay && i < RELAY_STREAMS; i++) {
		unread = 0;
		(void)ioctl(s[i].from, FIONREAD, &unread);
		relay->dropped_bytes += s[i].end - s[i].at + (unsigned)unread;
	}
}
