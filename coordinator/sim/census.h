// SPDX-License-Identifier: Apache-2.0
/*
 * census.h - which cases there are, by the store's runs: of each suite, the newest run that was
 * whole. A run that was cut off, or that ran less than half of what another recent one had of the
 * suite (a rerun of failures, a filter), is not.
 */
#ifndef PADDOCK_SIM_CENSUS_H
#define PADDOCK_SIM_CENSUS_H

#include "coordinator/history/store.h"
#include "protocol/base/arena.h"
#include "protocol/base/err.h"
#include "protocol/base/map.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct census_program {
	struct str suite, name, kind, file;
	size_t cases;
};

struct census_case {
	struct str name;
	uint32_t program;
	bool ran;	      /* not skipped before it ran */
	uint64_t duration_us; /* of its final attempt in that run */
};

struct census {
	struct arena arena; /* all texts */
	struct {
		struct census_program *items;
		size_t len, cap;
	} programs;
	struct {
		struct census_case *items;
		size_t len, cap;
	} cases;	    /* by program */
	struct map by_name; /* "suite::program" -> program */
	size_t ran;
	char run[64]; /* the newest run used */
	/* What that run tells, when the cases are all of its cases and no others; else 0. */
	uint64_t join_us; /* when its first worker came */
	uint64_t list_us; /* of one program */
	uint64_t busy_us, slots;
};

/*
 * Take it (into a zeroed struct). `wanted` as for forecast_load. 0; -ENOENT with err when no run
 * serves; errors of the store, -ENOMEM. Clear with census_done in any case.
 */
int census_take(struct census *census, struct store *store, const struct str *wanted, size_t n,
		struct err *err);

/* Free it and zero. */
void census_done(struct census *census);

#endif
