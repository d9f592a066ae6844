// SPDX-License-Identifier: Apache-2.0
/*
 * chan.c - raw REP and raw REQ of nanomsg, with the library's sharp edges covered.
 *
 * Why raw: cooked REP answers one request at a time, cooked REQ resends on its own. Raw REP hands
 * out the way back with each request (the connection's number and the peer's request number), so
 * any number can stay parked and be answered in any order. The price: a reply to a connection that
 * still carries an earlier one, or that is gone, vanishes and nobody is told. Hence one outstanding
 * request per connection, and lane.h above.
 *
 * What the library would do to us, and what stands against it here: it deletes a regular file at
 * the path of an ipc socket (looked at first); it believes a peer's message size unless limited
 * (NN_RCVMAXSIZE, always); a frame beyond that limit makes the peer reconnect and resend for ever
 * (refused before sending); nn_term is a global close-all (never called); its thread does not
 * survive fork (callers fork first). One thing remains: 1.1.5 aborts when the first byte of an ipc
 * message is not 1, so whoever may write to the socket can end us; hence mode 0660.
 *
 * Invariants: a request is parked from its receipt to its reply, drop, or the next one of its
 * connection; a reply leaves only for a parked request. A client has one request outstanding at
 * most and a copy of its frame; `waiting` means that the copy has yet to leave.
 * Not for: deciding when to send again (lane.c), or what the bytes mean (msg_decode.c).
 */
#include "protocol/wire/chan.h"

#include "protocol/base/assert.h"
#include "protocol/base/buf.h"
#include "protocol/base/fd.h"
#include "protocol/wire/limits.h"
#include "protocol/wire/parked.h"

#include <errno.h>
#include <nanomsg/nn.h>
#include <nanomsg/reqrep.h>
#include <nanomsg/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	RECONNECT_MS = 100,
	RECONNECT_MAX_MS = 1000,
	SOCKET_UMASK = 0117,
	HOPS_BYTES = 8,	    /* connection and request number: no device in between */
	REQUEST_BIT = 0x80, /* in the first byte of a request's number: the last hop */
};

/* The control part of a message as nanomsg wants it: one header item with its length in front. */
struct control {
	struct nn_cmsghdr head;
	size_t len;
	unsigned char hops[HOPS_BYTES];
};

_Static_assert(sizeof(struct control) == NN_CMSG_SPACE(sizeof(size_t) + HOPS_BYTES), "no padding");

struct chan_server {
	int socket;
	int fd;
	void *message; /* the last one handed out, the library's memory */
	struct parked parked;
	struct chan_counts counts;
};

struct chan_client {
	char url[CHAN_URL_BYTES];
	int socket;		 /* -1 after a failed reopen */
	int receive_fd, send_fd; /* of the socket, the library's */
	int fd;			 /* an epoll of the two: what the caller watches */
	uint32_t last_request;	 /* number of the latest; the first is 1 */
	bool outstanding;
	bool waiting; /* ... and not sent yet: there is no connection */
	struct buf frame;
	void *message;
};

/* -------- common ground -------- */

static int library_error(void)
{
	int code = nn_errno();
	ASSERT(code > 0);
	return -code;
}

static void put_u32(unsigned char *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (unsigned char)(value >> (24 - 8 * i));
}

static uint32_t get_u32(const unsigned char *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void release(void **message)
{
	if (*message)
		nn_freemsg(*message);
	*message = NULL;
}

/* Take a message behind a header of `hops` bytes: 1, 0 when none waits, -EBADMSG, -errno. */
static int take_message(int socket, size_t hops, void **ret_message, struct str *ret_frame,
			struct control *ret_control)
{
	void *body = NULL;
	struct nn_iovec iov = { .iov_base = &body, .iov_len = NN_MSG };
	struct nn_msghdr head = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = ret_control,
		.msg_controllen = sizeof(*ret_control),
	};
	memset(ret_control, 0, sizeof(*ret_control));
	int n = nn_recvmsg(socket, &head, NN_DONTWAIT);
	if (n < 0)
		return nn_errno() == EAGAIN || nn_errno() == EINTR ? 0 : library_error();
	*ret_message = body;
	*ret_frame = (struct str){ body, (size_t)n };
	bool proper = ret_control->head.cmsg_level == PROTO_SP &&
		      ret_control->head.cmsg_type == SP_HDR && ret_control->len == hops;
	return proper ? 1 : -EBADMSG;
}

