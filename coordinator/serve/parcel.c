// SPDX-License-Identifier: Apache-2.0
/*
 * parcel.c - walks workspaces and cuts what is in them into chunks.
 *
 * Links are sent as links and never followed. Modes are kept but for set-id bits, and the owner may
 * always read (and enter), since whoever makes the tree has to. Times and owners are not sent: two
 * checkouts of one commit are one tree.
 *
 * Invariants: a chunk is listed once, whoever has it; a source names a file and a place in it, or
 * bytes in memory (manifests). What is read to be sent is checked against the digest it was listed
 * under, so a file that changes meanwhile ends the run with a sentence.
 */
#include "coordinator/serve/parcel.h"

#include "coordinator/serve/ignore.h"
#include "coordinator/serve/sums.h"
#include "protocol/base/arena.h"
#include "protocol/base/assert.h"
#include "protocol/base/fd.h"
#include "protocol/base/map.h"
#include "protocol/base/vec.h"
#include "protocol/wire/blob.h"
#include "protocol/wire/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	WINDOW_BYTES = 2 << 20, /* of a file in memory at a time */
	IGNORE_BYTES_MAX = 1 << 20,
	CUT_BYTES = DIGEST_BYTES + 4, /* a chunk in sums.h: its id and length */
	FOLDER_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
};

struct source {
	struct digest id;
	const char *file; /* absolute; NULL: bytes are in memory */
	const char *bytes;
	uint64_t offset;
	uint32_t length;
};

/* A tree that was added, so that programs of one suite share it. */
struct added {
	const struct parcel_want *want; /* in the arena */
	struct digest tree;
};

struct parcel {
	const char *cache;
	struct arena arena;
	struct map known; /* digest -> place in sources */
	struct {
		struct source *items;
		size_t len, cap;
	} sources;
	struct {
		struct added *items;
		size_t len, cap;
	} added;
	char *window;
	const char *open_file; /* what fd is, so that a file is opened once for all its chunks */
	int fd;
	struct parcel_counts counts;
};

/* One walk. */
struct survey {
	struct parcel *parcel;
	const struct parcel_want *want;
	struct ignore ignore;
	struct buf ignore_text;
	struct sums *sums;
	struct buf manifest;
	struct buf ids, cuts; /* of the file at hand: ids; ids and lengths */
	uint64_t entries, file_bytes;
	char path[PATH_MAX]; /* absolute; from the workspace on behind top */
	size_t top;
	struct err *err;
};

struct parcel *parcel_new(const char *cache)
{
	struct parcel *parcel = calloc(1, sizeof(*parcel));
	if (!parcel)
		return NULL;
	parcel->cache = cache;
	parcel->fd = -1;
	parcel->window = malloc(WINDOW_BYTES);
	if (!parcel->window) {
		free(parcel);
		return NULL;
	}
	return parcel;
}

void parcel_free(struct parcel *parcel)
{
	if (!parcel)
		return;
	fd_close(&parcel->fd);
	map_done(&parcel->known);
	VEC_DONE(&parcel->sources);
	VEC_DONE(&parcel->added);
	arena_done(&parcel->arena);
	free(parcel->window);
	free(parcel);
}

static int no_memory(struct err *err)
{
	return err_set(err, -ENOMEM, "out of memory while reading the inputs");
}

/* ---- chunks ---- */

static int add_source(struct parcel *parcel, const struct source *source)
{
	struct str key = { (const char *)source->id.bytes, DIGEST_BYTES };
	if (map_get(&parcel->known, key, NULL))
		return 0;
	if (map_put(&parcel->known, key, parcel->sources.len) < 0)
		return -ENOMEM;
	return VEC_PUSH(&parcel->sources, *source);
}

/*
 * Cut what fd holds, of `size` bytes, into chunks, and keep ids and lengths. `file` is where it is
 * found again. 0, -EAGAIN when it has another size, -errno.
 */
