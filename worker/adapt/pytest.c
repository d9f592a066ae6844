// SPDX-License-Identifier: Apache-2.0
/*
 * pytest.c - a file or folder of Python tests, driven through a plugin of our own (pytest_plugin.c)
 * that speaks on fd 3 and leaves out every test that is not in a file of wanted ids. So node ids
 * never pass through an argument list or a terminal report, whatever is in their brackets.
 *
 * One process runs as many cases as there are: importing costs more than most tests. The program's
 * command words, when given, replace "python3 -m pytest". /bin/sh stands in front only to put the
 * scratch folder before the PYTHONPATH that the program has.
 *
 * Verdicts: the worst of set-up, call and tear-down; an expected failure skips, an unexpected pass
 * passes unless strict. A file that cannot be collected fails the listing, and at a run makes its
 * cases errors.
 */
#include "worker/adapt/adapt.h"
#include "worker/adapt/args.h"
#include "worker/adapt/lines.h"
#include "worker/adapt/listing.h"
#include "worker/adapt/pytest_plugin.h"
#include "worker/adapt/step.h"
#include "worker/adapt/text.h"

#include "protocol/base/assert.h"
#include "protocol/base/map.h"
#include "protocol/wire/limits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	EXIT_FAILED = 1,
	EXIT_NO_TESTS = 5,
};

static const char *const env_changes[] = {
	"PADDOCK_PYTEST_FD=3",
	"PYTEST_CURRENT_TEST",
	"PYTEST_XDIST_WORKER",
	"PYTEST_XDIST_WORKER_COUNT",
	NULL,
};

struct pytest_parser {
	struct step step;
	struct lines lines;
	struct buf error; /* why a file cannot be collected, or pytest broke */
};

/* ---- commands ---- */

/* What listing and running have in common: interpreter, plugin, options. */
static void put_common(struct args *args, const struct adapt_program *program)
{
	args_add(args, "/bin/sh");
	args_add(args, "-c");
	args_add(args, "export PYTHONPATH=\"$1${PYTHONPATH:+:$PYTHONPATH}\"; shift; exec \"$@\"");
	args_add(args, "sh");
	args_add_str(args, program->scratch);
	if (program->n_args) {
		args_program(args, program);
	} else {
		args_add(args, "python3");
		args_add(args, "-m");
		args_add(args, "pytest");
	}
	args_add(args, "-p");
	args_add(args, PYTEST_PLUGIN_MODULE);
	args_add(args, "--color=no");
	args_add(args, "-o");
	args_printf(args, "cache_dir=%.*s/pytest_cache", STR_ARG(program->scratch));
}

/* The command with its files: the plugin, and the wanted ids when there are any. */
static int make_command(struct args *args, struct str ids, struct adapt_command *ret_command)
{
	struct adapt_file *files = arena_alloc(args->arena, 2 * sizeof(*files));
	const char **argv = args_take(args);
	if (!files || !argv)
		return -ENOMEM;
	files[0] = (struct adapt_file){ PYTEST_PLUGIN_MODULE ".py", str_of(pytest_plugin_source) };
	files[1] = (struct adapt_file){ PYTEST_PLUGIN_IDS, ids };
	*ret_command = (struct adapt_command){
		.argv = argv,
		.env = (const char **)env_changes,
		.files = files,
		.n_files = ids.len ? 2 : 1,
		.report_fd = true,
	};
	return 0;
}

static int list_command(const struct adapt_program *program, struct arena *arena,
			struct adapt_command *ret_command, struct err *err)
{
	struct args args;
	args_init(&args, arena);
	put_common(&args, program);
	args_add(&args, "--collect-only");
	args_add(&args, "-q");
	args_add_str(&args, program->path);
	if (make_command(&args, (struct str){ 0 }, ret_command) < 0)
		return err_set(err, -ENOMEM, "no memory for the command that lists %.*s",
			       STR_ARG(program->path));
	return 1;
}

/* The fields of a detail: node id (escaped, as it is), file, root folder, configuration file. */
struct place {
	struct str id, file, root, inifile;
};

static int take_detail(struct str detail, struct arena *arena, struct place *ret_place)
{
	struct str ignored;
	struct place place = { .id = { detail.data, 0 } };
	while (place.id.len < detail.len && detail.data[place.id.len] != '\t')
		place.id.len++;
	if (text_field(&detail, arena, &ignored) != 1 ||
	    text_field(&detail, arena, &place.file) != 1 ||
	    text_field(&detail, arena, &place.root) != 1 ||
	    text_field(&detail, arena, &place.inifile) != 1)
		return -EINVAL;
	*ret_place = place;
	return 0;
}

