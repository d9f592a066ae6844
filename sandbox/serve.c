// SPDX-License-Identifier: Apache-2.0
/*
 * serve.c - the keeper's loop: requests in, children's deaths in, results out. Single-threaded;
 * blocks only in poll.
 *
 * Invariants: never waits for the owner (a result that does not fit into the socket stays in its
 * slot); every child is reaped here and nowhere else; when serve_run returns nothing it started
 * lives.
 */
#include "sandbox/serve.h"

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "sandbox/proto.h"
#include "sandbox/relay.h"
#include "sandbox/slot.h"
#include "sandbox/util.h"

/* What is waited for; from POLL_SLOTS on the zygote of each slot. */
enum { POLL_SIGNAL, POLL_OWNER, POLL_SLOTS };

struct keeper {
	struct slot_shared shared;
	struct slot *slots;
	unsigned n_slots;
	struct pollfd polled[POLL_SLOTS + SPEC_SLOTS_MAX];
	int signal_fd;	     /* SIGCHLD; without an owner those of a person at a terminal, too */
	int owner_fd;	     /* -1: there is none */
	struct relay *relay; /* of a one-shot run; NULL: none */
	bool owner_gone;
	bool owner_full; /* results wait for room */
};

/* False: the owner does not keep to the protocol. */
static bool on_spawn(struct keeper *k, const struct proto_packet *packet)
{
	struct spec_store store = { 0 };
	bool good = proto_decode(packet, &store) == 0 && store.spec.slot < k->n_slots &&
		    k->slots[store.spec.slot].state == SLOT_IDLE;

	if (good)
		slot_start(&k->slots[store.spec.slot], packet, &store.spec);
	spec_done(&store);
	return good;
}

