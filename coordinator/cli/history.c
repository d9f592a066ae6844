// SPDX-License-Identifier: Apache-2.0
/* history.c - `paddock history`: tables of what earlier runs tell. */
#include "coordinator/cli/place.h"
#include "coordinator/cli/verbs.h"
#include "protocol/base/clock.h"
#include "protocol/wire/outcome.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void print_run(void *data, const struct store_run *run)
{
	char when[32], took[32] = "-", code[16] = "cut off";
	(void)data;
	clock_format_utc(when, sizeof(when), run->started_us);
	if (run->finished_us) {
		str_format_duration(took, sizeof(took), run->makespan_us);
		snprintf(code, sizeof(code), "exit %d", run->exit_code);
	}
	printf("%.*s  %s  %10s  %6llu cases  %4llu red  %3llu flaky  %-8s %.*s\n",
	       STR_ARG(run->name), when, took, (unsigned long long)run->cases,
	       (unsigned long long)run->red, (unsigned long long)run->flaky, code,
	       STR_ARG(run->submit));
}

int verbs_history(const struct verbs_call *call, struct err *err)
{
	struct store *store = NULL;
	size_t n;
	const char *const *operands = conf_operands(call->conf, &n);
	if (n && strcmp(operands[0], "runs") != 0) {
		err_set(err, -ENOTSUP, "%.60s: not a table that is known", operands[0]);
		return EXIT_CODE_USAGE;
	}
	int r = place_open_history(call->conf, &store, err);
	r = r < 0 ? r
		  : store_runs(store, conf_u64(call->conf, OPTIONS_LIMIT), print_run, NULL, err);
	store_close(store);
	return r < 0 ? EXIT_CODE_USAGE : EXIT_CODE_OK;
}
