// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_box_owner.c - what an owner may send to the keeper: any packets, with any descriptors,
 * before and after the ends of runs. The keeper's own handling (serve.c) runs here, on slots that
 * only note what is asked of them: every accepted run gets exactly one result, a bad packet ends
 * the owner, and no descriptor stays behind.
 *
 * Input: steps of an opening byte each, see STEP_.
 */
#include "sandbox/proto.h"

static int keeper_fd;

/* Not descriptor 3 of this process, which is somebody else's. */
#define PROTO_FD	 keeper_fd
#define PADDOCK_BUILD_ID "fuzz"
#include "sandbox/serve.c"

#include <sys/mman.h>

enum {
	SLOTS = 3,
	FD_LIMIT = 256, /* more than are ever open here */
	STEP_SPAWN = 0, /* slot, fds, length, the spec's bytes: a SPAWN of them */
	STEP_KILL,	/* id: a KILL */
	STEP_RAW,	/* fds, length, bytes: these as a packet */
	STEP_HEAD,	/* fds, bytes of a head behind the right magic */
	STEP_END,	/* slot: its run ends */
	STEP_READ,	/* the owner takes its results */
	STEP_MAX,
};

struct input {
	const uint8_t *at, *end;
};

static unsigned accepted, delivered;

int slot_init(struct slot *slot, unsigned number, struct slot_shared *shared)
{
	*slot = (struct slot){ .number = number, .shared = shared, .sock = -1 };
	return 0;
}

void slot_start(struct slot *slot, const struct proto_packet *packet, const struct box_spec *spec)
{
	BOX_ASSERT(slot->state == SLOT_IDLE && spec->slot == slot->number);
	BOX_ASSERT(!spec_validate(spec) && spec->argv[0]);
	BOX_ASSERT(packet->n_fds > 0 && packet->n_fds <= BOX_FDS_MAX + 1);
	for (size_t i = 0; i < packet->n_fds; i++)
		BOX_ASSERT(fcntl(packet->fds[i], F_GETFD) == FD_CLOEXEC);
	slot->result = (struct box_result){ .id = packet->head.id, .slot = spec->slot };
	slot->state = SLOT_RUNNING;
	accepted++;
}

void slot_kill(struct slot *slot, uint64_t grace_us)
{
	if (slot->state == SLOT_RUNNING && grace_us == 0)
		slot->state = SLOT_OVER;
}

bool slot_child_died(struct slot *slot, pid_t pid, int status)
{
	(void)slot, (void)pid, (void)status;
	return false;
}

void slot_zygote_spoke(struct slot *slot)
{
	(void)slot;
}

void slot_refresh(struct slot *slot)
{
	slot->stale = false;
}

void slot_tick(struct slot *slot, uint64_t now_us)
{
	(void)slot, (void)now_us;
}

void slot_shutdown(struct slot *slot)
{
	(void)slot;
}

static unsigned take(struct input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

/* At most `want` of the bytes that are left. */
static const void *take_bytes(struct input *in, size_t *want)
{
	const void *bytes = in->at;

	if (*want > (size_t)(in->end - in->at))
		*want = (size_t)(in->end - in->at);
	in->at += *want;
	return bytes;
}

/* Bytes and so many descriptors, the last of which is `last` when it is one. */
static void send_packet(int owner, const void *bytes, size_t size, size_t n_fds, int last)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(16 * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (void *)bytes, size };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fds[16];

	for (size_t i = 0; i < n_fds; i++)
		fds[i] = i + 1 == n_fds && last >= 0 ? last : STDERR_FILENO;
	if (n_fds) {
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(&control.head), fds, n_fds * sizeof(int));
	}
	(void)sendmsg(owner, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void send_spawn(int owner, struct input *in)
{
	AUTO_CLOSE int memfd = memfd_create("spec", MFD_CLOEXEC);
	size_t n_fds = take(in) % 12, low = take(in), size = low | take(in) << 8;
	const void *bytes = take_bytes(in, &size);
	struct proto_head head = { PROTO_MAGIC, PROTO_SPAWN, accepted + 1, size };

	BOX_ASSERT(memfd >= 0 && write(memfd, bytes, size) == (ssize_t)size);
	send_packet(owner, &head, sizeof(head), n_fds, memfd);
}

static void send_head(int owner, struct input *in)
{
	struct proto_head head = { .magic = PROTO_MAGIC };
	size_t n_fds = take(in) % 12, size = sizeof(head) - sizeof(head.magic);
	const void *bytes = take_bytes(in, &size);

	memcpy(&head.kind, bytes, size);
	send_packet(owner, &head, sizeof(head), n_fds, -1);
}

static void read_results(int owner)
{
	struct proto_result packet;
	ssize_t n;

	while ((n = recv(owner, &packet, sizeof(packet), MSG_DONTWAIT)) > 0) {
		BOX_ASSERT(n == sizeof(packet) && packet.head.kind == PROTO_RESULT);
		BOX_ASSERT(packet.head.id == packet.result.id && packet.result.slot < SLOTS);
		delivered++;
	}
}

static void step(struct keeper *k, int owner, struct input *in)
{
	struct proto_head kill = { PROTO_MAGIC, PROTO_KILL, 0, 0 };
	size_t size, n_fds;
	const void *bytes;
	struct slot *slot;

	switch (take(in) % STEP_MAX) {
	case STEP_SPAWN: send_spawn(owner, in); break;
	case STEP_KILL:
		kill.id = take(in);
		send_packet(owner, &kill, sizeof(kill), 0, -1);
		break;
	case STEP_RAW:
		n_fds = take(in) % 12;
		size = take(in);
		bytes = take_bytes(in, &size);
		send_packet(owner, bytes, size, n_fds, -1);
		break;
	case STEP_HEAD: send_head(owner, in); break;
	case STEP_END:
		slot = &k->slots[take(in) % SLOTS];
		if (slot->state == SLOT_RUNNING)
			slot->state = SLOT_OVER;
		break;
	case STEP_READ: read_results(owner); break;
	}
	while (!k->owner_gone && owner_packet(k))
		;
	send_results(k);
}

static unsigned open_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < FD_LIMIT; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slot slots[SLOTS];
	struct keeper k = {
		.n_slots = SLOTS, .slots = slots, .signal_fd = -1, .owner_fd = PROTO_FD
	};
	struct input in = { data, data + size };
	unsigned fds = open_fds(), waiting = 0;
	int pair[2];

	BOX_ASSERT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	keeper_fd = pair[0];
	accepted = delivered = 0;
	for (unsigned i = 0; i < SLOTS; i++)
		slot_init(&slots[i], i, &k.shared);
	while (in.at < in.end && !k.owner_gone)
		step(&k, pair[1], &in);
	read_results(pair[1]);
	for (unsigned i = 0; i < SLOTS; i++)
		waiting += slots[i].state != SLOT_IDLE;
	BOX_ASSERT(accepted == delivered + waiting);
	close(pair[0]);
	close(pair[1]);
	BOX_ASSERT(open_fds() == fds);
	return 0;
}
