// SPDX-License-Identifier: Apache-2.0
/* temp.c - names by mkdtemp and mkstemp. A folder is removed as hostile, since tests of hostile
 * content use it, too. */
#include "tests/kit/temp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "protocol/base/tree.h"

static void name(char *out, size_t size)
{
	const char *base = getenv("TMPDIR");
	int n = snprintf(out, size, "%s/paddock-test-XXXXXX",
			 base && base[0] == '/' ? base : "/tmp");
	if (n < 0 || (size_t)n >= size)
		fail_msg("TMPDIR is too long for the names of this test: %s", base);
}

void temp_folder(char *out, size_t size)
{
	name(out, size);
	assert_non_null(mkdtemp(out));
}

int temp_file(char *out, size_t size)
{
	name(out, size);
	int fd = mkstemp(out);
	assert_true(fd >= 0);
	return fd;
}

void temp_remove(const char *folder)
{
	assert_int_equal(tree_remove(folder), 0);
}

void temp_shell(const char *format, ...)
{
	char command[1024];
	va_list ap;
	va_start(ap, format);
	int n = vsnprintf(command, sizeof(command), format, ap);
	va_end(ap);
	assert_in_range(n, 0, sizeof(command) - 1);
	assert_int_equal(system(command), 0);
}
