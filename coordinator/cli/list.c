// SPDX-License-Identifier: Apache-2.0
/*
 * list.c - `paddock list`: the same submission as run's, listed only. Its lines come from a
 * reporter of its own, so that what is listed here is what run would run: a case per line, its
 * estimate in front.
 */
#include "coordinator/cli/outputs.h"
#include "coordinator/cli/place.h"
#include "coordinator/cli/request.h"
#include "coordinator/cli/say.h"
#include "coordinator/cli/ship.h"
#include "coordinator/cli/verbs.h"
#include "coordinator/serve/remote.h"
#include "protocol/base/buf.h"
#include "protocol/wire/outcome.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* One open listing; a struct report by its address. */
struct lister {
	uint64_t cases, programs;
	uint64_t work_us; /* of all estimates */
	bool failed;	  /* to write */
};

static int list_open(const struct report_options *options, struct report **ret_report,
		     struct err *err)
{
	struct lister *lister = calloc(1, sizeof(*lister));
	(void)options;
	if (!lister)
		return err_set(err, -ENOMEM, "out of memory");
	*ret_report = (struct report *)lister;
	return 0;
}

/* Cases of the one listing that this process makes; a reporter has nowhere else to leave it. */
static uint64_t listed;

static void print_case(struct lister *lister, const struct msg_run_event *event)
{
	char estimate[32] = "?";
	if (event->estimate_us)
		str_format_duration(estimate, sizeof(estimate), event->estimate_us);
	printf("%10s  ", estimate);
	say_case(stdout, event->suite, event->program, event->name);
	if (putchar('\n') == EOF)
		lister->failed = true;
	lister->cases++;
	listed++;
	lister->work_us += event->estimate_us;
}

static void list_event(struct report *report, const struct msg_run_event *event)
{
	struct lister *lister = (struct lister *)report;
	switch (event->kind) {
	case MSG_RUN_CASE_LISTED: print_case(lister, event); break;
	case MSG_RUN_LISTED: lister->programs++; break;
	case MSG_RUN_LIST_FAILED:
		fputs("paddock list: ", stderr);
		say_text(stderr, event->suite);
		fputs("::", stderr);
		say_text(stderr, event->program);
		fputs(": ", stderr);
		say_lines(stderr, event->message);
		fputs("\n", stderr);
		break;
	case MSG_RUN_WARNING:
		fputs("paddock list: ", stderr);
		say_lines(stderr, event->message);
		fputs("\n", stderr);
		break;
	default: break;
	}
}

static int list_close(struct report *report, struct err *err)
{
	struct lister *lister = (struct lister *)report;
	char work[32];
	bool failed = lister->failed || fflush(stdout) == EOF;
	int code = failed ? -errno : 0;
	if (!failed)
		fprintf(stderr, "%llu case%s of %llu program%s, about %s of work\n",
			(unsigned long long)lister->cases, lister->cases == 1 ? "" : "s",
			(unsigned long long)lister->programs, lister->programs == 1 ? "" : "s",
			str_format_duration(work, sizeof(work), lister->work_us));
	free(lister);
	return code ? err_errno(err, code, "the list cannot be written") : 0;
}

static const struct report_ops list_ops = {
	.name = "list",
	.open = list_open,
	.event = list_event,
	.close = list_close,
};

/* The core counts cases that run, and none does: so what --no-tests asks for is decided here. */
static int judge(const struct verbs_call *call, int code, struct err *err)
{
	enum { FAIL, WARN };
	unsigned no_tests = conf_choice(call->conf, OPTIONS_NO_TESTS);
	if (listed || code != EXIT_CODE_OK || no_tests > WARN)
		return code;
	err_set(err, -ENODATA, "no case is left to list; check the suite and the filters");
	return no_tests == FAIL ? EXIT_CODE_NO_TESTS : EXIT_CODE_OK;
}

int verbs_list(const struct verbs_call *call, struct err *err)
{
	const struct embed_report report = { .ops = &list_ops };
	const struct remote_options where = {
		.url = conf_text(call->conf, OPTIONS_COORDINATOR),
		.token = conf_text(call->conf, OPTIONS_TOKEN_FILE),
		.insecure = conf_flag(call->conf, OPTIONS_INSECURE),
	};
	struct embed_options options = {
		.jobs = request_jobs(call->conf),
		.reports = &report,
		.n_reports = 1,
	};
	struct request request = { 0 };
	struct buf store = { 0 };
	int code = request_make(call, &request, err);
	request.submit.list_only = 1;
	request.submit.no_tests = 2; /* pass */
	if (code == 0 && where.url && *where.url && !request.nothing) {
		code = ship_prepare(call, where.url, &request, &options.parcel, err);
		if (code == 0)
			code = remote_run(&where, &options, &request.submit, err);
		parcel_free(options.parcel);
	} else if (code == 0 && !request.nothing) {
		(void)place_history(call->conf, &store, NULL); /* estimates are a help, no more */
		options.store_path = store.len ? buf_text(&store) : NULL;
		code = embed_run(&options, &request.submit, err);
	}
	buf_done(&store);
	request_done(&request);
	return judge(call, code, err);
}
