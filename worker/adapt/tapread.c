// SPDX-License-Identifier: Apache-2.0
/*
 * tapread.c - TAP by the line. The grammar is TAP::Grammar's: "ok" ends at a word boundary, only
 * the first bare "#" opens a directive, "1..0" skips all, a bail-out counts at any indentation. On
 * top of it TAP 14's subtests: a line indented by four blanks or a tab belongs to one and tells
 * nothing here.
 *
 * Invariant: at most one failed point waits for its diagnostics, and whatever line ends them tells
 * it first. Memory is bounded: a line, one message, a few names.
 */
#include "worker/adapt/tapread.h"

#include "protocol/base/assert.h"
#include "worker/adapt/text.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

enum {
	REASON_BYTES = 4 << 10,
	FAILURES_BYTES = 1 << 10,
};

void tapread_init(struct tapread *tap, tapread_fn fn, void *data)
{
	ASSERT(fn);
	*tap = (struct tapread){ .fn = fn, .data = data };
	lines_init(&tap->lines, false);
	buf_init(&tap->reason, REASON_BYTES);
	buf_init(&tap->failures, FAILURES_BYTES);
	buf_init(&tap->description, LINES_BYTES);
	buf_init(&tap->waiting_reason, LINES_BYTES);
	buf_init(&tap->diagnostics, TEXT_MESSAGE_BYTES);
}

void tapread_done(struct tapread *tap)
{
	if (!tap)
		return;
	lines_done(&tap->lines);
	buf_done(&tap->reason);
	buf_done(&tap->failures);
	buf_done(&tap->description);
	buf_done(&tap->waiting_reason);
	buf_done(&tap->diagnostics);
}

static bool is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '_';
}

static struct str skip_bytes(struct str text, size_t n)
{
	return (struct str){ text.data + n, text.len - n };
}

/* Does `text` begin with `word`, in any case? */
static bool starts_fold(struct str text, const char *word)
{
	size_t n = strlen(word);
	return text.len >= n && strncasecmp(text.data, word, n) == 0;
}

/* Digits at the start of `text`. */
static size_t digits(struct str text)
{
	size_t n = 0;
	while (n < text.len && text.data[n] >= '0' && text.data[n] <= '9')
		n++;
	return n;
}

/* A failed point is complete. */
static void tell_waiting(struct tapread *tap)
{
	if (!tap->waiting)
		return;
	struct tapread_point point = {
		.directive = tap->waiting_directive,
		.number = tap->points,
		.description = buf_str(&tap->description),
		.reason = buf_str(&tap->waiting_reason),
		.diagnostics = str_trim(buf_str(&tap->diagnostics)),
	};
	tap->waiting = tap->in_yaml = false;
	tap->fn(tap->data, &point);
}

/* Is `text` "time=6.65ms", which node-tap puts where a directive goes? It is no part of a name: it
 * changes from run to run. */
static bool is_duration(struct str text)
{
	if (!str_starts(text, STR_LIT("time=")) || !str_ends(text, STR_LIT("s")))
		return false;
	size_t end = text.len - (str_ends(text, STR_LIT("ms")) ? 2 : 1);
	for (size_t i = 5; i < end; i++)
		if (text.data[i] != '.' && (text.data[i] < '0' || text.data[i] > '9'))
			return false;
	return end > 5;
}

/* Take the directive, if there is one, off *description. */
static enum tapread_directive cut_directive(struct str *description, struct str *ret_reason)
{
	struct str text = *description;
	size_t at = 0;
	*ret_reason = (struct str){ "", 0 };
	while (at < text.len && text.data[at] != '#')
		at += text.data[at] == '\\' && at + 1 < text.len ? 2 : 1;
	if (at >= text.len)
		return TAPREAD_PLAIN;
	struct str rest = str_trim(skip_bytes(text, at + 1));
	bool skip = starts_fold(rest, "skip");
	if (is_duration(rest))
		*description = str_trim((struct str){ text.data, at });
	if ((!skip && !starts_fold(rest, "todo")) || (rest.len > 4 && is_word(rest.data[4])))
		return TAPREAD_PLAIN;
	*description = str_trim((struct str){ text.data, at });
	*ret_reason = str_trim(skip_bytes(rest, 4));
	return skip ? TAPREAD_SKIP : TAPREAD_TODO;
}

