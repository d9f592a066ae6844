// SPDX-License-Identifier: Apache-2.0
/*
 * summary.c - gathers verdicts worth a line at the end. Memory is bounded: KEPT_MAX lines per
 * section (the rest is counted; of cases that did not run NOTRUN_MAX show why), and
 * OUTPUT_BYTES_MAX of outputs, beyond which a failure is listed without its output. The slowest
 * cases are a sorted array of at most `durations` entries.
 */
#include "coordinator/report/summary.h"

#include "coordinator/report/show.h"
#include "protocol/base/arena.h"
#include "protocol/base/assert.h"
#include "protocol/base/escape.h"
#include "protocol/base/vec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	KEPT_MAX = 1000,
	NOTRUN_MAX = 10,
	OUTPUT_BYTES_MAX = 64 << 20,
	DURATIONS_MAX = 10000,
};

struct kept {
	struct msg_run_event *items;
	size_t len, cap;
	size_t left_out;
};

struct summary {
	struct report_options options;
	struct arena arena;
	struct tally tally;
	struct kept failures, notrun, flaky, quarantined;
	struct msg_run_event *slowest; /* longest first */
	size_t n_slowest;
	struct msg_run_event finished;
	char *run;
	uint64_t artifacts, artifacts_left_out;
	struct str artifacts_folder; /* the deepest that holds all of them */
};

struct summary *summary_new(const struct report_options *options)
{
	struct summary *summary = calloc(1, sizeof(*summary));
	if (!summary)
		return NULL;
	summary->options = *options;
	summary->options.path = NULL;
	if (summary->options.durations > DURATIONS_MAX)
		summary->options.durations = DURATIONS_MAX;
	summary->slowest = calloc(summary->options.durations + 1, sizeof(*summary->slowest));
	if (!summary->slowest) {
		free(summary);
		return NULL;
	}
	return summary;
}

void summary_free(struct summary *summary)
{
	if (!summary)
		return;
	VEC_DONE(&summary->failures);
	VEC_DONE(&summary->notrun);
	VEC_DONE(&summary->flaky);
	VEC_DONE(&summary->quarantined);
	arena_done(&summary->arena);
	free(summary->slowest);
	free(summary);
}

static int copy_text(struct summary *summary, struct str *text)
{
	char *copy = text->len ? arena_copy(&summary->arena, *text) : "";
	if (!copy)
		return -ENOMEM;
	text->data = copy;
	return 0;
}

static int copy_event(struct summary *summary, struct msg_run_event *event, bool with_output)
{
	with_output = with_output && summary->arena.total_bytes < OUTPUT_BYTES_MAX;
	event->out = with_output ? event->out : (struct str){ 0 };
	event->err = with_output ? event->err : (struct str){ 0 };
	event->adapter = event->file = (struct str){ 0 };
	struct str *texts[] = { &event->suite,	 &event->program, &event->name, &event->worker,
				&event->message, &event->out,	  &event->err };
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (copy_text(summary, texts[i]) < 0)
			return -ENOMEM;
	return 0;
}

static int keep(struct summary *summary, struct kept *kept, const struct msg_run_event *event)
{
	struct msg_run_event copy = *event;
	bool with_output = summary->options.failure_output == REPORT_OUTPUT_FINAL;
	if (kept->len >= (kept == &summary->notrun ? NOTRUN_MAX : KEPT_MAX)) {
		kept->left_out++;
		return 0;
	}
	if (copy_event(summary, &copy, with_output) < 0)
		return -ENOMEM;
	return VEC_PUSH(kept, copy);
}

/*
 * Names of cases that drop out of the array stay in the arena until the end: at most one per
 * improvement.
 */
static int keep_slow(struct summary *summary, const struct msg_run_event *event)
{
	size_t n = summary->n_slowest, room = summary->options.durations;
	if (!room || (n == room && event->duration_us <= summary->slowest[n - 1].duration_us))
		return 0;
	struct msg_run_event copy = *event;
	copy.message = (struct str){ 0 };
	if (copy_event(summary, &copy, false) < 0)
		return -ENOMEM;
	size_t at = n;
	while (at > 0 && summary->slowest[at - 1].duration_us < copy.duration_us)
		at--;
	memmove(summary->slowest + at + 1, summary->slowest + at, (n - at) * sizeof(copy));
	summary->slowest[at] = copy;
	summary->n_slowest = n < room ? n + 1 : room;
	return 0;
}

static int add_verdict(struct summary *summary, const struct msg_run_event *event)
{
	int r = keep_slow(summary, event);
	if (r == 0 && tally_is_red(event))
		r = keep(summary,
			 event->outcome == OUTCOME_NOTRUN ? &summary->notrun : &summary->failures,
			 event);
	else if (r == 0 && outcome_is_red((enum outcome)event->outcome))
		r = keep(summary, &summary->quarantined, event);
	else if (r == 0 && event->flaky)
		r = keep(summary, &summary->flaky, event);
	return r;
}

