// SPDX-License-Identifier: Apache-2.0
/*
 * err.h - an error a human will read. Fixed size, caller-allocated, never on the heap: an error
 * path must not fail. A leaf sets it (what was tried, on which object, why, what to do next);
 * callers outward wrap context to the left. Passing NULL is allowed everywhere: the text is
 * dropped, the code is kept.
 */
#ifndef PADDOCK_BASE_ERR_H
#define PADDOCK_BASE_ERR_H

struct err {
	int code;	 /* negative errno, 0 when unset */
	char text[1024]; /* one sentence or two, no newline at the end */
};

/*
 * Set code and text. `code` is a negative errno. Returns `code`, so that `return err_set(...)`
 * works.
 */
int err_set(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/*
 * Put "context: " in front of the text. Returns the code it already has (-EINVAL if it had none).
 */
int err_wrap(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* As err_set, with ": strerror(-code)" at the end. */
int err_errno(struct err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
