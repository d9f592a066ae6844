// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_filter.c - any text as a filter expression: it is refused with a sentence, or it can be
 * asked.
 */
#include "coordinator/plan/filter.h"

#include "protocol/base/assert.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct str tags[] = { { "net", 3 }, { "slow", 4 } };
	struct filter *filter = NULL;
	struct err err = { 0 };
	if (size > 4096)
		return 0;
	struct str text = { (const char *)data, size };
	if (filter_parse(text, &filter, &err) < 0) {
		ASSERT(!filter && err.code < 0 && err.text[0]);
		return 0;
	}
	struct filter_subject subject = { .suite = STR_LIT("core"),
					  .program = STR_LIT("bin/unit"),
					  .name = STR_LIT("Suite.case/12"),
					  .kind = STR_LIT("gtest"),
					  .tags = tags,
					  .n_tags = 2 };
	bool first = filter_match(filter, &subject);
	ASSERT(filter_match(filter, &subject) == first);
	filter_free(filter);
	return 0;
}
