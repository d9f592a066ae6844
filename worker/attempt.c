// SPDX-License-Identifier: Apache-2.0
/*
 * attempt.c - the work of one slot.
 *
 *	IDLE --start--> LISTING --result--> IDLE
 *	     |--start--> RUNNING --result--> GATHERING (what the process left)
 *	     |              ^------all told------'  --> RUNNING (next step) ... --> IDLE
 *	     '--start--> STAGING --its tree is there--> LISTING or RUNNING
 *
 * Per state: IDLE has no payload, no shard, no parser; nor has STAGING, which waits for the tree of
 * the program's workspace. LISTING and RUNNING have exactly one payload between two calls from
 * outside, so that a result or the keeper's death always ends them. GATHERING has none: the
 * worker's own loop moves it on. The way back to IDLE is close_attempt alone, which tells `closed`.
 * Decisions about cases are shard.c's; this file moves bytes and facts.
 */
#include "worker/attempt.h"

#include "protocol/base/assert.h"
#include "protocol/base/buf.h"
#include "protocol/base/clock.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"
#include "protocol/wire/record.h"
#include "worker/adapt/adapt.h"
#include "worker/capture.h"
#include "worker/cores.h"
#include "worker/gather.h"
#include "worker/kept.h"
#include "worker/news.h"
#include "worker/outfit.h"
#include "worker/payload.h"
#include "worker/shard.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { OUTPUT_BYTES_MAX = 64 << 20 };
#define LISTING_TIMEOUT_US (60 * CLOCK_US_PER_S)
#define FULL_US		   CLOCK_US_PER_S

enum state { IDLE, STAGING, LISTING, RUNNING, GATHERING };

/* Why we killed the payload. */
enum stop { STOP_NOT, STOP_TIMEOUT, STOP_CANCELLED, STOP_FLOOD };

struct attempt {
	struct attempt_host *host;
	unsigned slot;
	enum state state;
	enum stop stop;
	uint64_t begun_us;
	struct news news;
	struct news_totals totals;

	struct arena arena; /* lives as long as the attempt */
	struct msg_assign assign;
	const struct msg_program *program;
	const struct adapt_ops *ops;
	struct adapt_program described;
	struct outfit outfit;
	struct outfit_env env;
	struct inputs_use *inputs; /* NULL: the workspace is this machine's own */
	struct shard *shard;

	struct payload payload; /* the process that runs */
	struct adapt_parser *parser;
	struct adapt_sink sink;
	struct loop_timer *timer;
	uint64_t timer_us; /* when it fires; 0: not set */
	struct str line;   /* what is being fed, for the case that begins with it */
	struct kept kept;  /* workspace of the process that runs */
	struct cores cores;
	struct gather gather;
	struct box_result ended; /* GATHERING: how the process ended */

	struct buf listing; /* what a listing printed */
	bool has_key;
	struct digest key;
};

static void on_deadline(void *data);
static void on_case_started(void *data, size_t i);
static void on_case_ended(void *data, const struct adapt_verdict *verdict);
static void on_case_limited(void *data, uint64_t limit_us);
static void next_step(struct attempt *a);

struct attempt *attempt_new(struct attempt_host *host, unsigned slot)
{
	struct attempt *a = calloc(1, sizeof(*a));
	ASSERT(slot < LIMIT_SLOTS);
	if (!a)
		return NULL;
	a->host = host;
	a->slot = slot;
	a->sink = (struct adapt_sink){ .data = a,
				       .started = on_case_started,
				       .ended = on_case_ended,
				       .limited = on_case_limited };
	payload_init(&a->payload, &host->payload, slot);
	if (loop_timer_new(host->loop, on_deadline, a, &a->timer) < 0) {
		free(a);
		return NULL;
	}
	return a;
}

/* Forget all that belongs to the attempt. */
static void reset(struct attempt *a)
{
	if (a->parser)
		a->ops->parser_free(a->parser);
	a->parser = NULL;
	shard_free(a->shard);
	a->shard = NULL;
	inputs_drop(a->inputs);
	a->inputs = NULL;
	loop_timer_stop(a->timer);
	a->timer_us = 0;
	buf_done(&a->listing);
	gather_end(&a->gather);
	kept_end(&a->kept);
	payload_clear(&a->payload);
	arena_clear(&a->arena);
	a->state = IDLE;
	a->stop = STOP_NOT;
}

