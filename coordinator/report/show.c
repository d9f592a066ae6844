// SPDX-License-Identifier: Apache-2.0
/*
 * show.c - the wording of the terminal. What comes from tests is escaped here and nowhere later; an
 * output longer than a screenful shows its end, because that is where failures speak.
 */
#include "coordinator/report/show.h"

#include "coordinator/report/tally.h"
#include "protocol/base/assert.h"
#include "protocol/base/escape.h"

#include <stdio.h>
#include <string.h>

enum { SHOWN_LINES = 200, SHOWN_BYTES = 64 << 10 };

static const struct {
	const char *word;
	enum show_style style;
} words[OUTCOME_MAX] = {
	[OUTCOME_PASS] = { "PASS", SHOW_GREEN },  [OUTCOME_FAIL] = { "FAIL", SHOW_RED },
	[OUTCOME_SKIP] = { "SKIP", SHOW_DIM },	  [OUTCOME_TIMEOUT] = { "TIMEOUT", SHOW_RED },
	[OUTCOME_OOM] = { "OOM", SHOW_RED },	  [OUTCOME_CRASH] = { "CRASH", SHOW_RED },
	[OUTCOME_LEAK] = { "LEAK", SHOW_YELLOW }, [OUTCOME_ERROR] = { "ERROR", SHOW_RED },
	[OUTCOME_LOST] = { "LOST", SHOW_RED },	  [OUTCOME_NOTRUN] = { "NOTRUN", SHOW_YELLOW },
};

static const char *const codes[] = {
	[SHOW_PLAIN] = "",	   [SHOW_BOLD] = "\033[1m",   [SHOW_DIM] = "\033[2m",
	[SHOW_GREEN] = "\033[32m", [SHOW_RED] = "\033[1;31m", [SHOW_YELLOW] = "\033[33m",
	[SHOW_CYAN] = "\033[36m",
};

const char *show_word(enum outcome outcome)
{
	ASSERT(outcome < OUTCOME_MAX);
	return words[outcome].word;
}

enum show_style show_style_of(enum outcome outcome)
{
	ASSERT(outcome < OUTCOME_MAX);
	return words[outcome].style;
}

int show_text(struct buf *buf, enum show_style style, struct str text, bool color)
{
	bool styled = color && style != SHOW_PLAIN && text.len;
	int r = styled ? buf_puts(buf, codes[style]) : 0;
	if (r == 0)
		r = escape_terminal(buf, text, false);
	return r == 0 && styled ? buf_puts(buf, "\033[0m") : r;
}

int show_id(struct buf *buf, const struct msg_run_event *event, bool color)
{
	int r = show_text(buf, SHOW_PLAIN, event->suite, color);
	if (r == 0)
		r = buf_puts(buf, "::");
	if (r == 0)
		r = show_text(buf, SHOW_CYAN, event->program, color);
	if (r == 0 && event->name.len)
		r = buf_puts(buf, "::");
	return r == 0 ? show_text(buf, SHOW_BOLD, event->name, color) : r;
}

/* What the line says behind the name; nothing for a plain pass. */
static int put_remarks(struct buf *buf, const struct msg_run_event *event)
{
	struct buf reason;
	int r = 0;
	if (event->outcome != OUTCOME_PASS || event->message.len) {
		buf_init(&reason, LIMIT_TEXT_BYTES + 64);
		r = tally_reason(&reason, event);
		bool news = !str_eq(buf_str(&reason),
				    str_of(outcome_name((enum outcome)event->outcome)));
		if (r == 0 && news)
			r = buf_puts(buf, ": ");
		if (r == 0 && news)
			r = escape_terminal(buf, buf_str(&reason), false);
		buf_done(&reason);
	}
	if (r == 0 && event->kind == MSG_RUN_CASE_RETRIED)
		r = buf_printf(buf, " (attempt %u, trying again)", (unsigned)event->attempt);
	else if (r == 0 && event->flaky)
		r = buf_printf(buf, " (flaky: attempt %u)", (unsigned)event->attempt);
	else if (r == 0 && event->attempt > 1)
		r = buf_printf(buf, " (attempt %u)", (unsigned)event->attempt);
	if (r == 0 && event->quarantined)
		r = buf_puts(buf, " (quarantined)");
	return r;
}

bool show_matters(const struct msg_run_event *event)
{
	enum outcome outcome = (enum outcome)event->outcome;
	return event->kind == MSG_RUN_CASE_SLOW || event->flaky || outcome == OUTCOME_LEAK ||
	       (outcome_is_red(outcome) && outcome != OUTCOME_NOTRUN);
}

