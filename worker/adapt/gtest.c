// SPDX-License-Identifier: Apache-2.0
/*
 * gtest.c - GoogleTest programs: listed by --gtest_list_tests, run by --gtest_filter, judged by the
 * marker lines on standard output as they come.
 *
 * Markers, and whom they are believed:
 *
 *	idle ──"[ RUN      ] A.b" at a line's start──▶ running A.b
 *	running A.b ──"[       OK ] A.b" (FAILED, SKIPPED) anywhere in a line──▶ over A.b
 *	over A.b ──the same again──▶ over A.b, with the later verdict
 *	over A.b ──"[ RUN      ] " or "[----------] " at a line's start, or the end──▶ idle
 *
 * A test may print anything, marker-like lines too, and no newline before the marker that ends it:
 * so an end is believed only for the test that runs, wherever it stands in the line, and only once
 * the framework goes on; a start only while nothing runs. A test of the filter's overreach that is
 * not in the step passes through the same states under a name nobody asked for.
 *
 * The JSON result, written when the program ends, decides only for cases whose markers were lost (a
 * test that closed its standard output). An exit code that no failed case explains (a leak checker,
 * a global tear-down) becomes a found case named "exit". Not here: crashes, which the worker blames
 * on the case that runs.
 */
#include "worker/adapt/adapt.h"
#include "worker/adapt/args.h"
#include "worker/adapt/jdoc.h"
#include "worker/adapt/lines.h"
#include "worker/adapt/listing.h"
#include "worker/adapt/step.h"
#include "worker/adapt/text.h"

#include "protocol/base/assert.h"
#include "protocol/wire/limits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RESULT_FILE "gtest.json"
#define FLAG_FILE   "gtest.flags"

/* What a caller's environment may hold that would change which tests run or what they print. */
static const char *const env_removed[] = {
	"GTEST_TOTAL_SHARDS",
	"GTEST_SHARD_INDEX",
	"GTEST_SHARD_STATUS_FILE",
	"GTEST_FILTER",
	"GTEST_OUTPUT",
	"GTEST_REPEAT",
	"GTEST_SHUFFLE",
	"GTEST_ALSO_RUN_DISABLED_TESTS",
	"GTEST_FAIL_FAST",
	"GTEST_BRIEF",
	"GTEST_FLAGFILE",
	"GTEST_COLOR",
	"GTEST_PRINT_TIME",
	"GTEST_LIST_TESTS",
	"GTEST_STREAM_RESULT_TO",
	"TESTBRIDGE_TEST_ONLY",
	NULL,
};

struct gtest_parser {
	struct step step;
	struct lines lines;
	struct buf running;   /* full name of the test that runs, ours or not; empty: idle */
	ptrdiff_t index;      /* of it in the step, or STEP_NONE */
	bool explaining;      /* lines belong to a failure's or skip's text */
	bool over;	      /* its end was seen, and nothing yet that proves it to be the end */
	enum outcome outcome; /* when over */
	uint64_t duration_us; /* when over */
	struct buf message;   /* of the running test, or of the set-up outside any */
	struct buf global; /* failures outside any test: set-up and tear-down of suites and of the
			      environment */
};

/* ---- listing ---- */

static int list_command(const struct adapt_program *program, struct arena *arena,
			struct adapt_command *ret_command, struct err *err)
{
	struct args args;
	args_init(&args, arena);
	args_program(&args, program);
	args_add(&args, "--gtest_list_tests");
	args_add(&args, "--gtest_color=no");
	args_printf(&args, "--gtest_output=json:%.*s/" RESULT_FILE, STR_ARG(program->scratch));
	*ret_command = (struct adapt_command){
		.argv = args_take(&args),
		.env = (const char **)env_removed,
		.result_file = RESULT_FILE,
	};
	if (!ret_command->argv)
		return err_set(err, -ENOMEM, "no memory for the command that lists %.*s",
			       STR_ARG(program->path));
	return 1;
}

/* GoogleTest's own rule: "DISABLED_*:*" "/DISABLED_*", on suite or test. */
static bool is_disabled(struct str part)
{
	return str_starts(part, STR_LIT("DISABLED_")) || str_find(part, STR_LIT("/DISABLED_")) >= 0;
}

