// SPDX-License-Identifier: Apache-2.0
/* say.h - text from tests or files on a terminal, where it can neither move the cursor nor forge a
 * line. */
#ifndef PADDOCK_CLI_SAY_H
#define PADDOCK_CLI_SAY_H

#include "protocol/base/str.h"

#include <stdio.h>

/* Write `text` to `file` with control bytes as escapes. `say_lines` keeps tabs and newlines. */
void say_text(FILE *file, struct str text);
void say_lines(FILE *file, struct str text);

/* Write "suite::program::case" likewise. */
void say_case(FILE *file, struct str suite, struct str program, struct str name);

#endif
