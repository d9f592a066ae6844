// SPDX-License-Identifier: Apache-2.0
/*
 * ctest.c - a build folder with CTestTestfile.cmake: listed once by "ctest --show-only=json-v1",
 * run without ctest, each test a process of its own with the command, environment and folder its
 * properties say, judged by CTest's own rules.
 *
 * Those rules (3.25): PASS_REGULAR_EXPRESSION replaces the exit code; FAIL_REGULAR_EXPRESSION
 * forces a failure; SKIP_RETURN_CODE and SKIP_REGULAR_EXPRESSION skip whatever else is said; then
 * WILL_FAIL turns the verdict round. A crash or timeout stays one under WILL_FAIL.
 *
 * Differences on purpose: a test without executable, and one without its REQUIRED_FILES, is an
 * error that says so. Expressions see standard output and error, at most the first and last 2 MiB;
 * those of TIMEOUT_AFTER_MATCH see what ctest_watch.c keeps.
 * Not honoured: RESOURCE_GROUPS (ctest, too, runs such a test as any other unless it is given a
 * resource file), MEASUREMENT, TIMEOUT_SIGNAL_NAME.
 */
#include "worker/adapt/adapt.h"
#include "worker/adapt/args.h"
#include "worker/adapt/cmregex.h"
#include "worker/adapt/ctest_props.h"
#include "worker/adapt/ctest_watch.h"
#include "worker/adapt/ctest_wrap.h"
#include "worker/adapt/listing.h"
#include "worker/adapt/text.h"

#include "protocol/base/assert.h"
#include "protocol/wire/limits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW_BYTES = 2 << 20 };

struct ctest_parser {
	const struct adapt_sink *sink;
	struct arena arena;
	struct ctest_props props;
	bool has_regex;
	struct ctest_watch watch;
	struct buf head, tail; /* of the output; tail only once head is full */
};

static int list_command(const struct adapt_program *program, struct arena *arena,
			struct adapt_command *ret_command, struct err *err)
{
	struct args args;
	args_init(&args, arena);
	if (program->n_args)
		args_program(&args, program);
	else
		args_add(&args, "ctest");
	args_add(&args, "--show-only=json-v1");
	*ret_command = (struct adapt_command){
		.argv = args_take(&args),
		.cwd = arena_copy(arena, program->path),
	};
	if (!ret_command->argv || !ret_command->cwd)
		return err_set(err, -ENOMEM, "no memory for the command that lists %.*s",
			       STR_ARG(program->path));
	return 1;
}

/* ---- listing ---- */

/* The tests being listed, by the name CTest knows, and who sets up which fixture. */
struct plan {
	struct listing listing;
	const struct jdoc_node *tests;
	struct map by_name; /* raw name to its index in cases */
	size_t first;	    /* index in cases of the first test */
};

static int add_test(struct plan *plan, const struct jdoc_node *test)
{
	struct ctest_props props;
	struct buf detail;
	struct adapt_case *added;
	struct str name = jdoc_str(jdoc_get(test, "name"));
	double timeout = jdoc_number(ctest_props_find(test, "TIMEOUT"), 0);
	double processors = jdoc_number(ctest_props_find(test, "PROCESSORS"), 0);
	buf_init(&detail, LIMIT_DETAIL_BYTES);
	int r = ctest_props_read(test, plan->listing.arena, &props);
	if (r == 0)
		r = ctest_props_put(&detail, &props);
	if (r < 0)
		err_set(plan->listing.err, r,
			"test %.*s: command and properties are longer than %d bytes",
			(int)(name.len < 200 ? name.len : 200), name.data, LIMIT_DETAIL_BYTES);
	struct adapt_case one = {
		.name = name,
		.detail = buf_str(&detail),
		.disabled = jdoc_true(ctest_props_find(test, "DISABLED")),
		.serial = jdoc_true(ctest_props_find(test, "RUN_SERIAL")),
		.processors = processors >= 1 && processors < 4096 ? (uint64_t)processors : 0,
		.timeout_us = timeout > 0 && timeout < 1e9 ? (uint64_t)(timeout * 1e6) : 0,
	};
	if (r == 0)
		r = listing_add(&plan->listing, &one, &added);
	buf_done(&detail);
	if (r == 0 && !map_get(&plan->by_name, name, NULL) &&
	    map_put(&plan->by_name, name, plan->listing.cases->len - 1) < 0)
		r = err_set(plan->listing.err, -ENOMEM, "no memory for a list of tests");
	return r;
}