/* Send a frame behind a header of `hops` bytes. 0, -EAGAIN while nobody can take it, -errno. */
static int give_message(int socket, struct str frame, size_t hops, struct control *control)
{
	struct nn_iovec iov = { .iov_base = (void *)frame.data, .iov_len = frame.len };
	struct nn_msghdr head = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = NN_CMSG_SPACE(sizeof(size_t) + hops),
	};
	control->head = (struct nn_cmsghdr){
		.cmsg_len = NN_CMSG_LEN(sizeof(size_t) + hops),
		.cmsg_level = PROTO_SP,
		.cmsg_type = SP_HDR,
	};
	control->len = hops;
	int n;
	do
		n = nn_sendmsg(socket, &head, NN_DONTWAIT);
	while (n < 0 && nn_errno() == EINTR);
	return n < 0 ? library_error() : 0;
}

static int set_option(int socket, int level, int option, int value)
{
	int r = nn_setsockopt(socket, level, option, &value, sizeof(value));
	return r < 0 ? library_error() : 0;
}

static int get_fd(int socket, int option)
{
	int fd;
	size_t size = sizeof(fd);
	int r = nn_getsockopt(socket, NN_SOL_SOCKET, option, &fd, &size);
	ASSERT(r == 0 && size == sizeof(fd));
	return fd;
}

/* A raw socket of one end of the pattern, with every limit set. Returns it or -errno. */
static int open_socket(int protocol)
{
	int socket = nn_socket(AF_SP_RAW, protocol);
	if (socket < 0)
		return library_error();
	int r = set_option(socket, NN_SOL_SOCKET, NN_RCVMAXSIZE, LIMIT_RECEIVE_BYTES);
	if (r == 0)
		r = set_option(socket, NN_SOL_SOCKET, NN_RECONNECT_IVL, RECONNECT_MS);
	if (r == 0)
		r = set_option(socket, NN_SOL_SOCKET, NN_RECONNECT_IVL_MAX, RECONNECT_MAX_MS);
	if (r == 0)
		r = set_option(socket, NN_TCP, NN_TCP_NODELAY, 1);
	if (r == 0)
		return socket;
	nn_close(socket);
	return r;
}

/* The address as the library takes it: it binds to no names, and speaks IPv6 only when told. */
static int prepare_address(int socket, const char *url, char ret_url[CHAN_URL_BYTES])
{
	static const char name[] = "tcp://localhost:", number[] = "tcp://127.0.0.1:";
	bool local = strncmp(url, name, strlen(name)) == 0;
	int len = snprintf(ret_url, CHAN_URL_BYTES, "%s%s", local ? number : "",
			   local ? url + strlen(name) : url);
	ASSERT(len > 0 && len < CHAN_URL_BYTES);
	bool v6 = strncmp(url, "tcp://[", 7) == 0;
	return set_option(socket, NN_SOL_SOCKET, NN_IPV4ONLY, v6 ? 0 : 1);
}

/* -------- server -------- */

int chan_server_new(struct chan_server **ret_server, struct err *err)
{
	struct chan_server *server = calloc(1, sizeof(*server));
	int socket = server ? open_socket(NN_REP) : -ENOMEM;
	if (socket < 0) {
		free(server);
		return err_errno(err, socket, "cannot open a server channel");
	}
	server->socket = socket;
	server->fd = get_fd(socket, NN_RCVFD);
	server->parked.cap = CHAN_PARKED_MAX;
	*ret_server = server;
	return 0;
}

void chan_server_free(struct chan_server *server)
{
	if (!server)
		return;
	release(&server->message);
	nn_close(server->socket);
	parked_done(&server->parked);
	free(server);
}

/*
 * Does anybody answer at the socket `path`? 1, 0 when it is a dead one, -errno when nobody knows.
 */
static int is_served(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	FD_CLEANUP int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	ASSERT(strlen(path) < sizeof(address.sun_path));
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return 1;
	if (errno == ECONNREFUSED || errno == ENOENT)
		return 0;
	return errno == EAGAIN || errno == EINPROGRESS ? 1 : -errno; /* its backlog is full */
}

/* May a socket be made in the folder of `path`? The library would only say "no", and leak. */
static int check_folder(const char *path, struct err *err)
{
	char folder[CHAN_URL_BYTES];
	const char *slash = strrchr(path, '/');
	ASSERT(slash);
	size_t len = slash == path ? 1 : (size_t)(slash - path);
	ASSERT(len < sizeof(folder));
	memcpy(folder, path, len);
	folder[len] = '\0';
	if (access(folder, W_OK | X_OK) == 0)
		return 0;
	return err_errno(err, -errno, "cannot make a socket in the folder %s", folder);
}

/* Make sure that binding to `path` destroys nothing: the library would unlink what stands there. */
static int clear_path(const char *path, struct err *err)
{
	struct stat st;
	if (lstat(path, &st) != 0)
		return errno == ENOENT ? check_folder(path, err)
				       : err_errno(err, -errno, "cannot look at %s", path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, -EEXIST,
			       "%s exists and is not a socket, so it is left alone; "
			       "remove it or choose another path",
			       path);
	int r = is_served(path);
	if (r < 0)
		return err_errno(err, r, "cannot tell whether somebody serves %s", path);
	if (r > 0)
		return err_set(err, -EADDRINUSE,
			       "another coordinator is listening there; "
			       "stop it or choose another path");
	if (unlink(path) != 0 && errno != ENOENT)
		return err_errno(err, -errno, "cannot remove the dead socket %s", path);
	return 0;
}

