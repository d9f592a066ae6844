// SPDX-License-Identifier: Apache-2.0
/*
 * list.c - a text file of commands, one per line, optionally "name<TAB>command", run by sh -c one
 * process each: 0 passes, 77 skips, 99 is an error of the set-up, anything else fails. A program
 * with command words of its own is the other form: one case "main", which is those words, with the
 * same exit codes. Not for programs that can tell more than an exit code.
 */
#include "worker/adapt/adapt.h"
#include "worker/adapt/args.h"
#include "worker/adapt/listing.h"
#include "worker/adapt/text.h"

#include "protocol/base/assert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	EXIT_SKIP = 77,	 /* of automake, Meson, GNOME, systemd */
	EXIT_ERROR = 99, /* of automake and Meson: the test could not be set up */
	EXIT_SHELL_DENIED = 126,
	EXIT_SHELL_ABSENT = 127,
};

struct list_parser {
	const struct adapt_sink *sink;
};

static int list_command(const struct adapt_program *program, struct arena *arena,
			struct adapt_command *ret_command, struct err *err)
{
	(void)program, (void)arena, (void)ret_command, (void)err;
	return 0;
}

static int add_line(struct listing *listing, struct str line, size_t number)
{
	struct str name, command = line;
	if (memchr(line.data, '\0', line.len))
		return err_set(listing->err, -EINVAL,
			       "line %zu holds a NUL byte: is it a list of commands?", number);
	str_split(&command, '\t', &name);
	if (!command.data)
		command = name;
	command = str_trim(command);
	if (!command.len)
		return err_set(listing->err, -EINVAL,
			       "line %zu names \"%.*s\" but has no command after the tab", number,
			       (int)(name.len < 200 ? name.len : 200), name.data);
	if (!str_trim(name).len)
		name = command;
	return listing_add(listing, &(struct adapt_case){ .name = name, .detail = command }, NULL);
}

static int list_parse(const struct adapt_program *program, struct str out,
		      const struct adapt_exit *how, struct arena *arena, struct adapt_cases *cases,
		      struct err *err)
{
	const struct str byte_order_mark = STR_LIT("\xef\xbb\xbf"); /* editors on Windows put one */
	struct str line;
	struct listing listing;
	int r = 0;
	(void)how;
	if (program->n_args)
		return listing_main(arena, cases, STR_LIT(""), err);
	if (str_starts(out, byte_order_mark))
		out = (struct str){ out.data + byte_order_mark.len, out.len - byte_order_mark.len };
	listing_init(&listing, arena, cases, err);
	for (size_t number = 1; r == 0 && str_line(&out, &line); number++) {
		struct str text = str_trim(line);
		if (text.len && text.data[0] != '#')
			r = add_line(&listing, line, number);
	}
	listing_done(&listing);
	if (r < 0)
		err_wrap(err, "cannot list %.*s", STR_ARG(program->path));
	return r;
}

/*
 * A command of plain words that names its program by path means the same without a shell, and saves
 * starting one (a shell costs as much as a small test) and the exit code 134 that a shell makes of
 * an abort.
 */
static bool is_plain(struct str command)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+./,:@%= ";
	struct str first, rest = command;
	str_split(&rest, ' ', &first);
	if (!memchr(first.data, '/', first.len) || memchr(first.data, '=', first.len))
		return false;
	for (size_t i = 0; i < command.len; i++)
		if (!memchr(plain, command.data[i], sizeof(plain) - 1))
			return false;
	return true;
}

static void add_words(struct args *args, struct str command)
{
	struct str word;
	while (str_split(&command, ' ', &word))
		if (word.len)
			args_add_str(args, word);
}

static ptrdiff_t run_command(const struct adapt_program *program, const struct adapt_case *cases,
			     size_t n, struct arena *arena, struct adapt_command *ret_command,
			     struct err *err)
{
	struct args args;
	ASSERT(n > 0);
	args_init(&args, arena);
	if (program->n_args) {
		args_program(&args, program);
	} else if (is_plain(cases[0].detail)) {
		add_words(&args, cases[0].detail);
	} else {
		args_add(&args, "/bin/sh");
		args_add(&args, "-c");
		args_add_str(&args, cases[0].detail);
	}
	*ret_command = (struct adapt_command){ .argv = args_take(&args) };
	if (!ret_command->argv)
		return err_set(err, -ENOMEM, "no memory for the command of %.*s",
			       STR_ARG(cases[0].name));
	return 1;
}

static struct adapt_parser *parser_new(const struct adapt_program *program,
				       const struct adapt_case *cases, size_t n,
				       const struct adapt_sink *sink)
{
	struct list_parser *parser = calloc(1, sizeof(*parser));
	(void)program, (void)cases;
	ASSERT(n == 1);
	if (parser)
		parser->sink = sink;
	return (struct adapt_parser *)parser;
}

static void feed(struct adapt_parser *parser, enum adapt_stream stream, struct str bytes)
{
	(void)parser, (void)stream, (void)bytes;
}

/* Did the shell itself say that the command is not there? Then no test has run, and none failed. */
static bool is_shell_error(const struct adapt_exit *how)
{
	if (how->code == EXIT_SHELL_ABSENT)
		return str_find(how->errors, STR_LIT("not found")) >= 0;
	return how->code == EXIT_SHELL_DENIED &&
	       str_find(how->errors, STR_LIT("ermission denied")) >= 0;
}

static enum outcome judge(const struct adapt_exit *how)
{
	if (how->code == 0)
		return OUTCOME_PASS;
	if (how->code == EXIT_SKIP)
		return OUTCOME_SKIP;
	return how->code == EXIT_ERROR || is_shell_error(how) ? OUTCOME_ERROR : OUTCOME_FAIL;
}

static void put_message(struct buf *message, const struct adapt_exit *how)
{
	if (how->code == EXIT_SKIP)
		buf_puts(message, "exit code 77 says skip");
	else if (how->code == EXIT_ERROR)
		buf_puts(message, "exit code 99 says that the test could not be set up");
	else if (is_shell_error(how))
		text_message(message, str_trim(how->errors));
	else if (how->code > 128 && how->code <= 128 + 64)
		buf_printf(message, "exit code %d, as a shell tells signal %d", how->code,
			   how->code - 128);
	else if (how->code)
		buf_printf(message, "exit code %d", how->code);
}

static void finish(struct adapt_parser *base, const struct adapt_exit *how)
{
	struct list_parser *parser = (struct list_parser *)base;
	struct buf message;
	if (how->killed || how->signalled)
		return;
	buf_init(&message, TEXT_MESSAGE_BYTES);
	put_message(&message, how);
	parser->sink->started(parser->sink->data, 0);
	parser->sink->ended(parser->sink->data,
			    &(struct adapt_verdict){ .outcome = judge(how),
						     .message = buf_str(&message) });
	buf_done(&message);
}

static void parser_free(struct adapt_parser *parser)
{
	free(parser);
}

const struct adapt_ops adapt_list = {
	.name = "list",
	.process_per_case = true,
	.list_command = list_command,
	.list_parse = list_parse,
	.run_command = run_command,
	.parser_new = parser_new,
	.feed = feed,
	.finish = finish,
	.parser_free = parser_free,
};
