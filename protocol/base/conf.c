// SPDX-License-Identifier: Apache-2.0
/*
 * conf.c - values of options, whoever gives them. Every value passes through conf_set, so that a
 * flag, a variable and a key are checked alike and their errors read alike; a value that loses
 * against a stronger source is checked all the same. Texts made of the table are in conf_help.c,
 * conf_man.c and conf_complete.c.
 */
#include "protocol/base/conf.h"

#include "protocol/base/arena.h"
#include "protocol/base/assert.h"
#include "protocol/base/vec.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct words {
	const char **items;
	size_t len, cap;
};

struct value {
	enum conf_source source;
	uint64_t number; /* of numbers, of flags 0 or 1, of enums the position */
	const char *text;
	struct words list;
};

struct conf {
	const struct conf_table *table;
	size_t verb;
	struct value *values; /* one per option */
	struct words operands, rest;
	struct arena arena;
	bool help;
};

struct conf *conf_new(const struct conf_table *table, size_t verb)
{
	ASSERT(verb < table->n_verbs);
	ASSERT(table->n_verbs <= 64);
	struct conf *conf = calloc(1, sizeof(*conf));
	if (!conf)
		return NULL;
	conf->table = table;
	conf->verb = verb;
	conf->values = calloc(table->n_options ? table->n_options : 1, sizeof(*conf->values));
	if (!conf->values) {
		free(conf);
		return NULL;
	}
	for (size_t i = 0; i < table->n_options; i++) {
		const char *fallback = table->options[i].fallback;
		struct err err = { 0 };
		int r = fallback ? conf_set(conf, i, CONF_SOURCE_DEFAULT, table->options[i].name,
					    str_of(fallback), &err)
				 : 0;
		ASSERT(r == 0 || r == -ENOMEM);
		if (r < 0) {
			conf_free(conf);
			return NULL;
		}
	}
	return conf;
}

void conf_free(struct conf *conf)
{
	if (!conf)
		return;
	for (size_t i = 0; i < conf->table->n_options; i++)
		VEC_DONE(&conf->values[i].list);
	VEC_DONE(&conf->operands);
	VEC_DONE(&conf->rest);
	arena_done(&conf->arena);
	free(conf->values);
	free(conf);
}

const struct conf_table *conf_table(const struct conf *conf)
{
	return conf->table;
}

int conf_find_option(const struct conf_table *table, struct str name)
{
	for (size_t i = 0; i < table->n_options; i++)
		if (str_eq(name, str_of(table->options[i].name)))
			return (int)i;
	return -ENOENT;
}

int conf_find_verb(const struct conf_table *table, struct str name)
{
	for (size_t i = 0; i < table->n_verbs; i++)
		if (str_eq(name, str_of(table->verbs[i].name)))
			return (int)i;
	return -ENOENT;
}

bool conf_takes(const struct conf_table *table, size_t verb, size_t option)
{
	return verb < table->n_verbs && table->options[option].verbs >> verb & 1;
}

const char *conf_nearest(struct str word, const char *const *names, size_t n)
{
	const char *best = NULL;
	unsigned best_distance = (unsigned)(word.len / 3 < 1 ? 1 : word.len / 3) + 1;
	for (size_t i = 0; i < n; i++) {
		struct str name = str_of(names[i]);
		unsigned distance = str_distance(word, name);
		if (word.len >= 3 && distance && str_starts(name, word))
			distance = 1;
		if (distance < best_distance && distance < word.len) {
			best_distance = distance;
			best = names[i];
		}
	}
	return best;
}

int conf_variable(const struct conf_table *table, size_t option, struct buf *buf)
{
	int r = buf_puts(buf, table->prefix);
	for (const char *c = table->options[option].name; r == 0 && *c; c++) {
		char upper = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
		r = buf_append(buf, &upper, 1);
	}
	return r;
}

/* ---- one value ---- */

