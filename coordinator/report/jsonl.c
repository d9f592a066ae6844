// SPDX-License-Identifier: Apache-2.0
/*
 * jsonl.c - the event stream as JSON, one object per line: the stable, versioned interface for
 * other programs, and what `paddock merge` reads. The format is described in README.md of this
 * folder; fields are only ever added. Written by hand: a library would build a tree per line.
 *
 * Lines gather in a buffer that flows when it is large, at every tick and when the run ends, so
 * that a reader is at most a tenth of a second behind and a burst of verdicts costs few system
 * calls.
 */
#include "coordinator/report/out.h"
#include "coordinator/report/table.h"
#include "coordinator/report/tally.h"
#include "protocol/base/escape.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

enum { FORMAT_VERSION = 1 };

struct report {
	struct out out;
	struct tally tally;
};

static const char *const names[MSG_RUN_KIND_MAX] = {
	[MSG_RUN_STARTED] = "run_started",
	[MSG_RUN_LISTED] = "program_listed",
	[MSG_RUN_LIST_FAILED] = "list_failed",
	[MSG_RUN_CASE_STARTED] = "case_started",
	[MSG_RUN_CASE_RETRIED] = "case_retried",
	[MSG_RUN_CASE_FINISHED] = "case",
	[MSG_RUN_WORKER_JOINED] = "worker_joined",
	[MSG_RUN_WORKER_LEFT] = "worker_left",
	[MSG_RUN_WARNING] = "warning",
	[MSG_RUN_FINISHED] = "run_finished",
	[MSG_RUN_CASE_LISTED] = "case_listed",
	[MSG_RUN_ARTIFACT] = "artifact",
	[MSG_RUN_CASE_DUPLICATE] = "case_duplicate",
	[MSG_RUN_CASE_SLOW] = "case_slow",
};

static int jsonl_open(const struct report_options *options, struct report **ret_report,
		      struct err *err)
{
	struct report *report = calloc(1, sizeof(*report));
	if (!report)
		return err_errno(err, -ENOMEM, "writing the events %s", options->path);
	int r = out_open(&report->out, options->path, OUT_STREAM, err);
	if (r < 0) {
		free(report);
		return r;
	}
	*ret_report = report;
	return 0;
}

static void put_text(struct out *out, const char *key, struct str text)
{
	out_note(out, buf_printf(&out->buf, ",\"%s\":\"", key));
	out_note(out, escape_json(&out->buf, text));
	out_note(out, buf_puts(&out->buf, "\""));
}

/* Readers hold numbers in 64 signed bits; what is larger means "no limit" or "none". */
static void put_number(struct out *out, const char *key, uint64_t value)
{
	if (value > INT64_MAX)
		value = INT64_MAX;
	out_note(out, buf_printf(&out->buf, ",\"%s\":%" PRIu64, key, value));
}

static void put_bool(struct out *out, const char *key, uint64_t value)
{
	out_note(out, buf_printf(&out->buf, ",\"%s\":%s", key, value ? "true" : "false"));
}

static void put_program(struct out *out, const struct msg_run_event *event)
{
	put_text(out, "suite", event->suite);
	put_text(out, "program", event->program);
	if (event->adapter.len)
		put_text(out, "adapter", event->adapter);
	if (event->file.len)
		put_text(out, "file", event->file);
}

static void put_case(struct out *out, const struct msg_run_event *event)
{
	out_note(out, buf_puts(&out->buf, ",\"id\":\""));
	out_note(out, escape_json(&out->buf, event->suite));
	out_note(out, buf_puts(&out->buf, "::"));
	out_note(out, escape_json(&out->buf, event->program));
	out_note(out, buf_puts(&out->buf, "::"));
	out_note(out, escape_json(&out->buf, event->name));
	out_note(out, buf_puts(&out->buf, "\""));
	put_program(out, event);
	put_text(out, "case", event->name);
	put_number(out, "index", event->index);
}

static void put_start(struct out *out, const struct msg_run_event *event)
{
	put_case(out, event);
	put_number(out, "attempt", event->attempt);
	put_number(out, "estimate_us", event->estimate_us);
	put_text(out, "worker", event->worker);
	put_number(out, "slot", event->slot);
}

