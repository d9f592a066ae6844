// SPDX-License-Identifier: Apache-2.0
/*
 * disk.c - files of records, each `length, first bytes of the digest, record`, behind a line that
 * names the build. Invariants: files are numbered upward and only the last is written; a file that
 * nobody holds and that is not written any more is gone; the bytes behind `end` of the last file
 * are none of ours (a failed append is cut off).
 */
#include "worker/disk.h"

#include "protocol/base/assert.h"
#include "protocol/base/buf.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"
#include "protocol/base/vec.h"
#include "protocol/wire/digest.h"
#include "protocol/wire/hello.h"
#include "protocol/wire/limits.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	FILE_BYTES = 8 << 20,	    /* then another one is begun */
	FILE_READ_BYTES = 64 << 20, /* no file of ours is longer */
	CHECK_BYTES = 8,
	HEAD_BYTES = 4 + CHECK_BYTES,
	NAMES_MAX = 64, /* workers of one name on this machine */
};

struct held {
	uint64_t number;
	size_t holders;
};

struct disk {
	char folder[PATH_MAX];
	int lock, folder_fd, fd;
	uint64_t session;
	uint64_t number; /* of the file that is written; 0: none yet */
	off_t end;
	bool unsynced;
	struct {
		struct held *items;
		size_t len, cap;
	} held;
	struct buf frame;
};

const char *disk_folder(const struct disk *disk)
{
	return disk->folder;
}

static void file_name(uint64_t number, char out[32])
{
	snprintf(out, 32, "spool.%016" PRIx64, number);
}

static struct held *find(struct disk *disk, uint64_t number)
{
	for (size_t i = 0; i < disk->held.len; i++)
		if (disk->held.items[i].number == number)
			return &disk->held.items[i];
	return NULL;
}

static int hold(struct disk *disk, uint64_t number)
{
	struct held *held = find(disk, number);
	if (held) {
		held->holders++;
		return 0;
	}
	return VEC_PUSH(&disk->held, (struct held){ .number = number, .holders = 1 });
}

static void remove_file(struct disk *disk, uint64_t number)
{
	char name[32];
	file_name(number, name);
	if (unlinkat(disk->folder_fd, name, 0) < 0 && errno != ENOENT)
		LOG_WARN("spool_file_stays", "file=%s/%s reason=%s", disk->folder, name,
			 strerror(errno));
}

void disk_release(struct disk *disk, uint64_t file)
{
	struct held *held = find(disk, file);
	ASSERT(held && held->holders > 0);
	if (--held->holders)
		return;
	*held = disk->held.items[--disk->held.len];
	if (file != disk->number) {
		remove_file(disk, file);
		return;
	}
	/* Still written: the next holder finds it as long as its first line. */
	fd_close(&disk->fd);
	remove_file(disk, file);
	disk->unsynced = false;
	disk->end = 0;
}

/* ---- reading ---- */

static uint32_t length_of(const char *head)
{
	uint32_t length;
	memcpy(&length, head, sizeof(length));
	return length;
}

static bool is_whole(const char *head, struct str record)
{
	struct digest digest;
	digest_bytes(record, &digest);
	return memcmp(head + 4, digest.bytes, CHECK_BYTES) == 0;
}

/* The first line of a file. */
static int build_line(char out[128])
{
	return snprintf(out, 128, "paddock spool %s\n", hello_build_id());
}

static int read_records(struct disk *disk, struct str bytes, uint64_t number,
			int (*each)(void *data, struct str record, uint64_t file), void *data)
{
	int r = 0;
	while (r == 0 && bytes.len >= HEAD_BYTES) {
		struct str record = { bytes.data + HEAD_BYTES, length_of(bytes.data) };
		if (record.len > bytes.len - HEAD_BYTES || !is_whole(bytes.data, record))
			break;
		r = hold(disk, number);
		r = r < 0 ? r : each(data, record, number);
		bytes.data += HEAD_BYTES + record.len;
		bytes.len -= HEAD_BYTES + record.len;
	}
	if (r == 0 && bytes.len)
		LOG_WARN("spool_torn",
			 "file=%s/spool.%016" PRIx64 " bytes=%zu; the record was not whole, "
			 "nobody was told of it",
			 disk->folder, number, bytes.len);
	return r;
}

