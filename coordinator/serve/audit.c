// SPDX-License-Identifier: Apache-2.0
/*
 * audit.c - the chained log. An entry is a line:
 *
 *	NUMBER TIME ACT KEY=VALUE... DIGEST
 *
 * DIGEST is BLAKE2b-256 of the digest before (64 zeros for the first entry), a newline, and the
 * line without its own digest. Whoever edits the past has to write every later entry anew, and the
 * head that somebody noted meanwhile no longer comes out.
 *
 * Invariants: a writer holds the lock while it reads the last entry and appends the next; an
 * acknowledged entry is durable. Bytes that a crash left without a line's end were never
 * acknowledged: the next writer cuts them and says so in an entry. Not for: what happened in runs.
 */
#include "coordinator/serve/audit.h"

#include "protocol/base/assert.h"
#include "protocol/base/buf.h"
#include "protocol/base/clock.h"
#include "protocol/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	LINE_BYTES_MAX = 4096,
	DIGITS = DIGEST_HEX_BYTES - 1,
};

struct audit {
	char *path;
	int fd;
};

static void no_head(struct audit_head *head)
{
	*head = (struct audit_head){ 0 };
	memset(head->digest, '0', DIGITS);
}

/* The digest of an entry, given the one before and the line up to its own. */
static const char *chain(const char *before, struct str entry, char out[DIGEST_HEX_BYTES])
{
	struct digest digest;
	char bytes[DIGITS + 1 + LINE_BYTES_MAX];
	ASSERT(entry.len <= LINE_BYTES_MAX);
	memcpy(bytes, before, DIGITS);
	bytes[DIGITS] = '\n';
	memcpy(bytes + DIGITS + 1, entry.data, entry.len);
	digest_bytes((struct str){ bytes, DIGITS + 1 + entry.len }, &digest);
	return digest_hex(&digest, out);
}

/* Take a line apart: its number, and the entry in front of its digest. False: it is none. */
static bool take_apart(struct str line, uint64_t *ret_number, struct str *ret_entry,
		       struct str *ret_digest)
{
	struct str rest = line, number;
	if (line.len <= DIGITS + 1 || line.len > LINE_BYTES_MAX ||
	    line.data[line.len - DIGITS - 1] != ' ')
		return false;
	*ret_digest = (struct str){ line.data + line.len - DIGITS, DIGITS };
	*ret_entry = (struct str){ line.data, line.len - DIGITS - 1 };
	return str_split(&rest, ' ', &number) &&
	       str_parse_u64(number, 1, UINT64_MAX, ret_number) == 0;
}

int audit_open(const char *path, struct audit **ret_audit, struct err *err)
{
	struct stat st = { 0 };
	struct audit *audit = calloc(1, sizeof(*audit));
	if (!audit || !(audit->path = str_dup(str_of(path)))) {
		free(audit);
		return err_set(err, -ENOMEM, "no memory for the audit log %s", path);
	}
	audit->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY,
			 0600);
	int r = audit->fd < 0 || fstat(audit->fd, &st) < 0 ? -errno : 0;
	if (r == 0 && !S_ISREG(st.st_mode))
		r = -EINVAL;
	if (r < 0) {
		err_errno(err, r, "cannot open the audit log %s", path);
		audit_free(audit);
		return r;
	}
	*ret_audit = audit;
	return 0;
}

void audit_free(struct audit *audit)
{
	if (!audit)
		return;
	fd_close(&audit->fd);
	free(audit->path);
	free(audit);
}

/*
 * The last entry, under the lock; *ret_torn bytes behind it are not a line. -EBADMSG: what stands
 * there is no entry.
 */
static int read_head(const struct audit *audit, struct audit_head *ret_head, size_t *ret_torn)
{
	char tail[2 * LINE_BYTES_MAX + 2];
	struct stat st;
	uint64_t number;
	struct str entry, digest;
	no_head(ret_head);
	if (fstat(audit->fd, &st) < 0)
		return -errno;
	size_t want = (size_t)st.st_size < sizeof(tail) ? (size_t)st.st_size : sizeof(tail);
	ssize_t n = pread(audit->fd, tail, want, st.st_size - (off_t)want);
	if (n != (ssize_t)want)
		return n < 0 ? -errno : -EIO;
	const char *end = n ? memrchr(tail, '\n', (size_t)n) : NULL;
	*ret_torn = (size_t)n - (end ? (size_t)(end - tail) + 1 : 0);
	if (!end)
		return *ret_torn == (size_t)st.st_size ? 0 : -EBADMSG;
	const char *before = end > tail ? memrchr(tail, '\n', (size_t)(end - tail)) : NULL;
	const char *start = before ? before + 1 : tail;
	if (!take_apart((struct str){ start, (size_t)(end - start) }, &number, &entry, &digest))
		return -EBADMSG;
	ret_head->entries = number;
	memcpy(ret_head->digest, digest.data, DIGITS);
	return 0;
}

