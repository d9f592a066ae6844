// SPDX-License-Identifier: Apache-2.0
/*
 * embed.h - a run on this machine: an embedded coordinator on a private ipc endpoint and a worker
 * child.
 */
#ifndef PADDOCK_SERVE_EMBED_H
#define PADDOCK_SERVE_EMBED_H

#include "coordinator/report/report.h"
#include "protocol/base/err.h"
#include "protocol/wire/msg.h"

#include <stdbool.h>
#include <stddef.h>

struct parcel;

/* A report wanted of the run. */
struct embed_report {
	const struct report_ops *ops;
	struct report_options options;
};

struct embed_options {
	unsigned jobs;		/* slots of the worker */
	const char *store_path; /* history and journal; NULL: none */
	bool must_store; /* the path was asked for: an unusable one is an error, else a warning */
	const struct embed_report *reports;
	size_t n_reports;
	const char
		*artifacts; /* folder for the files of tests; NULL: in the state folder; "none" */
	struct parcel *parcel; /* what a coordinator elsewhere is sent with it; NULL: nothing */
};

/*
 * Run `submit` here, feeding the reports. Returns the exit code of the contract, with err filled
 * when something beside the tests went wrong. SIGINT and SIGTERM stop the run (128 + n, everything
 * reported that is known); a second one at once.
 */
int embed_run(const struct embed_options *options, const struct msg_submit *submit,
	      struct err *err);

#endif