/* Views come from anywhere; errors show at most this much of them. */
static struct str shown(struct str text)
{
	enum { MAX = 100 };
	if (text.len > MAX)
		text.len = MAX;
	return text;
}

static int parse_flag(struct str text, uint64_t *ret_number)
{
	static const char *const words[] = { "false", "true", "no", "yes", "off", "on", "0", "1" };
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (str_eq(text, str_of(words[i]))) {
			*ret_number = i & 1;
			return 0;
		}
	return -EINVAL;
}

static int parse_choice(const char *choices, struct str text, uint64_t *ret_number)
{
	struct str rest = str_of(choices), choice;
	for (uint64_t i = 0; str_split(&rest, '|', &choice); i++)
		if (str_eq(choice, text)) {
			*ret_number = i;
			return 0;
		}
	return -EINVAL;
}

static int parse_number(const struct conf_option *option, struct str text, uint64_t *ret_number)
{
	uint64_t number, max = option->max ? option->max : UINT64_MAX;
	int r;
	switch (option->type) {
	case CONF_FLAG: return parse_flag(text, ret_number);
	case CONF_ENUM: return parse_choice(option->choices, text, ret_number);
	case CONF_SIZE: r = str_parse_size(text, &number); break;
	case CONF_DURATION: r = str_parse_duration(text, &number); break;
	case CONF_U64: r = str_parse_u64(text, 0, UINT64_MAX, &number); break;
	default: ASSERT_NOT_REACHED();
	}
	if (r < 0)
		return r;
	if (number < option->min || number > max)
		return -ERANGE;
	*ret_number = number;
	return 0;
}

/* "from 1 to 1024" in the option's own unit. */
static void describe_range(const struct conf_option *option, char *out, size_t size)
{
	char low[32], high[32];
	if (!option->max && !option->min) {
		snprintf(out, size, "any up to 18446744073709551615");
		return;
	}
	if (option->type == CONF_DURATION) {
		str_format_duration(low, sizeof(low), option->min);
		str_format_duration(high, sizeof(high), option->max);
	} else if (option->type == CONF_SIZE) {
		str_format_size(low, sizeof(low), option->min);
		str_format_size(high, sizeof(high), option->max);
	} else {
		snprintf(low, sizeof(low), "%llu", (unsigned long long)option->min);
		snprintf(high, sizeof(high), "%llu", (unsigned long long)option->max);
	}
	if (option->max)
		snprintf(out, size, "from %s to %s", low, high);
	else
		snprintf(out, size, "at least %s", low);
}

static int refuse_value(const struct conf_option *option, const char *origin, struct str text,
			int why, struct err *err)
{
	char range[96];
	describe_range(option, range, sizeof(range));
	text = shown(text);
	if (why == -ERANGE)
		return err_set(err, -EINVAL, "%s: %.*s is out of range; allowed is %s", origin,
			       STR_ARG(text), range);
	switch (option->type) {
	case CONF_FLAG:
		return err_set(err, -EINVAL, "%s: \"%.*s\" is neither true nor false", origin,
			       STR_ARG(text));
	case CONF_ENUM:
		return err_set(err, -EINVAL, "%s: \"%.*s\" is not one of %s", origin, STR_ARG(text),
			       option->choices);
	case CONF_SIZE:
		return err_set(err, -EINVAL,
			       "%s: \"%.*s\" is not a size; write it as 512K, 64M or 1.5G", origin,
			       STR_ARG(text));
	case CONF_DURATION:
		return err_set(
			err, -EINVAL,
			"%s: \"%.*s\" is not a duration; write it as 90, 1.5s, 200ms or 1h30m",
			origin, STR_ARG(text));
	default:
		return err_set(err, -EINVAL, "%s: \"%.*s\" is not a whole number; allowed is %s",
			       origin, STR_ARG(text), range);
	}
}

