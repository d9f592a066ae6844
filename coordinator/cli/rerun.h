// SPDX-License-Identifier: Apache-2.0
/* rerun.h - what `--rerun failed|RUN` stands for: the cases of a stored run, and where they were.
 */
#ifndef PADDOCK_CLI_RERUN_H
#define PADDOCK_CLI_RERUN_H

#include "coordinator/cli/words.h"
#include "protocol/base/arena.h"
#include "protocol/base/conf.h"
#include "protocol/base/err.h"

#include <stddef.h>

struct rerun {
	struct arena arena; /* owns all texts */
	struct {
		struct str *items;
		size_t len, cap;
	} ids;		     /* canonical, of what was red or did not run */
	struct words suites; /* what the run was asked for; empty when it is not known */
	const char *kind;    /* its --kind; NULL: it had none */
};

/*
 * Look into the history for the run that `what` names ("failed": the latest). 0 with *ret_rerun
 * (free it with rerun_done), or -errno with err. Blocks on the disk.
 */
int rerun_load(const struct conf *conf, const char *what, struct rerun *ret_rerun, struct err *err);

/* Free it. Accepts NULL and zeroed. */
void rerun_done(struct rerun *rerun);

/*
 * The text that rerun_load reads suites and kind from, appended to buf: for the store. `kind` may
 * be NULL. 0, or buf_append's errors: then the run cannot be rerun without naming its suites.
 */
int rerun_describe(const char *kind, const char *const *suites, size_t n, struct buf *buf);

#endif
