// SPDX-License-Identifier: Apache-2.0
/* What a payload wears: its variables, its folders, and no bind that is not needed. */
#include "worker/outfit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
	struct arena arena;
	struct msg_program program;
	struct msg_assign assign;
	struct outfit outfit;
	struct outfit_env base;
	struct adapt_command command;
};

static const char *const argv[] = { "program", NULL };

static void set_up(struct fixture *f, enum box_level level)
{
	static const struct str env[] = { STR_LIT("PATH=/bin"), STR_LIT("PADDOCK_RUN=stale"),
					  STR_LIT("A=1") };
	memset(f, 0, sizeof(*f));
	f->program = (struct msg_program){
		.kind = STR_LIT("gtest"),
		.path = STR_LIT("/opt/x/program"),
		.env = env,
		.n_env = 3,
		.level = level,
		.timeout_us = 1500000,
	};
	f->assign = (struct msg_assign){ .run = STR_LIT("run-1"), .retry = 2, .seed = 9 };
	f->outfit = (struct outfit){
		.assign = &f->assign,
		.program = &f->program,
		.worker = "w",
		.scratch = "/tmp/s/slot-3",
		.slot = 3,
	};
	f->command.argv = (const char **)argv;
	assert_int_equal(outfit_base(&f->outfit, &f->arena, &f->base), 0);
}

static void tear_down(struct fixture *f)
{
	arena_done(&f->arena);
}

/* The value of a variable, or NULL; it may be there once only. */
static const char *value(const struct outfit_env *env, const char *name)
{
	const char *found = NULL;
	size_t n = strlen(name);
	for (size_t i = 0; i < env->len; i++)
		if (strncmp(env->items[i], name, n) == 0 && env->items[i][n] == '=') {
			assert_null(found);
			found = env->items[i] + n + 1;
		}
	assert_null(env->items[env->len]);
	return found;
}

static void test_variables(void **state)
{
	struct fixture f;
	(void)state;
	set_up(&f, BOX_LEVEL_DEFAULT);
	assert_string_equal(value(&f.base, "PATH"), "/bin");
	assert_string_equal(value(&f.base, "PADDOCK_RUN"), "run-1");
	assert_string_equal(value(&f.base, "PADDOCK_ATTEMPT"), "2");
	assert_string_equal(value(&f.base, "PADDOCK_SLOT"), "3");
	assert_string_equal(value(&f.base, "PADDOCK_WORKER"), "w");
	assert_string_equal(value(&f.base, "PADDOCK_SEED"), "9");
	assert_string_equal(value(&f.base, "PADDOCK_TMPDIR"), "/tmp");
	assert_string_equal(value(&f.base, "TEST_TMPDIR"), "/tmp");
	assert_string_equal(value(&f.base, "PADDOCK_ARTIFACTS"), "/tmp/s/slot-3/artifacts");
	assert_string_equal(value(&f.base, "TEST_UNDECLARED_OUTPUTS_DIR"),
			    "/tmp/s/slot-3/artifacts");
	assert_string_equal(value(&f.base, "TEST_TIMEOUT"), "2");
	assert_string_equal(value(&f.base, "TEST_TOTAL_SHARDS"), "1");
	assert_null(value(&f.base, "PADDOCK_CASE"));
	tear_down(&f);
	set_up(&f, BOX_LEVEL_OFF);
	assert_string_equal(value(&f.base, "PADDOCK_TMPDIR"), "/tmp/s/slot-3/tmp");
	tear_down(&f);
}

static void test_a_step_adds_and_removes(void **state)
{
	struct fixture f;
	struct outfit_env env;
	const char *more[] = { "A", "B=2", "PATH=/usr/bin", "ABSENT", NULL };
	(void)state;
	set_up(&f, BOX_LEVEL_DEFAULT);
	f.command.env = more;
	assert_int_equal(outfit_step(&f.base, &f.command, STR_LIT("suite.case"), &f.arena, &env),
			 0);
	assert_null(value(&env, "A"));
	assert_string_equal(value(&env, "B"), "2");
	assert_string_equal(value(&env, "PATH"), "/usr/bin");
	assert_string_equal(value(&env, "PADDOCK_CASE"), "suite.case");
	assert_string_equal(value(&f.base, "A"), "1"); /* the base is as it was */
	assert_string_equal(value(&f.base, "PATH"), "/bin");
	tear_down(&f);
}