static size_t count(const struct jdoc_node *array)
{
	size_t n = 0;
	while (jdoc_at(array, n))
		n++;
	return n;
}

static bool contains(const struct jdoc_node *array, struct str word)
{
	const struct jdoc_node *item;
	for (size_t i = 0; (item = jdoc_at(array, i)); i++)
		if (str_eq(jdoc_str(item), word))
			return true;
	return false;
}

/* Strings of a property, copied into the arena. */
static int copy_words(struct plan *plan, const struct jdoc_node *array, size_t max,
		      struct str **ret_words, size_t *ret_n)
{
	size_t n = count(array);
	if (!n)
		return 0;
	if (n > max)
		return err_set(plan->listing.err, -E2BIG,
			       "a test has more than %zu labels or locks", max);
	struct str *words = arena_alloc(plan->listing.arena, n * sizeof(*words));
	for (size_t i = 0; words && i < n; i++) {
		struct str word = jdoc_str(jdoc_at(array, i));
		const char *copy = arena_copy(plan->listing.arena, word);
		words[i] = (struct str){ copy, word.len };
		words = copy ? words : NULL;
	}
	if (!words)
		return err_set(plan->listing.err, -ENOMEM, "no memory for a list of tests");
	*ret_words = words;
	*ret_n = n;
	return 0;
}

/* Does `setup` set up a fixture that `test` requires? */
static bool sets_up(const struct jdoc_node *setup, const struct jdoc_node *required)
{
	const struct jdoc_node *fixture, *fixtures = ctest_props_find(setup, "FIXTURES_SETUP");
	for (size_t i = 0; (fixture = jdoc_at(fixtures, i)); i++)
		if (contains(required, jdoc_str(fixture)))
			return true;
	return false;
}

/* DEPENDS holds the fixtures' edges too, put there by ctest; those that set up what the test
 * requires are needs. */
static int link_test(struct plan *plan, const struct jdoc_node *test, struct adapt_case *one)
{
	const struct jdoc_node *depends = ctest_props_find(test, "DEPENDS");
	const struct jdoc_node *required = ctest_props_find(test, "FIXTURES_REQUIRED");
	size_t n = count(depends);
	int r = copy_words(plan, ctest_props_find(test, "LABELS"), LIMIT_TAGS, &one->tags,
			   &one->n_tags);
	if (r == 0)
		r = copy_words(plan, ctest_props_find(test, "RESOURCE_LOCK"), LIMIT_TAGS,
			       &one->locks, &one->n_locks);
	if (r < 0 || !n)
		return r;
	if (n > LIMIT_LISTED)
		return err_set(plan->listing.err, -E2BIG,
			       "test %.*s depends on %zu tests, %d are allowed", STR_ARG(one->name),
			       n, LIMIT_LISTED);
	one->after = arena_alloc(plan->listing.arena, n * sizeof(*one->after));
	one->needs = arena_alloc(plan->listing.arena, n * sizeof(*one->needs));
	if (!one->after || !one->needs)
		return err_set(plan->listing.err, -ENOMEM, "no memory for a list of tests");
	for (size_t i = 0; i < n; i++) {
		uint64_t index;
		if (!map_get(&plan->by_name, jdoc_str(jdoc_at(depends, i)), &index))
			continue;
		struct str name = plan->listing.cases->items[index].name;
		if (sets_up(jdoc_at(plan->tests, index - plan->first), required))
			one->needs[one->n_needs++] = name;
		else
			one->after[one->n_after++] = name;
	}
	return 0;
}

static int add_tests(struct plan *plan)
{
	const struct jdoc_node *test;
	int r = 0;
	for (size_t i = 0; r == 0 && (test = jdoc_at(plan->tests, i)); i++)
		r = add_test(plan, test);
	for (size_t i = 0; r == 0 && (test = jdoc_at(plan->tests, i)); i++)
		r = link_test(plan, test, &plan->listing.cases->items[plan->first + i]);
	return r;
}

/* The document begins at the first line that opens a brace: test files may print while they are
 * read. */
