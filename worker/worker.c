// SPDX-License-Identifier: Apache-2.0
/*
 * worker.c - puts the worker's parts together and ends them in order.
 *
 * Order matters: the keeper is started (slots_new) before the session opens a channel, because
 * channels start a thread. Signals: the first SIGTERM or SIGINT drains (no new orders, what runs
 * may end), the second kills what runs. An embedded worker leaves SIGINT to its parent, and ends at
 * once, with all that runs, when the parent is gone.
 */
#include "worker/worker.h"

#include "protocol/base/assert.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"
#include "protocol/base/loop.h"
#include "protocol/wire/chan.h"
#include "protocol/wire/identity.h"
#include "protocol/wire/outcome.h"
#include "protocol/wire/warrant.h"
#include "worker/session.h"
#include "worker/slots.h"
#include "worker/spool.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

struct worker {
	const struct worker_options *options;
	struct loop *loop;
	struct spool *spool;
	struct slots *slots;
	struct session *session;
	struct identity identity;
	struct warrant_trust trust;
	struct loop_timer *spool_timer;
	struct loop_signal *on_term, *on_int;
	struct loop_timer *drain_end;
	pid_t parent;
	unsigned signals;
	bool orphaned;
};

static void on_drain_end(void *data)
{
	struct worker *worker = data;
	LOG_WARN("drain_timeout", "what still runs is killed; it will run elsewhere");
	slots_cancel_all(worker->slots);
}

static void on_signal(void *data, int signum)
{
	struct worker *worker = data;
	if (worker->options->embedded && getppid() != worker->parent) {
		worker->orphaned = true;
		loop_stop(worker->loop);
		return;
	}
	if (worker->options->embedded && signum == SIGINT)
		return;
	if (worker->signals++) {
		slots_cancel_all(worker->slots);
		return;
	}
	session_drain(worker->session, signum == SIGINT ? "interrupted" : "told to end");
	if (worker->options->drain_us)
		loop_timer_set(worker->drain_end, worker->options->drain_us);
}

static void step(void *data)
{
	struct worker *worker = data;
	slots_step(worker->slots);
	uint64_t now_us = clock_mono_us();
	(void)spool_write(worker->spool,
			  now_us); /* it says itself what is wrong, and tries again */
	uint64_t at_us = spool_deadline_us(worker->spool);
	if (at_us == UINT64_MAX)
		loop_timer_stop(worker->spool_timer);
	else
		loop_timer_set(worker->spool_timer, at_us > now_us ? at_us - now_us : 0);
	session_step(worker->session);
}

static void on_spool_timer(void *data)
{
	(void)data; /* the step that follows looks at the clock */
}

/* The spool, on disk where a folder is given: DIR/spool/NAME. */
static int open_spool(struct worker *worker, struct err *err)
{
	char dir[PATH_MAX];
	const char *state = worker->options->state;
	worker->spool = spool_new(SPOOL_CAP_BYTES);
	if (!worker->spool)
		return err_set(err, -ENOMEM, "no memory for the spool");
	if (loop_timer_new(worker->loop, on_spool_timer, worker, &worker->spool_timer) < 0)
		return err_set(err, -ENOMEM, "no memory for the spool's timer");
	if (!state)
		return 0;
	if (snprintf(dir, sizeof(dir), "%s/spool", state) >= (int)sizeof(dir))
		return err_set(err, -ENAMETOOLONG, "the folder of --state has too long a name");
	return spool_keep(worker->spool, dir, worker->options->name, err);
}

static int check_address(const struct worker_options *options, struct err *err)
{
	int r = chan_address_check(options->coordinator, err);
	if (r < 0)
		return r;
	if (options->insecure && !chan_address_is_local(options->coordinator))
		return err_set(err, -EPERM,
			       "cannot use %s with --insecure: connections without keys are for "
			       "this machine only; leave --insecure out, and give --token FILE",
			       options->coordinator);
	return 0;
}

