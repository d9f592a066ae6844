// SPDX-License-Identifier: Apache-2.0
/*
 * text.h - bytes of tests made fit for names and messages: valid UTF-8, no control bytes, bounded;
 * and the quoting that the adapters' own notes use.
 */
#ifndef PADDOCK_WORKER_ADAPT_TEXT_H
#define PADDOCK_WORKER_ADAPT_TEXT_H

#include "protocol/base/arena.h"
#include "protocol/base/buf.h"

enum {
	TEXT_MESSAGE_BYTES =
		8 << 10, /* of a message put together here; the whole output travels apart */
};

/*
 * Append `raw` as the name of a case: one line, terminal escapes dropped, control bytes as blanks,
 * invalid UTF-8 as U+FFFD, blanks at the ends gone, at most LIMIT_NAME_BYTES less a few. 0, or
 * buf_append's errors.
 */
int text_name(struct buf *buf, struct str raw);

/* Append `raw` as a message: as text_name, but newlines and tabs stay and the length is what fits
 * into the buffer. */
void text_message(struct buf *buf, struct str raw);

/*
 * Put the words of `line` apart as a POSIX shell does without expansions, as g_shell_parse_argv:
 * single and double quotes, backslash, comments. 0 with *ret_words NULL-terminated in the arena;
 * -EINVAL for an open quote or no word at all, -ENOMEM.
 */
int text_shell_words(struct str line, struct arena *arena, const char ***ret_words, size_t *ret_n);

/*
 * Fields in one line: each ends with a tab; backslash, tab, newline and NUL inside are escaped.
 * text_put_field appends one; 0, or buf_append's errors.
 */
int text_put_field(struct buf *buf, struct str field);

/*
 * Take the next field off *rest: 1 with the unescaped field, in the arena when it had escapes, else
 * a view of *rest; 0 when *rest is empty; -EINVAL for an unfinished field or an unknown escape,
 * -ENOMEM.
 */
int text_field(struct str *rest, struct arena *arena, struct str *ret_field);

#endif
