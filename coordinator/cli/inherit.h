// SPDX-License-Identifier: Apache-2.0
/* inherit.h - which of the caller's variables a test gets, and what its suite adds. Pure. */
#ifndef PADDOCK_CLI_INHERIT_H
#define PADDOCK_CLI_INHERIT_H

#include "coordinator/cli/config.h"
#include "protocol/base/arena.h"
#include "protocol/base/str.h"

#include <stddef.h>

/*
 * Copies of those entries of a NULL-terminated environment that tests inherit: all but paddock's
 * options and what steers the shards of another runner. Returns their number with *ret_env in the
 * arena, or -ENOMEM.
 */
int inherit_filter(char *const *env, struct arena *arena, const struct str **ret_env);

/*
 * The n entries of `env` with a suite's own ("NAME=value") in place of those of the same name.
 * Returns their number with *ret_env - `env` itself when there is nothing to add - or -ENOMEM.
 */
int inherit_merge(const struct str *env, size_t n, const struct config_texts *own,
		  struct arena *arena, const struct str **ret_env);

#endif
