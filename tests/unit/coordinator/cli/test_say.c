// SPDX-License-Identifier: Apache-2.0
/* test_say.c - hostile names stay on their line. */
#include "coordinator/cli/say.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_control_bytes_are_shown(void **state)
{
	(void)state;
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);
	assert_non_null(file);
	say_text(file, STR_LIT("a\x1b[2Jb\nc\td"));
	fputc('|', file);
	say_lines(file, STR_LIT("a\x1b[2Jb\nc\td"));
	fputc('|', file);
	say_case(file, STR_LIT("s"), STR_LIT("p\r"), STR_LIT("n\xff"));
	assert_int_equal(fclose(file), 0);
	assert_string_equal(text, "a\\x1b[2Jb\\nc\\td|a\\x1b[2Jb\nc\td|s::p\\r::n\xef\xbf\xbd");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_control_bytes_are_shown) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
