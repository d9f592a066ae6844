// SPDX-License-Identifier: Apache-2.0
/*
 * assert.h - assertions that stay on in release. They state contracts between our own functions: a
 * failed one is our bug, never the world's. Conditions have no side effects.
 */
#ifndef PADDOCK_BASE_ASSERT_H
#define PADDOCK_BASE_ASSERT_H

#define ASSERT(cond)	     ((cond) ? (void)0 : assert_failed(#cond, __FILE__, __LINE__, __func__))
#define ASSERT_NOT_REACHED() assert_failed("not reached", __FILE__, __LINE__, __func__)

/* Print the broken contract to stderr and abort. Never returns. */
_Noreturn void assert_failed(const char *cond, const char *file, int line, const char *func);

#endif
