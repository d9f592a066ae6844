// SPDX-License-Identifier: Apache-2.0
/* test_kind.c - names there and back, and what each sort of file is taken for; above all what is
 * not taken for a test. */
#include "protocol/wire/kind.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ELF "\177ELF\2\1\1\0\0\0\0\0\0\0\0\0"

static int detect(const char *name, const char *text, bool executable)
{
	return kind_detect(str_of(name), str_of(text), executable);
}

static void test_names(void **state)
{
	(void)state;
	for (int i = 0; i < KIND_MAX; i++)
		assert_int_equal(kind_parse(str_of(kind_name(i))), i);
	assert_int_equal(kind_parse(STR_LIT("auto")), -EINVAL);
	assert_int_equal(kind_parse(STR_LIT("")), -EINVAL);
	assert_int_equal(kind_parse(STR_LIT("gtes")), -EINVAL);
}

/* The kind of an ELF file that contains first and then second; apart in the source, lest this
 * program contains them. */
static int detect_elf(const char *name, const char *first, const char *second, bool executable)
{
	char bytes[256] = ELF;
	int n = snprintf(bytes + 16, sizeof(bytes) - 16, "padding%c%s%s", '\0', first, second);
	return kind_detect(str_of(name), (struct str){ bytes, 16 + (size_t)n + 1 }, executable);
}

static void test_elf(void **state)
{
	(void)state;
	const char *symbol = "_ZN7testing8internal23MakeAnd", *rest = "RegisterTestInfoEPKcS2_";
	assert_int_equal(detect_elf("a/unit", symbol, rest, true), KIND_GTEST);
	assert_int_equal(detect_elf("a/unit", "  @G--gtest_", "list_tests@D\n", true), KIND_GTEST);
	assert_int_equal(detect_elf("a/unit", "g_test", "_run", true), KIND_GLIB);
	assert_int_equal(detect_elf("a/unit", "my_g_test", "_running", true), -ENOENT);
	assert_int_equal(detect_elf("a/unit", "printf", "", true), -ENOENT);
	assert_int_equal(detect_elf("a/unit", symbol, rest, false), -ENOENT);
	assert_int_equal(detect_elf("a/libgtest.so.1.12", symbol, rest, true), -ENOENT);
	assert_int_equal(detect_elf("a/libx.so", symbol, rest, true), -ENOENT);
	assert_int_equal(detect_elf("a/x.o", symbol, rest, true), -ENOENT);
}

/* The table of markers sits in every program of ours: none of them may be taken for a test. */
static void test_own_program(void **state)
{
	(void)state;
	enum { SIZE = 64 << 20 };
	FILE *file = fopen("/proc/self/exe", "rbe");
	assert_non_null(file);
	char *bytes = malloc(SIZE);
	assert_non_null(bytes);
	size_t n = fread(bytes, 1, SIZE, file);
	fclose(file);
	assert_in_range(n, 1000, SIZE - 1);
	assert_int_equal(kind_detect(STR_LIT("paddock"), (struct str){ bytes, n }, true), -ENOENT);
	free(bytes);
}

static void test_scripts(void **state)
{
	(void)state;
	assert_int_equal(detect("x/basic.t", "print \"1..1\\nok 1\\n\"", false), KIND_TAP);
	assert_int_equal(detect("basic.t", "", false), -ENOENT);
	assert_int_equal(detect("run", "#!/usr/bin/perl\nuse Test::More;\n", true), KIND_TAP);
	assert_int_equal(detect("run", "#!/usr/bin/perl\nuse Test::More;\n", false), -ENOENT);
	assert_int_equal(detect("a.js", "var test = require('tape');\n", false), KIND_TAP);
	assert_int_equal(detect("a.js", "module.exports = 1;\n", false), -ENOENT);
	assert_int_equal(detect("a.sh", "#!/bin/sh\necho 1..2\n", false), KIND_TAP);
	assert_int_equal(detect("build.sh", "#!/bin/sh\nmake\n", true), -ENOENT);
}

static void test_python(void **state)
{
	(void)state;
	assert_int_equal(detect("t/test_a.py", "def test_x(): pass\n", false), KIND_PYTEST);
	assert_int_equal(detect("t/a_test.py", "", false), KIND_PYTEST);
	assert_int_equal(detect("t/conftest.py", "", false), -ENOENT);
	assert_int_equal(detect("test_dir/a.py", "", false), -ENOENT);
}

static void test_key_files_and_lists(void **state)
{
	(void)state;
	assert_int_equal(detect("a.test", "# c\n[Test]\nExec=/bin/true\n", false),
			 KIND_INSTALLED_TESTS);
	assert_int_equal(detect("a.test", "[ Test ]\n", false), -ENOENT);
	assert_int_equal(detect("a.list", "true\nfalse\n", false), KIND_LIST);
	assert_int_equal(detect("README.txt", "true\n", false), -ENOENT);
	assert_int_equal(kind_detect(STR_LIT("a.list"), STR_LIT("a\0b"), false), -ENOENT);
	assert_int_equal(kind_detect_folder(STR_LIT("/b/CTestTestfile.cmake")), KIND_CTEST);
	assert_int_equal(kind_detect_folder(STR_LIT("/b/CMakeCache.txt")), -ENOENT);
}

static void test_text(void **state)
{
	(void)state;
	assert_true(kind_is_text(STR_LIT("caf\xc3\xa9 \xff\n\t")));
	assert_false(kind_is_text(STR_LIT("a\0b")));
	assert_false(kind_is_text(STR_LIT("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),	    cmocka_unit_test(test_elf),
		cmocka_unit_test(test_own_program), cmocka_unit_test(test_scripts),
		cmocka_unit_test(test_python),	    cmocka_unit_test(test_key_files_and_lists),
		cmocka_unit_test(test_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
