// SPDX-License-Identifier: Apache-2.0
/*
 * installed_tests.c - GNOME's installed tests: the program is a key file NAME.test that says how to
 * start it. One listed case "main"; with Output=TAP also a found case per point.
 *
 * The exit status comes first, as gnome-desktop-testing-runner 2021.1 has it: 0 passes, 77 skips,
 * all else fails. That runner looks no further, and so passes a program that reported half of its
 * plan, or skipped everything. Here, behind exit code 0, TAP decides by the rules of prove. A
 * program that promised TAP and printed none is left its exit code: released ones do that.
 * As there, the working directory is a fresh folder and GIO_USE_VFS=local. Unlike there,
 * TestEnvironment adds to the environment instead of replacing it.
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

enum {
	EXIT_SKIP = 77,
	ENV_MAX = 64,
};

/* What the [Test] group says. Views of the file. */
struct keys {
	struct str type, exec, output, environment;
};

struct installed_parser {
	struct step step;
	struct tapread tap;
	bool has_tap;
};

static int list_command(const struct adapt_program *program, struct arena *arena,
			struct adapt_command *ret_command, struct err *err)
{
	(void)program, (void)arena, (void)ret_command, (void)err;
	return 0;
}

/* ---- the key file ---- */

static void take_key(struct keys *keys, struct str line)
{
	struct str key, value = line;
	str_split(&value, '=', &key);
	if (!value.data)
		return;
	key = str_trim(key);
	value = str_trim(value);
	if (str_eq(key, STR_LIT("Type")))
		keys->type = value;
	else if (str_eq(key, STR_LIT("Exec")))
		keys->exec = value;
	else if (str_eq(key, STR_LIT("Output")))
		keys->output = value;
	else if (str_eq(key, STR_LIT("TestEnvironment")))
		keys->environment = value;
}

static void read_keys(struct str content, struct keys *keys)
{
	bool inside = false;
	struct str line;
	*keys = (struct keys){ 0 };
	while (str_line(&content, &line)) {
		line = str_trim(line);
		if (!line.len || line.data[0] == '#')
			continue;
		if (line.data[0] == '[')
			inside = str_eq(line, STR_LIT("[Test]"));
		else if (inside)
			take_key(keys, line);
	}
}

/* A value without GKeyFile's escapes, in the arena; what is no escape stays as it is. NULL on no
 * memory. */
static const char *unescape(struct str value, struct arena *arena, size_t *ret_len)
{
	char *out = arena_alloc(arena, value.len + 1);
	size_t n = 0;
	if (!out)
		return NULL;
	for (size_t i = 0; i < value.len; i++) {
		static const char letters[] = "sntr\\;", bytes[] = " \n\t\r\\;";
		const char *found = value.data[i] == '\\' && i + 1 < value.len && value.data[i + 1]
					    ? strchr(letters, value.data[i + 1])
					    : NULL;
		out[n++] = found ? bytes[found - letters] : value.data[i];
		i += found != NULL;
	}
	*ret_len = n;
	return out;
}

/* ---- listing: the detail is the fields "tap" or "exit", "env=K=V"..., "arg=WORD"... ---- */

static int put_prefixed(struct buf *detail, const char *prefix, struct str value)
{
	struct buf field;
	buf_init(&field, LIMIT_DETAIL_BYTES);
	int r = buf_puts(&field, prefix);
	if (r == 0)
		r = buf_put_str(&field, value);
	if (r == 0)
		r = text_put_field(detail, buf_str(&field));
	buf_done(&field);
	return r;
}

/* The values of a list "A=1;B=2;"; a separator may be escaped. */
static int put_environment(struct buf *detail, struct str list, struct arena *arena)
{
	int r = 0;
	while (list.len && r == 0) {
		size_t n = 0, len;
		while (n < list.len && list.data[n] != ';')
			n += list.data[n] == '\\' && n + 1 < list.len ? 2 : 1;
		n = n < list.len ? n : list.len;
		const char *value = unescape((struct str){ list.data, n }, arena, &len);
		if (!value)
			return -ENOMEM;
		if (len && memchr(value, '=', len))
			r = put_prefixed(detail, "env=", (struct str){ value, len });
		n += n < list.len;
		list = (struct str){ list.data + n, list.len - n };
	}
	return r;
}

static int put_detail(struct buf *detail, const struct keys *keys, struct arena *arena,
		      struct err *err)
{
	const char **words;
	size_t n, len;
	const char *exec = unescape(keys->exec, arena, &len);
	int r = exec ? text_shell_words((struct str){ exec, len }, arena, &words, &n) : -ENOMEM;
	if (r < 0)
		return err_set(err, r, "its Exec= has an open quote, no word or too many: %.*s",
			       (int)(keys->exec.len < 200 ? keys->exec.len : 200), keys->exec.data);
	r = text_put_field(detail,
			   str_eq(keys->output, STR_LIT("TAP")) ? STR_LIT("tap") : STR_LIT("exit"));
	if (r == 0)
		r = put_environment(detail, keys->environment, arena);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = put_prefixed(detail, "arg=", str_of(words[i]));
	if (r < 0)
		return err_set(err, r, "its command and environment are longer than %d bytes",
			       LIMIT_DETAIL_BYTES);
	return 0;
}

static int check_keys(const struct keys *keys, struct err *err)
{
	if (!keys->exec.len)
		return err_set(err, -EINVAL, "it has no Exec= in a group [Test]");
	if (!keys->type.len)
		return err_set(err, -EINVAL, "it has no Type= in a group [Test]; say Type=session");
	if (!str_eq(keys->type, STR_LIT("session")) &&
	    !str_eq(keys->type, STR_LIT("session-exclusive")))
		return err_set(err, -EINVAL,
			       "its Type=%.*s is neither session nor session-exclusive",
			       (int)(keys->type.len < 100 ? keys->type.len : 100), keys->type.data);
	return 0;
}

