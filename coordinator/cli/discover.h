// SPDX-License-Identifier: Apache-2.0
/*
 * discover.h - from what a user typed to programs: the name of a suite of paddock.yaml, a folder,
 * an executable, a text file of commands.
 *
 * Names are made to last: a file found by itself has the same suite and program name as when its
 * folder is searched, so that history follows it. suite is the folder's name (or that of
 * paddock.yaml), program the path below it.
 */
#ifndef PADDOCK_CLI_DISCOVER_H
#define PADDOCK_CLI_DISCOVER_H

#include "coordinator/cli/config.h"
#include "protocol/base/arena.h"
#include "protocol/base/err.h"
#include "protocol/base/map.h"
#include "protocol/wire/msg.h"

#include <stddef.h>

enum { DISCOVER_PROGRAMS_MAX = 1 << 20 };

struct discover_options {
	const struct config *config; /* NULL: no paddock.yaml */
	const char *kind;	     /* "auto", or the name of a kind for every argument */
	const char *folder;	     /* absolute: relative arguments start here */
	char *const *env;	     /* NULL-terminated; what tests inherit */
};

/* What was found. Zeroed to start; everything in it lives until discover_done. */
struct discover {
	struct msg_program *items;
	size_t len, cap;
	struct arena arena;
	const struct str *env; /* of tests: the caller's without what steers another runner */
	size_t n_env;
	struct map programs; /* suite and name -> its place in items */
	struct map suites;   /* suite name -> place in sources */
	struct {
		const char **items;
		size_t len, cap;
	} sources; /* folders that gave their name to a suite */
};

/* Free it. Accepts NULL and zeroed. */
void discover_done(struct discover *found);

/*
 * Add the programs that `argument` stands for. 0, or an exit code of the contract with err: 2 when
 * there is no such thing, 104 when it cannot be read, or a suite of paddock.yaml is not there, 4
 * when no test is found in it.
 */
int discover_argument(const struct discover_options *options, const char *argument,
		      struct discover *found, struct err *err);

/*
 * Without arguments: every suite of paddock.yaml when it has any, else the folder itself. As
 * discover_argument.
 */
int discover_all(const struct discover_options *options, struct discover *found, struct err *err);

#endif
