// SPDX-License-Identifier: Apache-2.0
/*
 * artifacts.h - the files that tests left, as they come in, on this machine's disk:
 * FOLDER/suite/program/case/path, each whole or not there at all.
 */
#ifndef PADDOCK_SERVE_ARTIFACTS_H
#define PADDOCK_SERVE_ARTIFACTS_H

#include "protocol/base/err.h"
#include "protocol/wire/msg.h"

#include <stdbool.h>

struct artifacts;

struct artifacts_options {
	const char *folder; /* NULL: artifacts/ of the run's state folder; "none": nowhere */
	bool stored; /* the events are of a run that is over: files are looked for, not made */
};

/* For one run; the caller frees it with artifacts_close. The folder's name is borrowed. NULL on no
 * memory. */
struct artifacts *artifacts_new(const struct artifacts_options *options);

/*
 * Take an event of the run. True when reports are to see it: as *ret_event, which for an artifact
 * names the finished file (file: its path here, empty when there is none; offset: its bytes) and
 * borrows from this call's event and from `artifacts` until the next call.
 */
bool artifacts_event(struct artifacts *artifacts, const struct msg_run_event *event,
		     struct msg_run_event *ret_event);

/*
 * The run is over: give up a file whose end never came. True with *ret_event, as above; false when
 * there is none left.
 */
bool artifacts_give_up(struct artifacts *artifacts, struct msg_run_event *ret_event);

/* Free it. 0, or -errno with err: the first file that could not be written. Accepts NULL. */
int artifacts_close(struct artifacts *artifacts, struct err *err);

#endif
