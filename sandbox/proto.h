// SPDX-License-Identifier: Apache-2.0
/*
 * proto.h - the packets between an owner and its keeper. Both are of one build on one machine
 * (hello proves it), so they are plain structs. Each is one SOCK_SEQPACKET packet:
 *
 *   keeper -> owner   HELLO, then one RESULT (head + struct box_result) per accepted SPAWN
 *   owner -> keeper   SPAWN (head + encoded spec + the payload's fds), KILL (argument: grace_us)
 *
 * A spec too long for a packet travels in a memfd, the last fd, with PROTO_IN_MEMFD set.
 */
#ifndef PADDOCK_SANDBOX_PROTO_H
#define PADDOCK_SANDBOX_PROTO_H

#include "sandbox/box.h"
#include "sandbox/fds.h"

enum {
	PROTO_MAGIC = 0x70646b31, /* "pdk1" */
	PROTO_FD = 3,		  /* where the keeper finds its end of the socket */
	PROTO_INLINE_MAX =
		64 << 10, /* longer specs go by memfd; well below the default socket buffer */
	PROTO_BUILD_MAX = 64,
};

enum proto_kind {
	PROTO_HELLO,
	PROTO_SPAWN,
	PROTO_KILL,
	PROTO_RESULT,
};

enum {
	PROTO_IN_MEMFD = 1,
};

struct proto_head {
	uint32_t magic;
	uint16_t kind;
	uint16_t flags;
	uint64_t id;
	uint64_t argument; /* KILL: grace_us; SPAWN: size of the spec */
};

struct proto_hello {
	struct proto_head head;
	uint32_t result_size; /* sizeof(struct box_result) on the keeper's side */
	char build[PROTO_BUILD_MAX];
};

struct proto_result {
	struct proto_head head;
	struct box_result result;
};

/* The bytes of a request's spec, head.argument long. */
struct proto_spec {
	const void *bytes;
	void *mapped;
	size_t size; /* of the mapping; 0: the bytes are the packet's */
};

/*
 * Finds the spec of a SPAWN packet whose iov[1] is as long as what came behind the head. Its memfd
 * stays in the packet. 0, -EPROTO or -errno; on 0 the caller calls proto_close_spec before the
 * packet's memory goes.
 */
int proto_open_spec(const struct proto_head *head, struct fds_packet *packet,
		    struct proto_spec *ret_spec);

/* Unmaps what was mapped. */
void proto_close_spec(struct proto_spec *spec);

/*
 * Takes one packet: the head, and what follows it into `buffer` of PROTO_INLINE_MAX bytes, with
 * iov[1] cut to its length. Returns 1, 0 at the end of the socket, or -errno (-EPROTO: shorter than
 * a head). The descriptors are the caller's to close.
 */
int proto_receive(int sock, int flags, struct proto_head *ret_head, void *buffer,
		  struct fds_packet *ret_packet);

#endif