static struct str cut_document(struct str out)
{
	while (out.len && out.data[0] != '{') {
		const char *newline = memchr(out.data, '\n', out.len);
		if (!newline)
			break;
		out.len -= (size_t)(newline + 1 - out.data);
		out.data = newline + 1;
	}
	while (out.len && out.data[out.len - 1] != '}')
		out.len--;
	return out;
}

static int list_parse(const struct adapt_program *program, struct str out,
		      const struct adapt_exit *how, struct arena *arena, struct adapt_cases *cases,
		      struct err *err)
{
	int r = listing_check(program, how, out, err);
	if (r < 0)
		return r;
	struct str document = cut_document(out);
	if (!document.len)
		return listing_refuse(program, "CTest tests", out, err);
	struct jdoc *doc = jdoc_new(document, err);
	if (!doc)
		return err_wrap(err, "cannot list %.*s: what ctest printed is no JSON",
				STR_ARG(program->path));
	struct plan plan = { .tests = jdoc_get(jdoc_root(doc), "tests"), .first = cases->len };
	listing_init(&plan.listing, arena, cases, err);
	r = add_tests(&plan);
	listing_done(&plan.listing);
	map_done(&plan.by_name);
	jdoc_free(doc);
	return r < 0 ? err_wrap(err, "cannot list %.*s", STR_ARG(program->path)) : 0;
}

/* ---- running ---- */

static ptrdiff_t run_command(const struct adapt_program *program, const struct adapt_case *cases,
			     size_t n, struct arena *arena, struct adapt_command *ret_command,
			     struct err *err)
{
	struct ctest_props props = { 0 };
	struct args args, env;
	(void)program;
	ASSERT(n > 0);
	if (ctest_props_take(cases[0].detail, arena, &props) < 0)
		return err_set(err, -EINVAL, "test %.*s: its listing cannot be read",
			       STR_ARG(cases[0].name));
	if (!props.command.len)
		return err_set(
			err, -ENOENT,
			"test %.*s: ctest found no executable for its command when the build "
			"folder was listed; "
			"build it, then run again",
			STR_ARG(cases[0].name));
	args_init(&args, arena);
	args_init(&env, arena);
	int r = ctest_wrap_command(&props, &args, &env, err);
	if (r < 0)
		return err_wrap(err, "test %.*s", STR_ARG(cases[0].name));
	struct adapt_command command = {
		.argv = args_take(&args),
		.env = args_take(&env),
		.cwd = props.cwd.len ? arena_copy(arena, props.cwd) : NULL,
		.timeout_us = cases[0].timeout_us,
		.limit_moves = props.after.len > 0,
	};
	if (!command.argv || env.failed)
		return err_set(err, -ENOMEM, "no memory for the command of test %.*s",
			       STR_ARG(cases[0].name));
	*ret_command = command;
	return 1;
}

static void parser_free(struct adapt_parser *base)
{
	struct ctest_parser *parser = (struct ctest_parser *)base;
	if (!parser)
		return;
	arena_done(&parser->arena);
	ctest_watch_done(&parser->watch);
	buf_done(&parser->head);
	buf_done(&parser->tail);
	free(parser);
}

static struct adapt_parser *parser_new(const struct adapt_program *program,
				       const struct adapt_case *cases, size_t n,
				       const struct adapt_sink *sink)
{
	(void)program;
	ASSERT(n == 1);
	struct ctest_parser *parser = calloc(1, sizeof(*parser));
	if (!parser)
		return NULL;
	parser->sink = sink;
	buf_init(&parser->head, WINDOW_BYTES);
	buf_init(&parser->tail, 2 * WINDOW_BYTES);
	if (ctest_props_take(cases[0].detail, &parser->arena, &parser->props) < 0) {
		parser_free((struct adapt_parser *)parser);
		return NULL;
	}
	const struct ctest_props *props = &parser->props;
	parser->has_regex = props->pass.len || props->fail.len || props->skip.len;
	ctest_watch_init(&parser->watch, &props->after);
	return (struct adapt_parser *)parser;
}

static void feed(struct adapt_parser *base, enum adapt_stream stream, struct str bytes)
{
	struct ctest_parser *parser = (struct ctest_parser *)base;
	if (stream == ADAPT_STREAM_REPORT)
		return;
	if (ctest_watch_feed(&parser->watch, bytes))
		parser->sink->limited(parser->sink->data, parser->props.after_us);
	if (!parser->has_regex)
		return;
	while (bytes.len) {
		struct buf *into = parser->head.len < WINDOW_BYTES ? &parser->head : &parser->tail;
		size_t room = into->cap_bytes - into->len;
		if (!room) {
			buf_consume(into, WINDOW_BYTES);
			continue;
		}
		size_t n = bytes.len < room ? bytes.len : room;
		if (buf_append(into, bytes.data, n) < 0)
			return;
		bytes.data += n;
		bytes.len -= n;
	}
}

