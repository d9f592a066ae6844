// SPDX-License-Identifier: Apache-2.0
/*
 * ctest_watch.c - TIMEOUT_AFTER_MATCH as CTest 3.25 has it: after each whole line the expressions
 * are tried on all output so far, and the first match counts. So a prompt without newline matches
 * when its line ends, and "$" holds behind a newline only.
 *
 * CTest tries all output anew for each line. Here an expression sees 4 to 8 KiB back from the line
 * that completes it, so that a test that prints much costs time in proportion, and only the last of
 * several lines that came together is tried: what matches the lines before it matches with it too.
 * That is not so where an expression looks for the end; such a one is tried on each line.
 */
#include "worker/adapt/ctest_watch.h"

#include "protocol/base/assert.h"
#include "worker/adapt/cmregex.h"

#include <string.h>

enum { LOOK_BACK_BYTES = 4 << 10 };

void ctest_watch_init(struct ctest_watch *watch, const struct ctest_props_list *patterns)
{
	*watch = (struct ctest_watch){ .patterns = patterns->items, .n_patterns = patterns->len };
	buf_init(&watch->recent, 2 * LOOK_BACK_BYTES);
	for (size_t i = 0; i < patterns->len; i++)
		if (str_find(patterns->items[i], STR_LIT("$")) >= 0)
			watch->line_by_line = true;
}

void ctest_watch_done(struct ctest_watch *watch)
{
	buf_done(&watch->recent);
	*watch = (struct ctest_watch){ 0 };
}

/* Does a pattern match the whole lines of the recent output? */
static bool is_met(const struct ctest_watch *watch)
{
	struct str text = buf_str(&watch->recent);
	while (text.len && text.data[text.len - 1] != '\n')
		text.len--;
	for (size_t i = 0; i < watch->n_patterns; i++)
		if (watch->is_cut ? cmregex_match_rest(watch->patterns[i], text)
				  : cmregex_match(watch->patterns[i], text))
			return true;
	return false;
}

/* Keep what of `bytes` can be looked at in one go. Returns how much, 0 on no memory. */
static size_t keep(struct ctest_watch *watch, struct str bytes)
{
	struct buf *recent = &watch->recent;
	if (recent->len == recent->cap_bytes) {
		buf_consume(recent, LOOK_BACK_BYTES);
		watch->is_cut = true;
	}
	size_t room = recent->cap_bytes - recent->len, n = bytes.len < room ? bytes.len : room;
	const char *newline = watch->line_by_line ? memchr(bytes.data, '\n', n) : NULL;
	n = newline ? (size_t)(newline - bytes.data) + 1 : n;
	ASSERT(n > 0);
	return buf_append(recent, bytes.data, n) < 0 ? 0 : n;
}

bool ctest_watch_feed(struct ctest_watch *watch, struct str bytes)
{
	size_t n;
	while (watch->n_patterns && bytes.len && (n = keep(watch, bytes)) > 0) {
		if (memchr(bytes.data, '\n', n) && is_met(watch)) {
			ctest_watch_done(watch);
			return true;
		}
		bytes.data += n;
		bytes.len -= n;
	}
	return false;
}
