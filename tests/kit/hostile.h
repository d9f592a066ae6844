// SPDX-License-Identifier: Apache-2.0
/*
 * hostile.h - runs the deeds of tests/box/hostile in sandboxes and judges what was found. Reports
 * through cmocka.
 */
#ifndef PADDOCK_TESTS_KIT_HOSTILE_H
#define PADDOCK_TESTS_KIT_HOSTILE_H

#include "tests/kit/boxkit.h"
#include "tests/kit/outside.h"

#include <stdbool.h>

enum { HOSTILE_LEVELS = 3, HOSTILE_FOUND_MAX = 512 };

enum hostile_verdict { HOSTILE_EXPECTED, HOSTILE_KNOWN, HOSTILE_WRONG };

struct hostile {
	struct boxkit kit;
	struct outside *outside;
	char program[4096];			 /* the probe program, which every run binds */
	const char *argv[OUTSIDE_FACTS_MAX + 4]; /* of the last spec */
	struct box_bind binds[2];
};

/* The levels, in the order of the catalogue. */
extern const enum box_level hostile_levels[HOSTILE_LEVELS];

/* Put up the markers and start a keeper with two slots; it inherits two descriptors it should not.
 */
void hostile_open(struct hostile *h);

/* Take everything down. */
void hostile_close(struct hostile *h);

/*
 * A spec for one deed at one level (an index), with all facts and `extra` (a fact; NULL: none) as
 * its arguments. It borrows from `h` until the next call.
 */
struct box_spec hostile_spec(struct hostile *h, const char *probe, int level, const char *extra);

/* Run `spec` to its end, and put what the deed said into `found`: its first line, else how it
 * ended. */
void hostile_run(struct hostile *h, const struct box_spec *spec, char *found);

/*
 * Judge the answer of `name`: expected has alternatives divided by '|'. What it left outside comes
 * first, unless found is NULL and only that counts. Prints what is wrong, with the number and title
 * given.
 */
enum hostile_verdict hostile_judge(struct hostile *h, const char *name, int level,
				   const char *found, const char *expected);

/* How many known answers of what was judged so far have not been found at all their levels. Prints
 * them. */
int hostile_stale(void);

#endif
