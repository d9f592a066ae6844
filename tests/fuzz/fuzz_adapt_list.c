// SPDX-License-Identifier: Apache-2.0
/* fuzz_adapt_list.c - the list adapter against any listing and any output; see
 * tests/kit/adaptfuzz.h. */
#include "tests/kit/adaptfuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	adaptfuzz_one(&adapt_list, data, size);
	return 0;
}
