// SPDX-License-Identifier: Apache-2.0
/* project.h - which folder a suite belongs to: the checkout around it. */
#ifndef PADDOCK_CLI_PROJECT_H
#define PADDOCK_CLI_PROJECT_H

#include <stddef.h>

/*
 * How much of `folder` (absolute) is the path of its project: the nearest folder upward that holds
 * .git, on the same file system, below neither / nor the user's home itself. The whole length when
 * there is none. Looks at the file system.
 */
size_t project_length(const char *folder);

#endif