static int cut_file(struct survey *survey, int fd, const char *file, uint64_t size)
{
	struct parcel *parcel = survey->parcel;
	uint64_t offset = 0, end = 0; /* of the window in the file */
	size_t at = 0, len = 0;	      /* what is left in the window */
	int r = 0;
	while (r == 0 && offset < size) {
		while (end < size && len < BLOB_MOST_BYTES) {
			memmove(parcel->window, parcel->window + at, len);
			at = 0;
			ssize_t n = pread(fd, parcel->window + len, WINDOW_BYTES - len, (off_t)end);
			if (n < 0 && errno == EINTR)
				continue;
			if (n <= 0)
				return n < 0 ? -errno : -EAGAIN;
			end += (uint64_t)n;
			len += (size_t)n;
		}
		if (end > size)
			return -EAGAIN;
		size_t take = blob_cut((struct str){ parcel->window + at, len }, end == size);
		struct source source = { .file = file, .offset = offset, .length = (uint32_t)take };
		digest_bytes((struct str){ parcel->window + at, take }, &source.id);
		r = add_source(parcel, &source);
		r = r ? r : buf_append(&survey->ids, source.id.bytes, DIGEST_BYTES);
		r = r ? r : buf_append(&survey->cuts, source.id.bytes, DIGEST_BYTES);
		r = r ? r : buf_append(&survey->cuts, &source.length, sizeof(source.length));
		offset += take;
		at += take;
		len -= take;
	}
	parcel->counts.read_bytes += size;
	return r;
}

/* As cut_file for bytes in memory, which must last as long as the parcel. */
static int cut_bytes(struct parcel *parcel, struct str bytes, struct buf *ids)
{
	int r = 0;
	while (r == 0 && bytes.len) {
		size_t take = blob_cut(bytes, true);
		struct source source = { .bytes = bytes.data, .length = (uint32_t)take };
		digest_bytes((struct str){ bytes.data, take }, &source.id);
		r = add_source(parcel, &source);
		r = r ? r : buf_append(ids, source.id.bytes, DIGEST_BYTES);
		bytes.data += take;
		bytes.len -= take;
	}
	return r;
}

/* The chunks of a file that sums.h knows. -EBADMSG when what it knows is not a row of chunks. */
static int add_known(struct parcel *parcel, const char *file, uint64_t size, struct str known,
		     struct buf *ids)
{
	struct source source = { .file = file };
	int r = known.len % CUT_BYTES ? -EBADMSG : 0;
	for (size_t at = 0; r == 0 && at < known.len; at += CUT_BYTES) {
		memcpy(source.id.bytes, known.data + at, DIGEST_BYTES);
		memcpy(&source.length, known.data + at + DIGEST_BYTES, sizeof(source.length));
		r = source.length && source.length <= BLOB_MOST_BYTES &&
				    source.length <= size - source.offset
			    ? buf_append(ids, source.id.bytes, DIGEST_BYTES)
			    : -EBADMSG;
		r = r ? r : add_source(parcel, &source);
		source.offset += source.length;
	}
	return r ? r : source.offset == size ? 0 : -EBADMSG;
}

/* ---- entries ---- */

static struct str relative(const struct survey *survey)
{
	return str_of(survey->path + survey->top);
}

static int put_entry(struct survey *survey, const struct tree_entry *entry)
{
	survey->entries++;
	survey->file_bytes += entry->bytes;
	if (survey->entries > LIMIT_TREE_ENTRIES || tree_put(&survey->manifest, entry) == -ENOBUFS)
		return err_set(survey->err, -E2BIG,
			       "%s has more files than can be sent with a run (%d): name inputs in "
			       "paddock.yaml, or write what not to send into its .paddockignore",
			       survey->want->workspace, LIMIT_TREE_ENTRIES);
	return 0;
}

static int failed(struct survey *survey, int code, const char *what)
{
	return err_errno(survey->err, code, "%s %s, which the run is to be given", what,
			 survey->path);
}

/* The ids of a file, from what is kept or from its bytes. */
static int sum_file(struct survey *survey, int fd, const struct stat *st)
{
	struct parcel *parcel = survey->parcel;
	struct stat after;
	struct str known = sums_find(survey->sums, relative(survey), st);
	const char *file = arena_copy(&parcel->arena, str_of(survey->path));
	if (!file)
		return -ENOMEM;
	buf_clear(&survey->ids);
	buf_clear(&survey->cuts);
	if (known.data && add_known(parcel, file, (uint64_t)st->st_size, known, &survey->ids) == 0)
		return buf_put_str(&survey->cuts, known);
	buf_clear(&survey->ids);
	int r = cut_file(survey, fd, file, (uint64_t)st->st_size);
	if (r < 0)
		return r;
	if (fstat(fd, &after) < 0)
		return -errno;
	return after.st_size == st->st_size && after.st_mtim.tv_sec == st->st_mtim.tv_sec &&
			       after.st_mtim.tv_nsec == st->st_mtim.tv_nsec
		       ? 0
		       : -EAGAIN;
}

