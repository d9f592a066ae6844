// SPDX-License-Identifier: Apache-2.0
/*
 * outside.h - what a sandbox must not reach: puts up markers on the host, and tells which of them a
 * payload has touched. Every name made here or by a payload holds one word of this process, so that
 * neighbours disturb nothing.
 */
#ifndef PADDOCK_TESTS_KIT_OUTSIDE_H
#define PADDOCK_TESTS_KIT_OUTSIDE_H

#include <stdbool.h>
#include <stddef.h>

enum { OUTSIDE_FACTS_MAX = 24 };

struct outside;

/*
 * Put up files, sockets, a lock, shared memory, a key and a bystander process; `program` is the
 * probe program (a setuid copy of it is made when we are root). What cannot be put up by this user
 * is left out. The caller frees it with outside_free. Ends the program with a message when the
 * temporary folder cannot be made.
 */
struct outside *outside_new(const char *program);

/* Take everything down. Accepts NULL. */
void outside_free(struct outside *outside);

/* The word of this process. */
const char *outside_word(const struct outside *outside);

/* Facts for the payload's command line, KEY=VALUE, ended by NULL: "word=..." is the first of them.
 */
const char *const *outside_facts(const struct outside *outside);

/*
 * What of it all is not as it was put up, in words; "" when nothing. Valid until the next call.
 * `whole`: look through all control groups, too, which takes some milliseconds.
 */
const char *outside_changed(struct outside *outside, bool whole);

/* How many namespaces of all kinds the descendants of this process live in. */
int outside_namespaces(void);

#endif
