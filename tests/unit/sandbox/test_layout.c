// SPDX-License-Identifier: Apache-2.0
/* The plan of the tree: order, homes, and that everything asked for is attached once. */
#include "sandbox/layout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct layout_host root_host = { .uid = 0,
					      .home = "/root",
					      .has = { true, true, true, true, true, true },
					      .home_is_dir = true };
static const struct box_bind binds[] = { { "/run/thing", true }, { "/srv/data", false } };

static int find(const struct layout *layout, enum layout_kind kind, const char *path)
{
	for (int i = 0; i < layout->n; i++)
		if (layout->ops[i].kind == kind &&
		    (!path || strcmp(layout->ops[i].path, path) == 0))
			return i;
	return -1;
}

static void everything_asked_for_is_attached_once(void **state)
{
	static const enum layout_kind kinds[] = {
		[BOX_WORKSPACE_OVERLAY] = LAYOUT_OVERLAY,
		[BOX_WORKSPACE_SHARED] = LAYOUT_BIND,
		[BOX_WORKSPACE_READONLY] = LAYOUT_BIND,
	};
	struct box_spec spec = { .level = BOX_LEVEL_DEFAULT,
				 .workspace_path = "/root/project",
				 .binds = binds,
				 .n_binds = 2 };
	struct layout layout;

	(void)state;
	for (int mode = 0; mode < BOX_WORKSPACE_MAX; mode++) {
		spec.workspace = (enum box_workspace)mode;
		layout_plan_base(&root_host, LAYOUT_SCRATCH_BYTES, &layout);
		layout_plan_run(&spec, &layout);
		/* The workspace first: a bind may lie within it. */
		assert_int_equal(find(&layout, kinds[mode], "/root/project"), 0);
		assert_int_equal(layout.ops[0].writable, mode != BOX_WORKSPACE_READONLY);
		assert_int_equal(find(&layout, LAYOUT_BIND, "/run/thing"), 1);
		assert_true(layout.ops[1].writable);
		assert_int_equal(find(&layout, LAYOUT_BIND, "/srv/data"), 2);
		assert_false(layout.ops[2].writable);
		assert_int_equal(layout.n, 3);
	}
}

/* apply.c looks for it there. */
static void what_is_kept_stands_before_its_overlay(void **state)
{
	struct box_spec spec = { .level = BOX_LEVEL_DEFAULT,
				 .workspace_path = "/w",
				 .keep = "/kept",
				 .binds = binds,
				 .n_binds = 1 };
	struct layout layout;

	(void)state;
	spec.tmp_inodes = 1;
	layout_plan_base(&root_host, LAYOUT_SCRATCH_BYTES, &layout);
	layout_plan_run(&spec, &layout);
	assert_int_equal(find(&layout, LAYOUT_OVERLAY, "/w"),
			 find(&layout, LAYOUT_KEEP, "/kept") + 1);
	assert_true(find(&layout, LAYOUT_KEEP, "/kept") > 0);
}

static void the_base_hides_first(void **state)
{
	struct layout layout;
	int last_show = -1;

	(void)state;
	layout_plan_base(&root_host, LAYOUT_SCRATCH_BYTES, &layout);
	assert_int_equal(layout.ops[0].kind, LAYOUT_SCRATCH);
	assert_int_equal(find(&layout, LAYOUT_BIND, NULL), -1);
	for (int i = 0; i < layout.n; i++)
		if (layout.ops[i].kind == LAYOUT_SHOW)
			last_show = i;
	assert_int_equal(find(&layout, LAYOUT_SHOW, "/run"), last_show);
}

