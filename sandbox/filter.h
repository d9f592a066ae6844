// SPDX-License-Identifier: Apache-2.0
/* filter.h - the system call filter of a level, compiled once by the keeper, loaded raw by every
 * payload. */
#ifndef PADDOCK_SANDBOX_FILTER_H
#define PADDOCK_SANDBOX_FILTER_H

#include "sandbox/box.h"

enum {
	FILTER_INSNS_MAX = 4096, /* the kernel's BPF_MAXINSNS */
};

struct filter {
	void *program; /* struct sock_filter[n] */
	size_t n;
};

/* Compiles the profile of `level` (not OFF) with libseccomp. 0 or -errno; the caller calls
 * filter_done. */
int filter_compile(enum box_level level, struct filter *ret_filter);

/* Frees the program; accepts a zeroed one. */
void filter_done(struct filter *filter);

/* Puts the filter on this process, for good. Needs no_new_privs. Async-signal-safe. 0 or -errno. */
int filter_load(const struct filter *filter);

#endif
