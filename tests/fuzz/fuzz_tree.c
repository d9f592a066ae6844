// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_tree.c - any bytes as a manifest, as a root, and as a packed chunk. What is accepted means
 * one thing only: put again it gives the same bytes; and no path that is accepted leaves the tree.
 */
#include "protocol/base/assert.h"
#include "protocol/wire/blob.h"
#include "protocol/wire/tree.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_path(struct str path)
{
	struct str part;
	while (str_split(&path, '/', &part))
		ASSERT(part.len && !str_eq(part, STR_LIT("..")) && !str_eq(part, STR_LIT(".")));
}

static void read_manifest(struct str bytes)
{
	struct tree_reader reader = tree_begin(bytes);
	struct tree_entry entry;
	struct err err = { 0 };
	struct buf again;
	int r;
	buf_init(&again, bytes.len);
	while ((r = tree_next(&reader, &entry, &err)) > 0) {
		check_path(entry.path);
		ASSERT(tree_put(&again, &entry) == 0);
	}
	ASSERT(r == 0 || (r == -EPROTO && err.text[0]));
	ASSERT(memcmp(again.data ? again.data : "", bytes.data, again.len) == 0);
	ASSERT(r < 0 || again.len == bytes.len);
	buf_done(&again);
}

static void read_root(struct str bytes)
{
	struct tree_root root;
	struct buf again;
	if (tree_root_get(bytes, &root, NULL) < 0)
		return;
	buf_init(&again, bytes.len);
	ASSERT(tree_root_put(&again, &root) == 0 && str_eq(buf_str(&again), bytes));
	buf_done(&again);
}

static void unpack(struct str bytes)
{
	static struct buf raw;
	if (bytes.len < 3)
		return;
	size_t want = (size_t)(unsigned char)bytes.data[0] |
		      (size_t)(unsigned char)bytes.data[1] << 8 |
		      (size_t)(unsigned char)bytes.data[2] << 16;
	struct str packed = { bytes.data + 3, bytes.len - 3 };
	raw.cap_bytes = BLOB_MOST_BYTES;
	int r = blob_unpack(packed, want, &raw);
	ASSERT(r == 0 ? raw.len == want : r == -EBADMSG && !raw.len);
	if (r == 0 && want) {
		ASSERT(blob_cut(buf_str(&raw), true) <= want);
		ASSERT(blob_cut(buf_str(&raw), true) > 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str bytes = { (const char *)data, size };
	read_manifest(bytes);
	read_root(bytes);
	unpack(bytes);
	return 0;
}
