// SPDX-License-Identifier: Apache-2.0
/* test_tree.c - what is put comes back; what could harm whoever makes the tree is refused. */
#include "protocol/wire/tree.h"

#include "protocol/wire/blob.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char ids[4 * DIGEST_BYTES + 1] = "0123456789abcdef0123456789abcdef"
					      "fedcba9876543210fedcba9876543210"
					      "00000000000000000000000000000000"
					      "11111111111111111111111111111111";

#define FOLDER(p)                                                     \
	{                                                             \
		.path = STR_LIT(p), .kind = TREE_FOLDER, .mode = 0755 \
	}
#define LINK(p, to)                                                           \
	{                                                                     \
		.path = STR_LIT(p), .kind = TREE_LINK, .content = STR_LIT(to) \
	}
#define FILE_(p, n, b)                                                                          \
	{                                                                                       \
		.path = STR_LIT(p), .kind = TREE_FILE, .mode = 0644, .bytes = (b), .content = { \
			ids,                                                                    \
			(n)*DIGEST_BYTES                                                        \
		}                                                                               \
	}

static struct buf encode(const struct tree_entry *entries, size_t n)
{
	struct buf manifest;
	buf_init(&manifest, 1 << 20);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(tree_put(&manifest, &entries[i]), 0);
	return manifest;
}

/* Read all; 0, or what the first bad entry gave. */
static int read_all(struct str manifest, struct err *err)
{
	struct tree_reader reader = tree_begin(manifest);
	struct tree_entry entry;
	int r;
	while ((r = tree_next(&reader, &entry, err)) > 0)
		;
	return r;
}

static void a_tree_comes_back(void **state)
{
	(void)state;
	const struct tree_entry in[] = {
		FOLDER("a"),
		FILE_("a/b", 2, BLOB_LEAST_BYTES + 1),
		FILE_("a/empty", 0, 0),
		LINK("a/up", "../a/b"),
		FILE_("a-b", 1, 1),
		FILE_("A", 1, BLOB_MOST_BYTES),
		LINK("z", "/usr/bin/true"),
	};
	struct tree_entry sorted[] = { in[5], in[0], in[1], in[2], in[3], in[4], in[6] };
	enum { N = sizeof(sorted) / sizeof(sorted[0]) };
	struct buf manifest = encode(sorted, N);
	struct tree_reader reader = tree_begin(buf_str(&manifest));
	struct tree_entry entry;
	for (size_t i = 0; i < N; i++) {
		assert_int_equal(tree_next(&reader, &entry, NULL), 1);
		assert_true(str_eq(entry.path, sorted[i].path));
		assert_true(str_eq(entry.content, sorted[i].content));
		assert_int_equal(entry.kind, sorted[i].kind);
		assert_int_equal(entry.mode, sorted[i].mode);
		assert_int_equal(entry.bytes, sorted[i].bytes);
	}
	assert_int_equal(tree_next(&reader, &entry, NULL), 0);
	assert_int_equal(reader.entries, N);
	assert_int_equal(reader.file_bytes, BLOB_LEAST_BYTES + 2 + BLOB_MOST_BYTES);
	/* Cut anywhere, it is an error or fewer entries, never more. */
	for (size_t i = 0; i < manifest.len; i++)
		assert_true(read_all((struct str){ manifest.data, i }, NULL) <= 0);
	buf_done(&manifest);
}

static void refused(const struct tree_entry *entries, size_t n, const char *why)
{
	struct buf manifest = encode(entries, n);
	struct err err = { 0 };
	assert_int_equal(read_all(buf_str(&manifest), &err), -EPROTO);
	if (!strstr(err.text, why))
		fail_msg("'%s' does not say '%s'", err.text, why);
	buf_done(&manifest);
}

#define REFUSED(why, ...)                                           \
	do {                                                        \
		const struct tree_entry list[] = { __VA_ARGS__ };   \
		refused(list, sizeof(list) / sizeof(list[0]), why); \
	} while (0)

static void hostile_paths_are_refused(void **state)
{
	(void)state;
	REFUSED("plain names", FILE_("..", 0, 0));
	REFUSED("plain names", FILE_("../x", 0, 0));
	REFUSED("plain names", FOLDER("a"), FILE_("a/../x", 0, 0));
	REFUSED("plain names", FILE_("/etc/passwd", 0, 0));
	REFUSED("plain names", FILE_("", 0, 0));
	REFUSED("plain names", FILE_(".", 0, 0));
	REFUSED("plain names", FOLDER("a"), FILE_("a//b", 0, 0));
	REFUSED("plain names", FOLDER("a/"));
	REFUSED("plain names", FILE_("a\0b", 0, 0));
	REFUSED("twice", FILE_("a", 0, 0), FILE_("a", 0, 0));
	REFUSED("twice", FOLDER("a"), FILE_("a/x", 0, 0), FILE_("a/x", 1, 1));
	REFUSED("out of order", FILE_("b", 0, 0), FILE_("a", 0, 0));
	REFUSED("out of order", FOLDER("a"), FILE_("a-b", 0, 0), FILE_("a/x", 0, 0));
	REFUSED("its folder", FILE_("a/b", 0, 0));
	REFUSED("its folder", FILE_("a", 0, 0), FILE_("a/b", 0, 0));
	REFUSED("its folder", LINK("a", "/etc"), FILE_("a/passwd", 0, 0));
	REFUSED("its folder", FOLDER("a"), FILE_("a/b/c", 0, 0));
}

