// SPDX-License-Identifier: Apache-2.0
/* fds.c - descriptors: reserving low numbers, installing a payload's, passing them over sockets. */
#include "sandbox/fds.h"

#include <limits.h>
#include <linux/close_range.h>
#include <sys/socket.h>

#include "sandbox/util.h"

int fds_reserve(int *ret_null)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (fd < 0)
			return -errno;
	} while (fd < FDS_FLOOR);
	if (fd > FDS_FLOOR && dup3(fd, FDS_FLOOR, O_CLOEXEC) < 0)
		return -errno;
	if (fd > FDS_FLOOR)
		close(fd);
	*ret_null = FDS_FLOOR;
	return 0;
}

int fds_install(const int *fds, size_t n, int null_fd)
{
	for (size_t i = 0; i < n; i++) {
		BOX_ASSERT(fds[i] >= FDS_FLOOR);
		if (dup2(fds[i], (int)i) < 0)
			return -errno;
	}
	for (size_t i = n; i < 3; i++)
		if (dup2(null_fd, (int)i) < 0)
			return -errno;
	return close_range(n < 3 ? 3 : (unsigned)n, UINT_MAX, CLOSE_RANGE_CLOEXEC) < 0 ? -errno : 0;
}

union control {
	struct cmsghdr head;
	char bytes[CMSG_SPACE((BOX_FDS_MAX + 1) * sizeof(int))];
};

/* Moves the descriptors of a received message into the packet; the control buffer holds no more
 * than that. */
static void collect(struct msghdr *message, struct fds_packet *packet)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		size_t bytes = c->cmsg_len - CMSG_LEN(0);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		BOX_ASSERT(packet->n_fds + bytes / sizeof(int) <= ARRAY_LEN(packet->fds));
		memcpy(packet->fds + packet->n_fds, CMSG_DATA(c), bytes);
		packet->n_fds += bytes / sizeof(int);
	}
}

ssize_t fds_receive(int sock, struct fds_packet *packet, int flags)
{
	union control control;
	struct msghdr message = { .msg_iov = packet->iov,
				  .msg_iovlen = packet->n_iov,
				  .msg_control = control.bytes,
				  .msg_controllen = sizeof(control.bytes) };
	ssize_t n;

	packet->n_fds = 0;
	do
		n = recvmsg(sock, &message, flags | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	collect(&message, packet);
	if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		fds_close(packet->fds, packet->n_fds);
		packet->n_fds = 0;
		return -EMSGSIZE;
	}
	return n;
}

int fds_send(int sock, const struct fds_packet *packet, int flags)
{
	union control control = { 0 };
	struct msghdr message = { .msg_iov = (struct iovec *)packet->iov,
				  .msg_iovlen = packet->n_iov };
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
	return sent < 0 ? -errno : 0;
}

void fds_close(int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		util_close(&fds[i]);
}
