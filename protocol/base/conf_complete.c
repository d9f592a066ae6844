// SPDX-License-Identifier: Apache-2.0
/*
 * conf_complete.c - completion scripts for bash, zsh and fish from the table. What follows an
 * option is guessed from its type: choices of an enum, files for FILE, folders for DIR; operands
 * complete to files.
 */
#include "protocol/base/conf.h"

#include "protocol/base/assert.h"

#include <stdio.h>
#include <string.h>

static bool is_offered(const struct conf_table *table, size_t verb, size_t option)
{
	return conf_takes(table, verb, option) && !table->options[option].hidden;
}

static bool wants(const struct conf_option *option, const char *metavar)
{
	return option->metavar && strcmp(option->metavar, metavar) == 0;
}

/* Names a shell function may have: "paddock-worker" as "paddock_worker". */
static int put_function(const struct conf_table *table, struct buf *buf)
{
	int r = 0;
	for (const char *c = table->program; r == 0 && *c; c++)
		r = buf_append(buf, *c == '-' ? "_" : c, 1);
	return r;
}

/* Help text within single quotes; brackets and expansions mean something to zsh and are left out.
 */
static int put_quotable(struct buf *buf, const char *text)
{
	int r = 0;
	for (; r == 0 && *text; text++) {
		if (*text == '\'')
			r = buf_puts(buf, "'\\''");
		else if (!strchr("[]\\`$", *text))
			r = buf_append(buf, text, 1);
	}
	return r;
}

/* "--jobs --retries ..." of one verb. */
static int put_names(const struct conf_table *table, size_t verb, struct buf *buf)
{
	int r = buf_puts(buf, "--help");
	for (size_t i = 0; r == 0 && i < table->n_options; i++) {
		const struct conf_option *option = &table->options[i];
		if (!is_offered(table, verb, i))
			continue;
		r = buf_printf(buf, " --%s", option->name);
		if (r == 0 && option->type == CONF_FLAG)
			r = buf_printf(buf, " --no-%s", option->name);
	}
	return r;
}

static int put_choices(const struct conf_option *option, struct buf *buf)
{
	int r = 0;
	for (const char *c = option->choices; r == 0 && *c; c++)
		r = buf_append(buf, *c == '|' ? " " : c, 1);
	return r;
}

static bool any_offers(const struct conf_table *table, size_t option)
{
	return table->options[option].verbs && !table->options[option].hidden;
}

/* ---- bash ---- */

/* What may follow one option, as a branch of "case $previous". */
static int put_bash_value(const struct conf_option *option, struct buf *buf)
{
	if (option->type == CONF_FLAG || option->implied)
		return 0;
	int r = buf_printf(buf, "\t--%s", option->name);
	if (r == 0 && option->letter)
		r = buf_printf(buf, " | -%c", option->letter);
	r = r < 0 ? r : buf_puts(buf, ")\n\t\t");
	if (r == 0 && option->type == CONF_ENUM) {
		r = buf_puts(buf, "COMPREPLY=($(compgen -W \"");
		r = r < 0 ? r : put_choices(option, buf);
		r = r < 0 ? r : buf_puts(buf, "\" -- \"$word\"))");
	} else if (r == 0 && wants(option, "FILE")) {
		r = buf_puts(buf,
			     "compopt -o filenames\n\t\tCOMPREPLY=($(compgen -f -- \"$word\"))");
	} else if (r == 0 && wants(option, "DIR")) {
		r = buf_puts(buf,
			     "compopt -o filenames\n\t\tCOMPREPLY=($(compgen -d -- \"$word\"))");
	} else if (r == 0) {
		r = buf_puts(buf, ":");
	}
	return r < 0 ? r : buf_puts(buf, "\n\t\treturn\n\t\t;;\n");
}

static int put_bash_verbs(const struct conf_table *table, struct buf *buf)
{
	int r = buf_puts(buf, "\tcase $verb in\n");
	for (size_t i = 0; r == 0 && i < table->n_verbs; i++) {
		const char *name = table->verbs[i].name;
		r = buf_printf(buf, "\t%s) options=\"", *name ? name : "''");
		r = r < 0 ? r : put_names(table, i, buf);
		r = r < 0 ? r : buf_puts(buf, "\" ;;\n");
	}
	return r < 0 ? r : buf_puts(buf, "\tesac\n");
}

