// SPDX-License-Identifier: Apache-2.0
/* err.c - formatting of human errors. Truncates rather than fails. */
#include "protocol/base/err.h"

#include "protocol/base/assert.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *err, int code, const char *fmt, ...)
{
	ASSERT(code < 0);
	if (!err)
		return code;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	err->code = code;
	return code;
}

/* Append to a text in a field of `size` bytes that is `used` long; what does not fit is cut. */
static void append(char *field, size_t size, size_t used, const char *text)
{
	ASSERT(used < size);
	size_t len = strnlen(text, size - used - 1);
	memmove(field + used, text, len);
	field[used + len] = '\0';
}

int err_wrap(struct err *err, const char *fmt, ...)
{
	if (!err)
		return -EINVAL;
	char old[sizeof(err->text)];
	memcpy(old, err->text, sizeof(old));
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	append(err->text, sizeof(err->text), strlen(err->text), ": ");
	append(err->text, sizeof(err->text), strlen(err->text), old);
	if (!err->code)
		err->code = -EINVAL;
	return err->code;
}

int err_errno(struct err *err, int code, const char *fmt, ...)
{
	ASSERT(code < 0);
	if (!err)
		return code;
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof(err->text))
		snprintf(err->text + n, sizeof(err->text) - (size_t)n, ": %s", strerror(-code));
	err->code = code;
	return code;
}
