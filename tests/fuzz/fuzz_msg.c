// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_msg.c - any bytes into msg_decode. What it accepts must mean one thing only: encoded again
 * it gives the same bytes, and msg_size knew how many; what it takes in memory is bounded.
 */
#include "protocol/base/assert.h"
#include "protocol/wire/msg.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Fields of another version are skipped, so those two need not come out as they went in. */
static bool is_exact(int type, const void *message)
{
	if (type == MSG_HELLO)
		return ((const struct msg_hello *)message)->version == MSG_PROTOCOL_VERSION;
	return type != MSG_REFUSED;
}

static void encode_again(int type, const void *message, struct str frame)
{
	struct buf again;
	struct err err = { 0 };
	buf_init(&again, LIMIT_FRAME_BYTES);
	int r = msg_encode((enum msg_type)type, message, &again, &err);
	ASSERT(r == 0);
	ASSERT(msg_size(msg_describe((unsigned)type), message) == again.len);
	if (is_exact(type, message))
		ASSERT(str_eq(buf_str(&again), frame));
	buf_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str frame = { (const char *)data, size };
	struct arena arena = { 0 };
	struct err err = { 0 };
	void *message = NULL;
	int type = msg_decode(frame, &arena, &message, &err);
	ASSERT(arena.total_bytes <= 64 * 1024 + 34 * size);
	if (type < 0) {
		ASSERT(type == -EPROTO && err.code == -EPROTO && err.text[0] && !message);
	} else {
		ASSERT(message && msg_describe((unsigned)type));
		encode_again(type, message, frame);
	}
	arena_done(&arena);
	return 0;
}
