// SPDX-License-Identifier: Apache-2.0
/* fuzz_events.c - any bytes as an event file: merging never crashes, what comes out is a run in
 * order. */
#include "coordinator/report/merge.h"
#include "protocol/base/assert.h"
#include "protocol/wire/outcome.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(void *data, const struct msg_run_event *event)
{
	size_t *n = data;
	ASSERT(event->kind < MSG_RUN_KIND_MAX);
	ASSERT(event->outcome < OUTCOME_MAX);
	ASSERT(((*n)++ == 0) == (event->kind == MSG_RUN_STARTED));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct merge *merge = merge_new();
	struct err err = { 0 };
	size_t n = 0;
	int r = merge_bytes(merge, "input", (struct str){ (const char *)data, size }, &err);
	ASSERT(r == 0 || err.code == r);
	r = merge_emit(merge, check, &n);
	ASSERT(r >= 0 && n >= 1);
	merge_free(merge);
	return 0;
}