static bool has_verbs(const struct conf_table *table)
{
	return table->n_verbs > 1 || *table->verbs[0].name;
}

static int put_verb_names(const struct conf_table *table, struct buf *buf)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < table->n_verbs; i++)
		r = buf_printf(buf, "%s%s", i ? " " : "", table->verbs[i].name);
	return r;
}

static int put_bash(const struct conf_table *table, struct buf *buf)
{
	int r = buf_printf(buf,
			   "# bash completion for %s, made of its option table; do not edit.\n_",
			   table->program);
	r = r < 0 ? r : put_function(table, buf);
	r = r < 0 ? r
		  : buf_printf(buf,
			       "()\n{\n\tlocal word=${COMP_WORDS[COMP_CWORD]} "
			       "previous=${COMP_WORDS[COMP_CWORD-1]}\n"
			       "\tlocal verb=%s options=--help\n\tcase $previous in\n",
			       has_verbs(table) ? "${COMP_WORDS[1]}" : "");
	for (size_t i = 0; r == 0 && i < table->n_options; i++)
		if (any_offers(table, i))
			r = put_bash_value(&table->options[i], buf);
	r = r < 0 ? r : buf_puts(buf, "\tesac\n");
	r = r < 0 ? r : put_bash_verbs(table, buf);
	if (r == 0 && has_verbs(table)) {
		r = buf_puts(
			buf,
			"\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n\t\tCOMPREPLY=($(compgen -W \"");
		r = r < 0 ? r : put_verb_names(table, buf);
		r = r < 0 ? r : buf_puts(buf, "\" -- \"$word\"))\n\t\treturn\n\tfi\n");
	}
	r = r < 0 ? r
		  : buf_puts(buf, "\tcase $word in\n\t-*) COMPREPLY=($(compgen -W \"$options\" -- "
				  "\"$word\")) ;;\n"
				  "\t*)\n\t\tcompopt -o filenames\n\t\tCOMPREPLY=($(compgen -f -- "
				  "\"$word\"))\n\t\t;;\n"
				  "\tesac\n}\ncomplete -F _");
	r = r < 0 ? r : put_function(table, buf);
	return r < 0 ? r : buf_printf(buf, " %s\n", table->program);
}

/* ---- zsh ---- */

static int put_zsh_option(const struct conf_option *option, struct buf *buf)
{
	int r = buf_printf(buf, "\t\t'%s--%s%s[", option->type == CONF_LIST ? "*" : "",
			   option->name,
			   option->type == CONF_FLAG ? ""
			   : option->implied	     ? "=-"
						     : "=");
	r = r < 0 ? r : put_quotable(buf, option->help);
	r = r < 0 ? r : buf_puts(buf, "]");
	if (r == 0 && option->type == CONF_ENUM) {
		r = buf_puts(buf, ":value:(");
		r = r < 0 ? r : put_choices(option, buf);
		r = r < 0 ? r : buf_puts(buf, ")");
	} else if (r == 0 && option->type != CONF_FLAG) {
		r = buf_printf(buf, option->implied ? "::%s:%s" : ":%s:%s", option->metavar,
			       wants(option, "FILE")  ? "_files"
			       : wants(option, "DIR") ? "_files -/"
						      : "");
	}
	return r < 0 ? r : buf_puts(buf, "' \\\n");
}

static int put_zsh_verb(const struct conf_table *table, size_t verb, struct buf *buf)
{
	int r = buf_printf(buf, "\t%s)\n\t\t_arguments \\\n",
			   *table->verbs[verb].name ? table->verbs[verb].name : "*");
	for (size_t i = 0; r == 0 && i < table->n_options; i++)
		if (is_offered(table, verb, i))
			r = put_zsh_option(&table->options[i], buf);
	return r < 0 ? r
		     : buf_puts(buf, "\t\t'--help[Print a summary of the options]' "
				     "'*:operand:_files' ;;\n");
}

