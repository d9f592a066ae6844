// SPDX-License-Identifier: Apache-2.0
/* test_agenda.c - in order of time, and within one time in order of entry. */
#include "coordinator/sim/agenda.h"

#include "protocol/base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_order(void **state)
{
	(void)state;
	struct agenda agenda = { 0 };
	struct agenda_item item, last = { 0 };
	struct rng rng;
	rng_seed(&rng, 1);
	assert_false(agenda_take(&agenda, &item));
	assert_true(agenda_next_us(&agenda) == UINT64_MAX);
	size_t put = 0, taken = 0;
	for (int round = 0; round < 20000; round++) {
		if (rng_below(&rng, 5) < 3) {
			uint64_t at = last.at_us + rng_below(&rng, 20);
			assert_int_equal(agenda_put(&agenda,
						    (struct agenda_item){
							    .at_us = at, .what = (uint32_t)put++ }),
					 0);
		} else if (agenda_take(&agenda, &item)) {
			assert_true(item.at_us > last.at_us ||
				    (item.at_us == last.at_us && item.order > last.order) ||
				    !taken);
			last = item;
			taken++;
		}
	}
	while (agenda_take(&agenda, &item)) {
		assert_true(item.at_us >= last.at_us);
		last = item;
		taken++;
	}
	assert_int_equal(put, taken);
	assert_true(agenda.steps > 0);
	agenda_done(&agenda);
	agenda_done(NULL);
}

static void test_first_come_first_served(void **state)
{
	(void)state;
	struct agenda agenda = { 0 };
	struct agenda_item item;
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(agenda_put(&agenda, (struct agenda_item){ .at_us = 7, .what = i }),
				 0);
	for (uint32_t i = 0; i < 1000; i++) {
		assert_true(agenda_take(&agenda, &item));
		assert_int_equal(item.what, i);
	}
	agenda_done(&agenda);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_first_come_first_served),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
