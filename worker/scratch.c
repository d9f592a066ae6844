// SPDX-License-Identifier: Apache-2.0
/*
 * scratch.c - the slots' writable folders.
 *
 * Invariants: the root is 0700 and ours, so the slots' own folders may be 0777 for payloads of
 * other uids, which reach them through a bind only. A folder's modification time is set to 0 after
 * it was emptied, and its time of change is remembered: any other means that something was made or
 * removed in it since. A test can set back the first, not the second; the second alone would miss
 * what is made within the same tick of the clock.
 */
#include "worker/scratch.h"

#include "protocol/base/assert.h"
#include "protocol/base/fd.h"
#include "protocol/base/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ROOT_PREFIX "paddock-worker-"
enum { FOLDER_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };

static const char *const parts[] = { "tmp", "artifacts" };
enum { ARTIFACTS = 2, PARTS = sizeof(parts) / sizeof(parts[0]) }; /* 1 is the first part */
enum { ROOT_TRIES = 100 };

struct folder {
	int fd; /* of slot-N */
	char *path;
	struct timespec emptied[1 + PARTS]; /* time of change of slot-N and its parts */
};

struct scratch {
	char root[PATH_MAX];
	int lock_fd;
	unsigned n;
	struct folder slots[];
};

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Remove the root of a worker that died: nobody holds its lock any more. */
static void sweep_root(const char *path)
{
	char lock[PATH_MAX + 8];
	struct stat st;
	if (lstat(path, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid())
		return;
	snprintf(lock, sizeof(lock), "%s/lock", path);
	FD_CLEANUP int fd = open(lock, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return;
	tree_remove(path);
}

static void sweep(const char *parent)
{
	DIR *dir = opendir(parent);
	if (!dir)
		return;
	for (struct dirent *entry; (entry = readdir(dir));) {
		char path[PATH_MAX];
		if (strncmp(entry->d_name, ROOT_PREFIX, strlen(ROOT_PREFIX)) == 0 &&
		    snprintf(path, sizeof(path), "%s/%s", parent, entry->d_name) <
			    (int)sizeof(path))
			sweep_root(path);
	}
	closedir(dir);
}

/* Look at slot-N (part 0) or one of its parts. 0 or -errno. */
static int look(const struct folder *folder, size_t part, struct stat *ret_st)
{
	int r = part ? fstatat(folder->fd, parts[part - 1], ret_st, AT_SYMLINK_NOFOLLOW)
		     : fstat(folder->fd, ret_st);
	return r < 0 ? -errno : 0;
}

/* Remember when slot-N or one of its parts was emptied. 0 or -errno. */
static int remember(struct folder *folder, size_t part)
{
	struct stat st;
	int r = look(folder, part, &st);
	if (r == 0)
		folder->emptied[part] = st.st_ctim;
	return r;
}

static const struct timespec epoch[2];

/* Make a part of a slot's folder, or take the empty one that is there, and remember when that was.
 * 0 or -errno. */
static int furnish_part(struct folder *folder, size_t part)
{
	const char *name = parts[part - 1];
	if ((mkdirat(folder->fd, name, 0777) < 0 && errno != EEXIST) ||
	    fchmodat(folder->fd, name, 0777, 0) < 0 || utimensat(folder->fd, name, epoch, 0) < 0)
		return -errno;
	return remember(folder, part);
}

/* Make the parts of a slot's folder. 0 or -errno. */
static int furnish(struct folder *folder)
{
	int r = 0;
	for (size_t i = 1; i <= PARTS && r == 0; i++)
		r = furnish_part(folder, i);
	if (r == 0 && futimens(folder->fd, epoch) < 0)
		r = -errno;
	return r < 0 ? r : remember(folder, 0);
}

static int make_slot(struct scratch *scratch, unsigned slot)
{
	struct folder *folder = &scratch->slots[slot];
	folder->path = malloc(PATH_MAX);
	if (!folder->path)
		return -ENOMEM;
	if (snprintf(folder->path, PATH_MAX, "%s/slot-%u", scratch->root, slot) >= PATH_MAX)
		return -ENAMETOOLONG;
	if (mkdir(folder->path, 0777) < 0 || chmod(folder->path, 0777) < 0)
		return -errno;
	folder->fd = open(folder->path, FOLDER_FLAGS);
	return folder->fd < 0 ? -errno : furnish(folder);
}

/*
 * A root with its lock held. -EAGAIN: another worker's sweep took it for a dead one's before it was
 * locked; it holds the lock until all of it is gone, or has removed it already.
 */
static int try_root(struct scratch *scratch, const char *parent)
{
	char lock[PATH_MAX + 8];
	struct stat st;
	if (snprintf(scratch->root, sizeof(scratch->root), "%s/" ROOT_PREFIX "XXXXXX", parent) >=
	    PATH_MAX)
		return -ENAMETOOLONG;
	if (!mkdtemp(scratch->root)) {
		int r = -errno;
		scratch->root[0] = '\0';
		return r;
	}
	snprintf(lock, sizeof(lock), "%s/lock", scratch->root);
	scratch->lock_fd = open(lock, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (scratch->lock_fd < 0 || flock(scratch->lock_fd, LOCK_EX | LOCK_NB) < 0 ||
	    fstat(scratch->lock_fd, &st) < 0)
		return -errno;
	return st.st_nlink ? 0 : -EAGAIN;
}

static int make_root(struct scratch *scratch, const char *parent)
{
	int r = -EAGAIN;
	for (int i = 0; i < ROOT_TRIES && r == -EAGAIN; i++) {
		fd_close(&scratch->lock_fd);
		r = try_root(scratch, parent);
	}
	return r;
}

static const char *choose_parent(const char *parent)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	const char *tmp = getenv("TMPDIR");
	if (parent)
		return parent;
	if (runtime && runtime[0] == '/' && access(runtime, W_OK) == 0)
		return runtime;
	return tmp && tmp[0] == '/' ? tmp : "/tmp";
}

int scratch_new(const char *parent, unsigned n, struct scratch **ret_scratch, struct err *err)
{
	struct scratch *scratch = calloc(1, sizeof(*scratch) + n * sizeof(scratch->slots[0]));
	if (!scratch)
		return err_set(err, -ENOMEM, "no memory for the slots' folders");
	scratch->n = n;
	scratch->lock_fd = -1;
	for (unsigned i = 0; i < n; i++)
		scratch->slots[i].fd = -1;
	parent = choose_parent(parent);
	sweep(parent);
	int r = make_root(scratch, parent);
	for (unsigned i = 0; i < n && r == 0; i++)
		r = make_slot(scratch, i);
	if (r < 0) {
		err_errno(
			err, r,
			"cannot make the slots' folders below %s; set TMPDIR to a writable folder",
			parent);
		scratch_free(scratch);
		return r;
	}
	*ret_scratch = scratch;
	return 0;
}

void scratch_free(struct scratch *scratch)
{
	if (!scratch)
		return;
	for (unsigned i = 0; i < scratch->n; i++) {
		fd_close(&scratch->slots[i].fd);
		free(scratch->slots[i].path);
	}
	if (scratch->root[0])
		tree_remove(scratch->root);
	fd_close(&scratch->lock_fd);
	free(scratch);
}

const char *scratch_path(const struct scratch *scratch, unsigned slot)
{
	ASSERT(slot < scratch->n);
	return scratch->slots[slot].path;
}

int scratch_write(struct scratch *scratch, unsigned slot, const char *name, struct str content)
{
	ASSERT(slot < scratch->n);
	int folder = scratch->slots[slot].fd;
	if (strchr(name, '/') || is_dots(name))
		return -EINVAL;
	if (unlinkat(folder, name, 0) < 0 && errno != ENOENT)
		return -errno;
	FD_CLEANUP int fd = openat(folder, name,
				   O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	int r = fd_write_all(fd, content.data, content.len);
	return r < 0 ? r : fchmod(fd, 0644) < 0 ? -errno : 0;
}

int scratch_take(struct scratch *scratch, unsigned slot, const char *name, struct buf *buf)
{
	ASSERT(slot < scratch->n);
	int folder = scratch->slots[slot].fd;
	struct stat st;
	FD_CLEANUP int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno == ELOOP ? -EINVAL : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if ((uint64_t)st.st_size > buf->cap_bytes - buf->len)
		return -EFBIG;
	int r = buf_reserve(buf, (size_t)st.st_size);
	while (r == 0 && st.st_size > 0) {
		ssize_t n = read(fd, buf->data + buf->len, (size_t)st.st_size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			r = n < 0 ? -errno : 0;
			break;
		}
		buf->len += (size_t)n;
		st.st_size -= n;
		buf->data[buf->len] = '\0';
	}
	unlinkat(folder, name, 0);
	return r;
}

/* Was slot-N (part 0) or one of its parts changed since it was emptied? */
static bool is_touched(const struct folder *folder, size_t part)
{
	const struct timespec *then = &folder->emptied[part];
	struct stat st;
	return look(folder, part, &st) < 0 || st.st_mtim.tv_sec || st.st_mtim.tv_nsec ||
	       st.st_ctim.tv_sec != then->tv_sec || st.st_ctim.tv_nsec != then->tv_nsec;
}

int scratch_artifacts(const struct scratch *scratch, unsigned slot)
{
	ASSERT(slot < scratch->n);
	const struct folder *folder = &scratch->slots[slot];
	struct open_how how = {
		.flags = FOLDER_FLAGS,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};
	if (!is_touched(folder, ARTIFACTS))
		return -ENOENT;
	int fd = (int)syscall(SYS_openat2, folder->fd, parts[ARTIFACTS - 1], &how, sizeof(how));
	return fd < 0 ? -errno : fd;
}

int scratch_drop_artifacts(struct scratch *scratch, unsigned slot)
{
	ASSERT(slot < scratch->n);
	struct folder *folder = &scratch->slots[slot];
	const char *name = parts[ARTIFACTS - 1];
	FD_CLEANUP int fd = -1;
	/* A test may have put something else in its place, or taken its mode away. */
	fchmod(folder->fd, 0777);
	if (unlinkat(folder->fd, name, 0) < 0 && errno == EISDIR &&
	    fchmodat(folder->fd, name, 0700, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	fd = openat(folder->fd, name, FOLDER_FLAGS);
	int r = fd < 0 ? (errno == ENOENT ? 0 : -errno) : tree_empty(fd);
	return r < 0 ? r : furnish_part(folder, ARTIFACTS);
}

int scratch_clear(struct scratch *scratch, unsigned slot)
{
	ASSERT(slot < scratch->n);
	struct folder *folder = &scratch->slots[slot];
	bool touched = false;
	for (size_t i = 0; i <= PARTS && !touched; i++)
		touched = is_touched(folder, i);
	if (!touched)
		return 0;
	/* A test may have taken its mode away, for all tests to come. */
	int r = fchmod(folder->fd, 0777) < 0 ? -errno : tree_empty(folder->fd);
	return r < 0 ? r : furnish(folder);
}
