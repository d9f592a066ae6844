// SPDX-License-Identifier: Apache-2.0
/*
 * filter.c - recursive descent into a flat array of nodes, evaluated by index. Depth and size are
 * capped, so a hostile expression costs a sentence. Regular expressions are POSIX extended.
 */
#include "coordinator/plan/filter.h"

#include "coordinator/plan/glob.h"

#include "protocol/base/assert.h"
#include "protocol/base/vec.h"

#include <ctype.h>
#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

enum {
	DEPTH_MAX = 64,
	NODES_MAX = 4096,
	SHOWN_BYTES = 300, /* of an expression, in an error */
	REGEX_PARTS_MAX =
		/* of a regular expression written out: a few hundred times what people write */
	10000,
};

enum node_kind { NODE_ALL, NODE_NONE, NODE_AND, NODE_OR, NODE_NOT, NODE_SET };
enum set_field { SET_TEST, SET_SUITE, SET_PROGRAM, SET_TAG, SET_KIND, SET_MAX };
enum matcher { MATCH_CONTAINS, MATCH_EXACT, MATCH_GLOB, MATCH_REGEX };

static const char *const set_names[SET_MAX] = {
	[SET_TEST] = "test", [SET_SUITE] = "suite", [SET_PROGRAM] = "program",
	[SET_TAG] = "tag",   [SET_KIND] = "kind",
};

struct node {
	enum node_kind kind;
	size_t left, right;
	enum set_field field;
	enum matcher matcher;
	char *text;
	regex_t regex;
};

struct filter {
	struct node *items;
	size_t len, cap;
	size_t root;
};

struct parser {
	struct filter *filter;
	struct str text;
	size_t at;
	unsigned depth;
	struct err *err;
};

static int parse_or(struct parser *p, size_t *ret_node);

/* As much of a filter as leaves room for what is wrong with it. */
static struct str shown(struct str text)
{
	return (struct str){ text.data, text.len < SHOWN_BYTES ? text.len : SHOWN_BYTES };
}

static int complain(const struct parser *p, const char *what)
{
	return err_set(
		p->err, -EINVAL,
		"filter '%.*s': %s at column %zu (sets are test(), suite(), program(), tag(), "
		"kind(), all(), none(); joined by and, or, not)",
		STR_ARG(shown(p->text)), what, p->at + 1);
}

static void skip_space(struct parser *p)
{
	while (p->at < p->text.len && isspace((unsigned char)p->text.data[p->at]))
		p->at++;
}

static struct str rest_of(const struct parser *p)
{
	return (struct str){ p->text.data + p->at, p->text.len - p->at };
}

/* Take a symbol, or a word that ends at a word's end. */
static bool take(struct parser *p, const char *token)
{
	skip_space(p);
	struct str rest = rest_of(p), word = str_of(token);
	if (!str_starts(rest, word))
		return false;
	if (isalpha((unsigned char)token[0]) && token[word.len - 1] != ')' && rest.len > word.len &&
	    (isalnum((unsigned char)rest.data[word.len]) || rest.data[word.len] == '_'))
		return false;
	p->at += word.len;
	return true;
}

static int add_node(struct parser *p, struct node node, size_t *ret_node)
{
	if (p->filter->len >= NODES_MAX)
		return complain(p, "too many parts");
	if (VEC_PUSH(p->filter, node) < 0)
		return -ENOMEM;
	*ret_node = p->filter->len - 1;
	return 0;
}

/* The argument of a set up to its closing parenthesis; "\)" and "\/" are escapes. */
static int parse_argument(struct parser *p, struct node *node)
{
	static const struct {
		char sign;
		enum matcher matcher;
	} signs[] = {
		{ '=', MATCH_EXACT },
		{ '~', MATCH_CONTAINS },
		{ '#', MATCH_GLOB },
		{ '/', MATCH_REGEX },
	};
	char end = ')';
	skip_space(p);
	node->matcher = node->field == SET_TEST ? MATCH_CONTAINS : MATCH_GLOB;
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]) && p->at < p->text.len; i++)
		if (p->text.data[p->at] == signs[i].sign) {
			node->matcher = signs[i].matcher;
			end = signs[i].sign == '/' ? '/' : ')';
			p->at++;
			break;
		}
	char *out = malloc(p->text.len - p->at + 1);
	if (!out)
		return -ENOMEM;
	size_t n = 0;
	for (; p->at < p->text.len && p->text.data[p->at] != end; p->at++) {
		if (p->text.data[p->at] == '\\' && p->at + 1 < p->text.len &&
		    p->text.data[p->at + 1] == end)
			p->at++;
		out[n++] = p->text.data[p->at];
	}
	if (node->matcher != MATCH_REGEX)
		while (n && isspace((unsigned char)out[n - 1]))
			n--;
	out[n] = '\0';
	node->text = out;
	if (p->at >= p->text.len)
		return complain(p, end == '/' ? "the regular expression lacks its closing /"
					      : "missing )");
	p->at += end == '/';
	return take(p, ")") ? 0 : complain(p, "missing )");
}

