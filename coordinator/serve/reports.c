// SPDX-License-Identifier: Apache-2.0
/* reports.c - a list of reporters. One that fails does not stop the others. */
#include "coordinator/serve/reports.h"

#include <errno.h>
#include <stdlib.h>

struct reports {
	struct artifacts *artifacts; /* NULL: events pass as they are */
	size_t n;
	struct {
		const struct report_ops *ops;
		struct report *report;
	} items[];
};

int reports_open(const struct embed_report *wanted, size_t n, struct reports **ret_reports,
		 struct err *err)
{
	struct reports *reports = calloc(1, sizeof(*reports) + n * sizeof(reports->items[0]));
	if (!reports)
		return err_set(err, -ENOMEM, "no memory for reports");
	for (size_t i = 0; i < n; i++) {
		int r = wanted[i].ops->open(&wanted[i].options, &reports->items[i].report, err);
		if (r < 0) {
			(void)reports_close(reports, NULL); /* the first error is the one to tell */
			return r;
		}
		reports->items[i].ops = wanted[i].ops;
		reports->n++;
	}
	*ret_reports = reports;
	return 0;
}

int reports_take_artifacts(struct reports *reports, const struct artifacts_options *options,
			   struct err *err)
{
	reports->artifacts = artifacts_new(options);
	return reports->artifacts ? 0 : err_set(err, -ENOMEM, "no memory for artifacts");
}

int reports_open_run(const struct embed_options *options, struct reports **ret_reports,
		     struct err *err)
{
	struct reports *reports;
	int r = reports_open(options->reports, options->n_reports, &reports, err);
	if (r < 0)
		return r;
	r = reports_take_artifacts(reports,
				   &(struct artifacts_options){ .folder = options->artifacts },
				   err);
	if (r < 0)
		(void)reports_close(reports, NULL);
	else
		*ret_reports = reports;
	return r;
}

static void feed(struct reports *reports, const struct msg_run_event *event)
{
	for (size_t i = 0; i < reports->n; i++)
		reports->items[i].ops->event(reports->items[i].report, event);
}

void reports_event(struct reports *reports, const struct msg_run_event *event)
{
	struct msg_run_event told;
	if (!reports->artifacts) {
		feed(reports, event);
		return;
	}
	while (event->kind == MSG_RUN_FINISHED && artifacts_give_up(reports->artifacts, &told))
		feed(reports, &told);
	if (artifacts_event(reports->artifacts, event, &told))
		feed(reports, &told);
}

void reports_tick(struct reports *reports, uint64_t now_us)
{
	for (size_t i = 0; i < reports->n; i++)
		if (reports->items[i].ops->tick)
			reports->items[i].ops->tick(reports->items[i].report, now_us);
}

int reports_close(struct reports *reports, struct err *err)
{
	if (!reports)
		return 0;
	int r = artifacts_close(reports->artifacts, err);
	for (size_t i = 0; i < reports->n; i++) {
		struct err own = { 0 };
		int closed = reports->items[i].ops->close(reports->items[i].report, &own);
		if (closed < 0 && r == 0) {
			r = closed;
			if (err)
				*err = own;
		}
	}
	free(reports);
	return r;
}