/* Files of the first cases as arguments, their ids as lines. Returns how many cases fit, or -errno.
 */
static ptrdiff_t put_cases(struct args *args, struct buf *ids, const struct adapt_case *cases,
			   size_t n)
{
	struct map files = { 0 };
	struct place place;
	ptrdiff_t covered = 0;
	int r = 0;
	for (size_t i = 0; r == 0 && i < n && (i == 0 || args->bytes < ARGS_BYTES); i++) {
		r = take_detail(cases[i].detail, args->arena, &place);
		if (r == 0 && i == 0 && place.root.len)
			args_printf(args, "--rootdir=%.*s", STR_ARG(place.root));
		if (r == 0 && i == 0 && place.inifile.len) {
			args_add(args, "-c");
			args_add_str(args, place.inifile);
		}
		if (r == 0 && !map_get(&files, place.file, NULL)) {
			args_add_str(args, place.file);
			r = map_put(&files, place.file, 1) < 0 ? -ENOMEM : 0;
		}
		if (r == 0 && (buf_put_str(ids, place.id) < 0 || buf_puts(ids, "\n") < 0))
			break;
		covered++;
	}
	map_done(&files);
	return r < 0 ? r : covered;
}

static ptrdiff_t run_command(const struct adapt_program *program, const struct adapt_case *cases,
			     size_t n, struct arena *arena, struct adapt_command *ret_command,
			     struct err *err)
{
	enum { IDS_BYTES = 16 << 20 };
	struct args args;
	struct buf ids;
	ASSERT(n > 0);
	args_init(&args, arena);
	buf_init(&ids, IDS_BYTES);
	put_common(&args, program);
	ptrdiff_t covered = put_cases(&args, &ids, cases, n);
	const char *content = covered > 0 ? arena_copy(arena, buf_str(&ids)) : NULL;
	struct str wanted = { content, ids.len };
	buf_done(&ids);
	if (covered == -EINVAL)
		return err_set(err, -EINVAL, "case %.*s: its listing cannot be read",
			       STR_ARG(cases[0].name));
	if (!content || make_command(&args, wanted, ret_command) < 0)
		return err_set(err, -ENOMEM, "no memory for the command of %zu cases", n);
	return covered;
}

/* ---- listing ---- */

struct collection {
	struct listing listing;
	const struct adapt_program *program;
	struct str root, inifile; /* escaped, as they came */
	bool begun;
	struct buf errors;
};

/*
 * What a case is called: of one file, what follows the file's name in the node id; of a folder, the
 * file's path in it too. Not the whole node id: that begins at the root folder pytest settles on,
 * which moves with the working directory.
 */
static int put_name(struct buf *name, const struct adapt_program *program, struct str id,
		    struct str file)
{
	struct str folder = program->path;
	ptrdiff_t at = str_find(id, STR_LIT("::"));
	while (folder.len && folder.data[folder.len - 1] == '/')
		folder.len--;
	struct str rest = { id.data + at, at < 0 ? 0 : id.len - (size_t)at };
	if (at >= 0 && str_eq(file, folder))
		return buf_put_str(name, (struct str){ rest.data + 2, rest.len - 2 });
	if (at < 0 || !str_starts(file, folder) || file.len == folder.len ||
	    file.data[folder.len] != '/')
		return buf_put_str(name, id);
	int r = buf_put_str(name,
			    (struct str){ file.data + folder.len + 1, file.len - folder.len - 1 });
	return r < 0 ? r : buf_put_str(name, rest);
}

