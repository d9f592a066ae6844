// SPDX-License-Identifier: Apache-2.0
/*
 * slot.c - the keeper's side of one slot.
 *
 * A sandboxed run is over when its init, our child, was reaped: then nothing of it lives. A bare
 * run is over when its zygote says so, or died. Of a run that failed before it had an init the
 * zygote's death tells.
 *
 * Invariants: one run at a time; every accepted run becomes OVER exactly once; signals go only to
 * children that were not reaped yet, so no pid is ever stale.
 */
#include "sandbox/slot.h"

#include <limits.h>
#include <signal.h>
#include <sys/socket.h>

#include "sandbox/filter.h"
#include "sandbox/layout.h"
#include "sandbox/util.h"

enum {
	RETRY_US = 1000,
	CLEAR_BYTES = 256 << 10, /* so much of a run's files may count as the next one's memory */
};

int slot_init(struct slot *slot, unsigned number, struct slot_shared *shared)
{
	*slot = (struct slot){ .number = number, .shared = shared, .sock = -1, .requests = -1 };
	slot->slate = slate_new();
	return slot->slate ? 0 : -ENOMEM;
}

/* Gathers what is known and closes the run. */
static void finish(struct slot *slot, int init_status)
{
	struct slate *slate = slot->slate;
	struct cg_slot_usage usage = { 0 };

	BOX_ASSERT(slot->state == SLOT_RUNNING);
	/* Nobody had the request. What stood in the way is this host's, unless it passes. */
	if (!slate->step[0] && slot->birth) {
		*slate = *slot->birth;
		slate->refused = slate->error && slate->error != EAGAIN && slate->error != ENOMEM;
	}
	if (slot->armed)
		cg_slot_read(slot->cg, &usage);
	if (!slate->end_us) {
		slate->end_us = util_now_us();
		slate->status = init_status;
	}
	watch_record(&slot->watch, slate, &usage, &slot->result);
	for (size_t i = 0; i < BOX_REFUSALS_MAX && slate->calls[i].count; i++)
		filter_describe(slate->calls[i].rule, slate->calls[i].count,
				&slot->result.refusals[i]);
	slot->state = slot->stale && slate->scratch_bytes > CLEAR_BYTES ? SLOT_CLEARING : SLOT_OVER;
}

/* Ends a run before it began. */
static void fail(struct slot *slot, const char *step, const char *object, int error, bool refused)
{
	slate_at(slot->slate, step, object);
	slate_fail(slot->slate, error);
	slot->slate->refused = refused;
	finish(slot, 0);
}

static int open_cg(struct slot *slot, const struct box_spec *spec)
{
	int r = 0;

	if (slot->cg)
		return 0;
	if (!slot->shared->cg)
		r = cg_open(!slot->shared->once || spec->cpuset, &slot->shared->cg);
	if (r == 0)
		r = cg_slot_new(slot->shared->cg, slot->number, slot->shared->once, &slot->cg);
	slot->kind = UINT_MAX; /* a zygote from before, and its init, are outside */
	return r;
}

/* Limits and accounting. A limit that cannot be promised is dropped and named, or the run is
 * refused: false. */
static bool arm(struct slot *slot, const struct box_spec *spec)
{
	const struct {
		const char *name;
		uint64_t value; /* changes with the limit; 0: none */
		enum cg_controller controller;
		int (*set)(struct cg_slot *slot, const struct box_spec *spec);
	} limits[SLOT_LIMITS] = {
		{ "memory", spec->memory_bytes, CG_MEMORY, cg_slot_memory },
		{ "cpu", spec->cpu_milli, CG_CPU, cg_slot_cpu },
		{ "cpu-weight", spec->cpu_weight, CG_CPU, cg_slot_cpu_weight },
		{ "cpu-time", spec->cpu_us, CG_CPUACCT, NULL },
		{ "cpus", spec->cpuset ? slot->watch.asked_us : 0, CG_CPUSET, cg_slot_cpuset },
		{ "pids", slot->off ? 0 : spec->pids, CG_PIDS, cg_slot_pids },
	};
	static const struct cg_hierarchy none;
	bool needed = !slot->shared->once;
	char *degraded = slot->result.degraded;
	size_t used = 0;
	int opened;

	slot->armed = false;
	for (int i = 0; limits[i].controller != CG_PIDS; i++)
		needed = needed || limits[i].value;
	if (!needed)
		return true;
	opened = open_cg(slot, spec);
	for (int i = 0; i < SLOT_LIMITS; i++) {
		const struct cg_hierarchy *in = opened < 0 ? &none
							   : cg_in(slot->shared->cg,
								   limits[i].controller);
		int r = in->version ? 0 : opened < 0 ? opened : -EOPNOTSUPP;

		if (r == 0 && limits[i].set && limits[i].value != slot->limits[i]) {
			r = limits[i].set(slot->cg, spec);
			slot->limits[i] = r < 0 ? UINT64_MAX : limits[i].value;
		}
		/* Without a group the payload's user namespace limits its processes. What was set
		 * must go. */
		if (r == 0 || (!limits[i].value && !slot->limits[i]) ||
		    (limits[i].controller == CG_PIDS && !in->version))
			continue;
		if (!spec->best_effort && !slot->off) {
			fail(slot, "cgroup", in->why[0] ? in->why : limits[i].name, r, true);
			return false;
		}
		util_print(degraded + used, sizeof(slot->result.degraded) - used, "%s%s",
			   used ? "," : "", limits[i].name);
		used = strlen(degraded);
		if (limits[i].controller == CG_CPUACCT)
			slot->watch.cpu_due_us = UINT64_MAX;
	}
	if (opened == 0)
		cg_slot_arm(slot->cg);
	slot->armed = opened == 0;
	return true;
}

