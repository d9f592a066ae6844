// SPDX-License-Identifier: Apache-2.0
/*
 * libpq.h - PostgreSQL's client library, loaded when a store is kept there: it brings some
 * twenty libraries along, and every start of paddock would pay 5 ms for them. libpq.clear is
 * PQclear, and so on.
 */
#ifndef PADDOCK_COORDINATOR_HISTORY_LIBPQ_H
#define PADDOCK_COORDINATOR_HISTORY_LIBPQ_H

#include "protocol/base/err.h"

#include <libpq-fe.h>

struct libpq {
#define FUNCTION(name) __typeof__(PQ##name) *name;
#include "coordinator/history/libpq.def"
};

/* Filled by libpq_load. */
extern struct libpq libpq;

/* Load it, once. 0, or -ENOENT with err: it is not installed. */
int libpq_load(struct err *err);

#endif
