// SPDX-License-Identifier: Apache-2.0
/* A spec survives the wire whole, and nothing else does. */
#include "sandbox/spec.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const argv[] = { "/bin/true", "a b", "", NULL };
static const char *const envp[] = { "PATH=/bin", "X=\xff", NULL };
static const struct box_bind binds[] = { { "/a", true }, { "/b/c", false } };

static struct box_spec sample(void)
{
	return (struct box_spec){
		.level = BOX_LEVEL_DEFAULT,
		.workspace = BOX_WORKSPACE_READONLY,
		.network = BOX_NETWORK_NONE,
		.best_effort = true,
		.slot = 1023,
		.workspace_path = "/w",
		.home = "/h",
		.argv = argv,
		.envp = envp,
		.binds = binds,
		.n_binds = 2,
		.wall_us = 1,
		.cpu_us = 2,
		.cpu_weight = 10000,
		.cpuset = "0-1,3",
		.tmp_inodes = 3,
		.memory_bytes = 1ull << 40,
	};
}

/* Changes can be kept where there are any. */
static void keep_needs_an_overlay(void **state)
{
	struct box_spec spec = sample();
	struct spec_store store;
	void *bytes;
	size_t size;

	(void)state;
	spec.keep = "/k";
	assert_string_equal(spec_validate(&spec), "keep");
	spec.workspace = BOX_WORKSPACE_OVERLAY;
	assert_null(spec_validate(&spec));
	assert_int_equal(spec_encode(&spec, &bytes, &size), 0);
	assert_int_equal(spec_decode(bytes, size, &store), 0);
	assert_string_equal(store.spec.keep, "/k");
	spec_done(&store);
	free(bytes);
	spec.level = BOX_LEVEL_OFF;
	spec.grants = 0;
	assert_string_equal(spec_validate(&spec), "keep");
	spec.level = BOX_LEVEL_DEFAULT;
	spec.workspace_path = NULL;
	assert_string_equal(spec_validate(&spec), "keep");
	spec.keep = "relative";
	assert_string_equal(spec_validate(&spec), "keep");
}

static void what_goes_in_comes_out(void **state)
{
	struct box_spec spec = sample();
	struct spec_store store;
	void *bytes;
	size_t size;

	(void)state;
	assert_int_equal(spec_encode(&spec, &bytes, &size), 0);
	assert_int_equal(spec_decode(bytes, size, &store), 0);
	assert_int_equal(store.spec.level, BOX_LEVEL_DEFAULT);
	assert_int_equal(store.spec.workspace, BOX_WORKSPACE_READONLY);
	assert_true(store.spec.best_effort);
	assert_int_equal(store.spec.slot, 1023);
	assert_int_equal(store.spec.memory_bytes, 1ull << 40);
	assert_int_equal(store.spec.cpu_us, 2);
	assert_int_equal(store.spec.cpu_weight, 10000);
	assert_string_equal(store.spec.cpuset, "0-1,3");
	assert_int_equal(store.spec.tmp_inodes, 3);
	assert_string_equal(store.spec.workspace_path, "/w");
	assert_null(store.spec.cwd);
	assert_string_equal(store.spec.argv[1], "a b");
	assert_string_equal(store.spec.argv[2], "");
	assert_null(store.spec.argv[3]);
	assert_string_equal(store.spec.envp[1], "X=\xff");
	assert_null(store.spec.envp[2]);
	assert_int_equal(store.spec.n_binds, 2);
	assert_true(store.spec.binds[0].writable);
	assert_false(store.spec.binds[1].writable);
	assert_string_equal(store.spec.binds[1].path, "/b/c");
	spec_done(&store);
	free(bytes);
}

static void no_prefix_and_no_tail_is_accepted(void **state)
{
	struct box_spec spec = sample();
	struct spec_store store;
	void *bytes;
	char *longer;
	size_t size;

	(void)state;
	assert_int_equal(spec_encode(&spec, &bytes, &size), 0);
	for (size_t n = 0; n < size; n++) {
		char *copy = malloc(n + 1);

		memcpy(copy, bytes, n);
		assert_int_equal(spec_decode(copy, n, &store), -EINVAL);
		free(copy);
	}
	longer = calloc(1, size + 1);
	memcpy(longer, bytes, size);
	assert_int_equal(spec_decode(longer, size + 1, &store), -EINVAL);
	free(longer);
	free(bytes);
}