/* Its key, unless it does without, and whom it trusts. */
static int open_keys(struct worker *worker, struct err *err)
{
	const struct worker_options *options = worker->options;
	int r = options->insecure ? 0
				  : identity_open("worker", options->coordinator, options->token,
						  &worker->identity, err);
	return r == 0 && options->trust ? warrant_load(options->trust, &worker->trust, err) : r;
}

/* The parent may have died before the kernel was asked to tell: then it is another one already. */
static int bind_to_parent(struct worker *worker)
{
	worker->parent = getppid();
	if (!worker->options->embedded)
		return 0;
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0)
		return -errno;
	return getppid() == worker->parent && worker->parent != 1 ? 0 : -ESRCH;
}

static int build(struct worker *worker, struct err *err)
{
	const struct worker_options *options = worker->options;
	int r = loop_new(&worker->loop);
	if (r < 0)
		return err_errno(err, r, "cannot make the event loop");
	r = open_spool(worker, err);
	if (r < 0)
		return r;
	struct slots_options slots = {
		.loop = worker->loop,
		.spool = worker->spool,
		.n = options->slots,
		.worker = options->name,
		.box_program = options->box_program,
		.trust = options->trust ? &worker->trust : NULL,
		.cache_bytes = options->cache_bytes,
	};
	r = slots_new(&slots, &worker->slots, err);
	if (r < 0)
		return r;
	struct session_options session = {
		.loop = worker->loop,
		.slots = worker->slots,
		.spool = worker->spool,
		.coordinator = options->coordinator,
		.identity = options->insecure ? NULL : &worker->identity,
		.name = options->name,
		.tags = options->tags,
		.n_tags = options->n_tags,
	};
	r = session_new(&session, &worker->session, err);
	if (r < 0)
		return r;
	r = loop_signal_new(worker->loop, SIGTERM, on_signal, worker, &worker->on_term);
	r = r ? r : loop_signal_new(worker->loop, SIGINT, on_signal, worker, &worker->on_int);
	r = r ? r : loop_timer_new(worker->loop, on_drain_end, worker, &worker->drain_end);
	return r < 0 ? err_errno(err, r, "cannot take signals") : 0;
}

static void dismantle(struct worker *worker)
{
	loop_timer_free(worker->drain_end);
	session_free(worker->session);
	slots_free(worker->slots);
	loop_timer_free(worker->spool_timer);
	spool_free(worker->spool);
	loop_free(worker->loop);
}

/* A run that was killed left its private folder, that of "ipc://FOLDER/s": nobody needs it now. */
static void remove_sockets(const char *url)
{
	static const char scheme[] = "ipc://";
	char path[PATH_MAX];
	if (strncmp(url, scheme, strlen(scheme)) != 0)
		return;
	const char *socket = url + strlen(scheme);
	int n = snprintf(path, sizeof(path), "%s.data", socket);
	char *slash = strrchr(path, '/');
	if (n < 0 || (size_t)n >= sizeof(path) || !slash || slash == path)
		return;
	unlink(socket);
	unlink(path);
	*slash = '\0';
	rmdir(path);
}

int worker_run(const struct worker_options *options, struct err *err)
{
	struct worker worker = { .options = options };
	ASSERT(options->slots > 0 && options->name && options->box_program);
	if (check_address(options, err) < 0)
		return EXIT_CODE_USAGE;
	if (open_keys(&worker, err) < 0) {
		identity_done(&worker.identity);
		return EXIT_CODE_SETUP;
	}
	if (bind_to_parent(&worker) < 0) {
		err_set(err, -ESRCH, "an embedded worker needs a living parent");
		return EXIT_CODE_INCOMPLETE;
	}
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigaction(SIGPIPE, &ignore, NULL);
	int code = EXIT_CODE_SETUP;
	if (build(&worker, err) == 0) {
		loop_run(worker.loop, step, &worker);
		code = worker.orphaned ? EXIT_CODE_INCOMPLETE
				       : session_exit_code(worker.session, err);
	}
	if (worker.orphaned)
		err_set(err, -ESRCH, "the run this worker belongs to ended without it");
	dismantle(&worker);
	identity_done(&worker.identity);
	warrant_done(&worker.trust);
	if (worker.orphaned)
		remove_sockets(options->coordinator);
	return code;
}
