// SPDX-License-Identifier: Apache-2.0
/*
 * chan.h - request and reply between one coordinator and many peers, over raw REP and raw REQ of
 * nanomsg.
 *
 * A client dials one address and has at most one request outstanding; a server listens on addresses
 * and answers each request when it likes (a parked poll is a request it has not answered yet).
 * Replies may be lost, requests may arrive twice: lane.h makes both harmless. Nothing here blocks.
 * A process that opens a channel must not fork without exec afterwards: the library's thread would
 * be gone in the child.
 */
#ifndef PADDOCK_WIRE_CHAN_H
#define PADDOCK_WIRE_CHAN_H

#include "protocol/base/err.h"
#include "protocol/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	CHAN_URL_BYTES = 128,	 /* longest address with its NUL, as the library has it */
	CHAN_PARKED_MAX = 65536, /* requests one server holds unanswered */
};

/*
 * Where a reply goes. A plain value: copy it freely, zero it when there is none. Only chan.c looks
 * inside.
 */
struct chan_peer {
	uint32_t connection;
	uint32_t request;
};

/* What a server saw since it began. */
struct chan_counts {
	uint64_t received; /* requests handed out */
	uint64_t replied;
	uint64_t superseded; /* replies not sent, because the connection had asked anew since */
	uint64_t malformed;  /* frames without a proper return address, dropped */
	uint64_t refused;    /* requests dropped because CHAN_PARKED_MAX were unanswered */
};

struct chan_server;
struct chan_client;

/*
 * Is `url` an address we serve: ipc://PATH (absolute, below 108 bytes) or tcp://HOST:PORT? 0, or
 * -EINVAL with `err` saying what is wrong with it.
 */
int chan_address_check(const char *url, struct err *err);

/*
 * Can only this machine reach it: ipc, or tcp to 127.0.0.0/8, [::1] or localhost? Anything else
 * needs authentication.
 */
bool chan_address_is_local(const char *url);

/*
 * The data address that belongs to a control address: ipc gets ".data" behind its path, tcp the
 * next port. 0, or -EINVAL with `err` when that is no address any more (path too long, port 65535).
 */
int chan_address_data(const char *url, char ret_url[CHAN_URL_BYTES], struct err *err);

/* A server that listens nowhere yet; free it with chan_server_free. 0, or -errno with `err`. */
int chan_server_new(struct chan_server **ret_server, struct err *err);

/*
 * Close every address and forget every parked request. Removes ipc sockets. Accepts NULL. Replies
 * still in flight may be lost.
 */
void chan_server_free(struct chan_server *server);

/*
 * Listen on one more address; ipc sockets are made with mode 0660. 0, or -errno with `err`: -EINVAL
 * bad address, -EEXIST something that is not a socket stands at the path (it is left alone),
 * -EADDRINUSE another coordinator listens there. A socket that nobody serves any more is replaced.
 */
int chan_server_listen(struct chan_server *server, const char *url, struct err *err);

/*
 * Readable (level-triggered) while requests wait: watch it, never read it. It lives as long as the
 * server.
 */
int chan_server_fd(const struct chan_server *server);

/* How many connections it has now, and how many broke in all. Whose, nanomsg does not say. */
uint64_t chan_server_connections(const struct chan_server *server, uint64_t *ret_broken);

/*
 * Take one waiting request: 1 with its bytes (valid until the next call on this server) and its
 * return address, 0 when none waits, or -errno. Call until it returns 0. A further request on a
 * connection supersedes the one still parked there.
 */
int chan_server_receive(struct chan_server *server, struct str *ret_frame,
			struct chan_peer *ret_peer);

/*
 * Answer a request, now or much later, in any order; *peer is zeroed. 0 also when the peer is gone
 * (nobody can tell); -ESTALE when its connection has asked anew, so that nothing was sent; -errno.
 * -EMSGSIZE above LIMIT_FRAME_BYTES: then it is still unanswered and *peer still good.
 */
int chan_server_reply(struct chan_server *server, struct chan_peer *peer, struct str frame);

/*
 * Give up on answering a request, for instance of a peer whose lease ended; *peer is zeroed. A
 * zeroed one is allowed.
 */
void chan_server_drop(struct chan_server *server, struct chan_peer *peer);

/*
 * The peer whose request is held at *held asked the same again, perhaps over another connection:
 * *held becomes `newer`, and the old way back is forgotten where it was another.
 */
void chan_server_renew(struct chan_server *server, struct chan_peer *held, struct chan_peer newer);

/* Requests received and not yet answered, dropped or superseded. */
size_t chan_server_parked(const struct chan_server *server);

/* The counters since chan_server_new. */
struct chan_counts chan_server_counts(const struct chan_server *server);

/*
 * Dial `url`. Succeeds also when nobody listens there yet: the library keeps trying every 100 ms to
 * 1 s. The caller frees it with chan_client_free. 0, or -errno with `err`.
 */
int chan_client_new(const char *url, struct chan_client **ret_client, struct err *err);

/* Hang up. Accepts NULL. A request just sent may be lost. */
void chan_client_free(struct chan_client *client);

/*
 * Readable (level-triggered) when chan_client_receive has something to do: watch it, never read it.
 * It stays the same over chan_client_reopen.
 */
int chan_client_fd(const struct chan_client *client);

/*
 * Send a request; the bytes are copied. While not connected it is kept and leaves with the
 * connection. Gives up on a former request that is still unanswered. 0, -EMSGSIZE above
 * LIMIT_FRAME_BYTES (nothing changes), -ENOMEM, -errno.
 */
int chan_client_send(struct chan_client *client, struct str frame);

/*
 * Send the outstanding request once more, with the same identity. 0, -ENOENT when nothing is
 * outstanding, -errno.
 */
int chan_client_resend(struct chan_client *client);

/*
 * Take the reply to the outstanding request: 1 with its bytes (valid until the next call on this
 * client), 0 when it is not there yet, or -errno. Replies to anything else are dropped. Also sends
 * what waited for the connection.
 */
int chan_client_receive(struct chan_client *client, struct str *ret_frame);

/*
 * Close the connection and dial again: a peer that vanished without a word leaves a connection that
 * never fails by itself. An outstanding request leaves again with the new connection. 0 or -errno
 * (then the client can only be reopened or freed).
 */
int chan_client_reopen(struct chan_client *client);

#endif
