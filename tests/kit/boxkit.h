// SPDX-License-Identifier: Apache-2.0
/* boxkit.h - runs payloads through a keeper and keeps what they printed. For tests of the sandbox.
 */
#ifndef PADDOCK_TESTS_KIT_BOXKIT_H
#define PADDOCK_TESTS_KIT_BOXKIT_H

#include "sandbox/box.h"

#include <stddef.h>
#include <sys/types.h>

enum { BOXKIT_OUT_MAX = 65536 };

struct boxkit {
	struct box *box;
	struct box_result result;
	char out[BOXKIT_OUT_MAX]; /* stdout and stderr of the last payload */
};

/* Start a keeper of PADDOCK_BIN with `slots` slots; the test fails when it cannot. */
void boxkit_open(struct boxkit *kit, unsigned slots);

/* Close the keeper; accepts a zeroed kit. */
void boxkit_close(struct boxkit *kit);

/* The keeper of a test program that needs one. */
extern struct boxkit boxkit;

/* Open and close `boxkit`, with one slot: what a group of tests does first and last. */
int boxkit_set_up(void **state);
int boxkit_tear_down(void **state);

/* The path of the probe fixture, which every boxkit_run binds read-only. */
const char *boxkit_probe(void);

/* A spec at level default with a deadline of 20 s and a plain environment; argv is borrowed. */
struct box_spec boxkit_spec(const char *const *argv);

/*
 * Run `spec` to its end on slot 0 with its output captured; result and out are filled. The test
 * fails when the keeper does not answer within a minute.
 */
void boxkit_run(struct boxkit *kit, const struct box_spec *spec);

/* Run `script` with /bin/sh -c, everything else as boxkit_spec. */
void boxkit_sh(struct boxkit *kit, const char *script);

/* Run probe `name` (see tests/fixtures/boxprobe.c) with at most one argument; NULL: none. */
void boxkit_probe_run(struct boxkit *kit, const char *name, const char *argument);

/* Fail the test unless the payload exited 0 and printed exactly `expected`. */
void boxkit_expect(const struct boxkit *kit, const char *expected);

/* Skips the test, with the reason, where `name` is a NO of `paddock-box --probe` in the current
 * folder. */
void boxkit_needs(const char *name);

/* How many processes of the host have `word` as one of their arguments. */
int boxkit_count_processes(const char *word);

/* The process of the host that has `word` as an argument, waited for up to five seconds; -1: none.
 */
pid_t boxkit_await_process(const char *word);

/* Wait up to five seconds until no process has `word` as an argument; returns how many are left. */
int boxkit_await_gone(const char *word);

/* A word no other process of this machine has in its arguments; valid until the next call. */
const char *boxkit_unique_word(void);

#endif
