// SPDX-License-Identifier: Apache-2.0
/*
 * glib.c - programs of GLib's g_test_run(): listed by -l, run by --tap -k -p PATH..., judged by the
 * TAP they print.
 *
 * GLib tells only ends, in the order of the -p options; so the case that runs is the first of the
 * step without verdict. That holds as long as no option selects more than its case, and -p /a/b
 * also selects /a/b/c. A path that is a prefix of others is known from the listing: it ends its
 * step, so that what it drags along comes after everything that counts.
 *
 * g_assert() prints "Bail out! ERROR:..." and aborts: the case that runs crashed, with that text as
 * message. A test may print without a newline before its own line: it is found in the middle of a
 * line too, under the name that is due.
 */
#include "worker/adapt/adapt.h"
#include "worker/adapt/args.h"
#include "worker/adapt/listing.h"
#include "worker/adapt/points.h"
#include "worker/adapt/text.h"

#include "protocol/base/assert.h"
#include "protocol/wire/limits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct glib_parser {
	struct step step;
	struct lines lines;
	struct tapread tap;
};

/* A detail is one letter and the path as listed. */
enum {
	DETAIL_PLAIN = 'p',
	DETAIL_PREFIX = 'x', /* the path is a prefix of other paths */
};

static int list_command(const struct adapt_program *program, struct arena *arena,
			struct adapt_command *ret_command, struct err *err)
{
	struct args args;
	args_init(&args, arena);
	args_program(&args, program);
	args_add(&args, "-l");
	*ret_command = (struct adapt_command){ .argv = args_take(&args) };
	if (!ret_command->argv)
		return err_set(err, -ENOMEM, "no memory for the command that lists %.*s",
			       STR_ARG(program->path));
	return 1;
}

/* ---- listing ---- */

/* Put every path into *paths with value 1 when it is a proper prefix of another one. */
static int find_prefixes(struct str out, struct map *paths)
{
	struct str line;
	for (struct str rest = out; str_line(&rest, &line);)
		if (str_starts(line, STR_LIT("/")) && map_put(paths, line, 0) < 0)
			return -ENOMEM;
	for (struct str rest = out; str_line(&rest, &line);)
		for (size_t i = 1; str_starts(line, STR_LIT("/")) && i < line.len; i++) {
			struct str prefix = { line.data, i };
			if (line.data[i] == '/' && map_get(paths, prefix, NULL) &&
			    map_put(paths, prefix, 1) < 0)
				return -ENOMEM;
		}
	return 0;
}

static int add_path(struct listing *listing, const struct map *paths, struct str path)
{
	uint64_t prefix = 0;
	struct buf detail;
	map_get(paths, path, &prefix);
	buf_init(&detail, LIMIT_DETAIL_BYTES);
	int r = buf_append(&detail, (const char[]){ prefix ? DETAIL_PREFIX : DETAIL_PLAIN }, 1);
	if (r == 0)
		r = buf_put_str(&detail, path);
	if (r < 0)
		err_set(listing->err, r, "a test path is longer than %d bytes", LIMIT_DETAIL_BYTES);
	else
		r = listing_add(listing,
				&(struct adapt_case){ .name = path, .detail = buf_str(&detail) },
				NULL);
	buf_done(&detail);
	return r;
}

static int list_parse(const struct adapt_program *program, struct str out,
		      const struct adapt_exit *how, struct arena *arena, struct adapt_cases *cases,
		      struct err *err)
{
	struct str line, rest = out;
	struct listing listing;
	struct map paths = { 0 };
	size_t before = cases->len;
	int r = listing_check(program, how, out, err);
	if (r < 0)
		return r;
	listing_init(&listing, arena, cases, err);
	if (find_prefixes(out, &paths) < 0)
		r = err_set(err, -ENOMEM, "no memory for a list of paths");
	while (r == 0 && str_line(&rest, &line))
		if (str_starts(line, STR_LIT("/")) && line.len > 1)
			r = add_path(&listing, &paths, line);
	map_done(&paths);
	listing_done(&listing);
	if (r < 0)
		return err_wrap(err, "cannot list %.*s", STR_ARG(program->path));
	/* a program without tests still prints its plan */
	if (cases->len == before && str_trim(out).len && str_find(out, STR_LIT("1..0")) < 0)
		return listing_refuse(program, "test paths", out, err);
	return 0;
}

/* ---- running ---- */

static struct str path_of(const struct adapt_case *one)
{
	if (!one->detail.len)
		return one->name;
	return (struct str){ one->detail.data + 1, one->detail.len - 1 };
}

static bool is_prefix(const struct adapt_case *one)
{
	return one->detail.len && one->detail.data[0] == DETAIL_PREFIX;
}

static ptrdiff_t run_command(const struct adapt_program *program, const struct adapt_case *cases,
			     size_t n, struct arena *arena, struct adapt_command *ret_command,
			     struct err *err)
{
	struct args args;
	size_t covered = 0;
	ASSERT(n > 0);
	args_init(&args, arena);
	args_program(&args, program);
	args_add(&args, "--tap");
	args_add(&args, "-k");
	while (covered < n && (covered == 0 || args.bytes < ARGS_BYTES)) {
		args_add(&args, "-p");
		args_add_str(&args, path_of(&cases[covered]));
		if (is_prefix(&cases[covered++]))
			break;
	}
	*ret_command = (struct adapt_command){ .argv = args_take(&args) };
	if (!ret_command->argv)
		return err_set(err, -ENOMEM, "no memory for the command of %zu cases", n);
	return (ptrdiff_t)covered;
}

/* ---- reading ---- */

