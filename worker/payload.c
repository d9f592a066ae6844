// SPDX-License-Identifier: Apache-2.0
/*
 * payload.c - starts one process for an attempt and gathers what is to be known of its end.
 *
 * Invariants: between payload_start and payload_finish exactly one process runs, with an id nobody
 * else has; captures are empty when it starts. Not for verdicts: shard.c decides them.
 */
#include "worker/payload.h"

#include "protocol/base/assert.h"
#include "protocol/base/log.h"
#include "protocol/wire/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum {
	TAIL_BYTES = 16 << 10, /* of a process of several cases: its standard error, for messages */
	ERRORS_BYTES = 4096,   /* of it given to adapters */
};

void payload_init(struct payload *payload, struct payload_host *host, unsigned slot)
{
	ASSERT(slot < 1 << PAYLOAD_SLOT_BITS);
	*payload = (struct payload){ .host = host, .slot = slot };
	capture_init(&payload->tail, TAIL_BYTES);
}

void payload_done(struct payload *payload)
{
	spawn_drop(&payload->spawn);
	arena_done(&payload->arena);
	capture_done(&payload->out);
	capture_done(&payload->err);
	capture_done(&payload->tail);
}

void payload_set_cap(struct payload *payload, size_t cap_bytes)
{
	if (payload->out.half_bytes == cap_bytes / 2)
		return;
	capture_done(&payload->out);
	capture_done(&payload->err);
	capture_init(&payload->out, cap_bytes);
	capture_init(&payload->err, cap_bytes);
}

void payload_clear(struct payload *payload)
{
	spawn_drop(&payload->spawn);
	arena_clear(&payload->arena);
	memset(&payload->command, 0, sizeof(payload->command));
}

bool payload_is_active(const struct payload *payload)
{
	return payload->spawn.active;
}

bool payload_is_of(const struct payload *payload, const struct box_result *result)
{
	return payload->spawn.active && payload->spawn.id == result->id;
}

void payload_kill(struct payload *payload, uint64_t grace_us)
{
	ASSERT(payload->spawn.active);
	box_kill(payload->host->spawn.box, payload->spawn.id, grace_us);
}

void payload_finish(struct payload *payload)
{
	spawn_finish(&payload->spawn);
}

/* ---- start ---- */

static int fail(struct payload *payload, int r, const char *what, const char *object,
		const char **ret_reason)
{
	const char *text = arena_printf(&payload->arena, "%s %s: %s", what, object, strerror(-r));
	*ret_reason = text ? text : what;
	return r;
}

static int write_files(struct payload *payload, const char **ret_reason)
{
	const struct adapt_command *command = &payload->command;
	for (size_t i = 0; i < command->n_files; i++) {
		const struct adapt_file *file = &command->files[i];
		int r = scratch_write(payload->host->scratch, payload->slot, file->name,
				      file->content);
		if (r < 0)
			return fail(payload, r, "cannot write the program's input file", file->name,
				    ret_reason);
	}
	return 0;
}

int payload_start(struct payload *payload, const struct payload_options *options,
		  spawn_bytes_fn *fn, void *data, const char **ret_reason)
{
	struct payload_host *host = payload->host;
	struct outfit_env env;
	struct outfit_box box;
	ASSERT(!payload->spawn.active && payload->command.argv && payload->command.argv[0]);
	int r = write_files(payload, ret_reason);
	if (r < 0)
		return r;
	capture_clear(&payload->out);
	capture_clear(&payload->err);
	capture_clear(&payload->tail);
	r = outfit_step(options->env, &payload->command, options->case_name, &payload->arena, &env);
	r = r ? r
	      : outfit_box(options->outfit, &payload->command, &env, options->limit_us,
			   &payload->arena, &box);
	if (r == 0) {
		struct spawn_options spawn = {
			.id = ++host->serial << PAYLOAD_SLOT_BITS | payload->slot,
			.report_fd = payload->command.report_fd,
			.interleaved = options->interleaved,
		};
		payload->cwd = box.spec.cwd ? box.spec.cwd : box.spec.workspace_path;
		r = spawn_start(&payload->spawn, &host->spawn, &box.spec, &spawn, fn, data);
	}
	return r < 0 ? fail(payload, r, "cannot start", payload->command.argv[0], ret_reason) : 0;
}

/* ---- end ---- */

