// SPDX-License-Identifier: Apache-2.0
/* env.c - rewrites the few variables that name places. Not for what the caller decides: it passes
 * on all others. */
#include "sandbox/env.h"

#include <stdlib.h>

#include "sandbox/spec.h"
#include "sandbox/util.h"

/* TMPDIR is set in any case, HOME when it is private, the others where the caller has them. */
enum { HOME, TMPDIR, RUNTIME_DIR };

static const struct variable {
	const char *name;
	const char *tail; /* behind the place it is in */
} variables[] = {
	[HOME] = { "HOME", "" },
	[TMPDIR] = { "TMPDIR", "" },
	[RUNTIME_DIR] = { "XDG_RUNTIME_DIR", "" },
	{ "XDG_CACHE_HOME", "/.cache" },
	{ "XDG_CONFIG_HOME", "/.config" },
	{ "XDG_DATA_HOME", "/.local/share" },
	{ "XDG_STATE_HOME", "/.local/state" },
};

enum { MADE_MAX = ARRAY_LEN(variables), MADE_BYTES = MADE_MAX * (PATH_MAX + 64) };

/* Which variable is set there; MADE_MAX: none of ours. */
static int find(const char *assignment)
{
	size_t length = strcspn(assignment, "=");
	int i = 0;

	while (i < MADE_MAX &&
	       (strncmp(variables[i].name, assignment, length) != 0 || variables[i].name[length]))
		i++;
	return i;
}

const char **env_make(const char *const *envp, const struct layout *layout)
{
	size_t n = spec_count(envp), used = 0;
	const char **env = malloc((n + MADE_MAX + 1) * sizeof(*env) + MADE_BYTES);
	const char *const places[MADE_MAX] = {
		[TMPDIR] = "/tmp", [RUNTIME_DIR] = layout->runtime_dir
	};
	const char *made[MADE_MAX];
	char *at;

	if (!env)
		return NULL;
	at = (char *)(env + n + MADE_MAX + 1);
	for (int i = 0; i < MADE_MAX; i++) {
		const char *parts[] = { variables[i].name, "=", places[i] ?: layout->home,
					variables[i].tail };

		made[i] = at; /* close to each other: on as few pages as may be */
		for (size_t j = 0; j < ARRAY_LEN(parts); at += strlen(at), j++)
			util_copy(at, PATH_MAX, parts[j]);
		at++;
	}
	for (size_t j = 0; j < n; j++) {
		int i = find(envp[j]);

		/* HOME is the caller's, and what is below it, when the spec has one. */
		if (i == MADE_MAX || (!layout->home[0] && !places[i]))
			env[used++] = envp[j];
		else if (i != HOME && i != TMPDIR)
			env[used++] = made[i];
	}
	if (layout->home[0])
		env[used++] = made[HOME];
	env[used++] = made[TMPDIR];
	env[used] = NULL;
	return env;
}
