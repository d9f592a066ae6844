// SPDX-License-Identifier: Apache-2.0
/*
 * scratch.c - the slots' writable folders.
 *
 * Invariants: the root is 0700 and ours, so the slots' own folders may be 0777 for payloads of
 * other uids, which reach them through a bind only. A folder's modification time is set to 0 after
 * it was emptied, and its time of change is remembered: any other means that something was made or
 * removed in it since. A test can set back the first, not the second; the second alone would miss
 * what is made within the same tick of the clock. Removal keeps no more than two folders open
 * however deep a tree is: a subfolder that is not empty is first moved to the top.
 */
#include "worker/scratch.h"

#include "protocol/base/assert.h"
#include "protocol/base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOT_PREFIX "paddock-worker-"
enum { FOLDER_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };

static const char *const parts[] = { "tmp", "artifacts" };
enum { PARTS = sizeof(parts) / sizeof(parts[0]) };

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

/* Remove what is directly in folder `fd`; subfolders that are not empty go to `top` under a number.
 * 0 or -errno. */
static int empty_once(int fd, int top, unsigned *number)
{
	int copy = openat(fd, ".", FOLDER_FLAGS);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	int r = 0;
	if (!dir) {
		r = -errno;
		fd_close(&copy);
		return r;
	}
	for (struct dirent *entry; (entry = readdir(dir));) {
		char name[32];
		if (is_dots(entry->d_name) || unlinkat(fd, entry->d_name, 0) == 0)
			continue;
		/* Entering it, and moving it, which writes its "..", need its mode. */
		if (fchmodat(fd, entry->d_name, 0700, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
			continue;
		if (unlinkat(fd, entry->d_name, AT_REMOVEDIR) == 0 || errno == ENOENT || fd == top)
			continue;
		do
			snprintf(name, sizeof(name), ".moved-%u", (*number)++);
		while (faccessat(top, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0);
		if (renameat(fd, entry->d_name, top, name) < 0)
			r = -errno;
	}
	closedir(dir);
	return r;
}

/* The first subfolder of `top`, which then holds nothing else. 1 with its name, 0 when there is
 * none, -errno. */
static int next_folder(int top, char name[NAME_MAX + 1])
{
	int copy = openat(top, ".", FOLDER_FLAGS);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	if (!dir) {
		int r = -errno;
		fd_close(&copy);
		return r;
	}
	int found = 0;
	for (struct dirent *entry; !found && (entry = readdir(dir));)
		if (!is_dots(entry->d_name)) {
			snprintf(name, NAME_MAX + 1, "%s", entry->d_name);
			found = 1;
		}
	closedir(dir);
	return found;
}

/* Empty the folder open as `top`. 0 or -errno. */
static int empty_tree(int top)
{
	unsigned number = 0;
	char name[NAME_MAX + 1];
	int r = empty_once(top, top, &number);
	while (r == 0 && (r = next_folder(top, name)) > 0) {
		FD_CLEANUP int fd = openat(top, name, FOLDER_FLAGS);
		if (fd < 0)
			return -errno;
		r = empty_once(fd, top, &number);
		if (r == 0 && unlinkat(top, name, AT_REMOVEDIR) < 0)
			r = -errno;
	}
	return r;
}

static int remove_tree(const char *path)
{
	FD_CLEANUP int fd = open(path, FOLDER_FLAGS);
	if (fd < 0)
		return -errno;
	int r = empty_tree(fd);
	return r < 0 ? r : rmdir(path) < 0 ? -errno : 0;
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
	remove_tree(path);
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

/* Make the two parts of a slot's folder and remember when that was. 0 or -errno. */
static int furnish(struct folder *folder)
{
	static const struct timespec epoch[2];
	struct stat st;
	for (size_t i = 0; i < PARTS; i++)
		if (mkdirat(folder->fd, parts[i], 0777) < 0 ||
		    fchmodat(folder->fd, parts[i], 0777, 0) < 0 ||
		    utimensat(folder->fd, parts[i], epoch, 0) < 0)
			return -errno;
	if (futimens(folder->fd, epoch) < 0)
		return -errno;
	for (size_t i = 0; i <= PARTS; i++) {
		int r = look(folder, i, &st);
		if (r < 0)
			return r;
		folder->emptied[i] = st.st_ctim;
	}
	return 0;
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

static int make_root(struct scratch *scratch, const char *parent)
{
	char lock[PATH_MAX + 8];
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
	if (scratch->lock_fd < 0 || flock(scratch->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return -errno;
	return 0;
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
		remove_tree(scratch->root);
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
	int r = fchmod(folder->fd, 0777) < 0 ? -errno : empty_tree(folder->fd);
	return r < 0 ? r : furnish(folder);
}
