// SPDX-License-Identifier: Apache-2.0
/* test_glob.c - patterns, held against fnmatch where both speak of the same thing. */
#include "coordinator/plan/glob.h"

#include "protocol/base/rng.h"

#include <fnmatch.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static bool match(const char *pattern, const char *text)
{
	return glob_match(str_of(pattern), str_of(text));
}

static void test_elements(void **state)
{
	(void)state;
	assert_true(match("", "") && !match("", "a") && match("*", "") && match("**", "abc"));
	assert_true(match("a?c", "abc") && !match("a?c", "ac"));
	assert_true(match("a*b*c", "a__b__c") && !match("a*b*c", "a__c"));
	assert_true(match("[a-c]x", "bx") && !match("[a-c]x", "dx") && match("[!a-c]x", "dx") &&
		    match("[^a]", "b"));
	assert_true(match("[]]", "]") && match("[]a]", "a") && match("[a-]", "-") &&
		    match("[!]]", "a"));
	assert_true(match("\\*", "*") && !match("\\*", "a") && match("a\\", "a\\"));
	assert_true(match("[a", "[a") && !match("[a", "a"));
	assert_true(match("*.[ch]", "x.c") && match("*/test_*", "a/b/test_c"));
}

static void test_as_fnmatch(void **state)
{
	(void)state;
	static const char alphabet[] = "ab*?c";
	struct rng rng;
	rng_seed(&rng, 11);
	for (int i = 0; i < 100000; i++) {
		char pattern[9] = "", text[9] = "";
		uint64_t n = rng_below(&rng, 8), m = rng_below(&rng, 8);
		for (uint64_t k = 0; k < n; k++)
			pattern[k] = alphabet[rng_below(&rng, 5)];
		for (uint64_t k = 0; k < m; k++)
			text[k] = "abc"[rng_below(&rng, 3)];
		assert_int_equal(match(pattern, text), fnmatch(pattern, text, 0) == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_elements),
		cmocka_unit_test(test_as_fnmatch),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
