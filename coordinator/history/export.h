// SPDX-License-Identifier: Apache-2.0
/* export.h - the history as JSON or CSV, for other programs. Pure: bytes go through a callback. */
#ifndef PADDOCK_COORDINATOR_HISTORY_EXPORT_H
#define PADDOCK_COORDINATOR_HISTORY_EXPORT_H

#include "coordinator/plan/estimate.h"

enum export_format {
	EXPORT_JSON,
	EXPORT_CSV,
	EXPORT_FORMAT_MAX,
};

/* The format called `name` ("json", "csv"), or -EINVAL. */
int export_format_parse(struct str name);

/*
 * Write the whole table in pieces to `put`, which returns 0 or a negative errno that stops the
 * export. Returns 0, what put returned, or -ENOMEM.
 */
int export_table(const struct estimate_table *table, enum export_format format,
		 int (*put)(void *data, struct str piece), void *data);

#endif
