// SPDX-License-Identifier: Apache-2.0
/*
 * replica.c - makes a tree from its digest.
 *
 *	ROOT -> MANIFEST -> VERIFY -> (ready)
 *	            '-> SCAN -> BUILD -> VERIFY
 *
 * ROOT, MANIFEST: the root and the manifest come from the chunk store, or are waited for. VERIFY: a
 * tree that is there is compared with the manifest, entry by entry: kind, mode, size, time. All of
 * a replica has one modification time, so anything written or made in it since shows. SCAN: every
 * entry is read and checked before anything is made, and the chunks of files that the pool lacks
 * are asked for. BUILD: folders, links, and hard links to pool files, assembled when they are not
 * there; then one rename makes the tree visible.
 *
 * A chunk that is damaged or evicted between SCAN and BUILD leads back to SCAN, some times.
 *
 * Invariants: a tree under its final name is whole; nothing outside FOLDER is ever opened by a
 * path of a manifest: all is made relative to folders that were made here, without following links.
 */
#include "worker/replica.h"

#include "protocol/base/assert.h"
#include "protocol/base/buf.h"
#include "protocol/base/clock.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"
#include "protocol/wire/blob.h"
#include "protocol/wire/tree.h"
#include "worker/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	STEP_ENTRIES = 512,
	STEP_BYTES = 2 << 20, /* of contents, in one step */
	SCANS_MAX = 4,
	FOLDER_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
};

enum phase { ROOT, MANIFEST, VERIFY, SCAN, BUILD, READY };

/* A folder that is being filled. */
struct level {
	int fd;
	struct str path; /* in the tree; "" for its top */
	unsigned mode;
};

struct replica {
	struct replica_home *home;
	struct digest tree;
	enum phase phase;
	struct buf encoded; /* the root, and what it says */
	struct tree_root root;
	struct buf manifest;
	size_t manifest_chunks; /* that are in manifest */
	struct tree_reader reader;
	bool pending; /* entry was read and is not done */
	struct tree_entry entry;
	struct buf missing;
	unsigned scans;
	size_t scanned; /* chunks of the pending file */
	struct level levels[LIMIT_TREE_DEPTH + 1];
	size_t depth; /* levels in use */
	char name[POOL_NAME_BYTES], tmp[POOL_NAME_BYTES];
	struct pool_file file; /* being assembled */
	struct buf raw;
	int top_fd; /* of the tree, locked; -1 before it is ready */
	char path[PATH_MAX];
};

struct replica *replica_new(struct replica_home *home, const struct digest *tree)
{
	struct replica *replica = calloc(1, sizeof(*replica));
	if (!replica)
		return NULL;
	replica->home = home;
	replica->tree = *tree;
	replica->top_fd = -1;
	replica->file.fd = -1;
	buf_init(&replica->encoded, BLOB_MOST_BYTES);
	buf_init(&replica->manifest, LIMIT_TREE_BYTES);
	buf_init(&replica->missing, LIMIT_CHUNKS * DIGEST_BYTES);
	buf_init(&replica->raw, BLOB_MOST_BYTES);
	return replica;
}

/* Give up what is half-made; sweeping removes it. */
static void abandon(struct replica *replica)
{
	while (replica->depth)
		fd_close(&replica->levels[--replica->depth].fd);
	pool_drop(replica->home, &replica->file);
	if (replica->tmp[0])
		replica_home_soil(replica->home);
	replica->tmp[0] = '\0';
}

void replica_free(struct replica *replica)
{
	if (!replica)
		return;
	abandon(replica);
	fd_close(&replica->top_fd);
	buf_done(&replica->encoded);
	buf_done(&replica->manifest);
	buf_done(&replica->missing);
	buf_done(&replica->raw);
	free(replica);
}

/* ---- root and manifest ---- */

/* Ask for a content, once. 0, or -ENOBUFS when no more can be asked for now. */
static int want(struct replica *replica, const struct digest *id)
{
	struct str asked = buf_str(&replica->missing);
	for (size_t i = 0; i < tree_ids(asked); i++)
		if (memcmp(asked.data + i * DIGEST_BYTES, id->bytes, DIGEST_BYTES) == 0)
			return 0;
	return buf_append(&replica->missing, id->bytes, DIGEST_BYTES);
}

/* One content into replica->raw. 0, REPLICA_WAITS when it is missing, -errno with err. */
static int load(struct replica *replica, const struct digest *id, struct err *err)
{
	int r = cas_get(replica_home_cas(replica->home), id, NULL, &replica->raw);
	if (r == -ENOENT) {
		r = want(replica, id);
		return r < 0 ? err_errno(err, r, "asking for a content") : REPLICA_WAITS;
	}
	return r < 0 ? err_errno(err, r, "reading the cache of contents") : 0;
}

