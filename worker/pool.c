// SPDX-License-Identifier: Apache-2.0
/*
 * pool.c - the folders behind replica.c, and tidying them.
 *
 * A pool file is named after its mode and chunk ids. It and everything else of a replica has one
 * modification time, SEALED_S, and a tree's access time says when it was last used. What a sweep
 * removes is first renamed, so that nobody finds a half-removed tree; locks keep it from trees that
 * this or another worker uses, and from those being built.
 *
 * The quota counts each tree whole, although trees share files: it is an upper bound.
 */
#include "worker/pool.h"

#include "protocol/base/assert.h"
#include "protocol/base/buf.h"
#include "protocol/base/clock.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"
#include "protocol/base/vec.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum {
	SHELVES = 16,
	SEALED_S = 1000000000, /* 2001-09-09: neither 0, which some tools refuse, nor ahead */
	SWEEP_ENTRIES = 1000,  /* removed in one step */
	DEPTH_MAX = LIMIT_TREE_DEPTH + 2,
	STALE_S = 3600,
	TMP_TRIES = 100,
	FOLDER_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
};

enum sweep { SWEEP_TREES, SWEEP_REMOVE, SWEEP_POOL, SWEEP_DONE };

struct replica_home {
	char folder[PATH_MAX];
	uint64_t quota_bytes;
	struct cas *cas;
	int trees_fd, files_fd;
	int shelves[SHELVES];
	uint64_t salt;
	unsigned next_number;
	enum sweep sweep;
	unsigned shelf; /* SWEEP_POOL: the next one */
	bool removed;	/* a tree is gone: the pool may hold files of none */
};

/* ---- names and seals ---- */

uint64_t pool_quota(const struct replica_home *home)
{
	return home->quota_bytes;
}

int pool_trees(const struct replica_home *home)
{
	return home->trees_fd;
}

void pool_tree_name(const struct digest *tree, uint64_t bytes, char out[POOL_NAME_BYTES])
{
	char hex[DIGEST_HEX_BYTES];
	snprintf(out, POOL_NAME_BYTES, "%s-%" PRIu64, digest_hex(tree, hex), bytes);
}

void pool_tree_path(const struct replica_home *home, const char *name, char *out)
{
	int n = snprintf(out, PATH_MAX, "%s/trees/%s", home->folder, name);
	ASSERT(n > 0 && n < PATH_MAX); /* replica_home_new saw to it */
}

static void fresh_name(struct replica_home *home, const char *what, char out[POOL_NAME_BYTES])
{
	snprintf(out, POOL_NAME_BYTES, "%s-%016" PRIx64 "-%u", what, home->salt,
		 home->next_number++);
}

/* The name of a file's content and mode, and its shelf. */
static int pool_name(const struct replica_home *home, const struct tree_entry *entry,
		     char out[DIGEST_HEX_BYTES])
{
	struct buf key;
	struct digest digest;
	uint32_t mode = entry->mode;
	buf_init(&key, 2 * LIMIT_TREE_BYTES);
	int r = buf_append(&key, &mode, sizeof(mode));
	r = r ? r : buf_put_str(&key, entry->content);
	digest_bytes(buf_str(&key), &digest);
	buf_done(&key);
	digest_hex(&digest, out);
	return r ? r : home->shelves[digest.bytes[0] >> 4];
}

int pool_seal(int fd, unsigned mode)
{
	static const struct timespec times[2] = { { .tv_sec = SEALED_S }, { .tv_sec = SEALED_S } };
	return fchmod(fd, mode) < 0 || futimens(fd, times) < 0 ? -errno : 0;
}

bool pool_is_intact(const struct stat *st, mode_t kind, unsigned mode, uint64_t bytes)
{
	return (st->st_mode & S_IFMT) == kind && (st->st_mode & 07777) == mode &&
	       st->st_mtim.tv_sec == SEALED_S && st->st_mtim.tv_nsec == 0 &&
	       (kind != S_IFREG || (uint64_t)st->st_size == bytes);
}

void pool_used(int tree_fd)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_NOW }, { .tv_sec = SEALED_S } };
	(void)futimens(tree_fd, times); /* at worst it is evicted too early */
}

/* ---- files ---- */

