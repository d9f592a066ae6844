// SPDX-License-Identifier: Apache-2.0
/* text.c - cleaning and quoting, pure. Names become ids in reports and keys of history, so cleaning
 * must be stable. */
#include "worker/adapt/text.h"

#include "protocol/base/assert.h"
#include "protocol/wire/limits.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* The longest cleaned name: leaves room for the "#2" of a name that comes again. */
enum { NAME_BYTES = LIMIT_NAME_BYTES - 32 };

#define REPLACEMENT "\xef\xbf\xbd"

/* Bytes of the well-formed UTF-8 sequence at the start of `text`, 0 when there is none. */
static size_t utf8_len(struct str text)
{
	const unsigned char *s = (const unsigned char *)text.data;
	if (s[0] < 0x80)
		return 1;
	size_t n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	if (s[0] < 0xc2 || s[0] > 0xf4 || text.len < n)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	/* overlong forms, surrogates, beyond U+10FFFF */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

/* Bytes of the terminal escape at the start of `text` (which starts with ESC): "ESC [ ... letter",
 * or the ESC alone. */
static size_t escape_len(struct str text)
{
	if (text.len < 2 || text.data[1] != '[')
		return 1;
	for (size_t i = 2; i < text.len && i < 32; i++) {
		if (text.data[i] >= '@' && text.data[i] <= '~')
			return i + 1;
		if (text.data[i] < ' ' || text.data[i] > '?')
			break;
	}
	return 1;
}

/* One character of *raw into buf. False when it no longer fits. */
static bool clean_one(struct buf *buf, struct str *raw, bool lines, size_t limit)
{
	unsigned char c = (unsigned char)raw->data[0];
	struct str piece = { raw->data, 1 };
	size_t taken = 1;
	if (c == '\033') {
		piece.len = 0;
		taken = escape_len(*raw);
	} else if ((c < ' ' && !(lines && (c == '\n' || c == '\t'))) || c == 0x7f) {
		piece = lines && c == '\r' ? (struct str){ "", 0 } : STR_LIT(" ");
	} else if (c >= 0x80) {
		taken = utf8_len(*raw);
		piece = taken ? (struct str){ raw->data, taken } : STR_LIT(REPLACEMENT);
		taken = taken ? taken : 1;
	}
	if (buf->len + piece.len > limit || buf_put_str(buf, piece) < 0)
		return false;
	raw->data += taken;
	raw->len -= taken;
	return true;
}

int text_name(struct buf *buf, struct str raw)
{
	size_t before = buf->len;
	raw = str_trim(raw);
	while (raw.len && clean_one(buf, &raw, false, before + NAME_BYTES))
		if (buf->len == before + 1 && buf->data[before] == ' ')
			buf->len = before; /* a control byte in front is no part of the name */
	while (buf->len > before && buf->data[buf->len - 1] == ' ')
		buf->len--;
	return buf_append(buf, "", 0);
}

void text_message(struct buf *buf, struct str raw)
{
	while (raw.len && clean_one(buf, &raw, true, buf->cap_bytes))
		;
}

struct words {
	struct arena *arena;
	const char **items;
	size_t n, cap;
	char *word; /* the one being put together */
	size_t len;
	bool open; /* a word has begun, perhaps an empty quoted one */
};

static int end_word(struct words *words)
{
	if (!words->open)
		return 0;
	if (words->n == LIMIT_ARGS)
		return -E2BIG;
	ASSERT(words->n + 1 < words->cap);
	const char *copy = arena_copy(words->arena, (struct str){ words->word, words->len });
	if (!copy)
		return -ENOMEM;
	words->items[words->n++] = copy;
	words->len = 0;
	words->open = false;
	return 0;
}

static void put_byte(struct words *words, char c)
{
	words->word[words->len++] = c;
	words->open = true;
}

/* A quoted part that begins at line[i]; returns where it ends (the closing quote), or -1. */
static ptrdiff_t quoted(struct words *words, struct str line, size_t i)
{
	char quote = line.data[i];
	words->open = true;
	for (i++; i < line.len; i++) {
		char c = line.data[i];
		if (c == quote)
			return (ptrdiff_t)i;
		if (c == '\\' && quote == '"' && i + 1 < line.len &&
		    strchr("$`\"\\\n", line.data[i + 1])) {
			c = line.data[++i];
			if (c == '\n')
				continue;
		}
		put_byte(words, c);
	}
	return -1;
}

static int split_words(struct words *words, struct str line)
{
	int r = 0;
	for (size_t i = 0; i < line.len && r == 0; i++) {
		char c = line.data[i];
		if (c == '\'' || c == '"') {
			ptrdiff_t end = quoted(words, line, i);
			if (end < 0)
				return -EINVAL;
			i = (size_t)end;
		} else if (c == '\\') {
			if (++i == line.len)
				return -EINVAL;
			if (line.data[i] != '\n')
				put_byte(words, line.data[i]);
		} else if (c == ' ' || c == '\t' || c == '\n') {
			r = end_word(words);
		} else if (c == '#' && !words->open) {
			while (i + 1 < line.len && line.data[i + 1] != '\n')
				i++;
		} else {
			put_byte(words, c);
		}
	}
	return r < 0 ? r : end_word(words);
}

int text_shell_words(struct str line, struct arena *arena, const char ***ret_words, size_t *ret_n)
{
	/* Each word but the last is followed by a blank. */
	size_t cap = line.len / 2 + 2 < LIMIT_ARGS + 1 ? line.len / 2 + 2 : LIMIT_ARGS + 1;
	struct words words = { .arena = arena, .cap = cap };
	words.items = arena_alloc(arena, (cap + 1) * sizeof(*words.items));
	words.word = arena_alloc(arena, line.len + 1);
	if (!words.items || !words.word)
		return -ENOMEM;
	int r = split_words(&words, line);
	if (r < 0)
		return r;
	if (!words.n)
		return -EINVAL;
	words.items[words.n] = NULL;
	*ret_words = words.items;
	*ret_n = words.n;
	return 0;
}

static const struct {
	char byte, letter;
} escapes[] = { { '\\', '\\' }, { '\t', 't' }, { '\n', 'n' }, { '\0', '0' }, { '\r', 'r' } };

static const size_t n_escapes = sizeof(escapes) / sizeof(escapes[0]);

static int put_escaped(struct buf *buf, char c)
{
	for (size_t i = 0; i < n_escapes; i++)
		if (escapes[i].byte == c)
			return buf_append(buf, (const char[]){ '\\', escapes[i].letter }, 2);
	return buf_append(buf, &c, 1);
}

int text_put_field(struct buf *buf, struct str field)
{
	size_t before = buf->len;
	int r = 0;
	for (size_t i = 0; i < field.len && r == 0; i++)
		r = put_escaped(buf, field.data[i]);
	if (r == 0)
		r = buf_append(buf, "\t", 1);
	if (r < 0)
		buf->len = before;
	return r;
}

static int unescape(struct str field, struct arena *arena, struct str *ret_field)
{
	char *out = arena_alloc(arena, field.len + 1);
	size_t n = 0;
	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < field.len; i++) {
		if (field.data[i] != '\\') {
			out[n++] = field.data[i];
			continue;
		}
		size_t e = 0;
		while (e < n_escapes &&
		       (i + 1 >= field.len || escapes[e].letter != field.data[i + 1]))
			e++;
		if (e == n_escapes)
			return -EINVAL;
		out[n++] = escapes[e].byte;
		i++;
	}
	*ret_field = (struct str){ out, n };
	return 0;
}

int text_field(struct str *rest, struct arena *arena, struct str *ret_field)
{
	struct str field = *rest;
	if (!rest->len)
		return 0;
	const char *end = memchr(rest->data, '\t', rest->len);
	if (!end)
		return -EINVAL;
	field.len = (size_t)(end - rest->data);
	rest->data += field.len + 1;
	rest->len -= field.len + 1;
	*ret_field = field;
	if (!field.len || !memchr(field.data, '\\', field.len))
		return 1;
	int r = unescape(field, arena, ret_field);
	return r < 0 ? r : 1;
}