static void test_many_variables(void **state)
{
	struct fixture f;
	char text[400][16];
	(void)state;
	set_up(&f, BOX_LEVEL_OFF);
	size_t before = f.base.len;
	for (int i = 0; i < 400; i++) {
		snprintf(text[i], sizeof(text[i]), "V%d=%d", i, i);
		assert_int_equal(outfit_env_put(&f.base, text[i]), 0);
	}
	assert_int_equal(f.base.len, before + 400);
	assert_string_equal(value(&f.base, "V399"), "399");
	assert_string_equal(value(&f.base, "V3"), "3");
	assert_int_equal(outfit_env_put(&f.base, "V3"), 0);
	assert_null(value(&f.base, "V3"));
	tear_down(&f);
}

/* The read-only binds beside the scratch folder, as one text. */
static void assert_binds(struct fixture *f, const char *first, const char *second)
{
	struct outfit_box box;
	assert_int_equal(outfit_box(&f->outfit, &f->command, &f->base, 5, &f->arena, &box), 0);
	const struct box_spec *spec = &box.spec;
	assert_int_equal(spec->n_binds, 1 + (first != NULL) + (second != NULL));
	assert_string_equal(spec->binds[0].path, "/tmp/s/slot-3");
	assert_true(spec->binds[0].writable);
	if (first) {
		assert_string_equal(spec->binds[1].path, first);
		assert_false(spec->binds[1].writable);
	}
	if (second)
		assert_string_equal(spec->binds[2].path, second);
	assert_int_equal(spec->wall_us, 5);
	assert_int_equal(spec->slot, 3);
}

static void test_binds_only_what_is_hidden(void **state)
{
	struct fixture f;
	(void)state;
	set_up(&f, BOX_LEVEL_DEFAULT);
	assert_binds(&f, NULL, NULL);
	f.program.path = STR_LIT("/home/x/build/bin/program");
	assert_binds(&f, "/home/x/build/bin", NULL);
	f.program.cwd = STR_LIT("/root/data");
	assert_binds(&f, "/home/x/build/bin", "/root/data");
	f.program.cwd = STR_LIT("/home/x/build/bin/data");
	assert_binds(&f, "/home/x/build/bin", NULL);
	f.program.workspace = STR_LIT("/home/x");
	assert_binds(&f, NULL, NULL);
	f.program.workspace = STR_LIT("/home/x/bui"); /* no folder of ours */
	assert_binds(&f, "/home/x/build/bin", NULL);
	f.program.kind = STR_LIT("ctest");
	f.program.path = STR_LIT("/home/x/build");
	assert_binds(&f, "/home/x/build", NULL);
	tear_down(&f);
}

static void test_a_bare_payload_starts_in_its_own_folder(void **state)
{
	struct fixture f;
	struct outfit_box box;
	(void)state;
	set_up(&f, BOX_LEVEL_OFF);
	assert_int_equal(outfit_box(&f.outfit, &f.command, &f.base, 0, &f.arena, &box), 0);
	assert_int_equal(box.spec.n_binds, 0);
	assert_string_equal(box.spec.cwd, "/tmp/s/slot-3/tmp");
	f.program.workspace = STR_LIT("/w");
	assert_int_equal(outfit_box(&f.outfit, &f.command, &f.base, 0, &f.arena, &box), 0);
	assert_string_equal(box.spec.cwd, "/w");
	f.command.cwd = "/c";
	assert_int_equal(outfit_box(&f.outfit, &f.command, &f.base, 0, &f.arena, &box), 0);
	assert_string_equal(box.spec.cwd, "/c");
	tear_down(&f);
}

static void test_the_machine_id_is_shown(void **state)
{
	struct fixture f;
	struct outfit_box box;
	(void)state;
	set_up(&f, BOX_LEVEL_DEFAULT);
	f.outfit.machine_id = "/var/lib/dbus/machine-id";
	assert_int_equal(outfit_box(&f.outfit, &f.command, &f.base, 0, &f.arena, &box), 0);
	const struct box_bind *last = &box.binds[box.spec.n_binds - 1];
	assert_string_equal(last->path, "/var/lib/dbus/machine-id");
	assert_false(last->writable);
	tear_down(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_variables),
		cmocka_unit_test(test_a_step_adds_and_removes),
		cmocka_unit_test(test_the_machine_id_is_shown),
		cmocka_unit_test(test_many_variables),
		cmocka_unit_test(test_binds_only_what_is_hidden),
		cmocka_unit_test(test_a_bare_payload_starts_in_its_own_folder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
