// SPDX-License-Identifier: Apache-2.0
/* Hostile specs: decode refuses, or gives one that validates and that encodes to the same bytes
 * again. */
#include "sandbox/spec.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct spec_store store;
	void *bytes;
	size_t n;

	if (spec_decode(data, size, &store) < 0)
		return 0;
	if (spec_validate(&store.spec))
		abort();
	if (spec_encode(&store.spec, &bytes, &n) == 0) {
		struct spec_store again;

		if (spec_decode(bytes, n, &again) < 0 || again.spec.slot != store.spec.slot)
			abort();
		spec_done(&again);
		free(bytes);
	}
	spec_done(&store);
	return 0;
}
