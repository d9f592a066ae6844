// SPDX-License-Identifier: Apache-2.0
/*
 * github.c - for GitHub Actions: an ::error or ::warning annotation per failure on the given stream
 * (the job's log), and a table in the step summary file that $GITHUB_STEP_SUMMARY names. GitHub
 * shows ten annotations of a kind per step, so no more than ANNOTATIONS_MAX are written.
 */
#include "coordinator/report/out.h"
#include "coordinator/report/table.h"
#include "coordinator/report/tally.h"
#include "protocol/base/escape.h"
#include "protocol/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

enum {
	ANNOTATIONS_MAX = 50,
	SUMMARY_BYTES_MAX = 1 << 20, /* GitHub takes no more */
	ROWS_MAX = 200,
};

struct report {
	struct out out;
	struct tally tally;
	struct buf rows; /* of the table of failures */
	size_t annotations, n_rows;
	struct msg_run_event end;
};

static int github_open(const struct report_options *options, struct report **ret_report,
		       struct err *err)
{
	struct report *report = calloc(1, sizeof(*report));
	if (!report)
		return err_errno(err, -ENOMEM, "opening the annotations for GitHub");
	int r = out_open(&report->out, options->path ? options->path : "-", OUT_STREAM, err);
	if (r < 0) {
		free(report);
		return r;
	}
	buf_init(&report->rows, SUMMARY_BYTES_MAX / 2);
	*ret_report = report;
	return 0;
}

/* A workflow command ends at the line's end and takes %0A for one; in properties : and , are
 * special, too. */
static void put_command(struct out *out, struct str text, bool property)
{
	struct buf safe;
	buf_init(&safe, 16 * LIMIT_TEXT_BYTES);
	out_note(out, escape_terminal(&safe, text, true));
	struct str rest = buf_str(&safe);
	for (size_t i = 0; i < rest.len; i++) {
		char c = rest.data[i];
		if (c == '%' || c == '\n' || (property && (c == ':' || c == ',')))
			out_note(out, buf_printf(&out->buf, "%%%02X", (unsigned)(unsigned char)c));
		else
			out_note(out, buf_append(&out->buf, &c, 1));
	}
	buf_done(&safe);
}

static int put_why(struct buf *text, const struct msg_run_event *event)
{
	const char *outcome = outcome_name((enum outcome)event->outcome);
	if (event->flaky)
		return buf_printf(text, "flaky: passed in attempt %u", (unsigned)event->attempt);
	int r = buf_puts(text, outcome);
	if (r == 0 && event->message.len)
		r = buf_printf(text, ": %.*s", STR_ARG(event->message));
	else if (r == 0 && (event->signal || event->exit_code)) {
		r = buf_puts(text, ": ");
		r = r == 0 ? tally_reason(text, event) : r;
	}
	return r;
}

static void put_annotation(struct report *report, const char *kind,
			   const struct msg_run_event *event)
{
	struct out *out = &report->out;
	struct buf text;
	if (report->annotations++ >= ANNOTATIONS_MAX)
		return;
	buf_init(&text, 2 * LIMIT_TEXT_BYTES + 16 * LIMIT_NAME_BYTES);
	out_note(out, buf_printf(&text, "%.*s::%.*s::%.*s", STR_ARG(event->suite),
				 STR_ARG(event->program), STR_ARG(event->name)));
	out_note(out, buf_printf(&out->buf, "::%s title=", kind));
	put_command(out, buf_str(&text), true);
	buf_clear(&text);
	out_note(out, put_why(&text, event));
	out_note(out, buf_puts(&out->buf, "::"));
	put_command(out, buf_str(&text), false);
	out_note(out, buf_puts(&out->buf, "\n"));
	buf_done(&text);
}

/* A cell of a Markdown table: one line, HTML and the bar escaped. */
static int put_cell(struct buf *buf, struct str text)
{
	struct buf line;
	buf_init(&line, 8 * LIMIT_TEXT_BYTES);
	struct str piece, rest;
	int r = escape_terminal(&line, text, false);
	rest = (struct str){ buf_text(&line), line.len };
	for (const char *bar = ""; r == 0 && str_split(&rest, '|', &piece); bar = "&#124;") {
		r = buf_puts(buf, bar);
		if (r == 0)
			r = escape_xml(buf, piece);
	}
	buf_done(&line);
	return r;
}

