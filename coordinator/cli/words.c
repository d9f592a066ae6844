// SPDX-License-Identifier: Apache-2.0
/* words.c - single quotes and backslashes, nothing else of the shell's grammar. */
#include "coordinator/cli/words.h"

#include "protocol/base/vec.h"

#include <errno.h>
#include <string.h>

void words_done(struct words *words)
{
	VEC_DONE(words);
}

static bool is_plain(struct str word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "_-+=./:,@%^";
	for (size_t i = 0; i < word.len; i++)
		if (!word.data[i] || !strchr(plain, word.data[i]))
			return false;
	return word.len > 0;
}

static int put_quoted(struct buf *buf, struct str word)
{
	int r = buf_puts(buf, "'");
	for (size_t i = 0; r == 0 && i < word.len; i++)
		r = word.data[i] == '\'' ? buf_puts(buf, "'\\''")
					 : buf_append(buf, &word.data[i], 1);
	return r < 0 ? r : buf_puts(buf, "'");
}

int words_quote(struct buf *buf, struct str word)
{
	size_t before = buf->len;
	int r = before ? buf_puts(buf, " ") : 0;
	if (r == 0)
		r = is_plain(word) ? buf_put_str(buf, word) : put_quoted(buf, word);
	if (r < 0 && buf->data) {
		buf->len = before;
		buf->data[before] = '\0';
	}
	return r;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

/* One word from *at on, without its quotes. 0 or -EINVAL, -ENOMEM. */
static int parse_word(struct str text, size_t *at, struct buf *word)
{
	bool quoted = false;
	int r = 0;
	for (; r == 0 && *at < text.len; ++*at) {
		char c = text.data[*at];
		if (!quoted && is_space(c))
			break;
		if (c == '\'')
			quoted = !quoted;
		else if (c == '\\' && !quoted && *at + 1 < text.len)
			r = buf_append(word, &text.data[++*at], 1);
		else
			r = buf_append(word, &c, 1);
	}
	return r == 0 && quoted ? -EINVAL : r;
}

int words_parse(struct str text, struct arena *arena, struct words *words)
{
	struct buf word;
	size_t at = 0;
	int r = 0;
	buf_init(&word, text.len + 1);
	while (r == 0) {
		while (at < text.len && is_space(text.data[at]))
			at++;
		if (at == text.len)
			break;
		buf_clear(&word);
		r = parse_word(text, &at, &word);
		const char *copy = r < 0 ? NULL : arena_copy(arena, buf_str(&word));
		if (r == 0 && (!copy || VEC_PUSH(words, copy) < 0))
			r = -ENOMEM;
	}
	buf_done(&word);
	return r;
}