static int add_artifact(struct summary *summary, const struct msg_run_event *event)
{
	struct str *folder = &summary->artifacts_folder;
	size_t n = 0;
	if (!event->file.len) {
		summary->artifacts_left_out++;
		return 0;
	}
	if (!summary->artifacts++) {
		folder->data = arena_copy(&summary->arena, event->file);
		folder->len = folder->data ? event->file.len : 0;
	}
	while (n < folder->len && n < event->file.len && folder->data[n] == event->file.data[n])
		n++;
	while (n && folder->data[n - 1] != '/')
		n--;
	folder->len = n;
	return folder->data ? 0 : -ENOMEM;
}

int summary_event(struct summary *summary, const struct msg_run_event *event)
{
	tally_add(&summary->tally, event);
	switch (event->kind) {
	case MSG_RUN_STARTED:
		summary->run = arena_copy(&summary->arena, event->name);
		return summary->run ? 0 : -ENOMEM;
	case MSG_RUN_CASE_FINISHED: return add_verdict(summary, event);
	case MSG_RUN_ARTIFACT: return add_artifact(summary, event);
	case MSG_RUN_FINISHED:
		summary->finished = *event;
		return copy_event(summary, &summary->finished, false);
	default: return 0;
	}
}

const struct tally *summary_tally(const struct summary *summary)
{
	return &summary->tally;
}

const char *summary_run(const struct summary *summary)
{
	return summary->run ? summary->run : "";
}

static int print_kept(const struct summary *summary, struct buf *buf, const char *title,
		      const struct kept *kept)
{
	bool color = summary->options.color;
	int r = 0;
	if (!kept->len)
		return 0;
	r = buf_puts(buf, "\n");
	if (r == 0)
		r = show_text(buf, SHOW_BOLD, str_of(title), color);
	if (r == 0)
		r = buf_printf(buf, " (%zu)\n", kept->len + kept->left_out);
	for (size_t i = 0; r == 0 && i < kept->len; i++) {
		const struct msg_run_event *event = &kept->items[i];
		r = show_verdict(buf, event, color);
		if (r == 0 && summary->options.failure_output == REPORT_OUTPUT_FINAL)
			r = show_output(buf, event, color);
	}
	if (r == 0 && kept->left_out)
		r = buf_printf(buf, "... and %zu more: see the report files\n", kept->left_out);
	return r;
}

static int print_slowest(const struct summary *summary, struct buf *buf)
{
	char took[24];
	int r = summary->n_slowest ? buf_printf(buf, "\nSlowest %zu\n", summary->n_slowest) : 0;
	for (size_t i = 0; r == 0 && i < summary->n_slowest; i++) {
		const struct msg_run_event *event = &summary->slowest[i];
		r = buf_printf(buf, "%17s  ",
			       str_format_duration(took, sizeof(took), event->duration_us));
		if (r == 0)
			r = show_id(buf, event, summary->options.color);
		if (r == 0)
			r = buf_puts(buf, "\n");
	}
	return r;
}

/* "990 passed, 3 failed, ..." */
static int print_counts(const struct summary *summary, struct buf *buf)
{
	static const char *const words[OUTCOME_MAX] = {
		[OUTCOME_PASS] = "passed",	 [OUTCOME_FAIL] = "failed",
		[OUTCOME_SKIP] = "skipped",	 [OUTCOME_TIMEOUT] = "timed out",
		[OUTCOME_OOM] = "out of memory", [OUTCOME_CRASH] = "crashed",
		[OUTCOME_LEAK] = "leaked",	 [OUTCOME_ERROR] = "errors",
		[OUTCOME_LOST] = "lost",	 [OUTCOME_NOTRUN] = "not run",
	};
	const struct tally *tally = &summary->tally;
	const char *between = "";
	int r = buf_printf(buf, "%llu case%s: ", (unsigned long long)tally->verdicts,
			   tally->verdicts == 1 ? "" : "s");
	for (unsigned i = 0; r == 0 && i < OUTCOME_MAX; i++) {
		char text[48];
		if (!tally->outcomes[i])
			continue;
		snprintf(text, sizeof(text), "%llu %s", (unsigned long long)tally->outcomes[i],
			 i == OUTCOME_ERROR && tally->outcomes[i] == 1 ? "error" : words[i]);
		r = buf_puts(buf, between);
		if (r == 0)
			r = show_text(buf, show_style_of((enum outcome)i), str_of(text),
				      summary->options.color);
		between = ", ";
	}
	if (r == 0 && !tally->verdicts)
		r = buf_puts(buf, "nothing ran");
	return r;
}