static int add_word(struct words *words, size_t max, const char *what, const char *word,
		    struct err *err)
{
	if (words->len >= max)
		return err_set(err, -EINVAL, "%s: more than %zu values; put them into a list file",
			       what, max);
	if (!word || VEC_PUSH(words, word) < 0)
		return err_set(err, -ENOMEM, "%s: out of memory", what);
	return 0;
}

static int set_text(struct conf *conf, struct value *value, const struct conf_option *option,
		    const char *origin, struct str text, struct err *err)
{
	if (text.len && memchr(text.data, '\0', text.len))
		return err_set(err, -EINVAL, "%s: the value holds a NUL byte", origin);
	const char *copy = arena_copy(&conf->arena, text);
	if (option->type == CONF_LIST)
		return add_word(&value->list, CONF_LIST_MAX, origin, copy, err);
	if (!copy)
		return err_set(err, -ENOMEM, "%s: out of memory", origin);
	value->text = copy;
	return 0;
}

int conf_set(struct conf *conf, size_t option, enum conf_source source, const char *origin,
	     struct str text, struct err *err)
{
	ASSERT(option < conf->table->n_options);
	ASSERT(source > CONF_SOURCE_NONE && source < CONF_SOURCE_MAX);
	const struct conf_option *about = &conf->table->options[option];
	struct value *value = &conf->values[option];
	uint64_t number = 0;
	if (about->type != CONF_STRING && about->type != CONF_LIST) {
		int r = parse_number(about, text, &number);
		if (r < 0)
			return refuse_value(about, origin, text, r, err);
	}
	if (source < value->source)
		return 0;
	if (source > value->source)
		value->list.len = 0;
	int r = set_text(conf, value, about, origin, text, err);
	if (r < 0)
		return r;
	value->number = number;
	value->source = source;
	return 0;
}

/* ---- words of a command line ---- */

struct words_left {
	char *const *args;
	size_t n, next;
};

static int unknown_option(const struct conf *conf, struct str word, struct err *err)
{
	const char *names[512];
	size_t n = 0;
	for (size_t i = 0; i < conf->table->n_options && n < sizeof(names) / sizeof(names[0]); i++)
		if (conf_takes(conf->table, conf->verb, i) && !conf->table->options[i].hidden)
			names[n++] = conf->table->options[i].name;
	const char *verb = conf->table->verbs[conf->verb].name;
	const char *gap = *verb ? " " : "";
	int elsewhere = conf_find_option(conf->table, word);
	if (elsewhere >= 0)
		return err_set(
			err, -EINVAL,
			"--%s: %s%s%s has no such option, though other verbs do; see %s%s%s --help",
			conf->table->options[elsewhere].name, conf->table->program, gap, verb,
			conf->table->program, gap, verb);
	const char *nearest = conf_nearest(word, names, n);
	word = shown(word);
	if (nearest)
		return err_set(err, -EINVAL, "--%.*s: no such option; did you mean --%s?",
			       STR_ARG(word), nearest);
	return err_set(err, -EINVAL, "--%.*s: no such option; %s%s%s --help lists them",
		       STR_ARG(word), conf->table->program, gap, verb);
}

/* The option a long name stands for, which may be "no-" and the name of a flag. */
static int find_long(const struct conf *conf, struct str name, bool *ret_negated)
{
	int option = conf_find_option(conf->table, name);
	if (option >= 0 && conf_takes(conf->table, conf->verb, (size_t)option)) {
		*ret_negated = false;
		return option;
	}
	if (!str_starts(name, STR_LIT("no-")))
		return -ENOENT;
	option = conf_find_option(conf->table, (struct str){ name.data + 3, name.len - 3 });
	if (option < 0 || !conf_takes(conf->table, conf->verb, (size_t)option) ||
	    conf->table->options[option].type != CONF_FLAG)
		return -ENOENT;
	*ret_negated = true;
	return option;
}

static int take_next(struct words_left *left, const char *origin, const struct conf_option *option,
		     struct str *ret_text, struct err *err)
{
	if (left->next >= left->n)
		return err_set(err, -EINVAL, "%s: needs a value: %s %s", origin, origin,
			       option->metavar);
	*ret_text = str_of(left->args[left->next++]);
	return 0;
}

