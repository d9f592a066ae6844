// SPDX-License-Identifier: Apache-2.0
/*
 * cas.c - the content store. A file holds four bytes of mark, the content's size and the packed
 * content; its name is the content's digest.
 *
 * Nothing is indexed in memory. Digests spread evenly over CAS_SHELVES folders, so each has an
 * equal share of the quota and is looked through alone, when it is first put to and when it is
 * full: that bounds how long anybody waits. The time of last use is the file's modification time,
 * moved at most every TOUCH_US.
 *
 * A lease is a moment, not a list: what was used since the oldest one began stays. So a run may
 * refer to a million objects at no cost. Should the clock go back, nothing is evicted until all
 * leases are over.
 *
 * Durable costs one commit of the file system's journal per cas_sync: the bytes are written out
 * first, then the objects renamed, then one of their folders synced, whose commit takes along all
 * that came before it (ext4, xfs). A sync per file costs ten times as much, one of the whole file
 * system waits for everybody else's writes. Should a crash of the machine leave an object that is
 * not whole all the same, it is found out as any other damage is.
 *
 * Invariants: an object becomes visible by its rename, after its bytes (and, when durable, their
 * sync); old names in tmp/ are nobody's and are removed at the start. Several processes may share a
 * store, but a lease binds its own process only. Not for: who may put or get.
 */
#include "protocol/wire/cas.h"

#include "protocol/base/assert.h"
#include "protocol/base/clock.h"
#include "protocol/base/fd.h"
#include "protocol/base/vec.h"
#include "protocol/wire/blob.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOUCH_US    (10 * 60 * CLOCK_US_PER_S)
#define SUSPECT_US  (10 * 60 * CLOCK_US_PER_S)
#define TMP_LIFE_US (60 * 60 * CLOCK_US_PER_S)

enum {
	HEAD_BYTES = 8, /* mark and size */
	NAME_BYTES = 2 * DIGEST_BYTES,
	TMP_NAME_BYTES = 32,
	WRITTEN = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER,
	KEEP_PERCENT = 90, /* of a shelf's share, after an eviction */
	FOLDER_FLAGS = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
};

static const char mark[4] = "pdk1";

struct shelf {
	int fd;
	uint64_t bytes; /* of its objects */
	bool counted;
};

/* An object that waits for cas_sync in tmp/. */
struct pending {
	struct digest id;
	int fd;
	unsigned number;
	uint64_t bytes;
};

struct lease {
	uint64_t number, began_us;
};

struct cas {
	struct cas_options options;
	struct shelf shelves[CAS_SHELVES];
	bool uneven; /* a shelf holds more than its share */
	int tmp_fd;
	int dirty_fd; /* of a shelf that was written to since the last sync; -1: none */
	unsigned next_number;
	uint64_t salt;		     /* of names in tmp/ */
	uint64_t next_lease, now_us; /* latest time seen */
	uint64_t damaged_us;	     /* monotonic; when damage was found last; 0: never */
	struct {
		struct pending *items;
		size_t len, cap;
	} pending;
	struct {
		struct lease *items;
		size_t len, cap;
	} leases;
	struct buf packed, raw; /* scratch */
	struct cas_counts counts;
};

/* ---- names ---- */

static struct shelf *shelf_of(struct cas *cas, const struct digest *id)
{
	return &cas->shelves[id->bytes[0] >> 4];
}

/* The name on its shelf: the digest without its first digit, which is the shelf's. */
static const char *name_of(const struct digest *id, char hex[DIGEST_HEX_BYTES])
{
	return digest_hex(id, hex) + 1;
}

/* Of a file in tmp/: no other process uses the same. */
static void tmp_name(const struct cas *cas, unsigned number, char out[TMP_NAME_BYTES])
{
	snprintf(out, TMP_NAME_BYTES, "%016" PRIx64 "-%u", cas->salt, number);
}

/* ---- time and leases ---- */

/* Wall time, because it has to mean something to the next process; a step back ends with 0. */
static uint64_t now_us(struct cas *cas)
{
	uint64_t now = clock_wall_us();
	if (now < cas->now_us)
		for (size_t i = 0; i < cas->leases.len; i++)
			cas->leases.items[i].began_us = 0;
	cas->now_us = now;
	return now;
}

