// SPDX-License-Identifier: Apache-2.0
/*
 * artifacts.c - pieces to files. Names come from tests and from workers: each is made safe, folders
 * are entered one by one and never through a link, and a file gets its name by rename when it is
 * whole.
 *
 * A file's pieces come in order, those of different files mixed, and after a worker's loss some
 * come again: a piece at offset 0 begins anew, one that is there already changes nothing, and one
 * that does not follow ends its file as not whole. Zeros that were not sent are holes here, too.
 */
#include "coordinator/serve/artifacts.h"

#include "protocol/base/escape.h"
#include "protocol/base/fd.h"
#include "protocol/base/state.h"
#include "protocol/base/vec.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPEN_MAX_FILES = 128 }; /* a worker's slot has one open at a time; of more the oldest goes */
#define RUN_BYTES_MAX (UINT64_C(4) << 30)

/* A file whose end has not come. */
struct part {
	struct msg_run_event event; /* whose; texts are ours */
	struct arena texts;
	int folder, fd; /* where its name will be; the file; -1: it is not written */
	char temp[40];	/* its name until then */
	char name[NAME_MAX + 1];
	uint64_t bytes;
	const char *why; /* it is not written */
};

struct artifacts {
	struct artifacts_options options;
	struct buf root, file; /* the folder's path, "" before the first; the file last told */
	int root_fd;
	struct {
		struct part **items;
		size_t len, cap;
	} parts;
	struct arena texts; /* of the event last told */
	char *run;
	uint64_t bytes, serial;
	struct err err; /* the first */
};

struct artifacts *artifacts_new(const struct artifacts_options *options)
{
	struct artifacts *a = calloc(1, sizeof(*a));
	if (!a)
		return NULL;
	a->options = *options;
	a->root_fd = -1;
	buf_init(&a->root, PATH_MAX - 1);
	buf_init(&a->file, PATH_MAX - 1);
	return a;
}

static bool is_off(const struct artifacts *a)
{
	return a->options.folder && strcmp(a->options.folder, "none") == 0;
}

/* Append the file's path below the folder of all. As buf_append. */
static int put_path(struct buf *path, const struct msg_run_event *event)
{
	const struct state_owner owner = {
		.suite = event->suite,
		.program = event->program,
		.name = event->name,
		.attempt = event->attempt,
		.cases = event->count,
	};
	struct str rest = event->path, part;
	int r = state_owner_path(path, &owner);
	while (r == 0 && str_split(&rest, '/', &part)) {
		r = buf_puts(path, "/");
		r = r ? r : escape_file(path, part);
	}
	return r;
}

/* A file cannot be written: the first is told when the run is over. Returns r. */
static int trouble(struct artifacts *a, int r, const struct part *part)
{
	struct buf path;
	if (a->err.code)
		return r;
	buf_init(&path, PATH_MAX);
	(void)put_path(&path, &part->event); /* too long: as much as fits */
	err_errno(&a->err, r,
		  "writing the artifact %s below %s (free space, or choose another folder with "
		  "--artifacts-dir)",
		  buf_text(&path), buf_text(&a->root));
	buf_done(&path);
	return r;
}

/* ---- places ---- */