static int put_row(struct buf *rows, const struct msg_run_event *event)
{
	char took[24];
	struct buf reason;
	buf_init(&reason, LIMIT_TEXT_BYTES + 64);
	int r = buf_printf(rows, "| %s | <code>", outcome_name((enum outcome)event->outcome));
	const struct str parts[] = { event->suite, STR_LIT("::"), event->program, STR_LIT("::"),
				     event->name };
	for (size_t i = 0; r == 0 && i < sizeof(parts) / sizeof(parts[0]); i++)
		r = put_cell(rows, parts[i]);
	str_format_duration(took, sizeof(took), event->duration_us);
	if (r == 0)
		r = buf_printf(rows, "</code> | %s | ", took);
	if (r == 0)
		r = tally_reason(&reason, event);
	if (r == 0)
		r = put_cell(rows, buf_str(&reason));
	buf_done(&reason);
	return r == 0 ? buf_puts(rows, " |\n") : r;
}

static void github_event(struct report *report, const struct msg_run_event *event)
{
	bool verdict = event->kind == MSG_RUN_CASE_FINISHED;
	bool red = verdict && tally_is_red(event);
	tally_add(&report->tally, event);
	if (red)
		put_annotation(report, "error", event);
	else if (verdict && (event->flaky || outcome_is_red((enum outcome)event->outcome)))
		put_annotation(report, "warning", event);
	if (red && report->n_rows++ < ROWS_MAX) /* a row that is too long to fit is left out */
		put_row(&report->rows, event);
	if (event->kind == MSG_RUN_FINISHED) {
		report->end = *event;
		report->end.message = (struct str){ 0 };
	}
	out_flow(&report->out, false);
}

static int put_page(const struct report *report, struct buf *page)
{
	const struct tally *tally = &report->tally;
	bool good = tally->finished && !tally_red(tally) && !tally->list_failed;
	char took[24];
	str_format_duration(took, sizeof(took), report->end.makespan_us);
	int r = buf_printf(page, "### paddock: %s\n\n%llu cases in %s",
			   good		     ? "passed"
			   : tally->finished ? "failed"
					     : "did not end in order",
			   (unsigned long long)tally->verdicts, took);
	for (unsigned i = 0; r == 0 && i < OUTCOME_MAX; i++)
		if (tally->outcomes[i])
			r = buf_printf(page, ", %llu %s", (unsigned long long)tally->outcomes[i],
				       outcome_name((enum outcome)i));
	if (r == 0)
		r = buf_puts(page, "\n\n");
	if (r == 0 && report->n_rows)
		r = buf_puts(page, "| outcome | case | took | why |\n|---|---|---|---|\n");
	if (r == 0)
		r = buf_put_str(page, buf_str(&report->rows));
	if (r == 0 && report->n_rows > ROWS_MAX)
		r = buf_printf(page, "\n... and %zu more\n", report->n_rows - ROWS_MAX);
	return r;
}

static int append_page(const struct report *report, const char *path, struct err *err)
{
	struct buf page;
	buf_init(&page, SUMMARY_BYTES_MAX);
	int r = put_page(report, &page);
	FD_CLEANUP int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
	if (r == 0)
		r = fd < 0 ? -errno : fd_write_all(fd, buf_text(&page), page.len);
	buf_done(&page);
	return r < 0 ? err_errno(err, r, "writing the step summary %s", path) : 0;
}

static int github_close(struct report *report, struct err *err)
{
	const char *path = getenv("GITHUB_STEP_SUMMARY");
	int r = path && *path ? append_page(report, path, err) : 0;
	int closed = out_close(&report->out, r < 0 ? NULL : err);
	buf_done(&report->rows);
	free(report);
	return r < 0 ? r : closed;
}

const struct report_ops table_github = {
	.name = "github",
	.open = github_open,
	.event = github_event,
	.close = github_close,
};
