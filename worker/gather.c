// SPDX-License-Identifier: Apache-2.0
/*
 * gather.c - walks the folder and reads files, a piece at a time.
 *
 * A name is opened as a mere place (O_PATH) by openat2, which refuses links, mounts and ways out;
 * what it is is asked of that descriptor, and only a regular file with a single name is then opened
 * for reading, by that same descriptor. So a device or a pipe put in its place meanwhile is never
 * opened, and opening has no effect on anything. Files with several names are left out: another
 * name may be a file of the host's that the test was not to read. Sizes are believed once: what
 * grows is cut, what shrinks is told. Holes are told instead of read.
 *
 * Core files come last, from a folder that holds other things: what is none is passed over without
 * a word, and no folder is entered.
 *
 * Invariants: folders[0..depth) are open, path ends in the path of the last; at most one file is
 * open.
 */
#include "worker/gather.h"

#include "protocol/base/assert.h"
#include "protocol/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	STEP_BYTES = 2 << 20,  /* told in one step */
	STEP_NAMES = 2048,     /* looked at in one step */
	NAMED_MAX = 20,	       /* files left out that are named; the others are counted */
	HOLE_BYTES = 64 << 10, /* smaller holes are read */
};

/* Is it core files that are looked at? */
static bool is_at_cores(const struct gather *g)
{
	return g->cores && g->cores_fd < 0;
}

static void tell(struct gather *g, struct str data, bool more, const char *why)
{
	struct news_artifact *told = &g->told;
	told->path = str_of(g->path);
	told->data = data;
	told->more = more;
	told->why = str_of(why);
	news_artifact(g->news, told);
	told->offset += data.len;
}

/* The name in g->path is not brought along, because ... */
static void leave_out(struct gather *g, const char *why)
{
	if (++g->left_out > NAMED_MAX)
		return;
	g->told.offset = g->told.zeros = 0;
	tell(g, (struct str){ 0 }, false, why);
}

static void leave_folder(struct gather *g)
{
	ASSERT(g->depth > 0);
	closedir(g->folders[--g->depth]);
	g->folders[g->depth] = NULL;
}

/* Go into the folder `fd`, which is taken over; g->path is its path. */
static void enter(struct gather *g, int fd)
{
	size_t len = strlen(g->path);
	DIR *dir = NULL;
	if (g->depth == LIMIT_ARTIFACTS_DEPTH || len + 1 + NAME_MAX > LIMIT_PATH_BYTES) {
		leave_out(g, "folders are nested too deep");
	} else if (!(dir = fdopendir(fd))) {
		leave_out(g, strerror(errno));
	} else {
		if (len)
			g->path[len++] = '/';
		g->path[len] = '\0';
		g->folders[g->depth] = dir;
		g->path_lens[g->depth++] = len;
	}
	if (!dir)
		fd_close(&fd);
}

void gather_begin(struct gather *g, struct news *news, int fd, uint32_t index, size_t cases)
{
	memset(g, 0, sizeof(*g));
	g->fd = g->cores_fd = -1;
	g->news = news;
	g->told.index = index;
	g->told.cases = cases;
	if (fd >= 0)
		enter(g, fd);
	else if (fd == -ENOSYS)
		leave_out(g, "the worker's kernel is too old to read them safely (openat2, Linux "
			     "5.6)");
	else if (fd != -ENOENT)
		leave_out(g, fd == -ELOOP || fd == -ENOTDIR
				     ? "PADDOCK_ARTIFACTS is no folder any more"
				     : strerror(-fd));
}

void gather_add_cores(struct gather *g, int fd, struct cores *cores)
{
	ASSERT(fd >= 0 && g->news && !g->cores);
	g->cores = cores;
	g->cores_fd = fd;
}

/* The artifacts are told: go on with the core files, whose limits are their own. */
static void enter_cores(struct gather *g)
{
	g->told = (struct news_artifact){ .index = g->cores->index, .cases = 1 };
	g->bytes = g->files = g->seen = g->left_out = 0;
	enter(g, fd_take(&g->cores_fd));
}

