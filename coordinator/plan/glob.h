// SPDX-License-Identifier: Apache-2.0
/*
 * glob.h - file-name patterns over whole names: `*` any bytes, `?` one byte, `[a-c]` and `[!a-c]`
 * one of a set, `\` takes the next byte as it is. Unlike fnmatch, a pattern of many stars costs
 * no more than pattern times name.
 */
#ifndef PADDOCK_PLAN_GLOB_H
#define PADDOCK_PLAN_GLOB_H

#include "protocol/base/str.h"

#include <stdbool.h>

/* Does the pattern match all of the text? A "[" that is never closed stands for itself. Pure. */
bool glob_match(struct str pattern, struct str text);

#endif
