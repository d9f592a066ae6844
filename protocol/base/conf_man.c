// SPDX-License-Identifier: Apache-2.0
/*
 * conf_man.c - manual pages from the table, in the man macros. Text is escaped so that no word of a
 * help sentence can become a request; there is no date and no version in it, so that a page changes
 * only when the table does.
 */
#include "protocol/base/conf.h"

#include "protocol/base/assert.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Roff takes a leading dot or quote as a request, a backslash as an escape, and a bare dash as a
 * hyphen. */
static int put_text(struct buf *buf, struct str text)
{
	int r = text.len && (text.data[0] == '.' || text.data[0] == '\'') ? buf_puts(buf, "\\&")
									  : 0;
	for (size_t i = 0; r == 0 && i < text.len; i++) {
		char c = text.data[i];
		if (c == '\\')
			r = buf_puts(buf, "\\e");
		else if (c == '-')
			r = buf_puts(buf, "\\-");
		else
			r = buf_append(buf, &c, 1);
	}
	return r;
}

static int put_line(struct buf *buf, const char *before, struct str text, const char *after)
{
	int r = buf_puts(buf, before);
	r = r < 0 ? r : put_text(buf, text);
	return r < 0 ? r : buf_puts(buf, after);
}

static int put_about(struct buf *buf, const char *about)
{
	struct str rest = str_of(about), line;
	bool verbatim = false;
	int r = 0;
	while (r == 0 && str_split(&rest, '\n', &line)) {
		bool wants = line.len && line.data[0] == ' ';
		if (wants != verbatim)
			r = buf_puts(buf, wants ? ".nf\n" : ".fi\n");
		verbatim = wants;
		if (r == 0)
			r = line.len ? put_line(buf, "", line, "\n") : buf_puts(buf, ".PP\n");
	}
	return r == 0 && verbatim ? buf_puts(buf, ".fi\n") : r;
}

static int put_option(const struct conf_table *table, size_t i, struct buf *buf)
{
	const struct conf_option *option = &table->options[i];
	int r = buf_puts(buf, ".TP\n");
	if (r == 0 && option->letter)
		r = buf_printf(buf, "\\fB\\-%c\\fR, ", option->letter);
	bool negated = option->type == CONF_FLAG && option->fallback &&
		       strcmp(option->fallback, "true") == 0;
	r = r < 0 ? r
		  : put_line(buf, negated ? "\\fB\\-\\-no\\-" : "\\fB\\-\\-", str_of(option->name),
			     "\\fR");
	const char *operand = option->type == CONF_ENUM ? option->choices : option->metavar;
	if (r == 0 && option->type != CONF_FLAG)
		r = put_line(buf, option->implied ? "[=\\fI" : " \\fI", str_of(operand),
			     option->implied ? "\\fR]" : "\\fR");
	r = r < 0 ? r : put_line(buf, "\n", str_of(option->help), "\n");
	if (r == 0 && option->fallback && option->type != CONF_FLAG && *option->fallback)
		r = put_line(buf, "Default: ", str_of(option->fallback), ".\n");
	if (r < 0 || option->flag_only)
		return r;
	r = buf_puts(buf, "Variable: ");
	r = r < 0 ? r : conf_variable(table, i, buf);
	return r < 0 ? r : buf_puts(buf, ".\n");
}

static int put_options(const struct conf_table *table, size_t verb, struct buf *buf)
{
	int r = buf_puts(buf, ".SH OPTIONS\n");
	for (size_t i = 0; r == 0 && i < table->n_options; i++)
		if (conf_takes(table, verb, i) && !table->options[i].hidden)
			r = put_option(table, i, buf);
	if (r == 0)
		r = buf_puts(
			buf,
			".TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nPrint a summary of the options.\n");
	return r;
}

static int put_synopsis(const struct conf_table *table, size_t verb, struct buf *buf)
{
	int r = put_line(buf, ".SH SYNOPSIS\n\\fB", str_of(table->program), "");
	if (verb == table->n_verbs)
		return r < 0 ? r : buf_puts(buf, "\\fR \\fIVERB\\fR [\\fIOPTION\\fR...]\n");
	const struct conf_verb *about = &table->verbs[verb];
	r = r < 0 ? r
		  : put_line(buf, *about->name ? " " : "", str_of(about->name),
			     "\\fR [\\fIOPTION\\fR...]");
	if (r == 0 && about->operands)
		r = put_line(buf, " \\fI", str_of(about->operands), "\\fR");
	if (r == 0 && about->rest)
		r = put_line(buf, " [\\-\\- \\fI", str_of(about->rest), "\\fR]");
	return r < 0 ? r : buf_puts(buf, "\n");
}

static int put_verbs(const struct conf_table *table, struct buf *buf)
{
	int r = buf_puts(buf, ".SH VERBS\n");
	for (size_t i = 0; r == 0 && i < table->n_verbs; i++) {
		r = put_line(buf, ".TP\n\\fB", str_of(table->verbs[i].name), "\\fR\n");
		r = r < 0 ? r : put_line(buf, "", str_of(table->verbs[i].summary), ". ");
		r = r < 0 ? r
			  : buf_printf(buf, "See \\fB%s\\-%s\\fR(1).\n", table->program,
				       table->verbs[i].name);
	}
	return r;
}

/* NAME: "paddock\-run \- what it does". */
static int put_name(const struct conf_table *table, const char *verb, const char *summary,
		    struct buf *buf)
{
	int r = put_line(buf, ".SH NAME\n", str_of(table->program), *verb ? "\\-" : "");
	r = r < 0 ? r : put_line(buf, "", str_of(verb), " \\- ");
	return r < 0 ? r : put_line(buf, "", str_of(summary), "\n");
}

int conf_man(const struct conf_table *table, size_t verb, struct buf *buf)
{
	ASSERT(verb <= table->n_verbs);
	bool whole = verb == table->n_verbs;
	const char *name = whole ? "" : table->verbs[verb].name;
	const char *about = *name ? table->verbs[verb].about : table->about;
	char title[128];
	snprintf(title, sizeof(title), "%s%s%s", table->program, *name ? "-" : "", name);
	for (char *c = title; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	int r = put_line(buf, ".\\\" Made of the option table; do not edit.\n.TH ", str_of(title),
			 " 1 \"\" \"paddock\" \"User Commands\"\n");
	r = r < 0 ? r
		  : put_name(table, name, *name ? table->verbs[verb].summary : table->summary, buf);
	r = r < 0 ? r : put_synopsis(table, verb, buf);
	if (r == 0 && about)
		r = buf_puts(buf, ".SH DESCRIPTION\n");
	if (r == 0 && about)
		r = put_about(buf, about);
	if (r < 0)
		return r;
	return whole ? put_verbs(table, buf) : put_options(table, verb, buf);
}
