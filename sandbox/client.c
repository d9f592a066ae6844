// SPDX-License-Identifier: Apache-2.0
/*
 * client.c - the owner's side of the keeper: start it, hand it specs, encoded, and fds, take
 * results.
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

#include "sandbox/proto.h"
#include "sandbox/util.h"

enum { HELLO_TIMEOUT_MS = 10000 };

struct box {
	int fd;
	pid_t keeper;
	unsigned slots;
	struct proto_packet packet; /* being sent */
	bool busy[];		    /* by slot */
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
static int spawn_keeper(const char *program, struct box *box, int socket_fd)
{
	char count[16];
	char *argv[] = { (char *)program, (char *)"--serve", (char *)"--slots", count, NULL };
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

static int open_keeper(struct box *box, const char *program, struct box_error *err)
{
	AUTO_CLOSE int theirs = -1;
	struct proto_hello hello;
	int pair[2] = { -1, -1 }, r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0)
		theirs = fcntl(pair[1], F_DUPFD_CLOEXEC, PROTO_FD + 1);
	r = theirs < 0 ? -errno : 0;
	util_close(&pair[1]);
	box->fd = pair[0];
	if (r < 0)
		return fail(err, r, "make a socket for the keeper", program,
			    "raise the limit of open files");
	r = spawn_keeper(program, box, theirs);
	if (r < 0)
		return fail(err, r, "start the keeper", program,
			    "install paddock-box next to this program");
	util_close(&theirs);
	r = read_hello(box->fd, &hello);
	if (r < 0)
		return fail(err, r, "hear from the keeper", program,
			    "run it with --probe to see why");
	return check_hello(&hello, program, err);
}

int box_open(const char *program, unsigned slots, struct box **ret_box, struct box_error *err)
{
	struct box *box;
	int r;

	BOX_ASSERT(program && ret_box && err);
	if (slots == 0 || slots > SPEC_SLOTS_MAX)
		return fail(err, -EINVAL, "start the keeper", program, "ask for 1 to 1024 slots");
	box = calloc(1, sizeof(*box) + slots * sizeof(box->busy[0]));
	if (!box)
		return fail(err, -ENOMEM, "start the keeper", program, "free some memory");
	box->slots = slots;
	r = open_keeper(box, program, err);
	if (r < 0)
		box_close(box);
	else
		*ret_box = box;
	return r;
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

static void put_number(FILE *out, uint64_t value)
{
	fprintf(out, "%llu%c", (unsigned long long)value, '\0');
}

static void put_text(FILE *out, const char *text)
{
	fwrite(text, strlen(text) + 1, 1, out);
}

static void put_spec(FILE *out, const struct box_spec *spec)
{
	const char *const *const lists[] = { spec->argv, spec->envp };

	put_text(out, SPEC_MAGIC);
#define SPEC_NUMBER(field, type, max) put_number(out, (uint64_t)spec->field);
#define SPEC_TEXT(field, ok)	      put_text(out, spec->field ? spec->field : "");
#include "sandbox/spec.def"
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		put_number(out, spec_count(lists[i]));
		for (size_t j = 0; lists[i] && lists[i][j]; j++)
			put_text(out, lists[i][j]);
	}
	put_number(out, spec->n_binds);
	for (size_t i = 0; i < spec->n_binds; i++) {
		put_number(out, spec->binds[i].writable);
		put_text(out, spec->binds[i].path);
	}
}

int spec_encode(const struct box_spec *spec, void **ret_bytes, size_t *ret_size)
{
	char *bytes = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&bytes, &size);

	BOX_ASSERT(!spec_validate(spec));
	if (!out)
		return -ENOMEM;
	put_spec(out, spec);
	if (fclose(out) != 0 || size > BOX_SPEC_BYTES_MAX) {
		free(bytes);
		return size > BOX_SPEC_BYTES_MAX ? -E2BIG : -ENOMEM;
	}
	*ret_bytes = bytes;
	*ret_size = size;
	return 0;
}

int proto_encode(const struct box_spec *spec, uint64_t id, const int *fds, size_t n_fds,
		 int *ret_memfd, struct proto_packet *ret_packet)
{
	AUTO_FREE void *bytes = NULL;
	size_t size;
	int r = spec_encode(spec, &bytes, &size);

	BOX_ASSERT(n_fds <= BOX_FDS_MAX);
	if (r < 0)
		return r;
	*ret_memfd = memfd_create("box-spec", MFD_CLOEXEC);
	if (*ret_memfd < 0 || write(*ret_memfd, bytes, size) != (ssize_t)size)
		return errno ? -errno : -ENOSPC;
	ret_packet->head = (struct proto_head){ PROTO_MAGIC, PROTO_SPAWN, id, size };
	for (size_t i = 0; i < n_fds; i++)
		ret_packet->fds[i] = fds[i];
	ret_packet->fds[n_fds] = *ret_memfd;
	ret_packet->n_fds = n_fds + 1;
	return 0;
}

int box_spawn(struct box *box, uint64_t id, const struct box_spec *spec, const int *fds,
	      size_t n_fds)
{
	AUTO_CLOSE int memfd = -1;
	int r;

	BOX_ASSERT(box && spec);
	if (n_fds > BOX_FDS_MAX || spec->slot >= box->slots || spec_validate(spec))
		return -EINVAL;
	if (box->busy[spec->slot])
		return -EBUSY;
	r = proto_encode(spec, id, fds, n_fds, &memfd, &box->packet);
	if (r == 0)
		r = proto_send(box->fd, 0, &box->packet);
	box->busy[spec->slot] = r == 0;
	return r;
}

int box_kill(struct box *box, uint64_t id, uint64_t grace_us)
{
	return proto_tell(box->fd, 0, PROTO_KILL, id, grace_us);
}

static bool ends(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

/* Whether a record can be used as box.h says: names in their ranges, strings that end, and truths
 * that are 0 or 1. */
static bool is_record(const struct box_result *r)
{
	if ((unsigned)r->cause >= BOX_CAUSE_MAX || *(const unsigned char *)&r->oom > 1 ||
	    *(const unsigned char *)&r->pids_limit > 1 ||
	    !ends(r->setup_step, sizeof(r->setup_step)) ||
	    !ends(r->setup_object, sizeof(r->setup_object)) ||
	    !ends(r->degraded, sizeof(r->degraded)))
		return false;
	for (size_t i = 0; i < BOX_REFUSALS_MAX && r->refusals[i].count; i++)
		if (!ends(r->refusals[i].call, sizeof(r->refusals[i].call)) ||
		    (unsigned)r->refusals[i].grant > BOX_GRANT_ALL ||
		    (unsigned)r->refusals[i].level >= BOX_LEVEL_MAX)
			return false;
	return true;
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
	    packet.head.kind != PROTO_RESULT || packet.result.slot >= box->slots ||
	    !box->busy[packet.result.slot] || !is_record(&packet.result))
		return -EPIPE;
	box->busy[packet.result.slot] = false;
	*ret_result = packet.result;
	return 1;
}