void attempt_free(struct attempt *attempt)
{
	if (!attempt)
		return;
	reset(attempt);
	arena_done(&attempt->arena);
	payload_done(&attempt->payload);
	loop_timer_free(attempt->timer);
	free(attempt);
}

bool attempt_is_busy(const struct attempt *attempt)
{
	return attempt->state != IDLE;
}

struct msg_running attempt_running(const struct attempt *attempt)
{
	ASSERT(attempt->state != IDLE);
	return (struct msg_running){ .attempt = attempt->news.attempt,
				     .epoch = attempt->news.epoch };
}

__attribute__((format(printf, 3, 4))) static void close_attempt(struct attempt *a,
								enum msg_close_cause cause,
								const char *fmt, ...)
{
	char message[2048];
	va_list ap;
	ASSERT(a->state != IDLE);
	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	a->totals.at_us = clock_mono_us() - a->begun_us;
	a->totals.startup_us = a->shard ? shard_startup_us(a->shard) : 0;
	news_closed(&a->news, cause, message, &a->totals);
	a->host->closed++;
	if (cause != MSG_CLOSE_FINE && cause != MSG_CLOSE_CANCELLED)
		LOG_DEBUG("attempt_closed", "attempt=%" PRIu64 " cause=%d message=%s",
			  a->news.attempt, cause, message);
	reset(a);
	int r = scratch_clear(a->host->payload.scratch, a->slot);
	if (r < 0)
		LOG_WARN("scratch_not_cleared", "folder=%s reason=%s",
			 scratch_path(a->host->payload.scratch, a->slot), strerror(-r));
}

/* Start the process of the command. 0, or -errno with *ret_reason. */
static int start_process(struct attempt *a, const struct payload_options *options,
			 spawn_bytes_fn *fn, const char **ret_reason)
{
	int r = payload_start(&a->payload, options, fn, a, ret_reason);
	if (r < 0)
		return r;
	a->stop = STOP_NOT;
	a->totals.processes++;
	return 0;
}

static void kill_payload(struct attempt *a, enum stop why, uint64_t grace_us)
{
	a->stop = why;
	payload_kill(&a->payload, grace_us);
}

/* ---- listing ---- */

static void publish(struct attempt *a, const struct adapt_cases *cases)
{
	struct err err = { 0 };
	if (news_listed(&a->news, cases, &err) < 0)
		close_attempt(a, MSG_CLOSE_LISTING, "listing %.*s: %s", STR_ARG(a->program->path),
			      err.text);
	else
		close_attempt(a, MSG_CLOSE_FINE, "%s", "");
}

static void parse_listing(struct attempt *a, struct str out, const struct adapt_exit *how)
{
	struct adapt_cases cases = { 0 };
	struct err err = { 0 };
	if (a->ops->list_parse(&a->described, out, how, &a->arena, &cases, &err) < 0) {
		close_attempt(a, MSG_CLOSE_LISTING, "listing %.*s: %s", STR_ARG(a->program->path),
			      err.text);
	} else {
		int r = a->has_key ? stage_store(a->host->stage, &a->key, &cases) : 0;
		if (r < 0)
			LOG_DEBUG("listing_not_cached", "reason=%s", strerror(-r));
		publish(a, &cases);
	}
	free(cases.items);
}

static void on_listing_bytes(void *data, enum adapt_stream stream, struct str bytes)
{
	struct attempt *a = data;
	if (stream == ADAPT_STREAM_ERR)
		capture_append(&a->payload.err, bytes);
	if (stream != (a->payload.command.report_fd ? ADAPT_STREAM_REPORT : ADAPT_STREAM_OUT))
		return;
	if (a->stop == STOP_NOT && buf_put_str(&a->listing, bytes) < 0)
		kill_payload(a, STOP_FLOOD, 0);
}

