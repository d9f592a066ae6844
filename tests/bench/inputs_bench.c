// SPDX-License-Identifier: Apache-2.0
/*
 * inputs_bench.c - what chunks cost: the bytes of FILE cut, digested, packed, unpacked, each alone
 * and the first three together. Prints one line per step: its name, a tab, MB/s. Driven by
 * inputs.sh. Usage: inputs_bench FILE
 */
#include "protocol/base/clock.h"
#include "protocol/base/fd.h"
#include "protocol/base/vec.h"
#include "protocol/wire/blob.h"
#include "protocol/wire/digest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct chunks {
	struct str *items;
	size_t len, cap;
};

static void say(const char *what, size_t bytes, uint64_t from_us)
{
	printf("%s\t%.0f\n", what, (double)bytes / (double)(clock_mono_us() - from_us));
}

static int cut(struct str bytes, struct chunks *chunks)
{
	chunks->len = 0;
	while (bytes.len) {
		size_t n = blob_cut(bytes, true);
		if (VEC_PUSH(chunks, (struct str){ bytes.data, n }) < 0)
			return -ENOMEM;
		bytes.data += n;
		bytes.len -= n;
	}
	return 0;
}

static int measure(struct str bytes)
{
	struct chunks chunks = { 0 };
	struct buf packed, raw;
	struct digest digest;
	size_t packed_bytes = 0;
	buf_init(&packed, BLOB_PACKED_BYTES);
	buf_init(&raw, BLOB_MOST_BYTES);
	uint64_t from_us = clock_mono_us();
	int r = cut(bytes, &chunks);
	say("cut", bytes.len, from_us);
	from_us = clock_mono_us();
	for (size_t i = 0; i < chunks.len; i++)
		digest_bytes(chunks.items[i], &digest);
	say("digest", bytes.len, from_us);
	from_us = clock_mono_us();
	for (size_t i = 0; r == 0 && i < chunks.len; i++) {
		r = blob_pack(chunks.items[i], &packed);
		packed_bytes += packed.len;
	}
	say("pack", bytes.len, from_us);
	from_us = clock_mono_us();
	r = r ? r : cut(bytes, &chunks);
	for (size_t i = 0; r == 0 && i < chunks.len; i++) {
		digest_bytes(chunks.items[i], &digest);
		r = blob_pack(chunks.items[i], &packed);
	}
	say("all three", bytes.len, from_us);
	uint64_t unpacked_us = 0;
	for (size_t i = 0; r == 0 && i < chunks.len; i++) {
		r = blob_pack(chunks.items[i], &packed);
		from_us = clock_mono_us();
		r = r ? r : blob_unpack(buf_str(&packed), chunks.items[i].len, &raw);
		if (r == 0)
			digest_bytes(buf_str(&raw), &digest);
		unpacked_us += clock_mono_us() - from_us;
	}
	say("unpack and digest", bytes.len, clock_mono_us() - unpacked_us);
	printf("chunks\t%zu\npacked bytes\t%zu\n", chunks.len, packed_bytes);
	VEC_DONE(&chunks);
	buf_done(&packed);
	buf_done(&raw);
	return r;
}

int main(int argc, char **argv)
{
	struct buf bytes;
	int r = argc == 2 ? fd_read_file(argv[1], (size_t)1 << 30, &bytes) : -EINVAL;
	if (r < 0) {
		fprintf(stderr, "usage: inputs_bench FILE: %s\n", strerror(-r));
		return 2;
	}
	r = measure(buf_str(&bytes));
	buf_done(&bytes);
	return r < 0;
}