/* "case<TAB>id<TAB>file<TAB>" */
static int add_case(struct collection *collection, struct str fields)
{
	struct str id, file, raw_id = { fields.data, 0 };
	struct buf detail, name;
	while (raw_id.len < fields.len && fields.data[raw_id.len] != '\t')
		raw_id.len++;
	struct arena *arena = collection->listing.arena;
	if (text_field(&fields, arena, &id) != 1 || text_field(&fields, arena, &file) != 1 ||
	    !id.len)
		return err_set(collection->listing.err, -EPROTO,
			       "a line of the plugin cannot be read");
	buf_init(&detail, LIMIT_DETAIL_BYTES);
	buf_init(&name, LIMIT_DETAIL_BYTES);
	int r = put_name(&name, collection->program, id, file);
	if (r == 0)
		r = buf_printf(&detail, "%.*s\t", STR_ARG(raw_id));
	if (r == 0)
		r = text_put_field(&detail, file);
	if (r == 0)
		r = buf_printf(&detail, "%.*s\t%.*s\t", STR_ARG(collection->root),
			       STR_ARG(collection->inifile));
	if (r < 0)
		err_set(collection->listing.err, r, "a node id is longer than %d bytes",
			LIMIT_DETAIL_BYTES);
	else
		r = listing_add(&collection->listing,
				&(struct adapt_case){ .name = buf_str(&name),
						      .detail = buf_str(&detail) },
				NULL);
	buf_done(&name);
	buf_done(&detail);
	return r;
}

/* The text of "error<TAB>where<TAB>text<TAB>" into *errors; a line cut short gives what it has. */
static void put_error(struct buf *errors, struct str fields)
{
	struct arena arena = { 0 };
	struct str where = { 0 }, text = { 0 };
	if (text_field(&fields, &arena, &where) == 1 && text_field(&fields, &arena, &text) != 1)
		text = fields;
	if (errors->len)
		buf_puts(errors, "\n");
	text_message(errors, where);
	buf_puts(errors, where.len ? ": " : "");
	text_message(errors, str_trim(text));
	arena_done(&arena);
}

static int take_listed(struct collection *collection, struct str line)
{
	struct str word, rest = line;
	str_split(&rest, '\t', &word);
	if (!rest.data)
		return 0;
	if (str_eq(word, STR_LIT("begin"))) {
		collection->begun = true;
		str_split(&rest, '\t', &collection->root);
		str_split(&rest, '\t', &collection->inifile);
	} else if (str_eq(word, STR_LIT("error"))) {
		put_error(&collection->errors, rest);
	} else if (str_eq(word, STR_LIT("case"))) {
		return add_case(collection, rest);
	}
	return 0;
}

/* Did the collection succeed as a whole? No tests at all is a success. */
static int check_end(struct collection *collection, const struct adapt_exit *how, struct err *err)
{
	const struct adapt_program *program = collection->program;
	if (collection->errors.len)
		return err_set(err, -EPROTO, "cannot list %.*s: %s", STR_ARG(program->path),
			       buf_text(&collection->errors));
	struct adapt_exit judged = *how;
	if (judged.code == EXIT_NO_TESTS)
		judged.code = 0;
	int r = listing_check(program, &judged, (struct str){ "", 0 }, err);
	if (r == 0 && !collection->begun)
		r = listing_refuse(program, "pytest tests", how->errors, err);
	return r;
}

static int list_parse(const struct adapt_program *program, struct str out,
		      const struct adapt_exit *how, struct arena *arena, struct adapt_cases *cases,
		      struct err *err)
{
	struct collection collection = { .program = program };
	struct str line;
	int r = 0;
	listing_init(&collection.listing, arena, cases, err);
	buf_init(&collection.errors, 900); /* what fits into an error's text */
	while (r == 0 && str_line(&out, &line))
		r = take_listed(&collection, line);
	if (r < 0)
		err_wrap(err, "cannot list %.*s", STR_ARG(program->path));
	else
		r = check_end(&collection, how, err);
	buf_done(&collection.errors);
	listing_done(&collection.listing);
	return r;
}

/* ---- reading ---- */

/* The node id of a case, escaped as the plugin says it. */
static struct str escaped_id(const struct adapt_case *one)
{
	const char *tab = one->detail.len ? memchr(one->detail.data, '\t', one->detail.len) : NULL;
	return (struct str){ one->detail.data,
			     tab ? (size_t)(tab - one->detail.data) : one->detail.len };
}

static void parser_free(struct adapt_parser *base)
{
	struct pytest_parser *parser = (struct pytest_parser *)base;
	if (!parser)
		return;
	step_done(&parser->step);
	lines_done(&parser->lines);
	buf_done(&parser->error);
	free(parser);
}

static struct adapt_parser *parser_new(const struct adapt_program *program,
				       const struct adapt_case *cases, size_t n,
				       const struct adapt_sink *sink)
{
	(void)program;
	struct pytest_parser *parser = calloc(1, sizeof(*parser));
	if (!parser)
		return NULL;
	lines_init(&parser->lines, false);
	buf_init(&parser->error, TEXT_MESSAGE_BYTES);
	if (step_init(&parser->step, cases, n, sink, escaped_id) < 0) {
		parser_free((struct adapt_parser *)parser);
		return NULL;
	}
	return (struct adapt_parser *)parser;
}