void gather_end(struct gather *g)
{
	if (!g->news)
		return;
	while (g->depth)
		leave_folder(g);
	fd_close(&g->fd);
	fd_close(&g->cores_fd);
	g->news = NULL;
}

/* ---- one file ---- */

static const char *check(const struct gather *g, const struct stat *st)
{
	if (S_ISLNK(st->st_mode))
		return "a symbolic link";
	if (!S_ISREG(st->st_mode))
		return "not a regular file";
	if (st->st_nlink != 1)
		return "it has several names (hard links)";
	if (g->files >= LIMIT_ARTIFACTS)
		return "too many files";
	if (is_at_cores(g)) /* what counts are the bytes it has: it is cut */
		return (uint64_t)st->st_size > LIMIT_ARTIFACT_SPAN_BYTES ? "too large" : NULL;
	if ((uint64_t)st->st_size > LIMIT_ARTIFACTS_BYTES - g->bytes)
		return "too large: more than 64 MiB in all";
	return NULL;
}

/*
 * Is the file's only name still the one it was found by? One that was a second name of a file
 * elsewhere, and is gone again, would leave that with a single one. Asked twice, since a test may
 * make and remove such a name all the time. That is possible without a sandbox only, of files it
 * could as well copy, so what slips through an instant between two calls shows nothing new.
 */
static bool is_still_there(int folder, const char *name, const struct stat *st)
{
	struct stat now;
	for (int i = 0; i < 2; i++)
		if (fstatat(folder, name, &now, AT_SYMLINK_NOFOLLOW) < 0 ||
		    now.st_ino != st->st_ino || now.st_dev != st->st_dev || now.st_nlink != 1)
			return false;
	return true;
}

