// SPDX-License-Identifier: Apache-2.0
/*
 * merge.h - event files of several runs become the events of one: of the shards of a CI matrix, of
 * a run and the rerun of its failures, of the same run recorded twice. The result does not depend
 * on the order of the files.
 *
 * A case that several runs have a verdict for keeps that of one run: of those that ran it to a
 * verdict of its own before those that did not (error, lost, notrun), then of the newest run (by
 * name), then the worst.
 */
#ifndef PADDOCK_COORDINATOR_REPORT_MERGE_H
#define PADDOCK_COORDINATOR_REPORT_MERGE_H

#include "protocol/base/err.h"
#include "protocol/wire/msg.h"

struct merge;

enum {
	MERGE_LINE_BYTES = 16 << 20, /* the longest line read */
	MERGE_EVENTS = 16 << 20,     /* of all files */
};

/* An empty one, NULL on no memory. */
struct merge *merge_new(void);

/* Free it and all events handed out. Accepts NULL. */
void merge_free(struct merge *merge);

/*
 * Read a file. 0, or -errno with err naming the file and line; nothing of the file counts then. A
 * last line without its end is what a killed run leaves: it is dropped.
 */
int merge_file(struct merge *merge, const char *path, struct err *err);

/* The same for bytes in memory; `name` is for errors. */
int merge_bytes(struct merge *merge, const char *name, struct str bytes, struct err *err);

/*
 * Hand out the merged run: started, programs, cases in order, warnings, finished. Returns the exit
 * code the merged run stands for, or -ENOMEM. Call once.
 */
int merge_emit(struct merge *merge, void (*each)(void *data, const struct msg_run_event *event),
	       void *data);

#endif
