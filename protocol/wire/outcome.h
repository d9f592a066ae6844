// SPDX-License-Identifier: Apache-2.0
/* outcome.h - the verdict a case ends with, and the exit codes of the programs. */
#ifndef PADDOCK_WIRE_OUTCOME_H
#define PADDOCK_WIRE_OUTCOME_H

#include <stdbool.h>

/* Values travel on the wire and in stores: append only. */
enum outcome {
	OUTCOME_PASS,
	OUTCOME_FAIL,
	OUTCOME_SKIP,
	OUTCOME_TIMEOUT,
	OUTCOME_OOM,
	OUTCOME_CRASH,
	OUTCOME_LEAK,	/* passed, but left processes behind: reported, not red */
	OUTCOME_ERROR,	/* listing, set-up or sandbox failed: never the test's fault */
	OUTCOME_LOST,	/* every attempt was lost with its worker */
	OUTCOME_NOTRUN, /* fail-fast, deadline, or something it needs failed */
	OUTCOME_MAX,
};

/* Exit codes: the contract with scripts. The worst of several wins, see exit_worse. */
enum exit_code {
	EXIT_CODE_OK = 0,
	EXIT_CODE_USAGE = 2,
	EXIT_CODE_NO_TESTS = 4,
	EXIT_CODE_CONFIG = 96,
	EXIT_CODE_FAILED = 100,
	EXIT_CODE_LISTING = 104,
	EXIT_CODE_SETUP = 105,
	EXIT_CODE_REPORT = 110,
	EXIT_CODE_INCOMPLETE = 111,
	EXIT_CODE_DEADLINE = 112,
	EXIT_CODE_SANDBOX = 113,
	EXIT_CODE_SIGNAL = 128, /* + the signal's number */
};

/* "pass", "fail", ...; never NULL for a value below OUTCOME_MAX. */
const char *outcome_name(enum outcome outcome);

/* The outcome called `name`, or -EINVAL. */
int outcome_parse(const char *name);

/* Does it fail the run? pass, skip and leak do not. */
bool outcome_is_red(enum outcome outcome);

/* May another attempt change it? fail, timeout, oom, crash, error and lost may. */
bool outcome_is_retryable(enum outcome outcome);

/*
 * The worse of two exit codes in the contract's order: 128+n, 111, 113, 104, 105, 112, 100, 110,
 * then 4, then 0.
 */
int outcome_worse_exit(int a, int b);

#endif