/* One packet of the owner. False: there was none, or the owner is gone. */
static bool owner_packet(struct keeper *k)
{
	static struct proto_packet packet;
	int r = proto_receive(PROTO_FD, MSG_DONTWAIT, &packet);
	bool is_kill = r == 1 && packet.head.kind == PROTO_KILL;
	bool good = is_kill || (r == 1 && packet.head.kind == PROTO_SPAWN && on_spawn(k, &packet));

	if (r == -EAGAIN)
		return false;
	for (unsigned i = 0; is_kill && i < k->n_slots; i++)
		if (k->slots[i].result.id == packet.head.id)
			slot_kill(&k->slots[i], packet.head.argument);
	if (r == 1)
		proto_close(&packet);
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
		packet.head.id = slot->result.id;
		packet.result = slot->result;
		if (send(PROTO_FD, &packet, sizeof(packet), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			slot->state = SLOT_IDLE;
		else if (errno == EAGAIN || errno == ENOBUFS)
			full = true;
		else
			k->owner_gone = full = true;
	}
	k->owner_full = full;
}

static void bury(struct keeper *k, pid_t pid, int status)
{
	for (unsigned i = 0; i < k->n_slots; i++)
		if (slot_child_died(&k->slots[i], pid, status))
			return;
}

/* Ctrl-C and friends end a one-shot run, with its grace; a second one at once. */
static void on_signals(struct keeper *k)
{
	struct signalfd_siginfo info;
	int status;
	pid_t pid;

	while (read(k->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		if (info.ssi_signo != SIGCHLD && info.ssi_signo != SIGPIPE)
			slot_kill(k->slots,
				  k->slots->watch.stage == WATCH_RUNNING ? UINT64_MAX : 0);
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		bury(k, pid, status);
}

/* A descriptor for our children's ends; without an owner also for what a terminal sends, and for
 * SIGPIPE, of which the write tells as well. */
static int open_signals(bool once)
{
	static const int numbers[] = { SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE };
	sigset_t set;
	int fd;

	sigemptyset(&set);
	for (size_t i = 0; i < (once ? ARRAY_LEN(numbers) : 1); i++)
		sigaddset(&set, numbers[i]);
	sigprocmask(SIG_SETMASK, &set, NULL);
	/* Whoever ignores the end of its children cannot wait for them. */
	sigaction(SIGCHLD, &(const struct sigaction){ .sa_handler = SIG_DFL }, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

static int timeout_ms(const struct keeper *k, uint64_t now_us)
{
	uint64_t due = UINT64_MAX;

	for (unsigned i = 0; i < k->n_slots; i++) {
		const struct watch *w = &k->slots[i].watch;
		uint64_t first = w->cpu_due_us < w->due_us ? w->cpu_due_us : w->due_us;

		if (k->slots[i].state == SLOT_RUNNING && first < due)
			due = first;
	}
	if (due <= now_us)
		return 0;
	if (due == UINT64_MAX)
		return -1;
	due = (due - now_us + 999) / 1000;
	return due < INT_MAX ? (int)due : INT_MAX;
}

static void await(struct keeper *k)
{
	struct pollfd *polled = k->polled;
	nfds_t n = POLL_SLOTS + k->n_slots, all;
	short wanted = k->owner_full ? POLLIN | POLLOUT : POLLIN;

	polled[POLL_SIGNAL] = (struct pollfd){ .fd = k->signal_fd, .events = POLLIN };
	polled[POLL_OWNER] = (struct pollfd){ .fd = k->owner_fd, .events = wanted };
	for (unsigned i = 0; i < k->n_slots; i++)
		polled[POLL_SLOTS + i] = (struct pollfd){ .fd = k->slots[i].sock,
							  .events = POLLIN };
	all = n + relay_await(k->relay, polled + n);
	if (poll(polled, all, timeout_ms(k, util_now_us())) <= 0)
		return;
	relay_move(k->relay, polled + n);
	if (polled[POLL_SIGNAL].revents)
		on_signals(k);
	while (polled[POLL_OWNER].revents && !k->owner_gone && owner_packet(k))
		;
	for (unsigned i = 0; i < k->n_slots; i++)
		if (polled[POLL_SLOTS + i].revents)
			slot_zygote_spoke(&k->slots[i]);
}

/* A clean start whatever the owner had: own session (its terminal's Ctrl-C is not for us), default
 * signals. */
static void detach(void)
{
	static const unsigned char by_default[64];

	setsid();
	/* By system call: libc keeps its own two from us, which posix_spawn has left ignored. */
	for (int i = 1; i <= SIGRTMAX; i++)
		syscall(SYS_rt_sigaction, i, by_default, NULL, 8);
}

/* Makes 0..PROTO_NULL_FD open, on /dev/null where they were not; the last one always. */
static int reserve_fds(void)
{
	int fd;

	do
		fd = util_open(O_RDWR, "/dev/null");
	while (fd >= 0 && fd < PROTO_NULL_FD);
	if (fd <= PROTO_NULL_FD)
		return fd < 0 ? fd : 0;
	if (dup3(fd, PROTO_NULL_FD, O_CLOEXEC) < 0)
		return -errno;
	close(fd);
	return 0;
}

static int start(struct keeper *k)
{
	int r = reserve_fds();

	if (r == 0)
		r = host_init(&k->shared.host);
	for (unsigned i = 0; i < k->n_slots && r == 0; i++)
		r = slot_init(&k->slots[i], i, &k->shared);
	if (r < 0)
		return r;
	k->signal_fd = open_signals(k->shared.once != NULL);
	return k->signal_fd < 0 ? k->signal_fd : 0;
}

/* Everything dies: inits by signal, bare runs by their zygote's socket; then the groups can go. */
static void stop(struct keeper *k)
{
	int status;
	pid_t pid;

	/* Again after every death: a slot may know only now of an init cloned while we were
	 * stopping. What was reaped is told, so that its pid is not killed again. */
	do {
		for (unsigned i = 0; i < k->n_slots; i++)
			slot_shutdown(&k->slots[i]);
		pid = waitpid(-1, &status, 0);
		if (pid > 0)
			bury(k, pid, status);
	} while (pid > 0 || errno != ECHILD);
	for (unsigned i = 0; i < k->n_slots; i++)
		cg_slot_free(k->slots[i].cg);
	cg_close(k->shared.cg);
}

static void turn(struct keeper *k)
{
	await(k);
	for (unsigned i = 0; i < k->n_slots; i++)
		slot_tick(&k->slots[i], util_now_us());
}

int serve_run(unsigned slots)
{
	AUTO_FREE struct slot *all = calloc(slots, sizeof(*all));
	struct keeper k = { .n_slots = slots, .slots = all, .owner_fd = PROTO_FD };
	const struct proto_hello hello = { .head = { .magic = PROTO_MAGIC, .kind = PROTO_HELLO },
					   .result_size = sizeof(struct box_result),
					   .build = PADDOCK_BUILD_ID };
	int r = -ENOMEM;

	BOX_ASSERT(slots <= SPEC_SLOTS_MAX);
	detach();
	if (all)
		r = start(&k);
	if (r == 0 && send(PROTO_FD, &hello, sizeof(hello), MSG_NOSIGNAL) < 0)
		r = -errno;
	if (r < 0) {
		dprintf(2, "paddock-box: start the keeper: %s\n", strerror(-r));
		return EXIT_FAILURE;
	}
	while (!k.owner_gone) {
		turn(&k);
		send_results(&k);
		for (unsigned i = 0; i < slots; i++)
			slot_refresh(&k.slots[i]);
	}
	stop(&k);
	return 0;
}

int serve_once(const struct box_spec *spec, uint64_t output_bytes, struct box_result *ret_result)
{
	static struct relay relay;
	struct proto_packet packet = { .head = { .magic = PROTO_MAGIC, .kind = PROTO_SPAWN } };
	struct box_spec full = *spec;
	struct slot slot = { 0 };
	struct keeper k = { .shared.once = &full, .slots = &slot, .n_slots = 1, .owner_fd = -1 };
	int r = start(&k);

	for (int i = 0; i < 3 && r == 0; i++) {
		packet.fds[packet.n_fds++] = fcntl(i, F_DUPFD_CLOEXEC, PROTO_NULL_FD);
		r = packet.fds[i] < 0 ? -errno : 0;
	}
	if (r == 0 && output_bytes)
		r = relay_open(k.relay = &relay, output_bytes, packet.fds);
	if (r < 0)
		return r;
	spec_defaults(&full);
	slot_start(&slot, &packet, &full);
	while (slot.state != SLOT_OVER)
		turn(&k);
	*ret_result = slot.result;
	stop(&k);
	proto_close(&packet);
	relay_drain(k.relay);
	ret_result->dropped_bytes = relay.dropped_bytes;
	close(k.signal_fd);
	return 0;
}
