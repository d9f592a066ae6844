// SPDX-License-Identifier: Apache-2.0
/* test_parcel.c - a folder becomes the same tree whoever has it; what is known is not read again.
 */
#include "coordinator/serve/parcel.h"

#include "coordinator/serve/shipment.h"
#include "protocol/wire/blob.h"
#include "protocol/wire/tree.h"
#include "tests/kit/temp.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char top[128], cache[144], workspace[144];

static int make(void **state)
{
	(void)state;
	temp_folder(top, sizeof(top));
	snprintf(cache, sizeof(cache), "%s/cache", top);
	snprintf(workspace, sizeof(workspace), "%s/w", top);
	temp_shell(
		"mkdir -p %s/.git %s/a/b && cd %s && echo x >.git/x && echo one >a/one && "
		"head -c 300000 /dev/zero >a/b/zeros && chmod 4755 a/one && chmod 0 a/b/zeros && "
		"ln -s ../a/one a/link && ln -s ../../out a/out && mkfifo a/pipe && "
		"touch -d 2001-01-01 a/one a/b/zeros",
		workspace, workspace, workspace);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	temp_remove(top);
	return 0;
}

/* The tree of the workspace, or of what is wanted of it. */
static struct digest add(struct parcel *parcel, const char *const *inputs, size_t n)
{
	const struct parcel_want want = { workspace, inputs, n };
	struct digest tree = { { 0 } };
	struct err err = { 0 };
	if (parcel_add(parcel, &want, &tree, &err) < 0)
		fail_msg("%s", err.text);
	return tree;
}

static size_t place_of(const struct parcel *parcel, const struct digest *id)
{
	for (size_t i = 0; i < parcel_chunks(parcel); i++)
		if (memcmp(parcel_id(parcel, i), id, sizeof(*id)) == 0)
			return i;
	fail_msg("a chunk is not in the parcel");
	return 0;
}

/* The manifest of a tree, as text: a line per entry. */
static void describe(struct parcel *parcel, const struct digest *tree, char *out, size_t size)
{
	struct buf root_bytes, manifest, raw;
	struct tree_root root;
	struct tree_entry entry;
	int r;
	buf_init(&root_bytes, BLOB_MOST_BYTES);
	buf_init(&raw, BLOB_MOST_BYTES);
	buf_init(&manifest, LIMIT_TREE_BYTES);
	assert_int_equal(parcel_read(parcel, place_of(parcel, tree), &root_bytes, NULL), 0);
	assert_int_equal(tree_root_get(buf_str(&root_bytes), &root, NULL), 0);
	for (size_t i = 0; i < tree_ids(root.chunks); i++) {
		struct digest id = tree_id(root.chunks, i);
		assert_int_equal(parcel_read(parcel, place_of(parcel, &id), &raw, NULL), 0);
		assert_int_equal(buf_put_str(&manifest, buf_str(&raw)), 0);
	}
	struct tree_reader reader = tree_begin(buf_str(&manifest));
	*out = '\0';
	while ((r = tree_next(&reader, &entry, NULL)) > 0)
		snprintf(out + strlen(out), size - strlen(out), "%d %o %.*s %d\n", entry.kind,
			 entry.mode, STR_ARG(entry.path), (int)entry.bytes);
	assert_int_equal(r, 0);
	assert_int_equal(reader.entries, root.entries);
	buf_done(&root_bytes);
	buf_done(&raw);
	buf_done(&manifest);
}

static void a_folder_is_a_tree(void **state)
{
	(void)state;
	char text[1024];
	struct parcel *parcel = parcel_new(cache);
	struct digest tree = add(parcel, NULL, 0);
	describe(parcel, &tree, text, sizeof(text));
	assert_string_equal(text, "0 755 a 0\n0 755 a/b 0\n1 400 a/b/zeros 300000\n2 0 a/link 0\n"
				  "1 755 a/one 4\n");
	assert_int_equal(parcel_counts(parcel).left_out, 2); /* the pipe, and the link out */
	assert_int_equal(parcel_counts(parcel).files, 2);
	/* Zeros are cut into equal chunks: one of the greatest size at most, and the rest. */
	assert_in_range(parcel_counts(parcel).chunks, 4, 6);
	struct digest again = add(parcel, NULL, 0);
	assert_memory_equal(&tree, &again, sizeof(tree));
	assert_int_equal(parcel_counts(parcel).files, 2);
	parcel_free(parcel);
}

