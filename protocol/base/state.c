// SPDX-License-Identifier: Apache-2.0
/*
 * state.c - names and retention of what runs leave on disk. Names of runs begin with their date and
 * sort by time, so no file is asked how old it is. Not for what is in the folders.
 */
#include "protocol/base/state.h"

#include "protocol/base/clock.h"
#include "protocol/base/escape.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"
#include "protocol/base/tree.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define RUNS "/runs"

int state_folder(struct buf *buf)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	if (state && state[0] == '/')
		return buf_printf(buf, "%s/paddock", state);
	if (home && home[0] == '/')
		return buf_printf(buf, "%s/.local/state/paddock", home);
	return -ENOENT;
}

int state_run_path(struct buf *buf, struct str run, const char *what)
{
	int r = state_folder(buf);
	r = r ? r : buf_puts(buf, RUNS "/");
	r = r ? r : escape_file(buf, run);
	return r ? r : buf_printf(buf, "/%s", what);
}

int state_owner_path(struct buf *buf, const struct state_owner *owner)
{
	int r = escape_file(buf, owner->suite);
	r = r ? r : buf_puts(buf, "/");
	r = r ? r : escape_file(buf, owner->program);
	r = r ? r : buf_puts(buf, "/");
	r = r ? r : escape_file(buf, owner->name);
	if (r == 0 && owner->cases > 1)
		r = buf_printf(buf, "~and-%zu-more", owner->cases - 1);
	if (r == 0 && owner->attempt > 1)
		r = buf_printf(buf, "~attempt-%llu", (unsigned long long)owner->attempt);
	return r;
}

/* "20261122-101112-7f3a", and nothing that somebody else put there? */
static int is_run(const struct dirent *entry)
{
	return strlen(entry->d_name) > 16 && strspn(entry->d_name, "0123456789") == 8 &&
	       entry->d_name[8] == '-' && strspn(entry->d_name + 9, "0123456789") == 6;
}

/* Remove what is old, but for the run that is being made, whatever the clock says. */
static void prune(const char *runs, const char *run)
{
	struct dirent **found = NULL;
	char oldest[16], path[PATH_MAX];
	time_t then = (time_t)(clock_wall_us() / CLOCK_US_PER_S) - STATE_KEEP_DAYS * 86400;
	struct tm day;
	int n = scandir(runs, &found, is_run, alphasort);
	if (!gmtime_r(&then, &day) || !strftime(oldest, sizeof(oldest), "%Y%m%d", &day))
		oldest[0] = '\0';
	for (int i = 0; i < n; i++) {
		const char *name = found[i]->d_name;
		bool old = n - i > STATE_KEEP_RUNS || strcmp(name, oldest) < 0;
		if (old && strcmp(name, run) != 0 &&
		    snprintf(path, sizeof(path), "%s/%s", runs, name) < (int)sizeof(path)) {
			int r = tree_remove(path);
			if (r < 0)
				LOG_WARN("run_not_removed", "folder=%s reason=%s", path,
					 strerror(-r));
		}
		free(found[i]);
	}
	free(found);
}

/* The folder of one run below `runs`, both made where they are missing. 0 or -errno. */
static int make_run(struct buf *path, struct str run)
{
	char runs[PATH_MAX];
	int r = state_folder(path);
	r = r ? r : buf_puts(path, RUNS);
	r = r ? r : fd_make_dirs(buf_text(path));
	if (r < 0)
		return r;
	snprintf(runs, sizeof(runs), "%s", buf_text(path));
	r = buf_puts(path, "/");
	r = r ? r : escape_file(path, run);
	if (r < 0)
		return r;
	if (mkdir(buf_text(path), 0700) == 0)
		prune(runs, buf_text(path) + strlen(runs) + 1);
	else if (errno != EEXIST)
		return -errno;
	return 0;
}

int state_make_run(struct str run, const char *what, struct buf *ret_buf, struct err *err)
{
	struct buf path;
	char real[PATH_MAX];
	buf_init(&path, PATH_MAX - 1);
	int r = make_run(&path, run);
	r = r ? r : buf_printf(&path, "/%s", what);
	r = r ? r : fd_make_dirs(buf_text(&path));
	if (r == 0 && !realpath(buf_text(&path), real))
		r = -errno;
	if (r == 0) {
		buf_clear(&path);
		r = buf_puts(&path, real);
	}
	if (r == 0) {
		*ret_buf = path;
		return 0;
	}
	if (r == -ENOENT && !path.len)
		err_set(err, r,
			"no folder to keep %s in: neither XDG_STATE_HOME nor HOME is an absolute "
			"path; set one",
			what);
	else
		err_errno(err, r, "making a folder for %s at %s", what, buf_text(&path));
	buf_done(&path);
	return r;
}
