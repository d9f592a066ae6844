// SPDX-License-Identifier: Apache-2.0
/* reports.h - the open reports of one run, fed together. */
#ifndef PADDOCK_SERVE_REPORTS_H
#define PADDOCK_SERVE_REPORTS_H

#include "coordinator/serve/artifacts.h"
#include "coordinator/serve/embed.h"

#include <stdint.h>

struct reports;

/* Open all of them, or none: 0, or -errno with err of the first that cannot be written. */
int reports_open(const struct embed_report *wanted, size_t n, struct reports **ret_reports,
		 struct err *err);

/* Open those of a run that begins, with its artifacts written to disk. As reports_open. */
int reports_open_run(const struct embed_options *options, struct reports **ret_reports,
		     struct err *err);

/*
 * Have the run's artifacts written to disk as its events pass, or looked for; reports then see one
 * event for each file. Call before the first event. 0 or -ENOMEM with err.
 */
int reports_take_artifacts(struct reports *reports, const struct artifacts_options *options,
			   struct err *err);

/* Feed one event to all. */
void reports_event(struct reports *reports, const struct msg_run_event *event);

/* Let the live ones animate. */
void reports_tick(struct reports *reports, uint64_t now_us);

/* Close all and free; 0, or -errno with err of the first that failed. Accepts NULL. */
int reports_close(struct reports *reports, struct err *err);

#endif