static int print_extras(const struct tally *tally, struct buf *buf)
{
	const struct {
		uint64_t n;
		const char *word;
	} extras[] = {
		{ tally->flaky, "flaky" },
		{ tally->quarantined, "quarantined" },
		{ tally->slow, "slow" },
		{ tally->found, "found while running" },
		{ tally->retried, tally->retried == 1 ? "attempt repeated" : "attempts repeated" },
		{ tally->list_failed,
		  tally->list_failed == 1 ? "program not listed" : "programs not listed" },
	};
	const char *before = " (";
	int r = 0;
	for (size_t i = 0; r == 0 && i < sizeof(extras) / sizeof(extras[0]); i++) {
		if (!extras[i].n)
			continue;
		r = buf_printf(buf, "%s%llu %s", before, (unsigned long long)extras[i].n,
			       extras[i].word);
		before = ", ";
	}
	return r == 0 && before[0] == ',' ? buf_puts(buf, ")") : r;
}

/* "makespan 12.3 s = 1.03 x the lower bound 11.9 s, bounded by ...; 8 slots, 92% busy" */
static int print_schedule(const struct summary *summary, struct buf *buf)
{
	const struct msg_run_event *end = &summary->finished;
	char took[24], least[24];
	if (!summary->tally.finished || !end->makespan_us || !end->bound_us)
		return 0;
	int r = buf_printf(buf, "Schedule %s, %.2f x the lower bound of %s",
			   str_format_duration(took, sizeof(took), end->makespan_us),
			   (double)end->makespan_us / (double)end->bound_us,
			   str_format_duration(least, sizeof(least), end->bound_us));
	if (r == 0 && end->message.len) {
		r = buf_puts(buf, ", bounded by ");
		if (r == 0)
			r = escape_terminal(buf, end->message, false);
	}
	double slot_us = (double)end->slots * (double)end->makespan_us;
	if (r == 0 && end->slots)
		r = buf_printf(buf, "; %llu slots %.0f%% busy", (unsigned long long)end->slots,
			       100.0 * (double)end->busy_us / slot_us);
	return r == 0 ? buf_puts(buf, "\n") : r;
}

/* "Artifacts 12 files in FOLDER, 3 left out" */
static int print_artifacts(const struct summary *summary, struct buf *buf)
{
	int r = 0;
	if (!summary->artifacts && !summary->artifacts_left_out)
		return 0;
	r = buf_printf(buf, "Artifacts %llu file%s", (unsigned long long)summary->artifacts,
		       summary->artifacts == 1 ? "" : "s");
	if (r == 0 && summary->artifacts)
		r = buf_puts(buf, " in ");
	if (r == 0)
		r = escape_terminal(buf, summary->artifacts_folder, false);
	if (r == 0 && summary->artifacts_left_out)
		r = buf_printf(buf, "; %llu left out (why: --events, --html)",
			       (unsigned long long)summary->artifacts_left_out);
	return r == 0 ? buf_puts(buf, "\n") : r;
}

static int print_hints(const struct summary *summary, struct buf *buf)
{
	bool red = tally_red(&summary->tally) > 0;
	if (!summary->tally.finished)
		return buf_puts(buf, "The run did not end in order: results are incomplete.\n");
	if (!red || !*summary_run(summary))
		return 0;
	return buf_printf(buf, "Rerun these with: paddock run --rerun %s\n", summary_run(summary));
}

int summary_print(const struct summary *summary, struct buf *buf)
{
	bool color = summary->options.color;
	char took[24];
	bool good = summary->tally.finished && !tally_red(&summary->tally) &&
		    !summary->tally.list_failed;
	int r = print_slowest(summary, buf);
	if (r == 0)
		r = print_kept(summary, buf, "Quarantined", &summary->quarantined);
	if (r == 0)
		r = print_kept(summary, buf, "Flaky", &summary->flaky);
	if (r == 0)
		r = print_kept(summary, buf, "Not run", &summary->notrun);
	if (r == 0)
		r = print_kept(summary, buf, "Failures", &summary->failures);
	if (r == 0)
		r = buf_puts(buf, "\n");
	if (r == 0)
		r = show_text(buf, good ? SHOW_GREEN : SHOW_RED, STR_LIT("Summary"), color);
	if (r == 0)
		r = buf_puts(buf, "  ");
	if (r == 0)
		r = print_counts(summary, buf);
	if (r == 0)
		r = print_extras(&summary->tally, buf);
	if (r == 0 && summary->tally.finished)
		r = buf_printf(buf, " in %s",
			       str_format_duration(took, sizeof(took),
						   summary->finished.makespan_us));
	if (r == 0)
		r = buf_puts(buf, "\n");
	if (r == 0)
		r = print_schedule(summary, buf);
	if (r == 0)
		r = print_artifacts(summary, buf);
	return r == 0 ? print_hints(summary, buf) : r;
}