/* The number a point wears, if any, must be its place. Takes it off *text. */
static void check_number(struct tapread *tap, struct str *text)
{
	uint64_t number;
	size_t n = digits(*text);
	if (!n)
		return;
	if (str_parse_u64((struct str){ text->data, n }, 0, UINT64_MAX, &number) < 0)
		number = UINT64_MAX;
	if (number != tap->points && !tap->wrong_expected) {
		tap->wrong_number = number;
		tap->wrong_expected = tap->points;
	}
	*text = str_trim(skip_bytes(*text, n));
}

static void note_failure(struct tapread *tap, struct str description)
{
	tap->failed++;
	if (tap->failures.len > FAILURES_BYTES / 2)
		return;
	if (tap->failures.len)
		buf_puts(&tap->failures, ", ");
	if (!description.len)
		buf_printf(&tap->failures, "%llu", (unsigned long long)tap->points);
	else
		text_message(&tap->failures,
			     (struct str){ description.data,
					   description.len < 200 ? description.len : 200 });
}

static void take_point(struct tapread *tap, bool ok, struct str text)
{
	struct tapread_point point = { .ok = ok };
	tap->points++;
	tap->point_after_late_plan |= tap->plan_late;
	text = str_trim(text);
	check_number(tap, &text);
	if (str_starts(text, STR_LIT("- ")))
		text = str_trim(skip_bytes(text, 2));
	else if (str_eq(text, STR_LIT("-")))
		text.len = 0;
	point.directive = cut_directive(&text, &point.reason);
	point.description = text;
	point.number = tap->points;
	tap->skipped += point.directive == TAPREAD_SKIP;
	if (ok) {
		tap->fn(tap->data, &point);
		return;
	}
	if (point.directive == TAPREAD_PLAIN)
		note_failure(tap, text);
	buf_clear(&tap->description);
	buf_clear(&tap->waiting_reason);
	buf_clear(&tap->diagnostics);
	buf_put_str(&tap->description, text);
	buf_put_str(&tap->waiting_reason, point.reason);
	tap->waiting_directive = point.directive;
	tap->waiting = true;
}

/* "ok" or "not ok", ending at a word boundary. */
static bool try_point(struct tapread *tap, struct str line)
{
	bool ok = !str_starts(line, STR_LIT("not "));
	struct str rest = ok ? line : skip_bytes(line, 4);
	if (!str_starts(rest, STR_LIT("ok")) || (rest.len > 2 && is_word(rest.data[2])))
		return false;
	tell_waiting(tap);
	take_point(tap, ok, skip_bytes(rest, 2));
	return true;
}

static void take_reason(struct tapread *tap, struct str reason)
{
	buf_clear(&tap->reason);
	text_message(&tap->reason, str_trim(reason));
}

/* "1..N", with "# SKIP reason" allowed when N is 0, and by version 13 always. */
static bool try_plan(struct tapread *tap, struct str line)
{
	uint64_t planned;
	if (!str_starts(line, STR_LIT("1..")))
		return false;
	struct str rest = skip_bytes(line, 3);
	size_t n = digits(rest);
	if (!n || str_parse_u64((struct str){ rest.data, n }, 0, UINT64_MAX, &planned) < 0)
		return false;
	struct str tail = str_trim(skip_bytes(rest, n)), word = tail;
	if (str_starts(word, STR_LIT("#")))
		word = str_trim(skip_bytes(word, 1));
	bool skip = tail.len > word.len && starts_fold(word, "skip");
	if (planned && tail.len && !skip && !starts_fold(tail, "todo"))
		return false;
	tell_waiting(tap);
	if (tap->n_plans++ > 0)
		return true;
	tap->planned = planned;
	tap->plan_late = tap->points > 0;
	tap->skip_all = planned == 0 || skip;
	while (skip && word.len && word.data[0] != ' ' && word.data[0] != '\t')
		word = skip_bytes(word, 1);
	if (tap->skip_all)
		take_reason(tap, skip ? word : (struct str){ "", 0 });
	return true;
}

