// SPDX-License-Identifier: Apache-2.0
/* ship.h - whether a run's files are sent along with it, and which. */
#ifndef PADDOCK_CLI_SHIP_H
#define PADDOCK_CLI_SHIP_H

#include "coordinator/cli/request.h"
#include "coordinator/cli/verbs.h"
#include "coordinator/serve/parcel.h"
#include "protocol/base/err.h"

/*
 * Pack what the programs of the request need, as --ship says for the coordinator at `url`, and name
 * each one's tree in it. 0 with *ret_parcel, which the caller frees and which is NULL when workers
 * use their own files; or an exit code with err. Reads the workspaces.
 */
int ship_prepare(const struct verbs_call *call, const char *url, struct request *request,
		 struct parcel **ret_parcel, struct err *err);

#endif
