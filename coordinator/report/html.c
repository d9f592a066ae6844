// SPDX-License-Identifier: Apache-2.0
/*
 * html.c - one page that needs nothing else: no script, no font, no network; folding is the
 * browser's own. Failures come first and open; passes are folded per program. Same bytes for every
 * order of arrival. Not for a live view: that is the coordinator's own page.
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

static const char head[] =
	"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
	"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
	"'unsafe-inline'\">\n"
	"<meta name=\"viewport\" content=\"width=device-width\"><title>paddock</title>\n<style>\n"
	":root{color-scheme:light dark}\n"
	"body{font:15px/1.4 system-ui,sans-serif;margin:2em auto;max-width:75em;padding:0 1em}\n"
	"h1{font-size:1.3em}h2{font-size:1.1em;margin-top:2em}\n"
	"pre{overflow:auto;max-height:30em;padding:.6em;background:#8881;border-radius:4px}\n"
	"details{margin:.2em 0}summary{cursor:pointer}\n"
	"code{overflow-wrap:anywhere}.n{opacity:.65}\n"
	".o{display:inline-block;min-width:5em;font-weight:600}\n"
	".red{color:#c22}.green{color:#282}.amber{color:#a60}\n"
	"</style></head><body>\n";

static int html_open(const struct report_options *options, struct report **ret_report,
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

static void html_event(struct report *report, const struct msg_run_event *event)
{
	report->out.begun = true;
	out_note(&report->out, collect_event(report->collect, event));
}

static void put(struct out *out, const char *markup)
{
	out_note(out, buf_puts(&out->buf, markup));
}

static void put_text(struct out *out, struct str text)
{
	out_note(out, escape_xml(&out->buf, text));
}

static const char *class_of(const struct msg_run_event *event)
{
	if (tally_is_red(event))
		return "red";
	if (event->outcome == OUTCOME_PASS && !event->flaky)
		return "green";
	return event->outcome == OUTCOME_SKIP ? "n" : "amber";
}

static void put_output(struct out *out, const char *title, struct str text)
{
	if (!text.len)
		return;
	out_note(out, buf_printf(&out->buf, "<div class=n>%s</div><pre>", title));
	put_text(out, text);
	put(out, "</pre>\n");
}

static void put_id(struct out *out, const struct msg_run_event *event)
{
	put(out, "<code>");
	put_text(out, event->suite);
	put(out, "::");
	put_text(out, event->program);
	if (event->name.len) {
		put(out, "::<b>");
		put_text(out, event->name);
		put(out, "</b>");
	}
	put(out, "</code>");
}

/* Outcome, name, time, why: the line of a case. */
static void put_line(struct out *out, const struct msg_run_event *event)
{
	char took[24];
	const char *outcome = outcome_name((enum outcome)event->outcome);
	str_format_duration(took, sizeof(took), event->duration_us);
	out_note(out, buf_printf(&out->buf, "<span class=\"o %s\">%s</span> ", class_of(event),
				 outcome));
	put_id(out, event);
	out_note(out, buf_printf(&out->buf, " <span class=n>%s", took));
	if (event->flaky)
		put(out, ", flaky");
	if (event->quarantined)
		put(out, ", quarantined");
	if (event->found)
		put(out, ", found while running");
	put(out, "</span>");
}

static void put_attempt(struct out *out, const struct msg_run_event *event)
{
	char name[24];
	put_output(out, "message", event->message);
	if (event->signal)
		out_note(out, buf_printf(&out->buf, "<div class=n>%s</div>\n",
					 tally_signal(name, event->signal)));
	if (event->exit_code)
		out_note(out, buf_printf(&out->buf, "<div class=n>exit code %u</div>\n",
					 (unsigned)event->exit_code));
	put_output(out, "stdout", event->out);
	put_output(out, "stderr", event->err);
}