bool pool_has(struct replica_home *home, const struct tree_entry *entry)
{
	char hex[DIGEST_HEX_BYTES];
	struct stat st;
	if (!entry->bytes)
		return true;
	int shelf = pool_name(home, entry, hex);
	if (shelf < 0 || fstatat(shelf, hex + 1, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	if (pool_is_intact(&st, S_IFREG, entry->mode, entry->bytes))
		return true;
	LOG_WARN("file_damaged", "file=%.16s; it is made anew", hex);
	(void)unlinkat(shelf, hex + 1, 0);
	return false;
}

static int make_empty(const struct tree_entry *entry, int at, const char *name)
{
	FD_CLEANUP int fd = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : pool_seal(fd, entry->mode);
}

int pool_link(struct replica_home *home, const struct tree_entry *entry, int at, const char *name)
{
	char hex[DIGEST_HEX_BYTES];
	if (!entry->bytes)
		return make_empty(entry, at, name);
	int shelf = pool_name(home, entry, hex);
	if (shelf < 0)
		return shelf;
	if (linkat(shelf, hex + 1, at, name, 0) == 0)
		return 0;
	if (errno != EMLINK)
		return -errno;
	return unlinkat(shelf, hex + 1, 0) < 0 && errno != ENOENT ? -errno : -ENOENT;
}

int pool_begin(struct replica_home *home, struct pool_file *ret_file)
{
	struct pool_file file = { .fd = -1 };
	fresh_name(home, "tmp", file.name);
	file.fd = openat(home->files_fd, file.name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (file.fd < 0)
		return -errno;
	*ret_file = file;
	return 0;
}

int pool_keep(struct replica_home *home, struct pool_file *file, const struct tree_entry *entry)
{
	char hex[DIGEST_HEX_BYTES];
	struct stat st;
	int shelf = pool_name(home, entry, hex);
	int r = shelf < 0 ? shelf : fstat(file->fd, &st) < 0 ? -errno : 0;
	if (r == 0 && (uint64_t)st.st_size != entry->bytes)
		r = -EPROTO; /* the manifest's size is not that of its chunks */
	r = r ? r : pool_seal(file->fd, entry->mode);
	if (r == 0 && renameat(home->files_fd, file->name, shelf, hex + 1) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(home->files_fd, file->name, 0);
	fd_close(&file->fd);
	return r;
}

void pool_drop(struct replica_home *home, struct pool_file *file)
{
	if (file->fd < 0)
		return;
	(void)unlinkat(home->files_fd, file->name, 0);
	fd_close(&file->fd);
}

/* ---- trees ---- */

/* Open a folder of trees/ and lock it. It is still there then under that name: another worker's
 * sweep may have come between. The fd or -errno. */
static int hold(struct replica_home *home, const char *name, int lock)
{
	struct stat held, named;
	FD_CLEANUP int fd = openat(home->trees_fd, name, FOLDER_FLAGS);
	if (fd < 0 || flock(fd, lock | LOCK_NB) < 0 || fstat(fd, &held) < 0 ||
	    fstatat(home->trees_fd, name, &named, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return held.st_ino == named.st_ino ? fd_take(&fd) : -ENOENT;
}

int pool_hold_tree(struct replica_home *home, const char *name)
{
	return hold(home, name, LOCK_SH);
}

int pool_tmp_tree(struct replica_home *home, char ret_name[POOL_NAME_BYTES])
{
	int r = -ENOENT;
	for (int i = 0; i < TMP_TRIES && (r == -ENOENT || r == -EWOULDBLOCK); i++) {
		fresh_name(home, "tmp", ret_name);
		if (mkdirat(home->trees_fd, ret_name, 0700) < 0)
			return -errno;
		r = hold(home, ret_name, LOCK_SH);
	}
	return r;
}

int pool_publish(struct replica_home *home, const char *tmp, const char *name)
{
	if (renameat2(home->trees_fd, tmp, home->trees_fd, name, RENAME_NOREPLACE) == 0)
		return 0;
	return errno == EEXIST ? 1 : -errno;
}

void pool_discard(struct replica_home *home, const char *name)
{
	char gone[POOL_NAME_BYTES];
	fresh_name(home, "gone", gone);
	(void)renameat(home->trees_fd, name, home->trees_fd, gone);
	home->removed = true;
	replica_home_soil(home);
}

/* ---- sweeping ---- */

static DIR *list(int fd)
{
	int copy = openat(fd, ".", FOLDER_FLAGS);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	if (!dir)
		fd_close(&copy);
	return dir;
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

struct ranked {
	char name[POOL_NAME_BYTES];
	uint64_t bytes;
	int64_t used_s;
};

struct ranking {
	struct ranked *items;
	size_t len, cap;
	uint64_t bytes;
};

static int by_use(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	return x->used_s < y->used_s ? -1 : x->used_s > y->used_s;
}

static void rank(struct replica_home *home, struct ranking *ranking)
{
	DIR *dir = list(home->trees_fd);
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		struct ranked ranked = { .bytes = 0 };
		struct stat st;
		const char *dash = strchr(entry->d_name, '-');
		if (!dash || dash - entry->d_name != 2 * DIGEST_BYTES ||
		    strlen(entry->d_name) >= POOL_NAME_BYTES ||
		    str_parse_u64(str_of(dash + 1), 0, UINT64_MAX, &ranked.bytes) < 0 ||
		    fstatat(home->trees_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		memcpy(ranked.name, entry->d_name, strlen(entry->d_name) + 1);
		ranked.used_s = st.st_atim.tv_sec;
		if (VEC_PUSH(ranking, ranked) < 0)
			break;
		ranking->bytes += ranked.bytes;
	}
	if (dir)
		closedir(dir);
	if (ranking->len)
		qsort(ranking->items, ranking->len, sizeof(*ranking->items), by_use);
}

static void sweep_trees(struct replica_home *home)
{
	struct ranking ranking = { 0 };
	rank(home, &ranking);
	for (size_t i = 0; i < ranking.len && ranking.bytes > home->quota_bytes; i++) {
		const struct ranked *ranked = &ranking.items[i];
		FD_CLEANUP int unused = hold(home, ranked->name, LOCK_EX);
		if (unused < 0)
			continue;
		LOG_DEBUG("tree_evicted", "tree=%.16s bytes=%" PRIu64, ranked->name, ranked->bytes);
		pool_discard(home, ranked->name);
		ranking.bytes -= ranked->bytes;
	}
	VEC_DONE(&ranking);
}

/* Remove what is in folder `fd`, up to *budget entries. Whether it is empty then. */
static bool empty(int fd, int depth, int *budget)
{
	DIR *dir = depth < DEPTH_MAX ? list(fd) : NULL;
	bool clean = dir != NULL;
	for (struct dirent *entry; dir && *budget > 0 && (entry = readdir(dir));) {
		if (is_dots(entry->d_name) || unlinkat(fd, entry->d_name, 0) == 0) {
			(*budget)--;
			continue;
		}
		/* Entering it needs its mode. */
		bool may = fchmodat(fd, entry->d_name, 0700, AT_SYMLINK_NOFOLLOW) == 0;
		FD_CLEANUP int sub = may ? openat(fd, entry->d_name, FOLDER_FLAGS) : -1;
		if (sub < 0 || !empty(sub, depth + 1, budget) ||
		    unlinkat(fd, entry->d_name, AT_REMOVEDIR) < 0)
			clean = false;
		(*budget)--;
	}
	if (dir)
		closedir(dir);
	return clean && *budget > 0;
}

/* Remove a part of what was discarded or broken off. Whether there may be more. */
static bool sweep_remove(struct replica_home *home)
{
	DIR *dir = list(home->trees_fd);
	int budget = SWEEP_ENTRIES;
	for (struct dirent *entry; dir && budget > 0 && (entry = readdir(dir));) {
		const char *name = entry->d_name;
		if (strncmp(name, "gone-", 5) != 0 && strncmp(name, "tmp-", 4) != 0)
			continue;
		FD_CLEANUP int unused = hold(home, name, LOCK_EX);
		if (unused < 0)
			continue;
		/* Entering it needs its mode. */
		if (fchmod(unused, 0700) == 0 && empty(unused, 0, &budget))
			(void)unlinkat(home->trees_fd, name, AT_REMOVEDIR);
	}
	if (dir)
		closedir(dir);
	return budget <= 0;
}

/* Remove the files of a shelf that no tree has. */
static void sweep_shelf(int shelf)
{
	DIR *dir = list(shelf);
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		struct stat st;
		if (fstatat(shelf, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode) && st.st_nlink == 1)
			(void)unlinkat(shelf, entry->d_name, 0);
	}
	if (dir)
		closedir(dir);
}

/* Files that a worker which died was assembling. */
static void sweep_tmp_files(struct replica_home *home)
{
	DIR *dir = list(home->files_fd);
	int64_t now_s = (int64_t)(clock_wall_us() / CLOCK_US_PER_S);
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		struct stat st;
		if (strncmp(entry->d_name, "tmp-", 4) == 0 &&
		    fstatat(home->files_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    st.st_mtim.tv_sec + STALE_S < now_s)
			(void)unlinkat(home->files_fd, entry->d_name, 0);
	}
	if (dir)
		closedir(dir);
}

bool replica_home_sweep(struct replica_home *home)
{
	switch (home->sweep) {
	case SWEEP_TREES:
		sweep_trees(home);
		sweep_tmp_files(home);
		home->sweep = SWEEP_REMOVE;
		break;
	case SWEEP_REMOVE:
		if (sweep_remove(home))
			break;
		home->sweep = home->removed ? SWEEP_POOL : SWEEP_DONE;
		home->shelf = 0;
		break;
	case SWEEP_POOL:
		sweep_shelf(home->shelves[home->shelf++]);
		if (home->shelf == SHELVES) {
			home->removed = false;
			home->sweep = SWEEP_DONE;
		}
		break;
	case SWEEP_DONE: break;
	}
	return home->sweep != SWEEP_DONE;
}

void replica_home_soil(struct replica_home *home)
{
	home->sweep = SWEEP_TREES;
}

/* ---- life ---- */

static int open_folder(int at, const char *name)
{
	if (mkdirat(at, name, 0700) < 0 && errno != EEXIST)
		return -errno;
	int fd = openat(at, name, FOLDER_FLAGS);
	return fd < 0 ? -errno : fd;
}

static int open_folders(struct replica_home *home)
{
	int r = fd_make_dirs(home->folder);
	FD_CLEANUP int top = r < 0 ? -1 : open(home->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r == 0 && top < 0)
		r = -errno;
	if (r == 0)
		r = home->trees_fd = open_folder(top, "trees");
	if (r >= 0)
		r = home->files_fd = open_folder(top, "files");
	for (size_t i = 0; r >= 0 && i < SHELVES; i++) {
		const char name[2] = { "0123456789abcdef"[i], '\0' };
		r = home->shelves[i] = open_folder(home->files_fd, name);
	}
	return r < 0 ? r : 0;
}

int replica_home_new(const char *folder, uint64_t quota_bytes, struct replica_home **ret_home,
		     struct err *err)
{
	struct replica_home *home = calloc(1, sizeof(*home));
	if (!home)
		return err_set(err, -ENOMEM, "no memory for a cache of trees");
	home->trees_fd = home->files_fd = -1;
	for (size_t i = 0; i < SHELVES; i++)
		home->shelves[i] = -1;
	uint64_t quarter = quota_bytes / 4 > CAS_QUOTA_LEAST_BYTES ? quota_bytes / 4
								   : CAS_QUOTA_LEAST_BYTES;
	home->quota_bytes = quota_bytes > quarter ? quota_bytes - quarter : 0;
	home->salt = clock_wall_us() << 22 ^ (uint64_t)getpid();
	char chunks[PATH_MAX];
	int n = snprintf(home->folder, sizeof(home->folder), "%s", folder);
	int r = n > 0 && n < PATH_MAX - 2 * POOL_NAME_BYTES ? open_folders(home) : -ENAMETOOLONG;
	if (r == 0) {
		snprintf(chunks, sizeof(chunks), "%.*s/cas", PATH_MAX - 8, folder);
		r = cas_new(&(struct cas_options){ .folder = chunks, .quota_bytes = quarter },
			    &home->cas, err);
	} else {
		err_errno(err, r, "opening the cache of trees in %s", folder);
	}
	if (r < 0) {
		replica_home_free(home);
		return r;
	}
	*ret_home = home;
	return 0;
}

void replica_home_free(struct replica_home *home)
{
	if (!home)
		return;
	for (size_t i = 0; i < SHELVES; i++)
		fd_close(&home->shelves[i]);
	fd_close(&home->trees_fd);
	fd_close(&home->files_fd);
	cas_free(home->cas);
	free(home);
}

struct cas *replica_home_cas(struct replica_home *home)
{
	return home->cas;
}
