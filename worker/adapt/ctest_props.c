// SPDX-License-Identifier: Apache-2.0
/*
 * ctest_props.c - a CTest test's properties as data. A detail is a line of fields "key=value" in
 * the order of the table below, lists as repeated keys.
 */
#include "worker/adapt/ctest_props.h"

#include "protocol/base/assert.h"
#include "protocol/base/clock.h"
#include "protocol/wire/limits.h"
#include "worker/adapt/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NEVER_US (1000000000 * CLOCK_US_PER_S) /* 31 years */

/* Property of json-v1 and the list's name in its value where it holds more, key in a detail,
 * member. */
static const struct list_key {
	const char *property, *inner, *key;
	size_t offset;
} list_keys[] = {
	{ NULL, NULL, "arg=", offsetof(struct ctest_props, command) },
	{ "ENVIRONMENT", NULL, "env=", offsetof(struct ctest_props, env) },
	{ "ENVIRONMENT_MODIFICATION", NULL, "mod=", offsetof(struct ctest_props, mods) },
	{ "REQUIRED_FILES", NULL, "file=", offsetof(struct ctest_props, required) },
	{ "PASS_REGULAR_EXPRESSION", NULL, "pass=", offsetof(struct ctest_props, pass) },
	{ "FAIL_REGULAR_EXPRESSION", NULL, "fail=", offsetof(struct ctest_props, fail) },
	{ "SKIP_REGULAR_EXPRESSION", NULL, "skip=", offsetof(struct ctest_props, skip) },
	{ "TIMEOUT_AFTER_MATCH", "regex", "after=", offsetof(struct ctest_props, after) },
};

static const size_t n_list_keys = sizeof(list_keys) / sizeof(list_keys[0]);

static struct ctest_props_list *list_of(struct ctest_props *props, size_t i)
{
	return (struct ctest_props_list *)(void *)((char *)props + list_keys[i].offset);
}

static int push(struct ctest_props_list *list, struct str item, struct arena *arena)
{
	if (list->len >= LIMIT_ARGS)
		return -E2BIG;
	if (list->len == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 4;
		struct str *items = arena_alloc(arena, cap * sizeof(*items));
		if (!items)
			return -ENOMEM;
		if (list->len)
			memcpy(items, list->items, list->len * sizeof(*items));
		list->items = items;
		list->cap = cap;
	}
	list->items[list->len++] = item;
	return 0;
}

const struct jdoc_node *ctest_props_find(const struct jdoc_node *test, const char *name)
{
	const struct jdoc_node *property, *properties = jdoc_get(test, "properties");
	for (size_t i = 0; (property = jdoc_at(properties, i)); i++)
		if (str_eq(jdoc_str(jdoc_get(property, "name")), str_of(name)))
			return jdoc_get(property, "value");
	return NULL;
}

static const struct jdoc_node *list_in(const struct jdoc_node *test, const struct list_key *key)
{
	if (!key->property)
		return jdoc_get(test, "command");
	const struct jdoc_node *value = ctest_props_find(test, key->property);
	return key->inner ? jdoc_get(value, key->inner) : value;
}

/*
 * The limit behind a match. As CTest has it: a negative one never ends, and 0 ends the test at
 * once, but for a test with a TIMEOUT, which stays.
 */
static void read_after(const struct jdoc_node *test, struct ctest_props *props)
{
	const struct jdoc_node *value = ctest_props_find(test, "TIMEOUT_AFTER_MATCH");
	double seconds = jdoc_number(jdoc_get(value, "timeout"), 0);
	bool ends = seconds >= 0 && seconds < 1e9;
	if (seconds == 0 && ctest_props_find(test, "TIMEOUT"))
		props->after.len = 0;
	if (props->after.len)
		props->after_us = ends ? (uint64_t)(seconds * 1e6) : NEVER_US;
}

int ctest_props_read(const struct jdoc_node *test, struct arena *arena,
		     struct ctest_props *ret_props)
{
	struct ctest_props props = { 0 };
	const struct jdoc_node *item;
	for (size_t i = 0; i < n_list_keys; i++) {
		const struct jdoc_node *list = list_in(test, &list_keys[i]);
		for (size_t j = 0; (item = jdoc_at(list, j)); j++) {
			int r = push(list_of(&props, i), jdoc_str(item), arena);
			if (r < 0)
				return r;
		}
	}
	double code = jdoc_number(ctest_props_find(test, "SKIP_RETURN_CODE"), -1);
	props.cwd = jdoc_str(ctest_props_find(test, "WORKING_DIRECTORY"));
	props.will_fail = jdoc_true(ctest_props_find(test, "WILL_FAIL"));
	props.has_skip_code = code >= 0 && code < INT32_MAX;
	props.skip_code = props.has_skip_code ? (int64_t)code : 0;
	read_after(test, &props);
	*ret_props = props;
	return 0;
}

static int put_field(struct buf *detail, const char *key, struct str value)
{
	struct buf field;
	buf_init(&field, LIMIT_DETAIL_BYTES);
	int r = buf_puts(&field, key);
	if (r == 0)
		r = buf_put_str(&field, value);
	if (r == 0)
		r = text_put_field(detail, buf_str(&field));
	buf_done(&field);
	return r;
}

int ctest_props_put(struct buf *detail, const struct ctest_props *props)
{
	struct ctest_props copy = *props;
	char number[32];
	int r = props->cwd.len ? put_field(detail, "cwd=", props->cwd) : 0;
	for (size_t i = 0; i < n_list_keys; i++)
		for (size_t j = 0; r == 0 && j < list_of(&copy, i)->len; j++)
			r = put_field(detail, list_keys[i].key, list_of(&copy, i)->items[j]);
	if (r == 0 && props->will_fail)
		r = put_field(detail, "willfail=", STR_LIT("1"));
	if (r == 0 && props->has_skip_code) {
		snprintf(number, sizeof(number), "%lld", (long long)props->skip_code);
		r = put_field(detail, "skipcode=", str_of(number));
	}
	if (r == 0 && props->after.len) {
		snprintf(number, sizeof(number), "%" PRIu64, props->after_us);
		r = put_field(detail, "afterus=", str_of(number));
	}
	return r;
}

/* One field into its member. */
static int take_field(struct str field, struct arena *arena, struct ctest_props *props)
{
	for (size_t i = 0; i < n_list_keys; i++) {
		struct str key = str_of(list_keys[i].key);
		if (str_starts(field, key))
			return push(list_of(props, i),
				    (struct str){ field.data + key.len, field.len - key.len },
				    arena);
	}
	if (str_starts(field, STR_LIT("cwd="))) {
		props->cwd = (struct str){ field.data + 4, field.len - 4 };
		return 0;
	}
	if (str_eq(field, STR_LIT("willfail=1"))) {
		props->will_fail = true;
		return 0;
	}
	if (str_starts(field, STR_LIT("afterus=")))
		return str_parse_u64((struct str){ field.data + 8, field.len - 8 }, 0, NEVER_US,
				     &props->after_us);
	if (!str_starts(field, STR_LIT("skipcode=")))
		return -EINVAL;
	props->has_skip_code = true;
	return str_parse_i64((struct str){ field.data + 9, field.len - 9 }, 0, INT32_MAX,
			     &props->skip_code);
}

int ctest_props_take(struct str detail, struct arena *arena, struct ctest_props *ret_props)
{
	struct ctest_props props = { 0 };
	struct str field;
	int r;
	while ((r = text_field(&detail, arena, &field)) > 0) {
		r = take_field(field, arena, &props);
		if (r < 0)
			return r;
	}
	if (r == 0)
		*ret_props = props;
	return r;
}
