// SPDX-License-Identifier: Apache-2.0
/*
 * tree.c - removes what tests left, which is hostile: follows no link, enters no folder but by its
 * parent, and keeps no more than two folders open however deep a tree is: a subfolder that is not
 * empty is first moved to the top.
 */
#include "protocol/base/tree.h"

#include "protocol/base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FOLDER_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };

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

int tree_empty(int top)
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

int tree_remove(const char *path)
{
	FD_CLEANUP int fd = open(path, FOLDER_FLAGS);
	if (fd < 0)
		return -errno;
	int r = tree_empty(fd);
	return r < 0 ? r : rmdir(path) < 0 ? -errno : 0;
}