static int set_aside(struct disk *disk, const char *name)
{
	char to[64];
	snprintf(to, sizeof(to), "other-build.%s", name);
	LOG_WARN("spool_of_another_build",
		 "file=%s/%s; another version of paddock-worker left it, it is kept as %s and what "
		 "it holds is run again",
		 disk->folder, name, to);
	return renameat(disk->folder_fd, name, disk->folder_fd, to) < 0 ? -errno : 0;
}

static int read_file(struct disk *disk, uint64_t number,
		     int (*each)(void *data, struct str record, uint64_t file), void *data)
{
	char path[PATH_MAX + 64], name[32], line[128];
	struct buf bytes = { 0 };
	file_name(number, name);
	snprintf(path, sizeof(path), "%s/%s", disk->folder, name);
	int r = fd_read_file(path, FILE_READ_BYTES, &bytes);
	if (r < 0) {
		buf_done(&bytes);
		return r;
	}
	size_t n = (size_t)build_line(line);
	struct str all = buf_str(&bytes);
	if (all.len < n) {
		remove_file(disk, number); /* torn at its very beginning */
	} else if (memcmp(all.data, line, n) != 0) {
		r = set_aside(disk, name);
	} else {
		r = read_records(disk, (struct str){ all.data + n, all.len - n }, number, each,
				 data);
		if (r == 0 && !find(disk, number))
			remove_file(disk, number);
	}
	buf_done(&bytes);
	return r;
}

