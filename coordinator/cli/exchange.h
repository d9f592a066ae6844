// SPDX-License-Identifier: Apache-2.0
/* exchange.h - history in from other runners and out for other programs: `history import, export`.
 */
#ifndef PADDOCK_CLI_EXCHANGE_H
#define PADDOCK_CLI_EXCHANGE_H

#include "coordinator/cli/verbs.h"
#include "protocol/base/err.h"

#include <stddef.h>

/*
 * Add what `n` files say to the history (made when absent), all of it or nothing. Returns an exit
 * code, with err when it is not 0. Prints how much it was.
 */
int exchange_import(const struct verbs_call *call, const char *const *files, size_t n,
		    struct err *err);

/*
 * Write all that is known to `file`, or to standard output for NULL or "-". Returns an exit code,
 * with err when it is not 0.
 */
int exchange_export(const struct verbs_call *call, const char *file, struct err *err);

#endif