/* Append one entry behind `head`, which moves on. On failure nothing is left of it. */
static int append(const struct audit *audit, struct audit_head *head, const char *act,
		  const char *words)
{
	char line[LINE_BYTES_MAX + DIGEST_HEX_BYTES + 2], digest[DIGEST_HEX_BYTES], when[32];
	struct stat st;
	int n = snprintf(line, LINE_BYTES_MAX - DIGITS - 1, "%" PRIu64 " %s %s%s%s",
			 head->entries + 1, clock_format_utc(when, sizeof(when), clock_wall_us()),
			 act, words[0] ? " " : "", words);
	if (n < 0 || n >= LINE_BYTES_MAX - DIGITS - 1)
		return -EMSGSIZE;
	chain(head->digest, (struct str){ line, (size_t)n }, digest);
	n += snprintf(line + n, sizeof(line) - (size_t)n, " %s\n", digest);
	if (fstat(audit->fd, &st) < 0)
		return -errno;
	int r = fd_write_all(audit->fd, line, (size_t)n);
	if (r == 0 && fsync(audit->fd) < 0)
		r = -errno;
	if (r < 0) {
		int cut = ftruncate(audit->fd, st.st_size);
		(void)cut; /* what cannot be cut now, the next writer cuts */
		return r;
	}
	head->entries++;
	memcpy(head->digest, digest, sizeof(digest));
	return 0;
}

/* Cut what a crash left of an entry, and say so. */
static int mend(const struct audit *audit, struct audit_head *head, size_t torn)
{
	struct stat st;
	char words[64];
	if (fstat(audit->fd, &st) < 0 || ftruncate(audit->fd, st.st_size - (off_t)torn) < 0)
		return -errno;
	snprintf(words, sizeof(words), "torn_bytes=%zu", torn);
	return append(audit, head, "mended", words);
}

int audit_add(struct audit *audit, struct err *err, const char *act, const char *fmt, ...)
{
	struct audit_head head;
	char words[LINE_BYTES_MAX];
	size_t torn = 0;
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	int r = n < 0 || n >= (int)sizeof(words) ? -EMSGSIZE : 0;
	while (r == 0 && flock(audit->fd, LOCK_EX) < 0)
		r = errno == EINTR ? 0 : -errno;
	if (r == 0)
		r = read_head(audit, &head, &torn);
	if (r == 0 && torn)
		r = mend(audit, &head, torn);
	if (r == 0)
		r = append(audit, &head, act, words);
	(void)flock(audit->fd, LOCK_UN); /* closing unlocks as well */
	if (r == -EBADMSG)
		return err_set(
			err, r,
			"the audit log %s does not end with an entry: it was changed; move it "
			"away to begin another, and look into it with paddock audit verify",
			audit->path);
	return r < 0 ? err_errno(err, r, "cannot write to the audit log %s", audit->path) : 0;
}

const char *audit_word(struct str text, char *out, size_t size)
{
	size_t n = 0;
	ASSERT(size > 1);
	for (; n < text.len && n < size - 1; n++) {
		unsigned char c = (unsigned char)text.data[n];
		out[n] = (char)(c > ' ' && c < 0x7f ? c : '_');
	}
	out[n] = '\0';
	return out;
}

/* ---- checking ---- */

/* Does the line follow the head? Moves it on. */
static int check_line(const char *path, struct str line, struct audit_head *head, struct err *err)
{
	char digest[DIGEST_HEX_BYTES];
	struct str entry, have;
	uint64_t number;
	if (!take_apart(line, &number, &entry, &have))
		return err_set(err, -EBADMSG,
			       "%s: what stands behind entry %" PRIu64
			       " is no entry: the log was changed there",
			       path, head->entries);
	if (number != head->entries + 1)
		return err_set(err, -EBADMSG,
			       "%s: entry %" PRIu64 " is followed by entry %" PRIu64
			       ": entries were removed, added or moved there",
			       path, head->entries, number);
	if (!str_eq(have, str_of(chain(head->digest, entry, digest))))
		return err_set(err, -EBADMSG,
			       "%s: the digest of entry %" PRIu64
			       " does not fit: it, or the one before it, was changed",
			       path, number);
	head->entries = number;
	memcpy(head->digest, digest, sizeof(digest));
	return 0;
}

int audit_verify(const char *path, void (*show)(void *data, struct str line), void *data,
		 struct audit_head *ret_head, struct err *err)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t n;
	int r = 0;
	no_head(ret_head);
	FILE *file = fopen(path, "re");
	if (!file)
		return err_errno(err, -errno, "cannot read the audit log %s", path);
	while (r == 0 && (n = getline(&line, &size, file)) > 0) {
		struct str text = { line, (size_t)n };
		if (line[n - 1] != '\n') {
			r = err_set(
				err, -EBADMSG,
				"%s: behind entry %" PRIu64
				" stands the beginning of another that was never finished (the "
				"machine stopped, or the log was cut): the coordinator mends it "
				"with its next entry",
				path, ret_head->entries);
			break;
		}
		text.len--;
		r = check_line(path, text, ret_head, err);
		if (r == 0 && show)
			show(data, text);
	}
	if (r == 0 && ferror(file))
		r = err_errno(err, -EIO, "cannot read the audit log %s", path);
	free(line);
	fclose(file);
	return r;
}
