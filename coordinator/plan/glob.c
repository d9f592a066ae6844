// SPDX-License-Identifier: Apache-2.0
/*
 * glob.c - one pass with a single point to fall back to: after a mismatch only the last star can
 * help, by taking one byte more; earlier ones need never be tried again.
 */
#include "coordinator/plan/glob.h"

#include <stddef.h>

/* Where the set that begins at `at` ends (its "]"), or 0 when it does not. */
static size_t set_end(struct str pattern, size_t at)
{
	size_t i = at + 1;
	if (i < pattern.len && (pattern.data[i] == '!' || pattern.data[i] == '^'))
		i++;
	for (i++; i < pattern.len; i++) /* a "]" right at the start is a member */
		if (pattern.data[i] == ']')
			return i;
	return 0;
}

static bool set_has(struct str pattern, size_t at, size_t end, unsigned char byte)
{
	size_t i = at + 1;
	bool negated = pattern.data[i] == '!' || pattern.data[i] == '^', has = false;
	for (i += negated; i < end; i++) {
		unsigned char low = (unsigned char)pattern.data[i], high = low;
		if (i + 2 < end && pattern.data[i + 1] == '-') {
			high = (unsigned char)pattern.data[i + 2];
			i += 2;
		}
		has = has || (byte >= low && byte <= high);
	}
	return has != negated;
}

/* Does the element at *at match the byte? Moves *at behind it when so. */
static bool match_one(struct str pattern, size_t *at, char byte)
{
	size_t i = *at, next = i + 1;
	bool match;
	if (i >= pattern.len)
		return false;
	size_t end = pattern.data[i] == '[' ? set_end(pattern, i) : 0;
	if (end) {
		match = set_has(pattern, i, end, (unsigned char)byte);
		next = end + 1;
	} else if (pattern.data[i] == '\\' && i + 1 < pattern.len) {
		match = pattern.data[i + 1] == byte;
		next = i + 2;
	} else {
		match = pattern.data[i] == '?' || pattern.data[i] == byte;
	}
	if (match)
		*at = next;
	return match;
}

bool glob_match(struct str pattern, struct str text)
{
	size_t p = 0, t = 0, star = 0, taken = 0;
	bool has_star = false;
	while (t < text.len) {
		if (p < pattern.len && pattern.data[p] == '*') {
			has_star = true;
			star = ++p;
			taken = t;
		} else if (match_one(pattern, &p, text.data[t])) {
			t++;
		} else if (has_star) {
			p = star;
			t = ++taken;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.data[p] == '*')
		p++;
	return p == pattern.len;
}
