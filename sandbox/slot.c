// SPDX-License-Identifier: Apache-2.0
/*
 * slot.c - the keeper's side of one slot.
 *
 * A sandboxed run is over when its init, our child, was reaped: then nothing of it lives. A bare
 * run is over when its zygote says so, or died. A run that failed before it had an init is told by
 * the zygote too.
 *
 * Invariants: one run at a time; every accepted run becomes OVER exactly once; signals go only to
 * children that were not reaped yet, so no pid is ever stale.
 */
#include "sandbox/slot.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "sandbox/util.h"

enum { RETRY_US = 1000 };

int slot_init(struct slot *slot, unsigned number, struct slot_shared *shared)
{
	*slot = (struct slot){ .state = SLOT_IDLE, .number = number, .shared = shared, .sock = -1 };
	slot->slate = slate_new();
	return slot->slate ? 0 : -ENOMEM;
}

/* Gathers what is known and closes the run. */
static void finish(struct slot *slot, int init_status)
{
	struct cg_slot_usage usage = { 0 };

	BOX_ASSERT(slot->state == SLOT_RUNNING);
	if (slot->armed)
		cg_slot_read(slot->cg, &usage);
	struct watch_facts facts = {
		.slate = slot->slate,
		.watch = &slot->watch,
		.init_status = init_status,
		.oom = usage.oom,
		.pids_limit = usage.pids_limit,
		.cpu_us = usage.cpu_us,
		.peak_bytes = usage.peak_bytes,
		.asked_us = slot->asked_us,
		.now_us = util_now_us(),
		.degraded = slot->degraded,
	};

	watch_record(&facts, &slot->result);
	slot->result.id = slot->id;
	slot->state = SLOT_OVER;
}

/* Ends a run before it began. */
static void fail(struct slot *slot, enum slate_step step, const char *object, int error,
		 bool refused)
{
	slate_at(slot->slate, step, object);
	slate_fail(slot->slate, error);
	slot->slate->refused = refused;
	finish(slot, 0);
}

static int open_cg(struct slot *slot)
{
	int r = 0;

	if (!slot->shared->cg)
		r = cg_open(&slot->shared->cg);
	if (r == 0 && !slot->cg)
		r = cg_slot_new(slot->shared->cg, slot->number, &slot->cg);
	return r == 0 && slot->zygote ? cg_slot_attach(slot->cg, slot->zygote) : r;
}

static void degrade(struct slot *slot, const char *what)
{
	size_t used = strlen(slot->degraded);

	util_print(slot->degraded + used, sizeof(slot->degraded) - used, "%s%s", used ? "," : "",
		   what);
}

/* Whether `controller` can be promised; if not, either it is dropped and named, or the run is
 * refused. */
static bool promise(struct slot *slot, const struct box_spec *spec, enum cg_controller controller,
		    const char *name)
{
	if (slot->cg && cg_can(slot->shared->cg, controller))
		return true;
	if (spec->best_effort || slot->off) {
		degrade(slot, name);
		return true;
	}
	fail(slot, SLATE_CGROUP, slot->shared->cg ? cg_why(slot->shared->cg, controller) : name,
	     -EOPNOTSUPP, true);
	return false;
}

/* Limits and accounting. False: the run was refused. */
static bool arm(struct slot *slot, const struct box_spec *spec)
{
	const char *what = "";
	int r = 0;

	slot->armed = false;
	if (!slot->shared->cg_on_demand || spec->memory_bytes || spec->cpu_milli) {
		if (!slot->cg)
			r = open_cg(slot);
		if (r == 0)
			r = cg_slot_arm(slot->cg, spec->memory_bytes, slot->off ? 0 : spec->pids,
					spec->cpu_milli, &what);
		slot->armed = r == 0;
	}
	if (r < 0 && !spec->best_effort && (spec->memory_bytes || spec->cpu_milli) && !slot->off) {
		fail(slot, SLATE_CGROUP, what, r, true);
		return false;
	}
	if (spec->memory_bytes && !promise(slot, spec, CG_MEMORY, "memory"))
		return false;
	return !spec->cpu_milli || promise(slot, spec, CG_CPU, "cpu");
}

static bool counts_pids(const struct slot *slot)
{
	return slot->cg && cg_can(slot->shared->cg, CG_PIDS);
}

/* Lets the zygote go; it ends with its socket, and is reaped whenever it does. */
static void drop_zygote(struct slot *slot)
{
	util_close(&slot->sock);
	slot->zygote = 0;
}

