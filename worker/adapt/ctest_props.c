// SPDX-License-Identifier: Apache-2.0
/*
 * ctest_props.c - a CTest test's properties as data. A detail is a line of fields "key=value" in
 * the order of the table below, lists as repeated keys.
 */
#include "worker/adapt/ctest_props.h"

#include "protocol/base/assert.h"
#include "protocol/wire/limits.h"
#include "worker/adapt/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Property of json-v1, key in a detail, member. */
static const struct list_key {
	const char *property, *key;
	size_t offset;
} list_keys[] = {
	{ NULL, "arg=", offsetof(struct ctest_props, command) },
	{ "ENVIRONMENT", "env=", offsetof(struct ctest_props, env) },
	{ "ENVIRONMENT_MODIFICATION", "mod=", offsetof(struct ctest_props, mods) },
	{ "REQUIRED_FILES", "file=", offsetof(struct ctest_props, required) },
	{ "PASS_REGULAR_EXPRESSION", "pass=", offsetof(struct ctest_props, pass) },
	{ "FAIL_REGULAR_EXPRESSION", "fail=", offsetof(struct ctest_props, fail) },
	{ "SKIP_REGULAR_EXPRESSION", "skip=", offsetof(struct ctest_props, skip) },
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

int ctest_props_read(const struct jdoc_node *test, struct arena *arena,
		     struct ctest_props *ret_props)
{
	struct ctest_props props = { 0 };
	const struct jdoc_node *item;
	for (size_t i = 0; i < n_list_keys; i++) {
		const char *property = list_keys[i].property;
		const struct jdoc_node *list = property ? ctest_props_find(test, property)
							: jdoc_get(test, "command");
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