/* Lets the zygote go; it and an init without a request end with their sockets, and are reaped
 * whenever they do. */
static void drop_zygote(struct slot *slot)
{
	util_close(&slot->sock);
	util_close(&slot->requests);
	slate_free(slot->birth);
	slot->birth = NULL;
	slot->zygote = 0;
	if (slot->state == SLOT_CLEARING)
		slot->state = SLOT_OVER;
}

/* A request to who serves it, whom a new zygote has to make first. 0 or -errno. */
static int give(struct slot *slot, const struct proto_packet *packet, bool new)
{
	int r = proto_send(slot->off ? slot->sock : slot->requests, 0, packet);

	/* Last: who fails at once takes no more. */
	if (r == 0 && new && !slot->off)
		r = proto_tell(slot->sock, 0, PROTO_NEXT, packet->head.id, slot->scratch_bytes);
	return r;
}

/* A zygote for runs like this first one. Negative: -errno. */
static int start_zygote(struct slot *slot, const struct proto_packet *packet,
			const struct box_spec *spec)
{
	struct zygote_slot config = {
		.host = &slot->shared->host,
		.slate = slot->slate,
		.slot = slot->number,
		.like = spec,
		.count_processes = !slot->cg || !cg_in(slot->shared->cg, CG_PIDS)->version,
		.once = slot->shared->once,
	};
	/* One that stays, enters an ordinary user's namespace, or must be in a group before it
	 * begins, is forked. */
	bool moment = config.once && config.host->root && !slot->cg && !slot->off;
	int control[2] = { -1, -1 }, requests[2] = { -1, -1 }, r = 0;

	config.birth = slot->birth = slate_new();
	if (!slot->birth)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, requests) < 0)
		r = -errno;
	slot->sock = control[0];
	slot->requests = requests[0];
	if (r == 0 && moment)
		r = give(slot, packet, true);
	if (r == 0)
		r = slot->zygote = zygote_start(&config, moment, control[1], requests[1]);
	util_close(&control[1]);
	util_close(&requests[1]);
	if (r > 0 && slot->cg)
		r = cg_slot_attach(slot->cg, slot->zygote);
	return r < 0 || moment ? r : give(slot, packet, true);
}

/* Hands a request to the init that waits for one of this kind; without a zygote that makes such
 * ones it is started. Negative: -errno. */
static int hand_over(struct slot *slot, const struct proto_packet *packet,
		     const struct box_spec *spec)
{
	unsigned kind = slot->off ? 0 : (spec->grants & BOX_GRANT_DEVICES) | (1 + spec->network);
	int r = slot->zygote && slot->kind == kind ? give(slot, packet, false) : -EPIPE;

	/* There is none of this kind, or it has just died. */
	if (r < 0) {
		drop_zygote(slot);
		slot->kind = kind;
		r = start_zygote(slot, packet, spec);
	}
	if (r < 0)
		drop_zygote(slot);
	return r;
}

void slot_start(struct slot *slot, const struct proto_packet *packet, const struct box_spec *spec)
{
	int r;

	BOX_ASSERT(slot->state == SLOT_IDLE);
	slot->state = SLOT_RUNNING;
	slot->result = (struct box_result){ .id = packet->head.id, .slot = slot->number };
	slot->off = spec->level == BOX_LEVEL_OFF;
	slot->scratch_bytes = layout_scratch_bytes(spec);
	*slot->slate = (struct slate){ 0 };
	watch_start(&slot->watch, spec, util_now_us());
	if (!arm(slot, spec))
		return;
	r = hand_over(slot, packet, spec);
	if (r < 0)
		fail(slot, "zygote", "start", r, false);
}

