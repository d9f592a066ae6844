// SPDX-License-Identifier: Apache-2.0
/*
 * tap.c - one file that prints TAP: one listed case "main", whose verdict follows the rules of
 * prove, and a found case per top-level point. Nothing can be selected inside the file, so it is
 * listed without running it; its first line tells how to start it when it is a script, executable
 * or not.
 *
 * A failed point under a to-do directive is a skip that says so ("todo: ..."); a passed one is a
 * pass. Not for programs whose exit code counts alone: those are installed-tests, or a list.
 */
#include "worker/adapt/adapt.h"
#include "worker/adapt/args.h"
#include "worker/adapt/listing.h"
#include "worker/adapt/points.h"
#include "worker/adapt/text.h"

#include "protocol/base/assert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct tap_parser {
	struct step step;
	struct tapread tap;
};

static int list_command(const struct adapt_program *program, struct arena *arena,
			struct adapt_command *ret_command, struct err *err)
{
	(void)program, (void)arena, (void)ret_command, (void)err;
	return 0;
}

/* Interpreters of scripts without a "#!" line, as prove and habit have them. */
static const struct {
	const char *suffix, *interpreter;
} interpreters[] = {
	{ ".t", "perl" },   { ".pl", "perl" }, { ".js", "node" },   { ".mjs", "node" },
	{ ".cjs", "node" }, { ".sh", "sh" },   { ".bash", "bash" }, { ".py", "python3" },
};

/* The words of a "#!" line as the kernel has them: the interpreter and at most one argument. */
static int put_hash_bang(struct buf *detail, struct str line)
{
	struct str text = str_trim((struct str){ line.data + 2, line.len - 2 });
	size_t n = 0;
	while (n < text.len && text.data[n] != ' ' && text.data[n] != '\t')
		n++;
	int r = text_put_field(detail, (struct str){ text.data, n });
	struct str argument = str_trim((struct str){ text.data + n, text.len - n });
	if (r == 0 && argument.len)
		r = text_put_field(detail, argument);
	return r;
}

/* The detail of "main": words that go before the path, as fields. Empty: the file runs by itself.
 */
static int put_interpreter(struct buf *detail, struct str path, struct str content)
{
	struct str line;
	if (!str_starts(content, STR_LIT("\177ELF")) && str_starts(content, STR_LIT("#!")) &&
	    str_line(&content, &line) && str_trim(line).len > 2)
		return put_hash_bang(detail, line);
	if (str_starts(content, STR_LIT("\177ELF")))
		return 0;
	for (size_t i = 0; i < sizeof(interpreters) / sizeof(interpreters[0]); i++)
		if (str_ends(path, str_of(interpreters[i].suffix)))
			return text_put_field(detail, str_of(interpreters[i].interpreter));
	return 0;
}

static int list_parse(const struct adapt_program *program, struct str out,
		      const struct adapt_exit *how, struct arena *arena, struct adapt_cases *cases,
		      struct err *err)
{
	struct buf detail;
	(void)how;
	buf_init(&detail, 8192);
	int r = program->n_args ? 0 : put_interpreter(&detail, program->path, out);
	if (r < 0)
		r = err_set(err, r, "cannot list %.*s: its #! line is too long",
			    STR_ARG(program->path));
	else
		r = listing_main(arena, cases, buf_str(&detail), err);
	buf_done(&detail);
	return r;
}

static ptrdiff_t run_command(const struct adapt_program *program, const struct adapt_case *cases,
			     size_t n, struct arena *arena, struct adapt_command *ret_command,
			     struct err *err)
{
	struct args args;
	struct str rest = cases[0].detail, field;
	ASSERT(n > 0);
	args_init(&args, arena);
	while (!program->n_args && text_field(&rest, arena, &field) > 0)
		args_add_str(&args, field);
	args_program(&args, program);
	*ret_command = (struct adapt_command){ .argv = args_take(&args) };
	if (!ret_command->argv)
		return err_set(err, -ENOMEM, "no memory for the command of %.*s",
			       STR_ARG(program->path));
	return 1;
}

static void point(void *data, const struct tapread_point *point)
{
	struct tap_parser *parser = data;
	points_found(&parser->step, 0, point);
}

static void parser_free(struct adapt_parser *base)
{
	struct tap_parser *parser = (struct tap_parser *)base;
	if (!parser)
		return;
	tapread_done(&parser->tap);
	step_done(&parser->step);
	free(parser);
}

static struct adapt_parser *parser_new(const struct adapt_program *program,
				       const struct adapt_case *cases, size_t n,
				       const struct adapt_sink *sink)
{
	(void)program;
	ASSERT(n == 1);
	struct tap_parser *parser = calloc(1, sizeof(*parser));
	if (!parser)
		return NULL;
	tapread_init(&parser->tap, point, parser);
	if (step_init(&parser->step, cases, n, sink, NULL) < 0) {
		parser_free((struct adapt_parser *)parser);
		return NULL;
	}
	return (struct adapt_parser *)parser;
}

static void feed(struct adapt_parser *base, enum adapt_stream stream, struct str bytes)
{
	struct tap_parser *parser = (struct tap_parser *)base;
	if (stream == ADAPT_STREAM_OUT)
		tapread_feed(&parser->tap, bytes);
}

static void finish(struct adapt_parser *base, const struct adapt_exit *how)
{
	struct tap_parser *parser = (struct tap_parser *)base;
	struct tapread *tap = &parser->tap;
	struct buf message;
	tapread_finish(tap);
	if (how->killed || how->signalled)
		return;
	buf_init(&message, TEXT_MESSAGE_BYTES);
	points_complaints(tap, how->code, &message);
	if (message.len)
		step_end(&parser->step, 0, OUTCOME_FAIL, 0, buf_str(&message));
	else if (tap->skip_all)
		step_end(&parser->step, 0, OUTCOME_SKIP, 0, buf_str(&tap->reason));
	else
		step_end(&parser->step, 0, OUTCOME_PASS, 0, buf_str(&message));
	buf_done(&message);
}

const struct adapt_ops adapt_tap = {
	.name = "tap",
	.process_per_case = true,
	.list_command = list_command,
	.list_parse = list_parse,
	.run_command = run_command,
	.parser_new = parser_new,
	.feed = feed,
	.finish = finish,
	.parser_free = parser_free,
};
