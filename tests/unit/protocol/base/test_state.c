// SPDX-License-Identifier: Apache-2.0
/* What is kept of runs: old ones go when a new one comes, whatever is in them, and nothing else
 * does. */
#include "protocol/base/state.h"

#include "protocol/base/fd.h"
#include "protocol/base/tree.h"
#include "tests/kit/temp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char home[64];

static const char *at(const char *name)
{
	static char path[512];
	snprintf(path, sizeof(path), "%s/paddock/runs/%s", home, name);
	return path;
}

static int set_up(void **state)
{
	(void)state;
	temp_folder(home, sizeof(home));
	setenv("XDG_STATE_HOME", home, 1);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	temp_remove(home);
	return 0;
}

static void make_run(const char *name, const char *what)
{
	struct err err = { 0 };
	struct buf path;
	struct stat st;
	if (state_make_run(str_of(name), what, &path, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(access(buf_text(&path), W_OK), 0);
	buf_done(&path);
	assert_int_equal(stat(at(name), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
}

static void test_retention(void **state)
{
	time_t now = time(NULL);
	char name[64], day[16], first[64];
	struct tm tm;
	(void)state;
	assert_true(strftime(day, sizeof(day), "%Y%m%d", gmtime_r(&now, &tm)) > 0);
	make_run("20200101-000000-0001", "artifacts");
	make_run("20200101-000000-0001", "workspaces");
	assert_int_equal(mkdir(at("20200101-000000-0001/artifacts/a"), 0), 0);
	assert_int_equal(symlink("/etc", at("20200101-000000-0001/artifacts/etc")), 0);
	assert_int_equal(mkdir(at("somebody's"), 0755), 0);
	snprintf(first, sizeof(first), "%s-000000-0000", day);
	make_run(first, "artifacts");
	assert_int_equal(access(at("20200101-000000-0001"), F_OK), -1);
	for (unsigned i = 1; i < STATE_KEEP_RUNS; i++) {
		snprintf(name, sizeof(name), "%s-000000-%04u", day, i);
		make_run(name, "artifacts");
	}
	assert_int_equal(access(at(first), F_OK), 0);
	snprintf(name, sizeof(name), "%s-000001-0000", day);
	make_run(name, "artifacts");
	assert_int_equal(access(at(first), F_OK), -1); /* the oldest of one too many */
	assert_int_equal(access(at("somebody's"), F_OK), 0);
	assert_int_equal(access("/etc/passwd", F_OK), 0);
}

static void test_no_place(void **state)
{
	struct err err = { 0 };
	struct buf path;
	(void)state;
	setenv("XDG_STATE_HOME", "relative", 1);
	unsetenv("HOME");
	assert_true(state_make_run(STR_LIT("20200101-000000-0001"), "artifacts", &path, &err) < 0);
	assert_non_null(strstr(err.text, "XDG_STATE_HOME"));
	setenv("XDG_STATE_HOME", "/proc/self", 1);
	err = (struct err){ 0 };
	assert_true(state_make_run(STR_LIT("20200101-000000-0001"), "artifacts", &path, &err) < 0);
	assert_non_null(strstr(err.text, "/proc/self/paddock/runs"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(retention), TEST(no_place) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
