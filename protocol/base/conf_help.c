// SPDX-License-Identifier: Apache-2.0
/* conf_help.c - "--help" from the table: usage, paragraphs, options under their headings, 80
 * columns wide. */
#include "protocol/base/conf.h"

#include "protocol/base/assert.h"

#include <stdio.h>
#include <string.h>

enum { COLUMNS = 80, INDENT = 26 };

/* Words of `text` from column `at` on, continued at `indent`; ends the line. */
static int put_wrapped(struct buf *buf, struct str text, size_t at, size_t indent)
{
	struct str rest = text, word;
	bool first = true;
	int r = 0;
	while (r == 0 && str_split(&rest, ' ', &word)) {
		if (!word.len)
			continue;
		if (!first && at + 1 + word.len > COLUMNS) {
			r = buf_printf(buf, "\n%*s", (int)indent, "");
			at = indent;
		} else if (!first) {
			r = buf_puts(buf, " ");
			at++;
		}
		first = false;
		at += word.len;
		if (r == 0)
			r = buf_put_str(buf, word);
	}
	return r < 0 ? r : buf_puts(buf, "\n");
}

/* Paragraphs divided by empty lines; a line that starts with a blank is kept as it is. */
static int put_about(struct buf *buf, const char *about)
{
	struct str rest = str_of(about), line;
	int r = 0;
	while (r == 0 && str_split(&rest, '\n', &line)) {
		bool verbatim = !line.len || line.data[0] == ' ';
		if (verbatim) {
			r = buf_put_str(buf, line);
			r = r < 0 ? r : buf_puts(buf, "\n");
		} else {
			r = put_wrapped(buf, line, 0, 0);
		}
	}
	return r;
}

static int put_usage(const struct conf_table *table, size_t verb, struct buf *buf)
{
	if (verb == table->n_verbs)
		return buf_printf(buf, "usage: %s VERB [OPTION...]\n", table->program);
	const struct conf_verb *about = &table->verbs[verb];
	int r = buf_printf(buf, "usage: %s%s%s [OPTION...]", table->program,
			   *about->name ? " " : "", about->name);
	if (r == 0 && about->operands)
		r = buf_printf(buf, " %s", about->operands);
	if (r == 0 && about->rest)
		r = buf_printf(buf, " [-- %s]", about->rest);
	return r < 0 ? r : buf_puts(buf, "\n");
}

static int put_spelling(const struct conf_option *option, struct buf *buf)
{
	int r = option->letter ? buf_printf(buf, "  -%c, ", option->letter)
			       : buf_puts(buf, "      ");
	const char *dash = option->type == CONF_FLAG && option->fallback &&
					   strcmp(option->fallback, "true") == 0
				   ? "no-"
				   : "";
	if (r == 0)
		r = buf_printf(buf, "--%s%s", dash, option->name);
	if (r == 0 && option->type != CONF_FLAG)
		r = buf_printf(buf, option->implied ? "[=%s]" : " %s",
			       option->type == CONF_ENUM ? option->choices : option->metavar);
	return r;
}

static int put_option(const struct conf_option *option, struct buf *buf)
{
	size_t start = buf->len;
	int r = put_spelling(option, buf);
	size_t width = buf->len - start;
	if (r == 0 && width + 2 > INDENT)
		r = buf_printf(buf, "\n%*s", INDENT, "");
	else if (r == 0)
		r = buf_printf(buf, "%*s", (int)(INDENT - width), "");
	char text[1024];
	bool told = option->fallback && option->type != CONF_FLAG && *option->fallback;
	snprintf(text, sizeof(text), told ? "%s [default: %s]" : "%s", option->help,
		 option->fallback);
	return r < 0 ? r : put_wrapped(buf, str_of(text), INDENT, INDENT);
}

static bool is_shown(const struct conf_table *table, size_t verb, size_t option)
{
	return conf_takes(table, verb, option) && !table->options[option].hidden;
}

/* The options of one heading, with the heading when there are any. */
static int put_group(const struct conf_table *table, size_t verb, size_t first, struct buf *buf)
{
	const char *group = table->options[first].group;
	int r = buf_printf(buf, "\n%s:\n", group);
	for (size_t i = first; r == 0 && i < table->n_options; i++)
		if (is_shown(table, verb, i) && strcmp(table->options[i].group, group) == 0)
			r = put_option(&table->options[i], buf);
	return r;
}

static bool group_seen(const struct conf_table *table, size_t verb, size_t option)
{
	for (size_t i = 0; i < option; i++)
		if (is_shown(table, verb, i) &&
		    strcmp(table->options[i].group, table->options[option].group) == 0)
			return true;
	return false;
}

static int put_verbs(const struct conf_table *table, struct buf *buf)
{
	int r = buf_puts(buf, "\nVerbs:\n");
	for (size_t i = 0; r == 0 && i < table->n_verbs; i++)
		r = buf_printf(buf, "  %-10s %s\n", table->verbs[i].name, table->verbs[i].summary);
	if (r == 0)
		r = buf_printf(buf, "\n%s VERB --help tells more about one.\n", table->program);
	return r;
}

static int put_sources(const struct conf_table *table, struct buf *buf)
{
	char text[512];
	if (table->file)
		snprintf(text, sizeof(text),
			 "Options are also keys of %s and variables: --no-tests is no-tests there "
			 "and "
			 "%sNO_TESTS. A flag wins over a variable, that over a profile, that over "
			 "the file.",
			 table->file, table->prefix);
	else
		snprintf(text, sizeof(text),
			 "Options are also variables: --log-format is %sLOG_FORMAT. A flag wins.",
			 table->prefix);
	int r = buf_puts(buf, "\n");
	return r < 0 ? r : put_wrapped(buf, str_of(text), 0, 0);
}

int conf_help(const struct conf_table *table, size_t verb, struct buf *buf)
{
	ASSERT(verb <= table->n_verbs);
	bool whole = verb == table->n_verbs;
	const char *name = whole ? "" : table->verbs[verb].name;
	const char *about = whole || !*name ? table->about : table->verbs[verb].about;
	int r = buf_printf(buf, "%s%s%s - %s\n", table->program, *name ? " " : "", name,
			   *name ? table->verbs[verb].summary : table->summary);
	r = r < 0 ? r : put_usage(table, verb, buf);
	if (r == 0 && about)
		r = buf_puts(buf, "\n");
	if (r == 0 && about)
		r = put_about(buf, about);
	if (r == 0 && whole)
		return put_verbs(table, buf);
	for (size_t i = 0; r == 0 && i < table->n_options; i++)
		if (is_shown(table, verb, i) && !group_seen(table, verb, i))
			r = put_group(table, verb, i, buf);
	return r < 0 ? r : put_sources(table, buf);
}
