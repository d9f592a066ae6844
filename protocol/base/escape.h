// SPDX-License-Identifier: Apache-2.0
/*
 * escape.h - text from tests made safe for where it goes: JSON, XML, a terminal. Input is any
 * bytes; output is always valid UTF-8, invalid input becomes U+FFFD, one per byte.
 */
#ifndef PADDOCK_BASE_ESCAPE_H
#define PADDOCK_BASE_ESCAPE_H

#include "protocol/base/buf.h"
#include "protocol/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ESCAPE_FILE_BYTES = 160 };

/*
 * Length in bytes (1..4) of the valid UTF-8 character that text begins with, its code point in
 * *ret_point; 0 when there is none: text is empty, or its first byte does not begin one.
 */
size_t escape_decode(struct str text, uint32_t *ret_point);

/* Append text as the content of a JSON string, without the quotes. As buf_append. */
int escape_json(struct buf *buf, struct str text);

/* Append text with every character XML 1.0 forbids replaced, but <, & and quotes as they are. */
int escape_text(struct buf *buf, struct str text);

/* Append text as the content of an XML or HTML element or quoted attribute. As buf_append. */
int escape_xml(struct buf *buf, struct str text);

/*
 * Append text for a terminal: control bytes and characters that reorder a line become \xNN or
 * \u{NNNN}; tabs and newlines stay when `lines`, else they become \t and \n. As buf_append.
 */
int escape_terminal(struct buf *buf, struct str text, bool lines);

/*
 * Append text as the name of one file: '/', '%', '~', control bytes, a first '.' and what is not
 * UTF-8 become %XX; a name of more than ESCAPE_FILE_BYTES is cut and ends in "~" and a hash of all
 * of it, so that callers may add "~" and something of their own. Never empty. As buf_append.
 */
int escape_file(struct buf *buf, struct str text);

/* Columns that valid, escaped text takes on a terminal; control characters count nothing. */
size_t escape_width(struct str text);

/* The longest beginning of text that takes at most `columns`. */
struct str escape_cut(struct str text, size_t columns);

#endif
