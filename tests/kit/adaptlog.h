// SPDX-License-Identifier: Apache-2.0
/*
 * adaptlog.h - drives one adapter over recorded bytes and writes down, as text, what it said: for
 * comparisons with expected transcripts, and of one split of a stream with another.
 */
#ifndef PADDOCK_TESTS_KIT_ADAPTLOG_H
#define PADDOCK_TESTS_KIT_ADAPTLOG_H

#include "worker/adapt/adapt.h"

/* One process to imitate. */
struct adaptlog_run {
	const struct adapt_ops *ops;
	const struct adapt_program *program;
	const struct adapt_case *cases;
	size_t n;
	struct str out, err, report; /* fed in this order */
	struct adapt_exit how;
	bool times; /* durations told by the adapter are written too */
};

/* A program at /t/bin with scratch folder /s, called "prog" in suite "s"; static. */
const struct adapt_program *adaptlog_program(void);

/*
 * The transcript when each stream arrives in pieces of `piece` bytes: "start NAME", "pass NAME:
 * first line of the message", "found OUTCOME NAME (LISTED): ...", "limit MICROSECONDS", one per
 * line. The caller frees. Aborts the test when a case is ended twice or started after its end.
 */
char *adaptlog_feed(const struct adaptlog_run *run, size_t piece);

/* As adaptlog_feed with everything at once; asserts that pieces of 1, 2, 3, 7 and 64 bytes tell the
 * same. The caller frees. */
char *adaptlog_all(const struct adaptlog_run *run);

/* What list_parse makes of `out`: "NAME disabled serial detail=... tags=..." per line, or "error:
 * ...". The caller frees. */
char *adaptlog_list(const struct adapt_ops *ops, const struct adapt_program *program,
		    struct str out, const struct adapt_exit *how);

/* The words of a command joined by "|", removed environment left out. The caller frees. */
char *adaptlog_argv(const struct adapt_command *command);

/* The bytes of tests/fixtures/adapt/NAME. The caller frees .data. Fails the test when it is not
 * there. */
struct str adaptlog_fixture(const char *name);

#endif
