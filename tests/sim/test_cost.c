// SPDX-License-Identifier: Apache-2.0
/*
 * test_cost.c - deciding costs the same per case in a run of 100,000 as in one of 2,000. Counted,
 * not timed: comparisons of the queues and calls of the allocator, which this program therefore
 * provides itself.
 */
#include "tests/sim/draw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static uint64_t allocations;

#ifdef __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define __SANITIZE_ADDRESS__ 1 /* as gcc says it */
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COUNTED 0 /* the sanitizer's allocator stays in place */
#else
#define COUNTED 1
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t n, size_t bytes);
void *__libc_realloc(void *old, size_t bytes);

void *malloc(size_t bytes)
{
	allocations++;
	return __libc_malloc(bytes);
}

void *calloc(size_t n, size_t bytes)
{
	allocations++;
	return __libc_calloc(n, bytes);
}

void *realloc(void *old, size_t bytes)
{
	allocations++;
	return __libc_realloc(old, bytes);
}
#endif

struct cost {
	double steps, agenda, allocations; /* per case */
};

static struct cost cost_of(struct draw_options options)
{
	struct draw draw;
	struct sim_result result;
	struct sim_cost cost;
	double n = (double)options.cases;
	draw_init(&draw, &options);
	uint64_t before = allocations;
	(void)draw_ratio(&draw, &result, &cost);
	struct cost found = { (double)result.steps / n, (double)cost.steps / n,
			      (double)(allocations - before) / n };
	draw_done(&draw);
	print_message(
		"%zu cases: per case %.1f comparisons, %.1f of the agenda, %.2f allocations\n",
		options.cases, found.steps, found.agenda, found.allocations);
	return found;
}

static void flat(struct draw_options options)
{
	options.cases = 2000;
	struct cost small = cost_of(options);
	options.cases = 100000;
	struct cost large = cost_of(options);
	/* Heaps: log2(100000) / log2(2000) is 1.5; the agenda holds what runs, whatever waits. */
	assert_true(large.steps <= small.steps * 1.7);
	assert_true(large.agenda <= small.agenda * 1.1 + 1);
	assert_true(large.allocations <= small.allocations * 1.1 + 0.1);
	assert_true(!COUNTED || small.allocations > 0);
}

static void test_batches(void **state)
{
	(void)state;
	flat((struct draw_options){ .seed = 1,
				    .median_us = 20000,
				    .deviation = 1.2,
				    .noise = 0.3,
				    .unseen = 0.1,
				    .slots = 16,
				    .workers = 1,
				    .startup_us = 2000 });
}

static void test_one_by_one(void **state)
{
	(void)state;
	flat((struct draw_options){
		.seed = 2, .median_us = 50000, .deviation = 1.2, .slots = 4, .workers = 4 });
}

/* Half of the cases are told as slow, some of them often. */
static void test_slow(void **state)
{
	(void)state;
	flat((struct draw_options){ .seed = 3,
				    .median_us = 500000,
				    .deviation = 1.2,
				    .slots = 64,
				    .workers = 16,
				    .slow_us = 500000 });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_batches),
		cmocka_unit_test(test_one_by_one),
		cmocka_unit_test(test_slow),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
