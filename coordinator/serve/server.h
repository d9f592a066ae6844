// SPDX-License-Identifier: Apache-2.0
/*
 * server.h - hands and ears of the core: it feeds core.h from two nanomsg endpoints (control and
 * data), carries out its actions, journals events before it acknowledges them, and tells whoever
 * owns it what happens. The daemon, and the coordinator embedded in a local run, are this server
 * with different owners.
 */
#ifndef PADDOCK_SERVE_SERVER_H
#define PADDOCK_SERVE_SERVER_H

#include "coordinator/history/store.h"
#include "protocol/base/err.h"
#include "protocol/base/loop.h"
#include "protocol/wire/cas.h"
#include "protocol/wire/msg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct server;
struct door;
struct audit;

struct server_options {
	struct store *store; /* borrowed; NULL: nothing is kept */
	struct door *door;   /* borrowed; NULL: everybody who can connect speaks in the clear */
	struct audit *audit; /* borrowed; NULL: nobody asks who submitted what */
	bool must_store; /* acknowledge results only once durable; else go on without the store when
			    it fails */
	struct cas *cas; /* borrowed; NULL: contents are not taken */
	void *data;
	/* Both for who calls server_submit; else NULL. An event of that run, valid during the call.
	 */
	void (*on_event)(void *data, const struct msg_run_event *event);
	/* That run is over; its exit code includes the store's trouble. */
	void (*on_done)(void *data, int exit_code);
};

/* What may change while it serves. */
struct server_limits {
	uint64_t lease_us;     /* of a worker's attempts; a third of it silent, it is suspect */
	uint64_t client_slots; /* of core_options */
	bool quarantine;       /* as client_slots */
};

/*
 * A server attached to `loop` that listens nowhere yet. 0 with a server to free with server_free,
 * or -errno with err.
 */
int server_new(struct loop *loop, const struct server_options *options, struct server **ret_server,
	       struct err *err);

/* Close all endpoints and free. Accepts NULL. Runs in progress are forgotten. */
void server_free(struct server *server);

/*
 * Go on with the runs that another server began on this store and did not finish: before the first
 * server_listen. 0, or -errno with err; a run whose journal makes no sense is closed and logged.
 */
int server_restore(struct server *server, struct err *err);

/* Serve control at `url` and data at the address that belongs to it. 0 or -errno with err. */
int server_listen(struct server *server, const char *url, struct err *err);

/* Start a run of this process. 0, or -errno with err (a filter that does not parse). */
int server_submit(struct server *server, const struct msg_submit *submit, struct err *err);

/* Work by these limits from now on; until then by the core's own. */
void server_configure(struct server *server, const struct server_limits *limits);

/* Stop the run of server_submit: as core_run_stop. */
void server_stop_run(struct server *server, const char *why, int exit_code, bool immediate);

/* Ask all workers to end when idle, and take no more. */
void server_drain(struct server *server);

/* A worker's process is known to be dead (an embedded one, reaped): its session ends now. */
void server_worker_died(struct server *server, const char *name, const char *why);

/* Workers that have said hello and not left. */
size_t server_workers(const struct server *server);

/* The step for loop_run: drain the core, send orders, commit, acknowledge. `data` is the server. */
void server_step(void *data);

#endif
