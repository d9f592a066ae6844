// SPDX-License-Identifier: Apache-2.0
/* outcome.c - the tables behind verdicts and exit codes. Pure. */
#include "protocol/wire/outcome.h"

#include "protocol/base/assert.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static const struct {
	const char *name;
	bool red, retryable;
} outcomes[OUTCOME_MAX] = {
	[OUTCOME_PASS] = { "pass", false, false }, [OUTCOME_FAIL] = { "fail", true, true },
	[OUTCOME_SKIP] = { "skip", false, false }, [OUTCOME_TIMEOUT] = { "timeout", true, true },
	[OUTCOME_OOM] = { "oom", true, true },	   [OUTCOME_CRASH] = { "crash", true, true },
	[OUTCOME_LEAK] = { "leak", false, false }, [OUTCOME_ERROR] = { "error", true, true },
	[OUTCOME_LOST] = { "lost", true, true },   [OUTCOME_NOTRUN] = { "notrun", true, false },
};

const char *outcome_name(enum outcome outcome)
{
	ASSERT(outcome < OUTCOME_MAX);
	return outcomes[outcome].name;
}

int outcome_parse(const char *name)
{
	for (int i = 0; i < OUTCOME_MAX; i++)
		if (strcmp(outcomes[i].name, name) == 0)
			return i;
	return -EINVAL;
}

bool outcome_is_red(enum outcome outcome)
{
	ASSERT(outcome < OUTCOME_MAX);
	return outcomes[outcome].red;
}

bool outcome_is_retryable(enum outcome outcome)
{
	ASSERT(outcome < OUTCOME_MAX);
	return outcomes[outcome].retryable;
}

static size_t badness(int code)
{
	static const int order[] = {
		EXIT_CODE_OK,	   EXIT_CODE_NO_TESTS, EXIT_CODE_REPORT,
		EXIT_CODE_FAILED,  EXIT_CODE_DEADLINE, EXIT_CODE_SETUP,
		EXIT_CODE_LISTING, EXIT_CODE_SANDBOX,  EXIT_CODE_INCOMPLETE,
	};
	size_t n = sizeof(order) / sizeof(order[0]);
	for (size_t i = 0; i < n; i++)
		if (order[i] == code)
			return i;
	return n; /* usage, configuration, signals: nothing else was attempted or everything was cut
		     short */
}

int outcome_worse_exit(int a, int b)
{
	return badness(b) > badness(a) ? b : a;
}
