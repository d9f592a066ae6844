// SPDX-License-Identifier: Apache-2.0
/*
 * stage.h - listings kept from one run to the next, by the content of what was listed: a program
 * that did not change is not asked again. Losing the folder costs time, never correctness.
 */
#ifndef PADDOCK_WORKER_STAGE_H
#define PADDOCK_WORKER_STAGE_H

#include "protocol/base/arena.h"
#include "protocol/wire/digest.h"
#include "protocol/wire/msg.h"
#include "worker/adapt/adapt.h"

#include <stdbool.h>

struct stage;

/* The cache below `folder` (NULL: $XDG_CACHE_HOME/paddock, else ~/.cache/paddock). NULL on no
 * memory. Touches no file. */
struct stage *stage_new(const char *folder);

/* Free it. Accepts NULL. */
void stage_free(struct stage *stage);

/*
 * What the listing of a program depends on: its bytes, arguments, part of its environment, its kind
 * and this build. `file` is where its bytes are. Reads the whole file. 0, -ENOTSUP for kinds whose
 * listing depends on more than that, -errno.
 */
int stage_key(const struct msg_program *program, const char *file, struct digest *ret_key);

/* The cases kept under `key`, appended to *cases with their texts in the arena; -ENOENT, also for a
 * damaged file. */
int stage_load(const struct stage *stage, const struct digest *key, struct arena *arena,
	       struct adapt_cases *cases);

/* Keep cases under `key`. 0, or -errno when they could not be written: nothing is lost but time. */
int stage_store(const struct stage *stage, const struct digest *key,
		const struct adapt_cases *cases);

/* A case as the wire has it; views are shared with `from`. */
struct msg_listed stage_listed(const struct adapt_case *from);

#endif