static int take_file(struct survey *survey, int at, const char *name)
{
	struct stat st;
	FD_CLEANUP int fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return failed(survey, -errno, "cannot read");
	int r = sum_file(survey, fd, &st);
	if (r == -EAGAIN)
		return err_set(survey->err, r,
			       "%s changes while it is read: is it still being built?",
			       survey->path);
	if (r < 0)
		return failed(survey, r, "cannot read");
	sums_keep(survey->sums, relative(survey), &st, buf_str(&survey->cuts));
	survey->parcel->counts.files++;
	survey->parcel->counts.bytes += (uint64_t)st.st_size;
	return put_entry(survey, &(struct tree_entry){ .path = relative(survey),
						       .kind = TREE_FILE,
						       .mode = (st.st_mode & 0777) | 0400,
						       .bytes = (uint64_t)st.st_size,
						       .content = buf_str(&survey->ids) });
}

static int take_link(struct survey *survey, int at, const char *name)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(at, name, target, sizeof(target));
	if (n < 0)
		return failed(survey, -errno, "cannot read the link");
	struct tree_entry entry = { .path = relative(survey),
				    .kind = TREE_LINK,
				    .content = { target, (size_t)n } };
	if (n == 0 || (size_t)n >= sizeof(target) || !tree_link_stays(entry.path, entry.content)) {
		survey->parcel->counts.left_out++;
		return 0;
	}
	return put_entry(survey, &entry);
}

/* ---- the walk ---- */