/*
 * "{n,m}" behind its brace: the larger number, and *text moved onto the closing brace or the end.
 */
static uint64_t count_of(const char **text)
{
	uint64_t most = 1, number = 0;
	for (; **text && **text != '}'; ++*text) {
		bool digit = isdigit((unsigned char)**text);
		number = !digit			    ? 0
			 : number < REGEX_PARTS_MAX ? number * 10 + (uint64_t)(**text - '0')
						    : number;
		most = number > most ? number : most;
	}
	return most;
}

/* Behind a bracket expression, or at the end. */
static const char *skip_bracket(const char *text)
{
	text += text[1] == '^' ? 2 : 1;
	for (text += *text == ']'; *text && *text != ']'; text++)
		;
	return text;
}

/*
 * Parts of a regular expression once all its repetitions are written out, as regcomp does ("x+"
 * is "xx*", "x{3}" is "xxx", and nested ones multiply). More than REGEX_PARTS_MAX, or groups too
 * deep: that much or more.
 */
static uint64_t parts_of(const char *text)
{
	uint64_t sums[DEPTH_MAX + 1] = { 0 }, atom = 0, depth = 0;
	for (; *text && sums[depth] + atom <= REGEX_PARTS_MAX; text++) {
		if (*text == '+') {
			atom *= 2;
		} else if (*text == '{') {
			atom *= count_of(&text);
		} else if (*text == '*' || *text == '?') {
			continue;
		} else if (*text == ')' && depth) {
			atom += sums[depth--] + 1;
		} else {
			sums[depth] += atom;
			atom = *text != '(' && *text != '|';
			if (*text == '(' && ++depth > DEPTH_MAX)
				return UINT64_MAX;
			sums[depth] = *text == '(' ? 0 : sums[depth];
			text = *text == '[' ? skip_bracket(text)
					    : text + (*text == '\\' && text[1]);
		}
		if (!*text)
			break;
	}
	for (uint64_t i = 0; i < depth; i++)
		atom += sums[i];
	return sums[depth] + atom;
}

static int compile(struct parser *p, struct node *node)
{
	char why[128] =
		"it repeats too much or nests too deep: written out it may have 10000 parts";
	int code = parts_of(node->text) > REGEX_PARTS_MAX ? REG_ESPACE : 0;
	if (!code) {
		code = regcomp(&node->regex, node->text, REG_EXTENDED | REG_NOSUB);
		if (!code)
			return 0;
		regerror(code, &node->regex, why, sizeof(why));
	}
	return err_set(p->err, -EINVAL,
		       "filter '%.*s': the regular expression /%.300s/ is wrong: %s",
		       STR_ARG(shown(p->text)), node->text, why);
}

static int parse_set(struct parser *p, size_t *ret_node)
{
	struct node node = { .kind = NODE_SET, .field = SET_MAX };
	if (take(p, "all()"))
		return add_node(p, (struct node){ .kind = NODE_ALL }, ret_node);
	if (take(p, "none()"))
		return add_node(p, (struct node){ .kind = NODE_NONE }, ret_node);
	skip_space(p);
	struct str rest = rest_of(p);
	for (size_t i = 0; i < SET_MAX; i++) {
		size_t n = strlen(set_names[i]);
		if (str_starts(rest, str_of(set_names[i])) && rest.len > n && rest.data[n] == '(') {
			node.field = (enum set_field)i;
			p->at += n + 1;
			break;
		}
	}
	if (node.field == SET_MAX)
		return complain(p, p->at >= p->text.len ? "something is missing" : "no such set");
	int r = parse_argument(p, &node);
	bool compiled = r == 0 && node.matcher == MATCH_REGEX;
	if (compiled)
		r = compile(p, &node);
	compiled = compiled && r == 0;
	if (r == 0)
		r = add_node(p, node, ret_node);
	if (r < 0) {
		if (compiled)
			regfree(&node.regex);
		free(node.text);
	}
	return r;
}

static int parse_factor(struct parser *p, size_t *ret_node)
{
	int r;
	if (++p->depth > DEPTH_MAX)
		return complain(p, "nested too deep");
	if (take(p, "not") || take(p, "!")) {
		size_t of;
		r = parse_factor(p, &of);
		if (r == 0)
			r = add_node(p, (struct node){ .kind = NODE_NOT, .left = of }, ret_node);
	} else if (take(p, "(")) {
		r = parse_or(p, ret_node);
		if (r == 0 && !take(p, ")"))
			r = complain(p, "missing )");
	} else {
		r = parse_set(p, ret_node);
	}
	p->depth--;
	return r;
}