static int list_parse(const struct adapt_program *program, struct str out,
		      const struct adapt_exit *how, struct arena *arena, struct adapt_cases *cases,
		      struct err *err)
{
	struct keys keys;
	struct buf detail;
	(void)how;
	read_keys(out, &keys);
	buf_init(&detail, LIMIT_DETAIL_BYTES);
	int r = check_keys(&keys, err);
	if (r == 0)
		r = put_detail(&detail, &keys, arena, err);
	if (r == 0)
		r = listing_main(arena, cases, buf_str(&detail), err);
	buf_done(&detail);
	if (r < 0)
		return err_wrap(err, "cannot list %.*s", STR_ARG(program->path));
	cases->items[cases->len - 1].serial = str_eq(keys.type, STR_LIT("session-exclusive"));
	return 0;
}

/* ---- running ---- */

static struct str after(struct str text, size_t n)
{
	return (struct str){ text.data + n, text.len - n };
}

static bool is_tap(const struct adapt_case *one)
{
	return str_starts(one->detail, STR_LIT("tap\t"));
}

/* Words and environment from the detail. -errno when it is none of ours. */
static int take_detail(struct str detail, struct arena *arena, struct args *args, struct args *env)
{
	struct str field;
	int r;
	while ((r = text_field(&detail, arena, &field)) > 0) {
		if (str_starts(field, STR_LIT("arg=")))
			args_add_str(args, after(field, 4));
		else if (str_starts(field, STR_LIT("env=")))
			args_add_str(env, after(field, 4));
		if (env->len > ENV_MAX)
			return -E2BIG;
	}
	return r;
}

static ptrdiff_t run_command(const struct adapt_program *program, const struct adapt_case *cases,
			     size_t n, struct arena *arena, struct adapt_command *ret_command,
			     struct err *err)
{
	struct args args, env;
	ASSERT(n > 0);
	args_init(&args, arena);
	args_init(&env, arena);
	args_add(&env, "GIO_USE_VFS=local");
	int r = take_detail(cases[0].detail, arena, &args, &env);
	struct adapt_command command = { .argv = args_take(&args), .env = args_take(&env) };
	if (!program->cwd.len)
		command.cwd = arena_copy(arena, program->scratch);
	if (r < 0 || !command.argv || !command.env)
		return err_set(err, r < 0 ? r : -ENOMEM,
			       "cannot make the command of %.*s from its listing",
			       STR_ARG(program->path));
	*ret_command = command;
	return 1;
}

static void point(void *data, const struct tapread_point *point)
{
	struct installed_parser *parser = data;
	points_found(&parser->step, 0, point);
}

static void parser_free(struct adapt_parser *base)
{
	struct installed_parser *parser = (struct installed_parser *)base;
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
	struct installed_parser *parser = calloc(1, sizeof(*parser));
	if (!parser)
		return NULL;
	parser->has_tap = is_tap(&cases[0]);
	tapread_init(&parser->tap, point, parser);
	if (step_init(&parser->step, cases, n, sink, NULL) < 0) {
		parser_free((struct adapt_parser *)parser);
		return NULL;
	}
	return (struct adapt_parser *)parser;
}

static void feed(struct adapt_parser *base, enum adapt_stream stream, struct str bytes)
{
	struct installed_parser *parser = (struct installed_parser *)base;
	if (parser->has_tap && stream == ADAPT_STREAM_OUT)
		tapread_feed(&parser->tap, bytes);
}

/* Did the program print any TAP that it promised? */
static bool spoke_tap(const struct installed_parser *parser)
{
	const struct tapread *tap = &parser->tap;
	return parser->has_tap && (tap->points || tap->n_plans || tap->bailed);
}

/* The verdict of a program that ended by itself, and why. */
static enum outcome judge(const struct installed_parser *parser, int code, struct buf *message)
{
	const struct tapread *tap = &parser->tap;
	bool skip_all = spoke_tap(parser) && tap->skip_all;
	if (code == EXIT_SKIP) {
		if (skip_all)
			buf_printf(message, "skips all: %s", buf_text(&tap->reason));
		else
			buf_puts(message, "exit code 77 says skip");
		return OUTCOME_SKIP;
	}
	if (spoke_tap(parser))
		points_complaints(tap, code, message);
	else if (code)
		buf_printf(message, "exit code %d", code);
	if (message->len)
		return OUTCOME_FAIL;
	if (skip_all)
		buf_printf(message, "skips all: %s", buf_text(&tap->reason));
	return skip_all ? OUTCOME_SKIP : OUTCOME_PASS;
}

static void finish(struct adapt_parser *base, const struct adapt_exit *how)
{
	struct installed_parser *parser = (struct installed_parser *)base;
	struct buf message;
	tapread_finish(&parser->tap);
	if (how->killed || how->signalled)
		return;
	buf_init(&message, TEXT_MESSAGE_BYTES);
	enum outcome outcome = judge(parser, how->code, &message);
	step_end(&parser->step, 0, outcome, 0, buf_str(&message));
	buf_done(&message);
}

const struct adapt_ops adapt_installed_tests = {
	.name = "installed-tests",
	.process_per_case = true,
	.list_command = list_command,
	.list_parse = list_parse,
	.run_command = run_command,
	.parser_new = parser_new,
	.feed = feed,
	.finish = finish,
	.parser_free = parser_free,
};