bool slot_child_died(struct slot *slot, pid_t pid, int status)
{
	bool running = slot->state == SLOT_RUNNING, lost;

	if (slot->birth && slot->birth->init_pid == pid) {
		bool taken = running && slot->slate->step[0];

		slot->birth->init_pid = 0;
		slot->stale = taken && slot->zygote && !slot->shared->once;
		if (running)
			finish(slot, status);
		/* Nor shall another have the request it never had. */
		if (!taken)
			drop_zygote(slot);
		return true;
	}
	if (slot->zygote != pid)
		return false;
	/* Its last word may still be in the socket. */
	slot_zygote_spoke(slot);
	/* That may have been the end of the run. */
	lost = slot->state == SLOT_RUNNING && (slot->off || !slot->birth->init_pid);
	if (lost && slot->birth->error)
		finish(slot, 0);
	else if (lost)
		fail(slot, "zygote", "died", -ECHILD, false);
	/* An init that lives needs its slate, and until it has its own life, it takes the end of
	 * these sockets for ours. */
	if (slot->shared->once || slot->state == SLOT_RUNNING)
		slot->zygote = 0;
	else
		drop_zygote(slot);
	return true;
}

void slot_zygote_spoke(struct slot *slot)
{
	struct proto_head head;
	ssize_t n = slot->sock < 0 ? -1 : recv(slot->sock, &head, sizeof(head), MSG_DONTWAIT);

	/* The end of the socket: it is about to be reaped. The pid stays until then. */
	if (n == 0)
		util_close(&slot->sock);
	if (n != (ssize_t)sizeof(head) || head.id != slot->result.id)
		return;
	if (slot->state == SLOT_RUNNING)
		finish(slot, 0);
	else if (slot->state == SLOT_CLEARING)
		slot->state = SLOT_OVER;
}

void slot_refresh(struct slot *slot)
{
	/* If it cannot be told it is about to die, and its death ends the state. */
	if (slot->stale && slot->sock >= 0)
		(void)proto_tell(slot->sock, MSG_DONTWAIT,
				 slot->state == SLOT_CLEARING ? PROTO_CLEAR : PROTO_NEXT,
				 slot->result.id, slot->scratch_bytes);
	slot->stale = false;
}

/* The payload is the first child of init; its group gets the signal. */
static void term_boxed(pid_t init)
{
	char text[64];
	const char *at = text;
	uint64_t pid;

	if (util_read_file(text, sizeof(text), "/proc/%d/task/%d/children", (int)init, (int)init) >
		    0 &&
	    util_next_number(&at, &pid) && pid > 1)
		kill(-(pid_t)pid, SIGTERM);
}

static void act(struct slot *slot, enum watch_action action, uint64_t now_us)
{
	pid_t init = slot->birth ? slot->birth->init_pid : 0;

	if (action == WATCH_WAIT)
		return;
	if (slot->off) {
		/* A zygote that is gone is reaped soon; one that is full has the word already. */
		(void)proto_tell(slot->sock, MSG_DONTWAIT, PROTO_KILL, 0,
				 action == WATCH_TERM ? SIGTERM : SIGKILL);
	} else if (init && action == WATCH_TERM) {
		term_boxed(init);
	} else if (init) {
		/* All end with it, once it has its turn among them. */
		(void)setpriority(PRIO_PROCESS, (id_t)init, -20);
		kill(init, SIGKILL);
	} else if (action == WATCH_KILL) {
		/* The zygote is still on its way to clone: once more in a moment. */
		slot->watch.stage = WATCH_TERMED;
		slot->watch.due_us = now_us + RETRY_US;
	}
}

void slot_tick(struct slot *slot, uint64_t now_us)
{
	/* What set-up takes is counted, but does not end it. */
	if (slot->state == SLOT_RUNNING && now_us >= slot->watch.cpu_due_us)
		watch_cpu(&slot->watch, now_us,
			  slot->slate->start_us ? cg_slot_cpu_us(slot->cg) : 0,
			  (uint64_t)sysconf(_SC_NPROCESSORS_ONLN));
	if (slot->state == SLOT_RUNNING)
		act(slot, watch_tick(&slot->watch, now_us, slot->slate->start_us), now_us);
}

void slot_kill(struct slot *slot, uint64_t grace_us)
{
	uint64_t now_us = util_now_us();

	if (slot->state == SLOT_RUNNING)
		watch_ask(&slot->watch, now_us, grace_us);
	slot_tick(slot, now_us);
}

void slot_shutdown(struct slot *slot)
{
	if (slot->state == SLOT_RUNNING && slot->birth && slot->birth->init_pid)
		kill(slot->birth->init_pid, SIGKILL);
	util_close(&slot->sock);
	util_close(&slot->requests);
}
