// SPDX-License-Identifier: Apache-2.0
/* The cache of listings: the same cases come back, a changed program misses, a damaged file is a
 * miss. */
#include "worker/stage.h"

#include "protocol/base/fd.h"
#include "protocol/base/vec.h"
#include "tests/kit/temp.h"

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
	char folder[64];
	char program[128];
	struct stage *stage;
	struct msg_program described;
};

static void write_program(struct fixture *f, const char *text)
{
	assert_int_equal(fd_write_file(f->program, text, strlen(text), NULL), 0);
}

static int set_up(void **state)
{
	static struct fixture f;
	temp_folder(f.folder, sizeof(f.folder));
	snprintf(f.program, sizeof(f.program), "%s/program", f.folder);
	write_program(&f, "one");
	f.stage = stage_new(f.folder);
	assert_non_null(f.stage);
	f.described = (struct msg_program){ .kind = STR_LIT("gtest"), .path = str_of(f.program) };
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char command[128];
	stage_free(f->stage);
	snprintf(command, sizeof(command), "rm -r %s", f->folder);
	return system(command);
}

static struct digest key_of(const struct fixture *f)
{
	struct digest key;
	assert_int_equal(stage_key(&f->described, f->described.path.data, &key), 0);
	return key;
}

static bool same(struct digest a, struct digest b)
{
	return memcmp(&a, &b, sizeof(a)) == 0;
}

static void test_key_follows_content(void **state)
{
	struct fixture *f = *state;
	struct digest first = key_of(f);
	struct str env[] = { STR_LIT("HOME=/x"), STR_LIT("GTEST_FILTER=a") };
	assert_true(same(first, key_of(f)));
	f->described.env = env;
	f->described.n_env = 1;
	assert_true(same(first, key_of(f))); /* HOME changes no listing */
	f->described.n_env = 2;
	assert_false(same(first, key_of(f)));
	f->described.n_env = 0;
	write_program(f, "two");
	assert_false(same(first, key_of(f)));
}

static void test_some_kinds_are_not_kept(void **state)
{
	struct fixture *f = *state;
	struct digest key;
	f->described.kind = STR_LIT("pytest");
	assert_int_equal(stage_key(&f->described, f->described.path.data, &key), -ENOTSUP);
	f->described.kind = STR_LIT("ctest");
	assert_int_equal(stage_key(&f->described, f->described.path.data, &key), -ENOTSUP);
	f->described.kind = STR_LIT("gtest");
	f->described.path = STR_LIT("/nonexistent");
	assert_int_equal(stage_key(&f->described, f->described.path.data, &key), -ENOENT);
}

static void test_cases_come_back(void **state)
{
	enum { CASES = 10000 }; /* more than one piece */
	struct fixture *f = *state;
	struct arena arena = { 0 }, other = { 0 };
	struct adapt_cases cases = { 0 }, loaded = { 0 };
	struct digest key = key_of(f);
	struct str tags[] = { STR_LIT("slow"), STR_LIT("net") };
	for (size_t i = 0; i < CASES; i++) {
		char *name = arena_printf(&arena, "Suite.case%zu", i);
		struct adapt_case one = {
			.name = str_of(name),
			.detail = STR_LIT("detail"),
			.disabled = i == 3,
			.processors = i,
			.tags = tags,
			.n_tags = i % 3,
		};
		assert_int_equal(VEC_PUSH(&cases, one), 0);
		cases.items[i].processors %= 100;
	}
	assert_int_equal(stage_load(f->stage, &key, &other, &loaded), -ENOENT);
	assert_int_equal(stage_store(f->stage, &key, &cases), 0);
	assert_int_equal(stage_load(f->stage, &key, &other, &loaded), 0);
	assert_int_equal(loaded.len, CASES);
	for (size_t i = 0; i < CASES; i++) {
		assert_true(str_eq(loaded.items[i].name, cases.items[i].name));
		assert_true(str_eq(loaded.items[i].detail, STR_LIT("detail")));
		assert_int_equal(loaded.items[i].disabled, i == 3);
		assert_int_equal(loaded.items[i].n_tags, i % 3);
		assert_int_equal(loaded.items[i].processors, i % 100);
	}
	free(cases.items);
	free(loaded.items);
	arena_done(&arena);
	arena_done(&other);
}

static void test_a_damaged_file_is_a_miss(void **state)
{
	struct fixture *f = *state;
	struct arena arena = { 0 };
	struct adapt_cases cases = { 0 }, loaded = { 0 };
	struct adapt_case one = { .name = STR_LIT("a") };
	struct digest key = key_of(f);
	char hex[DIGEST_HEX_BYTES], path[PATH_MAX];
	struct buf bytes;
	assert_int_equal(VEC_PUSH(&cases, one), 0);
	assert_int_equal(stage_store(f->stage, &key, &cases), 0);
	snprintf(path, sizeof(path), "%s/listings/%s", f->folder, digest_hex(&key, hex));
	assert_int_equal(fd_read_file(path, 1 << 20, &bytes), 0);
	for (size_t cut = 1; cut < bytes.len; cut++) {
		assert_int_equal(fd_write_file(path, bytes.data, cut, NULL), 0);
		assert_int_equal(stage_load(f->stage, &key, &arena, &loaded), -ENOENT);
		assert_int_equal(loaded.len, 0);
	}
	free(cases.items);
	free(loaded.items);
	buf_done(&bytes);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_key_follows_content, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_some_kinds_are_not_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cases_come_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_damaged_file_is_a_miss, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