static int bind_to(struct chan_server *server, const char *url, struct err *err)
{
	char address[CHAN_URL_BYTES];
	int r = prepare_address(server->socket, url, address);
	if (r < 0)
		return err_errno(err, r, "its options");
	mode_t before = umask(SOCKET_UMASK);
	r = nn_bind(server->socket, address) < 0 ? library_error() : 0;
	umask(before);
	if (r == -EADDRINUSE)
		return err_set(err, r,
			       "another program is listening there; "
			       "stop it or choose another address");
	if (r == -ENODEV || r == -EADDRNOTAVAIL)
		return err_set(err, r,
			       "no interface of this machine has that address; "
			       "to listen, give a numeric address of its own");
	return r < 0 ? err_errno(err, r, "the system says no") : 0;
}

int chan_server_listen(struct chan_server *server, const char *url, struct err *err)
{
	static const char ipc[] = "ipc://";
	int r = chan_address_check(url, err);
	if (r < 0)
		return r;
	if (strncmp(url, ipc, strlen(ipc)) == 0)
		r = clear_path(url + strlen(ipc), err);
	if (r == 0)
		r = bind_to(server, url, err);
	if (r < 0)
		err_wrap(err, "cannot listen on %s", url);
	return r;
}

int chan_server_fd(const struct chan_server *server)
{
	return server->fd;
}

uint64_t chan_server_connections(const struct chan_server *server, uint64_t *ret_broken)
{
	*ret_broken = nn_get_statistic(server->socket, NN_STAT_BROKEN_CONNECTIONS);
	return nn_get_statistic(server->socket, NN_STAT_CURRENT_CONNECTIONS);
}

/* Park the request that just came. 1 when it may be handed out, 0 when it was dropped. */
static int park(struct chan_server *server, const struct control *control,
		struct chan_peer *ret_peer)
{
	struct chan_peer peer = { get_u32(control->hops), get_u32(control->hops + 4) };
	if (!(control->hops[4] & REQUEST_BIT)) {
		server->counts.malformed++;
		return 0;
	}
	if (parked_put(&server->parked, peer.connection, peer.request) < 0) {
		server->counts.refused++;
		return 0;
	}
	server->counts.received++;
	*ret_peer = peer;
	return 1;
}

int chan_server_receive(struct chan_server *server, struct str *ret_frame,
			struct chan_peer *ret_peer)
{
	struct control control;
	for (;;) {
		release(&server->message);
		int r = take_message(server->socket, HOPS_BYTES, &server->message, ret_frame,
				     &control);
		if (r == -EBADMSG)
			server->counts.malformed++;
		else if (r <= 0 || park(server, &control, ret_peer))
			return r;
	}
}

int chan_server_reply(struct chan_server *server, struct chan_peer *peer, struct str frame)
{
	struct control control;
	ASSERT(peer->request);
	if (frame.len > LIMIT_FRAME_BYTES)
		return -EMSGSIZE;
	struct chan_peer to = *peer;
	*peer = (struct chan_peer){ 0, 0 };
	if (parked_get(&server->parked, to.connection) != to.request) {
		server->counts.superseded++;
		return -ESTALE;
	}
	parked_remove(&server->parked, to.connection);
	put_u32(control.hops, to.connection);
	put_u32(control.hops + 4, to.request);
	int r = give_message(server->socket, frame, HOPS_BYTES, &control);
	if (r == 0)
		server->counts.replied++;
	return r;
}

void chan_server_drop(struct chan_server *server, struct chan_peer *peer)
{
	if (peer->request && parked_get(&server->parked, peer->connection) == peer->request)
		parked_remove(&server->parked, peer->connection);
	*peer = (struct chan_peer){ 0, 0 };
}

void chan_server_renew(struct chan_server *server, struct chan_peer *held, struct chan_peer newer)
{
	ASSERT(newer.request);
	if (held->connection != newer.connection)
		chan_server_drop(server, held);
	*held = newer;
}

size_t chan_server_parked(const struct chan_server *server)
{
	return server->parked.len;
}

struct chan_counts chan_server_counts(const struct chan_server *server)
{
	return server->counts;
}

/* -------- client -------- */

/* Watch fd for `client` or stop watching it. */
static int watch(struct chan_client *client, int operation, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
	return epoll_ctl(client->fd, operation, fd, &event) < 0 ? -errno : 0;
}

