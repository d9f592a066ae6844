// SPDX-License-Identifier: Apache-2.0
/* fds.h - which descriptors a process keeps. */
#ifndef PADDOCK_SANDBOX_FDS_H
#define PADDOCK_SANDBOX_FDS_H

#include <sys/types.h>
#include <sys/uio.h>

#include "sandbox/box.h"

enum {
	FDS_FLOOR = 10, /* zygotes hold 0..9, so that a received fd is never one of a payload's
			   numbers */
};

/* Makes 0..FDS_FLOOR open, on /dev/null where they were not; FDS_FLOOR itself always, as *ret_null.
 * 0 or -errno. */
int fds_reserve(int *ret_null);

/*
 * Makes fds[0..n) the descriptors 0..n-1 and closes all others at exec; of 0, 1 and 2 the ones not
 * given become `null_fd`. All of fds are >= FDS_FLOOR. Async-signal-safe. 0 or -errno.
 */
int fds_install(const int *fds, size_t n, int null_fd);

/* One packet of a SOCK_SEQPACKET socket: its bytes in up to two parts, and descriptors. */
struct fds_packet {
	struct iovec iov[2];
	size_t n_iov;
	int fds[BOX_FDS_MAX + 1];
	size_t n_fds;
};

/*
 * Takes one packet into packet->iov; its descriptors, close-on-exec, into packet->fds, which the
 * caller closes. Returns its length, 0 at the end of the socket, or -errno (-EMSGSIZE, with nothing
 * left open, when it was cut).
 */
ssize_t fds_receive(int sock, struct fds_packet *packet, int flags);

/* Sends one packet; the descriptors stay open here. 0 or -errno. */
int fds_send(int sock, const struct fds_packet *packet, int flags);

/* Closes fds[0..n). */
void fds_close(int *fds, size_t n);

#endif
