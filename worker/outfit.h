// SPDX-License-Identifier: Apache-2.0
/*
 * outfit.h - what a payload of an attempt wears: its environment, its working directory, and the
 * sandbox around it, from the program's description, the adapter's command and the slot. Pure.
 */
#ifndef PADDOCK_WORKER_OUTFIT_H
#define PADDOCK_WORKER_OUTFIT_H

#include "protocol/base/arena.h"
#include "protocol/base/str.h"
#include "protocol/wire/msg.h"
#include "sandbox/box.h"
#include "worker/adapt/adapt.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	OUTFIT_BINDS = 4, /* scratch, the program's folder, the working directory, machine_id */
};

/* An environment that grows in an arena: items[0..len) and a NULL behind. */
struct outfit_env {
	struct arena *arena;
	const char **items;
	size_t len, cap;
};

/* Where an attempt runs. Texts are borrowed. */
struct outfit {
	const struct msg_assign *assign;
	const struct msg_program *program;
	const char *worker;
	const char *machine_id; /* file of this machine's id where only /var has one; NULL: none */
	const char *source;	/* what the workspace is made of; NULL: itself */
	const char *scratch;
	const char *keep; /* folder for the changes to the workspace; NULL: they are thrown away */
	uint64_t core_bytes; /* of a core file; 0: none */
	unsigned slot;
};

/* A sandbox to ask for, with the arrays it points to. Not to be copied: spec points into it. */
struct outfit_box {
	struct box_spec spec;
	struct box_bind binds[OUTFIT_BINDS];
};

/*
 * Set "K=V", replacing K's former value, or remove "K" when there is no '='. The text is borrowed.
 * 0, or -ENOMEM, also for NULL, so that a text just made need not be checked apart.
 */
int outfit_env_put(struct outfit_env *env, const char *text);

/*
 * The environment all processes of an attempt share: the program's, paddock's own variables and the
 * Bazel test contract. 0 with *ret_env in the arena, or -ENOMEM.
 */
int outfit_base(const struct outfit *outfit, struct arena *arena, struct outfit_env *ret_env);

/*
 * The environment of one process: the base with the adapter's additions and, when not empty, the
 * case's name. 0 with *ret_env in the arena, or -ENOMEM.
 */
int outfit_step(const struct outfit_env *base, const struct adapt_command *command,
		struct str case_name, struct arena *arena, struct outfit_env *ret_env);

/*
 * The sandbox for one process: level, folders and limits of the program, `limit_us` of wall time
 * (0: none). Texts made here are in the arena. 0 or -ENOMEM.
 */
int outfit_box(const struct outfit *outfit, const struct adapt_command *command,
	       const struct outfit_env *env, uint64_t limit_us, struct arena *arena,
	       struct outfit_box *ret_box);

/* Does a sandbox hide the host's folder that `path` lies in, so that it can have another one there?
 */
bool outfit_hides(const char *path);

#endif
