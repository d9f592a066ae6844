// SPDX-License-Identifier: Apache-2.0
/* env.h - the payload's environment: the caller's, with its private places put in. */
#ifndef PADDOCK_SANDBOX_ENV_H
#define PADDOCK_SANDBOX_ENV_H

#include "sandbox/layout.h"

struct env {
	const char **envp; /* NULL-terminated */
	char *memory;
};

/*
 * HOME (when private) and TMPDIR are set; XDG_*_HOME and XDG_RUNTIME_DIR that the caller has are
 * moved into the private places, and those it has not stay unset, because programs then find the
 * same places by themselves. 0 or -ENOMEM; strings are borrowed from both arguments. The caller
 * calls env_done.
 */
int env_make(const char *const *envp, const struct layout *layout, struct env *ret_env);

/* Frees; accepts a zeroed one. */
void env_done(struct env *env);

#endif