static int join(struct parser *p, enum node_kind kind, bool negate, size_t *left,
		int (*parse)(struct parser *, size_t *))
{
	size_t right;
	int r = parse(p, &right);
	if (r == 0 && negate)
		r = add_node(p, (struct node){ .kind = NODE_NOT, .left = right }, &right);
	if (r == 0)
		r = add_node(p, (struct node){ .kind = kind, .left = *left, .right = right }, left);
	return r;
}

static int parse_and(struct parser *p, size_t *ret_node)
{
	int r = parse_factor(p, ret_node);
	while (r == 0) {
		if (take(p, "and") || take(p, "&"))
			r = join(p, NODE_AND, false, ret_node, parse_factor);
		else if (take(p, "-"))
			r = join(p, NODE_AND, true, ret_node, parse_factor);
		else
			break;
	}
	return r;
}

static int parse_or(struct parser *p, size_t *ret_node)
{
	int r = parse_and(p, ret_node);
	while (r == 0 && (take(p, "or") || take(p, "|") || take(p, "+")))
		r = join(p, NODE_OR, false, ret_node, parse_and);
	return r;
}

int filter_parse(struct str text, struct filter **ret_filter, struct err *err)
{
	struct filter *filter = calloc(1, sizeof(*filter));
	if (!filter)
		return err_set(err, -ENOMEM, "no memory for a filter");
	struct parser p = { .filter = filter, .text = text, .err = err };
	int r = parse_or(&p, &filter->root);
	skip_space(&p);
	if (r == 0 && p.at < text.len)
		r = complain(&p, "unexpected text");
	if (r < 0) {
		filter_free(filter);
		return r;
	}
	*ret_filter = filter;
	return 0;
}

void filter_free(struct filter *filter)
{
	if (!filter)
		return;
	for (size_t i = 0; i < filter->len; i++) {
		if (filter->items[i].kind == NODE_SET && filter->items[i].matcher == MATCH_REGEX)
			regfree(&filter->items[i].regex);
		free(filter->items[i].text);
	}
	free(filter->items);
	free(filter);
}

static bool text_matches(const struct node *node, struct str value)
{
	if (node->matcher == MATCH_CONTAINS)
		return str_find(value, str_of(node->text)) >= 0;
	if (node->matcher == MATCH_EXACT)
		return str_eq(value, str_of(node->text));
	if (node->matcher == MATCH_GLOB)
		return glob_match(str_of(node->text), value);
	char small[512];
	char *copy = value.len < sizeof(small) ? small : malloc(value.len + 1);
	if (!copy)
		return false;
	if (value.len)
		memcpy(copy, value.data, value.len);
	copy[value.len] = '\0';
	bool matches = regexec(&node->regex, copy, 0, NULL, 0) == 0;
	if (copy != small)
		free(copy);
	return matches;
}

static bool any_matches(const struct node *node, const struct str *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (text_matches(node, values[i]))
			return true;
	return false;
}

static bool set_matches(const struct node *node, const struct filter_subject *subject)
{
	switch (node->field) {
	case SET_TEST: return text_matches(node, subject->name);
	case SET_SUITE: return text_matches(node, subject->suite);
	case SET_PROGRAM: return text_matches(node, subject->program);
	case SET_KIND: return text_matches(node, subject->kind);
	case SET_TAG:
		return any_matches(node, subject->tags, subject->n_tags) ||
		       any_matches(node, subject->case_tags, subject->n_case_tags);
	case SET_MAX: break;
	}
	ASSERT_NOT_REACHED();
}

static bool node_matches(const struct filter *filter, size_t at,
			 const struct filter_subject *subject)
{
	const struct node *node = &filter->items[at];
	switch (node->kind) {
	case NODE_ALL: return true;
	case NODE_NONE: return false;
	case NODE_AND:
		return node_matches(filter, node->left, subject) &&
		       node_matches(filter, node->right, subject);
	case NODE_OR:
		return node_matches(filter, node->left, subject) ||
		       node_matches(filter, node->right, subject);
	case NODE_NOT: return !node_matches(filter, node->left, subject);
	case NODE_SET: return set_matches(node, subject);
	}
	ASSERT_NOT_REACHED();
}

bool filter_match(const struct filter *filter, const struct filter_subject *subject)
{
	ASSERT(filter->root < filter->len);
	return node_matches(filter, filter->root, subject);
}