static void what_is_known_is_not_read_again(void **state)
{
	(void)state;
	struct parcel *parcel = parcel_new(cache);
	/* A file changed just now is not believed: it may change again within the same tick. */
	struct digest first = add(parcel, NULL, 0);
	assert_int_equal(parcel_counts(parcel).read_bytes, 300004);
	parcel_free(parcel);
	/* Its time of change cannot be set: wait until it is old enough, by the clock of the disk.
	 */
	for (uint64_t read_bytes = 1; read_bytes;) {
		parcel = parcel_new(cache);
		struct digest tree = add(parcel, NULL, 0);
		assert_memory_equal(&tree, &first, sizeof(tree));
		read_bytes = parcel_counts(parcel).read_bytes;
		parcel_free(parcel);
	}
	/* Chunks of a file that was not read can be sent all the same. */
	parcel = parcel_new(cache);
	(void)add(parcel, NULL, 0);
	struct buf raw;
	buf_init(&raw, BLOB_MOST_BYTES);
	for (size_t i = 0; i < parcel_chunks(parcel); i++)
		assert_int_equal(parcel_read(parcel, i, &raw, NULL), 0);
	/* A change with the old size and time shows by the time of change. */
	temp_shell("cd %s && echo two >a/one && touch -d 2001-01-01 a/one", workspace);
	struct err err = { 0 };
	int r = 0;
	for (size_t i = 0; i < parcel_chunks(parcel) && r == 0; i++)
		r = parcel_read(parcel, i, &raw, &err);
	assert_int_equal(r, -EAGAIN);
	assert_non_null(strstr(err.text, "has changed"));
	parcel_free(parcel);
	parcel = parcel_new(cache);
	struct digest tree = add(parcel, NULL, 0);
	assert_memory_not_equal(&tree, &first, sizeof(tree));
	assert_int_equal(parcel_counts(parcel).read_bytes, 4);
	buf_done(&raw);
	parcel_free(parcel);
	/* A damaged cache is none. */
	temp_shell("for f in %s/sums/*; do printf x >>$f; done", cache);
	parcel = parcel_new(cache);
	tree = add(parcel, NULL, 0);
	assert_int_equal(parcel_counts(parcel).read_bytes, 300004);
	parcel_free(parcel);
}

static void inputs_and_ignores_choose(void **state)
{
	(void)state;
	char text[1024], one[256], outside[] = "/etc/hostname", absent[256];
	const char *inputs[] = { one };
	snprintf(one, sizeof(one), "%s/a/one", workspace);
	snprintf(absent, sizeof(absent), "%s/absent", workspace);
	struct parcel *parcel = parcel_new(cache);
	struct digest tree = add(parcel, inputs, 1);
	describe(parcel, &tree, text, sizeof(text));
	assert_string_equal(text, "0 755 a 0\n1 755 a/one 4\n");
	temp_shell("printf 'b\\n/.paddockignore\\n' >%s/.paddockignore", workspace);
	tree = add(parcel, NULL, 0);
	describe(parcel, &tree, text, sizeof(text));
	assert_string_equal(text, "0 755 a 0\n2 0 a/link 0\n1 755 a/one 4\n");
	const char *wrong[] = { outside, absent };
	for (size_t i = 0; i < 2; i++) {
		const struct parcel_want want = { workspace, &wrong[i], 1 };
		struct err err = { 0 };
		assert_true(parcel_add(parcel, &want, &tree, &err) < 0);
		assert_non_null(strstr(err.text, wrong[i]));
	}
	parcel_free(parcel);
}

static void a_shipment_sends_what_is_missing(void **state)
{
	(void)state;
	struct parcel *parcel = parcel_new(cache);
	(void)add(parcel, NULL, 0);
	struct shipment *shipment = shipment_new(parcel);
	struct err err = { 0 };
	const void *message;
	assert_int_equal(shipment_next(shipment, 7, 1, &message, &err), MSG_HAVE);
	struct str ids = ((const struct msg_have *)message)->ids;
	assert_int_equal(tree_ids(ids), parcel_chunks(parcel));
	/* Everything but the first is there. */
	struct msg_missing missing = { .session = 7, .seq = 1, .ids = { ids.data, DIGEST_BYTES } };
	assert_int_equal(shipment_take(shipment, MSG_MISSING, &missing, &err), 0);
	assert_int_equal(shipment_next(shipment, 7, 2, &message, &err), MSG_PUT);
	const struct msg_put *put = message;
	assert_int_equal(put->n_chunks, 1);
	assert_memory_equal(put->chunks[0].id.data, parcel_id(parcel, 0), DIGEST_BYTES);
	assert_int_equal(shipment_take(shipment, MSG_RECEIPT, &(struct msg_receipt){ 7, 2 }, &err),
			 0);
	assert_int_equal(shipment_next(shipment, 7, 3, &message, &err), 0);
	assert_int_equal(shipment_counts(shipment).chunks, 1);
	/* Begun anew, in the middle, for a coordinator that was restarted: all is asked again. */
	shipment_begin(shipment);
	assert_int_equal(shipment_next(shipment, 8, 1, &message, &err), MSG_HAVE);
	shipment_begin(shipment);
	assert_int_equal(shipment_next(shipment, 9, 1, &message, &err), MSG_HAVE);
	assert_int_equal(((const struct msg_have *)message)->session, 9);
	assert_int_equal(tree_ids(((const struct msg_have *)message)->ids), parcel_chunks(parcel));
	missing = (struct msg_missing){ .session = 9, .seq = 1 };
	assert_int_equal(shipment_take(shipment, MSG_MISSING, &missing, &err), 0);
	assert_int_equal(shipment_next(shipment, 9, 2, &message, &err), 0);
	shipment_free(shipment);
	/* An answer with contents that were not asked for is a wrong one. */
	shipment = shipment_new(parcel);
	char other[DIGEST_BYTES] = "not in this parcel";
	missing.ids = (struct str){ other, sizeof(other) };
	assert_int_equal(shipment_next(shipment, 7, 1, &message, &err), MSG_HAVE);
	assert_int_equal(shipment_take(shipment, MSG_RECEIPT, &(struct msg_receipt){ 7, 2 }, &err),
			 -EPROTO);
	assert_int_equal(shipment_take(shipment, MSG_MISSING, &missing, &err), -EPROTO);
	shipment_free(shipment);
	parcel_free(parcel);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_folder_is_a_tree),
		TEST(what_is_known_is_not_read_again),
		TEST(inputs_and_ignores_choose),
		TEST(a_shipment_sends_what_is_missing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
