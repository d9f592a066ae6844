// SPDX-License-Identifier: Apache-2.0
/* partition.c - three ways to split a list. Ties are broken by id, so that every machine agrees. */
#include "coordinator/plan/partition.h"

#include "protocol/base/assert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int partition_parse(struct str text, struct partition *ret_partition, struct err *err)
{
	static const struct {
		struct str name;
		enum partition_kind kind;
	} kinds[] = {
		{ { "time", 4 }, PARTITION_TIME },
		{ { "slice", 5 }, PARTITION_SLICE },
		{ { "hash", 4 }, PARTITION_HASH },
	};
	struct partition partition = { 0 };
	struct str rest = text, name, part;
	if (!text.len) {
		*ret_partition = partition;
		return 0;
	}
	str_split(&rest, ':', &name);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (str_eq(name, kinds[i].name))
			partition.kind = kinds[i].kind;
	if (!partition.kind || !str_split(&rest, '/', &part) || !rest.data ||
	    str_parse_u64(part, 1, 1000000, &partition.part) < 0 ||
	    str_parse_u64(rest, 1, 1000000, &partition.parts) < 0 ||
	    partition.part > partition.parts)
		return err_set(
			err, -EINVAL,
			"partition '%.*s' is not understood: give time:K/N, slice:K/N or hash:K/N "
			"with 1 <= K <= N, such as time:2/5",
			STR_ARG(text));
	*ret_partition = partition;
	return 0;
}

static int compare_ids(struct str a, struct str b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int c = n ? memcmp(a.data, b.data, n) : 0;
	return c ? c : (a.len > b.len) - (a.len < b.len);
}

static int by_id(const void *a, const void *b)
{
	const struct partition_item *x = *(struct partition_item *const *)a,
				    *y = *(struct partition_item *const *)b;
	return compare_ids(x->id, y->id);
}

static int longest_first(const void *a, const void *b)
{
	const struct partition_item *x = *(struct partition_item *const *)a,
				    *y = *(struct partition_item *const *)b;
	if (x->expect_us != y->expect_us)
		return x->expect_us < y->expect_us ? 1 : -1;
	return compare_ids(x->id, y->id);
}

/* A binary heap of parts, least loaded on top; ties go to the lower part. */
struct part_load {
	uint64_t load_us, part;
};

static bool lighter(const struct part_load *a, const struct part_load *b)
{
	return a->load_us != b->load_us ? a->load_us < b->load_us : a->part < b->part;
}

static void sift_down(struct part_load *heap, size_t n)
{
	size_t at = 0;
	for (;;) {
		size_t least = at, left = 2 * at + 1;
		if (left < n && lighter(&heap[left], &heap[least]))
			least = left;
		if (left + 1 < n && lighter(&heap[left + 1], &heap[least]))
			least = left + 1;
		if (least == at)
			return;
		struct part_load held = heap[at];
		heap[at] = heap[least];
		heap[least] = held;
		at = least;
	}
}

static int apply_time(const struct partition *partition, struct partition_item **sorted, size_t n)
{
	struct part_load *heap = calloc(partition->parts, sizeof(*heap));
	if (!heap)
		return -ENOMEM;
	for (uint64_t i = 0; i < partition->parts; i++)
		heap[i].part = i + 1;
	qsort(sorted, n, sizeof(struct partition_item *), longest_first);
	for (size_t i = 0; i < n; i++) {
		sorted[i]->mine = heap[0].part == partition->part;
		heap[0].load_us += sorted[i]->expect_us + 1;
		sift_down(heap, partition->parts);
	}
	free(heap);
	return 0;
}

int partition_apply(const struct partition *partition, struct partition_item *items, size_t n)
{
	ASSERT(partition->kind == PARTITION_NONE ||
	       (partition->part >= 1 && partition->part <= partition->parts));
	struct partition_item **sorted = malloc((n ? n : 1) * sizeof(struct partition_item *));
	if (!sorted)
		return -ENOMEM;
	int r = 0;
	for (size_t i = 0; i < n; i++) {
		sorted[i] = &items[i];
		items[i].mine = partition->kind == PARTITION_NONE ||
				(partition->kind == PARTITION_HASH &&
				 str_hash(items[i].id) % partition->parts == partition->part - 1);
	}
	if (partition->kind == PARTITION_SLICE) {
		qsort(sorted, n, sizeof(struct partition_item *), by_id);
		for (size_t i = 0; i < n; i++)
			sorted[i]->mine = i % partition->parts == partition->part - 1;
	} else if (partition->kind == PARTITION_TIME) {
		r = apply_time(partition, sorted, n);
	}
	free(sorted);
	return r;
}