int show_verdict(struct buf *buf, const struct msg_run_event *event, bool color)
{
	char took[24], word[16];
	enum outcome outcome = (enum outcome)event->outcome;
	bool slow = event->kind == MSG_RUN_CASE_SLOW;
	enum show_style style = slow || event->quarantined ? SHOW_YELLOW : show_style_of(outcome);
	str_format_duration(took, sizeof(took), event->duration_us);
	snprintf(word, sizeof(word), "%-7s", slow ? "SLOW" : show_word(outcome));
	int r = show_text(buf, style, str_of(word), color);
	if (r == 0)
		r = buf_printf(buf, "%c%9s  ", slow ? '>' : ' ', took);
	if (r == 0)
		r = show_id(buf, event, color);
	if (r == 0)
		r = put_remarks(buf, event);
	return r == 0 ? buf_puts(buf, "\n") : r;
}

/* The last lines of text, and how many are left out. */
static struct str tail_of(struct str text, size_t *ret_dropped)
{
	size_t start = text.len > SHOWN_BYTES ? text.len - SHOWN_BYTES : 0, at = text.len,
	       lines = 0;
	while (at > start && lines < SHOWN_LINES) {
		at--;
		if (at == start || text.data[at - 1] == '\n')
			lines++;
	}
	size_t dropped = 0;
	for (size_t i = 0; i < at; i++)
		dropped += text.data[i] == '\n';
	*ret_dropped = at ? dropped + (dropped == 0) : 0;
	return (struct str){ text.data + at, text.len - at };
}

static int put_block(struct buf *buf, const char *title, struct str text, bool color)
{
	size_t dropped;
	struct str rest = tail_of(text, &dropped), line;
	if (!text.len)
		return 0;
	int r = buf_puts(buf, "    ");
	if (r == 0)
		r = show_text(buf, SHOW_DIM, str_of(title), color);
	if (r == 0 && dropped)
		r = buf_printf(buf, " (%zu lines before these are in the report files)", dropped);
	if (r == 0)
		r = buf_puts(buf, "\n");
	while (r == 0 && str_line(&rest, &line)) {
		r = buf_puts(buf, "    | ");
		if (r == 0)
			r = escape_terminal(buf, line, true);
		if (r == 0)
			r = buf_puts(buf, "\n");
	}
	return r;
}

int show_output(struct buf *buf, const struct msg_run_event *event, bool color)
{
	struct str message = str_trim(event->message), first;
	int r = 0;
	str_line(&message, &first); /* show_verdict has shown it */
	if (message.len)
		r = put_block(buf, "message", message, color);
	if (r == 0)
		r = put_block(buf, "stdout", event->out, color);
	if (r == 0)
		r = put_block(buf, "stderr", event->err, color);
	if (r == 0 && event->dropped_bytes)
		r = buf_printf(buf, "    (%llu bytes of output beyond the cap were not kept)\n",
			       (unsigned long long)event->dropped_bytes);
	return r;
}

static int put_worker(struct buf *buf, const struct msg_run_event *event, bool color)
{
	bool joined = event->kind == MSG_RUN_WORKER_JOINED;
	int r = buf_puts(buf, "worker ");
	if (r == 0)
		r = show_text(buf, SHOW_BOLD, event->worker, color);
	if (r == 0 && joined)
		r = buf_printf(buf, " joined with %llu slots", (unsigned long long)event->slots);
	else if (r == 0)
		r = buf_puts(buf, event->message.len ? " left: " : " left");
	if (r == 0 && !joined)
		r = escape_terminal(buf, event->message, false);
	return r;
}

int show_note(struct buf *buf, const struct msg_run_event *event, bool color)
{
	int r = 0;
	switch (event->kind) {
	case MSG_RUN_WARNING: r = show_text(buf, SHOW_YELLOW, STR_LIT("warning:"), color); break;
	case MSG_RUN_WORKER_JOINED:
	case MSG_RUN_WORKER_LEFT:
		r = put_worker(buf, event, color);
		return r == 0 ? buf_puts(buf, "\n") : r;
	default: ASSERT_NOT_REACHED();
	}
	if (r == 0)
		r = buf_puts(buf, " ");
	if (r == 0)
		r = escape_terminal(buf, str_trim(event->message), true);
	return r == 0 ? buf_puts(buf, "\n") : r;
}
