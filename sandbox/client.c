// SPDX-License-Identifier: Apache-2.0
/*
 * client.c - the owner's side of the keeper: start it, hand it specs and fds, take results.
 *
 * Invariants: a slot is busy from an accepted spawn until its result was taken, so that -EBUSY
 * needs no round trip; sends may block only while the keeper reads, and the keeper never blocks on
 * us (it queues results per slot). libc only: the worker links this and none of the sandbox's
 * libraries.
 */
#include "sandbox/box.h"

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "sandbox/client.h"
#include "sandbox/fds.h"
#include "sandbox/proto.h"
#include "sandbox/spec.h"
#include "sandbox/util.h"

enum { HELLO_TIMEOUT_MS = 10000 };

struct slot_use {
	bool busy;
	uint64_t id;
};

struct box {
	int fd;
	pid_t keeper;
	unsigned slots;
	struct slot_use use[];
};

static int fail(struct box_error *err, int error, const char *what, const char *object,
		const char *next)
{
	BOX_ASSERT(error < 0);
	snprintf(err->text, sizeof(err->text), "%s %s: %s; %s", what, object, strerror(-error),
		 next);
	return error;
}

/* posix_spawn (a vfork inside) so that a large owner pays nothing for its size. */
static int spawn_keeper(const char *program, struct box *box, const char *extra, int socket_fd)
{
	char count[16];
	char *argv[] = { (char *)program, (char *)"--serve", (char *)"--slots",
			 count,		  (char *)extra,     NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none;
	int r;

	util_print(count, sizeof(count), "%u", box->slots);
	sigemptyset(&none);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attr);
	/*
	 * dup2 onto itself would keep O_CLOEXEC before glibc 2.29; the socket is moved out of the
	 * way by the caller.
	 */
	posix_spawn_file_actions_adddup2(&actions, socket_fd, PROTO_FD);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	r = posix_spawn(&box->keeper, program, &actions, &attr, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	return -r;
}

static int read_hello(int fd, struct proto_hello *ret_hello)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	ssize_t n;
	int r;

	do
		r = poll(&pfd, 1, HELLO_TIMEOUT_MS);
	while (r < 0 && errno == EINTR);
	if (r == 0)
		return -ETIMEDOUT;
	n = recv(fd, ret_hello, sizeof(*ret_hello), 0);
	if (n < 0)
		return -errno;
	if (n == 0)
		return -EPIPE;
	if ((size_t)n != sizeof(*ret_hello) || ret_hello->head.magic != PROTO_MAGIC)
		return -EPROTO;
	ret_hello->build[PROTO_BUILD_MAX - 1] = '\0';
	return 0;
}

static int check_hello(const struct proto_hello *hello, const char *program, struct box_error *err)
{
	if (strcmp(hello->build, PADDOCK_BUILD_ID) == 0 &&
	    hello->result_size == sizeof(struct box_result))
		return 0;
	snprintf(err->text, sizeof(err->text),
		 "start the keeper %s: it is of build %s, we of %s; install both from one build",
		 program, hello->build, PADDOCK_BUILD_ID);
	return -EPROTO;
}

static int open_keeper(struct box *box, const char *program, const char *extra,
		       struct box_error *err)
{
	AUTO_CLOSE int ours = -1;
	AUTO_CLOSE int theirs = -1;
	struct proto_hello hello;
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail(err, -errno, "make a socket for the keeper", program,
			    "raise the limit of open files");
	ours = pair[0];
	theirs = fcntl(pair[1], F_DUPFD_CLOEXEC, PROTO_FD + 1);
	util_close(&pair[1]);
	if (theirs < 0)
		return fail(err, -errno, "make a socket for the keeper", program,
			    "raise the limit of open files");
	r = spawn_keeper(program, box, extra, theirs);
	if (r < 0)
		return fail(err, r, "start the keeper", program,
			    "install paddock-box next to this program");
	util_close(&theirs);
	box->fd = util_take_fd(&ours);
	r = read_hello(box->fd, &hello);
	if (r < 0)
		return fail(err, r, "hear from the keeper", program,
			    "run it with --probe to see why");
	return check_hello(&hello, program, err);
}

int client_open(const char *program, unsigned slots, const char *extra, struct box **ret_box,
		struct box_error *err)
{
	struct box *box;
	int r;