static int add_case(struct listing *listing, struct str suite, struct str name)
{
	struct buf full;
	buf_init(&full, LIMIT_DETAIL_BYTES);
	int r = buf_put_str(&full, suite);
	if (r == 0)
		r = buf_puts(&full, ".");
	if (r == 0)
		r = buf_put_str(&full, name);
	if (r < 0)
		err_set(listing->err, r, "a test's name is longer than %d bytes",
			LIMIT_DETAIL_BYTES);
	else
		r = listing_add(listing,
				&(struct adapt_case){ .name = buf_str(&full),
						      .detail = buf_str(&full),
						      .disabled = is_disabled(suite) ||
								  is_disabled(name) },
				NULL);
	buf_done(&full);
	return r;
}

/*
 * A name as the text list has it: up to the comment "  # TypeParam = ...". False when it is no
 * name.
 */
static bool cut_name(struct str line, struct str *ret_name)
{
	ptrdiff_t comment = str_find(line, STR_LIT("  # "));
	struct str name = comment < 0 ? line : (struct str){ line.data, (size_t)comment };
	*ret_name = name;
	return name.len && !memchr(name.data, ' ', name.len) && !memchr(name.data, '\t', name.len);
}

/*
 * "Suite.  # TypeParam = T" and "  case  # GetParam() = ..."; what a main() prints around it is
 * passed over.
 */
static int parse_text(struct listing *listing, struct str out)
{
	struct str line, name, suite = { 0 };
	int r = 0;
	while (r == 0 && str_line(&out, &line)) {
		if (str_starts(line, STR_LIT("  "))) {
			if (suite.len &&
			    cut_name((struct str){ line.data + 2, line.len - 2 }, &name))
				r = add_case(listing, suite, name);
		} else if (cut_name(line, &name) && str_ends(name, STR_LIT("."))) {
			suite = (struct str){ name.data, name.len - 1 };
		}
	}
	return r;
}

static int parse_json(struct listing *listing, const struct jdoc_node *suites)
{
	const struct jdoc_node *suite, *test;
	int r = 0;
	for (size_t i = 0; r == 0 && (suite = jdoc_at(suites, i)); i++) {
		const struct jdoc_node *tests = jdoc_get(suite, "testsuite");
		struct str suite_name = jdoc_str(jdoc_get(suite, "name"));
		for (size_t j = 0; r == 0 && (test = jdoc_at(tests, j)); j++) {
			struct str name = jdoc_str(jdoc_get(test, "name"));
			if (suite_name.len && name.len)
				r = add_case(listing, suite_name, name);
		}
	}
	return r;
}

static int list_parse(const struct adapt_program *program, struct str out,
		      const struct adapt_exit *how, struct arena *arena, struct adapt_cases *cases,
		      struct err *err)
{
	struct listing listing;
	size_t before = cases->len;
	int r = listing_check(program, how, out, err);
	if (r < 0)
		return r;
	listing_init(&listing, arena, cases, err);
	struct jdoc *doc = how->result.len ? jdoc_new(how->result, NULL) : NULL;
	const struct jdoc_node *suites = jdoc_get(jdoc_root(doc), "testsuites");
	r = jdoc_at(suites, 0) ? parse_json(&listing, suites) : parse_text(&listing, out);
	jdoc_free(doc);
	listing_done(&listing);
	if (r < 0)
		return err_wrap(err, "cannot list %.*s", STR_ARG(program->path));
	if (cases->len == before && !doc && str_trim(out).len)
		return listing_refuse(program, "GoogleTest cases", out, err);
	return 0;
}

/* ---- running ---- */

/* A pattern that matches `name`: the filter's own signs in it match as any one byte. */
static void put_pattern(struct buf *filter, struct str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.data[i];
		buf_append(filter, c == ':' || c == '*' || c == '-' ? "?" : &c, 1);
	}
}

/*
 * The filter in the arena, or NULL on no memory. Cases that would pass `cap` bytes are left; *ret_n
 * tells how many fit.
 */