static int step_root(struct replica *replica, struct err *err)
{
	int r = load(replica, &replica->tree, err);
	if (r != 0)
		return r;
	buf_clear(&replica->encoded);
	r = buf_put_str(&replica->encoded, buf_str(&replica->raw));
	r = r ? r : tree_root_get(buf_str(&replica->encoded), &replica->root, err);
	if (r < 0)
		return r;
	uint64_t quota = pool_quota(replica->home);
	if (replica->root.file_bytes > quota)
		return err_set(err, -EFBIG,
			       "the run's files are %" PRIu64
			       " MiB, this worker's cache holds %" PRIu64
			       " MiB: give it a larger --cache-quota",
			       replica->root.file_bytes >> 20, quota >> 20);
	pool_tree_name(&replica->tree, replica->root.file_bytes, replica->name);
	replica->phase = MANIFEST;
	return REPLICA_WORKS;
}

static void begin(struct replica *replica, enum phase phase)
{
	replica->reader = tree_begin(buf_str(&replica->manifest));
	replica->pending = false;
	replica->scanned = 0;
	replica->phase = phase;
}

/* Open and lock the tree if it is there. */
static bool find_tree(struct replica *replica)
{
	int fd = pool_hold_tree(replica->home, replica->name);
	if (fd < 0)
		return false;
	fd_close(&replica->top_fd);
	replica->top_fd = fd;
	return true;
}

static int step_manifest(struct replica *replica, struct err *err)
{
	struct str ids = replica->root.chunks;
	struct cas *cas = replica_home_cas(replica->home);
	size_t bytes = 0;
	while (replica->manifest_chunks < tree_ids(ids) && bytes < STEP_BYTES) {
		struct digest id = tree_id(ids, replica->manifest_chunks);
		int r = load(replica, &id, err);
		if (r == REPLICA_WAITS) { /* and for all others that are missing */
			for (size_t i = replica->manifest_chunks + 1; i < tree_ids(ids); i++) {
				id = tree_id(ids, i);
				if (!cas_has(cas, &id) && want(replica, &id) < 0)
					break;
			}
			return r;
		}
		r = r ? r : buf_put_str(&replica->manifest, buf_str(&replica->raw));
		if (r < 0)
			return err && err->text[0] ? r : err_errno(err, r, "reading the tree");
		bytes += replica->raw.len;
		replica->manifest_chunks++;
	}
	if (replica->manifest_chunks < tree_ids(ids))
		return REPLICA_WORKS;
	if (replica->manifest.len != replica->root.manifest_bytes)
		return err_set(err, -EPROTO, "the tree's manifest is not as long as its root says");
	begin(replica, find_tree(replica) ? VERIFY : SCAN);
	return REPLICA_WORKS;
}

/* The next entry into replica->entry, unless one is pending. 1, 0 at the end, -errno with err. */
static int next_entry(struct replica *replica, struct err *err)
{
	int r = replica->pending ? 1 : tree_next(&replica->reader, &replica->entry, err);
	replica->pending = r > 0;
	return r;
}

/* ---- verify ---- */