/* The listed case a point speaks of: its description is the path, or "path - message". */
static ptrdiff_t find_case(const struct step *step, struct str description, struct str *ret_message)
{
	struct str name = description;
	*ret_message = (struct str){ "", 0 };
	ptrdiff_t index = step_find(step, name);
	for (size_t i = name.len; index < 0 && i-- > 0;) {
		struct str rest = { description.data + i, description.len - i };
		if (!str_starts(rest, STR_LIT(" - ")))
			continue;
		*ret_message = str_trim((struct str){ rest.data + 3, rest.len - 3 });
		index = step_find(step, (struct str){ description.data, i });
	}
	return index;
}

static void start_next(struct glib_parser *parser)
{
	ptrdiff_t next = parser->step.running == STEP_NONE ? step_next(&parser->step) : STEP_NONE;
	if (next >= 0)
		step_start(&parser->step, (size_t)next);
}

static void point(void *data, const struct tapread_point *point)
{
	struct glib_parser *parser = data;
	struct str text;
	struct buf message;
	ptrdiff_t index = find_case(&parser->step, point->description, &text);
	if (index < 0)
		return;
	buf_init(&message, TEXT_MESSAGE_BYTES);
	if (!point->ok)
		text_message(&message, text);
	if (message.len)
		buf_puts(&message, "\n");
	points_message(point, &message);
	step_end(&parser->step, (size_t)index, points_outcome(point), 0,
		 str_trim(buf_str(&message)));
	buf_done(&message);
	/* After a failed one the program may bail out instead: the next line tells. */
	if (point->ok)
		start_next(parser);
}

static void parser_free(struct adapt_parser *base)
{
	struct glib_parser *parser = (struct glib_parser *)base;
	if (!parser)
		return;
	tapread_done(&parser->tap);
	lines_done(&parser->lines);
	step_done(&parser->step);
	free(parser);
}

static struct adapt_parser *parser_new(const struct adapt_program *program,
				       const struct adapt_case *cases, size_t n,
				       const struct adapt_sink *sink)
{
	(void)program;
	struct glib_parser *parser = calloc(1, sizeof(*parser));
	if (!parser)
		return NULL;
	tapread_init(&parser->tap, point, parser);
	lines_init(&parser->lines, true);
	if (step_init(&parser->step, cases, n, sink, path_of) < 0) {
		parser_free((struct adapt_parser *)parser);
		return NULL;
	}
	return (struct adapt_parser *)parser;
}

/* Where in `line` the point of the case that runs begins when text without newline stands before
 * it; else 0. */
static size_t find_point(const struct glib_parser *parser, struct str line)
{
	ptrdiff_t running = parser->step.running;
	struct str name = running >= 0 ? path_of(&parser->step.cases[running]) : (struct str){ 0 };
	ptrdiff_t at = name.len ? str_find(line, name) : -1;
	if (at < 4)
		return 0;
	size_t i = (size_t)at - 1;
	while (i > 0 && line.data[i - 1] >= '0' && line.data[i - 1] <= '9')
		i--;
	struct str before = { line.data, i };
	if (line.data[at - 1] != ' ' || i == (size_t)at - 1 || !str_ends(before, STR_LIT("ok ")))
		return 0;
	i -= 3;
	before.len = i;
	return str_ends(before, STR_LIT("not ")) ? i - 4 : i;
}

static void take_line(struct glib_parser *parser, struct str line)
{
	if (!str_starts(line, STR_LIT("Bail out!")))
		start_next(parser);
	size_t at = find_point(parser, line);
	tapread_feed(&parser->tap, (struct str){ line.data + at, line.len - at });
	tapread_feed(&parser->tap, STR_LIT("\n"));
	tapread_flush(&parser->tap); /* what GLib has to say of a failure stands in its line */
}

static void feed(struct adapt_parser *base, enum adapt_stream stream, struct str bytes)
{
	struct glib_parser *parser = (struct glib_parser *)base;
	struct str line;
	if (stream != ADAPT_STREAM_OUT || !bytes.len)
		return;
	while (lines_next(&parser->lines, &bytes, &line))
		take_line(parser, line);
}

/* The case that runs when the program gives up: its last words are the message. */
static void tell_bail_out(struct glib_parser *parser, const struct adapt_exit *how)
{
	struct buf message;
	const char *signal = how->signalled ? sigabbrev_np(how->signal) : NULL;
	if (parser->step.running < 0)
		return;
	buf_init(&message, TEXT_MESSAGE_BYTES);
	if (signal)
		buf_printf(&message, "SIG%s: ", signal);
	text_message(&message,
		     parser->tap.reason.len ? buf_str(&parser->tap.reason) : STR_LIT("Bail out!"));
	step_end(&parser->step, (size_t)parser->step.running,
		 how->signalled ? OUTCOME_CRASH : OUTCOME_FAIL, 0, buf_str(&message));
	buf_done(&message);
}

static void finish(struct adapt_parser *base, const struct adapt_exit *how)
{
	struct glib_parser *parser = (struct glib_parser *)base;
	struct str line;
	if (lines_last(&parser->lines, &line))
		take_line(parser, line);
	tapread_finish(&parser->tap);
	if (how->killed)
		return;
	if (parser->tap.bailed)
		tell_bail_out(parser, how);
	else if (how->signalled)
		start_next(parser);
	if (how->signalled)
		return;
	step_exit(&parser->step, how->code, how->errors);
}

const struct adapt_ops adapt_glib = {
	.name = "glib",
	.process_per_case = false,
	.list_command = list_command,
	.list_parse = list_parse,
	.run_command = run_command,
	.parser_new = parser_new,
	.feed = feed,
	.finish = finish,
	.parser_free = parser_free,
};
