// SPDX-License-Identifier: Apache-2.0
/* jdoc.c - a thin face over jansson, so that one file knows the library. A node is a json_t under
 * another name. */
#include "worker/adapt/jdoc.h"

#include <errno.h>
#include <jansson.h>

static const json_t *value_of(const struct jdoc_node *node)
{
	return (const json_t *)(const void *)node;
}

static const struct jdoc_node *node_of(const json_t *value)
{
	return (const struct jdoc_node *)(const void *)value;
}

struct jdoc *jdoc_new(struct str text, struct err *err)
{
	json_error_t error;
	json_t *root = json_loadb(text.data, text.len, JSON_ALLOW_NUL, &error);
	if (!root)
		err_set(err, -EPROTO, "line %d: %s", error.line, error.text);
	return (struct jdoc *)(void *)root;
}

void jdoc_free(struct jdoc *doc)
{
	json_decref((json_t *)(void *)doc);
}

const struct jdoc_node *jdoc_root(const struct jdoc *doc)
{
	return (const struct jdoc_node *)(const void *)doc;
}

const struct jdoc_node *jdoc_get(const struct jdoc_node *node, const char *key)
{
	return node_of(json_object_get(value_of(node), key));
}

const struct jdoc_node *jdoc_at(const struct jdoc_node *node, size_t i)
{
	return node_of(json_array_get(value_of(node), i));
}

struct str jdoc_str(const struct jdoc_node *node)
{
	const json_t *value = value_of(node);
	if (!json_is_string(value))
		return (struct str){ "", 0 };
	return (struct str){ json_string_value(value), json_string_length(value) };
}

double jdoc_number(const struct jdoc_node *node, double otherwise)
{
	return json_is_number(value_of(node)) ? json_number_value(value_of(node)) : otherwise;
}

bool jdoc_true(const struct jdoc_node *node)
{
	return json_is_true(value_of(node));
}
