// SPDX-License-Identifier: Apache-2.0
/*
 * junit.c - JUnit XML in the dialect that Jenkins, GitLab, CircleCI and Surefire's readers share: a
 * testsuite per suite::program, flakyFailure below a case that passed after a retry, rerunFailure
 * below one that did not. Written at the end, sorted, so that it is the same for every order of
 * arrival.
 *
 * Rules: fail, timeout, oom and crash are a <failure>; error, lost and notrun an <error>, because a
 * case that never ran must not look skipped; a quarantined failure is <skipped>, because readers
 * redden a build for anything else. A program that was not listed and a run that was cut off each
 * give an <error> of their own.
 */
#include "coordinator/report/collect.h"
#include "coordinator/report/out.h"
#include "coordinator/report/table.h"
#include "protocol/base/assert.h"
#include "protocol/base/escape.h"

#include <errno.h>
#include <libxml/xmlwriter.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES_MAX = 16 << 20 };

struct report {
	struct collect *collect;
	struct out out;
	struct buf text;	 /* the piece being made safe */
	xmlTextWriterPtr writer; /* while closing */
};

struct counts {
	size_t tests, failures, errors, skipped;
	uint64_t time_us;
};

static int junit_open(const struct report_options *options, struct report **ret_report,
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
	buf_init(&report->text, TEXT_BYTES_MAX);
	*ret_report = report;
	return 0;
}

static void junit_event(struct report *report, const struct msg_run_event *event)
{
	report->out.begun = true;
	out_note(&report->out, collect_event(report->collect, event));
}

/* The writer's functions return bytes written, or -1 for lack of memory. */
static void wrote(struct report *report, int r)
{
	if (r < 0)
		out_note(&report->out, -ENOMEM);
}

static const xmlChar *safe(struct report *report, struct str text)
{
	buf_clear(&report->text);
	out_note(&report->out, escape_text(&report->text, text));
	return (const xmlChar *)buf_text(&report->text);
}

static void start(struct report *report, const char *element)
{
	wrote(report, xmlTextWriterStartElement(report->writer, (const xmlChar *)element));
}

static void end(struct report *report)
{
	wrote(report, xmlTextWriterEndElement(report->writer));
}

static void attribute(struct report *report, const char *name, struct str value)
{
	wrote(report, xmlTextWriterWriteAttribute(report->writer, (const xmlChar *)name,
						  safe(report, value)));
}

static void attribute_number(struct report *report, const char *name, size_t value)
{
	char text[24];
	snprintf(text, sizeof(text), "%zu", value);
	attribute(report, name, str_of(text));
}

static void attribute_time(struct report *report, const char *name, uint64_t us)
{
	char text[40];
	snprintf(text, sizeof(text), "%llu.%06u", (unsigned long long)(us / 1000000),
		 (unsigned)(us % 1000000));
	attribute(report, name, str_of(text));
}

static void content(struct report *report, struct str text)
{
	wrote(report, xmlTextWriterWriteString(report->writer, safe(report, text)));
}

static void element(struct report *report, const char *name, struct str text)
{
	if (!text.len)
		return;
	start(report, name);
	content(report, text);
	end(report);
}

static void property(struct report *report, const char *name, struct str value)
{
	start(report, "property");
	attribute(report, "name", str_of(name));
	attribute(report, "value", value);
	end(report);
}

static void property_number(struct report *report, const char *name, uint64_t value)
{
	char text[24];
	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	property(report, name, str_of(text));
}

static bool is_error(const struct msg_run_event *event)
{
	return event->outcome == OUTCOME_ERROR || event->outcome == OUTCOME_LOST ||
	       event->outcome == OUTCOME_NOTRUN;
}

static bool is_skipped(const struct msg_run_event *event)
{
	bool red = outcome_is_red((enum outcome)event->outcome);
	return event->outcome == OUTCOME_SKIP || (red && event->quarantined);
}

static void count(struct counts *counts, const struct msg_run_event *event)
{
	counts->tests++;
	counts->time_us += event->duration_us;
	if (is_skipped(event))
		counts->skipped++;
	else if (is_error(event))
		counts->errors++;
	else if (outcome_is_red((enum outcome)event->outcome))
		counts->failures++;
}

static void put_counts(struct report *report, const struct counts *counts)
{
	attribute_number(report, "tests", counts->tests);
	attribute_number(report, "failures", counts->failures);
	attribute_number(report, "errors", counts->errors);
	attribute_time(report, "time", counts->time_us);
}