static int parse_long(struct conf *conf, struct str word, struct words_left *left, struct err *err)
{
	struct str name = word, text = { 0 };
	const char *equals = memchr(word.data, '=', word.len);
	if (equals) {
		name.len = (size_t)(equals - word.data);
		text = (struct str){ equals + 1, word.len - name.len - 1 };
	}
	if (str_eq(name, STR_LIT("help"))) {
		conf->help = true;
		return 0;
	}
	bool negated;
	int option = find_long(conf, name, &negated);
	if (option < 0)
		return unknown_option(conf, name, err);
	const struct conf_option *about = &conf->table->options[option];
	char origin[128];
	snprintf(origin, sizeof(origin), "--%s%s", negated ? "no-" : "", about->name);
	if (about->type == CONF_FLAG && equals && negated)
		return err_set(err, -EINVAL, "%s takes no value", origin);
	if (!equals && about->type == CONF_FLAG)
		text = negated ? STR_LIT("false") : STR_LIT("true");
	else if (!equals && about->implied)
		text = str_of(about->implied);
	else if (!equals && take_next(left, origin, about, &text, err) < 0)
		return -EINVAL;
	return conf_set(conf, (size_t)option, CONF_SOURCE_FLAG, origin, text, err);
}

static int find_letter(const struct conf *conf, char letter)
{
	for (size_t i = 0; i < conf->table->n_options; i++)
		if (conf->table->options[i].letter == letter &&
		    conf_takes(conf->table, conf->verb, i))
			return (int)i;
	return -ENOENT;
}

/* "-vj4": letters of flags may stand together; the first that takes a value takes the rest of the
 * word, or the next. */
static int parse_letters(struct conf *conf, const char *letters, struct words_left *left,
			 struct err *err)
{
	for (; *letters; letters++) {
		int option = find_letter(conf, *letters);
		if (option < 0 && *letters == 'h') {
			conf->help = true;
			continue;
		}
		if (option < 0)
			return err_set(err, -EINVAL,
				       "-%c: no such option; %s%s%s --help lists them",
				       isprint((unsigned char)*letters) ? *letters : '?',
				       conf->table->program,
				       *conf->table->verbs[conf->verb].name ? " " : "",
				       conf->table->verbs[conf->verb].name);
		const struct conf_option *about = &conf->table->options[option];
		char origin[8] = { '-', *letters };
		struct str text = STR_LIT("true");
		bool ends = about->type != CONF_FLAG;
		if (ends && letters[1])
			text = str_of(letters + 1 + (letters[1] == '='));
		else if (ends && about->implied)
			text = str_of(about->implied);
		else if (ends && take_next(left, origin, about, &text, err) < 0)
			return -EINVAL;
		int r = conf_set(conf, (size_t)option, CONF_SOURCE_FLAG, origin, text, err);
		if (r < 0 || ends)
			return r;
	}
	return 0;
}

static int add_operand(struct conf *conf, struct words *words, const char *word, struct err *err)
{
	const struct conf_verb *verb = &conf->table->verbs[conf->verb];
	if (words == &conf->operands && !verb->operands)
		return err_set(err, -EINVAL,
			       "\"%.100s\" is too much: it takes options only; see %s%s%s --help",
			       word, conf->table->program, *verb->name ? " " : "", verb->name);
	return add_word(words, CONF_OPERANDS_MAX, "operands",
			arena_copy(&conf->arena, str_of(word)), err);
}