static void hang_up(struct chan_client *client)
{
	release(&client->message);
	if (client->socket < 0)
		return;
	/* Out of the epoll first: the library closes these fds and the numbers are used again. */
	(void)watch(client, EPOLL_CTL_DEL, client->receive_fd);
	if (client->waiting)
		(void)watch(client, EPOLL_CTL_DEL, client->send_fd);
	client->waiting = false;
	nn_close(client->socket);
	client->socket = -1;
}

static int dial(struct chan_client *client)
{
	char address[CHAN_URL_BYTES];
	int socket = open_socket(NN_REQ);
	if (socket < 0)
		return socket;
	int r = prepare_address(socket, client->url, address);
	if (r == 0 && nn_connect(socket, address) < 0)
		r = library_error();
	client->receive_fd = get_fd(socket, NN_RCVFD);
	client->send_fd = get_fd(socket, NN_SNDFD);
	if (r == 0)
		r = watch(client, EPOLL_CTL_ADD, client->receive_fd);
	if (r < 0) {
		nn_close(socket);
		return r;
	}
	client->socket = socket;
	return 0;
}

int chan_client_new(const char *url, struct chan_client **ret_client, struct err *err)
{
	int r = chan_address_check(url, err);
	if (r < 0)
		return r;
	struct chan_client *client = calloc(1, sizeof(*client));
	if (!client)
		return err_errno(err, -ENOMEM, "cannot connect to %s", url);
	memcpy(client->url, url, strlen(url) + 1);
	buf_init(&client->frame, LIMIT_FRAME_BYTES);
	client->socket = -1;
	client->fd = epoll_create1(EPOLL_CLOEXEC);
	r = client->fd < 0 ? -errno : dial(client);
	if (r < 0) {
		chan_client_free(client);
		return err_errno(err, r, "cannot connect to %s", url);
	}
	*ret_client = client;
	return 0;
}

void chan_client_free(struct chan_client *client)
{
	if (!client)
		return;
	hang_up(client);
	fd_close(&client->fd);
	buf_done(&client->frame);
	free(client);
}

int chan_client_fd(const struct chan_client *client)
{
	return client->fd;
}

/* Remember whether the frame still waits for a connection, and watch for one if so. */
static int set_waiting(struct chan_client *client, bool waiting)
{
	int r = 0;
	if (waiting != client->waiting)
		r = watch(client, waiting ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, client->send_fd);
	if (r == 0)
		client->waiting = waiting;
	return r;
}

/* Let the outstanding frame go, or wait for a connection that takes it. */
static int push(struct chan_client *client)
{
	struct control control = { .len = 0 };
	ASSERT(client->outstanding);
	if (client->socket < 0)
		return -ENOTCONN;
	put_u32(control.hops, client->last_request);
	control.hops[0] |= REQUEST_BIT;
	int r = give_message(client->socket, buf_str(&client->frame), HOPS_BYTES / 2, &control);
	if (r < 0 && r != -EAGAIN)
		return r;
	return set_waiting(client, r == -EAGAIN);
}

int chan_client_send(struct chan_client *client, struct str frame)
{
	if (frame.len > LIMIT_FRAME_BYTES)
		return -EMSGSIZE;
	if (client->socket < 0)
		return -ENOTCONN;
	client->outstanding = false;
	buf_clear(&client->frame);
	int r = buf_append(&client->frame, frame.data, frame.len);
	if (r < 0)
		return r;
	client->last_request = (client->last_request + 1) & INT32_MAX;
	client->outstanding = true;
	return push(client);
}

int chan_client_resend(struct chan_client *client)
{
	if (!client->outstanding)
		return -ENOENT;
	return client->waiting ? 0 : push(client);
}

/* Is this the reply to what is outstanding? The library hands the request's number back. */
static bool is_ours(const struct chan_client *client, const struct control *control)
{
	uint32_t request = get_u32(control->hops) & INT32_MAX;
	return client->outstanding && request == client->last_request;
}

int chan_client_receive(struct chan_client *client, struct str *ret_frame)
{
	struct control control;
	struct str frame;
	if (client->socket < 0)
		return -ENOTCONN;
	int r = client->waiting && client->outstanding ? push(client) : 0;
	while (r == 0) {
		release(&client->message);
		r = take_message(client->socket, HOPS_BYTES / 2, &client->message, &frame,
				 &control);
		if (r == 0)
			break;
		if (r == 1 && is_ours(client, &control)) {
			client->outstanding = false;
			*ret_frame = frame;
			return 1;
		}
		r = r == 1 || r == -EBADMSG ? 0 : r;
	}
	return r;
}

int chan_client_reopen(struct chan_client *client)
{
	hang_up(client);
	int r = dial(client);
	return r == 0 && client->outstanding ? push(client) : r;
}
