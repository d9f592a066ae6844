// SPDX-License-Identifier: Apache-2.0
/* test_cas.c - objects survive, damaged ones are not there, the quota evicts what nobody leases. */
#include "protocol/wire/cas.h"

#include "protocol/base/rng.h"
#include "protocol/wire/blob.h"
#include "tests/kit/temp.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { CHUNK = 256 << 10, MANY = 400 };

static char folder[128];

static struct cas *open_store(bool durable)
{
	struct cas *cas = NULL;
	struct err err = { 0 };
	char inner[144];
	snprintf(inner, sizeof(inner), "%s/a/b", folder);
	int r = cas_new(&(struct cas_options){ .folder = inner,
					       .quota_bytes = CAS_QUOTA_LEAST_BYTES,
					       .durable = durable },
			&cas, &err);
	if (r < 0)
		fail_msg("%s", err.text);
	return cas;
}

static void path_of(const struct digest *id, char out[256])
{
	char hex[DIGEST_HEX_BYTES];
	digest_hex(id, hex);
	snprintf(out, 256, "%s/a/b/%c/%s", folder, hex[0], hex + 1);
}

/* Chunk number `seed`, which does not compress. */
static struct digest put(struct cas *cas, uint64_t seed, int want)
{
	static char bytes[CHUNK];
	struct rng rng;
	struct digest id;
	struct buf packed;
	rng_seed(&rng, seed);
	for (size_t i = 0; i < CHUNK; i += 8) {
		uint64_t word = rng_next(&rng);
		memcpy(bytes + i, &word, 8);
	}
	buf_init(&packed, BLOB_PACKED_BYTES);
	digest_bytes((struct str){ bytes, CHUNK }, &id);
	assert_int_equal(blob_pack((struct str){ bytes, CHUNK }, &packed), 0);
	assert_int_equal(cas_put(cas, &id, buf_str(&packed), CHUNK, NULL), want);
	buf_done(&packed);
	return id;
}

static bool reads_back(struct cas *cas, const struct digest *id)
{
	struct buf raw;
	struct digest real;
	buf_init(&raw, BLOB_MOST_BYTES);
	int r = cas_get(cas, id, NULL, &raw);
	if (r == 0)
		digest_bytes(buf_str(&raw), &real);
	bool same = r == 0 && memcmp(&real, id, sizeof(real)) == 0;
	assert_true(same || r == -ENOENT);
	buf_done(&raw);
	return same;
}

static void objects_outlive_the_process(void **state)
{
	(void)state;
	struct cas *cas = open_store(true);
	struct digest a = put(cas, 1, 0);
	assert_false(cas_has(cas, &a)); /* not before it is durable */
	assert_int_equal(cas_sync(cas, NULL), 0);
	assert_true(cas_has(cas, &a));
	put(cas, 1, 0); /* again: nothing happens */
	assert_int_equal(cas_sync(cas, NULL), 0);
	assert_int_equal(cas_counts(cas).put, 1);
	struct digest b = put(cas, 2, 0);
	cas_free(cas); /* without sync: b is forgotten */
	cas = open_store(false);
	assert_true(reads_back(cas, &a));
	assert_false(reads_back(cas, &b));
	cas_free(cas);
}

static void what_a_digest_does_not_name_is_refused(void **state)
{
	(void)state;
	struct cas *cas = open_store(false);
	struct err err = { 0 };
	struct digest id;
	digest_bytes(STR_LIT("abc"), &id);
	assert_int_equal(cas_put(cas, &id, STR_LIT("abd"), 3, &err), -EBADMSG);
	assert_int_equal(cas_put(cas, &id, STR_LIT("abc"), 4, &err), -EBADMSG);
	assert_int_equal(cas_sync(cas, NULL), 0);
	assert_false(cas_has(cas, &id));
	cas_free(cas);
}

static void damage(const char *path, off_t at, bool cut)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	char byte;
	assert_true(fd >= 0);
	if (cut) {
		assert_int_equal(ftruncate(fd, at), 0);
	} else {
		assert_int_equal(pread(fd, &byte, 1, at), 1);
		byte ^= 1;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	}
	close(fd);
}