static const char *make_filter(const struct adapt_case *cases, size_t n, struct arena *arena,
			       size_t cap, size_t *ret_n)
{
	struct buf filter;
	size_t i;
	buf_init(&filter, cap);
	for (i = 0; i < n; i++) {
		if (i && filter.len + cases[i].detail.len + 1 > cap)
			break;
		if (i)
			buf_puts(&filter, ":");
		put_pattern(&filter, cases[i].detail);
	}
	*ret_n = i;
	const char *copy = i ? arena_copy(arena, buf_str(&filter)) : NULL;
	buf_done(&filter);
	return copy;
}

/* The filter as an argument when it is short, else through a file of flags. */
static int add_filter(struct args *args, const struct adapt_program *program, const char *filter,
		      struct adapt_command *command)
{
	if (strlen(filter) < ARGS_BYTES) {
		args_printf(args, "--gtest_filter=%s", filter);
		return 0;
	}
	struct adapt_file *file = arena_alloc(args->arena, sizeof(*file));
	const char *content = arena_printf(args->arena, "--gtest_filter=%s\n", filter);
	if (!file || !content)
		return -ENOMEM;
	*file = (struct adapt_file){ .name = FLAG_FILE, .content = str_of(content) };
	command->files = file;
	command->n_files = 1;
	args_printf(args, "--gtest_flagfile=%.*s/" FLAG_FILE, STR_ARG(program->scratch));
	return 0;
}

static ptrdiff_t run_command(const struct adapt_program *program, const struct adapt_case *cases,
			     size_t n, struct arena *arena, struct adapt_command *ret_command,
			     struct err *err)
{
	enum { FILTER_BYTES = 4 << 20 };
	struct args args;
	struct adapt_command command = { .env = (const char **)env_removed,
					 .result_file = RESULT_FILE };
	size_t covered = 0;
	ASSERT(n > 0);
	args_init(&args, arena);
	args_program(&args, program);
	const char *filter = make_filter(cases, n, arena, FILTER_BYTES, &covered);
	if (filter && add_filter(&args, program, filter, &command) == 0) {
		args_add(&args, "--gtest_color=no");
		args_add(&args, "--gtest_print_time=1");
		args_printf(&args, "--gtest_output=json:%.*s/" RESULT_FILE,
			    STR_ARG(program->scratch));
		command.argv = args_take(&args);
	}
	if (!command.argv)
		return err_set(err, -ENOMEM, "no memory for a filter of %zu cases", n);
	*ret_command = command;
	return (ptrdiff_t)covered;
}

/* ---- reading ---- */

static void parser_free(struct adapt_parser *base)
{
	struct gtest_parser *parser = (struct gtest_parser *)base;
	if (!parser)
		return;
	step_done(&parser->step);
	lines_done(&parser->lines);
	buf_done(&parser->running);
	buf_done(&parser->message);
	buf_done(&parser->global);
	free(parser);
}

static struct str full_name(const struct adapt_case *one)
{
	return one->detail;
}

static struct adapt_parser *parser_new(const struct adapt_program *program,
				       const struct adapt_case *cases, size_t n,
				       const struct adapt_sink *sink)
{
	(void)program;
	struct gtest_parser *parser = calloc(1, sizeof(*parser));
	if (!parser)
		return NULL;
	parser->index = STEP_NONE;
	lines_init(&parser->lines, true);
	buf_init(&parser->running, LIMIT_DETAIL_BYTES);
	buf_init(&parser->message, TEXT_MESSAGE_BYTES);
	buf_init(&parser->global, TEXT_MESSAGE_BYTES);
	if (step_init(&parser->step, cases, n, sink, full_name) < 0) {
		parser_free((struct adapt_parser *)parser);
		return NULL;
	}
	return (struct adapt_parser *)parser;
}

static const struct {
	struct str text;
	enum outcome outcome;
} ends[] = {
	{ { "[       OK ] ", 13 }, OUTCOME_PASS },
	{ { "[  FAILED  ] ", 13 }, OUTCOME_FAIL },
	{ { "[  SKIPPED ] ", 13 }, OUTCOME_SKIP },
};

