// SPDX-License-Identifier: Apache-2.0
/*
 * assert.c - the end of the line for a broken contract. Does not allocate, so that it works on a
 * full heap.
 */
#include "protocol/base/assert.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void assert_failed(const char *cond, const char *file, int line, const char *func)
{
	fprintf(stderr, "paddock: bug: %s:%d: %s: assertion failed: %s\n", file, line, func, cond);
	abort();
}
