// SPDX-License-Identifier: Apache-2.0
/*
 * util.h - the few helpers the sandbox needs, kept here so that this folder can be audited on its
 * own, and the headers of libc that every file of it needs.
 */
#ifndef PADDOCK_SANDBOX_UTIL_H
#define PADDOCK_SANDBOX_UTIL_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

/* For our own bugs only; always on. */
#define BOX_ASSERT(x) ((x) ? (void)0 : util_assert_fail(#x, __FILE__, __LINE__))
#define ARRAY_LEN(a)  (sizeof(a) / sizeof((a)[0]))
#define AUTO_CLOSE    __attribute__((cleanup(util_close)))
#define AUTO_FREE     __attribute__((cleanup(util_free)))

/* Says which contract of ours was broken, on stderr, and aborts. Never returns. */
void util_assert_fail(const char *what, const char *file, int line) __attribute__((noreturn));

/* Closes *fd when it is open and sets it to -1; keeps errno. For AUTO_CLOSE. */
void util_close(int *fd);

/* Frees *(void **)pointer. For AUTO_FREE. */
void util_free(void *pointer);

/* Monotonic time in microseconds. */
uint64_t util_now_us(void);

/* Opens the file that a printf format names, with O_CLOEXEC. Returns the fd or -errno. */
int util_open(int flags, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Writes `text` whole, in one write, to the existing file that a format names. 0 or -errno. */
int util_write_file(const char *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Reads at most size - 1 bytes of the file that a format names into buf and ends them with NUL.
 * Returns the length or -errno. */
ssize_t util_read_file(char *buf, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Reads an open proc or cgroup file from its start, as util_read_file does. Returns the length or
 * -errno. */
ssize_t util_read_fd(int fd, char *buf, size_t size);

/* The whole of `text` as a decimal number up to max. 0, -EINVAL (not a number) or -ERANGE. */
int util_parse_u64(const char *text, uint64_t max, uint64_t *ret_value);

/* The next number of a list separated by blanks, newlines, dashes or colons; *text moves on. False
 * at its end. */
bool util_next_number(const char **text, uint64_t *ret_value);

/* A size: digits with an optional K, M, G or T (powers of 1024). 0, -EINVAL or -ERANGE. */
int util_parse_bytes(const char *text, uint64_t *ret_bytes);

/* A duration: digits with an optional us, ms, s, m or h; bare digits are seconds. 0, -EINVAL or
 * -ERANGE. */
int util_parse_duration(const char *text, uint64_t *ret_us);

/* snprintf that refuses to cut: 0 or -ENAMETOOLONG, with buf NUL-terminated either way. */
int util_print(char *buf, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Copies text into buf, cutting it when it does not fit; always NUL-terminated. */
void util_copy(char *buf, size_t size, const char *text);

/* Whether `path` is absolute, shorter than PATH_MAX, and has no empty, "." or ".." component. "/"
 * is one. */
bool util_path_ok(const char *path);

/* Whether `path` is `dir` or lies below it. Both util_path_ok. */
bool util_path_below(const char *path, const char *dir);

/* The value of `key` among lines "key value" of a cgroup or proc file, or 0 when there is no such
 * line. */
uint64_t util_find_counter(const char *text, const char *key);

#endif