/* "(12 ms)" at the end of a line, in microseconds; 0 when there is none. */
static uint64_t duration_of(struct str line)
{
	uint64_t ms;
	if (!str_ends(line, STR_LIT(" ms)")))
		return 0;
	line.len -= 4;
	size_t at = line.len;
	while (at > 0 && line.data[at - 1] != '(')
		at--;
	if (str_parse_u64((struct str){ line.data + at, line.len - at }, 0, UINT64_MAX / 1000,
			  &ms) < 0)
		return 0;
	return ms * 1000;
}

/* Where a marker ends the running test in `line`, or -1; its outcome goes to *ret_outcome. */
static ptrdiff_t find_end(const struct gtest_parser *parser, struct str line,
			  enum outcome *ret_outcome)
{
	struct str name = buf_str(&parser->running);
	for (size_t e = 0; e < sizeof(ends) / sizeof(ends[0]); e++) {
		struct str rest = line;
		ptrdiff_t at;
		while ((at = str_find(rest, ends[e].text)) >= 0) {
			struct str after = { rest.data + at + ends[e].text.len,
					     rest.len - (size_t)at - ends[e].text.len };
			struct str tail = { after.data + name.len, after.len - name.len };
			if (str_starts(after, name) &&
			    (!tail.len || str_starts(tail, STR_LIT(" (")) || tail.data[0] == ',')) {
				*ret_outcome = ends[e].outcome;
				return rest.data + at - line.data;
			}
			rest = after;
		}
	}
	return -1;
}

/* Tell the end of the test that is over. */
static void end_running(struct gtest_parser *parser)
{
	struct str message = parser->outcome == OUTCOME_PASS ? (struct str){ "", 0 }
							     : str_trim(buf_str(&parser->message));
	if (parser->index >= 0)
		step_end(&parser->step, (size_t)parser->index, parser->outcome, parser->duration_us,
			 message);
	parser->index = STEP_NONE;
	parser->explaining = parser->over = false;
	buf_clear(&parser->running);
	buf_clear(&parser->message);
}

static void start_running(struct gtest_parser *parser, struct str name)
{
	parser->explaining = false;
	if (!name.len || buf_put_str(&parser->running, name) < 0)
		return;
	parser->index = step_find(&parser->step, name);
	if (parser->index >= 0)
		step_start(&parser->step, (size_t)parser->index);
}

/* Lines from "file:12: Failure" or "file:12: Skipped" on explain. */
static void explain(struct gtest_parser *parser, struct str line)
{
	bool inside = parser->running.len && !parser->over;
	struct buf *text = inside ? &parser->message : &parser->global;
	if (str_ends(line, STR_LIT(": Failure")) || str_ends(line, STR_LIT(": Skipped")))
		parser->explaining = true;
	else if (str_starts(line, STR_LIT("[")))
		parser->explaining = inside ? parser->explaining : false;
	if (!parser->explaining)
		return;
	text_message(text, line);
	buf_puts(text, "\n");
}

/*
 * A line while a test runs. Its end may be a line of its own making, so the last one counts: those
 * after the first must say how long it took, which the summary of failures does not.
 */
static void take_line_inside(struct gtest_parser *parser, struct str line)
{
	enum outcome outcome;
	ptrdiff_t end = find_end(parser, line, &outcome);
	if (end >= 0 && parser->over && !str_ends(line, STR_LIT(" ms)")))
		end = -1;
	if (end != 0)
		explain(parser, end < 0 ? line : (struct str){ line.data, (size_t)end });
	if (end < 0)
		return;
	parser->over = true;
	parser->explaining = false;
	parser->outcome = outcome;
	parser->duration_us = duration_of(line);
}

static void take_line(struct gtest_parser *parser, struct str line)
{
	struct str run = STR_LIT("[ RUN      ] ");
	bool starts = str_starts(line, run);
	if (parser->over && (starts || str_starts(line, STR_LIT("[----------] "))))
		end_running(parser);
	if (parser->running.len)
		take_line_inside(parser, line);
	else if (starts)
		start_running(parser, (struct str){ line.data + run.len, line.len - run.len });
	else
		explain(parser, line);
}

