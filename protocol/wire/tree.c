// SPDX-License-Identifier: Apache-2.0
/*
 * tree.c - the manifest of a folder and its root, as data.
 *
 * One flat manifest instead of an object per folder: a run needs the whole tree, so what counts is
 * the number of round trips; and since the manifest is itself cut into chunks, a change sends one
 * or two of them.
 *
 * Invariants: entries are strictly ascending in tree_order, so none comes twice; a parent is the
 * entry before or one of its ancestors, so it exists and is a folder; sums never pass the root's.
 * Not for: the disk (worker/replica.c makes the tree, coordinator/serve/parcel.c reads one).
 */
#include "protocol/wire/tree.h"

#include "protocol/base/assert.h"
#include "protocol/wire/blob.h"
#include "protocol/wire/codec.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#define TREE_MAGIC "paddock tree 1"

enum {
	ENTRY_FIELDS = 5,
	ROOT_FIELDS = 5,
	MODE_MAX = 0777,
};

size_t tree_ids(struct str ids)
{
	ASSERT(ids.len % DIGEST_BYTES == 0);
	return ids.len / DIGEST_BYTES;
}

struct digest tree_id(struct str ids, size_t i)
{
	struct digest id;
	ASSERT(i < tree_ids(ids));
	memcpy(id.bytes, ids.data + i * DIGEST_BYTES, DIGEST_BYTES);
	return id;
}

int tree_order(struct str a, struct str b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	for (size_t i = 0; i < n; i++) {
		unsigned x = a.data[i] == '/' ? 0 : (unsigned char)a.data[i];
		unsigned y = b.data[i] == '/' ? 0 : (unsigned char)b.data[i];
		if (x != y)
			return x < y ? -1 : 1;
	}
	return a.len == b.len ? 0 : a.len < b.len ? -1 : 1;
}

/* ---- what may stand there ---- */

static bool is_name(struct str part)
{
	return part.len && part.len <= NAME_MAX && !str_eq(part, STR_LIT(".")) &&
	       !str_eq(part, STR_LIT("..")) && !memchr(part.data, '\0', part.len);
}

/* Names separated by single slashes, not too long and not too deep. */
static bool is_path(struct str path)
{
	struct str rest = path, part;
	size_t depth = 0;
	if (!path.len || path.len >= LIMIT_PATH_BYTES)
		return false;
	while (str_split(&rest, '/', &part))
		if (!is_name(part) || ++depth > LIMIT_TREE_DEPTH)
			return false;
	return true;
}

bool tree_link_stays(struct str path, struct str target)
{
	struct str rest = path, part;
	size_t depth = 0;
	if (target.len && target.data[0] == '/')
		return true;
	while (str_split(&rest, '/', &part))
		depth++;
	depth--; /* its folder */
	rest = target;
	while (str_split(&rest, '/', &part)) {
		if (str_eq(part, STR_LIT("..")) && depth-- == 0)
			return false;
		depth += part.len && !str_eq(part, STR_LIT("..")) && !str_eq(part, STR_LIT("."));
	}
	return true;
}

/* Is the parent of `path` the entry `last`, when that is a folder, or one it lies in? */
static bool has_parent(const struct tree_entry *last, struct str path)
{
	const char *slash = memrchr(path.data, '/', path.len);
	if (!slash)
		return true;
	struct str parent = { path.data, (size_t)(slash - path.data) };
	if (str_eq(last->path, parent))
		return last->kind == TREE_FOLDER;
	return str_starts(last->path, parent) && last->path.data[parent.len] == '/';
}

/* A file's ids agree with its size: all but the last chunk have at least the least size. */
static bool ids_fit(const struct tree_entry *entry)
{
	size_t n = entry->content.len / DIGEST_BYTES;
	if (entry->content.len % DIGEST_BYTES)
		return false;
	if (!n || !entry->bytes)
		return !n && !entry->bytes;
	return entry->bytes <= (uint64_t)n * BLOB_MOST_BYTES &&
	       entry->bytes > (uint64_t)(n - 1) * BLOB_LEAST_BYTES;
}

static bool content_fits(const struct tree_entry *entry)
{
	struct str content = entry->content;
	switch (entry->kind) {
	case TREE_FOLDER: return !entry->bytes && !content.len;
	case TREE_FILE: return ids_fit(entry);
	case TREE_LINK:
		return !entry->bytes && !entry->mode && content.len && content.len < PATH_MAX &&
		       !memchr(content.data, '\0', content.len);
	case TREE_KIND_MAX: break;
	}
	return false;
}

