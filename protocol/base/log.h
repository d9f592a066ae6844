// SPDX-License-Identifier: Apache-2.0
/*
 * log.h - one line per event: level, event name, key=value pairs. Text or JSON, always to stderr
 * (or the fd given). Control bytes are escaped, so that a hostile name cannot forge a line.
 * Library-like rooms never log above debug.
 *
 *	LOG_INFO("worker_joined", "worker=%s slots=%u", name, slots);
 */
#ifndef PADDOCK_BASE_LOG_H
#define PADDOCK_BASE_LOG_H

#include <stdbool.h>

enum log_level {
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_INFO,
	LOG_LEVEL_WARN,
	LOG_LEVEL_ERROR,
	LOG_LEVEL_MAX,
};

/* Where and how to log from now on: fd borrowed, `program` a literal shown in each line. */
void log_setup(const char *program, int fd, enum log_level lowest, bool json);

/* Is this level written at all? For skipping costly arguments. */
bool log_enabled(enum log_level level);

/*
 * Write one line. `event` is a literal name; the text is key=value pairs, or a sentence. Never
 * fails, never blocks for long.
 */
void log_write(enum log_level level, const char *event, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define LOG_DEBUG(event, ...) log_write(LOG_LEVEL_DEBUG, event, __VA_ARGS__)
#define LOG_INFO(event, ...)  log_write(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define LOG_WARN(event, ...)  log_write(LOG_LEVEL_WARN, event, __VA_ARGS__)
#define LOG_ERROR(event, ...) log_write(LOG_LEVEL_ERROR, event, __VA_ARGS__)

#endif