static void hostile_contents_are_refused(void **state)
{
	(void)state;
	REFUSED("link that leaves", LINK("a", ".."));
	REFUSED("link that leaves", FOLDER("a"), LINK("a/b", "../../x"));
	REFUSED("link that leaves", FOLDER("a"), LINK("a/b", "../x/../../y"));
	REFUSED("content", LINK("a", ""));
	REFUSED("content", LINK("a", "x\0y"));
	REFUSED("content", FILE_("a", 0, 1));
	REFUSED("content", FILE_("a", 1, 0));
	REFUSED("content", FILE_("a", 1, BLOB_MOST_BYTES + 1));
	REFUSED("content", FILE_("a", 2, BLOB_LEAST_BYTES));
	REFUSED("content", { .path = STR_LIT("a"),
			     .kind = TREE_FILE,
			     .bytes = 1,
			     .content = { ids, DIGEST_BYTES - 1 } });
	REFUSED("content", { .path = STR_LIT("a"), .kind = TREE_FOLDER, .bytes = 1 });
	REFUSED("content",
		{ .path = STR_LIT("a"), .kind = TREE_LINK, .mode = 0777, .content = STR_LIT("b") });
	REFUSED("cannot be read", { .path = STR_LIT("a"), .kind = TREE_KIND_MAX });
	REFUSED("cannot be read", { .path = STR_LIT("a"), .kind = TREE_FOLDER, .mode = 04755 });
}

static void depth_is_bounded(void **state)
{
	(void)state;
	struct buf manifest;
	char path[2 * LIMIT_TREE_DEPTH + 4] = "";
	int r = 0;
	buf_init(&manifest, 1 << 20);
	for (size_t i = 0; i <= LIMIT_TREE_DEPTH; i++) {
		struct tree_entry folder = { .kind = TREE_FOLDER, .mode = 0755 };
		snprintf(path + strlen(path), 4, i ? "/d" : "d");
		folder.path = str_of(path);
		assert_int_equal(tree_put(&manifest, &folder), 0);
		r = read_all(buf_str(&manifest), NULL);
		assert_int_equal(r, i < LIMIT_TREE_DEPTH ? 0 : -EPROTO);
	}
	buf_done(&manifest);
}

static void links_within_are_told_from_links_out(void **state)
{
	(void)state;
	assert_true(tree_link_stays(STR_LIT("a/b"), STR_LIT("../c")));
	assert_true(tree_link_stays(STR_LIT("a/b"), STR_LIT("./../c//d/")));
	assert_true(tree_link_stays(STR_LIT("a"), STR_LIT("b/../c")));
	assert_true(tree_link_stays(STR_LIT("a"), STR_LIT("/")));
	assert_false(tree_link_stays(STR_LIT("a"), STR_LIT("../b")));
	assert_false(tree_link_stays(STR_LIT("a/b/c"), STR_LIT("../../../x")));
}

static void roots_come_back_or_are_refused(void **state)
{
	(void)state;
	struct tree_root in = { .manifest_bytes = BLOB_LEAST_BYTES + 7,
				.entries = 3,
				.file_bytes = 99,
				.chunks = { ids, 2 * DIGEST_BYTES } },
			 out;
	struct buf bytes;
	buf_init(&bytes, 1 << 20);
	assert_int_equal(tree_root_put(&bytes, &in), 0);
	assert_int_equal(tree_root_get(buf_str(&bytes), &out, NULL), 0);
	assert_int_equal(out.manifest_bytes, in.manifest_bytes);
	assert_int_equal(out.entries, 3);
	assert_int_equal(tree_ids(out.chunks), 2);
	assert_memory_equal(tree_id(out.chunks, 1).bytes, ids + DIGEST_BYTES, DIGEST_BYTES);
	for (size_t i = 0; i < bytes.len; i++)
		assert_int_equal(tree_root_get((struct str){ bytes.data, i }, &out, NULL), -EPROTO);
	assert_int_equal(buf_puts(&bytes, "x"), 0);
	assert_int_equal(tree_root_get(buf_str(&bytes), &out, NULL), -EPROTO);
	in.manifest_bytes = UINT64_C(1) << 40; /* more than two chunks can hold */
	buf_clear(&bytes);
	assert_int_equal(tree_root_put(&bytes, &in), 0);
	assert_int_equal(tree_root_get(buf_str(&bytes), &out, NULL), -EPROTO);
	buf_done(&bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tree_comes_back),
		cmocka_unit_test(hostile_paths_are_refused),
		cmocka_unit_test(hostile_contents_are_refused),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(links_within_are_told_from_links_out),
		cmocka_unit_test(roots_come_back_or_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
