// SPDX-License-Identifier: Apache-2.0
/*
 * escape.c - one decoder, one loop, and per target a rule for the characters that cannot stay. Runs
 * of harmless ASCII are copied whole, since outputs of a megabyte pass here. Pure, no locale.
 */
#include "protocol/base/escape.h"

#include "protocol/base/assert.h"

#include <inttypes.h>
#include <stdio.h>

#define REPLACEMENT "\xef\xbf\xbd"

enum { POINT_MAX = 0x10ffff };

struct range {
	uint32_t first, last;
};

size_t escape_decode(struct str text, uint32_t *ret_point)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *at = (const unsigned char *)text.data;
	if (!text.len)
		return 0;
	size_t n = at[0] < 0x80	  ? 1
		   : at[0] < 0xc2 ? 0
		   : at[0] < 0xe0 ? 2
		   : at[0] < 0xf0 ? 3
		   : at[0] < 0xf5 ? 4
				  : 0;
	if (!n || n > text.len)
		return 0;
	uint32_t point = n == 1 ? at[0] : at[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (at[i] & 0x3f);
	}
	if (point < least[n] || point > POINT_MAX || (point >= 0xd800 && point <= 0xdfff))
		return 0;
	*ret_point = point;
	return n;
}

/* What stands in for a character; NULL: it stays. May write to scratch. */
typedef const char *(*rule_fn)(uint32_t point, char scratch[16], bool lines);

/* ASCII that no rule touches but the quotes and marks of JSON and XML: found without decoding. */
static bool plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '&' && c != '\'' &&
	       c != '<' && c != '>';
}

static int convert(struct buf *buf, struct str text, rule_fn rule, bool lines)
{
	size_t kept = 0, i = 0; /* text[kept..i) may stay and is not appended yet */
	int r = 0;
	while (i < text.len && r == 0) {
		if (plain((unsigned char)text.data[i])) {
			i++;
			continue;
		}
		char scratch[16];
		uint32_t point = 0;
		struct str rest = { text.data + i, text.len - i };
		size_t n = escape_decode(rest, &point);
		const char *instead = n ? rule(point, scratch, lines) : REPLACEMENT;
		if (instead) {
			r = buf_append(buf, text.data + kept, i - kept);
			if (r == 0)
				r = buf_puts(buf, instead);
			kept = i + (n ? n : 1);
		}
		i += n ? n : 1;
	}
	return r < 0 ? r : buf_append(buf, text.data + kept, text.len - kept);
}

static const char *json_rule(uint32_t point, char scratch[16], bool lines)
{
	(void)lines;
	switch (point) {
	case '"': return "\\\"";
	case '\\': return "\\\\";
	case '\n': return "\\n";
	case '\r': return "\\r";
	case '\t': return "\\t";
	default: break;
	}
	if (point >= 0x20 && point != 0x7f)
		return NULL;
	snprintf(scratch, 16, "\\u%04x", (unsigned)point);
	return scratch;
}

int escape_json(struct buf *buf, struct str text)
{
	return convert(buf, text, json_rule, false);
}

/* XML 1.0, production Char, and without the controls it only discourages. */
static const char *text_rule(uint32_t point, char scratch[16] __attribute__((unused)), bool lines)
{
	(void)lines;
	if (point == '\t' || point == '\n' || point == '\r')
		return NULL;
	if (point < 0x20 || (point >= 0x7f && point <= 0x9f) || (point & 0xfffe) == 0xfffe)
		return REPLACEMENT;
	return NULL;
}

int escape_text(struct buf *buf, struct str text)
{
	return convert(buf, text, text_rule, false);
}

static const char *xml_rule(uint32_t point, char scratch[16], bool lines)
{
	switch (point) {
	case '&': return "&amp;";
	case '<': return "&lt;";
	case '>': return "&gt;";
	case '"': return "&quot;";
	case '\'': return "&#39;";
	case '\r': return "&#13;";
	default: return text_rule(point, scratch, lines);
	}
}

int escape_xml(struct buf *buf, struct str text)
{
	return convert(buf, text, xml_rule, false);
}

/* Marks, embeddings, overrides and isolates that make a line read in another order than it is
 * written. */