/* The program's own file is its listing. */
static void list_file(struct attempt *a)
{
	char place[32];
	FD_CLEANUP int fd = -1;
	const char *file = inputs_find(a->inputs, a->program, &fd, place);
	struct adapt_exit how = { 0 };
	struct buf bytes;
	struct stat st;
	const char *path = a->program->path.data;
	int r = stat(file, &st) < 0 ? -errno : 0;
	buf_init(&bytes, 0);
	if (r == 0 && S_ISREG(st.st_mode))
		r = fd_read_file(file, LIMIT_LIST_OUTPUT_BYTES, &bytes);
	else if (r == 0 && !a->program->n_args)
		r = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	if (r < 0 && !a->program->n_args)
		close_attempt(a, MSG_CLOSE_LISTING, "listing %s: %s", path,
			      r == -EINVAL ? "it is neither a file nor a folder" : strerror(-r));
	else
		parse_listing(a, buf_str(&bytes), &how);
	buf_done(&bytes);
}

static bool list_from_cache(struct attempt *a)
{
	struct adapt_cases cases = { 0 };
	char place[32];
	FD_CLEANUP int fd = -1;
	a->has_key = stage_key(a->program, inputs_find(a->inputs, a->program, &fd, place),
			       &a->key) == 0;
	if (!a->has_key || stage_load(a->host->stage, &a->key, &a->arena, &cases) < 0)
		return false;
	publish(a, &cases);
	free(cases.items);
	return true;
}

static void start_listing(struct attempt *a)
{
	struct err err = { 0 };
	const char *reason = "";
	a->state = LISTING;
	buf_init(&a->listing, LIMIT_LIST_OUTPUT_BYTES);
	if (list_from_cache(a))
		return;
	int r = a->ops->list_command(&a->described, &a->payload.arena, &a->payload.command, &err);
	if (r < 0) {
		close_attempt(a, MSG_CLOSE_LISTING, "listing %.*s: %s", STR_ARG(a->program->path),
			      err.text);
	} else if (r == 0) {
		list_file(a);
	} else {
		uint64_t limit_us = a->program->timeout_us ? a->program->timeout_us
							   : LISTING_TIMEOUT_US;
		struct payload_options options = {
			.outfit = &a->outfit,
			.env = &a->env,
			.limit_us = limit_us,
		};
		r = start_process(a, &options, on_listing_bytes, &reason);
		if (r < 0)
			close_attempt(a, r == -EPIPE ? MSG_CLOSE_WORKER : MSG_CLOSE_LISTING,
				      "listing %.*s: %s", STR_ARG(a->program->path), reason);
	}
}

static void end_listing(struct attempt *a, const struct box_result *result)
{
	struct str path = a->program->path;
	char took[24];
	struct buf file;
	struct adapt_exit how = payload_exit(&a->payload, result, &file);
	if (a->stop == STOP_FLOOD) {
		close_attempt(
			a, MSG_CLOSE_LISTING,
			"listing %.*s: it printed more than %d MiB; is it a program of kind %s?",
			STR_ARG(path), LIMIT_LIST_OUTPUT_BYTES >> 20, a->ops->name);
	} else if (how.killed) {
		close_attempt(a, MSG_CLOSE_LISTING,
			      "listing %.*s: it did not end within %s and was killed; "
			      "is it a program of kind %s?",
			      STR_ARG(path),
			      str_format_duration(took, sizeof(took), result->wall_us),
			      a->ops->name);
	} else {
		parse_listing(a, buf_str(&a->listing), &how);
	}
	buf_done(&file);
}

/* ---- running ---- */

static void feed(struct attempt *a, enum adapt_stream stream, struct str bytes)
{
	a->ops->feed(a->parser, stream, bytes);
}

/* Line by line, so that each belongs to the case it was printed by: a case's first and last lines
 * are its markers. */
static void feed_lines(struct attempt *a, struct str bytes)
{
	while (bytes.len) {
		const char *newline = memchr(bytes.data, '\n', bytes.len);
		size_t n = newline ? (size_t)(newline - bytes.data) + 1 : bytes.len;
		a->line = (struct str){ bytes.data, n };
		capture_append(&a->payload.out, a->line);
		feed(a, ADAPT_STREAM_OUT, a->line);
		bytes.data += n;
		bytes.len -= n;
	}
	a->line = (struct str){ 0 };
}