static int compare_numbers(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

/* Read what is there, oldest first; the next file is numbered above all. */
static int read_all(struct disk *disk, int (*each)(void *data, struct str record, uint64_t file),
		    void *data)
{
	struct {
		uint64_t *items;
		size_t len, cap;
	} numbers = { 0 };
	DIR *dir = opendir(disk->folder);
	int r = dir ? 0 : -errno;
	for (const struct dirent *entry; r == 0 && (entry = readdir(dir));) {
		uint64_t number;
		char tail;
		if (sscanf(entry->d_name, "spool.%16" SCNx64 "%c", &number, &tail) == 1)
			r = VEC_PUSH(&numbers, number);
	}
	if (dir)
		closedir(dir);
	if (numbers.len)
		qsort(numbers.items, numbers.len, sizeof(*numbers.items), compare_numbers);
	for (size_t i = 0; r == 0 && i < numbers.len; i++) {
		disk->number = numbers.items[i];
		r = read_file(disk, numbers.items[i], each, data);
	}
	VEC_DONE(&numbers);
	return r;
}

/* ---- writing ---- */

static int begin_file(struct disk *disk)
{
	char name[32], line[128];
	size_t n = (size_t)build_line(line);
	fd_close(&disk->fd);
	file_name(disk->number + 1, name);
	int fd = openat(disk->folder_fd, name,
			O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	int r = fd_write_all(fd, line, n);
	if (r < 0) {
		close(fd);
		unlinkat(disk->folder_fd, name, 0);
		return r;
	}
	disk->fd = fd;
	disk->number++;
	disk->end = (off_t)n;
	return 0;
}

uint64_t disk_hold(struct disk *disk)
{
	if (disk->fd >= 0 && disk->end >= FILE_BYTES && disk->unsynced)
		(void)disk_sync(disk); /* at the latest with the next file's; it is told there */
	if ((disk->fd < 0 || disk->end >= FILE_BYTES) && begin_file(disk) < 0)
		return 0;
	return hold(disk, disk->number) < 0 ? 0 : disk->number;
}

int disk_append(struct disk *disk, struct str record)
{
	struct digest digest;
	uint32_t length = (uint32_t)record.len;
	ASSERT(disk->fd >= 0 && record.len && record.len <= LIMIT_FRAME_BYTES);
	digest_bytes(record, &digest);
	buf_clear(&disk->frame);
	int r = buf_append(&disk->frame, &length, sizeof(length));
	r = r ? r : buf_append(&disk->frame, digest.bytes, CHECK_BYTES);
	r = r ? r : buf_put_str(&disk->frame, record);
	r = r ? r : fd_write_all(disk->fd, disk->frame.data, disk->frame.len);
	if (r < 0) {
		if (ftruncate(disk->fd, disk->end) < 0 ||
		    lseek(disk->fd, disk->end, SEEK_SET) != disk->end)
			LOG_WARN("spool_not_cut", "file=%s/spool.%016" PRIx64 " reason=%s",
				 disk->folder, disk->number, strerror(errno));
		return r;
	}
	disk->end += (off_t)disk->frame.len;
	disk->unsynced = true;
	return 0;
}

bool disk_is_unsynced(const struct disk *disk)
{
	return disk->unsynced;
}

int disk_sync(struct disk *disk)
{
	if (disk->fd >= 0 && fdatasync(disk->fd) < 0)
		return -errno;
	disk->unsynced = false;
	return 0;
}

/* ---- the session ---- */

uint64_t disk_session(const struct disk *disk)
{
	return disk->session;
}

int disk_note_session(struct disk *disk, uint64_t session)
{
	char path[PATH_MAX + 16], text[32];
	int n = snprintf(text, sizeof(text), "%" PRIu64 "\n", session);
	snprintf(path, sizeof(path), "%s/session", disk->folder);
	disk->session = session;
	return fd_write_file(path, text, (size_t)n, NULL);
}

static void read_session(struct disk *disk)
{
	char path[PATH_MAX + 16];
	struct buf text = { 0 };
	snprintf(path, sizeof(path), "%s/session", disk->folder);
	if (fd_read_file(path, 32, &text) == 0) {
		struct str line = buf_str(&text);
		if (line.len && line.data[line.len - 1] == '\n')
			line.len--;
		(void)str_parse_u64(line, 0, UINT64_MAX, &disk->session);
	}
	buf_done(&text);
}

/* ---- life ---- */

/* A name is free text and becomes one component of a path. */
static int folder_path(struct disk *disk, const char *dir, const char *name, unsigned nth)
{
	char safe[128];
	size_t n = 0;
	for (; name[n] && n < sizeof(safe) - 1; n++) {
		bool plain = (name[n] >= 'a' && name[n] <= 'z') ||
			     (name[n] >= 'A' && name[n] <= 'Z') ||
			     (name[n] >= '0' && name[n] <= '9') || name[n] == '-' ||
			     (name[n] == '.' && n > 0);
		safe[n] = plain ? name[n] : '_';
	}
	safe[n] = '\0';
	int r = nth == 1 ? snprintf(disk->folder, PATH_MAX, "%s/%s", dir, safe)
			 : snprintf(disk->folder, PATH_MAX, "%s/%s-%u", dir, safe, nth);
	return r < 0 || r >= PATH_MAX - 64 ? -ENAMETOOLONG : fd_make_dirs(disk->folder);
}

/* Take the folder: 1 it is ours, 0 another worker has it, -errno. */
static int take_folder(struct disk *disk)
{
	disk->folder_fd = open(disk->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (disk->folder_fd < 0 || fchmod(disk->folder_fd, 0700) < 0)
		return -errno;
	disk->lock = openat(disk->folder_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
			    0600);
	if (disk->lock < 0)
		return -errno;
	if (flock(disk->lock, LOCK_EX | LOCK_NB) == 0)
		return 1;
	int r = errno == EWOULDBLOCK ? 0 : -errno;
	fd_close(&disk->lock);
	fd_close(&disk->folder_fd);
	return r;
}

int disk_open(const char *dir, const char *name,
	      int (*each)(void *data, struct str record, uint64_t file), void *data,
	      struct disk **ret_disk, struct err *err)
{
	struct disk *disk = calloc(1, sizeof(*disk));
	if (!disk)
		return err_set(err, -ENOMEM, "no memory for the spool");
	disk->lock = disk->folder_fd = disk->fd = -1;
	buf_init(&disk->frame, LIMIT_FRAME_BYTES + HEAD_BYTES);
	int r = 0;
	for (unsigned nth = 1; r == 0 && nth <= NAMES_MAX; nth++) {
		r = folder_path(disk, dir, name, nth);
		r = r < 0 ? r : take_folder(disk);
	}
	if (r == 0)
		r = -EBUSY;
	if (r > 0) {
		read_session(disk);
		r = read_all(disk, each, data);
	}
	if (r < 0) {
		err_errno(err, r, "opening the spool in %s (give another place with --state DIR)",
			  disk->folder);
		disk_close(disk);
		return r;
	}
	*ret_disk = disk;
	return 0;
}

void disk_close(struct disk *disk)
{
	if (!disk)
		return;
	fd_close(&disk->fd);
	fd_close(&disk->lock);
	fd_close(&disk->folder_fd);
	VEC_DONE(&disk->held);
	buf_done(&disk->frame);
	free(disk);
}
