// SPDX-License-Identifier: Apache-2.0
/* report.c - `paddock report RUN`: the stored events of a run through reporters once more. */
#include "coordinator/cli/outputs.h"
#include "coordinator/cli/place.h"
#include "coordinator/cli/verbs.h"
#include "coordinator/history/store.h"
#include "coordinator/serve/reports.h"
#include "protocol/wire/outcome.h"

#include <errno.h>

static int feed(void *data, const struct msg_run_event *event)
{
	reports_event(data, event);
	return 0;
}

static int replay(struct store *store, uint64_t run, const struct outputs *outputs, struct err *err)
{
	struct reports *reports;
	struct err closing = { 0 };
	if (reports_open(outputs->items, outputs->n, &reports, err) < 0)
		return EXIT_CODE_REPORT;
	if (reports_take_artifacts(reports, &(struct artifacts_options){ .stored = true }, err) <
	    0) {
		(void)reports_close(reports, NULL);
		return EXIT_CODE_SETUP;
	}
	int r = store_run_replay(store, run, feed, reports, err);
	int closed = reports_close(reports, &closing);
	if (r < 0)
		return EXIT_CODE_SETUP;
	if (closed < 0)
		*err = closing;
	return closed < 0 ? EXIT_CODE_REPORT : EXIT_CODE_OK;
}

int verbs_report(const struct verbs_call *call, struct err *err)
{
	const struct outputs_terminal terminal = outputs_terminal();
	struct outputs outputs;
	struct store *store = NULL;
	uint64_t run;
	size_t n;
	const char *const *operands = conf_operands(call->conf, &n);
	if (outputs_files(call->conf, OPTIONS_VERB_REPORT, &outputs, err) < 0 ||
	    (!outputs.n && outputs_summary(call->conf, &terminal, &outputs, err) < 0))
		return EXIT_CODE_USAGE;
	int r = place_open_history(call->conf, &store, err);
	r = r < 0 ? r : store_run_find(store, str_of(operands[0]), &run, err);
	int code = r < 0 ? EXIT_CODE_USAGE : replay(store, run, &outputs, err);
	store_close(store);
	return code;
}