static bool is_intact(const struct replica *replica, const struct tree_entry *entry)
{
	char path[LIMIT_PATH_BYTES], target[PATH_MAX];
	struct stat st;
	memcpy(path, entry->path.data, entry->path.len);
	path[entry->path.len] = '\0';
	if (fstatat(replica->top_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	if (entry->kind == TREE_LINK) {
		ssize_t n = readlinkat(replica->top_fd, path, target, sizeof(target));
		return n >= 0 && str_eq((struct str){ target, (size_t)n }, entry->content);
	}
	return pool_is_intact(&st, entry->kind == TREE_FOLDER ? S_IFDIR : S_IFREG, entry->mode,
			      entry->bytes);
}

/* Make the damaged tree anew, from what of its files is good. */
static int make_anew(struct replica *replica)
{
	LOG_WARN("tree_damaged", "tree=%.16s; it is made anew", replica->name);
	pool_discard(replica->home, replica->name);
	fd_close(&replica->top_fd);
	begin(replica, SCAN);
	return REPLICA_WORKS;
}

static int become_ready(struct replica *replica)
{
	pool_used(replica->top_fd);
	pool_tree_path(replica->home, replica->name, replica->path);
	replica_home_soil(replica->home);
	replica->phase = READY;
	return REPLICA_READY;
}

static int step_verify(struct replica *replica, struct err *err)
{
	struct stat st;
	if (!replica->reader.entries &&
	    (fstat(replica->top_fd, &st) < 0 || !pool_is_intact(&st, S_IFDIR, 0755, 0)))
		return make_anew(replica);
	for (int i = 0; i < STEP_ENTRIES; i++) {
		int r = next_entry(replica, err);
		if (r <= 0)
			return r < 0 ? r : become_ready(replica);
		if (!is_intact(replica, &replica->entry))
			return make_anew(replica);
		replica->pending = false;
	}
	return REPLICA_WORKS;
}

/* ---- scan ---- */

/*
 * Is the chunk in the store? The first scan believes its name. Later ones read it, so that all that
 * is damaged is found at once.
 */
static bool has_chunk(struct replica *replica, const struct digest *id, size_t *bytes)
{
	struct cas *cas = replica_home_cas(replica->home);
	if (replica->scans == 1)
		return cas_has(cas, id);
	bool has = cas_get(cas, id, NULL, &replica->raw) == 0;
	*bytes += replica->raw.len;
	return has;
}

/* Ask for the chunks of the pending file that the pool and the store lack. 1 when done with it, 0
 * after STEP_BYTES, -ENOBUFS when no more can be asked for now. */
static int scan_file(struct replica *replica, size_t *bytes)
{
	const struct tree_entry *entry = &replica->entry;
	if (entry->kind != TREE_FILE || (!replica->scanned && pool_has(replica->home, entry)))
		return 1;
	for (; replica->scanned < tree_ids(entry->content); replica->scanned++) {
		struct digest id = tree_id(entry->content, replica->scanned);
		if (*bytes >= STEP_BYTES)
			return 0;
		if (!has_chunk(replica, &id, bytes) && want(replica, &id) < 0)
			return -ENOBUFS;
	}
	replica->scanned = 0;
	return 1;
}

static int end_scan(struct replica *replica, struct err *err)
{
	const struct tree_reader *reader = &replica->reader;
	if (reader->entries != replica->root.entries ||
	    reader->file_bytes != replica->root.file_bytes)
		return err_set(err, -EPROTO, "the tree's manifest does not add up to its root");
	if (replica->missing.len)
		return REPLICA_WAITS;
	FD_CLEANUP int fd = pool_tmp_tree(replica->home, replica->tmp);
	if (fd < 0)
		return err_errno(err, fd, "making a tree in this worker's cache");
	replica->levels[0] = (struct level){ .fd = fd_take(&fd), .mode = 0755 };
	replica->depth = 1;
	begin(replica, BUILD);
	return REPLICA_WORKS;
}

static int step_scan(struct replica *replica, struct err *err)
{
	size_t bytes = 0;
	if (!replica->reader.entries && ++replica->scans > SCANS_MAX)
		return err_set(
			err, -EIO,
			"contents of the run's files are damaged or gone again and again: is "
			"this worker's cache too small, or its disk bad?");
	for (int i = 0; i < STEP_ENTRIES && bytes < STEP_BYTES; i++) {
		int r = next_entry(replica, err);
		if (r <= 0)
			return r < 0 ? r : end_scan(replica, err);
		r = scan_file(replica, &bytes);
		if (r < 0)
			return REPLICA_WAITS;
		replica->pending = r == 0;
	}
	/* What was found is asked for at once: the next step forgets it. */
	return replica->missing.len ? REPLICA_WAITS : REPLICA_WORKS;
}

/* ---- build ---- */

/* The folder is full: from now on any change of it shows. */
static int close_level(struct replica *replica)
{
	struct level *level = &replica->levels[--replica->depth];
	int r = pool_seal(level->fd, level->mode);
	fd_close(&level->fd);
	return r;
}

static bool lies_in(struct str path, struct str folder)
{
	return !folder.len || (str_starts(path, folder) && path.data[folder.len] == '/');
}

static int make_folder(struct replica *replica, int at, const char *name)
{
	const struct tree_entry *entry = &replica->entry;
	if (mkdirat(at, name, 0700) < 0)
		return -errno;
	int fd = openat(at, name, FOLDER_FLAGS);
	if (fd < 0)
		return -errno;
	ASSERT(replica->depth <= LIMIT_TREE_DEPTH);
	replica->levels[replica->depth++] = (struct level){ fd, entry->path, entry->mode };
	return 0;
}

/* Assemble the file for the pool, a chunk per call. 1 when it is there, 0 when not yet, -ENOENT
 * when a chunk is missing, -errno. */
static int assemble(struct replica *replica)
{
	struct str ids = replica->entry.content;
	int r = 0;
	if (replica->file.fd < 0)
		r = pool_begin(replica->home, &replica->file);
	if (r == 0 && replica->file.chunks < tree_ids(ids)) {
		struct digest id = tree_id(ids, replica->file.chunks++);
		r = cas_get(replica_home_cas(replica->home), &id, NULL, &replica->raw);
		return r < 0 ? r
			     : fd_write_all(replica->file.fd, replica->raw.data, replica->raw.len);
	}
	r = r ? r : pool_keep(replica->home, &replica->file, &replica->entry);
	return r < 0 ? r : 1;
}

/* Make the pending entry, or go on making it. 1 when done, 0 when not yet, -errno as assemble. */
static int make_entry(struct replica *replica)
{
	const struct tree_entry *entry = &replica->entry;
	char name[NAME_MAX + 1], target[PATH_MAX];
	const char *slash = memrchr(entry->path.data, '/', entry->path.len);
	size_t from = slash ? (size_t)(slash + 1 - entry->path.data) : 0;
	int r = 0;
	memcpy(name, entry->path.data + from, entry->path.len - from);
	name[entry->path.len - from] = '\0';
	while (r == 0 && !lies_in(entry->path, replica->levels[replica->depth - 1].path))
		r = close_level(replica);
	if (r < 0)
		return r;
	int at = replica->levels[replica->depth - 1].fd;
	switch (entry->kind) {
	case TREE_FOLDER: r = make_folder(replica, at, name); break;
	case TREE_LINK:
		memcpy(target, entry->content.data, entry->content.len);
		target[entry->content.len] = '\0';
		r = symlinkat(target, at, name) < 0 ? -errno : 0;
		break;
	case TREE_FILE:
		r = replica->file.fd < 0 ? pool_link(replica->home, entry, at, name) : -ENOENT;
		if (r == -ENOENT) {
			r = assemble(replica);
			return r < 0 ? r : 0;
		}
		break;
	case TREE_KIND_MAX: r = -EINVAL; break;
	}
	return r < 0 ? r : 1;
}

static int end_build(struct replica *replica, struct err *err)
{
	int r = 0;
	while (r == 0 && replica->depth > 1)
		r = close_level(replica);
	/* Its lock outlives the level: sweepers remove what has no name of its own and nobody
	 * holds. */
	FD_CLEANUP int lock = fcntl(replica->levels[0].fd, F_DUPFD_CLOEXEC, 0);
	r = r == 0 && lock < 0 ? -errno : r;
	r = r ? r : close_level(replica);
	if (r == 0)
		r = pool_publish(replica->home, replica->tmp, replica->name);
	if (r < 0)
		return err_errno(err, r, "making a tree in this worker's cache");
	replica->tmp[0] = '\0';
	if (r == 0 && find_tree(replica))
		return become_ready(replica);
	/* Another worker's, which we have not seen made; or evicted at once. */
	begin(replica, r > 0 && find_tree(replica) ? VERIFY : SCAN);
	return REPLICA_WORKS;
}

static int step_build(struct replica *replica, struct err *err)
{
	size_t bytes = 0;
	for (int i = 0; i < STEP_ENTRIES && bytes < STEP_BYTES; i++) {
		int r = next_entry(replica, err);
		if (r <= 0)
			return r < 0 ? r : end_build(replica, err);
		replica->raw.len = 0;
		r = make_entry(replica);
		bytes += replica->raw.len;
		if (r == -ENOENT) { /* a chunk is gone since the scan */
			abandon(replica);
			begin(replica, SCAN);
			return REPLICA_WORKS;
		}
		if (r < 0)
			return err_errno(err, r, "making %.*s in this worker's cache",
					 (int)(replica->entry.path.len < 200
						       ? replica->entry.path.len
						       : 200),
					 replica->entry.path.data);
		replica->pending = r == 0;
	}
	return REPLICA_WORKS;
}

int replica_step(struct replica *replica, struct err *err)
{
	struct err own = { 0 };
	err = err ? err : &own;
	buf_clear(&replica->missing);
	switch (replica->phase) {
	case ROOT: return step_root(replica, err);
	case MANIFEST: return step_manifest(replica, err);
	case VERIFY: return step_verify(replica, err);
	case SCAN: return step_scan(replica, err);
	case BUILD: return step_build(replica, err);
	case READY: break;
	}
	return REPLICA_READY;
}

struct str replica_missing(const struct replica *replica)
{
	return buf_str(&replica->missing);
}

const char *replica_path(const struct replica *replica)
{
	ASSERT(replica->phase == READY);
	return replica->path;
}

int replica_open(const struct replica *replica, const char *path)
{
	struct open_how how = { .flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC,
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
	ASSERT(replica->phase == READY);
	int fd = (int)syscall(SYS_openat2, replica->top_fd, path, &how, sizeof(how));
	return fd < 0 ? -errno : fd;
}
