// SPDX-License-Identifier: Apache-2.0
/*
 * bar.c - the live display: verdicts scroll by above a panel with a progress bar and a line per
 * running slot. The panel is erased and drawn again at each tick in one write. No mode of the
 * terminal is changed (no hidden cursor, no other screen), so there is nothing to restore when we
 * are killed; a line is never wider than the terminal, so that erasing by lines is exact.
 *
 * Invariant: `panel_lines` lines below the last scrolled text belong to the panel.
 */
#include "coordinator/report/out.h"
#include "coordinator/report/show.h"
#include "coordinator/report/summary.h"
#include "coordinator/report/table.h"
#include "protocol/base/assert.h"
#include "protocol/base/clock.h"
#include "protocol/base/escape.h"
#include "protocol/base/vec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

enum {
	SHOWN_SLOTS = 8,
	RUNNING_MAX = 4096,
	COLUMNS_DEFAULT = 80,
	COLUMNS_MIN = 20,
	BAR_COLUMNS = 24,
	LABEL_BYTES = 512,
};

struct running {
	char *worker;
	uint64_t slot, since_us;
	char label[LABEL_BYTES]; /* escaped */
};

struct report {
	struct report_options options;
	struct summary *summary;
	struct out out;
	struct buf pending; /* text to scroll, not yet written */
	struct {
		struct running *items; /* longest running first */
		size_t len, cap;
	} running;
	size_t panel_lines;
	uint64_t now_us, began_us, slots;
	uint64_t estimated_us, done_estimated_us, done_actual_us;
};

static int bar_open(const struct report_options *options, struct report **ret_report,
		    struct err *err)
{
	struct report *report = calloc(1, sizeof(*report));
	if (report)
		report->summary = summary_new(options);
	if (!report || !report->summary) {
		free(report);
		return err_errno(err, -ENOMEM, "opening the progress display");
	}
	report->options = *options;
	buf_init(&report->pending, 64 << 20);
	int r = out_open(&report->out, options->path ? options->path : "-", OUT_STREAM, err);
	if (r < 0) {
		summary_free(report->summary);
		free(report);
		return r;
	}
	*ret_report = report;
	return 0;
}

static size_t columns_of(const struct report *report)
{
	struct winsize size = { 0 };
	size_t columns = report->options.columns;
	if (ioctl(report->out.fd, TIOCGWINSZ, &size) == 0 && size.ws_col)
		columns = size.ws_col;
	if (!columns)
		columns = COLUMNS_DEFAULT;
	return columns < COLUMNS_MIN ? COLUMNS_MIN : columns;
}

static void forget(struct report *report, size_t i)
{
	ASSERT(i < report->running.len);
	free(report->running.items[i].worker);
	memmove(&report->running.items[i], &report->running.items[i + 1],
		(report->running.len - i - 1) * sizeof(report->running.items[0]));
	report->running.len--;
}

static bool holds(const struct running *running, const struct msg_run_event *event)
{
	return running->slot == event->slot && str_eq(str_of(running->worker), event->worker);
}

static void stopped(struct report *report, const struct msg_run_event *event)
{
	for (size_t i = report->running.len; i-- > 0;)
		if (holds(&report->running.items[i], event))
			forget(report, i);
}

static void started(struct report *report, const struct msg_run_event *event)
{
	struct running item = { .slot = event->slot, .since_us = report->now_us };
	struct buf label;
	stopped(report, event);
	if (report->running.len >= RUNNING_MAX)
		return;
	buf_init(&label, 16 * LIMIT_NAME_BYTES);
	out_note(&report->out, show_id(&label, event, false));
	struct str shown = escape_cut(buf_str(&label), LABEL_BYTES / 4 - 1);
	if (shown.len < LABEL_BYTES) /* columns of four bytes at most, but for combining marks */
		memcpy(item.label, shown.data, shown.len);
	buf_done(&label);
	item.worker = str_dup(event->worker);
	if (!item.worker || VEC_PUSH(&report->running, item) < 0) {
		free(item.worker);
		out_note(&report->out, -ENOMEM);
	}
}

static void worker_left(struct report *report, const struct msg_run_event *event)
{
	for (size_t i = report->running.len; i-- > 0;)
		if (str_eq(str_of(report->running.items[i].worker), event->worker))
			forget(report, i);
	report->slots -= event->slots < report->slots ? event->slots : report->slots;
}

static void ended(struct report *report, const struct msg_run_event *event)
{
	bool red = outcome_is_red((enum outcome)event->outcome), color = report->options.color;
	if (!event->found)
		stopped(report, event);
	if (event->kind == MSG_RUN_CASE_FINISHED && event->estimate_us) {
		report->done_estimated_us += event->estimate_us;
		report->done_actual_us += event->duration_us;
	}
	if (!show_matters(event) && !report->options.verbose)
		return;
	out_note(&report->out, show_verdict(&report->pending, event, color));
	if (red && report->options.failure_output == REPORT_OUTPUT_IMMEDIATE)
		out_note(&report->out, show_output(&report->pending, event, color));
}

static void bar_event(struct report *report, const struct msg_run_event *event)
{
	out_note(&report->out, summary_event(report->summary, event));
	switch (event->kind) {
	case MSG_RUN_STARTED:
		out_note(&report->out,
			 buf_printf(&report->pending, "Run %s: %llu program%s\n",
				    summary_run(report->summary), (unsigned long long)event->count,
				    event->count == 1 ? "" : "s"));
		break;
	case MSG_RUN_LISTED: report->estimated_us += event->estimate_us; break;
	case MSG_RUN_CASE_STARTED: started(report, event); break;
	case MSG_RUN_CASE_RETRIED:
	case MSG_RUN_CASE_FINISHED: ended(report, event); break;
	case MSG_RUN_CASE_SLOW:
		out_note(&report->out,
			 show_verdict(&report->pending, event, report->options.color));
		break;
	case MSG_RUN_WARNING:
		out_note(&report->out, show_note(&report->pending, event, report->options.color));
		break;
	case MSG_RUN_WORKER_JOINED: report->slots += event->slots; break;
	case MSG_RUN_WORKER_LEFT: worker_left(report, event); break;
	default: break;
	}
}

