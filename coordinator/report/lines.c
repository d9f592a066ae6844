// SPDX-License-Identifier: Apache-2.0
/*
 * lines.c - the terminal reporter for logs: a line per verdict that matters, a line every half
 * minute so that a CI job does not look dead, and the summary. Nothing is ever rewritten. See bar.c
 * for a live terminal.
 */
#include "coordinator/report/out.h"
#include "coordinator/report/show.h"
#include "coordinator/report/summary.h"
#include "coordinator/report/table.h"
#include "protocol/base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define HEARTBEAT_US (30 * CLOCK_US_PER_S)

struct report {
	struct report_options options;
	struct summary *summary;
	struct out out;
	uint64_t running, quiet_since_us;
};

static int lines_open(const struct report_options *options, struct report **ret_report,
		      struct err *err)
{
	struct report *report = calloc(1, sizeof(*report));
	if (report)
		report->summary = summary_new(options);
	if (!report || !report->summary) {
		free(report);
		return err_errno(err, -ENOMEM, "opening the progress lines");
	}
	report->options = *options;
	int r = out_open(&report->out, options->path ? options->path : "-", OUT_STREAM, err);
	if (r < 0) {
		summary_free(report->summary);
		free(report);
		return r;
	}
	*ret_report = report;
	return 0;
}

/* "[ 12/1000] " */
static int put_counter(struct buf *buf, const struct tally *tally)
{
	uint64_t total = tally->listed + tally->found;
	char text[24];
	int digits = snprintf(text, sizeof(text), "%llu", (unsigned long long)total);
	return buf_printf(buf, "[%*llu/%s] ", digits, (unsigned long long)tally->verdicts, text);
}

static void put_verdict(struct report *report, const struct msg_run_event *event)
{
	struct buf *buf = &report->out.buf;
	bool red = outcome_is_red((enum outcome)event->outcome);
	if (!show_matters(event) && !report->options.verbose)
		return;
	out_note(&report->out, put_counter(buf, summary_tally(report->summary)));
	out_note(&report->out, show_verdict(buf, event, report->options.color));
	if (red && report->options.failure_output == REPORT_OUTPUT_IMMEDIATE)
		out_note(&report->out, show_output(buf, event, report->options.color));
}

static void lines_event(struct report *report, const struct msg_run_event *event)
{
	struct out *out = &report->out;
	out_note(out, summary_event(report->summary, event));
	switch (event->kind) {
	case MSG_RUN_STARTED:
		out_note(out,
			 buf_printf(&out->buf, "Run %s: %llu program%s\n",
				    summary_run(report->summary), (unsigned long long)event->count,
				    event->count == 1 ? "" : "s"));
		break;
	case MSG_RUN_CASE_STARTED: report->running++; break;
	case MSG_RUN_CASE_RETRIED:
	case MSG_RUN_CASE_FINISHED:
		report->running -= report->running && !event->found;
		put_verdict(report, event);
		break;
	case MSG_RUN_CASE_SLOW: put_verdict(report, event); break;
	case MSG_RUN_WARNING:
		out_note(out, show_note(&out->buf, event, report->options.color));
		break;
	case MSG_RUN_WORKER_JOINED:
	case MSG_RUN_WORKER_LEFT:
		if (report->options.verbose)
			out_note(out, show_note(&out->buf, event, report->options.color));
		break;
	default: break;
	}
	out_flow(out, event->kind == MSG_RUN_STARTED);
}

static void lines_tick(struct report *report, uint64_t now_us)
{
	struct out *out = &report->out;
	const struct tally *tally = summary_tally(report->summary);
	bool quiet = out->buf.len == 0;
	if (!report->quiet_since_us || !quiet)
		report->quiet_since_us = now_us;
	if (quiet && now_us - report->quiet_since_us >= HEARTBEAT_US && !tally->finished) {
		out_note(out, put_counter(&out->buf, tally));
		out_note(out, buf_printf(&out->buf, "%llu running, %llu failed so far\n",
					 (unsigned long long)report->running,
					 (unsigned long long)tally_red(tally)));
		report->quiet_since_us = now_us;
	}
	out_flow(out, true);
}

static int lines_close(struct report *report, struct err *err)
{
	out_note(&report->out, summary_print(report->summary, &report->out.buf));
	int r = out_close(&report->out, err);
	summary_free(report->summary);
	free(report);
	return r;
}

const struct report_ops table_lines = {
	.name = "lines",
	.open = lines_open,
	.event = lines_event,
	.tick = lines_tick,
	.close = lines_close,
};