/* "20261122-101112-7f3a" is when the run began: the only time of day in its events. */
static void put_timestamp(struct report *report)
{
	const struct str name = collect_run(report->collect)->name;
	char text[32];
	if (name.len < 15 || name.data[8] != '-' || strspn(name.data, "0123456789") != 8 ||
	    strspn(name.data + 9, "0123456789") != 6)
		return;
	snprintf(text, sizeof(text), "%.4s-%.2s-%.2sT%.2s:%.2s:%.2s", name.data, name.data + 4,
		 name.data + 6, name.data + 9, name.data + 11, name.data + 13);
	attribute(report, "timestamp", str_of(text));
}

static void put_reason(struct report *report, const struct msg_run_event *event)
{
	struct buf reason;
	buf_init(&reason, LIMIT_TEXT_BYTES + 64);
	out_note(&report->out, tally_reason(&reason, event));
	attribute(report, "message", buf_str(&reason));
	buf_done(&reason);
	attribute(report, "type", str_of(outcome_name((enum outcome)event->outcome)));
}

static void put_attempts(struct report *report, const struct collect_case *one)
{
	bool passed = !outcome_is_red((enum outcome)one->verdict->outcome);
	for (size_t i = 0; i < one->n_attempts; i++) {
		const struct msg_run_event *attempt = &one->attempts[i];
		if (passed)
			start(report, is_error(attempt) ? "flakyError" : "flakyFailure");
		else
			start(report, is_error(attempt) ? "rerunError" : "rerunFailure");
		put_reason(report, attempt);
		start(report, "stackTrace"); /* readers want one, even empty */
		content(report, attempt->message);
		end(report);
		element(report, "system-out", attempt->out);
		element(report, "system-err", attempt->err);
		end(report);
	}
}

static void put_skipped(struct report *report, const struct msg_run_event *event)
{
	struct str message = event->message;
	struct buf text;
	buf_init(&text, LIMIT_TEXT_BYTES + 256);
	if (event->outcome != OUTCOME_SKIP) {
		out_note(&report->out, buf_printf(&text, "quarantined, %s: ",
						  outcome_name((enum outcome)event->outcome)));
		out_note(&report->out, tally_reason(&text, event));
		message = buf_str(&text);
	}
	start(report, "skipped");
	if (message.len)
		attribute(report, "message", message);
	end(report);
	buf_done(&text);
}

static void put_result(struct report *report, const struct msg_run_event *event)
{
	if (is_skipped(event)) {
		put_skipped(report, event);
		return;
	}
	if (!outcome_is_red((enum outcome)event->outcome))
		return;
	start(report, is_error(event) ? "error" : "failure");
	put_reason(report, event);
	content(report, event->message);
	end(report);
}

static void put_properties(struct report *report, const struct msg_run_event *event)
{
	bool plain = event->outcome == OUTCOME_PASS || event->outcome == OUTCOME_FAIL ||
		     event->outcome == OUTCOME_SKIP;
	bool peak = event->peak_bytes && event->outcome == OUTCOME_OOM;
	if (plain && event->attempt <= 1 && !event->found)
		return;
	start(report, "properties");
	if (!plain)
		property(report, "paddock.outcome",
			 str_of(outcome_name((enum outcome)event->outcome)));
	if (event->attempt > 1)
		property_number(report, "paddock.attempt", event->attempt);
	if (event->found)
		property(report, "paddock.found", STR_LIT("true"));
	if (peak)
		property_number(report, "paddock.peak_bytes", event->peak_bytes);
	end(report);
}

/* A case's output, and its files as Jenkins' attachments plugin and GitLab look for them. */
static void put_system_out(struct report *report, const struct collect_case *one)
{
	bool any = one->verdict->out.len > 0;
	for (size_t i = 0; i < one->n_artifacts; i++)
		any = any || one->artifacts[i].file.len;
	if (!any)
		return;
	start(report, "system-out");
	content(report, one->verdict->out);
	for (size_t i = 0; i < one->n_artifacts; i++) {
		const struct msg_run_event *file = &one->artifacts[i];
		if (!file->file.len)
			continue;
		content(report, STR_LIT("\n[[ATTACHMENT|"));
		content(report, file->file);
		content(report, STR_LIT("]]"));
	}
	end(report);
}