/* ---- judging ---- */

/* The first expression that matches the output, or NULL. */
static const struct str *find_match(const struct ctest_parser *parser,
				    const struct ctest_props_list *list)
{
	for (size_t i = 0; i < list->len; i++)
		if (cmregex_match(list->items[i], buf_str(&parser->head)) ||
		    (parser->tail.len &&
		     cmregex_match_rest(list->items[i], buf_str(&parser->tail))))
			return &list->items[i];
	return NULL;
}

/* Does the test count as failed before WILL_FAIL has its say? Then *why gets the reason. */
static bool has_failed(const struct ctest_parser *parser, int code, struct buf *why)
{
	const struct ctest_props *props = &parser->props;
	const struct str *bad = find_match(parser, &props->fail);
	if (bad) {
		buf_puts(why, "the output matches FAIL_REGULAR_EXPRESSION ");
		text_message(why, *bad);
		return true;
	}
	if (props->pass.len && !find_match(parser, &props->pass)) {
		buf_puts(why, "the output does not match PASS_REGULAR_EXPRESSION ");
		text_message(why, props->pass.items[0]);
		buf_puts(why, props->pass.len > 1 ? " nor the others" : "");
		return true;
	}
	if (props->pass.len || !code)
		return false;
	buf_printf(why, "exit code %d", code);
	return true;
}

/* Was it the wrapper that ended, because a required file is not there? */
static bool is_file_missing(const struct ctest_parser *parser, const struct adapt_exit *how,
			    struct buf *message)
{
	ptrdiff_t said = str_find(how->errors, STR_LIT(CTEST_WRAP_SAYS));
	if (!parser->props.required.len || how->code != CTEST_WRAP_MISSING || said < 0)
		return false;
	struct str rest = { how->errors.data + said, how->errors.len - (size_t)said };
	text_message(message, str_trim(rest));
	return true;
}

static bool is_skipped(const struct ctest_parser *parser, int code, struct buf *message)
{
	const struct ctest_props *props = &parser->props;
	if (props->has_skip_code && props->skip_code == code) {
		buf_printf(message, "exit code %d is its SKIP_RETURN_CODE", code);
		return true;
	}
	const struct str *skip = find_match(parser, &props->skip);
	if (!skip)
		return false;
	buf_puts(message, "the output matches SKIP_REGULAR_EXPRESSION ");
	text_message(message, *skip);
	return true;
}

static enum outcome judge(const struct ctest_parser *parser, const struct adapt_exit *how,
			  struct buf *message)
{
	if (is_file_missing(parser, how, message))
		return OUTCOME_ERROR;
	if (is_skipped(parser, how->code, message))
		return OUTCOME_SKIP;
	bool failed = has_failed(parser, how->code, message);
	if (!parser->props.will_fail)
		return failed ? OUTCOME_FAIL : OUTCOME_PASS;
	buf_clear(message);
	if (!failed)
		buf_puts(message, "it succeeded, but WILL_FAIL says that it must not");
	return failed ? OUTCOME_PASS : OUTCOME_FAIL;
}

static void finish(struct adapt_parser *base, const struct adapt_exit *how)
{
	struct ctest_parser *parser = (struct ctest_parser *)base;
	struct buf message;
	if (how->killed || how->signalled)
		return;
	buf_init(&message, TEXT_MESSAGE_BYTES);
	struct adapt_verdict verdict = { .outcome = judge(parser, how, &message) };
	verdict.message = buf_str(&message);
	parser->sink->started(parser->sink->data, 0);
	parser->sink->ended(parser->sink->data, &verdict);
	buf_done(&message);
}

const struct adapt_ops adapt_ctest = {
	.name = "ctest",
	.process_per_case = true,
	.list_command = list_command,
	.list_parse = list_parse,
	.run_command = run_command,
	.parser_new = parser_new,
	.feed = feed,
	.finish = finish,
	.parser_free = parser_free,
};
