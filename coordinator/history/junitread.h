// SPDX-License-Identifier: Apache-2.0
/* junitread.h - the cases of a JUnit XML file of any dialect. Streaming, bounded; no entities, no
 * network. */
#ifndef PADDOCK_COORDINATOR_HISTORY_JUNITREAD_H
#define PADDOCK_COORDINATOR_HISTORY_JUNITREAD_H

#include "protocol/base/err.h"
#include "protocol/base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* A testcase element that ran. Views are valid during the call. */
struct junitread_case {
	struct str testsuite; /* name of the innermost testsuite around it */
	struct str class_name, name, file;
	uint64_t duration_us;
	bool failed; /* has a failure or error child */
	unsigned long line;
};

/*
 * Call each for every testcase that is not skipped and has a time. 0; -EPROTO when it is not
 * well-formed or no JUnit, with the line in err; what each returns when negative.
 */
int junitread_parse(struct str bytes, int (*each)(void *data, const struct junitread_case *found),
		    void *data, struct err *err);

#endif
