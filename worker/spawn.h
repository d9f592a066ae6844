// SPDX-License-Identifier: Apache-2.0
/*
 * spawn.h - one payload and its pipes: asks the keeper for a sandbox, hands on every byte it
 * writes, in an order that keeps a case's output with the case, and drains the pipes when the
 * keeper says that it ended.
 *
 * Life:  spawn_start -> bytes* -> (the owner gets the keeper's result) -> spawn_finish
 */
#ifndef PADDOCK_WORKER_SPAWN_H
#define PADDOCK_WORKER_SPAWN_H

#include "protocol/base/loop.h"
#include "protocol/base/str.h"
#include "sandbox/box.h"
#include "worker/adapt/adapt.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	SPAWN_STREAMS = 3,	     /* enum adapt_stream's */
	SPAWN_READ_BYTES = 64 << 10, /* what a pipe holds by default */
};

/* What all spawns of a worker share. */
struct spawn_host {
	struct loop *loop;
	struct box *box;
	int null_fd;		    /* standard input of every payload */
	char *bytes[SPAWN_STREAMS]; /* read buffers, SPAWN_READ_BYTES each */
};

struct spawn;

/* Called with what the payload wrote; the view is valid during the call only. */
typedef void spawn_bytes_fn(void *data, enum adapt_stream stream, struct str bytes);

struct spawn_stream {
	int fd; /* -1: not used, or at its end */
	struct loop_fd *watch;
	struct spawn *spawn;
};

/* Embedded by its owner; zeroed is idle. */
struct spawn {
	struct spawn_host *host;
	spawn_bytes_fn *fn;
	void *data;
	uint64_t id;
	bool active;
	bool interleaved; /* several cases: streams are read in an order that keeps output with its
			     case */
	bool paused;
	struct spawn_stream streams[SPAWN_STREAMS];
};

struct spawn_options {
	uint64_t id;	/* unique among all results of the keeper */
	bool report_fd; /* the payload gets a pipe as fd 3 */
	bool interleaved;
};

/* Open null_fd and the buffers; the loop and the box are the caller's. 0 or -errno. */
int spawn_host_init(struct spawn_host *host, struct loop *loop, struct box *box);
void spawn_host_done(struct spawn_host *host); /* free them; accepts zeroed */

/*
 * Start a payload. fn(data, ...) gets its bytes from then on. 0, or -errno as box_spawn or pipe2
 * say, with nothing started.
 */
int spawn_start(struct spawn *spawn, struct spawn_host *host, const struct box_spec *spec,
		const struct spawn_options *options, spawn_bytes_fn *fn, void *data);

/*
 * Stop reading (the payload blocks when its pipes are full), or go on. Nothing happens when idle.
 */
void spawn_pause(struct spawn *spawn, bool paused);

/* The payload is over: hand on what is still in the pipes, and close them. Idle afterwards. */
void spawn_finish(struct spawn *spawn);

/* Forget the payload and its bytes: the keeper is gone. Accepts an idle one. */
void spawn_drop(struct spawn *spawn);

#endif
