// SPDX-License-Identifier: Apache-2.0
/*
 * vec.h - growable arrays of any type, as a few macros over one function. A vector is any struct
 * with the members `T *items; size_t len; size_t cap;`, zeroed to start with:
 *
 *	struct { struct job *items; size_t len, cap; } jobs = { 0 };
 *	if (VEC_PUSH(&jobs, job) < 0) ...
 */
#ifndef PADDOCK_BASE_VEC_H
#define PADDOCK_BASE_VEC_H

#include <stddef.h>
#include <stdlib.h>

/* Make room for `need` items of item_bytes; doubles. 0 or -ENOMEM with the array unchanged. */
int vec_grow(void **items, size_t *cap, size_t need, size_t item_bytes);

/* Room for `more` items beyond len. 0 or -ENOMEM. */
#define VEC_RESERVE(v, more)                                                    \
	((v)->len + (more) <= (v)->cap                                          \
		 ? 0                                                            \
		 : vec_grow((void **)&(v)->items, &(v)->cap, (v)->len + (more), \
			    sizeof(__typeof__(*(v)->items))))

/* Append one item by value. 0 or -ENOMEM. */
#define VEC_PUSH(v, ...) \
	(VEC_RESERVE(v, 1) < 0 ? -ENOMEM : ((v)->items[(v)->len++] = (__VA_ARGS__), 0))

/* Free the array (not what its items own) and empty it. */
#define VEC_DONE(v)                      \
	do {                             \
		free((v)->items);        \
		(v)->items = NULL;       \
		(v)->len = (v)->cap = 0; \
	} while (0)

#endif
