// SPDX-License-Identifier: Apache-2.0
/*
 * inputs.h - the trees that attempts of this worker need: fetched, made, held while they are used.
 * One tree is made at a time, in steps between other work; attempts of the same tree share it.
 *
 *	attempt	inputs_take -> fn(...), once -> inputs_path ... -> inputs_drop
 *	session	inputs_ask -> get; contents -> inputs_answer
 */
#ifndef PADDOCK_WORKER_INPUTS_H
#define PADDOCK_WORKER_INPUTS_H

#include "protocol/base/err.h"
#include "protocol/base/loop.h"
#include "protocol/base/str.h"
#include "protocol/wire/msg.h"

#include <stddef.h>
#include <stdint.h>

struct inputs;
struct inputs_use;

struct inputs_options {
	struct loop *loop;
	const char *folder; /* NULL: $XDG_CACHE_HOME/paddock/cas, else ~/.cache/paddock/cas */
	uint64_t quota_bytes;
};

/* The tree is there (`why` NULL), or cannot be: a sentence. Never called from inputs_take. */
typedef void inputs_fn(void *data, const char *why);

/* Nothing is opened before the first tree is asked for. The caller frees it. NULL on no memory. */
struct inputs *inputs_new(const struct inputs_options *options);

/* Free it; uses must have been dropped. Accepts NULL. */
void inputs_free(struct inputs *inputs);

/*
 * Ask for the tree of a program: fn(data, ...) tells when it is there and can be shown at the path
 * of the program's workspace. 0 with *ret_use, or -errno with err: it needs a sandbox that shows
 * it.
 */
int inputs_take(struct inputs *inputs, const struct msg_program *program, inputs_fn *fn, void *data,
		struct inputs_use **ret_use, struct err *err);

/* Done with it, or not wanted any more: fn will not be called. Accepts NULL. */
void inputs_drop(struct inputs_use *use);

/* Where the tree is, absolute; only once it is there. */
const char *inputs_path(const struct inputs_use *use);

/*
 * Where a program's file is on this machine: its own path where `use` is NULL or it lies outside
 * its workspace; else within the tree, which no link may leave: then *fd is the caller's to close
 * once the text, in buf, is done with.
 */
const char *inputs_find(const struct inputs_use *use, const struct msg_program *program, int *fd,
			char buf[32]);

/* Ids to get from the coordinator now; the empty view when there is nothing to ask. Valid until
 * the next call. */
struct str inputs_ask(struct inputs *inputs);

/* What the coordinator answered; what is still missing is asked for again. */
void inputs_answer(struct inputs *inputs, const struct msg_contents *contents);

#endif
