// SPDX-License-Identifier: Apache-2.0
/* vec.c - the one growing function behind the vector macros. */
#include "protocol/base/vec.h"

#include "protocol/base/assert.h"

#include <errno.h>

int vec_grow(void **items, size_t *cap, size_t need, size_t item_bytes)
{
	ASSERT(item_bytes > 0 && need > *cap);
	size_t wanted = *cap ? *cap : 8, bytes;
	while (wanted < need)
		wanted *= 2;
	if (__builtin_mul_overflow(wanted, item_bytes, &bytes))
		return -ENOMEM;
	void *grown = realloc(*items, bytes);
	if (!grown)
		return -ENOMEM;
	*items = grown;
	*cap = wanted;
	return 0;
}
