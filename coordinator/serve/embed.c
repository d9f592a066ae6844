// SPDX-License-Identifier: Apache-2.0
/*
 * embed.c - `paddock run` on one machine: the server on a socket in a private folder, one worker
 * child, the reports. The worker is a process of its own because it must not share the
 * coordinator's threads with the sandbox's keeper. A worker that dies is replaced a few times; its
 * shards run again.
 */
#include "coordinator/serve/embed.h"

#include "coordinator/serve/reports.h"
#include "coordinator/serve/server.h"
#include "protocol/base/assert.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"
#include "protocol/base/loop.h"
#include "protocol/wire/outcome.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	WORKER_STARTS_MAX = 4,	 /* in one run: a worker that keeps dying takes it along */
	TICK_US = 100000,	 /* of the live display */
	WORKER_END_US = 5000000, /* for the child's farewell */
};

#define WORKER_NAME "local"

struct embed {
	const struct embed_options *options;
	struct loop *loop;
	struct server *server;
	struct store *store;
	struct reports *reports;
	struct loop_timer *tick, *farewell;
	struct loop_signal *signals[4];
	char folder[PATH_MAX], url[PATH_MAX + 16];
	pid_t worker;
	unsigned starts, interrupts;
	bool done;
	int exit_code;
	struct err *err;
};

/* The worker program: beside this one, else by PATH. */
static void worker_program(char out[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 32);
	char *slash = n > 0 ? memrchr(out, '/', (size_t)n) : NULL;
	if (slash) {
		memcpy(slash + 1, "paddock-worker", sizeof("paddock-worker"));
		if (access(out, X_OK) == 0)
			return;
	}
	memcpy(out, "paddock-worker", sizeof("paddock-worker"));
}

static int start_worker(struct embed *embed)
{
	char program[PATH_MAX], slots[16];
	worker_program(program);
	snprintf(slots, sizeof(slots), "%u", embed->options->jobs);
	char *argv[] = { program,  "--coordinator", embed->url,	  "--slots",	slots,
			 "--name", WORKER_NAME,	    "--embedded", "--insecure", NULL };
	int r = posix_spawnp(&embed->worker, program, NULL, NULL, argv, environ);
	if (r) {
		embed->worker = 0;
		return err_errno(embed->err, -r, "starting %s (%s)", program,
				 access("/proc/self", F_OK) == 0
					 ? "it belongs beside paddock; install both"
					 : "looked for by /proc, which is missing: mount -t proc "
					   "proc /proc");
	}
	embed->starts++;
	return 0;
}

static void stop_all(struct embed *embed, const char *why, int exit_code)
{
	server_stop_run(embed->server, why, exit_code, true);
}

