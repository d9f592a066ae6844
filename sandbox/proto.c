// SPDX-License-Identifier: Apache-2.0
/* proto.c - packets with descriptors over a socket, the spec of a request in one of them. Not for
 * what is in it: see spec.c. */
#include "sandbox/proto.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "sandbox/util.h"

union control {
	struct cmsghdr head;
	char bytes[CMSG_SPACE((BOX_FDS_MAX + 1) * sizeof(int))];
};

/* Moves the descriptors of a received message into the packet. False: there was one too many, which
 * the padding of the control buffer has room for. */
static bool collect(struct msghdr *message, struct proto_packet *packet)
{
	bool fits = true;
	int fd;

	packet->n_fds = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = CMSG_LEN(0); at + sizeof(fd) <= c->cmsg_len; at += sizeof(fd)) {
			memcpy(&fd, (char *)c + at, sizeof(fd));
			if (packet->n_fds < ARRAY_LEN(packet->fds)) {
				packet->fds[packet->n_fds++] = fd;
			} else {
				fits = false;
				close(fd);
			}
		}
	}
	return fits;
}

int proto_receive(int sock, int flags, struct proto_packet *ret_packet)
{
	struct proto_head *head = &ret_packet->head;
	struct iovec iov = { head, sizeof(*head) };
	union control control;
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = control.bytes,
				  .msg_controllen = sizeof(control.bytes) };
	ssize_t n;
	bool fits;
	int r = 1;

	do
		n = recvmsg(sock, &message, flags | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	fits = collect(&message, ret_packet);
	/* The end, or an empty packet, which may carry descriptors all the same. */
	if (n == 0)
		r = 0;
	else if (!fits || message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		r = -EMSGSIZE;
	else if (n != (ssize_t)sizeof(*head) || head->magic != PROTO_MAGIC)
		r = -EPROTO;
	if (r <= 0)
		proto_close(ret_packet);
	return r;
}

int proto_send(int sock, int flags, const struct proto_packet *packet)
{
	struct iovec iov = { (void *)&packet->head, sizeof(packet->head) };
	union control control = { 0 };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	size_t bytes = packet->n_fds * sizeof(int);
	ssize_t sent;

	BOX_ASSERT(packet->n_fds <= ARRAY_LEN(packet->fds));
	if (bytes) {
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(bytes);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(bytes);
		memcpy(CMSG_DATA(&control.head), packet->fds, bytes);
	}
	do
		sent = sendmsg(sock, &message, flags | MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	return 0;
}

int proto_tell(int sock, int flags, enum proto_kind kind, uint64_t id, uint64_t argument)
{
	const struct proto_packet packet = { .head = { PROTO_MAGIC, kind, id, argument } };

	return proto_send(sock, flags, &packet);
}

void proto_close(struct proto_packet *packet)
{
	for (size_t i = 0; i < packet->n_fds; i++)
		util_close(&packet->fds[i]);
}

int proto_decode(const struct proto_packet *packet, struct spec_store *store)
{
	size_t size = packet->head.argument;
	char *bytes;
	int r = -EPROTO;

	if (packet->n_fds == 0 || size > BOX_SPEC_BYTES_MAX)
		return -EPROTO;
	bytes = malloc(size + 1);
	if (!bytes)
		return -ENOMEM;
	/* A copy of our own, which nobody changes while we read it. */
	if (pread(packet->fds[packet->n_fds - 1], bytes, size, 0) == (ssize_t)size)
		r = spec_decode(bytes, size, store);
	if (r == 0)
		spec_defaults(&store->spec);
	store->bytes = bytes;
	return r;
}
