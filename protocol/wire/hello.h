// SPDX-License-Identifier: Apache-2.0
/*
 * hello.h - first contact: who speaks, in which version, from which build. Programs of different
 * builds do not work together: they are refused with a sentence that says what to install. Pure.
 */
#ifndef PADDOCK_WIRE_HELLO_H
#define PADDOCK_WIRE_HELLO_H

#include "protocol/base/err.h"
#include "protocol/wire/msg.h"
#include "protocol/wire/outcome.h"

enum hello_role {
	HELLO_WORKER,
	HELLO_CLIENT,
	HELLO_ROLE_MAX,
};

enum {
	/* How long a poll is parked unless told otherwise. Each one renews the lease, so two
	 * of them may get lost before a worker does. */
	HELLO_POLL_US = 5000000,
	/* How long an attempt lives without a word of its worker. */
	HELLO_LEASE_US = 15000000,
};

/* This program's build id: version and commit, a literal. */
const char *hello_build_id(void);

/* Start a hello: everything else zero, version and build id ours. `name` is borrowed. */
void hello_fill(struct msg_hello *ret_hello, enum hello_role role, const char *name);

/* Server side: may this peer in? 0, or -EPROTONOSUPPORT with the sentence to refuse it with. */
int hello_check(const struct msg_hello *hello, struct err *err);

/*
 * Answer to a hello that passed. Zero durations mean HELLO_POLL_US and HELLO_LEASE_US; the first
 * must be the shorter.
 */
void hello_welcome(struct msg_welcome *ret_welcome, uint64_t session, uint64_t poll_us,
		   uint64_t lease_us);

/*
 * Client side: is the welcome of our build and sane? 0, or -EPROTONOSUPPORT or -EPROTO with the
 * sentence to leave with.
 */
int hello_check_welcome(const struct msg_welcome *welcome, struct err *err);

/*
 * An answer that refuses the request (session, seq), with the exit code the peer should end with.
 * `text` is borrowed, cut to its limit.
 */
void hello_refuse(struct msg_refused *ret_refused, enum exit_code code, uint64_t session,
		  uint64_t seq, const char *text);

#endif