uint64_t cas_lease(struct cas *cas, uint64_t from_us)
{
	uint64_t now = now_us(cas);
	struct lease lease = { .number = ++cas->next_lease,
			       .began_us = from_us < now ? from_us : now };
	return VEC_PUSH(&cas->leases, lease) < 0 ? 0 : lease.number;
}

void cas_release(struct cas *cas, uint64_t number)
{
	for (size_t i = 0; i < cas->leases.len; i++)
		if (cas->leases.items[i].number == number)
			cas->leases.items[i] = cas->leases.items[--cas->leases.len];
}

/* What was last used then or later is protected. */
static uint64_t protected_from(struct cas *cas)
{
	uint64_t oldest = now_us(cas);
	for (size_t i = 0; i < cas->leases.len; i++)
		if (cas->leases.items[i].began_us < oldest)
			oldest = cas->leases.items[i].began_us;
	return cas->leases.len && oldest > TOUCH_US ? oldest - TOUCH_US
	       : cas->leases.len		    ? 0
						    : oldest;
}

static uint64_t time_of(const struct stat *st)
{
	return (uint64_t)st->st_mtim.tv_sec * CLOCK_US_PER_S + (uint64_t)st->st_mtim.tv_nsec / 1000;
}

/* The object was used now. */
static void touch(struct cas *cas, const struct shelf *shelf, const char *name,
		  const struct stat *st)
{
	uint64_t now = now_us(cas), then = time_of(st);
	if (then <= now && now - then < TOUCH_US)
		return;
	(void)utimensat(shelf->fd, name, NULL, 0); /* at worst it is evicted too early */
}

/* ---- eviction ---- */

struct object {
	uint64_t used_us, bytes;
	char name[NAME_BYTES];
};

struct objects {
	struct object *items;
	size_t len, cap;
};

static int by_use(const void *a, const void *b)
{
	const struct object *x = a, *y = b;
	return x->used_us < y->used_us ? -1 : x->used_us > y->used_us;
}

