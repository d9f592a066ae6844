// SPDX-License-Identifier: Apache-2.0
/* table.h - the reporters of this room, for report.c: each is defined in the file of its name. */
#ifndef PADDOCK_COORDINATOR_REPORT_TABLE_H
#define PADDOCK_COORDINATOR_REPORT_TABLE_H

#include "coordinator/report/report.h"

extern const struct report_ops table_junit;
extern const struct report_ops table_tap;
extern const struct report_ops table_jsonl;
extern const struct report_ops table_lines;
extern const struct report_ops table_bar;
extern const struct report_ops table_github;
extern const struct report_ops table_trace;
extern const struct report_ops table_html;

#endif