static void put_line(struct report *report, size_t columns, struct buf *line)
{
	out_note(&report->out,
		 buf_put_str(&report->out.buf, escape_cut(buf_str(line), columns - 1)));
	out_note(&report->out, buf_puts(&report->out.buf, "\n"));
	report->panel_lines++;
	buf_clear(line);
}

static void erase_panel(struct report *report)
{
	if (report->panel_lines)
		out_note(&report->out,
			 buf_printf(&report->out.buf, "\033[%zuA\r\033[J", report->panel_lines));
	report->panel_lines = 0;
}

/* Microseconds to go, 0 unknown: by estimates where the listing gave them, else by the count. */
static uint64_t time_left(const struct report *report, uint64_t total)
{
	const struct tally *tally = summary_tally(report->summary);
	uint64_t elapsed_us = report->now_us - report->began_us;
	if (report->estimated_us && report->slots) {
		double left = report->estimated_us > report->done_estimated_us
				      ? (double)(report->estimated_us - report->done_estimated_us)
				      : 0;
		double drift = report->done_estimated_us ? (double)report->done_actual_us /
								   (double)report->done_estimated_us
							 : 1;
		drift = drift < 0.2 ? 0.2 : drift > 5 ? 5 : drift;
		return (uint64_t)(left * drift / (double)report->slots);
	}
	if (!tally->verdicts || total <= tally->verdicts)
		return 0;
	return (uint64_t)((double)elapsed_us * (double)(total - tally->verdicts) /
			  (double)tally->verdicts);
}

static void put_status(struct report *report, size_t columns, struct buf *line)
{
	const struct tally *tally = summary_tally(report->summary);
	uint64_t total = tally->listed + tally->found, left_us = time_left(report, total);
	char bar[BAR_COLUMNS + 1], took[24];
	size_t full = total ? (size_t)(tally->verdicts * BAR_COLUMNS / total) : 0;
	memset(bar, '-', BAR_COLUMNS);
	memset(bar, '#', full < BAR_COLUMNS ? full : BAR_COLUMNS);
	bar[BAR_COLUMNS] = '\0';
	str_format_duration(took, sizeof(took), report->now_us - report->began_us);
	out_note(&report->out,
		 buf_printf(line, "[%s] %llu/%llu  %llu running", bar,
			    (unsigned long long)tally->verdicts, (unsigned long long)total,
			    (unsigned long long)report->running.len));
	if (tally_red(tally))
		out_note(&report->out,
			 buf_printf(line, "  %llu failed", (unsigned long long)tally_red(tally)));
	if (tally->flaky)
		out_note(&report->out,
			 buf_printf(line, "  %llu flaky", (unsigned long long)tally->flaky));
	out_note(&report->out, buf_printf(line, "  %s", took));
	if (left_us >= CLOCK_US_PER_S && left_us < 60 * CLOCK_US_PER_S) /* no false precision */
		out_note(&report->out, buf_printf(line, "  about %u s to go",
						  (unsigned)(left_us / CLOCK_US_PER_S)));
	else if (left_us >= CLOCK_US_PER_S)
		out_note(&report->out,
			 buf_printf(line, "  about %s to go",
				    str_format_duration(took, sizeof(took), left_us)));
	put_line(report, columns, line);
}

static void draw_panel(struct report *report)
{
	size_t columns = columns_of(report), shown = report->running.len;
	struct buf line;
	char took[24];
	buf_init(&line, 1 << 16);
	put_status(report, columns, &line);
	if (shown > SHOWN_SLOTS)
		shown = SHOWN_SLOTS;
	for (size_t i = 0; i < shown; i++) {
		const struct running *running = &report->running.items[i];
		str_format_duration(took, sizeof(took), report->now_us - running->since_us);
		out_note(&report->out, buf_printf(&line, "%10s  %s", took, running->label));
		put_line(report, columns, &line);
	}
	buf_done(&line);
	ASSERT(report->panel_lines <= SHOWN_SLOTS + 1);
}

static void scroll(struct report *report)
{
	out_note(&report->out, buf_put_str(&report->out.buf, buf_str(&report->pending)));
	buf_clear(&report->pending);
}

static void bar_tick(struct report *report, uint64_t now_us)
{
	if (!report->began_us)
		report->began_us = now_us;
	report->now_us = now_us;
	for (size_t i = 0; i < report->running.len; i++)
		if (!report->running.items[i].since_us) /* started before the first tick */
			report->running.items[i].since_us = now_us;
	erase_panel(report);
	scroll(report);
	if (!summary_tally(report->summary)->finished)
		draw_panel(report);
	out_flow(&report->out, true);
}

static int bar_close(struct report *report, struct err *err)
{
	erase_panel(report);
	scroll(report);
	out_note(&report->out, summary_print(report->summary, &report->out.buf));
	int r = out_close(&report->out, err);
	while (report->running.len)
		forget(report, report->running.len - 1);
	VEC_DONE(&report->running);
	buf_done(&report->pending);
	summary_free(report->summary);
	free(report);
	return r;
}

const struct report_ops table_bar = {
	.name = "bar",
	.open = bar_open,
	.event = bar_event,
	.tick = bar_tick,
	.close = bar_close,
};
