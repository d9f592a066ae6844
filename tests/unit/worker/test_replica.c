// SPDX-License-Identifier: Apache-2.0
/*
 * test_replica.c - a tree is made as its manifest says, found again, mended when it was damaged; a
 * hostile manifest makes nothing at all.
 */
#include "worker/replica.h"

#include "protocol/wire/blob.h"
#include "protocol/wire/tree.h"
#include "tests/kit/temp.h"
#include "worker/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define QUOTA (UINT64_C(256) << 20)

struct world {
	char folder[128];
	struct replica_home *home;
};

static struct world world;

static void open_home(void)
{
	struct err err = { 0 };
	char folder[144];
	snprintf(folder, sizeof(folder), "%s/cache", world.folder);
	if (replica_home_new(folder, QUOTA, &world.home, &err) < 0)
		fail_msg("%s", err.text);
}

static int set_up(void **state)
{
	(void)state;
	temp_folder(world.folder, sizeof(world.folder));
	open_home();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	replica_home_free(world.home);
	temp_remove(world.folder);
	return 0;
}

/* Put bytes into the store as one chunk. */
static struct digest store(struct str bytes)
{
	struct cas *cas = replica_home_cas(world.home);
	struct buf packed;
	struct digest id;
	buf_init(&packed, BLOB_PACKED_BYTES);
	digest_bytes(bytes, &id);
	assert_int_equal(blob_pack(bytes, &packed), 0);
	assert_int_equal(cas_put(cas, &id, buf_str(&packed), bytes.len, NULL), 0);
	assert_int_equal(cas_sync(cas, NULL), 0);
	buf_done(&packed);
	return id;
}

/* A tree of entries; `lie` is added to the root's number of entries. */
static struct digest plant(const struct tree_entry *entries, size_t n, uint64_t lie)
{
	struct buf manifest, encoded;
	struct tree_root root = { .entries = n + lie };
	buf_init(&manifest, 1 << 20);
	buf_init(&encoded, 1 << 20);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(tree_put(&manifest, &entries[i]), 0);
		root.file_bytes += entries[i].bytes;
	}
	struct digest id = store(buf_str(&manifest));
	root.manifest_bytes = manifest.len;
	root.chunks = (struct str){ (const char *)id.bytes, DIGEST_BYTES };
	assert_int_equal(tree_root_put(&encoded, &root), 0);
	struct digest tree = store(buf_str(&encoded));
	buf_done(&manifest);
	buf_done(&encoded);
	return tree;
}

/* Step until it is ready, waits or fails. */
static int run(struct replica *replica, struct err *err)
{
	int r, steps = 0;
	while ((r = replica_step(replica, err)) == REPLICA_WORKS)
		assert_true(++steps < 1000);
	return r;
}

static struct digest content(const char *text)
{
	return store(str_of(text));
}

/* Entries of a small tree around one content. */
static size_t small(const struct digest *id, struct tree_entry out[5])
{
	const struct str ids = { (const char *)id->bytes, DIGEST_BYTES };
	const struct tree_entry entries[] = {
		{ .path = STR_LIT("a"), .kind = TREE_FOLDER, .mode = 0750 },
		{ .path = STR_LIT("a/file"),
		  .kind = TREE_FILE,
		  .mode = 0640,
		  .bytes = 5,
		  .content = ids },
		{ .path = STR_LIT("a/link"), .kind = TREE_LINK, .content = STR_LIT("file") },
		{ .path = STR_LIT("empty"), .kind = TREE_FILE, .mode = 0600 },
		{ .path = STR_LIT("same"),
		  .kind = TREE_FILE,
		  .mode = 0640,
		  .bytes = 5,
		  .content = ids },
	};
	memcpy(out, entries, sizeof(entries));
	return 5;
}

static void check_small(const struct replica *replica)
{
	const char *path = replica_path(replica);
	temp_shell("cd %s && test \"$(cat a/file)\" = hello && test \"$(cat a/link)\" = hello && "
		   "test ! -s empty && "
		   "test \"$(stat -c %%a:%%i a/file)\" = \"$(stat -c %%a:%%i same)\" && "
		   "test \"$(stat -c %%a a)\" = 750 && test \"$(stat -c %%Y same)\" = 1000000000",
		   path);
}