static int look_through(struct shelf *shelf, struct objects *objects)
{
	int copy = openat(shelf->fd, ".", FOLDER_FLAGS), r = 0;
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	if (!dir) {
		r = -errno;
		fd_close(&copy);
		return r;
	}
	shelf->bytes = 0;
	for (struct dirent *entry; r == 0 && (entry = readdir(dir));) {
		struct object object;
		struct stat st;
		if (strlen(entry->d_name) != NAME_BYTES - 1 ||
		    fstatat(shelf->fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		object.used_us = time_of(&st);
		object.bytes = (uint64_t)st.st_size;
		memcpy(object.name, entry->d_name, NAME_BYTES);
		shelf->bytes += object.bytes;
		r = VEC_PUSH(objects, object);
	}
	closedir(dir);
	shelf->counted = r == 0;
	return r;
}

/* Look through a shelf, and evict what no lease protects until it holds no more than `keep`. */
static int evict(struct cas *cas, struct shelf *shelf, uint64_t keep)
{
	struct objects objects = { 0 };
	int r = look_through(shelf, &objects);
	if (r == 0 && shelf->bytes > keep) {
		uint64_t from = protected_from(cas);
		qsort(objects.items, objects.len, sizeof(*objects.items), by_use);
		for (size_t i = 0;
		     i < objects.len && shelf->bytes > keep && objects.items[i].used_us < from;
		     i++) {
			if (unlinkat(shelf->fd, objects.items[i].name, 0) < 0)
				continue;
			shelf->bytes -= objects.items[i].bytes;
			cas->counts.evicted++;
			cas->counts.evicted_bytes += objects.items[i].bytes;
		}
	}
	free(objects.items);
	return r;
}

/* Some shelf holds more than its share: what all hold counts. As make_room. */
static int make_room_of_all(struct cas *cas, uint64_t more)
{
	uint64_t quota = cas->options.quota_bytes, bytes = more;
	int r = 0;
	cas->uneven = false;
	for (size_t i = 0; r == 0 && i < CAS_SHELVES; i++) {
		struct shelf *shelf = &cas->shelves[i];
		r = shelf->counted ? 0 : evict(cas, shelf, UINT64_MAX);
		bytes += shelf->bytes;
		cas->uneven = cas->uneven || shelf->bytes + more > quota / CAS_SHELVES;
	}
	for (size_t i = 0; r == 0 && i < CAS_SHELVES && bytes > quota; i++) {
		struct shelf *shelf = &cas->shelves[i];
		uint64_t before = shelf->bytes, over = bytes - quota;
		r = evict(cas, shelf, before > over ? before - over : 0);
		bytes = bytes - before + shelf->bytes;
	}
	return r == 0 && bytes > quota ? -ENOSPC : r;
}

/*
 * Make room for `more` bytes. Few objects spread less evenly than many, so a shelf whose objects
 * are all protected may take what the others leave of theirs. 0, -ENOSPC when leases protect too
 * much, -errno.
 */
static int make_room(struct cas *cas, struct shelf *shelf, uint64_t more)
{
	uint64_t share = cas->options.quota_bytes / CAS_SHELVES,
		 keep = share / 100 * KEEP_PERCENT - more;
	int r = shelf->counted ? 0 : evict(cas, shelf, UINT64_MAX);
	if (r == 0 && shelf->bytes + more > share)
		r = evict(cas, shelf, keep);
	if (r == 0 && (cas->uneven || shelf->bytes + more > share))
		r = make_room_of_all(cas, more);
	return r;
}

/* ---- putting ---- */

static const struct pending *find_pending(const struct cas *cas, const struct digest *id)
{
	for (size_t i = 0; i < cas->pending.len; i++)
		if (memcmp(cas->pending.items[i].id.bytes, id->bytes, DIGEST_BYTES) == 0)
			return &cas->pending.items[i];
	return NULL;
}

static int write_object(int fd, struct str packed, size_t raw_bytes)
{
	unsigned char head[HEAD_BYTES] = { 0 };
	memcpy(head, mark, sizeof(mark));
	for (size_t i = 0; i < 4; i++)
		head[4 + i] = (unsigned char)(raw_bytes >> 8 * i);
	int r = fd_write_all(fd, head, sizeof(head));
	return r < 0 ? r : fd_write_all(fd, packed.data, packed.len);
}

static int put_new(struct cas *cas, const struct digest *id, struct str packed, size_t raw_bytes)
{
	struct pending pending = {
		.id = *id,
		.number = cas->next_number++,
		.bytes = HEAD_BYTES + packed.len,
	};
	char name[TMP_NAME_BYTES];
	int r = VEC_RESERVE(&cas->pending, 1);
	r = r < 0 ? r : make_room(cas, shelf_of(cas, id), pending.bytes);
	if (r < 0)
		return r;
	tmp_name(cas, pending.number, name);
	pending.fd = openat(cas->tmp_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	r = pending.fd < 0 ? -errno : write_object(pending.fd, packed, raw_bytes);
	if (r < 0) {
		fd_close(&pending.fd);
		unlinkat(cas->tmp_fd, name, 0);
		return r;
	}
	if (!cas->options.durable)
		fd_close(&pending.fd);
	shelf_of(cas, id)->bytes += pending.bytes;
	cas->pending.items[cas->pending.len++] = pending;
	return 0;
}

int cas_put(struct cas *cas, const struct digest *id, struct str packed, size_t raw_bytes,
	    struct err *err)
{
	struct digest real;
	int r = blob_unpack(packed, raw_bytes, &cas->raw);
	if (r == 0)
		digest_bytes(buf_str(&cas->raw), &real);
	if (r == 0 && memcmp(real.bytes, id->bytes, DIGEST_BYTES) != 0)
		r = -EBADMSG;
	if (r < 0)
		return err_set(err, r, "a content is not what its digest says");
	if (find_pending(cas, id) || cas_has(cas, id))
		return 0;
	r = put_new(cas, id, packed, raw_bytes);
	if (r == -ENOSPC)
		return err_set(err, r,
			       "the content store %s is full of what runs in progress need, or its "
			       "disk is: give it a larger quota, or wait",
			       cas->options.folder);
	return r < 0 ? err_errno(err, r, "keeping a content in %s", cas->options.folder) : 0;
}

/* A pending object moves to its shelf. */
static int publish(struct cas *cas, struct pending *pending)
{
	char name[TMP_NAME_BYTES], hex[DIGEST_HEX_BYTES];
	struct shelf *shelf = shelf_of(cas, &pending->id);
	int r = pending->fd >= 0 && sync_file_range(pending->fd, 0, 0, WRITTEN) < 0 ? -errno : 0;
	fd_close(&pending->fd);
	tmp_name(cas, pending->number, name);
	if (r == 0 && renameat(cas->tmp_fd, name, shelf->fd, name_of(&pending->id, hex)) < 0)
		r = -errno;
	if (r < 0) {
		shelf->bytes -= pending->bytes;
		unlinkat(cas->tmp_fd, name, 0);
		return r;
	}
	cas->dirty_fd = cas->options.durable ? shelf->fd : -1;
	cas->counts.put++;
	cas->counts.put_bytes += pending->bytes;
	return 0;
}

int cas_sync(struct cas *cas, struct err *err)
{
	int r = 0;
	/* All are on their way to the disk before the first is waited for. */
	for (size_t i = 0; i < cas->pending.len; i++)
		if (cas->pending.items[i].fd >= 0)
			(void)sync_file_range(cas->pending.items[i].fd, 0, 0,
					      SYNC_FILE_RANGE_WRITE);
	for (size_t i = 0; i < cas->pending.len; i++) {
		int one = publish(cas, &cas->pending.items[i]);
		r = r ? r : one;
	}
	cas->pending.len = 0;
	if (cas->dirty_fd >= 0 && fsync(cas->dirty_fd) < 0)
		r = r ? r : -errno;
	cas->dirty_fd = -1;
	return r < 0 ? err_errno(err, r, "writing to the content store %s", cas->options.folder)
		     : 0;
}

/* ---- having and getting ---- */

/* Where one object is damaged, others may be. */
static bool is_suspect(const struct cas *cas)
{
	return cas->damaged_us && clock_mono_us() - cas->damaged_us < SUSPECT_US;
}

bool cas_has(struct cas *cas, const struct digest *id)
{
	char hex[DIGEST_HEX_BYTES];
	struct shelf *shelf = shelf_of(cas, id);
	const char *name = name_of(id, hex);
	struct stat st;
	/* A file without its bytes is what a crash of the machine may leave. */
	if (fstatat(shelf->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_size <= HEAD_BYTES)
		return false;
	if (is_suspect(cas))
		return cas_get(cas, id, NULL, &cas->raw) == 0;
	touch(cas, shelf, name, &st);
	return true;
}

/* Read the file; its packed content replaces *packed. 0 with *ret_raw_bytes, or -errno. */
static int read_object(int fd, struct buf *packed, size_t *ret_raw_bytes)
{
	unsigned char head[HEAD_BYTES];
	struct stat st;
	buf_clear(packed);
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size <= HEAD_BYTES ||
	    st.st_size > HEAD_BYTES + BLOB_PACKED_BYTES ||
	    pread(fd, head, sizeof(head), 0) != (ssize_t)sizeof(head) ||
	    memcmp(head, mark, sizeof(mark)) != 0)
		return -EBADMSG;
	size_t n = (size_t)st.st_size - HEAD_BYTES;
	int r = buf_reserve(packed, n);
	if (r < 0)
		return r;
	ssize_t got = pread(fd, packed->data, n, HEAD_BYTES);
	if (got != (ssize_t)n)
		return got < 0 ? -errno : -EBADMSG;
	packed->len = n;
	for (size_t i = 0; i < 4; i++)
		*ret_raw_bytes |= (size_t)head[4 + i] << 8 * i;
	return 0;
}

static int read_checked(int fd, const struct digest *id, struct buf *packed, struct buf *raw)
{
	struct digest real;
	size_t raw_bytes = 0;
	int r = read_object(fd, packed, &raw_bytes);
	r = r < 0 ? r : blob_unpack(buf_str(packed), raw_bytes, raw);
	if (r < 0)
		return r;
	digest_bytes(buf_str(raw), &real);
	return memcmp(real.bytes, id->bytes, DIGEST_BYTES) == 0 ? 0 : -EBADMSG;
}

int cas_get(struct cas *cas, const struct digest *id, struct buf *packed, struct buf *raw)
{
	char hex[DIGEST_HEX_BYTES];
	struct shelf *shelf = shelf_of(cas, id);
	const char *name = name_of(id, hex);
	struct stat st;
	packed = packed ? packed : &cas->packed;
	FD_CLEANUP int fd = openat(shelf->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int r = read_checked(fd, id, packed, raw);
	if (r == 0 && fstat(fd, &st) == 0)
		touch(cas, shelf, name, &st);
	if (r == 0) {
		cas->counts.got++;
		cas->counts.got_bytes += packed->len;
	}
	if (r != -EBADMSG && r != -EIO)
		return r;
	cas->counts.damaged++;
	cas->damaged_us = clock_mono_us();
	return unlinkat(shelf->fd, name, 0) < 0 && errno != ENOENT ? -errno : -ENOENT;
}

struct cas_counts cas_counts(const struct cas *cas)
{
	return cas->counts;
}

/* ---- life ---- */

/* What a former process left half-written an hour ago. */
static void empty_tmp(int tmp_fd)
{
	uint64_t now = clock_wall_us();
	int copy = openat(tmp_fd, ".", FOLDER_FLAGS);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	if (!dir) {
		fd_close(&copy);
		return;
	}
	for (struct dirent *entry; (entry = readdir(dir));) {
		struct stat st;
		if (fstatat(tmp_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    time_of(&st) + TMP_LIFE_US < now)
			(void)unlinkat(tmp_fd, entry->d_name, 0);
	}
	closedir(dir);
}

static int open_folder(int at, const char *name)
{
	if (mkdirat(at, name, 0700) < 0 && errno != EEXIST)
		return -errno;
	int fd = openat(at, name, FOLDER_FLAGS | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

static int open_folders(struct cas *cas)
{
	int r = fd_make_dirs(cas->options.folder);
	FD_CLEANUP int top = r < 0 ? r : open(cas->options.folder, FOLDER_FLAGS);
	if (r == 0 && top < 0)
		r = -errno;
	for (size_t i = 0; r >= 0 && i < CAS_SHELVES; i++) {
		const char name[2] = { "0123456789abcdef"[i], '\0' };
		r = cas->shelves[i].fd = open_folder(top, name);
	}
	if (r >= 0)
		r = cas->tmp_fd = open_folder(top, "tmp");
	if (r >= 0)
		empty_tmp(cas->tmp_fd);
	return r < 0 ? r : 0;
}

int cas_new(const struct cas_options *options, struct cas **ret_cas, struct err *err)
{
	struct cas *cas = calloc(1, sizeof(*cas));
	if (!cas)
		return err_set(err, -ENOMEM, "no memory for a content store");
	ASSERT(options->quota_bytes >= CAS_QUOTA_LEAST_BYTES);
	cas->options = *options;
	cas->tmp_fd = cas->dirty_fd = -1;
	cas->salt = clock_wall_us() << 22 ^ (uint64_t)getpid();
	for (size_t i = 0; i < CAS_SHELVES; i++)
		cas->shelves[i].fd = -1;
	buf_init(&cas->packed, BLOB_PACKED_BYTES);
	buf_init(&cas->raw, BLOB_MOST_BYTES);
	cas->options.folder = str_dup(str_of(options->folder));
	int r = cas->options.folder ? open_folders(cas) : -ENOMEM;
	if (r < 0) {
		cas_free(cas);
		return err_errno(err, r, "opening the content store %s", options->folder);
	}
	*ret_cas = cas;
	return 0;
}

void cas_free(struct cas *cas)
{
	if (!cas)
		return;
	for (size_t i = 0; i < cas->pending.len; i++)
		fd_close(&cas->pending.items[i].fd);
	for (size_t i = 0; i < CAS_SHELVES; i++)
		fd_close(&cas->shelves[i].fd);
	fd_close(&cas->tmp_fd);
	VEC_DONE(&cas->pending);
	VEC_DONE(&cas->leases);
	buf_done(&cas->packed);
	buf_done(&cas->raw);
	free((char *)cas->options.folder);
	free(cas);
}
