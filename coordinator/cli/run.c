// SPDX-License-Identifier: Apache-2.0
/* run.c - `paddock run`: a submission, the reports it feeds, and where it runs. */
#include "coordinator/cli/outputs.h"
#include "coordinator/cli/place.h"
#include "coordinator/cli/request.h"
#include "coordinator/cli/ship.h"
#include "coordinator/cli/verbs.h"
#include "coordinator/serve/remote.h"
#include "protocol/wire/outcome.h"

#include <stdio.h>

/* Here, or at a coordinator. */
static int carry_out(const struct verbs_call *call, struct request *request,
		     const struct outputs *outputs, struct err *err)
{
	const struct remote_options where = {
		.url = conf_text(call->conf, OPTIONS_COORDINATOR),
		.token = conf_text(call->conf, OPTIONS_TOKEN_FILE),
		.insecure = conf_flag(call->conf, OPTIONS_INSECURE),
	};
	struct buf store = { 0 };
	struct embed_options options = {
		.jobs = request_jobs(call->conf),
		.must_store = conf_is_set(call->conf, OPTIONS_HISTORY),
		.reports = outputs->items,
		.n_reports = outputs->n,
		.artifacts = conf_text(call->conf, OPTIONS_ARTIFACTS_DIR),
	};
	if (where.url && *where.url) {
		int code = ship_prepare(call, where.url, request, &options.parcel, err);
		if (code == 0)
			code = remote_run(&where, &options, &request->submit, err);
		parcel_free(options.parcel);
		return code;
	}
	struct err no_place = { 0 };
	if (place_history(call->conf, &store, &no_place) < 0)
		fprintf(stderr, "paddock run: %s; going on without history\n", no_place.text);
	options.store_path = store.len ? buf_text(&store) : NULL;
	int code = embed_run(&options, &request->submit, err);
	buf_done(&store);
	return code;
}

int verbs_run(const struct verbs_call *call, struct err *err)
{
	const struct outputs_terminal terminal = outputs_terminal();
	struct outputs outputs;
	struct request request = { 0 };
	if (outputs_files(call->conf, OPTIONS_VERB_RUN, &outputs, err) < 0 ||
	    outputs_display(call->conf, &terminal, &outputs, err) < 0)
		return EXIT_CODE_USAGE;
	int code = request_make(call, &request, err);
	if (code == 0 && request.nothing) {
		fprintf(stderr, "paddock run: that run left nothing to run again\n");
		code = request.submit.no_tests ? EXIT_CODE_OK : EXIT_CODE_NO_TESTS;
	} else if (code == 0) {
		if (request.submit.shuffle)
			fprintf(stderr,
				"paddock run: shuffled; the same order again with "
				"--shuffle=%llu\n",
				(unsigned long long)request.submit.seed);
		code = carry_out(call, &request, &outputs, err);
	}
	request_done(&request);
	return code;
}
