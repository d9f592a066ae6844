// SPDX-License-Identifier: Apache-2.0
/*
 * report.h - everything a run can be turned into, behind one vtable. A reporter sees the run's
 * events (msg_run_event) in order and writes one file or stream. It never blocks the run on
 * purpose, and never leaves a half-written file: files are built beside their target and renamed at
 * the end; streams (JSONL) are appended line by line.
 */
#ifndef PADDOCK_REPORT_REPORT_H
#define PADDOCK_REPORT_REPORT_H

#include "protocol/base/err.h"
#include "protocol/wire/msg.h"
#include "protocol/wire/outcome.h"

#include <stdbool.h>
#include <stdint.h>

/* What the terminal reporters need to know; others ignore it. */
struct report_options {
	const char *path; /* "-" or a file; the terminal reporters write to stdout */
	bool color;
	unsigned columns;   /* of the terminal; 0 unknown */
	unsigned durations; /* print the N slowest at the end */
	bool verbose;	    /* a line for passes too */
	enum { REPORT_OUTPUT_IMMEDIATE, REPORT_OUTPUT_FINAL, REPORT_OUTPUT_NEVER } failure_output;
};

struct report; /* one open reporter; each kind embeds its own */

struct report_ops {
	const char *name; /* "junit", "tap", "jsonl", "bar", "lines", ... */

	/* Open. 0 with *ret_report, or -errno with err (the target cannot be written). Options are
	 * borrowed for the call. */
	int (*open)(const struct report_options *options, struct report **ret_report,
		    struct err *err);

	/* One event of the run. May not fail visibly: trouble is remembered and returned by close.
	 */
	void (*event)(struct report *report, const struct msg_run_event *event);

	/* Time passed (about ten times a second): animate. NULL when there is nothing to animate.
	 */
	void (*tick)(struct report *report, uint64_t now_us);

	/* Finish, publish the file, free. 0 or -errno with err: the report could not be written
	 * (exit code 110). */
	int (*close)(struct report *report, struct err *err);
};

/* The reporter called `name`, or NULL. */
const struct report_ops *report_find(const char *name);

/* Reporter number i, or NULL past the end. */
const struct report_ops *report_nth(size_t i);

#endif
