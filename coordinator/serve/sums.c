// SPDX-License-Identifier: Apache-2.0
/*
 * sums.c - one file per walk: rows [path, size, mtime, ctime, inode, device, what is known] in the
 * shapes of codec.h, and behind them the digest of all that, so that a damaged file is none.
 *
 * The time of change is part of a row because a program may set the other back. A file changed
 * within FRESH_NS before it was looked at is not kept: it may change again within the same tick of
 * the clock.
 */
#include "coordinator/serve/sums.h"

#include "protocol/base/buf.h"
#include "protocol/base/clock.h"
#include "protocol/base/fd.h"
#include "protocol/wire/codec.h"
#include "protocol/wire/digest.h"
#include "protocol/wire/tree.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRESH_NS (2 * UINT64_C(1000000000))
enum {
	ROW_FIELDS = 7,
	FILE_BYTES_MAX = 512 << 20,
};

struct row {
	struct str path, known;
	uint64_t size, mtime, ctime, inode, device;
};

struct sums {
	char path[PATH_MAX]; /* empty: nothing is kept */
	struct buf before, after;
	struct codec_reader rest; /* of before */
	struct row row;		  /* the last one read of it; path "" before the first */
	uint64_t began_ns;
};

static uint64_t ns_of(const struct timespec *time)
{
	return (uint64_t)time->tv_sec * 1000000000 + (uint64_t)time->tv_nsec;
}

static struct row row_of(struct str path, const struct stat *st, struct str known)
{
	return (struct row){
		.path = path,
		.known = known,
		.size = (uint64_t)st->st_size,
		.mtime = ns_of(&st->st_mtim),
		.ctime = ns_of(&st->st_ctim),
		.inode = st->st_ino,
		.device = st->st_dev,
	};
}

static int get_row(struct codec_reader *in, struct row *row)
{
	size_t n = 0;
	int r = codec_get_array(in, &n);
	r = r ? r : n == ROW_FIELDS ? 0 : -EBADMSG;
	r = r ? r : codec_get_bin(in, &row->path);
	r = r ? r : codec_get_u64(in, &row->size);
	r = r ? r : codec_get_u64(in, &row->mtime);
	r = r ? r : codec_get_u64(in, &row->ctime);
	r = r ? r : codec_get_u64(in, &row->inode);
	r = r ? r : codec_get_u64(in, &row->device);
	return r ? r : codec_get_bin(in, &row->known);
}

static int put_row(struct buf *out, const struct row *row)
{
	int r = codec_put_array(out, ROW_FIELDS);
	r = r ? r : codec_put_bin(out, row->path);
	r = r ? r : codec_put_u64(out, row->size);
	r = r ? r : codec_put_u64(out, row->mtime);
	r = r ? r : codec_put_u64(out, row->ctime);
	r = r ? r : codec_put_u64(out, row->inode);
	r = r ? r : codec_put_u64(out, row->device);
	return r ? r : codec_put_bin(out, row->known);
}

static void choose_path(struct sums *sums, const char *folder, struct str key)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	char hex[DIGEST_HEX_BYTES];
	struct digest digest;
	int n = 0;
	digest_bytes(key, &digest);
	digest_hex(&digest, hex);
	if (folder)
		n = snprintf(sums->path, PATH_MAX, "%s/sums/%s", folder, hex);
	else if (cache && cache[0] == '/')
		n = snprintf(sums->path, PATH_MAX, "%s/paddock/sums/%s", cache, hex);
	else if (home && home[0] == '/')
		n = snprintf(sums->path, PATH_MAX, "%s/.cache/paddock/sums/%s", home, hex);
	if (n >= PATH_MAX)
		sums->path[0] = '\0';
}

struct sums *sums_open(const char *folder, struct str key)
{
	struct sums *sums = calloc(1, sizeof(*sums));
	struct digest digest;
	if (!sums)
		return NULL;
	choose_path(sums, folder, key);
	buf_init(&sums->after, FILE_BYTES_MAX);
	sums->began_ns = clock_wall_us() * 1000;
	if (!sums->path[0] || fd_read_file(sums->path, FILE_BYTES_MAX, &sums->before) < 0)
		return sums;
	size_t n = sums->before.len;
	if (n < DIGEST_BYTES)
		return sums;
	sums->rest = (struct codec_reader){ sums->before.data, n - DIGEST_BYTES };
	digest_bytes((struct str){ sums->before.data, n - DIGEST_BYTES }, &digest);
	if (memcmp(digest.bytes, sums->before.data + n - DIGEST_BYTES, DIGEST_BYTES) != 0)
		sums->rest.left = 0;
	return sums;
}

struct str sums_find(struct sums *sums, struct str path, const struct stat *st)
{
	while (!sums->row.path.len || tree_order(sums->row.path, path) < 0)
		if (!sums->rest.left || get_row(&sums->rest, &sums->row) < 0) {
			sums->rest.left = 0;
			return (struct str){ 0 };
		}
	struct row now = row_of(path, st, sums->row.known);
	if (!str_eq(now.path, sums->row.path) || now.size != sums->row.size ||
	    now.mtime != sums->row.mtime || now.ctime != sums->row.ctime ||
	    now.inode != sums->row.inode || now.device != sums->row.device)
		return (struct str){ 0 };
	return sums->row.known;
}

void sums_keep(struct sums *sums, struct str path, const struct stat *st, struct str known)
{
	struct row row = row_of(path, st, known);
	size_t before = sums->after.len;
	if (row.ctime + FRESH_NS > sums->began_ns || row.mtime + FRESH_NS > sums->began_ns)
		return;
	if (put_row(&sums->after, &row) < 0)
		sums->after.len = before; /* not kept: it is read again the next time */
}

static void write_out(struct sums *sums)
{
	struct digest digest;
	char folder[PATH_MAX];
	digest_bytes(buf_str(&sums->after), &digest);
	if (buf_append(&sums->after, digest.bytes, DIGEST_BYTES) < 0)
		return;
	if (str_eq(buf_str(&sums->after), buf_str(&sums->before)))
		return;
	memcpy(folder, sums->path, sizeof(folder));
	*strrchr(folder, '/') = '\0';
	if (fd_make_dirs(folder) == 0)
		(void)fd_write_file(sums->path, sums->after.data, sums->after.len, NULL);
}

void sums_close(struct sums *sums)
{
	if (!sums)
		return;
	if (sums->path[0])
		write_out(sums);
	buf_done(&sums->before);
	buf_done(&sums->after);
	free(sums);
}
