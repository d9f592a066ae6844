// SPDX-License-Identifier: Apache-2.0
/*
 * stage.c - the cache of listings: one file per key, a row of [u32 length][report frame] with
 * `listed` events, written to a temporary name and renamed. The decoder that guards the wire reads
 * it, so a damaged file is a miss.
 *
 * What it cannot see: a listing that depends on shared libraries or files beside the program. Hence
 * only kinds whose cases are compiled into the program are kept, and a case the program no longer
 * has ends as an error, never unseen.
 */
#include "worker/stage.h"

#include "protocol/base/buf.h"
#include "protocol/base/fd.h"
#include "protocol/base/vec.h"
#include "protocol/wire/hello.h"
#include "protocol/wire/kind.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	FILE_BYTES_MAX = 256 << 20, /* of one listing: beyond it listing anew is no slower */
	PIECE_BYTES = 512 << 10,
};

struct stage {
	char folder[PATH_MAX]; /* empty: nothing is kept */
};

struct stage *stage_new(const char *folder)
{
	struct stage *stage = calloc(1, sizeof(*stage));
	const char *cache = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");
	int n = 0;
	if (!stage)
		return NULL;
	if (folder)
		n = snprintf(stage->folder, PATH_MAX, "%s/listings", folder);
	else if (cache && cache[0] == '/')
		n = snprintf(stage->folder, PATH_MAX, "%s/paddock/listings", cache);
	else if (home && home[0] == '/')
		n = snprintf(stage->folder, PATH_MAX, "%s/.cache/paddock/listings", home);
	if (n >= PATH_MAX)
		stage->folder[0] = '\0';
	return stage;
}

void stage_free(struct stage *stage)
{
	free(stage);
}

static int put_text(struct buf *buf, struct str text)
{
	uint64_t len = text.len;
	int r = buf_append(buf, &len, sizeof(len));
	return r < 0 ? r : buf_put_str(buf, text);
}

/* May this variable change what a program of these kinds lists? */
static bool is_relevant(struct str variable)
{
	static const char *const prefixes[] = {
		"LD_", "GTEST_", "G_TEST_", "LANG", "LC_", "TEST_"
	};
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (str_starts(variable, str_of(prefixes[i])))
			return true;
	return false;
}

static int put_key(struct buf *buf, const struct msg_program *program, const struct digest *content)
{
	int r = buf_append(buf, content->bytes, sizeof(content->bytes));
	r = r ? r : put_text(buf, str_of(hello_build_id()));
	r = r ? r : put_text(buf, program->kind);
	r = r ? r : put_text(buf, program->path);
	r = r ? r : put_text(buf, program->cwd);
	for (size_t i = 0; i < program->n_args && r == 0; i++)
		r = put_text(buf, program->args[i]);
	for (size_t i = 0; i < program->n_env && r == 0; i++)
		if (is_relevant(program->env[i]))
			r = put_text(buf, program->env[i]);
	return r;
}

int stage_key(const struct msg_program *program, const char *file, struct digest *ret_key)
{
	struct digest content;
	struct buf buf;
	int kind = kind_parse(program->kind);
	if (program->n_args || (kind != KIND_GTEST && kind != KIND_GLIB))
		return -ENOTSUP;
	int r = digest_file(file, &content, NULL);
	if (r < 0)
		return r;
	buf_init(&buf, LIMIT_FRAME_BYTES);
	r = put_key(&buf, program, &content);
	if (r == 0)
		digest_bytes(buf_str(&buf), ret_key);
	buf_done(&buf);
	return r;
}

static int key_path(const struct stage *stage, const struct digest *key, char path[PATH_MAX])
{
	char hex[DIGEST_HEX_BYTES];
	if (!stage->folder[0])
		return -ENOENT;
	return snprintf(path, PATH_MAX, "%s/%s", stage->folder, digest_hex(key, hex)) < PATH_MAX
		       ? 0
		       : -ENAMETOOLONG;
}

static struct adapt_case unlist(const struct msg_listed *from)
{
	return (struct adapt_case){
		.name = from->name,
		.detail = from->detail,
		.disabled = from->disabled,
		.serial = from->serial,
		.processors = from->processors,
		.timeout_us = from->timeout_us,
		.locks = (struct str *)from->locks,
		.n_locks = from->n_locks,
		.after = (struct str *)from->after,
		.n_after = from->n_after,
		.needs = (struct str *)from->needs,
		.n_needs = from->n_needs,
		.tags = (struct str *)from->tags,
		.n_tags = from->n_tags,
	};
}

