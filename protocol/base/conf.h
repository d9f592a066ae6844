// SPDX-License-Identifier: Apache-2.0
/*
 * conf.h - one table of options from which everything about options follows: parsing of the command
 * line, of PREFIX_NAME environment variables and of values from a configuration file; help, manual
 * page and shell completion. The engine knows no option by name; a program brings its table.
 *
 * Where a value comes from decides: flag over environment over profile over file over default. A
 * list given by a stronger source replaces the weaker one's; within one source its values add up.
 *
 *	conf_new -> conf_parse_args, conf_parse_env, conf_set ... in any order -> conf_finish ->
 * conf_u64, conf_text ...
 */
#ifndef PADDOCK_BASE_CONF_H
#define PADDOCK_BASE_CONF_H

#include "protocol/base/buf.h"
#include "protocol/base/err.h"
#include "protocol/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum conf_type {
	CONF_FLAG,     /* --name, --no-name; "true" or "false" elsewhere */
	CONF_U64,      /* whole number within [min, max]; max 0 means any */
	CONF_SIZE,     /* "64M", in bytes, within [min, max] */
	CONF_DURATION, /* "1m30s", in microseconds, within [min, max] */
	CONF_STRING,
	CONF_ENUM, /* one of `choices` */
	CONF_LIST, /* may be given more than once */
	CONF_TYPE_MAX,
};

/* Weakest first. */
enum conf_source {
	CONF_SOURCE_NONE,
	CONF_SOURCE_DEFAULT,
	CONF_SOURCE_FILE,
	CONF_SOURCE_PROFILE,
	CONF_SOURCE_ENVIRONMENT,
	CONF_SOURCE_FLAG,
	CONF_SOURCE_MAX,
};

enum {
	CONF_LIST_MAX = 4096,	       /* values of one list */
	CONF_OPERANDS_MAX = 65536,     /* words that are no options */
	CONF_TEXT_MAX_BYTES = 1 << 20, /* of a help text, manual page, completion */
};

struct conf_option {
	const char *name; /* long name: "--jobs" is "jobs", as is its key; "PADDOCK_JOBS" its
			     variable */
	uint64_t verbs;	  /* bit per verb that takes it */
	enum conf_type type;
	char letter;	      /* "-j"; 0: none */
	const char *metavar;  /* "N", "FILE", "DIR", "DURATION"; NULL for flags */
	const char *fallback; /* text of the default; NULL: unset */
	const char *choices;  /* "a|b|c" for CONF_ENUM */
	const char *implied;  /* value of a bare "--name", which then takes one only as
				 "--name=VALUE"; NULL: must have one */
	uint64_t min, max;    /* of a number, size or duration; max 0: no bound */
	const char *group;    /* heading in the help */
	const char *help;     /* one or two sentences */
	bool flag_only; /* neither a variable nor a key: it makes sense on the command line alone */
	bool hidden;	/* in no help */
};

struct conf_verb {
	const char *name;     /* "" for a program without verbs */
	const char *operands; /* "[SUITE...]"; NULL: takes none */
	const char *rest; /* what may follow "--", as "SUBSTRING..."; NULL: the same as operands */
	const char *summary; /* a phrase, no full stop */
	const char *about;   /* paragraphs divided by an empty line; may be NULL */
	size_t min_operands, max_operands;
};

struct conf_table {
	const char *program; /* "paddock" */
	const char *summary; /* a phrase, no full stop */
	const char *about;   /* paragraphs for the help without a verb */
	const char *prefix;  /* of environment variables: "PADDOCK_" */
	const char *file;    /* "paddock.yaml" where options are keys too; NULL: there is none */
	const struct conf_verb *verbs;
	size_t n_verbs; /* at most 64 */
	const struct conf_option *options;
	size_t n_options;
};

struct conf;

/*
 * Values for one verb of the table (which must outlive it), all at their defaults. The caller
 * frees. NULL on no memory.
 */
