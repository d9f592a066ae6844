// SPDX-License-Identifier: Apache-2.0
/*
 * ignore.h - what of a workspace is not sent: the lines of .paddockignore, as git reads .gitignore.
 * Pure.
 */
#ifndef PADDOCK_SERVE_IGNORE_H
#define PADDOCK_SERVE_IGNORE_H

#include "protocol/base/str.h"

#include <stdbool.h>
#include <stddef.h>

struct ignore_rule {
	struct str pattern; /* without the marks below */
	bool again;	    /* "!": what it selects is sent after all */
	bool folders;	    /* "/" at its end */
	bool anchored;	    /* it has another "/": from the top on */
};

struct ignore {
	struct ignore_rule *items;
	size_t len, cap;
};

/* Read rules, behind those it has; they are views into the text. 0 or -ENOMEM. */
int ignore_add(struct ignore *ignore, struct str text);

/* Free it. Accepts zeroed. */
void ignore_done(struct ignore *ignore);

/*
 * Is the entry at `path`, from the workspace on, to be left out? The last rule that matches
 * decides. What is below a folder that is left out need not be asked for.
 */
bool ignore_has(const struct ignore *ignore, struct str path, bool folder);

#endif