	BOX_ASSERT(program && ret_box && err);
	if (slots == 0 || slots > SPEC_SLOTS_MAX)
		return fail(err, -EINVAL, "start the keeper", program, "ask for 1 to 1024 slots");
	box = calloc(1, sizeof(*box) + slots * sizeof(box->use[0]));
	if (!box)
		return fail(err, -ENOMEM, "start the keeper", program, "free some memory");
	box->fd = -1;
	box->slots = slots;
	r = open_keeper(box, program, extra, err);
	if (r < 0) {
		box_close(box);
		return r;
	}
	*ret_box = box;
	return 0;
}

int box_open(const char *program, unsigned slots, struct box **ret_box, struct box_error *err)
{
	return client_open(program, slots, NULL, ret_box, err);
}

void box_close(struct box *box)
{
	if (!box)
		return;
	util_close(&box->fd);
	if (box->keeper > 0)
		while (waitpid(box->keeper, NULL, 0) < 0 && errno == EINTR)
			;
	free(box);
}

int box_fd(const struct box *box)
{
	return box->fd;
}

/* fds_send, with the one word for a keeper that is gone. */
static int send_packet(const struct box *box, const struct fds_packet *packet)
{
	int r = fds_send(box->fd, packet, 0);

	return r == -ECONNRESET ? -EPIPE : r;
}

/* The spec in a sealed memfd, so that the keeper may map it without fearing a change. */
static int spec_memfd(const void *bytes, size_t size, int *ret_fd)
{
	AUTO_CLOSE int fd = memfd_create("box-spec", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	size_t done = 0;

	if (fd < 0)
		return -errno;
	while (done < size) {
		ssize_t n = write(fd, (const char *)bytes + done, size - done);

		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		return -errno;
	*ret_fd = util_take_fd(&fd);
	return 0;
}

static int send_spawn(const struct box *box, uint64_t id, const void *bytes, size_t size,
		      struct fds_packet *packet)
{
	struct proto_head head = {
		.magic = PROTO_MAGIC, .kind = PROTO_SPAWN, .id = id, .argument = size
	};
	AUTO_CLOSE int memfd = -1;
	int r;

	packet->iov[0] = (struct iovec){ .iov_base = &head, .iov_len = sizeof(head) };
	packet->iov[1] = (struct iovec){ .iov_base = (void *)bytes, .iov_len = size };
	packet->n_iov = 2;
	if (size > PROTO_INLINE_MAX) {
		r = spec_memfd(bytes, size, &memfd);
		if (r < 0)
			return r;
		head.flags = PROTO_IN_MEMFD;
		packet->n_iov = 1;
		packet->fds[packet->n_fds++] = memfd;
	}
	return send_packet(box, packet);
}

int box_spawn(struct box *box, uint64_t id, const struct box_spec *spec, const int *fds,
	      size_t n_fds)
{
	AUTO_FREE void *bytes = NULL;
	struct fds_packet packet = { .n_fds = n_fds };
	size_t size;
	int r;

	BOX_ASSERT(box && spec);
	if (n_fds > BOX_FDS_MAX || spec->slot >= box->slots || spec_validate(spec))
		return -EINVAL;
	if (box->use[spec->slot].busy)
		return -EBUSY;
	r = spec_encode(spec, &bytes, &size);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n_fds; i++)
		packet.fds[i] = fds[i];
	r = send_spawn(box, id, bytes, size, &packet);
	if (r < 0)
		return r;
	box->use[spec->slot] = (struct slot_use){ .busy = true, .id = id };
	return 0;
}

int box_kill(struct box *box, uint64_t id, uint64_t grace_us)
{
	struct proto_head head = {
		.magic = PROTO_MAGIC, .kind = PROTO_KILL, .id = id, .argument = grace_us
	};
	struct fds_packet packet = { .iov[0] = { .iov_base = &head, .iov_len = sizeof(head) },
				     .n_iov = 1 };

	return send_packet(box, &packet);
}

static void release_slot(struct box *box, uint64_t id)
{
	for (unsigned i = 0; i < box->slots; i++)
		if (box->use[i].busy && box->use[i].id == id) {
			box->use[i].busy = false;
			return;
		}
}

int box_receive(struct box *box, struct box_result *ret_result)
{
	struct proto_result packet;
	ssize_t n;

	do
		n = recv(box->fd, &packet, sizeof(packet), MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	if (n != (ssize_t)sizeof(packet) || packet.head.magic != PROTO_MAGIC ||
	    packet.head.kind != PROTO_RESULT)
		return -EPIPE;
	release_slot(box, packet.result.id);
	*ret_result = packet.result;
	return 1;
}