static bool try_bail_out(struct tapread *tap, struct str line)
{
	struct str text = str_trim(line);
	if (!str_starts(text, STR_LIT("Bail out!")))
		return false;
	tell_waiting(tap);
	if (!tap->bailed)
		take_reason(tap, skip_bytes(text, 9));
	tap->bailed = true;
	return true;
}

static void add_diagnostic(struct tapread *tap, struct str line)
{
	text_message(&tap->diagnostics, line);
	buf_puts(&tap->diagnostics, "\n");
}

/* Lines of a failed point's YAML block. False when the line is none. */
static bool try_yaml(struct tapread *tap, struct str line, size_t indent)
{
	struct str text = skip_bytes(line, indent);
	if (tap->in_yaml && (indent || !text.len)) {
		if (str_eq(str_trim(text), STR_LIT("...")))
			tap->in_yaml = false;
		else
			add_diagnostic(tap, line);
		return true;
	}
	tap->in_yaml = false;
	if (!tap->waiting || !indent || indent >= 4 || !str_starts(text, STR_LIT("---")))
		return false;
	tap->in_yaml = true;
	return true;
}

/* A comment: one right behind a failed point explains it, unless it opens or closes something. */
static void take_comment(struct tapread *tap, struct str line)
{
	struct str text = str_trim(skip_bytes(line, 1));
	if (!tap->waiting)
		return;
	if (str_starts(text, STR_LIT("Start of ")) || str_starts(text, STR_LIT("End of ")) ||
	    str_starts(text, STR_LIT("Subtest")))
		tell_waiting(tap);
	else
		add_diagnostic(tap, text);
}

static void take_version(struct tapread *tap, struct str line)
{
	struct str text = str_trim(skip_bytes(line, 3));
	uint64_t version;
	if (!starts_fold(text, "version"))
		return;
	if (str_parse_u64(str_trim(skip_bytes(text, 7)), 0, UINT64_MAX, &version) == 0)
		tap->version = version;
}

static void take_line(struct tapread *tap, struct str line)
{
	size_t indent = 0;
	while (indent < line.len && line.data[indent] == ' ')
		indent++;
	bool tab = indent < line.len && line.data[indent] == '\t';
	if (try_yaml(tap, line, tab ? 4 : indent))
		return;
	if (try_bail_out(tap, line))
		return;
	if (tab || indent >= 4 || indent == line.len)
		return;
	if (indent == 0 && (try_point(tap, line) || try_plan(tap, line)))
		return;
	if (line.data[0] == '#')
		take_comment(tap, line);
	else if (starts_fold(line, "tap"))
		take_version(tap, line);
}

void tapread_feed(struct tapread *tap, struct str bytes)
{
	struct str line;
	while (lines_next(&tap->lines, &bytes, &line))
		take_line(tap, line);
}

void tapread_flush(struct tapread *tap)
{
	tell_waiting(tap);
}

void tapread_finish(struct tapread *tap)
{
	struct str line;
	if (lines_last(&tap->lines, &line))
		take_line(tap, line);
	tell_waiting(tap);
}

static void __attribute__((format(printf, 2, 3)))
add_problem(struct buf *text, const char *fmt, ...)
{
	va_list ap;
	if (text->len)
		buf_puts(text, "; ");
	va_start(ap, fmt);
	buf_vprintf(text, fmt, ap);
	va_end(ap);
}

void tapread_problems(const struct tapread *tap, struct buf *ret_text)
{
	if (!tap->n_plans) {
		add_problem(ret_text, tap->points
					      ? "no plan was printed (1..N)"
					      : "no TAP was printed: neither a plan nor a point");
		return;
	}
	if (tap->n_plans > 1)
		add_problem(ret_text, "%llu plans were printed", (unsigned long long)tap->n_plans);
	if (tap->planned != tap->points && !(tap->skip_all && !tap->points))
		add_problem(ret_text, "%llu points were planned, %llu came",
			    (unsigned long long)tap->planned, (unsigned long long)tap->points);
	if (tap->point_after_late_plan)
		add_problem(ret_text, "the plan stands amid the points");
	if (tap->wrong_expected)
		add_problem(ret_text, "a point says it is number %llu where %llu was due",
			    (unsigned long long)tap->wrong_number,
			    (unsigned long long)tap->wrong_expected);
}