static void damaged_objects_are_not_there(void **state)
{
	(void)state;
	struct cas *cas = open_store(false);
	off_t places[] = { 0, 5, 100, CHUNK };
	char path[256];
	for (size_t i = 0; i < 2 * sizeof(places) / sizeof(places[0]); i++) {
		struct digest id = put(cas, 10, 0);
		assert_int_equal(cas_sync(cas, NULL), 0);
		assert_true(reads_back(cas, &id));
		path_of(&id, path);
		damage(path, places[i / 2], i % 2);
		assert_false(reads_back(cas, &id));
		assert_false(cas_has(cas, &id));
		assert_int_equal(access(path, F_OK), -1); /* removed, so that it is fetched anew */
	}
	assert_int_equal(cas_counts(cas).damaged, 8);
	cas_free(cas);
}

static void make_old(const struct digest *id)
{
	struct timespec then[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };
	char path[256];
	path_of(id, path);
	assert_int_equal(utimensat(AT_FDCWD, path, then, 0), 0);
}

static void the_quota_evicts_the_least_used(void **state)
{
	(void)state;
	struct cas *cas = open_store(false);
	static struct digest ids[MANY];
	size_t there = 0;
	for (size_t i = 0; i < MANY; i++) { /* 100 MiB into 64 */
		ids[i] = put(cas, 1000 + i, 0);
		assert_int_equal(cas_sync(cas, NULL), 0);
		make_old(&ids[i]);
		if (i % 50 == 0)
			assert_true(cas_has(cas, &ids[0])); /* used again and again */
	}
	for (size_t i = 0; i < MANY; i++)
		there += cas_has(cas, &ids[i]);
	assert_true(cas_has(cas, &ids[0]));
	assert_true(there * CHUNK <= CAS_QUOTA_LEAST_BYTES);
	assert_true(there * CHUNK >= CAS_QUOTA_LEAST_BYTES / 2);
	assert_true(cas_counts(cas).evicted >= MANY - there);
	cas_free(cas);
}

static void leases_protect_what_was_used_since(void **state)
{
	(void)state;
	struct cas *cas = open_store(false);
	uint64_t lease = cas_lease(cas, UINT64_MAX);
	struct err err = { 0 };
	struct digest first = put(cas, 5000, 0);
	size_t refused = 0;
	assert_true(lease);
	assert_int_equal(cas_sync(cas, NULL), 0);
	make_old(&first);
	assert_true(cas_has(cas, &first)); /* a use under the lease */
	for (size_t i = 0; i < MANY; i++) {
		static char bytes[CHUNK];
		struct digest id;
		memset(bytes, 0, sizeof(bytes));
		snprintf(bytes, sizeof(bytes), "%zu", i);
		struct rng rng;
		rng_seed(&rng, 6000 + i);
		for (size_t k = 0; k < CHUNK; k += 8) {
			uint64_t word = rng_next(&rng);
			memcpy(bytes + k, &word, 8);
		}
		digest_bytes((struct str){ bytes, CHUNK }, &id);
		int r = cas_put(cas, &id, (struct str){ bytes, CHUNK }, CHUNK, &err);
		assert_true(r == 0 || r == -ENOSPC);
		refused += r == -ENOSPC;
		assert_int_equal(cas_sync(cas, NULL), 0);
	}
	/* All of the quota, however unevenly the digests spread. */
	size_t kept = MANY + 1 - refused;
	assert_true(kept * CHUNK <= CAS_QUOTA_LEAST_BYTES);
	assert_true((kept + 2) * CHUNK > CAS_QUOTA_LEAST_BYTES);
	assert_non_null(strstr(err.text, "quota"));
	assert_true(cas_has(cas, &first));
	cas_release(cas, lease);
	put(cas, 7000, 0);
	cas_free(cas);
}

static int make_folder(void **state)
{
	(void)state;
	temp_folder(folder, sizeof(folder));
	return 0;
}

static int drop_folder(void **state)
{
	(void)state;
	temp_remove(folder);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(objects_outlive_the_process, make_folder,
						drop_folder),
		cmocka_unit_test_setup_teardown(what_a_digest_does_not_name_is_refused, make_folder,
						drop_folder),
		cmocka_unit_test_setup_teardown(damaged_objects_are_not_there, make_folder,
						drop_folder),
		cmocka_unit_test_setup_teardown(the_quota_evicts_the_least_used, make_folder,
						drop_folder),
		cmocka_unit_test_setup_teardown(leases_protect_what_was_used_since, make_folder,
						drop_folder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
