// SPDX-License-Identifier: Apache-2.0
/* inherit.c - a test runs as if it were started by hand, but for what an outer runner told us. */
#include "coordinator/cli/inherit.h"

#include "protocol/wire/limits.h"

#include <errno.h>
#include <string.h>

/* Variables that steer a runner or say what a test of an outer run is. */
static bool is_inherited(const char *entry)
{
	static const char *const others[] = {
		"PADDOCK_",
		"GTEST_TOTAL_SHARDS=",
		"GTEST_SHARD_INDEX=",
		"GTEST_SHARD_STATUS_FILE=",
		"GTEST_FILTER=",
		"TEST_TOTAL_SHARDS=",
		"TEST_SHARD_INDEX=",
		"TEST_SHARD_STATUS_FILE=",
		"TESTBRIDGE_TEST_ONLY=",
		"XML_OUTPUT_FILE=",
	};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strncmp(entry, others[i], strlen(others[i])) == 0)
			return false;
	return strchr(entry, '=') != NULL;
}

int inherit_filter(char *const *env, struct arena *arena, const struct str **ret_env)
{
	size_t n = 0, count = 0;
	while (env[n])
		n++;
	struct str *kept = arena_alloc(arena, (n + 1) * sizeof(*kept));
	if (!kept)
		return -ENOMEM;
	for (size_t i = 0; i < n && count < LIMIT_ARGS; i++) {
		if (!is_inherited(env[i]) || strlen(env[i]) > LIMIT_ARG_BYTES)
			continue;
		const char *copy = arena_copy(arena, str_of(env[i]));
		if (!copy)
			return -ENOMEM;
		kept[count++] = str_of(copy);
	}
	*ret_env = kept;
	return (int)count;
}

static size_t name_len(struct str entry)
{
	const char *equals = memchr(entry.data, '=', entry.len);
	return equals ? (size_t)(equals - entry.data) : entry.len;
}

static bool is_replaced(struct str entry, const struct config_texts *own)
{
	for (size_t i = 0; i < own->len; i++) {
		struct str other = str_of(own->items[i]);
		if (name_len(other) == name_len(entry) &&
		    memcmp(other.data, entry.data, name_len(entry)) == 0)
			return true;
	}
	return false;
}

int inherit_merge(const struct str *env, size_t n, const struct config_texts *own,
		  struct arena *arena, const struct str **ret_env)
{
	size_t count = 0;
	*ret_env = env;
	if (!own->len)
		return (int)n;
	struct str *merged = arena_alloc(arena, (n + own->len) * sizeof(*merged));
	if (!merged)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (!is_replaced(env[i], own))
			merged[count++] = env[i];
	for (size_t i = 0; i < own->len; i++) {
		const char *copy = arena_copy(arena, str_of(own->items[i]));
		if (!copy)
			return -ENOMEM;
		merged[count++] = str_of(copy);
	}
	*ret_env = merged;
	return (int)count;
}
