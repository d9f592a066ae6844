// SPDX-License-Identifier: Apache-2.0
/* Reading what the kernel says about groups. Making them is tested by box/limits. */
#include "sandbox/cg.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const char hybrid[] =
	"9:name=systemd:/\n8:pids:/a\n4:cpu,cpuacct:/b/c\n3:memory:/m:x\n0::/u\n";

static void paths_are_found_by_controller(void **state)
{
	char path[64];

	(void)state;
	assert_int_equal(cg_find_path(hybrid, "pids", path, sizeof(path)), 0);
	assert_string_equal(path, "/a");
	assert_int_equal(cg_find_path(hybrid, "cpu", path, sizeof(path)), 0);
	assert_string_equal(path, "/b/c");
	assert_int_equal(cg_find_path(hybrid, "cpuacct", path, sizeof(path)), 0);
	assert_string_equal(path, "/b/c");
	assert_int_equal(cg_find_path(hybrid, "memory", path, sizeof(path)), 0);
	assert_string_equal(path, "/m:x");
	assert_int_equal(cg_find_path(hybrid, "", path, sizeof(path)), 0);
	assert_string_equal(path, "/u");
}

static void what_is_not_there_is_not_found(void **state)
{
	char path[64] = "kept";

	(void)state;
	assert_int_equal(cg_find_path(hybrid, "cpus", path, sizeof(path)), -ENOENT);
	assert_int_equal(cg_find_path(hybrid, "acct", path, sizeof(path)), -ENOENT);
	assert_int_equal(cg_find_path("", "", path, sizeof(path)), -ENOENT);
	assert_int_equal(cg_find_path("no colons\n1\n:\n", "x", path, sizeof(path)), -ENOENT);
	assert_string_equal(path, "kept");
	assert_int_equal(cg_find_path(hybrid, "cpu", path, 3), -ENAMETOOLONG);
}

static void names_of_keepers_are_read_strictly(void **state)
{
	static const char *const bad[] = { "paddock-main",    "paddock-1-2",
					   "paddock-1-2-",    "paddock-1-2-x",
					   "paddock--2-3",    "other-1-2-3",
					   "paddock-1-2-3-4", "paddock-1-99999999999-3" };
	uint64_t ns, pid, start;

	(void)state;
	assert_true(cg_parse_name("paddock-4026531836-1234-567890", &ns, &pid, &start));
	assert_int_equal(ns, 4026531836);
	assert_int_equal(pid, 1234);
	assert_int_equal(start, 567890);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(cg_parse_name(bad[i], &ns, &pid, &start));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_found_by_controller),
		cmocka_unit_test(what_is_not_there_is_not_found),
		cmocka_unit_test(names_of_keepers_are_read_strictly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
