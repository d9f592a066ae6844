// SPDX-License-Identifier: Apache-2.0
/*
 * session.h - a worker's conversation with its coordinator: joins, asks for orders, reports, says
 * goodbye. Two lanes, one outstanding request on each: control (hello, poll, stop) and data
 * (report).
 */
#ifndef PADDOCK_WORKER_SESSION_H
#define PADDOCK_WORKER_SESSION_H

#include "protocol/base/err.h"
#include "protocol/base/loop.h"
#include "protocol/base/str.h"
#include "protocol/wire/identity.h"
#include "worker/slots.h"
#include "worker/spool.h"

#include <stdbool.h>
#include <stddef.h>

struct session;

struct session_options {
	struct loop *loop;
	struct slots *slots;
	struct spool *spool;
	const char *coordinator;   /* URL of the control endpoint */
	struct identity *identity; /* its key; NULL: in the clear */
	const char *name;
	const struct str *tags; /* "K=V" */
	size_t n_tags;
};

/* Dial and say hello. All of the options is borrowed. 0 with a handle the caller frees, or -errno
 * with err. */
int session_new(const struct session_options *options, struct session **ret_session,
		struct err *err);

/* Hang up. Accepts NULL. */
void session_free(struct session *session);

/*
 * After each round of the loop: send what is to be sent. Stops the loop when the session is gone.
 */
void session_step(struct session *session);

/* Take no more orders, let what runs end, report it, say goodbye. `reason` is a literal for the
 * coordinator's log. */
void session_drain(struct session *session, const char *reason);

/* The exit code a session that is gone ends with, and, when it is not 0, why in err. */
int session_exit_code(const struct session *session, struct err *err);

#endif