/* Is `path` the folder or file `top`, or below it? */
static bool is_below(const char *path, const char *top)
{
	size_t n = strlen(top);
	return strncmp(path, top, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

/* Is the entry at survey->path wanted: itself, or as a folder on the way to what is? */
static bool is_wanted(const struct survey *survey, bool folder)
{
	const struct parcel_want *want = survey->want;
	if (!want->n_inputs) {
		struct str path = relative(survey);
		return !str_eq(path, STR_LIT(".git")) && !str_ends(path, STR_LIT("/.git")) &&
		       !ignore_has(&survey->ignore, path, folder);
	}
	for (size_t i = 0; i < want->n_inputs; i++)
		if (is_below(survey->path, want->inputs[i]) ||
		    (folder && is_below(want->inputs[i], survey->path)))
			return true;
	return false;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct names {
	char **items;
	size_t len, cap;
};

static void names_done(struct names *names)
{
	for (size_t i = 0; i < names->len; i++)
		free(names->items[i]);
	free(names->items);
}

static int read_names(int at, struct names *names)
{
	int copy = openat(at, ".", FOLDER_FLAGS), r = 0;
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	if (!dir) {
		r = -errno;
		fd_close(&copy);
		return r;
	}
	for (struct dirent *entry; r == 0 && (entry = readdir(dir));) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		char *name = str_dup(str_of(entry->d_name));
		r = name ? VEC_PUSH(names, name) : -ENOMEM;
	}
	closedir(dir);
	if (names->len)
		qsort(names->items, names->len, sizeof(*names->items), by_name);
	return r;
}

static int walk(struct survey *survey, int at, unsigned depth);

static int take_folder(struct survey *survey, int at, const char *name, const struct stat *st,
		       unsigned depth)
{
	int r = put_entry(survey, &(struct tree_entry){ .path = relative(survey),
							.kind = TREE_FOLDER,
							.mode = (st->st_mode & 0777) | 0700 });
	if (r < 0)
		return r;
	FD_CLEANUP int fd = openat(at, name, FOLDER_FLAGS);
	if (fd < 0)
		return failed(survey, -errno, "cannot read the folder");
	if (depth >= LIMIT_TREE_DEPTH)
		return err_set(survey->err, -ELOOP,
			       "%s is too deep to be sent with a run (%d folders)", survey->path,
			       LIMIT_TREE_DEPTH);
	return walk(survey, fd, depth + 1);
}

/* One entry of the folder `at`, called survey->path. */
static int take(struct survey *survey, int at, const char *name, unsigned depth)
{
	struct stat st;
	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return failed(survey, -errno, "cannot look at");
	if (!is_wanted(survey, S_ISDIR(st.st_mode)))
		return 0;
	if (S_ISDIR(st.st_mode))
		return take_folder(survey, at, name, &st, depth);
	if (S_ISREG(st.st_mode))
		return take_file(survey, at, name);
	if (S_ISLNK(st.st_mode))
		return take_link(survey, at, name);
	survey->parcel->counts.left_out++;
	return 0;
}

static int walk(struct survey *survey, int at, unsigned depth)
{
	struct names names = { 0 };
	size_t end = strlen(survey->path);
	int r = read_names(at, &names);
	if (r < 0)
		r = failed(survey, r, "cannot read the folder");
	for (size_t i = 0; r == 0 && i < names.len; i++) {
		size_t len = strlen(names.items[i]);
		if (end + 1 + len >= sizeof(survey->path)) {
			r = failed(survey, -ENAMETOOLONG, "cannot enter");
			break;
		}
		survey->path[end] = '/';
		memcpy(survey->path + end + 1, names.items[i], len + 1);
		r = take(survey, at, names.items[i], depth);
	}
	survey->path[end] = '\0';
	names_done(&names);
	return r;
}

/* ---- trees ---- */

static int check_inputs(const struct parcel_want *want, struct err *err)
{
	struct stat st;
	for (size_t i = 0; i < want->n_inputs; i++) {
		if (!is_below(want->inputs[i], want->workspace))
			return err_set(err, -EINVAL,
				       "the input %s is not in the workspace %s, which is what can "
				       "be sent: name a workspace that holds both",
				       want->inputs[i], want->workspace);
		if (lstat(want->inputs[i], &st) < 0)
			return err_errno(err, -errno, "the input %s", want->inputs[i]);
	}
	return 0;
}

static int read_ignore(struct survey *survey)
{
	char path[PATH_MAX + 32];
	snprintf(path, sizeof(path), "%s/.paddockignore", survey->want->workspace);
	int r = fd_read_file(path, IGNORE_BYTES_MAX, &survey->ignore_text);
	if (r == -ENOENT)
		return 0;
	r = r < 0 ? r : ignore_add(&survey->ignore, buf_str(&survey->ignore_text));
	return r < 0 ? err_errno(survey->err, r, "cannot read %s", path) : 0;
}

/* What the walk is called in the cache. */
static int walk_key(const struct parcel_want *want, struct buf *key)
{
	buf_init(key, 16 << 20);
	int r = buf_append(key, want->workspace, strlen(want->workspace) + 1);
	for (size_t i = 0; r == 0 && i < want->n_inputs; i++)
		r = buf_append(key, want->inputs[i], strlen(want->inputs[i]) + 1);
	return r;
}

/* Manifest and root as chunks; the root's digest is the tree's. */
static int close_tree(struct survey *survey, struct digest *ret_tree)
{
	struct parcel *parcel = survey->parcel;
	struct tree_root root = { .manifest_bytes = survey->manifest.len,
				  .entries = survey->entries,
				  .file_bytes = survey->file_bytes };
	struct buf encoded;
	buf_init(&encoded, BLOB_MOST_BYTES);
	buf_clear(&survey->ids);
	const char *manifest = arena_copy(&parcel->arena, buf_str(&survey->manifest));
	int r = manifest ? cut_bytes(parcel, (struct str){ manifest, survey->manifest.len },
				     &survey->ids)
			 : -ENOMEM;
	root.chunks = buf_str(&survey->ids);
	r = r ? r : tree_root_put(&encoded, &root);
	const char *copy = r == 0 ? arena_copy(&parcel->arena, buf_str(&encoded)) : NULL;
	struct source source = { .bytes = copy, .length = (uint32_t)encoded.len };
	digest_bytes((struct str){ copy, encoded.len }, &source.id);
	r = r ? r : copy ? add_source(parcel, &source) : -ENOMEM;
	buf_done(&encoded);
	*ret_tree = source.id;
	return r < 0 ? no_memory(survey->err) : 0;
}

static int make_tree(struct survey *survey, struct digest *ret_tree)
{
	const struct parcel_want *want = survey->want;
	struct buf key;
	FD_CLEANUP int top = open(want->workspace, FOLDER_FLAGS);
	if (top < 0)
		return err_errno(survey->err, -errno, "cannot read the workspace %s",
				 want->workspace);
	int r = walk_key(want, &key);
	survey->sums = r == 0 ? sums_open(survey->parcel->cache, buf_str(&key)) : NULL;
	buf_done(&key);
	if (!survey->sums)
		return no_memory(survey->err);
	r = read_ignore(survey);
	survey->top = strlen(want->workspace) + 1;
	memcpy(survey->path, want->workspace, survey->top);
	r = r ? r : walk(survey, top, 1);
	return r ? r : close_tree(survey, ret_tree);
}

static bool is_same(const struct parcel_want *a, const struct parcel_want *b)
{
	bool same = strcmp(a->workspace, b->workspace) == 0 && a->n_inputs == b->n_inputs;
	for (size_t i = 0; same && i < a->n_inputs; i++)
		same = strcmp(a->inputs[i], b->inputs[i]) == 0;
	return same;
}

static const struct parcel_want *keep_want(struct arena *arena, const struct parcel_want *want)
{
	struct parcel_want *copy = arena_alloc(arena, sizeof(*copy));
	const char **inputs = arena_alloc(arena, (want->n_inputs + 1) * sizeof(*inputs));
	if (!copy || !inputs)
		return NULL;
	copy->workspace = arena_copy(arena, str_of(want->workspace));
	copy->inputs = inputs;
	copy->n_inputs = want->n_inputs;
	for (size_t i = 0; copy->workspace && i < want->n_inputs; i++)
		if (!(inputs[i] = arena_copy(arena, str_of(want->inputs[i]))))
			return NULL;
	return copy->workspace ? copy : NULL;
}

int parcel_add(struct parcel *parcel, const struct parcel_want *want, struct digest *ret_tree,
	       struct err *err)
{
	ASSERT(want->workspace[0] == '/' && want->workspace[1]);
	for (size_t i = 0; i < parcel->added.len; i++)
		if (is_same(parcel->added.items[i].want, want)) {
			*ret_tree = parcel->added.items[i].tree;
			return 0;
		}
	struct added added = { .want = keep_want(&parcel->arena, want) };
	if (!added.want || strlen(want->workspace) >= PATH_MAX)
		return no_memory(err);
	int r = check_inputs(want, err);
	struct survey *survey = r == 0 ? calloc(1, sizeof(*survey)) : NULL;
	if (!survey)
		return r ? r : no_memory(err);
	survey->parcel = parcel;
	survey->want = added.want;
	survey->err = err;
	buf_init(&survey->manifest, LIMIT_TREE_BYTES);
	buf_init(&survey->ids, LIMIT_TREE_BYTES);
	buf_init(&survey->cuts, 2 * LIMIT_TREE_BYTES);
	r = make_tree(survey, &added.tree);
	sums_close(survey->sums);
	buf_done(&survey->manifest);
	buf_done(&survey->ids);
	buf_done(&survey->cuts);
	buf_done(&survey->ignore_text);
	ignore_done(&survey->ignore);
	free(survey);
	if (r == 0 && VEC_PUSH(&parcel->added, added) < 0)
		return no_memory(err);
	*ret_tree = added.tree;
	return r;
}

/* ---- reading ---- */

size_t parcel_chunks(const struct parcel *parcel)
{
	return parcel->sources.len;
}

const struct digest *parcel_id(const struct parcel *parcel, size_t i)
{
	ASSERT(i < parcel->sources.len);
	return &parcel->sources.items[i].id;
}

/* The bytes of a chunk of a file: 0 when all of them came, -errno. */
static int read_source(struct parcel *parcel, const struct source *source, char *out)
{
	size_t got = 0;
	if (parcel->open_file != source->file) {
		fd_close(&parcel->fd);
		parcel->fd = open(source->file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		parcel->open_file = parcel->fd < 0 ? NULL : source->file;
	}
	if (parcel->fd < 0)
		return -errno;
	while (got < source->length) {
		ssize_t n = pread(parcel->fd, out + got, source->length - got,
				  (off_t)(source->offset + got));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EAGAIN;
		got += (size_t)n;
	}
	return 0;
}

int parcel_read(struct parcel *parcel, size_t i, struct buf *raw, struct err *err)
{
	ASSERT(i < parcel->sources.len);
	const struct source *source = &parcel->sources.items[i];
	struct digest real;
	buf_clear(raw);
	if (!source->file)
		return buf_append(raw, source->bytes, source->length) < 0 ? no_memory(err) : 0;
	int r = buf_reserve(raw, source->length);
	r = r ? r : read_source(parcel, source, raw->data);
	if (r == 0) {
		raw->len = source->length;
		raw->data[raw->len] = '\0';
		digest_bytes(buf_str(raw), &real);
		if (memcmp(real.bytes, source->id.bytes, DIGEST_BYTES) != 0)
			r = -EAGAIN;
	}
	if (r == -EAGAIN)
		return err_set(
			err, r,
			"%s has changed since the run began to be prepared: is it still being "
			"built?",
			source->file);
	return r < 0 ? err_errno(err, r, "cannot read %s, which the run is to be given",
				 source->file)
		     : 0;
}

struct parcel_counts parcel_counts(const struct parcel *parcel)
{
	struct parcel_counts counts = parcel->counts;
	counts.chunks = parcel->sources.len;
	return counts;
}