static bool reorders(uint32_t point)
{
	return point == 0x61c || (point >= 0x200e && point <= 0x200f) ||
	       (point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
}

static const char *terminal_rule(uint32_t point, char scratch[16], bool lines)
{
	if (lines && (point == '\t' || point == '\n'))
		return NULL;
	if (point == '\n')
		return "\\n";
	if (point == '\t')
		return "\\t";
	if (point == '\r')
		return "\\r";
	if (point < 0x20 || point == 0x7f)
		snprintf(scratch, 16, "\\x%02x", (unsigned)point);
	else if ((point >= 0x80 && point <= 0x9f) || reorders(point) || point == 0xfeff)
		snprintf(scratch, 16, "\\u{%x}", (unsigned)point);
	else
		return NULL;
	return scratch;
}

int escape_terminal(struct buf *buf, struct str text, bool lines)
{
	return convert(buf, text, terminal_rule, lines);
}

static bool within(uint32_t point, const struct range *ranges, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (point >= ranges[i].first && point <= ranges[i].last)
			return true;
	return false;
}

/* The blocks that matter in names; wcwidth would need the locale of the terminal. */
static size_t columns_of(uint32_t point)
{
	static const struct range none[] = {
		{ 0, 0x1f },	    { 0x7f, 0x9f },	  { 0x300, 0x36f },   { 0x483, 0x489 },
		{ 0x591, 0x5bd },   { 0x610, 0x61a },	  { 0x64b, 0x65f },   { 0x1ab0, 0x1aff },
		{ 0x1dc0, 0x1dff }, { 0x200b, 0x200f },	  { 0x20d0, 0x20ff }, { 0xfe00, 0xfe0f },
		{ 0xfe20, 0xfe2f }, { 0xe0100, 0xe01ef },
	};
	static const struct range wide[] = {
		{ 0x1100, 0x115f },   { 0x231a, 0x231b },   { 0x2e80, 0x303e },
		{ 0x3041, 0xa4cf },   { 0xa960, 0xa97c },   { 0xac00, 0xd7a3 },
		{ 0xf900, 0xfaff },   { 0xfe30, 0xfe6f },   { 0xff00, 0xff60 },
		{ 0xffe0, 0xffe6 },   { 0x1f300, 0x1f64f }, { 0x1f680, 0x1f6ff },
		{ 0x1f900, 0x1faff }, { 0x20000, 0x3fffd },
	};
	if (within(point, none, sizeof(none) / sizeof(none[0])))
		return 0;
	return point >= 0x1100 && within(point, wide, sizeof(wide) / sizeof(wide[0])) ? 2 : 1;
}

struct str escape_cut(struct str text, size_t columns)
{
	size_t i = 0, used = 0;
	while (i < text.len) {
		uint32_t point = '?';
		size_t n = escape_decode((struct str){ text.data + i, text.len - i }, &point);
		size_t width = columns_of(point);
		if (width > columns - used)
			break;
		used += width;
		i += n ? n : 1;
	}
	ASSERT(used <= columns && i <= text.len);
	return (struct str){ text.data, i };
}

/* FNV-1a: tells cut names apart, guards nothing. */
static uint64_t hash_of(struct str text)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < text.len; i++)
		hash = (hash ^ (unsigned char)text.data[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static bool is_plain_in_file(struct str rest, size_t n, bool first)
{
	unsigned char c = (unsigned char)rest.data[0];
	return n && c >= 0x20 && c != 0x7f && c != '/' && c != '%' && c != '~' &&
	       !(first && c == '.');
}

int escape_file(struct buf *buf, struct str text)
{
	size_t begin = buf->len;
	int r = text.len ? 0 : buf_puts(buf, "%");
	for (size_t i = 0; i < text.len && r == 0;) {
		struct str rest = { text.data + i, text.len - i };
		uint32_t point;
		size_t n = escape_decode(rest, &point);
		bool plain_one = is_plain_in_file(rest, n, i == 0);
		if (buf->len - begin > ESCAPE_FILE_BYTES - 4)
			return buf_printf(buf, "~%016" PRIx64, hash_of(text));
		r = plain_one ? buf_append(buf, rest.data, n)
			      : buf_printf(buf, "%%%02X", (unsigned char)rest.data[0]);
		i += plain_one ? n : 1;
	}
	return r;
}

size_t escape_width(struct str text)
{
	size_t used = 0;
	for (size_t i = 0; i < text.len;) {
		uint32_t point = '?';
		size_t n = escape_decode((struct str){ text.data + i, text.len - i }, &point);
		used += columns_of(point);
		i += n ? n : 1;
	}
	return used;
}