struct conf *conf_new(const struct conf_table *table, size_t verb);

/* The table it was made for. */
const struct conf_table *conf_table(const struct conf *conf);

/* Free it and all texts it gave out. Accepts NULL. */
void conf_free(struct conf *conf);

/*
 * Take the words behind the verb: "--name=value", "--name value", "-n5", "-n 5", bundled letters,
 * "--no-flag", "--". 0, or -EINVAL with `err` naming the option, what was given and what is
 * allowed, or the nearest known option. "--help" and "-h" are always known, see conf_wants_help.
 * Texts are copied.
 */
int conf_parse_args(struct conf *conf, size_t n, char *const *args, struct err *err);

/*
 * Take every PREFIX_NAME variable of a NULL-terminated environment that an option has. An empty one
 * counts as unset.
 */
int conf_parse_env(struct conf *conf, char *const *env, struct err *err);

/*
 * Take one value from elsewhere. `origin` says where in errors ("paddock.yaml:12: jobs"). A weaker
 * source than the present value's is checked and dropped. 0, -EINVAL with err, -ENOMEM.
 */
int conf_set(struct conf *conf, size_t option, enum conf_source source, const char *origin,
	     struct str text, struct err *err);

/* Check the number of operands once all is parsed. 0 or -EINVAL with err. */
int conf_finish(const struct conf *conf, struct err *err);

/* Was --help among the words? */
bool conf_wants_help(const struct conf *conf);

/* Where the value comes from; CONF_SOURCE_NONE when there is none, not even a default. */
enum conf_source conf_source(const struct conf *conf, size_t option);

/* Did anybody but the table say something? */
bool conf_is_set(const struct conf *conf, size_t option);

/*
 * The value by the option's type; 0, false, NULL, an empty list when unset. An option of another
 * type is a bug.
 */
bool conf_flag(const struct conf *conf, size_t option);
uint64_t conf_u64(const struct conf *conf, size_t option); /* of U64, SIZE (bytes), DURATION (us) */
const char *conf_text(const struct conf *conf, size_t option); /* of STRING, ENUM */
unsigned conf_choice(const struct conf *conf, size_t option);  /* of ENUM: position in choices */

/*
 * Values of a LIST; words that are no options; words behind "--" where the verb tells them apart.
 * Valid while conf lives.
 */
const char *const *conf_list(const struct conf *conf, size_t option, size_t *ret_n);
const char *const *conf_operands(const struct conf *conf, size_t *ret_n);
const char *const *conf_rest(const struct conf *conf, size_t *ret_n);

/* Number of the option called `name`, or -ENOENT. */
int conf_find_option(const struct conf_table *table, struct str name);

/* Number of the verb called `name`, or -ENOENT. */
int conf_find_verb(const struct conf_table *table, struct str name);

/* Does `verb` take `option`? */
bool conf_takes(const struct conf_table *table, size_t verb, size_t option);

/*
 * The one of `names` nearest to a misspelt word, near enough to be worth asking about, else NULL.
 */
const char *conf_nearest(struct str word, const char *const *names, size_t n);

/* "PREFIX_NAME" of an option, appended to buf. 0 or buf_append's errors. */
int conf_variable(const struct conf_table *table, size_t option, struct buf *buf);

/*
 * Texts made of the table, appended to buf. `verb` n_verbs means the program itself. 0 or
 * buf_append's errors. Help is at most 80 columns wide; the manual page is roff for section 1.
 */
int conf_help(const struct conf_table *table, size_t verb, struct buf *buf);
int conf_man(const struct conf_table *table, size_t verb, struct buf *buf);

enum conf_shell { CONF_SHELL_BASH, CONF_SHELL_ZSH, CONF_SHELL_FISH, CONF_SHELL_MAX };

/*
 * Completion script of the whole program for one shell, appended to buf. 0 or buf_append's errors.
 */
int conf_complete(const struct conf_table *table, enum conf_shell shell, struct buf *buf);

#endif