static void put_case(struct report *report, const struct collect_case *one)
{
	const struct msg_run_event *event = one->verdict;
	struct buf class_name;
	buf_init(&class_name, 2 * LIMIT_NAME_BYTES + 2);
	out_note(&report->out, buf_printf(&class_name, "%.*s::%.*s", STR_ARG(event->suite),
					  STR_ARG(event->program)));
	start(report, "testcase");
	attribute(report, "name", event->name);
	attribute(report, "classname", buf_str(&class_name));
	attribute_time(report, "time", event->duration_us);
	if (event->file.len)
		attribute(report, "file", event->file);
	put_properties(report, event);
	put_result(report, event);
	put_attempts(report, one);
	put_system_out(report, one);
	element(report, "system-err", event->err);
	end(report);
	buf_done(&class_name);
}

/* The cases of one program, from number `first`. Returns the number after the last. */
static size_t put_suite(struct report *report, size_t first)
{
	struct collect_case one, head;
	struct counts counts = { 0 };
	struct buf name;
	size_t i;
	collect_nth(report->collect, first, &head);
	for (i = first; collect_nth(report->collect, i, &one) &&
			collect_same_program(head.verdict, one.verdict);
	     i++)
		count(&counts, one.verdict);
	buf_init(&name, 2 * LIMIT_NAME_BYTES + 2);
	out_note(&report->out, buf_printf(&name, "%.*s::%.*s", STR_ARG(head.verdict->suite),
					  STR_ARG(head.verdict->program)));
	start(report, "testsuite");
	attribute(report, "name", buf_str(&name));
	put_counts(report, &counts);
	attribute_number(report, "skipped", counts.skipped);
	put_timestamp(report);
	for (size_t k = first; k < i; k++) {
		collect_nth(report->collect, k, &one);
		put_case(report, &one);
	}
	end(report);
	buf_done(&name);
	return i;
}

static void put_cut_off(struct report *report)
{
	static const struct msg_run_event lost = {
		.kind = MSG_RUN_CASE_FINISHED,
		.suite = STR_LIT("paddock"),
		.program = STR_LIT("run"),
		.name = STR_LIT("end"),
		.outcome = OUTCOME_ERROR,
		.message = STR_LIT(
			"the run did not end in order: verdicts are missing from this report"),
	};
	struct counts counts = { .tests = 1, .errors = 1 };
	start(report, "testsuite");
	attribute(report, "name", STR_LIT("paddock::run"));
	put_counts(report, &counts);
	attribute_number(report, "skipped", 0);
	put_case(report, &(struct collect_case){ .verdict = &lost });
	end(report);
}

static void put_document(struct report *report)
{
	const struct collect_run *run = collect_run(report->collect);
	struct counts counts = { 0 };
	struct collect_case one;
	for (size_t i = 0; collect_nth(report->collect, i, &one); i++)
		count(&counts, one.verdict);
	counts.tests += !run->finished;
	counts.errors += !run->finished;
	wrote(report, xmlTextWriterSetIndent(report->writer, 1));
	wrote(report, xmlTextWriterStartDocument(report->writer, NULL, "UTF-8", NULL));
	start(report, "testsuites");
	attribute(report, "name", run->name.len ? run->name : STR_LIT("paddock"));
	if (run->finished &&
	    run->end.makespan_us) /* elapsed; the suites say what their cases add up to */
		counts.time_us = run->end.makespan_us;
	put_counts(report, &counts);
	for (size_t i = 0; collect_nth(report->collect, i, &one);)
		i = put_suite(report, i);
	if (!run->finished)
		put_cut_off(report);
	end(report);
	wrote(report, xmlTextWriterEndDocument(report->writer));
}

static int take_bytes(void *context, const char *bytes, int n)
{
	struct report *report = context;
	out_note(&report->out, buf_append(&report->out.buf, bytes, (size_t)n));
	out_flow(&report->out, false);
	return n;
}

static int take_end(void *context)
{
	ASSERT(context);
	return 0;
}

static void write_document(struct report *report)
{
	out_note(&report->out, collect_sort(report->collect));
	xmlOutputBufferPtr buffer = xmlOutputBufferCreateIO(take_bytes, take_end, report, NULL);
	report->writer = buffer ? xmlNewTextWriter(buffer) : NULL;
	if (report->writer) {
		put_document(report);
		xmlFreeTextWriter(report->writer); /* flushes and closes the buffer */
	} else {
		if (buffer)
			xmlOutputBufferClose(buffer);
		out_note(&report->out, -ENOMEM);
	}
}

static int junit_close(struct report *report, struct err *err)
{
	if (!report->out.failed)
		write_document(report);
	int r = out_close(&report->out, err);
	collect_free(report->collect);
	buf_done(&report->text);
	free(report);
	return r;
}

const struct report_ops table_junit = {
	.name = "junit",
	.open = junit_open,
	.event = junit_event,
	.close = junit_close,
};
