// SPDX-License-Identifier: Apache-2.0
/* env.c - rewrites the few variables that name places. Not for what the caller decides: it passes
 * on all others. */
#include "sandbox/env.h"

#include <stdlib.h>

#include "sandbox/util.h"

static const char *const homes[][2] = {
	{ "XDG_CACHE_HOME", "/.cache" },
	{ "XDG_CONFIG_HOME", "/.config" },
	{ "XDG_DATA_HOME", "/.local/share" },
	{ "XDG_STATE_HOME", "/.local/state" },
};

enum { MADE_MAX = 3 + ARRAY_LEN(homes), MADE_BYTES = PATH_MAX + 64 };

static bool names(const char *variable, const char *name)
{
	size_t length = strlen(name);

	return strncmp(variable, name, length) == 0 && variable[length] == '=';
}

/* NAME=placetail in the i-th of the made ones. */
static const char *make(char *made, size_t i, const char *name, const char *place, const char *tail)
{
	char *at = made + i * MADE_BYTES;

	util_print(at, MADE_BYTES, "%s=%s%s", name, place, tail);
	return at;
}

/* The replacement of one of the caller's variables; NULL: it is dropped; itself: it stays. */
static const char *rewrite(char *made, const char *variable, const struct layout *layout)
{
	if (names(variable, "TMPDIR") || (layout->home[0] && names(variable, "HOME")))
		return NULL;
	if (names(variable, "XDG_RUNTIME_DIR"))
		return make(made, 2, "XDG_RUNTIME_DIR", layout->runtime_dir, "");
	for (size_t i = 0; layout->home[0] && i < ARRAY_LEN(homes); i++)
		if (names(variable, homes[i][0]))
			return make(made, 3 + i, homes[i][0], layout->home, homes[i][1]);
	return variable;
}

const char **env_make(const char *const *envp, const struct layout *layout)
{
	size_t n = 0, used = 0;
	const char **env;
	char *made;

	while (envp && envp[n])
		n++;
	n += MADE_MAX + 1;
	env = malloc(n * sizeof(*env) + MADE_MAX * MADE_BYTES);
	if (!env)
		return NULL;
	made = (char *)(env + n);
	for (size_t i = 0; envp && envp[i]; i++) {
		env[used] = rewrite(made, envp[i], layout);
		used += env[used] != NULL;
	}
	if (layout->home[0])
		env[used++] = make(made, 0, "HOME", layout->home, "");
	env[used++] = make(made, 1, "TMPDIR", "/tmp", "");
	env[used] = NULL;
	return env;
}
