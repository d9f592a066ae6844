// SPDX-License-Identifier: Apache-2.0
/* plan.c - `paddock plan`: the verb's place. The simulation behind it is coordinator/sim. */
#include "coordinator/cli/verbs.h"
#include "protocol/wire/outcome.h"

#include <errno.h>

int verbs_plan(const struct verbs_call *call, struct err *err)
{
	(void)call;
	err_set(err, -ENOTSUP, "this build cannot simulate yet");
	return EXIT_CODE_USAGE;
}
