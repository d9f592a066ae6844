// SPDX-License-Identifier: Apache-2.0
/*
 * words.h - a list of words as one text and back, quoted as a shell would read it: how the store
 * remembers what a run was asked for.
 */
#ifndef PADDOCK_CLI_WORDS_H
#define PADDOCK_CLI_WORDS_H

#include "protocol/base/arena.h"
#include "protocol/base/buf.h"
#include "protocol/base/str.h"

#include <stddef.h>

/* Zeroed is empty; the items live in the arena given. */
struct words {
	const char **items;
	size_t len, cap;
};

/* Free the list, not the texts. Accepts zeroed. */
void words_done(struct words *words);

/* Append a word to buf, quoted where it needs to be, behind a space when buf holds some already. 0
 * or buf_append's errors; nothing is appended on failure. */
int words_quote(struct buf *buf, struct str word);

/* Append the words of a text to *words. 0, -EINVAL when a quote is not closed, -ENOMEM. */
int words_parse(struct str text, struct arena *arena, struct words *words);

#endif