/* The folder of all, made when the first file comes. 0 or -errno. */
static int open_root(struct artifacts *a)
{
	char real[PATH_MAX];
	int r = 0;
	if (a->root_fd >= 0 || a->root.len)
		return a->root_fd >= 0 ? 0 : -ENOENT;
	if (!a->options.folder) {
		struct err err = { 0 };
		buf_done(&a->root);
		r = state_make_run(str_of(a->run), "artifacts", &a->root, &err);
		if (r < 0 && !a->err.code)
			a->err = err;
	} else {
		r = fd_make_dirs(a->options.folder);
		if (r == 0 && !realpath(a->options.folder, real))
			r = -errno;
		r = r ? r : buf_puts(&a->root, real);
	}
	if (r == 0)
		a->root_fd = open(buf_text(&a->root), O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (r == 0 && a->root_fd < 0)
		r = -errno;
	if (r < 0 && !a->err.code)
		err_errno(&a->err, r,
			  "making the folder %s for artifacts; choose another with "
			  "--artifacts-dir",
			  a->options.folder ? a->options.folder : buf_text(&a->root));
	return r;
}

/* Make and enter the folders of a path below root_fd; its last name stays in *ret_name. Returns the
 * last folder or -errno. */
static int enter(const struct artifacts *a, char *path, char **ret_name)
{
	int at = a->root_fd, next;
	for (char *slash; (slash = strchr(path, '/')); path = slash + 1) {
		*slash = '\0';
		if (mkdirat(at, path, 0777) < 0 && errno != EEXIST)
			next = -errno;
		else if ((next = openat(at, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) <
			 0)
			next = -errno;
		if (at != a->root_fd)
			close(at);
		if (next < 0)
			return next;
		at = next;
	}
	*ret_name = path;
	return at == a->root_fd ? -EINVAL : at;
}

/* ---- one file ---- */

static void close_part(struct part *part)
{
	if (part->fd >= 0)
		unlinkat(part->folder, part->temp, 0);
	fd_close(&part->fd);
	fd_close(&part->folder);
	arena_done(&part->texts);
	free(part);
}

static int copy_text(struct arena *arena, struct str *text)
{
	char *copy = arena_copy(arena, *text);
	text->data = copy ? copy : "";
	text->len = copy ? text->len : 0;
	return copy ? 0 : -ENOMEM;
}

/* The event without its piece, its texts in the arena. 0 or -ENOMEM. */
static int copy_event(struct arena *arena, const struct msg_run_event *from,
		      struct msg_run_event *to)
{
	struct str *texts[] = { &to->suite,  &to->program, &to->name, &to->adapter,
				&to->worker, &to->message, &to->path };
	*to = *from;
	to->out = to->err = to->file = (struct str){ .data = "" };
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (copy_text(arena, texts[i]) < 0)
			return -ENOMEM;
	return 0;
}

static int open_part(struct artifacts *a, struct part *part)
{
	struct buf path;
	char *name = NULL;
	int r = open_root(a);
	if (r < 0)
		return r;
	buf_init(&path, PATH_MAX - 1 - a->root.len);
	r = put_path(&path, &part->event);
	r = r ? r : enter(a, path.data, &name);
	if (r >= 0) {
		part->folder = r;
		snprintf(part->name, sizeof(part->name), "%s", name);
		snprintf(part->temp, sizeof(part->temp), "~part-%ld-%llu", (long)getpid(),
			 (unsigned long long)++a->serial);
		part->fd = openat(part->folder, part->temp,
				  O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
		r = part->fd < 0 ? -errno : 0;
	}
	buf_done(&path);
	return r < 0 ? trouble(a, r == -ENOBUFS ? -ENAMETOOLONG : r, part) : 0;
}

static struct part *begin_part(struct artifacts *a, const struct msg_run_event *event)
{
	struct part *part = calloc(1, sizeof(*part));
	if (!part)
		return NULL;
	part->folder = part->fd = -1;
	if (copy_event(&part->texts, event, &part->event) < 0 || VEC_PUSH(&a->parts, part) < 0) {
		close_part(part);
		return NULL;
	}
	if (is_off(a))
		return part;
	if (a->bytes > RUN_BYTES_MAX)
		part->why = "left out: the run's artifacts take more than 4 GiB";
	else if (open_part(a, part) < 0)
		part->why = "left out: it cannot be written here";
	return part;
}

static bool is_of(const struct part *part, const struct msg_run_event *event)
{
	return part->event.index == event->index && part->event.attempt == event->attempt &&
	       str_eq(part->event.path, event->path);
}

static struct part *find_part(const struct artifacts *a, const struct msg_run_event *event)
{
	for (size_t i = 0; i < a->parts.len; i++)
		if (is_of(a->parts.items[i], event))
			return a->parts.items[i];
	return NULL;
}

static void drop_part(struct artifacts *a, const struct part *part)
{
	size_t kept = 0;
	for (size_t i = 0; i < a->parts.len; i++)
		if (a->parts.items[i] != part)
			a->parts.items[kept++] = a->parts.items[i];
	a->parts.len = kept;
}

/* Make the hole before a piece. 0 or -errno. */
static int skip_zeros(const struct part *part, const struct msg_run_event *event)
{
	if (!event->dropped_bytes)
		return 0;
	if (event->offset > LIMIT_ARTIFACT_SPAN_BYTES)
		return -EFBIG;
	off_t to = (off_t)event->offset;
	return ftruncate(part->fd, to) < 0 || lseek(part->fd, to, SEEK_SET) < 0 ? -errno : 0;
}

static void write_piece(struct artifacts *a, struct part *part, const struct msg_run_event *event)
{
	int r = part->fd < 0 ? 0 : skip_zeros(part, event);
	r = r || part->fd < 0 ? r : fd_write_all(part->fd, event->out.data, event->out.len);
	part->bytes = event->offset + event->out.len;
	a->bytes += event->out.len;
	if (r == 0)
		return;
	trouble(a, r, part);
	part->why = "left out: it could not be written here";
	unlinkat(part->folder, part->temp, 0);
	fd_close(&part->fd);
}

/* Give the file its name, and tell of it. */
static void end_part(struct artifacts *a, struct part *part, struct str message,
		     struct msg_run_event *ret_event)
{
	bool written = part->fd >= 0;
	if (written && renameat(part->folder, part->temp, part->folder, part->name) < 0) {
		trouble(a, -errno, part);
		part->why = "left out: it cannot be written here";
		written = false;
	}
	if (written)
		fd_close(&part->fd);
	arena_clear(&a->texts);
	if (copy_event(&a->texts, &part->event, ret_event) < 0 && !a->err.code)
		err_set(&a->err, -ENOMEM, "no memory for the name of an artifact");
	ret_event->message = part->why ? str_of(part->why) : message;
	ret_event->offset = part->bytes;
	ret_event->more = 0;
	buf_clear(&a->file);
	if (written && buf_printf(&a->file, "%s/", buf_text(&a->root)) == 0 &&
	    put_path(&a->file, ret_event) == 0)
		ret_event->file = buf_str(&a->file);
	drop_part(a, part);
	close_part(part);
}

/* ---- events ---- */

/* Of a run that is over: is the file still where such runs put it? */
static void find_stored(struct artifacts *a, const struct msg_run_event *event,
			struct msg_run_event *ret_event)
{
	*ret_event = *event;
	ret_event->file = (struct str){ .data = "" };
	buf_clear(&a->file);
	if (state_run_path(&a->file, str_of(a->run), "artifacts/") == 0 &&
	    put_path(&a->file, event) == 0 && access(buf_text(&a->file), F_OK) == 0)
		ret_event->file = buf_str(&a->file);
}

static bool take_piece(struct artifacts *a, const struct msg_run_event *event,
		       struct msg_run_event *ret_event)
{
	struct part *part = find_part(a, event);
	uint64_t from = event->offset;
	from -= event->dropped_bytes <= from ? event->dropped_bytes : 0;
	if (!event->out.len && !event->offset && !event->more && event->message.len) {
		*ret_event = *event; /* there never was a file */
		ret_event->file = (struct str){ .data = "" };
		return true;
	}
	if (part && from == 0 && part->bytes) {
		drop_part(a, part);
		close_part(part);
		part = NULL;
	}
	if (!part && from == 0)
		part = begin_part(a, event);
	if (!part || from < part->bytes)
		return false;
	if (from > part->bytes) {
		end_part(a, part, STR_LIT("not whole: a piece of it was lost"), ret_event);
		return true;
	}
	write_piece(a, part, event);
	if (!event->more) {
		end_part(a, part, event->message, ret_event);
		return true;
	}
	if (a->parts.len <= OPEN_MAX_FILES)
		return false;
	end_part(a, a->parts.items[0], STR_LIT("not whole: its end never came"), ret_event);
	return true;
}

bool artifacts_event(struct artifacts *a, const struct msg_run_event *event,
		     struct msg_run_event *ret_event)
{
	if (event->kind == MSG_RUN_STARTED && !a->run)
		a->run = str_dup(event->name);
	if (event->kind == MSG_RUN_ARTIFACT && a->run && !a->options.stored)
		return take_piece(a, event, ret_event);
	if (event->kind == MSG_RUN_ARTIFACT && a->run)
		find_stored(a, event, ret_event);
	else
		*ret_event = *event;
	return true;
}

bool artifacts_give_up(struct artifacts *a, struct msg_run_event *ret_event)
{
	if (!a->parts.len)
		return false;
	end_part(a, a->parts.items[0], STR_LIT("not whole: its end never came"), ret_event);
	return true;
}

int artifacts_close(struct artifacts *a, struct err *err)
{
	if (!a)
		return 0;
	int r = a->err.code;
	if (r < 0 && err)
		*err = a->err;
	for (size_t i = 0; i < a->parts.len; i++)
		close_part(a->parts.items[i]);
	VEC_DONE(&a->parts);
	fd_close(&a->root_fd);
	buf_done(&a->root);
	buf_done(&a->file);
	arena_done(&a->texts);
	free(a->run);
	free(a);
	return r;
}