/* Open the file that `place` is for reading. */
static void open_file(struct gather *g, int folder, const char *name, int place,
		      const struct stat *st)
{
	char self[48];
	const char *why = check(g, st);
	if (!why && !is_still_there(folder, name, st))
		why = "it changed while it was looked at";
	if (why) {
		leave_out(g, why);
		return;
	}
	snprintf(self, sizeof(self), "/proc/self/fd/%d", place);
	g->fd = open(self, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (g->fd < 0) {
		leave_out(g, strerror(errno));
		return;
	}
	if (is_at_cores(g) && cores_measure(g->fd, &g->whole) < 0) {
		fd_close(&g->fd);
		return;
	}
	g->size = (uint64_t)st->st_size;
	g->sparse = (uint64_t)st->st_blocks * 512 < g->size;
	g->told.offset = g->told.zeros = 0;
	g->bytes += is_at_cores(g) ? 0 : g->size;
	g->files++;
}

/* Of a sparse file: pass over the hole at its offset, and return how much is there to the next. */
static uint64_t skip_hole(struct gather *g)
{
	off_t at = (off_t)g->told.offset, size = (off_t)g->size;
	off_t data = lseek(g->fd, at, SEEK_DATA);
	if (data < 0)
		data = errno == ENXIO ? size : at;
	data = data < size ? data : size;
	if (data - at >= HOLE_BYTES || data == size) {
		g->told.zeros = (uint64_t)(data - at);
		g->told.offset += g->told.zeros;
		at = data;
	}
	off_t hole = data < size ? lseek(g->fd, data, SEEK_HOLE) : size;
	return (uint64_t)((hole > data && hole < size ? hole : size) - at);
}

/* Why the file that was read to its end is not whole, or "". */
static const char *lacks(const struct gather *g)
{
	return is_at_cores(g) && g->size < g->whole ? "not whole: cut at its limit (--cores)" : "";
}

/* A core file is told: say so, and remove it where nobody else does. */
static void end_core(struct gather *g, const char *why)
{
	struct stat st;
	int folder = dirfd(g->folders[g->depth - 1]);
	cores_found(g->cores, g->path, why);
	if (g->cores->removes && fstat(g->fd, &st) == 0 && is_still_there(folder, g->path, &st))
		(void)unlinkat(folder, g->path, 0);
}

/* The next piece of the open file. Returns its bytes. */
static size_t read_piece(struct gather *g)
{
	static char piece[LIMIT_CHUNK_BYTES]; /* one worker, one thread */
	uint64_t room = is_at_cores(g) ? LIMIT_ARTIFACTS_BYTES - g->bytes : UINT64_MAX;
	g->told.zeros = 0;
	uint64_t here = g->sparse ? skip_hole(g) : g->size - g->told.offset;
	uint64_t left = g->size - g->told.offset;
	ssize_t n = 0;
	here = here < sizeof(piece) ? here : sizeof(piece);
	if (left && room) {
		do
			n = pread(g->fd, piece, here < room ? here : room, (off_t)g->told.offset);
		while (n < 0 && errno == EINTR);
	}
	const char *why = n < 0		   ? strerror(errno)
			  : left && !room  ? "not whole: more than 64 MiB"
			  : n == 0 && left ? "not whole: it shrank while it was read"
					   : "";
	size_t len = n > 0 ? (size_t)n : 0;
	bool more = !*why && len < left;
	why = more || *why ? why : lacks(g);
	tell(g, (struct str){ piece, len }, more, why);
	g->bytes += is_at_cores(g) ? len : 0;
	if (!more && is_at_cores(g))
		end_core(g, why);
	if (!more)
		fd_close(&g->fd);
	return len;
}

/* ---- the walk ---- */

/* Look at one name of the last folder. */
static void look_at(struct gather *g, const char *name)
{
	struct open_how how = {
		.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};
	int folder = dirfd(g->folders[g->depth - 1]);
	size_t len = g->path_lens[g->depth - 1];
	struct stat st;
	ASSERT(len + strlen(name) < sizeof(g->path));
	snprintf(g->path + len, sizeof(g->path) - len, "%s", name);
	if (is_at_cores(g) && !cores_is_name(g->cores, name))
		return;
	FD_CLEANUP int place = (int)syscall(SYS_openat2, folder, name, &how, sizeof(how));
	if (is_at_cores(g) && (place < 0 || fstat(place, &st) < 0 || !cores_is_own(g->cores, &st)))
		return;
	if (place < 0 || fstat(place, &st) < 0) {
		leave_out(g, errno == ELOOP || errno == EXDEV ? "it leads elsewhere"
							      : strerror(errno));
		return;
	}
	if (!S_ISDIR(st.st_mode)) {
		open_file(g, folder, name, place, &st);
		return;
	}
	int fd = openat(place, ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		leave_out(g, strerror(errno));
	else
		enter(g, fd);
}

/* The last word: how many of those left out were not named. */
static void finish(struct gather *g)
{
	char text[96];
	unsigned others = g->left_out > NAMED_MAX ? g->left_out - NAMED_MAX : 0;
	g->path[0] = '\0';
	if (g->seen > LIMIT_ARTIFACTS_SEEN)
		snprintf(text, sizeof(text), "more than %d names: the rest was not looked at",
			 LIMIT_ARTIFACTS_SEEN);
	else if (others)
		snprintf(text, sizeof(text), "%u more are left out", others);
	else
		return;
	g->told.offset = g->told.zeros = 0;
	tell(g, (struct str){ 0 }, false, text);
}

bool gather_step(struct gather *g)
{
	size_t bytes = 0;
	ASSERT(g->news);
	for (unsigned names = 0; names < STEP_NAMES && bytes < STEP_BYTES;) {
		if (spool_is_full(g->news->spool))
			return false;
		if (g->fd >= 0) {
			bytes += read_piece(g);
			continue;
		}
		if (!g->depth) {
			finish(g);
			if (g->cores_fd < 0)
				return true;
			enter_cores(g);
			continue;
		}
		struct dirent *entry = readdir(g->folders[g->depth - 1]);
		if (!entry) {
			leave_folder(g);
		} else if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
			names++;
			if (++g->seen > LIMIT_ARTIFACTS_SEEN)
				while (g->depth)
					leave_folder(g);
			else
				look_at(g, entry->d_name);
		}
	}
	return false;
}