struct msg_listed stage_listed(const struct adapt_case *from)
{
	return (struct msg_listed){
		.name = from->name,
		.detail = from->detail,
		.disabled = from->disabled,
		.serial = from->serial,
		.processors = from->processors,
		.timeout_us = from->timeout_us,
		.locks = from->locks,
		.n_locks = from->n_locks,
		.after = from->after,
		.n_after = from->n_after,
		.needs = from->needs,
		.n_needs = from->n_needs,
		.tags = from->tags,
		.n_tags = from->n_tags,
	};
}

static int load_frame(struct str frame, struct arena *arena, struct adapt_cases *cases)
{
	void *message;
	struct str copy = { arena_copy(arena, frame), frame.len };
	if (!copy.data)
		return -ENOMEM;
	if (msg_decode(copy, arena, &message, NULL) != MSG_REPORT)
		return -ENOENT;
	const struct msg_report *report = message;
	for (size_t i = 0; i < report->n_events; i++)
		for (size_t k = 0; k < report->events[i].n_listed; k++)
			if (VEC_PUSH(cases, unlist(&report->events[i].listed[k])) < 0)
				return -ENOMEM;
	return 0;
}

int stage_load(const struct stage *stage, const struct digest *key, struct arena *arena,
	       struct adapt_cases *cases)
{
	char path[PATH_MAX];
	struct buf bytes;
	size_t before = cases->len;
	int r = key_path(stage, key, path);
	if (r < 0 || fd_read_file(path, FILE_BYTES_MAX, &bytes) < 0)
		return -ENOENT;
	struct str rest = buf_str(&bytes);
	while (rest.len && r == 0) {
		uint32_t len = UINT32_MAX;
		if (rest.len >= sizeof(len))
			memcpy(&len, rest.data, sizeof(len));
		if (len > rest.len - (rest.len < sizeof(len) ? rest.len : sizeof(len))) {
			r = -ENOENT;
			break;
		}
		r = load_frame((struct str){ rest.data + sizeof(len), len }, arena, cases);
		rest.data += sizeof(len) + len;
		rest.len -= sizeof(len) + len;
	}
	buf_done(&bytes);
	if (r < 0)
		cases->len = before;
	return r == -ENOMEM ? r : r < 0 ? -ENOENT : 0;
}

static int put_piece(struct buf *file, struct msg_listed *listed, size_t n)
{
	struct msg_event event = { .kind = MSG_EVENT_LISTED, .listed = listed, .n_listed = n };
	struct msg_report report = { .events = &event, .n_events = 1 };
	struct buf frame;
	buf_init(&frame, LIMIT_FRAME_BYTES);
	int r = msg_encode(MSG_REPORT, &report, &frame, NULL);
	uint32_t len = (uint32_t)frame.len;
	r = r ? r : buf_append(file, &len, sizeof(len));
	r = r ? r : buf_put_str(file, buf_str(&frame));
	buf_done(&frame);
	return r;
}

static int put_cases(struct buf *file, const struct adapt_cases *cases)
{
	struct {
		struct msg_listed *items;
		size_t len, cap;
	} piece = { 0 };
	size_t bytes = 0;
	int r = 0;
	for (size_t i = 0; i < cases->len && r == 0; i++) {
		struct msg_listed listed = stage_listed(&cases->items[i]);
		size_t size = msg_size(&msg_record_listed, &listed);
		if (piece.len && (piece.len == LIMIT_LISTED || bytes + size > PIECE_BYTES)) {
			r = put_piece(file, piece.items, piece.len);
			piece.len = bytes = 0;
		}
		bytes += size;
		r = r ? r : VEC_PUSH(&piece, listed);
	}
	if (piece.len && r == 0)
		r = put_piece(file, piece.items, piece.len);
	VEC_DONE(&piece);
	return r;
}

/* Not synced: a torn file is a miss. */
static int write_file(const char *path, struct str bytes)
{
	char temporary[PATH_MAX];
	if (snprintf(temporary, sizeof(temporary), "%s.%ld", path, (long)getpid()) >= PATH_MAX)
		return -ENAMETOOLONG;
	FD_CLEANUP int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
				 0600);
	if (fd < 0)
		return -errno;
	int r = fd_write_all(fd, bytes.data, bytes.len);
	if (r == 0 && rename(temporary, path) < 0)
		r = -errno;
	if (r < 0)
		unlink(temporary);
	return r;
}

int stage_store(const struct stage *stage, const struct digest *key,
		const struct adapt_cases *cases)
{
	char path[PATH_MAX];
	struct buf file;
	int r = key_path(stage, key, path);
	r = r ? r : fd_make_dirs(stage->folder);
	if (r < 0)
		return r;
	buf_init(&file, FILE_BYTES_MAX);
	r = put_cases(&file, cases);
	r = r ? r : write_file(path, buf_str(&file));
	buf_done(&file);
	return r;
}
