// SPDX-License-Identifier: Apache-2.0
/*
 * tap.c - TAP: one point per case, sorted, with a YAML block below each that is not a pass. Strings
 * in the block are JSON's, which are YAML's too. A quarantined failure has the to-do directive; a
 * case that never ran is "not ok"; a run that was cut off bails out. It calls itself version 13:
 * nothing here needs 14, and prove takes a 14 for an error.
 */
#include "coordinator/report/collect.h"
#include "coordinator/report/out.h"
#include "coordinator/report/table.h"
#include "protocol/base/escape.h"

#include <errno.h>
#include <stdlib.h>

struct report {
	struct collect *collect;
	struct out out;
};

static int tap_open(const struct report_options *options, struct report **ret_report,
		    struct err *err)
{
	struct report *report = calloc(1, sizeof(*report));
	if (report)
		report->collect = collect_new();
	if (!report || !report->collect) {
		free(report);
		return err_errno(err, -ENOMEM, "writing the report %s", options->path);
	}
	int r = out_open(&report->out, options->path, OUT_WHOLE, err);
	if (r < 0) {
		collect_free(report->collect);
		free(report);
		return r;
	}
	*ret_report = report;
	return 0;
}

static void tap_event(struct report *report, const struct msg_run_event *event)
{
	report->out.begun = true;
	out_note(&report->out, collect_event(report->collect, event));
}

/* A description or reason: one line, with # and \ escaped as TAP 14 asks. */
static void put_words(struct out *out, struct str text)
{
	struct buf line;
	buf_init(&line, 8 * LIMIT_TEXT_BYTES);
	out_note(out, escape_terminal(&line, text, false));
	struct str rest = buf_str(&line);
	for (size_t i = 0; i < rest.len; i++) {
		if (rest.data[i] == '#' || rest.data[i] == '\\')
			out_note(out, buf_puts(&out->buf, "\\"));
		out_note(out, buf_append(&out->buf, rest.data + i, 1));
	}
	buf_done(&line);
}

static void put_string(struct out *out, const char *indent, const char *key, struct str text)
{
	if (!text.len)
		return;
	out_note(out, buf_printf(&out->buf, "%s%s: \"", indent, key));
	out_note(out, escape_json(&out->buf, text));
	out_note(out, buf_puts(&out->buf, "\"\n"));
}

static void put_attempts(struct out *out, const struct collect_case *one)
{
	if (!one->n_attempts)
		return;
	out_note(out, buf_puts(&out->buf, "  attempts:\n"));
	for (size_t i = 0; i < one->n_attempts; i++) {
		const struct msg_run_event *attempt = &one->attempts[i];
		out_note(out, buf_printf(&out->buf, "    - outcome: %s\n",
					 outcome_name((enum outcome)attempt->outcome)));
		put_string(out, "      ", "message", attempt->message);
		put_string(out, "      ", "stdout", attempt->out);
		put_string(out, "      ", "stderr", attempt->err);
	}
}

static void put_details(struct out *out, const struct collect_case *one)
{
	const struct msg_run_event *event = one->verdict;
	char name[24];
	out_note(out, buf_puts(&out->buf, "  ---\n"));
	out_note(out, buf_printf(&out->buf, "  outcome: %s\n",
				 outcome_name((enum outcome)event->outcome)));
	put_string(out, "  ", "message", event->message);
	out_note(out, buf_printf(&out->buf, "  duration_ms: %llu.%03u\n",
				 (unsigned long long)(event->duration_us / 1000),
				 (unsigned)(event->duration_us % 1000)));
	if (event->signal)
		out_note(out, buf_printf(&out->buf, "  signal: %s\n",
					 tally_signal(name, event->signal)));
	if (event->exit_code)
		out_note(out,
			 buf_printf(&out->buf, "  exit_code: %u\n", (unsigned)event->exit_code));
	put_string(out, "  ", "stdout", event->out);
	put_string(out, "  ", "stderr", event->err);
	put_attempts(out, one);
	out_note(out, buf_puts(&out->buf, "  ...\n"));
}

static void put_directive(struct out *out, const struct msg_run_event *event)
{
	bool red = outcome_is_red((enum outcome)event->outcome);
	if (event->outcome == OUTCOME_SKIP) {
		out_note(out, buf_puts(&out->buf, event->message.len ? " # SKIP " : " # SKIP"));
		put_words(out, event->message);
	} else if (red && event->quarantined) {
		out_note(out, buf_puts(&out->buf, " # TO"
						  "DO quarantined"));
	}
}

static void put_point(struct out *out, size_t number, const struct collect_case *one)
{
	const struct msg_run_event *event = one->verdict;
	bool ok = !outcome_is_red((enum outcome)event->outcome);
	out_note(out, buf_printf(&out->buf, "%s %zu - ", ok ? "ok" : "not ok", number));
	put_words(out, event->suite);
	out_note(out, buf_puts(&out->buf, "::"));
	put_words(out, event->program);
	out_note(out, buf_puts(&out->buf, "::"));
	put_words(out, event->name);
	put_directive(out, event);
	out_note(out, buf_puts(&out->buf, "\n"));
	if (!ok || one->n_attempts || event->outcome == OUTCOME_LEAK)
		put_details(out, one);
	out_flow(out, false);
}

static void put_points(struct report *report)
{
	struct out *out = &report->out;
	struct collect_case one;
	size_t n = 0;
	out_note(out, collect_sort(report->collect));
	if (out->failed)
		return;
	while (collect_nth(report->collect, n, &one))
		n++;
	out_note(out, buf_printf(&out->buf, "TAP version 13\n1..%zu\n", n));
	for (size_t i = 0; collect_nth(report->collect, i, &one); i++)
		put_point(out, i + 1, &one);
	if (!collect_run(report->collect)->finished)
		out_note(out, buf_puts(&out->buf, "Bail out! the run did not end in order\n"));
}

static int tap_close(struct report *report, struct err *err)
{
	if (!report->out.failed)
		put_points(report);
	int r = out_close(&report->out, err);
	collect_free(report->collect);
	free(report);
	return r;
}

const struct report_ops table_tap = {
	.name = "tap",
	.open = tap_open,
	.event = tap_event,
	.close = tap_close,
};