/* The message field, cleaned; one that was cut short loses its last escape. */
static void put_message(struct buf *message, struct str field)
{
	struct arena arena = { 0 };
	struct str text;
	struct buf whole;
	if (!str_ends(field, STR_LIT("\t"))) {
		buf_init(&whole, LINES_BYTES + 1);
		while (field.len && field.data[field.len - 1] == '\\')
			field.len--;
		buf_put_str(&whole, field);
		buf_puts(&whole, "\t");
		field = buf_str(&whole);
		if (text_field(&field, &arena, &text) == 1)
			text_message(message, text);
		buf_done(&whole);
	} else if (text_field(&field, &arena, &text) == 1) {
		text_message(message, text);
	}
	arena_done(&arena);
}

/* "id<TAB>outcome<TAB>microseconds<TAB>message<TAB>" */
static void take_end(struct pytest_parser *parser, struct str fields)
{
	struct str id, outcome, number;
	uint64_t duration_us = 0;
	char name[16] = "";
	struct buf message;
	if (!str_split(&fields, '\t', &id) || !str_split(&fields, '\t', &outcome) ||
	    !str_split(&fields, '\t', &number))
		return;
	ptrdiff_t index = step_find(&parser->step, id);
	if (outcome.len < sizeof(name))
		memcpy(name, outcome.data, outcome.len);
	int value = outcome_parse(name);
	if (index < 0 || (value != OUTCOME_PASS && value != OUTCOME_FAIL && value != OUTCOME_SKIP))
		return;
	if (str_parse_u64(number, 0, UINT64_MAX, &duration_us) < 0)
		duration_us = 0;
	buf_init(&message, TEXT_MESSAGE_BYTES);
	if (fields.len)
		put_message(&message, fields);
	step_end(&parser->step, (size_t)index, (enum outcome)value, duration_us,
		 str_trim(buf_str(&message)));
	buf_done(&message);
}

static void take_line(struct pytest_parser *parser, struct str line)
{
	struct str word, id, rest = line;
	str_split(&rest, '\t', &word);
	if (!rest.data)
		return;
	if (str_eq(word, STR_LIT("start"))) {
		str_split(&rest, '\t', &id);
		ptrdiff_t index = step_find(&parser->step, id);
		if (index >= 0)
			step_start(&parser->step, (size_t)index);
	} else if (str_eq(word, STR_LIT("end"))) {
		take_end(parser, rest);
	} else if (str_eq(word, STR_LIT("error"))) {
		put_error(&parser->error, rest);
	}
}

static void feed(struct adapt_parser *base, enum adapt_stream stream, struct str bytes)
{
	struct pytest_parser *parser = (struct pytest_parser *)base;
	struct str line;
	if (stream != ADAPT_STREAM_REPORT)
		return;
	while (lines_next(&parser->lines, &bytes, &line))
		take_line(parser, line);
}

/* Nothing ran, and running it again would tell the same: every case is an error with the reason. */
static void tell_broken(struct pytest_parser *parser, const struct adapt_exit *how)
{
	struct buf message;
	struct str why = str_trim(parser->error.len ? buf_str(&parser->error) : how->errors);
	buf_init(&message, TEXT_MESSAGE_BYTES);
	buf_printf(&message, "pytest ended with exit code %d before any test: ", how->code);
	text_message(&message, why);
	for (size_t i = 0; i < parser->step.n; i++)
		step_end(&parser->step, i, OUTCOME_ERROR, 0, buf_str(&message));
	buf_done(&message);
}

static void finish(struct adapt_parser *base, const struct adapt_exit *how)
{
	struct pytest_parser *parser = (struct pytest_parser *)base;
	if (how->killed || how->signalled)
		return;
	if (how->code > EXIT_FAILED && how->code != EXIT_NO_TESTS && !parser->step.n_started)
		tell_broken(parser, how);
	else
		step_exit(&parser->step, how->code,
			  parser->error.len ? buf_str(&parser->error) : how->errors);
}

const struct adapt_ops adapt_pytest = {
	.name = "pytest",
	.process_per_case = false,
	.list_command = list_command,
	.list_parse = list_parse,
	.run_command = run_command,
	.parser_new = parser_new,
	.feed = feed,
	.finish = finish,
	.parser_free = parser_free,
};
