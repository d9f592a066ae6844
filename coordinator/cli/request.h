// SPDX-License-Identifier: Apache-2.0
/*
 * request.h - from options and arguments to one submission: programs with their limits, filters,
 * overrides, what to do about failures.
 */
#ifndef PADDOCK_CLI_REQUEST_H
#define PADDOCK_CLI_REQUEST_H

#include "coordinator/cli/discover.h"
#include "coordinator/cli/rerun.h"
#include "coordinator/cli/verbs.h"
#include "protocol/base/arena.h"
#include "protocol/base/err.h"
#include "protocol/wire/msg.h"

struct request {
	struct msg_submit submit; /* borrows from what follows */
	struct discover found;
	struct rerun rerun;	   /* zeroed without --rerun */
	const char *const *suites; /* to look for; none: all */
	size_t n_suites;
	const char *kind; /* of all of them */
	struct arena arena;
	bool nothing; /* --rerun found nothing to run again: there is nothing to submit */
};

/*
 * Make the submission of `paddock run` or `paddock list`. 0, or an exit code with err. The caller
 * calls request_done in any case. Blocks on the disk.
 */
int request_make(const struct verbs_call *call, struct request *ret_request, struct err *err);

/* Free it. Accepts NULL and zeroed. */
void request_done(struct request *request);

/* Slots of a local worker: --jobs, else the processors this process may use. */
unsigned request_jobs(const struct conf *conf);

/*
 * "5", "10%", "3:immediate" of --max-fail into the three fields of submit. 0 or -EINVAL with err.
 */
int request_parse_max_fail(struct str text, struct msg_submit *submit, struct err *err);

#endif
