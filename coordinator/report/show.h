// SPDX-License-Identifier: Apache-2.0
/*
 * show.h - verdicts as text for people: one line each, with the failing case's output below. Pure;
 * names and outputs are escaped.
 */
#ifndef PADDOCK_COORDINATOR_REPORT_SHOW_H
#define PADDOCK_COORDINATOR_REPORT_SHOW_H

#include "coordinator/report/report.h"
#include "protocol/base/buf.h"

enum show_style {
	SHOW_PLAIN,
	SHOW_BOLD,
	SHOW_DIM,
	SHOW_GREEN,
	SHOW_RED,
	SHOW_YELLOW,
	SHOW_CYAN,
};

/* Append text in a style, escaped to one line; without colour just the text. As buf_append. */
int show_text(struct buf *buf, enum show_style style, struct str text, bool color);

/* "PASS", "FAIL", ... and how it is coloured. */
const char *show_word(enum outcome outcome);
enum show_style show_style_of(enum outcome outcome); /* the style of show_word */

/* Append "suite::program::case" with the case standing out. As buf_append. */
int show_id(struct buf *buf, const struct msg_run_event *event, bool color);

/*
 * Is a verdict worth a line of its own while the run goes on? Red, flaky and leaking ones are, and
 * slow cases; those of cases that did not run are told at the end, since thousands can come at
 * once.
 */
bool show_matters(const struct msg_run_event *event);

/*
 * Append "FAIL     1.20 s  suite::program::case: reason\n", or of a slow case "SLOW   > 1.20 s
 * ...". As buf_append.
 */
int show_verdict(struct buf *buf, const struct msg_run_event *event, bool color);

/*
 * Append the rest of the message and the end of both outputs, indented; nothing when there is none.
 * As buf_append.
 */
int show_output(struct buf *buf, const struct msg_run_event *event, bool color);

/* Append what a warning or a worker's coming and going says, as a line. As buf_append. */
int show_note(struct buf *buf, const struct msg_run_event *event, bool color);

#endif
