// SPDX-License-Identifier: Apache-2.0
/* adapt.c - the table of adapters. A kind without one is a name we know how to spell and nothing
 * more. */
#include "worker/adapt/adapt.h"

#include "protocol/base/assert.h"
#include "protocol/wire/kind.h"

static const struct adapt_ops *const adapters[KIND_MAX] = {
	[KIND_GTEST] = &adapt_gtest,
	[KIND_CTEST] = &adapt_ctest,
	[KIND_TAP] = &adapt_tap,
	[KIND_GLIB] = &adapt_glib,
	[KIND_INSTALLED_TESTS] = &adapt_installed_tests,
	[KIND_PYTEST] = &adapt_pytest,
	[KIND_LIST] = &adapt_list,
};

const struct adapt_ops *adapt_find(struct str kind)
{
	int number = kind_parse(kind);
	return number < 0 ? NULL : adapters[number];
}

const struct adapt_ops *adapt_nth(size_t i)
{
	return i < KIND_MAX ? adapters[i] : NULL;
}