/* The zygote for this kind of run, started when there is none. 0 or -errno. */
static int need_zygote(struct slot *slot)
{
	struct zygote_slot config = { .host = &slot->shared->host,
				      .slate = slot->slate,
				      .slot = slot->number,
				      .count_processes = !counts_pids(slot) };
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = slot->number };
	pid_t pid;

	if (slot->zygote && !slot->shared->host.root && slot->boxed == slot->off)
		drop_zygote(slot);
	if (slot->zygote)
		return 0;
	pid = zygote_start(&config, &slot->sock);
	if (pid < 0)
		return pid;
	slot->zygote = pid;
	slot->boxed = !slot->off;
	if (epoll_ctl(slot->shared->epoll_fd, EPOLL_CTL_ADD, slot->sock, &event) < 0)
		return -errno;
	return slot->cg ? cg_slot_attach(slot->cg, pid) : 0;
}

void slot_start(struct slot *slot, uint64_t id, const struct box_spec *spec,
		const struct fds_packet *packet)
{
	int r;

	BOX_ASSERT(slot->state == SLOT_IDLE);
	slot->state = SLOT_RUNNING;
	slot->id = id;
	slot->off = spec->level == BOX_LEVEL_OFF;
	slot->asked_us = util_now_us();
	slot->degraded[0] = '\0';
	slate_clear(slot->slate);
	watch_start(&slot->watch, spec, slot->asked_us);
	if (!arm(slot, spec))
		return;
	r = need_zygote(slot);
	if (r == 0)
		r = fds_send(slot->sock, packet, 0);
	if (r < 0)
		fail(slot, SLATE_ZYGOTE, "start", r, false);
}

bool slot_child_died(struct slot *slot, pid_t pid, int status)
{
	if (slot->state == SLOT_RUNNING && !slot->off && slot->slate->init_pid == pid) {
		finish(slot, status);
		return true;
	}
	if (slot->zygote != pid)
		return false;
	/* Its last word may still be in the socket. */
	slot_zygote_spoke(slot);
	drop_zygote(slot);
	if (slot->state == SLOT_RUNNING && (slot->off || !slot->slate->init_pid))
		fail(slot, SLATE_ZYGOTE, "died", -ECHILD, false);
	return true;
}

void slot_zygote_spoke(struct slot *slot)
{
	struct proto_head head;
	ssize_t n = slot->sock < 0 ? -1 : recv(slot->sock, &head, sizeof(head), MSG_DONTWAIT);

	/* The end of the socket: it is about to be reaped. The pid stays until then. */
	if (n == 0)
		util_close(&slot->sock);
	if (n == (ssize_t)sizeof(head) && slot->state == SLOT_RUNNING && head.id == slot->id)
		finish(slot, 0);
}

/* The payload is the first child of init; its group gets the signal. */
static void term_boxed(pid_t init)
{
	char path[64], text[64];
	const char *at = text;
	uint64_t pid;

	util_print(path, sizeof(path), "/proc/%d/task/%d/children", (int)init, (int)init);
	if (util_read_file(AT_FDCWD, path, text, sizeof(text)) > 0 && util_next_number(&at, &pid) &&
	    pid > 1)
		kill(-(pid_t)pid, SIGTERM);
}

static void tell_zygote(struct slot *slot, int signal_number)
{
	struct proto_head head = { .magic = PROTO_MAGIC,
				   .kind = PROTO_KILL,
				   .argument = (uint64_t)signal_number };

	/* A zygote that is gone is reaped soon; one that is full has the word already. */
	(void)!send(slot->sock, &head, sizeof(head), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void act(struct slot *slot, enum watch_action action, uint64_t now_us)
{
	pid_t init = slot->slate->init_pid;

	if (action == WATCH_WAIT)
		return;
	if (slot->off) {
		tell_zygote(slot, action == WATCH_TERM ? SIGTERM : SIGKILL);
	} else if (init && action == WATCH_TERM) {
		term_boxed(init);
	} else if (init) {
		kill(init, SIGKILL);
	} else if (action == WATCH_KILL) {
		/* The zygote is still on its way to clone: once more in a moment. */
		slot->watch.stage = WATCH_TERMED;
		slot->watch.due_us = now_us + RETRY_US;
	}
}

void slot_tick(struct slot *slot, uint64_t now_us)
{
	if (slot->state == SLOT_RUNNING)
		act(slot, watch_tick(&slot->watch, now_us, slot->slate->start_us), now_us);
}

void slot_kill(struct slot *slot, uint64_t grace_us)
{
	uint64_t now_us = util_now_us();

	if (slot->state != SLOT_RUNNING)
		return;
	watch_ask(&slot->watch, now_us, grace_us);
	slot_tick(slot, now_us);
}

void slot_shutdown(struct slot *slot)
{
	if (slot->state == SLOT_RUNNING && !slot->off && slot->slate->init_pid)
		kill(slot->slate->init_pid, SIGKILL);
	util_close(&slot->sock);
}
