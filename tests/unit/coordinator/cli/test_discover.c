// SPDX-License-Identifier: Apache-2.0
/* test_discover.c - what paths and names turn into, on a tree made for each test. */
#include "coordinator/cli/discover.h"

#include "coordinator/cli/options.h"
#include "protocol/wire/outcome.h"

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

struct tree {
	char folder[64];
	struct discover found;
	struct discover_options options;
	struct err err;
};

static char *env[] = {
	"PATH=/bin", "PADDOCK_JOBS=3", "GTEST_SHARD_INDEX=1", "LANG=de", "junk", NULL
};

/* Write a file below the tree, with its folders. */
static void put(const struct tree *tree, const char *name, const char *content, mode_t mode)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", tree->folder, name);
	for (char *slash = strchr(path + strlen(tree->folder) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	fputs(content, file);
	fclose(file);
	assert_int_equal(chmod(path, mode), 0);
}

static int setup(void **state)
{
	struct tree *tree = calloc(1, sizeof(*tree));
	snprintf(tree->folder, sizeof(tree->folder), "/tmp/test_discover.XXXXXX");
	if (!mkdtemp(tree->folder))
		return -1;
	tree->options =
		(struct discover_options){ .kind = "auto", .folder = tree->folder, .env = env };
	*state = tree;
	return 0;
}

static int teardown(void **state)
{
	struct tree *tree = *state;
	char command[192];
	discover_done(&tree->found);
	snprintf(command, sizeof(command), "chmod -R u+rwx %s && rm -rf %s", tree->folder,
		 tree->folder);
	int r = system(command);
	free(tree);
	return r;
}

/* The program called `name`, which must be there. */
static const struct msg_program *program(const struct tree *tree, const char *name)
{
	for (size_t i = 0; i < tree->found.len; i++)
		if (str_eq(tree->found.items[i].name, str_of(name)))
			return &tree->found.items[i];
	fail_msg("no program %s", name);
	return NULL;
}

static void assert_str(struct str text, const char *expected)
{
	if (!str_eq(text, str_of(expected)))
		fail_msg("\"%.*s\" is not \"%s\"", STR_ARG(text), expected);
}

static void test_folder_is_searched(void **state)
{
	struct tree *tree = *state;
	put(tree, "p/test_a.py", "def test_x(): pass\n", 0644);
	put(tree, "p/sub/b.t", "print \"1..0\\n\"\n", 0644);
	put(tree, "p/sub/c.sh", "#!/bin/sh\necho 1..1\necho ok 1\n", 0755);
	put(tree, "p/d.test", "[Test]\nType=session\nExec=/bin/true\n", 0644);
	put(tree, "p/plain", "#!/bin/sh\nexit 0\n", 0755);
	put(tree, "p/data.txt", "true\n", 0644);
	put(tree, "p/.git/test_hidden.py", "", 0644);
	put(tree, "p/node_modules/x/test_other.py", "x", 0644);
	put(tree, "p/build/CTestTestfile.cmake", "", 0644);
	put(tree, "p/build/test_inside.py", "x", 0644);
	assert_int_equal(discover_argument(&tree->options, "p", &tree->found, &tree->err), 0);
	assert_int_equal(tree->found.len, 5);
	/* sorted, the same on every machine */
	static const char *const names[] = { "build", "d", "sub/b.t", "sub/c.sh", "test_a.py" };
	static const char *const kinds[] = { "ctest", "installed-tests", "tap", "tap", "pytest" };
	for (size_t i = 0; i < 5; i++) {
		assert_str(tree->found.items[i].name, names[i]);
		assert_str(tree->found.items[i].kind, kinds[i]);
		assert_str(tree->found.items[i].suite, "p");
	}
	char path[128];
	snprintf(path, sizeof(path), "%s/p", tree->folder);
	assert_str(tree->found.items[2].workspace, path);
	snprintf(path, sizeof(path), "%s/p/sub/b.t", tree->folder);
	assert_str(tree->found.items[2].path, path);
}

/* What a test reads beside its build folder is there, and it runs where it was pointed at. */
static void test_workspace_is_the_checkout(void **state)
{
	struct tree *tree = *state;
	char path[128];
	put(tree, "co/.git/HEAD", "x", 0644);
	put(tree, "co/build/sub/a.t", "1..0\n", 0644);
	put(tree, "co/build/sub/i.test", "[Test]\nType=session\nExec=/bin/true\n", 0644);
	assert_int_equal(discover_argument(&tree->options, "co/build", &tree->found, &tree->err),
			 0);
	assert_int_equal(tree->found.len, 2);
	snprintf(path, sizeof(path), "%s/co", tree->folder);
	assert_str(program(tree, "sub/a.t")->workspace, path);
	assert_str(program(tree, "sub/i")->workspace, path);
	snprintf(path, sizeof(path), "%s/co/build", tree->folder);
	assert_str(program(tree, "sub/a.t")->cwd, path);
	assert_str(program(tree, "sub/i")->cwd, "");
	assert_str(program(tree, "sub/a.t")->suite, "build");
}

static void test_environment_is_passed_without_what_steers(void **state)
{
	struct tree *tree = *state;
	put(tree, "x.t", "1..0\n", 0644);
	assert_int_equal(discover_all(&tree->options, &tree->found, &tree->err), 0);
	const struct msg_program *x = program(tree, "x.t");
	assert_int_equal(x->n_env, 2);
	assert_str(x->env[0], "PATH=/bin");
	assert_str(x->env[1], "LANG=de");
}

static void test_named_files(void **state)
{
	struct tree *tree = *state;
	put(tree, "s/prog", "#!/bin/sh\nexit 0\n", 0755);
	put(tree, "s/cmds", "# a list\ntrue\n", 0644);
	put(tree, "s/x.t", "1..0\n", 0644);
	assert_int_equal(discover_argument(&tree->options, "s/prog", &tree->found, &tree->err), 0);
	assert_int_equal(discover_argument(&tree->options, "s/cmds", &tree->found, &tree->err), 0);
	assert_int_equal(discover_argument(&tree->options, "s/x.t", &tree->found, &tree->err), 0);
	const struct msg_program *prog = program(tree, "prog");
	assert_str(prog->suite, "s");
	assert_str(prog->kind, "list");
	assert_int_equal(prog->n_args, 1);
	assert_true(str_eq(prog->args[0], prog->path));
	assert_str(program(tree, "cmds")->kind, "list");
	assert_int_equal(program(tree, "cmds")->n_args, 0);
	assert_str(program(tree, "x.t")->kind, "tap");
	assert_str(program(tree, "x.t")->suite, "s");
}

static void test_what_is_not_there(void **state)
{
	struct tree *tree = *state;
	put(tree, "empty/readme", "no test\n", 0644);
	put(tree, "nothing", "", 0644);
	put(tree, "binary", "\001\002\003", 0644);
	struct {
		const char *argument, *part;
		int code;
	} cases[] = {
		{ "absent", "there is no such file or folder", EXIT_CODE_USAGE },
		{ "empty", "no test found in", EXIT_CODE_NO_TESTS },
		{ "nothing", "is empty", EXIT_CODE_NO_TESTS },
		{ "binary", "neither executable nor a text file", EXIT_CODE_USAGE },
		{ "/dev/null", "neither a file nor a folder", EXIT_CODE_USAGE },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = { 0 };
		assert_int_equal(discover_argument(&tree->options, cases[i].argument, &tree->found,
						   &err),
				 cases[i].code);
		if (!strstr(err.text, cases[i].part))
			fail_msg("\"%s\" does not say \"%s\"", err.text, cases[i].part);
	}
	assert_int_equal(tree->found.len, 0);
}

static void test_unreadable_folder(void **state)
{
	struct tree *tree = *state;
	if (geteuid() == 0)
		skip(); /* root reads everything */
	put(tree, "p/closed/x.t", "1..0\n", 0644);
	char path[128];
	snprintf(path, sizeof(path), "%s/p/closed", tree->folder);
	assert_int_equal(chmod(path, 0), 0);
	assert_int_equal(discover_argument(&tree->options, "p", &tree->found, &tree->err),
			 EXIT_CODE_LISTING);
	assert_non_null(strstr(tree->err.text, "p/closed: Permission denied"));
}

static void test_links_are_not_followed(void **state)
{
	struct tree *tree = *state;
	char from[128], to[128];
	put(tree, "other/test_out.py", "x", 0644);
	put(tree, "p/test_in.py", "x", 0644);
	snprintf(from, sizeof(from), "%s/other", tree->folder);
	snprintf(to, sizeof(to), "%s/p/link", tree->folder);
	assert_int_equal(symlink(from, to), 0);
	snprintf(to, sizeof(to), "%s/p/loop", tree->folder);
	assert_int_equal(symlink("..", to), 0);
	assert_int_equal(discover_argument(&tree->options, "p", &tree->found, &tree->err), 0);
	assert_int_equal(tree->found.len, 1);
	/* but the folder that was named may be one */
	assert_int_equal(discover_argument(&tree->options, "p/link", &tree->found, &tree->err), 0);
	assert_str(tree->found.items[1].suite, "other");
}

static void test_kind_that_is_asked_for(void **state)
{
	struct tree *tree = *state;
	put(tree, "p/one", "#!/bin/sh\nexit 0\n", 0755);
	put(tree, "p/two", "#!/bin/sh\nexit 77\n", 0755);
	put(tree, "p/data", "x", 0644);
	put(tree, "p/test_a.py", "x", 0644);
	tree->options.kind = "list";
	assert_int_equal(discover_argument(&tree->options, "p", &tree->found, &tree->err), 0);
	assert_int_equal(tree->found.len, 2);
	assert_int_equal(program(tree, "two")->n_args, 1);
	tree->options.kind = "pytest";
	assert_int_equal(discover_argument(&tree->options, "p", &tree->found, &tree->err), 0);
	assert_int_equal(tree->found.len, 3);
	assert_str(program(tree, "pytest")->kind, "pytest");
	tree->options.kind = "gtest";
	assert_int_equal(discover_argument(&tree->options, "p", &tree->found, &tree->err),
			 EXIT_CODE_NO_TESTS);
	tree->options.kind = "gtset";
	assert_int_equal(discover_argument(&tree->options, "p", &tree->found, &tree->err),
			 EXIT_CODE_USAGE);
}

static void test_two_folders_of_one_name(void **state)
{
	struct tree *tree = *state;
	put(tree, "a/build/x.t", "1..0\n", 0644);
	put(tree, "b/build/x.t", "1..0\n", 0644);
	assert_int_equal(discover_argument(&tree->options, "a/build", &tree->found, &tree->err), 0);
	assert_int_equal(discover_argument(&tree->options, "b/build", &tree->found, &tree->err), 0);
	assert_int_equal(discover_argument(&tree->options, "a/build/x.t", &tree->found, &tree->err),
			 0);
	assert_str(tree->found.items[0].suite, "build");
	assert_false(str_eq(tree->found.items[1].suite, STR_LIT("build")));
	assert_int_equal(tree->found.len, 2); /* the first folder keeps its name */
}

static void test_nothing_is_found_twice(void **state)
{
	struct tree *tree = *state;
	put(tree, "p/x.t", "1..0\n", 0644);
	put(tree, "p/y", "#!/bin/sh\n", 0755);
	put(tree, "p/y.test", "[Test]\nExec=/bin/true\n", 0644);
	assert_int_equal(discover_argument(&tree->options, "p", &tree->found, &tree->err), 0);
	assert_int_equal(discover_argument(&tree->options, "p/x.t", &tree->found, &tree->err), 0);
	assert_int_equal(discover_argument(&tree->options, "p", &tree->found, &tree->err), 0);
	assert_int_equal(tree->found.len, 2);
	/* another file of the same name keeps a name of its own */
	assert_int_equal(discover_argument(&tree->options, "p/y", &tree->found, &tree->err), 0);
	assert_int_equal(tree->found.len, 3);
	assert_true(str_eq(tree->found.items[2].name, tree->found.items[2].path));
}

static void test_suites_of_the_configuration(void **state)
{
	struct tree *tree = *state;
	struct config config;
	char path[128];
	static const char text[] = "suites:\n"
				   "  shell: {command: echo hi, env: {LANG: C, NEW: \"1\"}, tags: "
				   "[quick], timeout: 2s}\n"
				   "  files: {path: s, kind: list, workspace: /w, cwd: s}\n"
				   "  gone: {path: absent}\n";
	put(tree, "s/prog", "#!/bin/sh\nexit 0\n", 0755);
	snprintf(path, sizeof(path), "%s/paddock.yaml", tree->folder);
	assert_int_equal(config_parse(str_of(text), path, &options_table, &config, &tree->err), 0);
	tree->options.config = &config;
	assert_int_equal(discover_argument(&tree->options, "shell", &tree->found, &tree->err), 0);
	const struct msg_program *shell = program(tree, "shell");
	assert_str(shell->suite, "shell");
	assert_str(shell->kind, "list");
	assert_int_equal(shell->n_args, 3);
	assert_str(shell->args[2], "echo hi");
	assert_str(shell->workspace, tree->folder);
	assert_str(shell->tags[0], "quick");
	assert_int_equal(shell->timeout_us, 2000000);
	assert_int_equal(shell->n_env, 3);
	assert_str(shell->env[0], "PATH=/bin");
	assert_str(shell->env[1], "LANG=C");
	assert_str(shell->env[2], "NEW=1");
	assert_int_equal(discover_argument(&tree->options, "files", &tree->found, &tree->err), 0);
	assert_str(program(tree, "prog")->suite, "files");
	assert_str(program(tree, "prog")->workspace, "/w");
	assert_int_equal(discover_argument(&tree->options, "fils", &tree->found, &tree->err),
			 EXIT_CODE_USAGE);
	assert_non_null(strstr(tree->err.text, "did you mean \"files\"?"));
	assert_int_equal(discover_all(&tree->options, &tree->found, &tree->err), EXIT_CODE_LISTING);
	assert_non_null(strstr(tree->err.text, "paddock.yaml:4: suite gone: "));
	config_done(&config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_folder_is_searched),
		TEST(test_workspace_is_the_checkout),
		TEST(test_environment_is_passed_without_what_steers),
		TEST(test_named_files),
		TEST(test_what_is_not_there),
		TEST(test_unreadable_folder),
		TEST(test_links_are_not_followed),
		TEST(test_kind_that_is_asked_for),
		TEST(test_two_folders_of_one_name),
		TEST(test_nothing_is_found_twice),
		TEST(test_suites_of_the_configuration),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
