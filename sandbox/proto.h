// SPDX-License-Identifier: Apache-2.0
/*
 * proto.h - the packets between an owner and its keeper. Both are of one build on one machine
 * (hello proves it), so they are plain structs. Each is one SOCK_SEQPACKET packet:
 *
 *   keeper -> owner   HELLO, then one RESULT (head + struct box_result) per accepted SPAWN
 *   owner -> keeper   SPAWN (head, the payload's fds, the spec), KILL (argument: grace_us)
 *   keeper -> zygote  KILL (argument: a signal), NEXT and CLEAR (bytes of private files)
 *   keeper -> init    SPAWN as it came; for bare runs to the zygote; what all mean: zygote.h
 *
 * The spec is in a memfd, the last of the fds.
 */
#ifndef PADDOCK_SANDBOX_PROTO_H
#define PADDOCK_SANDBOX_PROTO_H

#include "sandbox/spec.h"

enum {
	PROTO_MAGIC = 0x70646b31, /* "pdk1" */
	PROTO_FD = 3,		  /* where the keeper finds its end of the socket */
	/* /dev/null. Zygotes hold all below, too, so that a received fd is never one of a payload's
	 * numbers. */
	PROTO_NULL_FD = 10,
	PROTO_KEEPER_FD = 11,	/* a zygote's socket to its keeper */
	PROTO_REQUESTS_FD = 12, /* where its inits get their request */
	PROTO_BUILD_MAX = 64,
};

enum proto_kind {
	PROTO_HELLO,
	PROTO_SPAWN,
	PROTO_KILL,
	PROTO_RESULT,
	PROTO_NEXT,
	PROTO_CLEAR,
};

struct proto_head {
	uint32_t magic;
	uint32_t kind;
	uint64_t id;
	uint64_t argument; /* KILL: grace_us; SPAWN: size of the spec; NEXT, CLEAR: see above */
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

/* What an owner asks for. */
struct proto_packet {
	struct proto_head head;
	int fds[BOX_FDS_MAX + 1];
	size_t n_fds;
};

/*
 * Takes one packet; its descriptors, close-on-exec, are the caller's to close. Returns 1, 0 at the
 * end of the socket, or -errno with nothing left open (-EMSGSIZE: it was cut; -EPROTO: not as long
 * as its head says).
 */
int proto_receive(int sock, int flags, struct proto_packet *ret_packet);

/* Sends one packet with send()'s flags; the descriptors stay open here. 0 or -errno; -EPIPE: the
 * other side is gone. */
int proto_send(int sock, int flags, const struct proto_packet *packet);

/* Sends a head alone. As proto_send. */
int proto_tell(int sock, int flags, enum proto_kind kind, uint64_t id, uint64_t argument);

/* Closes the packet's descriptors. */
void proto_close(struct proto_packet *packet);

/*
 * Makes a SPAWN packet of a valid spec, which goes into *ret_memfd: the caller closes it, on
 * failure, too, when it is not -1. 0 or -errno.
 */
int proto_encode(const struct box_spec *spec, uint64_t id, const int *fds, size_t n_fds,
		 int *ret_memfd, struct proto_packet *ret_packet);

/*
 * Decodes the spec of a SPAWN packet into a zeroed store, and puts the defaults in. 0, or -errno
 * for one that is not good. Either way the caller calls spec_done.
 */
int proto_decode(const struct proto_packet *packet, struct spec_store *store);

#endif