/* Every byte changed in turn: refused, or decoded to something that validates. */
static void damage_is_refused_or_harmless(void **state)
{
	struct box_spec spec = sample();
	struct spec_store store;
	unsigned char *bytes;
	size_t size;

	(void)state;
	assert_int_equal(spec_encode(&spec, (void **)&bytes, &size), 0);
	for (size_t i = 0; i < size; i++)
		for (int flip = 1; flip < 256; flip <<= 1) {
			bytes[i] ^= (unsigned char)flip;
			if (spec_decode(bytes, size, &store) == 0) {
				assert_null(spec_validate(&store.spec));
				spec_done(&store);
			}
			bytes[i] ^= (unsigned char)flip;
		}
	free(bytes);
}

static void bad_fields_are_named(void **state)
{
	static const char *const bad_workspaces[] = { "/",	    "w",	"/w/",
						      "/w/../x",    "/w//x",	"/proc",
						      "/proc/self", "/dev/shm", "/./w" };
	static const char *const bad_lists[] = { "", "all", "0 1", "0\n", "0-3:1/2" };
	static const char *const none[] = { NULL };
	struct box_spec spec = sample();

	(void)state;
	assert_null(spec_validate(&spec));
	for (size_t i = 0; i < sizeof(bad_workspaces) / sizeof(bad_workspaces[0]); i++) {
		spec.workspace_path = bad_workspaces[i];
		assert_string_equal(spec_validate(&spec), "workspace_path");
	}
	for (size_t i = 0; i < sizeof(bad_lists) / sizeof(bad_lists[0]); i++) {
		spec = sample();
		spec.cpuset = bad_lists[i];
		assert_string_equal(spec_validate(&spec), "cpuset");
	}
	spec = sample();
	spec.cpu_weight = 10001;
	assert_string_equal(spec_validate(&spec), "cpu_weight");
	spec = sample();
	spec.workspace_source = "/elsewhere";
	assert_null(spec_validate(&spec));
	spec.workspace = BOX_WORKSPACE_SHARED; /* writes would change what others are shown */
	assert_string_equal(spec_validate(&spec), "workspace_source");
	spec = sample();
	spec.workspace_source = "/elsewhere";
	spec.workspace_path = NULL;
	assert_string_equal(spec_validate(&spec), "workspace_source");
	spec = sample();
	spec.slot = 1024;
	assert_string_equal(spec_validate(&spec), "slot");
	spec = sample();
	spec.argv = none;
	assert_string_equal(spec_validate(&spec), "argv");
	spec = sample();
	spec.wall_us = UINT64_MAX;
	assert_string_equal(spec_validate(&spec), "wall_us");
	spec = sample();
	spec.n_binds = BOX_BINDS_MAX + 1;
	assert_string_equal(spec_validate(&spec), "binds");
	spec = sample();
	spec.cwd = "relative";
	assert_string_equal(spec_validate(&spec), "cwd");
}

static void too_long_is_refused(void **state)
{
	static char word[BOX_SPEC_BYTES_MAX];
	const char *const words[] = { word, NULL };
	struct box_spec spec = sample();
	void *bytes;
	size_t size;

	(void)state;
	memset(word, 'x', sizeof(word) - 1);
	spec.argv = words;
	assert_int_equal(spec_encode(&spec, &bytes, &size), -E2BIG);
}

static void defaults_fill_zeroes_only(void **state)
{
	struct box_spec spec = { .pids = 7 };

	(void)state;
	spec_defaults(&spec);
	assert_int_equal(spec.pids, 7);
	assert_int_equal(spec.grace_us, 2000000);
	assert_int_equal(spec.leak_grace_us, 200000);
	assert_int_equal(spec.wall_us, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_goes_in_comes_out),
		cmocka_unit_test(keep_needs_an_overlay),
		cmocka_unit_test(no_prefix_and_no_tail_is_accepted),
		cmocka_unit_test(damage_is_refused_or_harmless),
		cmocka_unit_test(bad_fields_are_named),
		cmocka_unit_test(too_long_is_refused),
		cmocka_unit_test(defaults_fill_zeroes_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