static void a_tree_is_made_and_found(void **state)
{
	(void)state;
	struct digest hello = content("hello");
	struct tree_entry entries[5];
	struct digest tree = plant(entries, small(&hello, entries), 0);
	for (int i = 0; i < 3; i++) {
		struct replica *replica = replica_new(world.home, &tree);
		struct err err = { 0 };
		int r = run(replica, &err);
		if (r != REPLICA_READY)
			fail_msg("%d %s", r, err.text);
		check_small(replica);
		int fd = replica_open(replica, "a/link");
		assert_true(fd >= 0);
		close(fd);
		assert_int_equal(replica_open(replica, "../x"), -EXDEV);
		replica_free(replica);
		if (i == 1) { /* the next process finds it, too */
			replica_home_free(world.home);
			open_home();
		}
	}
}

static void what_is_missing_is_asked_for(void **state)
{
	(void)state;
	struct digest hello, tree;
	struct tree_entry entries[5];
	digest_bytes(STR_LIT("hello"), &hello);
	digest_bytes(STR_LIT("nothing"), &tree);
	struct replica *replica = replica_new(world.home, &tree);
	assert_int_equal(run(replica, NULL), REPLICA_WAITS);
	assert_memory_equal(replica_missing(replica).data, tree.bytes, DIGEST_BYTES);
	replica_free(replica);
	tree = plant(entries, small(&hello, entries), 0);
	replica = replica_new(world.home, &tree);
	assert_int_equal(run(replica, NULL), REPLICA_WAITS);
	assert_int_equal(replica_missing(replica).len,
			 DIGEST_BYTES); /* once, though twice needed */
	assert_memory_equal(replica_missing(replica).data, hello.bytes, DIGEST_BYTES);
	(void)content("hello");
	assert_int_equal(run(replica, NULL), REPLICA_READY);
	check_small(replica);
	replica_free(replica);
}

static void damage_is_mended(void **state)
{
	static const char *const deeds[] = {
		"printf x >>same",     "rm empty", "touch a/new",	 "chmod 777 a",
		"ln -sf other a/link", "mv a b",   "printf 12345 >same", "rm -r a && touch a",
	};
	(void)state;
	struct digest hello = content("hello");
	struct tree_entry entries[5];
	struct digest tree = plant(entries, small(&hello, entries), 0);
	for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++) {
		struct replica *replica = replica_new(world.home, &tree);
		assert_int_equal(run(replica, NULL), REPLICA_READY);
		temp_shell("cd %s && %s", replica_path(replica), deeds[i]);
		replica_free(replica);
		replica = replica_new(world.home, &tree);
		assert_int_equal(run(replica, NULL), REPLICA_READY);
		check_small(replica);
		replica_free(replica);
	}
	while (replica_home_sweep(world.home))
		;
	temp_shell("cd %s/cache/trees && test \"$(ls | wc -l)\" = 1", world.folder);
}

static void a_damaged_chunk_is_asked_for_again(void **state)
{
	(void)state;
	struct digest hello = content("hello");
	struct tree_entry entries[5];
	struct digest tree = plant(entries, small(&hello, entries), 0);
	char hex[DIGEST_HEX_BYTES];
	digest_hex(&hello, hex);
	temp_shell("printf HELLO | dd of=%s/cache/cas/%c/%s bs=1 seek=8 conv=notrunc status=none",
		   world.folder, hex[0], hex + 1);
	struct replica *replica = replica_new(world.home, &tree);
	assert_int_equal(run(replica, NULL), REPLICA_WAITS);
	(void)content("hello");
	assert_int_equal(run(replica, NULL), REPLICA_READY);
	check_small(replica);
	replica_free(replica);
}

/* While another worker of the host sweeps the same cache, what one builds or uses stays. */
static void sweepers_leave_what_is_held(void **state)
{
	enum { TIMES = 400 };
	int trees = pool_trees(world.home);
	(void)state;
	pid_t sweeper = fork();
	assert_true(sweeper >= 0);
	if (sweeper == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		open_home();
		for (;;) {
			replica_home_soil(world.home);
			while (replica_home_sweep(world.home))
				;
		}
	}
	for (int i = 0; i < TIMES; i++) {
		char name[POOL_NAME_BYTES], whole[POOL_NAME_BYTES];
		int tmp = pool_tmp_tree(world.home, name);
		if (tmp < 0)
			fail_msg("%s", strerror(-tmp));
		assert_int_equal(mkdirat(tmp, "a", 0700), 0);
		/* Its name says that it is larger than the cache may be: evicted whenever nobody
		 * holds it. */
		snprintf(whole, sizeof(whole), "%064d-%d", i, 1 << 30);
		assert_int_equal(pool_publish(world.home, name, whole), 0);
		int held = pool_hold_tree(world.home, whole);
		assert_true(held >= 0); /* the one that built it still has its lock */
		close(tmp);
		assert_int_equal(faccessat(trees, whole, F_OK, 0), 0);
		assert_int_equal(mkdirat(held, "b", 0700), 0);
		close(held);
		held = pool_hold_tree(world.home, whole);
		assert_true(held < 0 || faccessat(trees, whole, F_OK, 0) == 0);
		if (held >= 0)
			close(held);
	}
	kill(sweeper, SIGKILL);
	assert_int_equal(waitpid(sweeper, NULL, 0), sweeper);
}