/* The end of what the process wrote on standard error, in the arena. */
static struct str errors_text(struct payload *payload)
{
	const struct capture *from = payload->tail.total_bytes ? &payload->tail : &payload->err;
	struct str text = { 0 };
	struct buf buf;
	buf_init(&buf, ERRORS_BYTES);
	if (capture_put_tail(from, ERRORS_BYTES, &buf) == 0 && buf.len) {
		text.data = arena_copy(&payload->arena, buf_str(&buf));
		text.len = text.data ? buf.len : 0;
	}
	buf_done(&buf);
	return text;
}

struct adapt_exit payload_exit(struct payload *payload, const struct box_result *result,
			       struct buf *ret_file)
{
	const char *file = payload->command.result_file;
	bool exited = result->cause == BOX_CAUSE_EXIT;
	struct adapt_exit how = {
		.signalled = result->cause == BOX_CAUSE_SIGNAL || result->cause == BOX_CAUSE_OOM,
		.killed = result->cause == BOX_CAUSE_TIMEOUT ||
			  result->cause == BOX_CAUSE_CPU_TIME || result->cause == BOX_CAUSE_KILLED,
		.code = exited ? result->exit_code : 0,
		.signal = exited ? 0 : result->term_signal,
		.errors = errors_text(payload),
	};
	buf_init(ret_file, LIMIT_RESULT_FILE_BYTES);
	if (file) {
		int r = scratch_take(payload->host->scratch, payload->slot, file, ret_file);
		if (r < 0 && r != -ENOENT)
			LOG_WARN("result_file_unread", "file=%s reason=%s", file, strerror(-r));
	}
	how.result = buf_str(ret_file);
	return how;
}

bool payload_is_absent(struct payload *payload, const struct box_result *result,
		       const char **ret_reason)
{
	bool exec = strcmp(result->setup_step, "exec") == 0;
	const char *text;
	if (result->cause != BOX_CAUSE_SETUP || (!exec && strcmp(result->setup_step, "chdir") != 0))
		return false;
	const char *object = result->setup_object;
	if (exec && result->setup_errno == ENOENT && object[0] == '/' && access(object, F_OK) == 0)
		text = arena_printf(&payload->arena,
				    "%s: not seen from inside the sandbox, where /tmp and HOME are "
				    "private but for the workspace; or its interpreter is missing",
				    object);
	else if (exec && result->setup_errno == ENOENT)
		text = arena_printf(&payload->arena, "%s: no such executable", object);
	else
		text = arena_printf(&payload->arena, "cannot %s %s: %s",
				    exec ? "execute" : "enter the working directory", object,
				    strerror(result->setup_errno));
	*ret_reason = text ? text : "no such executable";
	return true;
}

struct str payload_refused(struct payload *payload, const struct box_result *result)
{
	struct buf buf;
	buf_init(&buf, LIMIT_NAME_BYTES);
	for (size_t i = 0; i < BOX_REFUSALS_MAX && result->refusals[i].count; i++) {
		const struct box_refusal *r = &result->refusals[i];
		buf_printf(&buf, "%s%s (%" PRIu32 " time%s; allow it with %s %s)", i ? ", " : "",
			   r->call, r->count, r->count == 1 ? "" : "s",
			   r->grant ? "--grant" : "--sandbox",
			   r->grant ? box_grant_name(r->grant) : box_level_name(r->level));
	}
	struct str text = { .data = arena_copy(&payload->arena, buf_str(&buf)) };
	text.len = text.data ? buf.len : 0;
	buf_done(&buf);
	return text;
}

const char *payload_unstarted(struct payload *payload, const struct box_result *result)
{
	const char *what = "cannot set up the sandbox", *cure = "";
	if (result->cause == BOX_CAUSE_REFUSED) {
		what = "the sandbox asked for cannot be enforced here";
		cure = strcmp(result->setup_step, "keep") == 0
			       ? "; workspaces cannot be kept on that file system, for "
				 "--keep-workspace or --cores: set XDG_STATE_HOME to a "
				 "folder on another"
			       : "; see paddock doctor, or allow less with --sandbox";
	}
	const char *text = arena_printf(&payload->arena, "%s: %s %s: %s%s", what,
					result->setup_step, result->setup_object,
					strerror(result->setup_errno), cure);
	return text ? text : "no memory to say why the sandbox could not be set up";
}
