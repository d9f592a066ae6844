// SPDX-License-Identifier: Apache-2.0
/* fuzz_import.c - any bytes in every format: no crash, no unbounded memory, samples within their
 * limits. */
#include "coordinator/history/import.h"
#include "protocol/base/assert.h"
#include "protocol/wire/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str bytes = { (const char *)data, size };
	for (int format = 0; format < IMPORT_FORMAT_MAX; format++) {
		struct import import = { 0 };
		struct err err = { 0 };
		struct import_options options = { .format = (enum import_format)format,
						  .suite = STR_LIT("s") };
		int r = import_bytes(&import, "input", bytes, &options, &err);
		ASSERT(r == 0 || err.code == r);
		for (size_t i = 0; i < import.len; i++) {
			ASSERT(import.items[i].suite.len &&
			       import.items[i].suite.len <= LIMIT_NAME_BYTES);
			ASSERT(import.items[i].program.len <= LIMIT_NAME_BYTES);
			ASSERT(import.items[i].name.len <= LIMIT_NAME_BYTES);
		}
		import_done(&import);
	}
	return 0;
}