/* Nothing is made: neither in the cache nor anywhere else. */
static void refused(const struct tree_entry *entries, size_t n, uint64_t lie, const char *why)
{
	struct digest tree = plant(entries, n, lie);
	struct replica *replica = replica_new(world.home, &tree);
	struct err err = { 0 };
	assert_int_equal(run(replica, &err), -EPROTO);
	if (!strstr(err.text, why))
		fail_msg("'%s' does not say '%s'", err.text, why);
	replica_free(replica);
	temp_shell("cd %s && test \"$(ls cache/trees | wc -l)\" = 0 && test \"$(ls)\" = cache",
		   world.folder);
}

static void hostile_trees_make_nothing(void **state)
{
	(void)state;
	struct digest hello = content("hello");
	const struct str ids = { (const char *)hello.bytes, DIGEST_BYTES };
	const struct tree_entry good = { .path = STR_LIT("0"), .kind = TREE_FOLDER, .mode = 0755 };
#define HOSTILE(why, lie, ...)                                           \
	do {                                                             \
		const struct tree_entry list[] = { good, __VA_ARGS__ };  \
		refused(list, sizeof(list) / sizeof(list[0]), lie, why); \
	} while (0)
#define AT(p) { .path = STR_LIT(p), .kind = TREE_FILE, .mode = 0644, .bytes = 5, .content = ids }
#define TO(p, t)                                                             \
	{                                                                    \
		.path = STR_LIT(p), .kind = TREE_LINK, .content = STR_LIT(t) \
	}
	HOSTILE("plain names", 0, AT("0/../../../../escaped"));
	HOSTILE("plain names", 0, AT("/escaped"));
	HOSTILE("plain names", 0, AT("0/.."));
	HOSTILE("twice", 0, AT("a"), AT("a"));
	HOSTILE("its folder", 0, TO("l", "/"), AT("l/escaped"));
	HOSTILE("leaves the tree", 0, TO("l", "../../.."));
	HOSTILE("does not add up", 1, AT("a"));
	HOSTILE("cannot be read", 0, { .path = STR_LIT("a"), .kind = TREE_FILE, .mode = 06755 });
	/* Names that differ in case are two names here. */
	const struct tree_entry fine[] = { AT("A"), AT("a") };
	struct digest tree = plant(fine, 2, 0);
	struct replica *replica = replica_new(world.home, &tree);
	assert_int_equal(run(replica, NULL), REPLICA_READY);
	temp_shell("test \"$(ls %s | wc -l)\" = 2", replica_path(replica));
	replica_free(replica);
}

static void sizes_that_lie_are_refused(void **state)
{
	(void)state;
	struct digest hello = content("hello");
	const struct tree_entry entry = { .path = STR_LIT("a"),
					  .kind = TREE_FILE,
					  .mode = 0644,
					  .bytes = 6,
					  .content = { (const char *)hello.bytes, DIGEST_BYTES } };
	struct digest tree = plant(&entry, 1, 0);
	struct replica *replica = replica_new(world.home, &tree);
	struct err err = { 0 };
	assert_int_equal(run(replica, &err), -EPROTO);
	replica_free(replica);
	struct tree_root huge = { .file_bytes = UINT64_C(1) << 50 };
	struct buf encoded;
	buf_init(&encoded, 1 << 10);
	assert_int_equal(tree_root_put(&encoded, &huge), 0);
	tree = store(buf_str(&encoded));
	buf_done(&encoded);
	replica = replica_new(world.home, &tree);
	assert_int_equal(run(replica, &err), -EFBIG);
	assert_non_null(strstr(err.text, "--cache-quota"));
	replica_free(replica);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_tree_is_made_and_found),
		TEST(what_is_missing_is_asked_for),
		TEST(damage_is_mended),
		TEST(sweepers_leave_what_is_held),
		TEST(a_damaged_chunk_is_asked_for_again),
		TEST(hostile_trees_make_nothing),
		TEST(sizes_that_lie_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
