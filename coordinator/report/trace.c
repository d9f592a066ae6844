// SPDX-License-Identifier: Apache-2.0
/*
 * trace.c - the run as a Chrome trace (chrome://tracing, ui.perfetto.dev): a process per worker, a
 * thread per slot, a bar per attempt. Written as it goes, since each bar stands for itself;
 * verdicts that took no time have no bar.
 */
#include "coordinator/report/out.h"
#include "coordinator/report/table.h"
#include "coordinator/report/tally.h"
#include "protocol/base/escape.h"
#include "protocol/base/map.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

enum { WORKERS_MAX = 65536 };

struct report {
	struct out out;
	struct map workers; /* name -> process number */
	bool comma;
};

static int trace_open(const struct report_options *options, struct report **ret_report,
		      struct err *err)
{
	struct report *report = calloc(1, sizeof(*report));
	if (!report)
		return err_errno(err, -ENOMEM, "writing the trace %s", options->path);
	int r = out_open(&report->out, options->path, OUT_WHOLE, err);
	if (r < 0) {
		free(report);
		return r;
	}
	out_note(&report->out,
		 buf_puts(&report->out.buf, "{\"displayTimeUnit\":\"ms\",\"traceEvents\":["));
	*ret_report = report;
	return 0;
}

static void begin_object(struct report *report)
{
	out_note(&report->out, buf_puts(&report->out.buf, report->comma ? ",\n{" : "\n{"));
	report->comma = true;
}

static void put_text(struct out *out, const char *key, struct str text)
{
	out_note(out, buf_printf(&out->buf, "\"%s\":\"", key));
	out_note(out, escape_json(&out->buf, text));
	out_note(out, buf_puts(&out->buf, "\""));
}

/* The number of a worker; a new one is introduced with its name. */
static uint64_t process_of(struct report *report, struct str worker)
{
	struct out *out = &report->out;
	uint64_t number = 0;
	if (map_get(&report->workers, worker, &number) || report->workers.len >= WORKERS_MAX)
		return number;
	number = report->workers.len + 1;
	out_note(out, map_put(&report->workers, worker, number));
	begin_object(report);
	out_note(out,
		 buf_printf(&out->buf,
			    "\"ph\":\"M\",\"name\":\"process_name\",\"pid\":%" PRIu64 ",\"args\":{",
			    number));
	put_text(out, "name", worker.len ? worker : STR_LIT("(no worker)"));
	out_note(out, buf_puts(&out->buf, "}}"));
	return number;
}

static void put_attempt(struct report *report, const struct msg_run_event *event)
{
	struct out *out = &report->out;
	uint64_t start_us = event->at_us > event->duration_us ? event->at_us - event->duration_us
							      : 0;
	uint64_t process = process_of(report, event->worker);
	begin_object(report);
	put_text(out, "name", event->name);
	out_note(out, buf_puts(&out->buf, ","));
	put_text(out, "cat", str_of(outcome_name((enum outcome)event->outcome)));
	out_note(out, buf_printf(&out->buf,
				 ",\"ph\":\"X\",\"ts\":%" PRIu64 ",\"dur\":%" PRIu64
				 ",\"pid\":%" PRIu64 ",\"tid\":%" PRIu64 ",\"args\":{",
				 start_us, event->duration_us, process, event->slot));
	put_text(out, "suite", event->suite);
	out_note(out, buf_puts(&out->buf, ","));
	put_text(out, "program", event->program);
	out_note(out,
		 buf_printf(&out->buf,
			    ",\"attempt\":%" PRIu64 ",\"estimate_us\":%" PRIu64
			    ",\"cpu_us\":%" PRIu64 ",\"peak_bytes\":%" PRIu64 "}}",
			    event->attempt, event->estimate_us, event->cpu_us, event->peak_bytes));
}

static void trace_event(struct report *report, const struct msg_run_event *event)
{
	report->out.begun = true;
	bool attempt = event->kind == MSG_RUN_CASE_FINISHED || event->kind == MSG_RUN_CASE_RETRIED;
	if (attempt && event->duration_us)
		put_attempt(report, event);
	out_flow(&report->out, false);
}

static int trace_close(struct report *report, struct err *err)
{
	out_note(&report->out, buf_puts(&report->out.buf, "\n]}\n"));
	int r = out_close(&report->out, err);
	map_done(&report->workers);
	free(report);
	return r;
}

const struct report_ops table_trace = {
	.name = "trace",
	.open = trace_open,
	.event = trace_event,
	.close = trace_close,
};
