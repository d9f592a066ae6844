// SPDX-License-Identifier: Apache-2.0
/* compile.h - from a level to its program, by libseccomp. Part of what builds paddock-box, not of
 * paddock-box. */
#ifndef PADDOCK_SANDBOX_COMPILE_H
#define PADDOCK_SANDBOX_COMPILE_H

#include <stddef.h>

#include "sandbox/box.h"

struct sock_filter;

enum { COMPILE_INSNS_MAX = 4096 }; /* the kernel's BPF_MAXINSNS */

/* The number of a call by its name; negative: this architecture does not have it. Aborts when
 * nobody knows the name: the table is wrong. */
int compile_number(const char *name);

/* Makes the program of `level` (not OFF) under `grants`. 0, and *ret_program is the caller's to
 * free; or -errno. */
int compile_filter(enum box_level level, unsigned grants, struct sock_filter **ret_program,
		   size_t *ret_n);

#endif
