// SPDX-License-Identifier: Apache-2.0
/*
 * cmregex.c - CMake's dialect over the C library's matcher. Differences that the translation
 * bridges: braces are ordinary, a backslash outside brackets takes the next byte literally and
 * inside is one itself, brackets know no classes. The same in both: anchors hold at the ends of the
 * whole text, the dot takes newlines. Limits: 16 KiB of pattern, bytes not characters.
 */
#include "worker/adapt/cmregex.h"

#include "protocol/base/assert.h"

#include <errno.h>
#include <regex.h>
#include <string.h>

enum { PATTERN_BYTES = 16 << 10 };

/* A byte that stands for itself. */
static int put_literal(struct buf *buf, char c)
{
	if (strchr("^$.[]|()*+?{}\\", c) && buf_puts(buf, "\\") < 0)
		return -ENOBUFS;
	return buf_append(buf, &c, 1);
}

/* A POSIX bracket for a set of bytes: "]" first, "[" where no "." "=" ":" follows it, "^" not
 * first, "-" last. */
static int put_set(struct buf *buf, const bool set[256])
{
	int r = buf_puts(buf, set[']'] ? "[]" : "[");
	size_t before = buf->len;
	for (int c = 1; c < 256 && r == 0; c++)
		if (set[c] && !strchr("]^-[", c))
			r = buf_append(buf, (const char[]){ (char)c }, 1);
	bool first = buf->len == before && !set[']'];
	if (r == 0 && set['['])
		r = buf_puts(buf, "[");
	first = first && !set['['];
	if (r == 0 && set['^'] && first)
		return set['-'] ? buf_puts(buf, "-^]") : (buf->len--, buf_puts(buf, "\\^"));
	if (r == 0 && set['^'])
		r = buf_puts(buf, "^");
	if (r == 0 && set['-'])
		r = buf_puts(buf, "-");
	return r < 0 ? r : buf_puts(buf, "]");
}

static void complement(bool set[256])
{
	for (int c = 1; c < 256; c++)
		set[c] = !set[c];
}

/* The bracket that begins at pattern[*at]; *at moves to its closing one. */
static int put_bracket(struct buf *buf, struct str pattern, size_t *at)
{
	bool set[256] = { false };
	size_t i = *at + 1;
	bool negated = i < pattern.len && pattern.data[i] == '^';
	bool any = false;
	i += negated;
	for (size_t first = i; i < pattern.len && (pattern.data[i] != ']' || i == first); i++) {
		unsigned char from = (unsigned char)pattern.data[i], to = from;
		if (i + 2 < pattern.len && pattern.data[i + 1] == '-' &&
		    pattern.data[i + 2] != ']') {
			to = (unsigned char)pattern.data[i + 2];
			i += 2;
		}
		if (to < from)
			return -EINVAL;
		for (unsigned c = from; c <= to; c++)
			set[c] = true;
		any = true;
	}
	if (i >= pattern.len || !any)
		return -EINVAL;
	if (negated)
		complement(set);
	*at = i;
	return put_set(buf, set);
}

/* Nothing stands before pattern[at] that could be repeated. */
static bool follows_nothing(struct str pattern, size_t at)
{
	if (at == 0)
		return true;
	bool escaped = at > 1 && pattern.data[at - 2] == '\\';
	return !escaped && strchr("(|^*+?", pattern.data[at - 1]);
}

static int put_one(struct buf *buf, struct str pattern, size_t *at)
{
	char c = pattern.data[*at];
	switch (c) {
	case '\\':
		if (++*at == pattern.len)
			return -EINVAL;
		return put_literal(buf, pattern.data[*at]);
	case '[': return put_bracket(buf, pattern, at);
	case '*':
	case '+':
	case '?':
		if (follows_nothing(pattern, *at))
			return -EINVAL;
		return buf_append(buf, &c, 1);
	case '{':
	case '}':
	case ']': return put_literal(buf, c);
	default: return buf_append(buf, &c, 1);
	}
}

int cmregex_translate(struct buf *buf, struct str pattern)
{
	int r = pattern.len && memchr(pattern.data, '\0', pattern.len) ? -EINVAL : 0;
	for (size_t i = 0; i < pattern.len && r == 0; i++)
		r = put_one(buf, pattern, &i);
	return r;
}

static bool match(struct str pattern, struct str text, int flags)
{
	struct buf posix;
	regex_t regex;
	buf_init(&posix, PATTERN_BYTES);
	bool found = false;
	if (cmregex_translate(&posix, pattern) == 0 &&
	    regcomp(&regex, buf_text(&posix), REG_EXTENDED | REG_NOSUB) == 0) {
		/* REG_STARTEND: the text has a length and may hold NULs */
		regmatch_t span = { .rm_so = 0, .rm_eo = (regoff_t)text.len };
		found = regexec(&regex, text.data, 0, &span, flags) == 0;
		regfree(&regex);
	}
	buf_done(&posix);
	return found;
}

bool cmregex_match(struct str pattern, struct str text)
{
	return match(pattern, text, REG_STARTEND);
}

bool cmregex_match_rest(struct str pattern, struct str text)
{
	return match(pattern, text, REG_STARTEND | REG_NOTBOL);
}
