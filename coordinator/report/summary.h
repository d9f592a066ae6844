// SPDX-License-Identifier: Apache-2.0
/*
 * summary.h - what people read last: counts, failures, the slowest cases, how good the schedule
 * was, what to type next. Shared by the terminal reporters. Copies what it keeps.
 */
#ifndef PADDOCK_COORDINATOR_REPORT_SUMMARY_H
#define PADDOCK_COORDINATOR_REPORT_SUMMARY_H

#include "coordinator/report/report.h"
#include "coordinator/report/tally.h"
#include "protocol/base/buf.h"

struct summary;

/* An empty one. Options are copied (the path is not used). NULL on no memory. */
struct summary *summary_new(const struct report_options *options);

/* Free it. Accepts NULL. */
void summary_free(struct summary *summary);

/* Take note of an event. 0 or -ENOMEM. */
int summary_event(struct summary *summary, const struct msg_run_event *event);

/* What was counted so far. */
const struct tally *summary_tally(const struct summary *summary);

/* The run's name, "" before it began. */
const char *summary_run(const struct summary *summary);

/* Append the closing text. As buf_append. */
int summary_print(const struct summary *summary, struct buf *buf);

#endif