static int put_zsh(const struct conf_table *table, struct buf *buf)
{
	int r = buf_printf(buf, "#compdef %s\n# Made of the option table; do not edit.\n",
			   table->program);
	if (r == 0 && has_verbs(table)) {
		r = buf_puts(buf, "if (( CURRENT == 2 )); then\n\tlocal -a verbs=(\n");
		for (size_t i = 0; r == 0 && i < table->n_verbs; i++) {
			r = buf_printf(buf, "\t\t'%s:", table->verbs[i].name);
			r = r < 0 ? r : put_quotable(buf, table->verbs[i].summary);
			r = r < 0 ? r : buf_puts(buf, "'\n");
		}
		r = r < 0 ? r
			  : buf_puts(buf, "\t)\n\t_describe verb verbs\n\treturn\nfi\nlocal "
					  "verb=$words[2]\n"
					  "shift words\n(( CURRENT-- ))\n");
	}
	r = r < 0 ? r : buf_puts(buf, has_verbs(table) ? "case $verb in\n" : "case run in\n");
	for (size_t i = 0; r == 0 && i < table->n_verbs; i++)
		r = put_zsh_verb(table, i, buf);
	return r < 0 ? r : buf_puts(buf, "esac\n");
}

/* ---- fish ---- */

static int put_fish_option(const struct conf_table *table, size_t i, const char *condition,
			   struct buf *buf)
{
	const struct conf_option *option = &table->options[i];
	int r = buf_printf(buf, "complete -c %s%s -l %s", table->program, condition, option->name);
	if (r == 0 && option->letter)
		r = buf_printf(buf, " -s %c", option->letter);
	if (r == 0 && option->type == CONF_ENUM) {
		r = buf_puts(buf, " -x -a '");
		r = r < 0 ? r : put_choices(option, buf);
		r = r < 0 ? r : buf_puts(buf, "'");
	} else if (r == 0 && wants(option, "DIR")) {
		r = buf_puts(buf, " -x -a '(__fish_complete_directories)'");
	} else if (r == 0 && option->type != CONF_FLAG && !option->implied) {
		r = buf_puts(buf, wants(option, "FILE") ? " -r" : " -x");
	}
	r = r < 0 ? r : buf_puts(buf, " -d '");
	r = r < 0 ? r : put_quotable(buf, option->help);
	return r < 0 ? r : buf_puts(buf, "'\n");
}

static int put_fish_verb(const struct conf_table *table, size_t verb, struct buf *buf)
{
	const char *name = table->verbs[verb].name;
	char condition[128] = "";
	int r = 0;
	if (*name) {
		snprintf(condition, sizeof(condition), " -n '__fish_seen_subcommand_from %s'",
			 name);
		r = buf_printf(buf, "complete -c %s -n __fish_use_subcommand -f -a %s -d '",
			       table->program, name);
		r = r < 0 ? r : put_quotable(buf, table->verbs[verb].summary);
		r = r < 0 ? r : buf_puts(buf, "'\n");
	}
	for (size_t i = 0; r == 0 && i < table->n_options; i++)
		if (is_offered(table, verb, i))
			r = put_fish_option(table, i, condition, buf);
	return r;
}

static int put_fish(const struct conf_table *table, struct buf *buf)
{
	int r = buf_printf(buf,
			   "# fish completion for %s, made of its option table; do not edit.\n",
			   table->program);
	for (size_t i = 0; r == 0 && i < table->n_verbs; i++)
		r = put_fish_verb(table, i, buf);
	return r;
}

int conf_complete(const struct conf_table *table, enum conf_shell shell, struct buf *buf)
{
	ASSERT(table->n_verbs > 0);
	switch (shell) {
	case CONF_SHELL_BASH: return put_bash(table, buf);
	case CONF_SHELL_ZSH: return put_zsh(table, buf);
	case CONF_SHELL_FISH: return put_fish(table, buf);
	default: ASSERT_NOT_REACHED();
	}
}
