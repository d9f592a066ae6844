// SPDX-License-Identifier: Apache-2.0
/*
 * log.c - the only global state of the ground: where this process logs. One write(2) per line, so
 * lines never interleave.
 */
#include "protocol/base/log.h"

#include "protocol/base/assert.h"
#include "protocol/base/clock.h"
#include "protocol/base/fd.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static struct {
	const char *program;
	int fd;
	enum log_level lowest;
	bool json;
} sink = { .program = "paddock", .fd = STDERR_FILENO, .lowest = LOG_LEVEL_INFO };

static const char *const level_names[LOG_LEVEL_MAX] = {
	[LOG_LEVEL_DEBUG] = "debug",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_WARN] = "warning",
	[LOG_LEVEL_ERROR] = "error",
};

void log_setup(const char *program, int fd, enum log_level lowest, bool json)
{
	ASSERT(fd >= 0 && lowest < LOG_LEVEL_MAX);
	sink.program = program;
	sink.fd = fd;
	sink.lowest = lowest;
	sink.json = json;
}

bool log_enabled(enum log_level level)
{
	return level >= sink.lowest;
}

/*
 * Copy text into out with control bytes (and for JSON quotes and backslashes) escaped. Stops when
 * out is full.
 */
static size_t escape(char *out, size_t size, const char *text, bool json)
{
	size_t n = 0;
	for (; *text && n + 7 < size; text++) {
		unsigned char c = (unsigned char)*text;
		if (c < 0x20 || c == 0x7f)
			n += (size_t)snprintf(out + n, size - n, json ? "\\u%04x" : "\\x%02x", c);
		else if (json && (c == '"' || c == '\\'))
			n += (size_t)snprintf(out + n, size - n, "\\%c", c);
		else
			out[n++] = (char)c;
	}
	out[n] = '\0';
	return n;
}

void log_write(enum log_level level, const char *event, const char *fmt, ...)
{
	ASSERT(level < LOG_LEVEL_MAX);
	if (level < sink.lowest)
		return;
	char text[2048], safe[4096], line[4608], when[32];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	escape(safe, sizeof(safe), text, sink.json);
	int n;
	if (sink.json)
		n = snprintf(line, sizeof(line),
			     "{\"time\":\"%s\",\"level\":\"%s\",\"program\":\"%s\","
			     "\"event\":\"%s\",\"text\":\"%s\"}\n",
			     clock_format_utc(when, sizeof(when), clock_wall_us()),
			     level_names[level], sink.program, event, safe);
	else
		n = snprintf(line, sizeof(line), "%s: %s: %s: %s\n", sink.program,
			     level_names[level], event, safe);
	if (n > 0)
		(void)fd_write_all(sink.fd, line,
				   (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
}