static void on_step_bytes(void *data, enum adapt_stream stream, struct str bytes)
{
	struct attempt *a = data;
	bool several = !shard_is_single(a->shard);
	if (stream == ADAPT_STREAM_OUT && several && !a->payload.command.report_fd) {
		feed_lines(a, bytes);
		return;
	}
	if (stream == ADAPT_STREAM_OUT)
		capture_append(&a->payload.out, bytes);
	else if (stream == ADAPT_STREAM_ERR)
		capture_append(&a->payload.err, bytes);
	if (stream == ADAPT_STREAM_ERR && several)
		capture_append(&a->payload.tail, bytes);
	feed(a, stream, bytes);
}

/*
 * When this file has to end the step; 0: never. A process of one case is the sandbox's to end,
 * which looks closer; but it takes a limit only at the start.
 */
static uint64_t deadline(const struct attempt *a)
{
	bool ours = !shard_is_single(a->shard) || a->payload.command.limit_moves;
	return ours ? shard_deadline(a->shard) : 0;
}

/* The timer is moved only to fire sooner: when it fires too early, it is set anew. */
static void arm_timer(struct attempt *a)
{
	uint64_t deadline_us = deadline(a);
	if (!deadline_us || (a->timer_us && a->timer_us <= deadline_us))
		return;
	uint64_t now_us = clock_mono_us();
	loop_timer_set(a->timer, deadline_us > now_us ? deadline_us - now_us : 0);
	a->timer_us = deadline_us;
}

static void on_deadline(void *data)
{
	struct attempt *a = data;
	a->timer_us = 0;
	if (a->state != RUNNING || !payload_is_active(&a->payload) || a->stop != STOP_NOT)
		return;
	uint64_t deadline_us = deadline(a);
	if (deadline_us && deadline_us <= clock_mono_us())
		kill_payload(a, STOP_TIMEOUT,
			     a->program->grace_us ? a->program->grace_us : UINT64_MAX);
	else
		arm_timer(a);
}

static void on_case_started(void *data, size_t i)
{
	struct attempt *a = data;
	ptrdiff_t before = shard_running(a->shard);
	shard_started(a->shard, i, clock_mono_us());
	if (shard_running(a->shard) == before)
		return;
	capture_clear(&a->payload.out);
	capture_clear(&a->payload.err);
	capture_append(&a->payload.out, a->line);
	arm_timer(a);
}

static void on_case_ended(void *data, const struct adapt_verdict *verdict)
{
	struct attempt *a = data;
	shard_ended(a->shard, verdict, clock_mono_us());
}

static void on_case_limited(void *data, uint64_t limit_us)
{
	struct attempt *a = data;
	ASSERT(a->payload.command.limit_moves);
	if (a->stop != STOP_NOT)
		return;
	shard_move_limit(a->shard, limit_us, clock_mono_us());
	arm_timer(a);
}

static void on_shard_started(void *data, uint32_t index, uint64_t at_us)
{
	struct attempt *a = data;
	news_started(&a->news, index, at_us);
}

static void on_shard_ended(void *data, const struct shard_verdict *verdict)
{
	struct attempt *a = data;
	struct shard_verdict told = *verdict;
	uint64_t dropped_bytes = 0;
	struct arena *arena = &a->payload.arena;
	if (outcome_is_red(verdict->outcome)) {
		told.message = cores_tell(&a->cores, verdict->index, told.message, arena);
		told.message = kept_tell(&a->kept, a->host->worker, told.message, arena);
	}
	if (!verdict->name.len && (outcome_is_red(verdict->outcome) || a->program->keep_output)) {
		/* A process's last words may have been read with the case before. */
		bool died = verdict->signal && !a->payload.err.total_bytes;
		const struct capture *err = died ? &a->payload.tail : &a->payload.err;
		news_output(&a->news, verdict->index, NEWS_STREAM_OUT, &a->payload.out);
		news_output(&a->news, verdict->index, NEWS_STREAM_ERR, err);
		dropped_bytes = capture_dropped(&a->payload.out) + capture_dropped(err);
	}
	news_ended(&a->news, &told, dropped_bytes);
	if (verdict->name.len)
		return;
	capture_clear(&a->payload.out);
	capture_clear(&a->payload.err);
}