static void feed(struct adapt_parser *base, enum adapt_stream stream, struct str bytes)
{
	struct gtest_parser *parser = (struct gtest_parser *)base;
	struct str line;
	if (stream != ADAPT_STREAM_OUT)
		return;
	while (lines_next(&parser->lines, &bytes, &line))
		take_line(parser, line);
}

/* ---- the end ---- */

/* "1.234s" in microseconds. */
static uint64_t seconds_of(struct str text)
{
	uint64_t us;
	return str_parse_duration(text, &us) < 0 ? 0 : us;
}

/* The verdict of one case from the result file, for a case whose markers never came. */
static void take_result(struct gtest_parser *parser, size_t index, const struct jdoc_node *test,
			bool none_started)
{
	struct str failure = jdoc_str(jdoc_get(jdoc_at(jdoc_get(test, "failures"), 0), "failure"));
	struct str result = jdoc_str(jdoc_get(test, "result"));
	uint64_t duration_us = seconds_of(jdoc_str(jdoc_get(test, "time")));
	struct buf message;
	if (!str_eq(jdoc_str(jdoc_get(test, "status")), STR_LIT("RUN")))
		return;
	buf_init(&message, TEXT_MESSAGE_BYTES);
	text_message(&message, failure.len ? failure : str_trim(buf_str(&parser->global)));
	if (failure.len)
		step_end(&parser->step, index, OUTCOME_FAIL, duration_us, buf_str(&message));
	else if (none_started || str_eq(result, STR_LIT("SKIPPED")))
		step_end(&parser->step, index, OUTCOME_SKIP, duration_us, buf_str(&message));
	else
		step_end(&parser->step, index, OUTCOME_PASS, duration_us, (struct str){ "", 0 });
	buf_done(&message);
}

static void take_suite(struct gtest_parser *parser, const struct jdoc_node *suite,
		       bool none_started)
{
	struct str suite_name = jdoc_str(jdoc_get(suite, "name"));
	const struct jdoc_node *test, *tests = jdoc_get(suite, "testsuite");
	struct buf full;
	buf_init(&full, LIMIT_DETAIL_BYTES);
	for (size_t i = 0; (test = jdoc_at(tests, i)); i++) {
		buf_clear(&full);
		buf_put_str(&full, suite_name);
		buf_puts(&full, ".");
		buf_put_str(&full, jdoc_str(jdoc_get(test, "name")));
		ptrdiff_t index = step_find(&parser->step, buf_str(&full));
		if (index >= 0 && !step_has_ended(&parser->step, (size_t)index))
			take_result(parser, (size_t)index, test, none_started);
	}
	buf_done(&full);
}

/*
 * A set-up of the whole environment that skips starts no test, and the result file calls them all
 * completed.
 */
static void take_results(struct gtest_parser *parser, struct str result)
{
	bool none_started = parser->step.n_started == 0 &&
			    str_find(buf_str(&parser->global), STR_LIT(": Skipped")) >= 0;
	const struct jdoc_node *suite;
	if (parser->step.n_ended == parser->step.n || !result.len)
		return;
	struct jdoc *doc = jdoc_new(result, NULL);
	const struct jdoc_node *suites = jdoc_get(jdoc_root(doc), "testsuites");
	for (size_t i = 0; (suite = jdoc_at(suites, i)); i++)
		take_suite(parser, suite, none_started);
	jdoc_free(doc);
}

static void finish(struct adapt_parser *base, const struct adapt_exit *how)
{
	struct gtest_parser *parser = (struct gtest_parser *)base;
	struct str line;
	if (lines_last(&parser->lines, &line))
		take_line(parser, line);
	if (parser->over)
		end_running(parser);
	if (how->killed || how->signalled)
		return;
	take_results(parser, how->result);
	step_exit(&parser->step, how->code,
		  parser->global.len ? buf_str(&parser->global) : how->errors);
}

const struct adapt_ops adapt_gtest = {
	.name = "gtest",
	.process_per_case = false,
	.list_command = list_command,
	.list_parse = list_parse,
	.run_command = run_command,
	.parser_new = parser_new,
	.feed = feed,
	.finish = finish,
	.parser_free = parser_free,
};