static void homes_are_found(void **state)
{
	static const struct {
		const char *home;
		bool is_dir;
		const char *expected;
		const char *scratch;
	} table[] = {
		{ "/root", true, "/root", "root" },
		{ "/home/user", true, "/home/user", "home/user" },
		{ "/home/user", false, "/home/user", "home/user" },
		{ "/tmp/x/home", true, "/tmp/x/home", "tmp/x/home" },
		{ "/var/lib/thing", true, "/var/lib/thing", "var/lib/thing" },
		{ "/nonexistent", false, "/run/home", "run/home" },
		{ "/", true, "/run/home", "run/home" },
	};
	struct box_spec spec = { .level = BOX_LEVEL_DEFAULT };

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct layout_host host = root_host;
		struct layout layout;

		host.home = table[i].home;
		host.home_is_dir = table[i].is_dir;
		layout_plan_base(&host, LAYOUT_SCRATCH_BYTES, &layout);
		assert_string_equal(layout.home, table[i].expected);
		assert_string_equal(layout.home_in_scratch, table[i].scratch);
		assert_true(find(&layout, LAYOUT_DIR, table[i].scratch) >= 0);
		layout_plan_run(&spec, &layout);
		assert_string_equal(layout.home, table[i].expected);
	}
	spec.home = "/somewhere";
	{
		struct layout layout;

		layout_plan_base(&root_host, LAYOUT_SCRATCH_BYTES, &layout);
		layout_plan_run(&spec, &layout);
		assert_string_equal(layout.home, "");
	}
}

static void sizes_and_start_follow_the_spec(void **state)
{
	struct box_spec spec = { .level = BOX_LEVEL_DEFAULT };
	struct layout layout;

	(void)state;
	layout_plan_base(&root_host, LAYOUT_SCRATCH_BYTES, &layout);
	layout_plan_run(&spec, &layout);
	assert_int_equal(find(&layout, LAYOUT_RESIZE, NULL), -1);
	assert_string_equal(layout.cwd, "/tmp");
	spec.memory_bytes = 100;
	spec.workspace_path = "/w";
	layout_plan_run(&spec, &layout);
	assert_int_equal(layout.ops[0].kind, LAYOUT_RESIZE);
	assert_int_equal(layout.ops[0].bytes, 50);
	assert_string_equal(layout.cwd, "/w");
	spec.tmp_bytes = 7;
	spec.cwd = "/w/sub";
	layout_plan_run(&spec, &layout);
	assert_int_equal(layout.ops[0].kind, LAYOUT_RESIZE);
	assert_int_equal(layout.ops[0].bytes, 7);
	assert_int_equal(layout.ops[0].inodes, 0);
	assert_string_equal(layout.cwd, "/w/sub");
	/* A base that is as large as the run wants it stays. */
	layout_plan_base(&root_host, 7, &layout);
	assert_int_equal(layout.ops[0].bytes, 7);
	layout_plan_run(&spec, &layout);
	assert_int_equal(find(&layout, LAYOUT_RESIZE, NULL), -1);
	spec = (struct box_spec){ .level = BOX_LEVEL_DEFAULT, .tmp_inodes = 9 };
	layout_plan_run(&spec, &layout);
	assert_int_equal(layout.ops[0].kind, LAYOUT_RESIZE);
	assert_int_equal(layout.ops[0].bytes, LAYOUT_SCRATCH_BYTES);
	assert_int_equal(layout.ops[0].inodes, 9);
}

static void what_the_host_has_not_is_left_out(void **state)
{
	struct layout_host host = { .uid = 1000, .home = "/nonexistent", .has = { true } };
	struct layout layout;

	(void)state;
	layout_plan_base(&host, LAYOUT_SCRATCH_BYTES, &layout);
	assert_int_equal(find(&layout, LAYOUT_SHOW, "/home"), -1);
	assert_int_equal(find(&layout, LAYOUT_SHOW, "/root"), -1);
	assert_int_equal(find(&layout, LAYOUT_SHOW, "/var"), -1);
	assert_true(find(&layout, LAYOUT_SHOW, "/tmp") > 0);
	assert_string_equal(layout.runtime_dir, "/run/user/1000");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_asked_for_is_attached_once),
		cmocka_unit_test(what_is_kept_stands_before_its_overlay),
		cmocka_unit_test(the_base_hides_first),
		cmocka_unit_test(homes_are_found),
		cmocka_unit_test(sizes_and_start_follow_the_spec),
		cmocka_unit_test(what_the_host_has_not_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