/* A step that could not be started: its cases are told why. */
static void refuse_step(struct attempt *a, const char *reason)
{
	struct shard_end end = { .how = SHARD_NOT_STARTED, .reason = str_of(reason) };
	shard_end(a->shard, &end, clock_mono_us());
}

/* Start the process of the step that just began. 0, or -errno with *ret_reason. */
static int start_step(struct attempt *a, const struct adapt_case *cases, size_t n,
		      const char **ret_reason)
{
	bool single = shard_is_single(a->shard);
	const struct adapt_command *command = &a->payload.command;
	uint64_t limit_us = shard_limit(a->shard);
	limit_us = single && !limit_us ? command->timeout_us : limit_us;
	struct payload_options options = {
		.outfit = &a->outfit,
		.env = &a->env,
		.limit_us = command->limit_moves ? 0 : limit_us,
		.case_name = single ? cases[0].name : (struct str){ 0 },
		.interleaved = !single,
	};
	const struct kept_options keep = {
		.name = cases[0].name,
		.cases = shard_size(a->shard),
		.cores = a->cores.max_bytes > 0,
	};
	int r = kept_begin(&a->kept, &a->assign, &keep, &a->payload.arena, ret_reason);
	if (r < 0)
		return r;
	a->outfit.keep = a->kept.path[0] ? a->kept.path : NULL;
	a->parser = a->ops->parser_new(&a->described, cases, n, &a->sink);
	if (!a->parser)
		return -ENOMEM;
	a->outfit.core_bytes = a->cores.max_bytes;
	cores_started(&a->cores);
	r = start_process(a, &options, on_step_bytes, ret_reason);
	if (r < 0) {
		a->ops->parser_free(a->parser);
		a->parser = NULL;
	}
	return r;
}

/*
 * Begin a step of some of cases[0..n). False when the attempt is over. A step that does not start
 * is settled at once.
 */
static bool begin_step(struct attempt *a, const struct adapt_case *cases, size_t n)
{
	struct err err = { 0 };
	const char *reason = "no memory for the step";
	kept_end(&a->kept);
	payload_clear(&a->payload);
	ptrdiff_t taken = a->ops->run_command(&a->described, cases, n, &a->payload.arena,
					      &a->payload.command, &err);
	ASSERT(taken <= (ptrdiff_t)n && taken != 0);
	shard_begin(a->shard, taken < 0 ? 1 : (size_t)taken, clock_mono_us());
	if (taken < 0) {
		refuse_step(a, err.text);
		return true;
	}
	int r = start_step(a, cases, (size_t)taken, &reason);
	if (r == -EPIPE) {
		close_attempt(a, MSG_CLOSE_WORKER, "%s", reason);
		return false;
	}
	if (r < 0)
		refuse_step(a, reason);
	else
		arm_timer(a);
	return true;
}

static void next_step(struct attempt *a)
{
	const struct adapt_case *cases;
	size_t n;
	while (!payload_is_active(&a->payload)) {
		n = shard_offer(a->shard, &cases);
		if (!n) {
			close_attempt(a, MSG_CLOSE_FINE, "%s", "");
			return;
		}
		if (!begin_step(a, cases, n))
			return;
	}
}

static void start_running(struct attempt *a)
{
	struct shard_options options = {
		.process_per_case = a->ops->process_per_case,
		.isolate = a->program->isolate,
		.timeout_us = a->program->timeout_us,
		.now_us = a->begun_us,
	};
	struct shard_sink sink = { .data = a,
				   .started = on_shard_started,
				   .ended = on_shard_ended };
	size_t cap = a->program->output_bytes ? a->program->output_bytes : LIMIT_OUTPUT_BYTES;
	payload_set_cap(&a->payload, cap < OUTPUT_BYTES_MAX ? cap : OUTPUT_BYTES_MAX);
	a->state = RUNNING;
	a->shard = shard_new(a->assign.cases, a->assign.n_cases, &options, &sink);
	if (!a->shard)
		close_attempt(a, MSG_CLOSE_WORKER, "no memory for a shard of %zu cases",
			      a->assign.n_cases);
	else
		next_step(a);
}

