// SPDX-License-Identifier: Apache-2.0
/*
 * spawn.c - pipes of one payload.
 *
 * Order of reading: a verdict's marker on standard output is written after the case's text on
 * standard error, and a report's line after both. So before bytes of a later stream are handed on,
 * the earlier ones are read as far as they go: errors, then output, then the report. For a payload
 * that is one case any order will do.
 *
 * Invariants: writing ends are closed here as soon as the keeper has them, so that a pipe's end is
 * the payload's; after the result nobody can write any more (the keeper killed all), but a payload
 * without a sandbox might have escaped: the last drain is bounded by DRAIN_READS. Never lets a
 * payload wait: pipes are read whenever they have something, unless paused because nothing more can
 * be kept.
 */
#include "worker/spawn.h"

#include "protocol/base/assert.h"
#include "protocol/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { DRAIN_READS = 32 };

int spawn_host_init(struct spawn_host *host, struct loop *loop, struct box *box)
{
	*host = (struct spawn_host){ .loop = loop, .box = box, .null_fd = -1 };
	for (size_t i = 0; i < SPAWN_STREAMS; i++)
		if (!(host->bytes[i] = malloc(SPAWN_READ_BYTES)))
			return -ENOMEM;
	host->null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return host->null_fd < 0 ? -errno : 0;
}

void spawn_host_done(struct spawn_host *host)
{
	for (size_t i = 0; i < SPAWN_STREAMS; i++)
		free(host->bytes[i]);
	if (host->null_fd > 0)
		fd_close(&host->null_fd);
	*host = (struct spawn_host){ .null_fd = -1 };
}

static void stream_close(struct spawn_stream *stream)
{
	loop_fd_free(stream->watch);
	stream->watch = NULL;
	fd_close(&stream->fd);
}

/* Read once. Returns the bytes, in the stream's buffer; empty when there is nothing now, or at the
 * end (then closed). */
static struct str stream_read(struct spawn_stream *stream, enum adapt_stream which)
{
	char *bytes = stream->spawn->host->bytes[which];
	ssize_t n;
	if (stream->fd < 0)
		return (struct str){ 0 };
	do
		n = read(stream->fd, bytes, SPAWN_READ_BYTES);
	while (n < 0 && errno == EINTR);
	if (n == 0 || (n < 0 && errno != EAGAIN))
		stream_close(stream);
	return (struct str){ bytes, n > 0 ? (size_t)n : 0 };
}

/* Hand on what `which` has. Returns whether there was anything. */
static bool pump(struct spawn *spawn, enum adapt_stream which);

static void pump_all(struct spawn *spawn, enum adapt_stream which)
{
	for (int i = 0; i < DRAIN_READS && pump(spawn, which); i++)
		;
}

static bool pump(struct spawn *spawn, enum adapt_stream which)
{
	struct str bytes = stream_read(&spawn->streams[which], which);
	if (!bytes.len)
		return false;
	if (spawn->interleaved) {
		if (which == ADAPT_STREAM_REPORT)
			pump_all(spawn, ADAPT_STREAM_OUT);
		else if (which == ADAPT_STREAM_OUT)
			pump_all(spawn, ADAPT_STREAM_ERR);
	}
	spawn->fn(spawn->data, which, bytes);
	return true;
}

static void on_readable(void *data)
{
	struct spawn_stream *stream = data;
	struct spawn *spawn = stream->spawn;
	pump(spawn, (enum adapt_stream)(stream - spawn->streams));
}

static int watch(struct spawn *spawn)
{
	for (size_t i = 0; i < SPAWN_STREAMS; i++) {
		struct spawn_stream *stream = &spawn->streams[i];
		if (stream->fd < 0 || stream->watch)
			continue;
		int r = loop_fd_new(spawn->host->loop, stream->fd, on_readable, stream,
				    &stream->watch);
		if (r < 0)
			return r;
	}
	return 0;
}

void spawn_drop(struct spawn *spawn)
{
	if (!spawn->active)
		return;
	for (size_t i = 0; i < SPAWN_STREAMS; i++)
		stream_close(&spawn->streams[i]);
	spawn->active = false;
}

/* Give the payload its fds and let go of the writing ends. */
static int ask_keeper(struct spawn *spawn, const struct box_spec *spec, int *ends, size_t n_ends)
{
	int fds[1 + SPAWN_STREAMS] = { spawn->host->null_fd, ends[0], ends[1],
				       n_ends > 2 ? ends[2] : -1 };
	int r = box_spawn(spawn->host->box, spawn->id, spec, fds, 1 + n_ends);
	for (size_t i = 0; i < n_ends; i++)
		fd_close(&ends[i]);
	return r;
}

int spawn_start(struct spawn *spawn, struct spawn_host *host, const struct box_spec *spec,
		const struct spawn_options *options, spawn_bytes_fn *fn, void *data)
{
	ASSERT(!spawn->active && fn);
	int ends[SPAWN_STREAMS] = { -1, -1, -1 };
	size_t n_ends = options->report_fd ? 3 : 2;
	int r = 0;
	*spawn = (struct spawn){
		.host = host,
		.fn = fn,
		.data = data,
		.id = options->id,
		.active = true,
		.interleaved = options->interleaved,
	};
	for (size_t i = 0; i < SPAWN_STREAMS; i++)
		spawn->streams[i] = (struct spawn_stream){ .fd = -1, .spawn = spawn };
	for (size_t i = 0; i < n_ends && r == 0; i++)
		r = fd_pipe(&spawn->streams[i].fd, &ends[i]);
	if (r == 0)
		r = watch(spawn);
	if (r == 0)
		r = ask_keeper(spawn, spec, ends, n_ends);
	for (size_t i = 0; i < n_ends; i++)
		fd_close(&ends[i]);
	if (r < 0)
		spawn_drop(spawn);
	return r;
}

void spawn_pause(struct spawn *spawn, bool paused)
{
	if (!spawn->active || spawn->paused == paused)
		return;
	spawn->paused = paused;
	if (!paused) {
		spawn->paused = watch(spawn) < 0; /* no memory: tried again at the next round */
		return;
	}
	for (size_t i = 0; i < SPAWN_STREAMS; i++) {
		loop_fd_free(spawn->streams[i].watch);
		spawn->streams[i].watch = NULL;
	}
}

void spawn_finish(struct spawn *spawn)
{
	ASSERT(spawn->active);
	pump_all(spawn, ADAPT_STREAM_REPORT);
	pump_all(spawn, ADAPT_STREAM_OUT);
	pump_all(spawn, ADAPT_STREAM_ERR);
	spawn_drop(spawn);
}
