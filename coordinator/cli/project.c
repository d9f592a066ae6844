// SPDX-License-Identifier: Apache-2.0
/*
 * project.c - the checkout around a folder. Tests read what lies beside their build folder, so the
 * workspace is the whole checkout; a mount on the way ends the search, because an overlay shows one
 * file system only. Not for finding paddock.yaml: config.c does that.
 */
#include "coordinator/cli/project.h"

#include "protocol/base/assert.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Does the folder hold .git, a folder or (in a linked work tree) a file? */
static bool is_checkout(const char *folder)
{
	char path[PATH_MAX];
	struct stat st;
	int n = snprintf(path, sizeof(path), "%s/.git", folder);
	return n > 0 && (size_t)n < sizeof(path) && lstat(path, &st) == 0;
}

size_t project_length(const char *folder)
{
	char path[PATH_MAX];
	struct stat from, here;
	const char *home = getenv("HOME");
	size_t whole = strlen(folder), len = whole;
	ASSERT(folder[0] == '/');
	if (whole >= sizeof(path) || stat(folder, &from) < 0)
		return whole;
	memcpy(path, folder, whole + 1);
	while (len > 0) {
		path[len] = '\0';
		if ((home && strcmp(path, home) == 0) || stat(path, &here) < 0 ||
		    here.st_dev != from.st_dev)
			break;
		if (is_checkout(path))
			return len;
		while (len > 0 && path[--len] != '/')
			;
	}
	return whole;
}
