// SPDX-License-Identifier: Apache-2.0
/* fence.h - what level strict adds when the kernel has it: Landlock, and cores of one's own. */
#ifndef PADDOCK_SANDBOX_FENCE_H
#define PADDOCK_SANDBOX_FENCE_H

#include "sandbox/layout.h"

/* The version of Landlock here; 0: none, or one that would forbid renaming between folders. */
int fence_version(void);

/* Whether there are halves of cores, and this kernel can keep both to one sandbox. */
bool fence_cores(void);

/*
 * Makes the rules for `spec`, which runs in the current tree: nothing is written, made, removed or
 * renamed but below what is private or bound writable, no signal and no abstract socket leaves the
 * sandbox. Returns a close-on-exec descriptor, -EBADF when there are none for this level or kernel,
 * or -errno. Rules keep this process's other descriptors open: the caller closes all.
 */
int fence_make(const struct box_spec *spec, const struct layout *layout);

/* Puts the rules (-EBADF: none) on this process for good, and takes it from cores shared with
 * others at level strict. Needs no_new_privs. Async-signal-safe. 0 or -errno. */
int fence_enter(enum box_level level, int rules);

#endif