static enum shard_how how_of(const struct attempt *a, const struct box_result *result)
{
	switch (result->cause) {
	case BOX_CAUSE_EXIT: return SHARD_EXITED;
	case BOX_CAUSE_SIGNAL: return SHARD_SIGNALLED;
	case BOX_CAUSE_OOM: return SHARD_OOM;
	case BOX_CAUSE_TIMEOUT:
	case BOX_CAUSE_CPU_TIME: return SHARD_TIMED_OUT;
	case BOX_CAUSE_KILLED: return a->stop == STOP_TIMEOUT ? SHARD_TIMED_OUT : SHARD_CANCELLED;
	case BOX_CAUSE_SETUP:
	case BOX_CAUSE_REFUSED:
	case BOX_CAUSE_MAX: break;
	}
	return SHARD_NOT_STARTED;
}

static void end_step(struct attempt *a, const struct box_result *result)
{
	struct buf file;
	struct adapt_exit how = payload_exit(&a->payload, result, &file);
	struct shard_end end = {
		.how = how_of(a, result),
		.code = how.code,
		.signal = how.signal,
		.cpu_deadline = result->cause == BOX_CAUSE_CPU_TIME,
		.leftovers = result->leftovers,
		.wall_us = result->wall_us,
		.cpu_us = result->user_us + result->system_us,
		.peak_bytes = result->peak_bytes,
		.refused = payload_refused(&a->payload, result),
	};
	if (end.how != SHARD_CANCELLED)
		a->ops->finish(a->parser, &how);
	shard_end(a->shard, &end, clock_mono_us());
	a->ops->parser_free(a->parser);
	a->parser = NULL;
	buf_done(&file);
	if (end.how == SHARD_CANCELLED)
		close_attempt(a, MSG_CLOSE_CANCELLED, "cancelled");
	else
		next_step(a);
}

/* The process is over: first what it left is told. */
static void begin_gathering(struct attempt *a, const struct box_result *result)
{
	int fd = scratch_artifacts(a->host->payload.scratch, a->slot);
	int cores_fd = cores_open(&a->cores, &a->outfit, a->payload.cwd, result,
				  shard_suspect(a->shard));
	if (fd == -ENOENT && cores_fd < 0) {
		end_step(a, result);
		return;
	}
	a->state = GATHERING;
	a->ended = *result;
	gather_begin(&a->gather, &a->news, fd, shard_first(a->shard), shard_size(a->shard));
	if (cores_fd >= 0)
		gather_add_cores(&a->gather, cores_fd, &a->cores);
	attempt_go_on(a);
}

/* ---- from outside ---- */

static int describe(struct attempt *a)
{
	const struct msg_program *program = &a->assign.program[0];
	const char *scratch = scratch_path(a->host->payload.scratch, a->slot);
	a->program = program;
	a->described = (struct adapt_program){
		.suite = program->suite,
		.name = program->name,
		.path = program->path,
		.args = program->args,
		.n_args = program->n_args,
		.cwd = program->cwd,
		.scratch = str_of(scratch),
	};
	a->outfit = (struct outfit){
		.assign = &a->assign,
		.program = program,
		.worker = a->host->worker,
		.machine_id = a->host->machine_id,
		.scratch = scratch,
		.slot = a->slot,
	};
	cores_init(&a->cores, program->core_bytes);
	return outfit_base(&a->outfit, &a->arena, &a->env);
}

static void begin(struct attempt *a)
{
	a->begun_us = clock_mono_us();
	if (a->assign.list)
		start_listing(a);
	else
		start_running(a);
}

static void on_staged(void *data, const char *why)
{
	struct attempt *a = data;
	ASSERT(a->state == STAGING);
	if (why) {
		close_attempt(a, MSG_CLOSE_SETUP, "%s", why);
		return;
	}
	a->outfit.source = inputs_path(a->inputs);
	begin(a);
}

static void stage_inputs(struct attempt *a)
{
	struct err err = { 0 };
	a->state = STAGING;
	if (inputs_take(a->host->inputs, a->program, on_staged, a, &a->inputs, &err) < 0)
		close_attempt(a, MSG_CLOSE_SETUP, "%s", err.text);
}