static void describe_end(int status, char *out, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(out, size, "the worker was killed by signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else
		snprintf(out, size, "the worker ended with exit code %d", WEXITSTATUS(status));
}

static void on_child(void *data, int signum)
{
	struct embed *embed = data;
	int status;
	(void)signum;
	if (!embed->worker || waitpid(embed->worker, &status, WNOHANG) != embed->worker)
		return;
	embed->worker = 0;
	if (embed->done) {
		loop_stop(embed->loop);
		return;
	}
	char why[128];
	describe_end(status, why, sizeof(why));
	server_worker_died(embed->server, WORKER_NAME, why);
	bool refused = WIFEXITED(status) && WEXITSTATUS(status) != EXIT_CODE_OK;
	if (refused || embed->starts >= WORKER_STARTS_MAX || start_worker(embed) < 0) {
		if (!embed->err->text[0])
			err_set(embed->err, -ECHILD, "%s: see what it printed above", why);
		bool told = refused && (WEXITSTATUS(status) == EXIT_CODE_SANDBOX ||
					WEXITSTATUS(status) == EXIT_CODE_SETUP);
		stop_all(embed, why, told ? WEXITSTATUS(status) : EXIT_CODE_INCOMPLETE);
	}
}

static void on_interrupt(void *data, int signum)
{
	struct embed *embed = data;
	if (embed->interrupts++) {
		embed->exit_code = EXIT_CODE_SIGNAL + signum;
		loop_stop(embed->loop);
		return;
	}
	char why[64];
	snprintf(why, sizeof(why), "interrupted by SIG%s", sigabbrev_np(signum));
	stop_all(embed, why, EXIT_CODE_SIGNAL + signum);
}

static void on_tick(void *data)
{
	struct embed *embed = data;
	reports_tick(embed->reports, clock_mono_us());
	loop_timer_set(embed->tick, TICK_US);
}

static void on_farewell(void *data)
{
	struct embed *embed = data;
	LOG_WARN("worker_slow", "the worker did not end in time: killed");
	if (embed->worker)
		kill(embed->worker, SIGKILL);
}

static void on_event(void *data, const struct msg_run_event *event)
{
	struct embed *embed = data;
	reports_event(embed->reports, event);
}

static void on_done(void *data, int exit_code)
{
	struct embed *embed = data;
	ASSERT(!embed->done);
	embed->done = true;
	embed->exit_code = outcome_worse_exit(embed->exit_code, exit_code);
	server_drain(embed->server);
	loop_timer_stop(embed->tick);
	if (embed->worker)
		loop_timer_set(embed->farewell, WORKER_END_US);
	else
		loop_stop(embed->loop);
}

static int make_folder(struct embed *embed)
{
	const char *base = getenv("XDG_RUNTIME_DIR");
	if (!base || base[0] != '/' || strlen(base) > 60 || access(base, W_OK) < 0)
		base = "/tmp";
	snprintf(embed->folder, sizeof(embed->folder), "%s/paddock-XXXXXX", base);
	if (!mkdtemp(embed->folder))
		return err_errno(embed->err, -errno, "making a private folder for sockets in %s",
				 base);
	snprintf(embed->url, sizeof(embed->url), "ipc://%s/s", embed->folder);
	return 0;
}

static int open_store(struct embed *embed)
{
	struct err err = { 0 };
	if (!embed->options->store_path)
		return 0;
	int r = store_open(embed->options->store_path, &embed->store, &err);
	if (r == 0)
		r = store_relax(embed->store, &err);
	if (r == 0)
		return 0;
	store_close(embed->store);
	embed->store = NULL;
	if (embed->options->must_store) {
		*embed->err = err;
		return r;
	}
	LOG_WARN("history_unusable", "%s; going on without history", err.text);
	return 0;
}

static int watch_signals(struct embed *embed)
{
	int r = loop_signal_new(embed->loop, SIGCHLD, on_child, embed, &embed->signals[0]);
	if (r == 0)
		r = loop_signal_new(embed->loop, SIGINT, on_interrupt, embed, &embed->signals[1]);
	if (r == 0)
		r = loop_signal_new(embed->loop, SIGTERM, on_interrupt, embed, &embed->signals[2]);
	if (r == 0)
		r = loop_signal_new(embed->loop, SIGHUP, on_interrupt, embed, &embed->signals[3]);
	return r;
}

static int set_up(struct embed *embed)
{
	int r = loop_new(&embed->loop);
	if (r == 0)
		r = watch_signals(embed);
	if (r == 0)
		r = loop_timer_new(embed->loop, on_tick, embed, &embed->tick);
	if (r == 0)
		r = loop_timer_new(embed->loop, on_farewell, embed, &embed->farewell);
	if (r < 0)
		return err_errno(embed->err, r, "starting the event loop");
	r = make_folder(embed);
	if (r == 0)
		r = open_store(embed);
	if (r == 0)
		r = server_new(embed->loop,
			       &(struct server_options){ .store = embed->store,
							 .data = embed,
							 .on_event = on_event,
							 .on_done = on_done },
			       &embed->server, embed->err);
	return r < 0 ? r : server_listen(embed->server, embed->url, embed->err);
}

static void tear_down(struct embed *embed)
{
	char path[PATH_MAX + 16];
	if (embed->worker) {
		kill(embed->worker, SIGKILL);
		waitpid(embed->worker, NULL, 0);
	}
	server_free(embed->server);
	for (size_t i = 0; i < sizeof(embed->signals) / sizeof(embed->signals[0]); i++)
		loop_signal_free(embed->signals[i]);
	loop_timer_free(embed->tick);
	loop_timer_free(embed->farewell);
	loop_free(embed->loop);
	store_close(embed->store);
	if (!embed->folder[0])
		return;
	snprintf(path, sizeof(path), "%s/s", embed->folder);
	unlink(path);
	snprintf(path, sizeof(path), "%s/s.data", embed->folder);
	unlink(path);
	rmdir(embed->folder);
}

int embed_run(const struct embed_options *options, const struct msg_submit *submit, struct err *err)
{
	struct err own = { 0 };
	struct embed embed = { .options = options, .err = err ? err : &own };
	int r = reports_open_run(options, &embed.reports, embed.err);
	if (r < 0)
		return EXIT_CODE_REPORT;
	r = set_up(&embed);
	embed.exit_code = r < 0 ? EXIT_CODE_SETUP : EXIT_CODE_OK;
	if (r == 0 && !submit->list_only)
		loop_timer_set(embed.tick, TICK_US);
	if (r == 0) {
		r = server_submit(embed.server, submit, embed.err);
		embed.exit_code = r < 0 ? EXIT_CODE_USAGE : EXIT_CODE_OK;
	}
	if (r == 0) {
		r = start_worker(&embed);
		embed.exit_code = r < 0 ? EXIT_CODE_SETUP : EXIT_CODE_OK;
	}
	if (r == 0)
		loop_run(embed.loop, server_step, embed.server);
	tear_down(&embed);
	struct err closing = { 0 };
	if (reports_close(embed.reports, &closing) < 0) {
		if (!embed.err->text[0])
			*embed.err = closing;
		embed.exit_code = outcome_worse_exit(embed.exit_code, EXIT_CODE_REPORT);
	}
	return embed.exit_code;
}
