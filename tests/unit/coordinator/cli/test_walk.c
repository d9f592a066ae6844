// SPDX-License-Identifier: Apache-2.0
/* test_walk.c - order, pruning, limits and failures of a walk. */
#include "coordinator/cli/walk.h"

#include "protocol/base/buf.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct visitor {
	struct buf seen;   /* names, one a line, folders with a slash */
	const char *prune; /* the folder not to enter */
	const char *stop;  /* the entry to stop at */
};

static int visit(void *data, const struct walk_entry *entry)
{
	struct visitor *visitor = data;
	buf_printf(&visitor->seen, "%s%s%s\n", entry->name, entry->folder ? "/" : "",
		   entry->executable ? "*" : "");
	if (visitor->stop && strcmp(entry->name, visitor->stop) == 0)
		return -ECANCELED;
	return visitor->prune && strcmp(entry->name, visitor->prune) == 0 ? WALK_PRUNE : 0;
}

static void touch(const char *folder, const char *name, mode_t mode)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	fclose(file);
	chmod(path, mode);
}

static void make_folder(const char *folder, const char *name)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	assert_int_equal(mkdir(path, 0755), 0);
}

static int setup(void **state)
{
	char *folder = strdup("/tmp/test_walk.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	make_folder(folder, "b");
	make_folder(folder, "b/c");
	make_folder(folder, ".hidden");
	make_folder(folder, "CMakeFiles");
	touch(folder, "z", 0755);
	touch(folder, "a", 0644);
	touch(folder, "b/c/x", 0644);
	touch(folder, "b/a", 0644);
	touch(folder, ".hidden/y", 0644);
	touch(folder, "CMakeFiles/y", 0644);
	*state = folder;
	return 0;
}

static int teardown(void **state)
{
	char command[128];
	snprintf(command, sizeof(command), "rm -rf %s", (char *)*state);
	int r = system(command);
	free(*state);
	return r;
}

/* What a walk of the folder sees with this visitor, and what it returns. */
static void walks(const char *folder, struct visitor visitor, int code, const char *expected)
{
	struct err err = { 0 };
	buf_init(&visitor.seen, 4096);
	assert_int_equal(walk_tree(folder, visit, &visitor, &err), code);
	assert_string_equal(buf_text(&visitor.seen), expected);
	buf_done(&visitor.seen);
}

static void test_order(void **state)
{
	walks(*state, (struct visitor){ 0 }, 0, "/\na\nb/\nb/a\nb/c/\nb/c/x\nz*\n");
}

static void test_prune(void **state)
{
	walks(*state, (struct visitor){ .prune = "b" }, 0, "/\na\nb/\nz*\n");
	walks(*state, (struct visitor){ .prune = "" }, 0, "/\n");
}

static void test_stop(void **state)
{
	walks(*state, (struct visitor){ .stop = "b/a" }, -ECANCELED, "/\na\nb/\nb/a\n");
}

static void test_absent_folder(void **state)
{
	struct visitor visitor = { 0 };
	struct err err = { 0 };
	(void)state;
	buf_init(&visitor.seen, 4096);
	assert_int_equal(walk_tree("/nonexistent/x", visit, &visitor, &err), -ENOENT);
	assert_string_equal(err.text,
			    "cannot look for tests in /nonexistent/x: No such file or directory");
	buf_done(&visitor.seen);
}

static void test_depth_has_an_end(void **state)
{
	struct visitor visitor = { 0 };
	struct err err = { 0 };
	char path[256];
	int n = snprintf(path, sizeof(path), "%s/d", (char *)*state);
	for (int i = 0; i <= WALK_DEPTH_MAX; i++) {
		assert_int_equal(mkdir(path, 0755), 0);
		n += snprintf(path + n, sizeof(path) - (size_t)n, "/d");
	}
	buf_init(&visitor.seen, 1 << 16);
	assert_int_equal(walk_tree(*state, visit, &visitor, &err), -ELOOP);
	assert_non_null(strstr(err.text, "/d/d/d"));
	buf_done(&visitor.seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_order),
		TEST(test_prune),
		TEST(test_stop),
		TEST(test_absent_folder),
		TEST(test_depth_has_an_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
