// SPDX-License-Identifier: Apache-2.0
/* test_blob.c - borders are where the content says, whatever lies before; chunks come back whole.
 */
#include "protocol/wire/blob.h"

#include "protocol/base/rng.h"
#include "protocol/wire/digest.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MANY = 8 << 20, CHUNKS_MAX = MANY / BLOB_LEAST_BYTES + 2 };

static char *noise(size_t n, uint64_t seed)
{
	struct rng rng;
	char *bytes = malloc(n + 8);
	rng_seed(&rng, seed);
	for (size_t i = 0; i < n; i += 8) {
		uint64_t word = rng_next(&rng);
		memcpy(bytes + i, &word, 8);
	}
	return bytes;
}

/* Cut all of `bytes`; digests of the chunks into out. Returns how many. */
static size_t cut_all(struct str bytes, struct digest out[CHUNKS_MAX], size_t *ret_least)
{
	size_t n = 0;
	while (bytes.len) {
		size_t take = blob_cut(bytes, true);
		assert_true(take > 0 && take <= bytes.len && take <= BLOB_MOST_BYTES);
		if (take < bytes.len && take < *ret_least)
			*ret_least = take;
		digest_bytes((struct str){ bytes.data, take }, &out[n++]);
		bytes.data += take;
		bytes.len -= take;
		assert_true(n < CHUNKS_MAX);
	}
	return n;
}

static size_t shared(const struct digest *a, size_t n, const struct digest *b, size_t m)
{
	size_t same = 0;
	for (size_t i = 0; i < m; i++)
		for (size_t k = 0; k < n; k++)
			if (memcmp(&a[k], &b[i], sizeof(*a)) == 0) {
				same++;
				break;
			}
	return same;
}

static void sizes_gather_around_the_usual(void **state)
{
	(void)state;
	static struct digest chunks[CHUNKS_MAX];
	char *bytes = noise(MANY, 1);
	size_t least = BLOB_MOST_BYTES;
	size_t n = cut_all((struct str){ bytes, MANY }, chunks, &least);
	assert_true(least >= BLOB_LEAST_BYTES);
	assert_in_range(MANY / n, BLOB_USUAL_BYTES * 3 / 4, BLOB_USUAL_BYTES * 3 / 2);
	free(bytes);
}

static void an_insertion_moves_a_border_or_two(void **state)
{
	(void)state;
	static struct digest before[CHUNKS_MAX], after[CHUNKS_MAX];
	char *bytes = noise(MANY, 2), *changed = malloc(MANY + 1);
	size_t at = MANY / 3, least = BLOB_MOST_BYTES;
	memcpy(changed, bytes, at);
	changed[at] = 'x';
	memcpy(changed + at + 1, bytes + at, MANY - at);
	size_t n = cut_all((struct str){ bytes, MANY }, before, &least);
	size_t m = cut_all((struct str){ changed, MANY + 1 }, after, &least);
	assert_true(m - shared(before, n, after, m) <= 3);
	assert_true(m > 30);
	free(bytes);
	free(changed);
}

/* A reader that has only a window of the content cuts as one that has all. */
static void a_window_is_enough(void **state)
{
	(void)state;
	char *bytes = noise(MANY, 3);
	for (size_t at = 0; at < MANY - BLOB_MOST_BYTES;) {
		size_t whole = blob_cut((struct str){ bytes + at, MANY - at }, true);
		size_t window = blob_cut((struct str){ bytes + at, BLOB_MOST_BYTES }, false);
		assert_int_equal(whole, window);
		at += whole;
	}
	free(bytes);
}

/* Computed by a second program after the same definition; both ends of a wire need the same. */
static void borders_are_where_they_were(void **state)
{
	(void)state;
	char *bytes = malloc(1 << 20);
	size_t want[] = { 140685, 135684, 134152 }, at = 0;
	for (size_t i = 0; i < 1 << 20; i++)
		bytes[i] = (char)((i * 2654435761u) >> 13 ^ i >> 7);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		size_t n = blob_cut((struct str){ bytes + at, (1 << 20) - at }, true);
		assert_int_equal(n, want[i]);
		at += n;
	}
	free(bytes);
}

static void chunks_come_back(void **state)
{
	(void)state;
	struct buf packed, raw;
	char *bytes = noise(BLOB_MOST_BYTES, 4);
	size_t sizes[] = { 1, 2, 100, BLOB_LEAST_BYTES, BLOB_MOST_BYTES };
	buf_init(&packed, BLOB_PACKED_BYTES);
	buf_init(&raw, BLOB_MOST_BYTES);
	for (size_t i = 0; i < 2 * sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct str chunk = { bytes, sizes[i / 2] };
		if (i % 2)
			memset(bytes, 'a', sizes[i / 2]);
		assert_int_equal(blob_pack(chunk, &packed), 0);
		assert_true(packed.len <= chunk.len);
		assert_int_equal(blob_unpack(buf_str(&packed), chunk.len, &raw), 0);
		assert_true(str_eq(buf_str(&raw), chunk));
	}
	assert_true(packed.len < 200);
	buf_done(&packed);
	buf_done(&raw);
	free(bytes);
}

static void what_is_no_chunk_is_refused(void **state)
{
	(void)state;
	struct buf packed, raw;
	char zeros[BLOB_LEAST_BYTES] = { 0 };
	buf_init(&packed, BLOB_PACKED_BYTES);
	buf_init(&raw, BLOB_MOST_BYTES);
	assert_int_equal(blob_pack((struct str){ zeros, sizeof(zeros) }, &packed), 0);
	size_t len = packed.len;
	assert_int_equal(blob_unpack((struct str){ packed.data, len }, 0, &raw), -EBADMSG);
	assert_int_equal(blob_unpack((struct str){ packed.data, len }, sizeof(zeros) - 1, &raw),
			 -EBADMSG);
	assert_int_equal(blob_unpack((struct str){ packed.data, len }, sizeof(zeros) + 1, &raw),
			 -EBADMSG);
	assert_int_equal(blob_unpack((struct str){ packed.data, len - 1 }, sizeof(zeros), &raw),
			 -EBADMSG);
	assert_int_equal(blob_unpack((struct str){ packed.data, len }, BLOB_MOST_BYTES + 1, &raw),
			 -EBADMSG);
	assert_int_equal(blob_unpack((struct str){ "abc", 3 }, 4, &raw), -EBADMSG);
	assert_int_equal(blob_unpack((struct str){ "abc", 3 }, 2, &raw), -EBADMSG);
	assert_int_equal(raw.len, 0);
	buf_done(&packed);
	buf_done(&raw);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_gather_around_the_usual),
		cmocka_unit_test(an_insertion_moves_a_border_or_two),
		cmocka_unit_test(a_window_is_enough),
		cmocka_unit_test(borders_are_where_they_were),
		cmocka_unit_test(chunks_come_back),
		cmocka_unit_test(what_is_no_chunk_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
