// SPDX-License-Identifier: Apache-2.0
/* filter.h - the system call filter of a level, taken by the zygote, loaded raw by every payload,
 * and what it refuses. */
#ifndef PADDOCK_SANDBOX_FILTER_H
#define PADDOCK_SANDBOX_FILTER_H

#include <stdio.h>

#include "sandbox/box.h"

struct seccomp_data;

enum {
	FILTER_INSNS_MAX = 4096, /* the kernel's BPF_MAXINSNS */
};

struct filter {
	enum box_level level;
	unsigned grants;
	const void *program; /* struct sock_filter[n] */
	size_t n;
	bool ready; /* the program is part of this one */
};

/*
 * Makes *filter the one of `level` (not OFF) and `grants`, if it is another: one that was made
 * ahead, else filter_compile's. Starts from a zeroed one. 0 or -errno; the caller calls
 * filter_done.
 */
int filter_get(struct filter *filter, enum box_level level, unsigned grants);

/* The same by libseccomp, always; takes half a millisecond. */
int filter_compile(struct filter *filter, enum box_level level, unsigned grants);

/* Frees the program; accepts a zeroed one. */
void filter_done(struct filter *filter);

/*
 * Puts the filter on this process, for good. Needs no_new_privs. Async-signal-safe. Returns -errno,
 * or a close-on-exec descriptor on which every process under it waits for the answer to a refused
 * call (filter_answer); -EBADF: this level's refusals need no answer and are not counted.
 */
int filter_load(const struct filter *filter);

/*
 * Takes one refused call from such a descriptor and answers it. Returns the number of its rule, or
 * -errno: -ENOENT the caller is gone. Blocks unless the descriptor is readable.
 */
int filter_answer(const struct filter *filter, int fd);

/* Writes, in words, what any level refuses and a filter of `level` and `grants` does not. */
void filter_explain(enum box_level level, unsigned grants, FILE *out);

/* The rule of `filter` that refuses a call, or -ENOENT. */
int filter_find(const struct filter *filter, const struct seccomp_data *data);

/* The errno a rule answers, positive. */
int filter_error(int rule);

/* `count` refusals by a rule, in words: the call, and what would lift it. */
void filter_describe(int rule, uint32_t count, struct box_refusal *ret_refusal);

#endif