static void put_verdict(struct out *out, const struct msg_run_event *event)
{
	char name[24];
	put_case(out, event);
	put_text(out, "outcome", str_of(outcome_name((enum outcome)event->outcome)));
	put_bool(out, "found", event->found);
	put_bool(out, "flaky", event->flaky);
	put_bool(out, "quarantined", event->quarantined);
	put_number(out, "attempt", event->attempt);
	put_number(out, "start_us",
		   event->at_us > event->duration_us ? event->at_us - event->duration_us : 0);
	put_number(out, "duration_us", event->duration_us);
	put_number(out, "estimate_us", event->estimate_us);
	put_number(out, "cpu_us", event->cpu_us);
	put_number(out, "peak_bytes", event->peak_bytes);
	put_text(out, "worker", event->worker);
	put_number(out, "slot", event->slot);
	if (event->signal)
		put_text(out, "signal", str_of(tally_signal(name, event->signal)));
	else
		out_note(out, buf_puts(&out->buf, ",\"signal\":null"));
	put_number(out, "signal_number", event->signal);
	put_number(out, "exit_code", event->exit_code);
	put_text(out, "message", event->message);
	put_text(out, "stdout", event->out);
	put_text(out, "stderr", event->err);
	put_number(out, "dropped_bytes", event->dropped_bytes);
}

static void put_artifact(struct out *out, const struct msg_run_event *event)
{
	put_case(out, event);
	put_number(out, "attempt", event->attempt);
	put_number(out, "cases", event->count);
	put_text(out, "worker", event->worker);
	put_text(out, "path", event->path);
	put_number(out, "bytes", event->offset);
	put_text(out, "message", event->message);
}

static void put_finished(struct out *out, const struct tally *tally,
			 const struct msg_run_event *event)
{
	out_note(out, buf_puts(&out->buf, ",\"counts\":{"));
	for (unsigned i = 0; i < OUTCOME_MAX; i++)
		out_note(out, buf_printf(&out->buf, "%s\"%s\":%" PRIu64, i ? "," : "",
					 outcome_name((enum outcome)i), tally->outcomes[i]));
	out_note(out, buf_puts(&out->buf, "}"));
	put_number(out, "cases", tally->verdicts);
	put_number(out, "flaky", tally->flaky);
	put_number(out, "quarantined", tally->quarantined);
	put_number(out, "found", tally->found);
	put_number(out, "slow", tally->slow);
	put_number(out, "list_failed", tally->list_failed);
	put_number(out, "exit_code", event->exit_code);
	put_number(out, "makespan_us", event->makespan_us);
	put_number(out, "bound_us", event->bound_us);
	put_text(out, "bounded_by", event->message);
	put_number(out, "busy_us", event->busy_us);
	put_number(out, "slots", event->slots);
}

static void put_fields(struct report *report, const struct msg_run_event *event)
{
	struct out *out = &report->out;
	switch (event->kind) {
	case MSG_RUN_STARTED:
		put_number(out, "version", FORMAT_VERSION);
		put_text(out, "run", event->name);
		put_number(out, "programs", event->count);
		break;
	case MSG_RUN_LISTED:
		put_program(out, event);
		put_number(out, "cases", event->count);
		break;
	case MSG_RUN_LIST_FAILED:
		put_program(out, event);
		put_text(out, "message", event->message);
		break;
	case MSG_RUN_CASE_LISTED:
		put_case(out, event);
		put_number(out, "estimate_us", event->estimate_us);
		break;
	case MSG_RUN_CASE_STARTED: put_start(out, event); break;
	case MSG_RUN_CASE_SLOW:
		put_start(out, event);
		put_number(out, "duration_us", event->duration_us);
		put_number(out, "times", event->count);
		break;
	case MSG_RUN_CASE_RETRIED:
	case MSG_RUN_CASE_DUPLICATE:
	case MSG_RUN_CASE_FINISHED: put_verdict(out, event); break;
	case MSG_RUN_ARTIFACT: put_artifact(out, event); break;
	case MSG_RUN_WORKER_JOINED:
	case MSG_RUN_WORKER_LEFT:
		put_text(out, "worker", event->worker);
		put_number(out, "slots", event->slots);
		put_text(out, "message", event->message);
		break;
	case MSG_RUN_WARNING: put_text(out, "message", event->message); break;
	case MSG_RUN_FINISHED: put_finished(out, &report->tally, event); break;
	default: break;
	}
}

static void jsonl_event(struct report *report, const struct msg_run_event *event)
{
	struct out *out = &report->out;
	tally_add(&report->tally, event);
	if (event->kind >= MSG_RUN_KIND_MAX)
		return;
	out_note(out, buf_printf(&out->buf, "{\"event\":\"%s\",\"at_us\":%" PRIu64,
				 names[event->kind], event->at_us));
	put_fields(report, event);
	out_note(out, buf_puts(&out->buf, "}\n"));
	out_flow(out, event->kind == MSG_RUN_STARTED || event->kind == MSG_RUN_FINISHED);
}

static void jsonl_tick(struct report *report, uint64_t now_us)
{
	(void)now_us;
	out_flow(&report->out, true);
}

static int jsonl_close(struct report *report, struct err *err)
{
	int r = out_close(&report->out, err);
	free(report);
	return r;
}

const struct report_ops table_jsonl = {
	.name = "jsonl",
	.open = jsonl_open,
	.event = jsonl_event,
	.tick = jsonl_tick,
	.close = jsonl_close,
};
