// SPDX-License-Identifier: Apache-2.0
/* env.h - the payload's environment: the caller's, with its private places put in. */
#ifndef PADDOCK_SANDBOX_ENV_H
#define PADDOCK_SANDBOX_ENV_H

#include "sandbox/layout.h"

/*
 * HOME (when private) and TMPDIR are set; XDG_*_HOME and XDG_RUNTIME_DIR that the caller has are
 * moved into the private places, and those it has not stay unset, because programs then find the
 * same places by themselves. Returns a NULL-terminated array that the caller frees, with strings
 * borrowed from both arguments, or NULL when there is no memory.
 */
const char **env_make(const char *const *envp, const struct layout *layout);

#endif