int conf_parse_args(struct conf *conf, size_t n, char *const *args, struct err *err)
{
	struct words_left left = { .args = args, .n = n };
	struct words *words = &conf->operands;
	bool ended = false;
	int r = 0;
	while (r == 0 && left.next < left.n) {
		const char *word = args[left.next++];
		if (ended || word[0] != '-' || !word[1]) {
			r = add_operand(conf, words, word, err);
		} else if (word[1] != '-') {
			r = parse_letters(conf, word + 1, &left, err);
		} else if (word[2]) {
			r = parse_long(conf, str_of(word + 2), &left, err);
		} else {
			ended = true;
			if (conf->table->verbs[conf->verb].rest)
				words = &conf->rest;
		}
	}
	return r;
}

int conf_parse_env(struct conf *conf, char *const *env, struct err *err)
{
	struct buf name;
	buf_init(&name, 256);
	int r = 0;
	for (size_t i = 0; r == 0 && i < conf->table->n_options; i++) {
		const struct conf_option *option = &conf->table->options[i];
		if (option->flag_only || !conf_takes(conf->table, conf->verb, i))
			continue;
		buf_clear(&name);
		r = conf_variable(conf->table, i, &name);
		for (char *const *at = env; r == 0 && *at; at++) {
			struct str entry = str_of(*at);
			if (entry.len <= name.len + 1 || !str_starts(entry, buf_str(&name)) ||
			    entry.data[name.len] != '=')
				continue;
			struct str text = { entry.data + name.len + 1, entry.len - name.len - 1 };
			r = conf_set(conf, i, CONF_SOURCE_ENVIRONMENT, buf_text(&name), text, err);
		}
	}
	buf_done(&name);
	return r;
}

int conf_finish(const struct conf *conf, struct err *err)
{
	const struct conf_verb *verb = &conf->table->verbs[conf->verb];
	if (verb->operands && conf->operands.len < verb->min_operands)
		return err_set(err, -EINVAL, "%s is missing; see %s%s%s --help", verb->operands,
			       conf->table->program, *verb->name ? " " : "", verb->name);
	if (verb->operands && verb->max_operands && conf->operands.len > verb->max_operands)
		return err_set(err, -EINVAL, "\"%.100s\" is one too many; it takes %s",
			       conf->operands.items[verb->max_operands], verb->operands);
	return 0;
}

/* ---- what came of it ---- */

bool conf_wants_help(const struct conf *conf)
{
	return conf->help;
}

enum conf_source conf_source(const struct conf *conf, size_t option)
{
	ASSERT(option < conf->table->n_options);
	return conf->values[option].source;
}

bool conf_is_set(const struct conf *conf, size_t option)
{
	return conf_source(conf, option) > CONF_SOURCE_DEFAULT;
}

static const struct value *value_of(const struct conf *conf, size_t option, unsigned types)
{
	ASSERT(option < conf->table->n_options);
	ASSERT(types >> conf->table->options[option].type & 1);
	return &conf->values[option];
}

bool conf_flag(const struct conf *conf, size_t option)
{
	return value_of(conf, option, 1u << CONF_FLAG)->number != 0;
}

uint64_t conf_u64(const struct conf *conf, size_t option)
{
	return value_of(conf, option, 1u << CONF_U64 | 1u << CONF_SIZE | 1u << CONF_DURATION)
		->number;
}

const char *conf_text(const struct conf *conf, size_t option)
{
	return value_of(conf, option, 1u << CONF_STRING | 1u << CONF_ENUM)->text;
}

unsigned conf_choice(const struct conf *conf, size_t option)
{
	return (unsigned)value_of(conf, option, 1u << CONF_ENUM)->number;
}

static const char *const *words_of(const struct words *words, size_t *ret_n)
{
	*ret_n = words->len;
	return words->items;
}

const char *const *conf_list(const struct conf *conf, size_t option, size_t *ret_n)
{
	return words_of(&value_of(conf, option, 1u << CONF_LIST)->list, ret_n);
}

const char *const *conf_operands(const struct conf *conf, size_t *ret_n)
{
	return words_of(&conf->operands, ret_n);
}

const char *const *conf_rest(const struct conf *conf, size_t *ret_n)
{
	return words_of(&conf->rest, ret_n);
}
