// SPDX-License-Identifier: Apache-2.0
/*
 * walk.c - a depth-first walk that reads one folder whole, sorts its names, then goes into them.
 * Knows nothing of tests.
 */
#include "coordinator/cli/walk.h"

#include "protocol/base/assert.h"
#include "protocol/base/buf.h"
#include "protocol/base/fd.h"
#include "protocol/base/vec.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct names {
	char **items;
	size_t len, cap;
};

struct walk {
	walk_fn visit;
	void *data;
	struct buf path; /* of the entry at hand */
	size_t root_len; /* of the root within it */
	size_t entries;
	struct err *err;
};

static void names_done(struct names *names)
{
	for (size_t i = 0; i < names->len; i++)
		free(names->items[i]);
	VEC_DONE(names);
}

static bool is_passed_over(const char *name)
{
	static const char *const others[] = { "node_modules", "CMakeFiles", "__pycache__" };
	if (name[0] == '.')
		return true;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strcmp(name, others[i]) == 0)
			return true;
	return false;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All names of a folder, sorted. The descriptor is the caller's. */
static int read_names(int fd, struct names *names)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;
	int r = 0;
	if (!dir) {
		r = -errno;
		fd_close(&copy);
		return r;
	}
	while (r == 0 && (errno = 0, entry = readdir(dir))) {
		char *name = is_passed_over(entry->d_name) ? NULL : str_dup(str_of(entry->d_name));
		if (is_passed_over(entry->d_name))
			continue;
		if (!name || names->len >= WALK_ENTRIES_MAX || VEC_PUSH(names, name) < 0) {
			free(name);
			r = names->len >= WALK_ENTRIES_MAX ? -E2BIG : -ENOMEM;
		}
	}
	if (r == 0 && errno)
		r = -errno;
	closedir(dir);
	if (r == 0 && names->len)
		qsort(names->items, names->len, sizeof(*names->items), compare);
	return r;
}

static int refuse(const struct walk *walk, int code)
{
	if (code == -E2BIG)
		return err_set(walk->err, code,
			       "%s holds more than %d files; name a smaller folder",
			       buf_text(&walk->path), WALK_ENTRIES_MAX);
	if (code == -ENOBUFS)
		return err_set(walk->err, -ENAMETOOLONG, "%s: the path is too long",
			       buf_text(&walk->path));
	return err_errno(walk->err, code, "cannot look for tests in %s", buf_text(&walk->path));
}

static int visit(struct walk *walk, bool folder, bool executable)
{
	const char *path = buf_text(&walk->path);
	const char *name = walk->path.len > walk->root_len ? path + walk->root_len + 1 : "";
	const struct walk_entry entry = {
		.path = path,
		.name = name,
		.folder = folder,
		.executable = executable,
	};
	if (walk->entries++ >= WALK_ENTRIES_MAX)
		return refuse(walk, -E2BIG);
	return walk->visit(walk->data, &entry);
}

static int visit_folder(struct walk *walk, int parent, const char *name, unsigned depth);

/* An entry of the open folder `parent`. What vanished meanwhile is passed over. */
static int visit_entry(struct walk *walk, int parent, const char *name, unsigned depth)
{
	struct stat st;
	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : refuse(walk, -errno);
	if (S_ISDIR(st.st_mode))
		return visit_folder(walk, parent, name, depth + 1);
	if (!S_ISREG(st.st_mode))
		return 0;
	return visit(walk, false, st.st_mode & 0111);
}

static void cut_path(struct walk *walk, size_t len)
{
	ASSERT(len <= walk->path.len);
	walk->path.len = len;
	walk->path.data[len] = '\0';
}

static int visit_names(struct walk *walk, int fd, const struct names *names, unsigned depth)
{
	size_t len = walk->path.len;
	int r = 0;
	for (size_t i = 0; r >= 0 && i < names->len; i++) {
		r = buf_puts(&walk->path, len == 1 ? "" : "/");
		r = r < 0 ? r : buf_puts(&walk->path, names->items[i]);
		r = r < 0 ? refuse(walk, r) : visit_entry(walk, fd, names->items[i], depth);
		cut_path(walk, len);
	}
	return r < 0 ? r : 0;
}

static int visit_folder(struct walk *walk, int parent, const char *name, unsigned depth)
{
	struct names names = { 0 };
	if (depth > WALK_DEPTH_MAX)
		return refuse(walk, -ELOOP);
	int r = visit(walk, true, false);
	if (r != 0)
		return r < 0 ? r : 0;
	FD_CLEANUP int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	r = fd < 0 ? -errno : read_names(fd, &names);
	r = r < 0 ? refuse(walk, r) : visit_names(walk, fd, &names, depth);
	names_done(&names);
	return r;
}

int walk_tree(const char *root, walk_fn visitor, void *data, struct err *err)
{
	struct walk walk = { .visit = visitor, .data = data, .err = err };
	ASSERT(root[0] == '/');
	buf_init(&walk.path, PATH_MAX);
	int r = buf_puts(&walk.path, root);
	walk.root_len = strcmp(root, "/") == 0 ? 0 : walk.path.len;
	r = r < 0 ? refuse(&walk, r) : visit_folder(&walk, AT_FDCWD, root, 0);
	buf_done(&walk.path);
	return r;
}
