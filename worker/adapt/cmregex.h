// SPDX-License-Identifier: Apache-2.0
/* cmregex.h - regular expressions in CMake's dialect, as CTest's properties hold them. */
#ifndef PADDOCK_WORKER_ADAPT_CMREGEX_H
#define PADDOCK_WORKER_ADAPT_CMREGEX_H

#include "protocol/base/buf.h"

#include <stdbool.h>

/*
 * Append `pattern` in the POSIX extended dialect. 0; -EINVAL for what CMake refuses too (an open
 * bracket, a repetition of nothing, a backslash at the end) or a NUL; or buf_append's errors.
 */
int cmregex_translate(struct buf *buf, struct str pattern);

/* Does `pattern` match anywhere in `text`? A pattern that CMake would refuse matches nothing, as
 * there. */
bool cmregex_match(struct str pattern, struct str text);

/* The same for a text whose beginning is not here: "^" holds nowhere in it. */
bool cmregex_match_rest(struct str pattern, struct str text);

#endif