/* A path as a link's target: what a URL could take for something else is encoded. */
static void put_url(struct out *out, struct str path)
{
	for (size_t i = 0; i < path.len; i++) {
		unsigned char c = (unsigned char)path.data[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9') || c == '/' || c == '.' || c == '-' || c == '_';
		out_note(out, plain ? buf_append(&out->buf, &path.data[i], 1)
				    : buf_printf(&out->buf, "%%%02X", c));
	}
}

static void put_artifacts(struct out *out, const struct collect_case *one)
{
	char size[24];
	for (size_t i = 0; i < one->n_artifacts; i++) {
		const struct msg_run_event *file = &one->artifacts[i];
		put(out, "<div>");
		if (file->file.len) {
			put(out, "<a href=\"file://");
			put_url(out, file->file);
			put(out, "\">");
		}
		put_text(out, file->path);
		put(out, file->file.len ? "</a> <span class=n>" : " <span class=n>left out");
		if (file->file.len)
			put(out, str_format_size(size, sizeof(size), file->offset));
		if (file->attempt > 1)
			out_note(out,
				 buf_printf(&out->buf, ", attempt %u", (unsigned)file->attempt));
		put(out, file->message.len ? ": " : "");
		put_text(out, file->message);
		put(out, "</span></div>\n");
	}
}

static bool has_details(const struct collect_case *one)
{
	const struct msg_run_event *event = one->verdict;
	return one->n_attempts || one->n_artifacts || event->message.len || event->out.len ||
	       event->err.len || event->signal || event->exit_code;
}

static void put_case(struct out *out, const struct collect_case *one, bool open)
{
	if (!has_details(one)) {
		put(out, "<div>");
		put_line(out, one->verdict);
		put(out, "</div>\n");
		return;
	}
	put(out, open ? "<details open><summary>" : "<details><summary>");
	put_line(out, one->verdict);
	put(out, "</summary>\n");
	for (size_t i = 0; i < one->n_attempts; i++) {
		out_note(out, buf_printf(&out->buf, "<div class=n>attempt %u: %s</div>\n",
					 (unsigned)one->attempts[i].attempt,
					 outcome_name((enum outcome)one->attempts[i].outcome)));
		put_attempt(out, &one->attempts[i]);
	}
	put_attempt(out, one->verdict);
	put_artifacts(out, one);
	put(out, "</details>\n");
	out_flow(out, false);
}

static void put_head(struct report *report)
{
	const struct collect_run *run = collect_run(report->collect);
	struct out *out = &report->out;
	bool good = run->finished && !tally_red(&run->tally) && !run->tally.list_failed;
	char took[24];
	put(out, head);
	out_note(out, buf_printf(&out->buf, "<h1><span class=%s>%s</span> ", good ? "green" : "red",
				 good		 ? "passed"
				 : run->finished ? "failed"
						 : "did not end in order"));
	put_text(out, run->name);
	str_format_duration(took, sizeof(took), run->end.makespan_us);
	out_note(out, buf_printf(&out->buf, "</h1>\n<p>%llu cases in %s",
				 (unsigned long long)run->tally.verdicts, took));
	for (unsigned i = 0; i < OUTCOME_MAX; i++)
		if (run->tally.outcomes[i])
			out_note(out, buf_printf(&out->buf, ", %llu %s",
						 (unsigned long long)run->tally.outcomes[i],
						 outcome_name((enum outcome)i)));
	if (run->end.bound_us) {
		out_note(out, buf_printf(&out->buf,
					 "; %.2f × the lower bound of the makespan, bounded"
					 " by ",
					 (double)run->end.makespan_us / (double)run->end.bound_us));
		put_text(out, run->end.message);
	}
	put(out, "</p>\n");
}

static void put_red(struct report *report)
{
	struct collect_case one;
	bool any = false;
	for (size_t i = 0; collect_nth(report->collect, i, &one); i++) {
		if (!tally_is_red(one.verdict))
			continue;
		put(&report->out, any ? "" : "<h2>Failures</h2>\n");
		any = true;
		put_case(&report->out, &one, true);
	}
}

/* The cases of one program, folded. Returns the number after the last. */
static size_t put_program(struct report *report, size_t first)
{
	struct out *out = &report->out;
	struct collect_case one, begin;
	uint64_t total_us = 0;
	char took[24];
	size_t i, red = 0;
	collect_nth(report->collect, first, &begin);
	for (i = first; collect_nth(report->collect, i, &one); i++) {
		if (!collect_same_program(begin.verdict, one.verdict))
			break;
		total_us += one.verdict->duration_us;
		red += tally_is_red(one.verdict);
	}
	put(out, "<details><summary><code>");
	put_text(out, begin.verdict->suite);
	put(out, "::");
	put_text(out, begin.verdict->program);
	str_format_duration(took, sizeof(took), total_us);
	out_note(out, buf_printf(&out->buf, "</code> <span class=n>%zu cases, %s</span>", i - first,
				 took));
	if (red)
		out_note(out, buf_printf(&out->buf, " <span class=red>%zu failed</span>", red));
	put(out, "</summary>\n");
	for (size_t k = first; k < i; k++) {
		collect_nth(report->collect, k, &one);
		if (tally_is_red(one.verdict)) { /* its output stands above */
			put(out, "<div>");
			put_line(out, one.verdict);
			put(out, "</div>\n");
		} else {
			put_case(out, &one, false);
		}
	}
	put(out, "</details>\n");
	return i;
}

static void put_page(struct report *report)
{
	struct collect_case one;
	out_note(&report->out, collect_sort(report->collect));
	if (report->out.failed)
		return;
	put_head(report);
	put_red(report);
	put(&report->out, "<h2>All cases</h2>\n");
	for (size_t i = 0; collect_nth(report->collect, i, &one);)
		i = put_program(report, i);
	put(&report->out, "</body></html>\n");
}

static int html_close(struct report *report, struct err *err)
{
	if (!report->out.failed)
		put_page(report);
	int r = out_close(&report->out, err);
	collect_free(report->collect);
	free(report);
	return r;
}

const struct report_ops table_html = {
	.name = "html",
	.open = html_open,
	.event = html_event,
	.close = html_close,
};
