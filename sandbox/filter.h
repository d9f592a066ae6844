// SPDX-License-Identifier: Apache-2.0
/* filter.h - the system call filters of all levels, loaded raw by every payload, and what they
 * refuse. */
#ifndef PADDOCK_SANDBOX_FILTER_H
#define PADDOCK_SANDBOX_FILTER_H

#include <stdio.h>

#include "sandbox/box.h"

struct seccomp_data;

struct filter {
	enum box_level level;
	unsigned grants;     /* of those that matter at this level */
	const void *program; /* struct sock_filter[n] */
	size_t n;
};

/* Made by precompile.c when paddock-box is built: each level under each set of grants that matters
 * there, up to one without a program; and the call of each rule, negative where there is none. */
extern const struct filter filter_made[];
extern const int filter_numbers[];

/* The filter of `level` (not OFF) under `grants`. */
const struct filter *filter_get(enum box_level level, unsigned grants);

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
