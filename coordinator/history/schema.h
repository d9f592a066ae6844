// SPDX-License-Identifier: Apache-2.0
/* schema.h - the tables of the store, their version, and how an older file becomes a newer one. */
#ifndef PADDOCK_COORDINATOR_HISTORY_SCHEMA_H
#define PADDOCK_COORDINATOR_HISTORY_SCHEMA_H

#include "coordinator/history/db.h"

/*
 * Make the tables in an empty file, migrate an older one, leave a current one alone. -EBADMSG: a
 * database of something else; -EPROTO: made by a newer paddock. Nothing is changed then.
 */
int schema_apply(struct db *db, struct err *err);

#endif
