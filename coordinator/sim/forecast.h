// SPDX-License-Identifier: Apache-2.0
/*
 * forecast.h - how long the recorded suites would take with other pools. What cases there are
 * comes from the newest whole run of each suite in the store, what they cost from its history;
 * the rest is sim.h. Each pool is simulated several times with durations drawn from the recorded
 * samples.
 */
#ifndef PADDOCK_SIM_FORECAST_H
#define PADDOCK_SIM_FORECAST_H

#include "coordinator/history/store.h"
#include "protocol/base/err.h"
#include "protocol/base/str.h"

#include <stddef.h>
#include <stdint.h>

struct forecast;

/* One pool. Times are of the median draw but for the last. */
struct forecast_row {
	uint64_t workers, slots; /* slots: of all of them */
	uint64_t makespan_us, bound_us, busy_us;
	uint64_t
		/* only one draw in twenty takes longer (the longest, of fewer draws than twenty) */
		late_us;
	uint64_t shards;
	char bounded_by[256];
};

/* What a forecast stands on. */
struct forecast_basis {
	size_t programs, cases;
	size_t unseen;	  /* cases without a sample: taken for what the newest run says */
	uint64_t work_us; /* sum of their usual durations */
	size_t draws;	  /* per pool */
	char run[64];	  /* the newest run used */
};

/*
 * Read what is recorded. `wanted` (n 0: everything) are names of suites, absolute paths of
 * programs, or of folders above them. 0 with *ret_forecast (free it with forecast_free); -ENOENT
 * with err when there is no whole run of them; errors of the store. Blocks on the disk.
 */
int forecast_load(struct store *store, const struct str *wanted, size_t n,
		  struct forecast **ret_forecast, struct err *err);

/* Free it. Accepts NULL. */
void forecast_free(struct forecast *forecast);

/* What it stands on. */
struct forecast_basis forecast_basis(const struct forecast *forecast);

/* Simulate `workers` workers of `slots` slots each. 0, or -errno with err. */
int forecast_pool(const struct forecast *forecast, uint64_t workers, uint64_t slots,
		  struct forecast_row *ret_row, struct err *err);

#endif
