// SPDX-License-Identifier: Apache-2.0
/* merge.c - `paddock merge FILE...`: event files of several machines into the reports of one run.
 */
#include "coordinator/report/merge.h"
#include "coordinator/cli/outputs.h"
#include "coordinator/cli/verbs.h"
#include "coordinator/serve/reports.h"
#include "protocol/wire/outcome.h"

#include <errno.h>

static void feed(void *data, const struct msg_run_event *event)
{
	reports_event(data, event);
}

static int read_files(const struct verbs_call *call, struct merge *merge, struct err *err)
{
	size_t n;
	const char *const *files = conf_operands(call->conf, &n);
	int r = 0;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = merge_file(merge, files[i], err);
	return r;
}

static int emit(struct merge *merge, const struct outputs *outputs, struct err *err)
{
	struct reports *reports;
	if (reports_open(outputs->items, outputs->n, &reports, err) < 0)
		return EXIT_CODE_REPORT;
	int code = merge_emit(merge, feed, reports);
	if (code < 0) {
		err_errno(err, code, "merging");
		code = EXIT_CODE_SETUP;
	}
	struct err closing = { 0 };
	if (reports_close(reports, &closing) < 0) {
		*err = closing;
		code = outcome_worse_exit(code, EXIT_CODE_REPORT);
	}
	return code;
}

int verbs_merge(const struct verbs_call *call, struct err *err)
{
	const struct outputs_terminal terminal = outputs_terminal();
	struct outputs outputs;
	if (outputs_files(call->conf, OPTIONS_VERB_MERGE, &outputs, err) < 0 ||
	    (!outputs.n && outputs_summary(call->conf, &terminal, &outputs, err) < 0))
		return EXIT_CODE_USAGE;
	struct merge *merge = merge_new();
	if (!merge) {
		err_set(err, -ENOMEM, "out of memory");
		return EXIT_CODE_SETUP;
	}
	int code = read_files(call, merge, err) < 0 ? EXIT_CODE_USAGE : emit(merge, &outputs, err);
	merge_free(merge);
	return code;
}
