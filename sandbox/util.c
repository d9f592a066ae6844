// SPDX-License-Identifier: Apache-2.0
/*
 * util.c - small helpers over libc: files of a few bytes, strict numbers, paths, time.
 *
 * Nothing here allocates or logs, so that the code between clone and exec may use all of it.
 * Not for anything with state.
 */
#include "sandbox/util.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void util_assert_fail(const char *what, const char *file, int line)
{
	dprintf(2, "paddock-box: bug: %s does not hold (%s:%d)\n", what, file, line);
	abort();
}

void util_close(int *fd)
{
	if (*fd >= 0) {
		int saved = errno;

		close(*fd);
		errno = saved;
	}
	*fd = -1;
}

void util_free(void *pointer)
{
	free(*(void **)pointer);
}

uint64_t util_now_us(void)
{
	struct timespec now;
	int r = clock_gettime(CLOCK_MONOTONIC, &now);

	BOX_ASSERT(r == 0);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

__attribute__((format(printf, 2, 0))) static int open_formatted(int flags, const char *format,
								va_list args)
{
	char path[PATH_MAX];
	int n = vsnprintf(path, sizeof(path), format, args);
	int fd;

	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int util_open(int flags, const char *format, ...)
{
	va_list args;
	int fd;

	va_start(args, format);
	fd = open_formatted(flags, format, args);
	va_end(args);
	return fd;
}

int util_write_file(const char *text, const char *format, ...)
{
	AUTO_CLOSE int fd = -1;
	va_list args;
	ssize_t n;

	va_start(args, format);
	fd = open_formatted(O_WRONLY, format, args);
	va_end(args);
	if (fd < 0)
		return fd;
	n = write(fd, text, strlen(text));
	if (n < 0)
		return -errno;
	return (size_t)n == strlen(text) ? 0 : -EIO;
}

ssize_t util_read_fd(int fd, char *buf, size_t size)
{
	size_t have = 0;

	BOX_ASSERT(size > 0);
	while (have < size - 1) {
		ssize_t n = pread(fd, buf + have, size - 1 - have, (off_t)have);

		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		have += (size_t)n;
	}
	buf[have] = '\0';
	return (ssize_t)have;
}

ssize_t util_read_file(char *buf, size_t size, const char *format, ...)
{
	AUTO_CLOSE int fd = -1;
	va_list args;

	va_start(args, format);
	fd = open_formatted(O_RDONLY, format, args);
	va_end(args);
	return fd < 0 ? fd : util_read_fd(fd, buf, size);
}

/* Digits at *text up to max; *text is moved behind them. */
static int take_digits(const char **text, uint64_t max, uint64_t *ret_value)
{
	uint64_t value = 0;
	const char *p = *text;

	if (*p < '0' || *p > '9')
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++) {
		uint64_t digit = (uint64_t)(*p - '0');

		if (value > max / 10 || value * 10 > max - digit)
			return -ERANGE;
		value = value * 10 + digit;
	}
	*text = p;
	*ret_value = value;
	return 0;
}

bool util_next_number(const char **text, uint64_t *ret_value)
{
	*text += strspn(*text, " \n-:");
	return take_digits(text, UINT64_MAX, ret_value) == 0;
}

struct unit {
	const char *name;
	uint64_t factor;
};

static int parse_with_unit(const char *text, uint64_t max, const struct unit *units, size_t n,
			   uint64_t *ret_value)
{
	uint64_t value;
	int r = take_digits(&text, max, &value);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(text, units[i].name) != 0)
			continue;
		if (value > max / units[i].factor)
			return -ERANGE;
		*ret_value = value * units[i].factor;
		return 0;
	}
	return -EINVAL;
}

int util_parse_u64(const char *text, uint64_t max, uint64_t *ret_value)
{
	static const struct unit none = { "", 1 };

	return parse_with_unit(text, max, &none, 1, ret_value);
}

int util_parse_bytes(const char *text, uint64_t *ret_bytes)
{
	static const struct unit units[] = {
		{ "", 1 },	     { "K", 1ull << 10 }, { "M", 1ull << 20 },
		{ "G", 1ull << 30 }, { "T", 1ull << 40 },
	};

	return parse_with_unit(text, UINT64_MAX, units, ARRAY_LEN(units), ret_bytes);
}

int util_parse_duration(const char *text, uint64_t *ret_us)
{
	static const struct unit units[] = {
		{ "", 1000000 },  { "us", 1 },	     { "ms", 1000 },
		{ "s", 1000000 }, { "m", 60000000 }, { "h", 3600000000 },
	};

	return parse_with_unit(text, UINT64_MAX, units, ARRAY_LEN(units), ret_us);
}

int util_print(char *buf, size_t size, const char *format, ...)
{
	va_list args;
	int n;

	BOX_ASSERT(size > 0);
	va_start(args, format);
	n = vsnprintf(buf, size, format, args);
	va_end(args);
	return n >= 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
}

void util_copy(char *buf, size_t size, const char *text)
{
	size_t length = strnlen(text, size - 1);

	BOX_ASSERT(size > 0);
	memcpy(buf, text, length);
	buf[length] = '\0';
}

bool util_path_ok(const char *path)
{
	if (!path || path[0] != '/' || strnlen(path, PATH_MAX) >= PATH_MAX)
		return false;
	if (!path[1])
		return true;
	for (const char *p = path; *p;) {
		size_t length = strcspn(p + 1, "/");

		if (length == 0 || (length == 1 && p[1] == '.') ||
		    (length == 2 && p[1] == '.' && p[2] == '.'))
			return false;
		p += 1 + length;
	}
	return true;
}

bool util_path_below(const char *path, const char *dir)
{
	size_t length = strlen(dir);

	return length == 1 ||
	       (strncmp(path, dir, length) == 0 && (path[length] == '\0' || path[length] == '/'));
}

uint64_t util_find_counter(const char *text, const char *key)
{
	size_t length = strlen(key);
	uint64_t value;

	for (const char *at = text; *at; at += strcspn(at, "\n"), at += *at == '\n')
		if (strncmp(at, key, length) == 0 && at[length] == ' ') {
			at += length;
			return util_next_number(&at, &value) ? value : 0;
		}
	return 0;
}
