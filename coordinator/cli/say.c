// SPDX-License-Identifier: Apache-2.0
/* say.c - escaped in memory, then written at once; out of memory, nothing is shown of the text. */
#include "coordinator/cli/say.h"

#include "protocol/base/buf.h"
#include "protocol/base/escape.h"

enum { TEXT_BYTES = 1 << 20 };

static void print(FILE *file, struct str text, bool lines)
{
	struct buf buf;
	buf_init(&buf, TEXT_BYTES);
	if (escape_terminal(&buf, text, lines) == 0 && buf.len)
		fwrite(buf.data, 1, buf.len, file);
	buf_done(&buf);
}

void say_text(FILE *file, struct str text)
{
	print(file, text, false);
}

void say_lines(FILE *file, struct str text)
{
	print(file, text, true);
}

void say_case(FILE *file, struct str suite, struct str program, struct str name)
{
	say_text(file, suite);
	fputs("::", file);
	say_text(file, program);
	fputs("::", file);
	say_text(file, name);
}
