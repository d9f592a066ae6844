// SPDX-License-Identifier: Apache-2.0
/*
 * serve.c - the keeper's loop: requests in, children's deaths in, results out. Single-threaded;
 * blocks only in epoll.
 *
 * Invariants: never waits for the owner (a result that does not fit into the socket stays in its
 * slot); every child is reaped here and nowhere else; when serve_run returns nothing it started
 * lives.
 */
#include "sandbox/serve.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "sandbox/fds.h"
#include "sandbox/proto.h"
#include "sandbox/slot.h"
#include "sandbox/spec.h"
#include "sandbox/util.h"

enum { EVENTS = 64, EXIT_BROKEN = 1 };

/* What an epoll event is about: the zygote of the slot with this number, or one of these. */
enum { TAG_OWNER = SPEC_SLOTS_MAX, TAG_SIGNAL };

struct keeper {
	struct slot_shared shared;
	struct slot *slots;
	unsigned n_slots;
	int signal_fd;
	bool owner_gone;
	bool owner_full; /* results wait for room */
};

static int add_fd(struct keeper *k, int fd, uint32_t tag)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = tag };

	return epoll_ctl(k->shared.epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* False: the owner does not keep to the protocol. */
static bool on_spawn(struct keeper *k, const struct proto_head *head, struct fds_packet *packet)
{
	struct spec_store store = { 0 };
	struct proto_spec spec;
	bool good;

	if (proto_open_spec(head, packet, &spec) < 0)
		return false;
	good = spec_decode(spec.bytes, head->argument, &store) == 0 &&
	       store.spec.slot < k->n_slots && k->slots[store.spec.slot].state == SLOT_IDLE;
	if (good) {
		spec_defaults(&store.spec);
		slot_start(&k->slots[store.spec.slot], head->id, &store.spec, packet);
	}
	spec_done(&store);
	proto_close_spec(&spec);
	return good;
}

static void on_kill(struct keeper *k, const struct proto_head *head)
{
	for (unsigned i = 0; i < k->n_slots; i++)
		if (k->slots[i].id == head->id)
			slot_kill(&k->slots[i], head->argument);
}

/* One packet of the owner. False: there was none, or the owner is gone. */
static bool owner_packet(struct keeper *k)
{
	static unsigned char buffer[PROTO_INLINE_MAX];
	struct proto_head head;
	struct fds_packet packet;
	int r = proto_receive(PROTO_FD, MSG_DONTWAIT, &head, buffer, &packet);
	bool good = true;

	if (r == -EAGAIN)
		return false;
	if (r == 1 && head.kind == PROTO_KILL)
		on_kill(k, &head);
	else
		good = r == 1 && head.kind == PROTO_SPAWN && on_spawn(k, &head, &packet);
	if (r == 1)
		fds_close(packet.fds, packet.n_fds);
	if (!good && r != 0 && r != -ECONNRESET)
		dprintf(2, "paddock-box: bad packet from the owner; ending\n");
	k->owner_gone = !good;
	return good;
}

static void send_results(struct keeper *k)
{
	struct proto_result packet = { .head = { .magic = PROTO_MAGIC, .kind = PROTO_RESULT } };
	bool full = false;

	for (unsigned i = 0; i < k->n_slots && !full; i++) {
		struct slot *slot = &k->slots[i];

		if (slot->state != SLOT_OVER)
			continue;
		packet.head.id = slot->id;
		packet.result = slot->result;
		if (send(PROTO_FD, &packet, sizeof(packet), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			slot->state = SLOT_IDLE;
		else if (errno == EAGAIN || errno == ENOBUFS)
			full = true;
		else
			k->owner_gone = true, full = true;
	}
	if (full != k->owner_full) {
		struct epoll_event event = { .events = EPOLLIN | (full ? EPOLLOUT : 0),
					     .data.u32 = TAG_OWNER };

		k->owner_full = full;
		(void)epoll_ctl(k->shared.epoll_fd, EPOLL_CTL_MOD, PROTO_FD, &event);
	}
}

static void reap(struct keeper *k)
{
	struct signalfd_siginfo info;
	int status;
	pid_t pid;

	while (read(k->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (unsigned i = 0; i < k->n_slots; i++)
			if (slot_child_died(&k->slots[i], pid, status))
				break;
}

static int timeout_ms(const struct keeper *k, uint64_t now_us)
{
	uint64_t due = UINT64_MAX;

	for (unsigned i = 0; i < k->n_slots; i++)
		if (k->slots[i].state == SLOT_RUNNING && k->slots[i].watch.due_us < due)
			due = k->slots[i].watch.due_us;
	if (due == UINT64_MAX)
		return -1;
	if (due <= now_us)
		return 0;
	return (due - now_us) / 1000 >= INT_MAX / 2 ? INT_MAX / 2
						    : (int)((due - now_us + 999) / 1000);
}

static void handle(struct keeper *k, const struct epoll_event *event)
{
	uint32_t tag = event->data.u32;

	if (tag == TAG_SIGNAL) {
		reap(k);
	} else if (tag == TAG_OWNER) {
		while (!k->owner_gone && owner_packet(k))
			;
	} else {
		BOX_ASSERT(tag < k->n_slots);
		slot_zygote_spoke(&k->slots[tag]);
	}
}

static void loop(struct keeper *k)
{
	while (!k->owner_gone) {
		struct epoll_event events[EVENTS];
		int n = epoll_wait(k->shared.epoll_fd, events, EVENTS,
				   timeout_ms(k, util_now_us()));
		uint64_t now_us;

		for (int i = 0; i < n; i++)
			handle(k, &events[i]);
		now_us = util_now_us();
		for (unsigned i = 0; i < k->n_slots; i++)
			slot_tick(&k->slots[i], now_us);
		send_results(k);
	}
}

const char *serve_build(void)
{
	return PADDOCK_BUILD_ID;
}

static int say_hello(void)
{
	struct proto_hello hello = { .head = { .magic = PROTO_MAGIC, .kind = PROTO_HELLO },
				     .result_size = sizeof(struct box_result),
				     .build = PADDOCK_BUILD_ID };

	return send(PROTO_FD, &hello, sizeof(hello), MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* A clean start whatever the owner had: own session (its terminal's Ctrl-C is not for us), default
 * signals. */
static void detach(void)
{
	static const unsigned char by_default[64];
	sigset_t blocked;

	setsid();
	/* By system call: libc keeps its own two from us, which posix_spawn has left ignored. */
	for (int i = 1; i <= SIGRTMAX; i++)
		syscall(SYS_rt_sigaction, i, by_default, NULL, 8);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGCHLD);
	sigprocmask(SIG_SETMASK, &blocked, NULL);
}

static int start(struct keeper *k)
{
	sigset_t child;
	int null_fd;
	int r = fds_reserve(&null_fd);

	if (r == 0)
		r = zygote_host_init(&k->shared.host, null_fd);
	for (unsigned i = 0; i < k->n_slots && r == 0; i++)
		r = slot_init(&k->slots[i], i, &k->shared);
	if (r < 0)
		return r;
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	k->signal_fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	k->shared.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (k->signal_fd < 0 || k->shared.epoll_fd < 0)
		return -errno;
	if (fcntl(PROTO_FD, F_SETFD, FD_CLOEXEC) < 0)
		return -errno;
	r = add_fd(k, k->signal_fd, TAG_SIGNAL);
	if (r == 0)
		r = add_fd(k, PROTO_FD, TAG_OWNER);
	return r < 0 ? r : say_hello();
}

/* Everything dies: inits by signal, bare runs by their zygote's socket; then the groups can go. */
static void stop(struct keeper *k)
{
	for (unsigned i = 0; i < k->n_slots; i++)
		slot_shutdown(&k->slots[i]);
	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, 0);

		if (pid < 0 && errno == ECHILD)
			break;
		/* An init cloned while we were stopping: its slot knows it only now. */
		for (unsigned i = 0; i < k->n_slots; i++)
			slot_shutdown(&k->slots[i]);
	}
	for (unsigned i = 0; i < k->n_slots; i++)
		cg_slot_free(k->slots[i].cg);
	cg_close(k->shared.cg);
	for (int i = 0; i < BOX_LEVEL_MAX; i++)
		filter_done(&k->shared.host.filters[i]);
}

int serve_run(unsigned slots, bool on_demand)
{
	struct keeper k = { .n_slots = slots, .shared.epoll_fd = -1, .signal_fd = -1 };
	int r;

	k.shared.cg_on_demand = on_demand;
	k.slots = calloc(slots, sizeof(*k.slots));
	if (!k.slots)
		return EXIT_BROKEN;
	detach();
	r = start(&k);
	if (r < 0) {
		dprintf(2, "paddock-box: start the keeper: %s\n", strerror(-r));
		free(k.slots);
		return EXIT_BROKEN;
	}
	loop(&k);
	stop(&k);
	free(k.slots);
	return 0;
}