void attempt_start(struct attempt *attempt, const struct msg_assign *assign)
{
	struct attempt *a = attempt;
	ASSERT(a->state == IDLE && !payload_is_active(&a->payload));
	a->begun_us = clock_mono_us();
	a->totals = (struct news_totals){ 0 };
	a->has_key = false;
	a->news = (struct news){
		.spool = a->host->spool,
		.attempt = assign->attempt,
		.epoch = assign->epoch,
		.slot = a->slot,
	};
	a->state = assign->list ? LISTING : RUNNING;
	int r = record_copy(&msg_record_assign, assign, &a->assign, &a->arena);
	if (r < 0 || a->assign.n_program != 1) {
		close_attempt(a, MSG_CLOSE_WORKER, "cannot take the order: %s",
			      r < 0 ? strerror(-r) : "it names no program");
		return;
	}
	a->ops = adapt_find(a->assign.program[0].kind);
	if (!a->ops)
		close_attempt(a, MSG_CLOSE_WORKER, "this worker knows no kind \"%.*s\"",
			      STR_ARG(a->assign.program[0].kind));
	else if (describe(a) < 0)
		close_attempt(a, MSG_CLOSE_WORKER, "no memory for the environment of %.*s",
			      STR_ARG(a->program->path));
	else if (a->program->tree.len)
		stage_inputs(a);
	else
		begin(a);
}

void attempt_cancel(struct attempt *attempt)
{
	if (attempt->state == GATHERING || attempt->state == STAGING)
		close_attempt(attempt, MSG_CLOSE_CANCELLED, "cancelled");
	else if (attempt->state != IDLE && attempt->stop != STOP_CANCELLED)
		kill_payload(attempt, STOP_CANCELLED, 0);
}

void attempt_result(struct attempt *attempt, const struct box_result *result)
{
	struct attempt *a = attempt;
	const char *reason;
	if (a->state == IDLE || !payload_is_of(&a->payload, result))
		return;
	payload_finish(&a->payload);
	a->totals.cpu_us += result->user_us + result->system_us;
	if (result->peak_bytes > a->totals.peak_bytes)
		a->totals.peak_bytes = result->peak_bytes;
	if (a->stop == STOP_CANCELLED) {
		close_attempt(a, MSG_CLOSE_CANCELLED, "cancelled");
	} else if (payload_is_absent(&a->payload, result, &reason)) {
		if (a->state == LISTING) {
			close_attempt(a, MSG_CLOSE_LISTING, "listing %.*s: %s",
				      STR_ARG(a->program->path), reason);
			return;
		}
		a->ops->parser_free(a->parser);
		a->parser = NULL;
		refuse_step(a, reason);
		next_step(a);
	} else if (result->cause == BOX_CAUSE_SETUP || result->cause == BOX_CAUSE_REFUSED) {
		bool refused = result->cause == BOX_CAUSE_REFUSED;
		close_attempt(a, refused ? MSG_CLOSE_SANDBOX : MSG_CLOSE_SETUP, "%s",
			      payload_unstarted(&a->payload, result));
	} else if (a->state == LISTING) {
		end_listing(a, result);
	} else {
		begin_gathering(a, result);
	}
}

void attempt_go_on(struct attempt *attempt)
{
	struct attempt *a = attempt;
	if (a->state != GATHERING)
		return;
	if (!gather_step(&a->gather)) {
		/* The loop comes by once more; with a full spool a receipt wakes it, too. */
		loop_timer_set(a->timer, spool_is_full(a->host->spool) ? FULL_US : 0);
		return;
	}
	loop_timer_stop(a->timer);
	a->timer_us = 0;
	gather_end(&a->gather);
	int r = scratch_drop_artifacts(a->host->payload.scratch, a->slot);
	if (r < 0)
		LOG_WARN("artifacts_not_dropped", "slot=%u reason=%s", a->slot, strerror(-r));
	a->state = RUNNING;
	end_step(a, &a->ended);
}

void attempt_lost(struct attempt *attempt, const char *reason)
{
	if (attempt->state != IDLE)
		close_attempt(attempt, MSG_CLOSE_WORKER, "%s", reason);
}

void attempt_pause(struct attempt *attempt, bool paused)
{
	spawn_pause(&attempt->payload.spawn, paused);
}