/* What is wrong with an entry behind `last`, or NULL. */
static const char *fault(const struct tree_entry *last, const struct tree_entry *entry)
{
	if (!is_path(entry->path))
		return "its path is empty, absolute, too long, too deep or not plain names";
	if (last->path.len && tree_order(last->path, entry->path) >= 0)
		return "it comes twice or out of order";
	if (!has_parent(last, entry->path))
		return "its folder is not one, or not there";
	if (!content_fits(entry))
		return "its content does not fit its kind or size";
	if (entry->kind == TREE_LINK && !tree_link_stays(entry->path, entry->content))
		return "it is a link that leaves the tree";
	return NULL;
}

/* ---- the manifest ---- */

int tree_put(struct buf *manifest, const struct tree_entry *entry)
{
	int r = codec_put_array(manifest, ENTRY_FIELDS);
	r = r ? r : codec_put_bin(manifest, entry->path);
	r = r ? r : codec_put_u64(manifest, entry->kind);
	r = r ? r : codec_put_u64(manifest, entry->mode);
	r = r ? r : codec_put_u64(manifest, entry->bytes);
	return r ? r : codec_put_bin(manifest, entry->content);
}

struct tree_reader tree_begin(struct str manifest)
{
	return (struct tree_reader){ .rest = manifest };
}

static int get_entry(struct codec_reader *in, struct tree_entry *entry)
{
	uint64_t kind = 0, mode = 0;
	size_t n = 0;
	int r = codec_get_array(in, &n);
	r = r ? r : n == ENTRY_FIELDS ? 0 : -EBADMSG;
	r = r ? r : codec_get_bin(in, &entry->path);
	r = r ? r : codec_get_u64(in, &kind);
	r = r ? r : codec_get_u64(in, &mode);
	r = r ? r : codec_get_u64(in, &entry->bytes);
	r = r ? r : codec_get_bin(in, &entry->content);
	if (r == 0 && (kind >= TREE_KIND_MAX || mode > MODE_MAX))
		r = -EBADMSG;
	entry->kind = (enum tree_kind)kind;
	entry->mode = (unsigned)mode;
	return r;
}

int tree_next(struct tree_reader *reader, struct tree_entry *ret_entry, struct err *err)
{
	struct codec_reader in = { reader->rest.data, reader->rest.len };
	struct tree_entry entry = { 0 };
	if (!in.left)
		return 0;
	int r = get_entry(&in, &entry);
	if (r < 0)
		return err_set(err, -EPROTO, "entry %" PRIu64 " of the tree cannot be read: %s",
			       reader->entries, codec_strerror(r));
	const char *wrong = fault(&reader->last, &entry);
	if (!wrong && reader->entries >= LIMIT_TREE_ENTRIES)
		wrong = "there are too many";
	if (!wrong && entry.bytes > UINT64_MAX - reader->file_bytes)
		wrong = "the sizes add up to more than there are numbers";
	if (wrong)
		return err_set(err, -EPROTO, "entry %" PRIu64 " of the tree, %.*s: %s",
			       reader->entries, (int)(entry.path.len < 200 ? entry.path.len : 200),
			       entry.path.data, wrong);
	reader->rest = (struct str){ in.at, in.left };
	reader->last = entry;
	reader->entries++;
	reader->file_bytes += entry.bytes;
	*ret_entry = entry;
	return 1;
}

/* ---- the root ---- */

int tree_root_put(struct buf *buf, const struct tree_root *root)
{
	int r = codec_put_array(buf, ROOT_FIELDS);
	r = r ? r : codec_put_bin(buf, STR_LIT(TREE_MAGIC));
	r = r ? r : codec_put_u64(buf, root->manifest_bytes);
	r = r ? r : codec_put_u64(buf, root->entries);
	r = r ? r : codec_put_u64(buf, root->file_bytes);
	return r ? r : codec_put_bin(buf, root->chunks);
}

int tree_root_get(struct str bytes, struct tree_root *ret_root, struct err *err)
{
	struct codec_reader in = { bytes.data, bytes.len };
	struct tree_root root = { 0 };
	struct str magic = { 0 };
	size_t n = 0;
	int r = codec_get_array(&in, &n);
	r = r ? r : n == ROOT_FIELDS ? 0 : -EBADMSG;
	r = r ? r : codec_get_bin(&in, &magic);
	r = r ? r : codec_get_u64(&in, &root.manifest_bytes);
	r = r ? r : codec_get_u64(&in, &root.entries);
	r = r ? r : codec_get_u64(&in, &root.file_bytes);
	r = r ? r : codec_get_bin(&in, &root.chunks);
	if (r < 0 || in.left || !str_eq(magic, STR_LIT(TREE_MAGIC)))
		return err_set(err, -EPROTO, "the root of the tree cannot be read");
	struct tree_entry whole = { .bytes = root.manifest_bytes, .content = root.chunks };
	if (root.manifest_bytes > LIMIT_TREE_BYTES || root.entries > LIMIT_TREE_ENTRIES ||
	    !ids_fit(&whole))
		return err_set(err, -EPROTO,
			       "the root of the tree has sizes that are too large or do not agree");
	*ret_root = root;
	return 0;
}
