// SPDX-License-Identifier: Apache-2.0
/* test_adapt.c - the table: every kind has an adapter of its name with every slot filled, and
 * nothing else has. */
#include "protocol/wire/kind.h"
#include "worker/adapt/adapt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void test_every_kind(void **state)
{
	(void)state;
	for (int i = 0; i < KIND_MAX; i++) {
		const struct adapt_ops *ops = adapt_find(str_of(kind_name(i)));
		assert_non_null(ops);
		assert_ptr_equal(ops, adapt_nth((size_t)i));
		assert_string_equal(ops->name, kind_name(i));
		assert_non_null(ops->list_command);
		assert_non_null(ops->list_parse);
		assert_non_null(ops->run_command);
		assert_non_null(ops->parser_new);
		assert_non_null(ops->feed);
		assert_non_null(ops->finish);
		assert_non_null(ops->parser_free);
		ops->parser_free(NULL);
	}
	assert_null(adapt_nth(KIND_MAX));
	assert_null(adapt_nth(SIZE_MAX));
}

static void test_unknown(void **state)
{
	(void)state;
	assert_null(adapt_find(STR_LIT("auto")));
	assert_null(adapt_find(STR_LIT("")));
	assert_null(adapt_find(STR_LIT("gtes")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_kind),
		cmocka_unit_test(test_unknown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
