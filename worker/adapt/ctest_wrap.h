// SPDX-License-Identifier: Apache-2.0
/* ctest_wrap.h - the command line and environment that run one CTest test without ctest. */
#ifndef PADDOCK_WORKER_ADAPT_CTEST_WRAP_H
#define PADDOCK_WORKER_ADAPT_CTEST_WRAP_H

#include "worker/adapt/args.h"
#include "worker/adapt/ctest_props.h"

enum {
	CTEST_WRAP_MISSING = 125, /* exit code of the wrapper when a required file is not there */
};

/* What the wrapper prints before the name of a missing file. */
#define CTEST_WRAP_SAYS "required file is missing: "

/*
 * Fill *args and *env. The test's own command, as it is, unless it needs what only a shell at its
 * side can do: look for required files, or change variables whose value is known only there; then
 * /bin/sh does that and becomes the test. 0, or -EINVAL with err for an ENVIRONMENT_MODIFICATION
 * that CMake would refuse too.
 */
int ctest_wrap_command(const struct ctest_props *props, struct args *args, struct args *env,
		       struct err *err);

#endif
