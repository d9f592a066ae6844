// SPDX-License-Identifier: Apache-2.0
/* reports.c - a list of reporters. One that fails does not stop the others. */
#include "coordinator/serve/reports.h"

#include <errno.h>
#include <stdlib.h>

struct reports {
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

void reports_event(struct reports *reports, const struct msg_run_event *event)
{
	for (size_t i = 0; i < reports->n; i++)
		reports->items[i].ops->event(reports->items[i].report, event);
}

void reports_tick(struct reports *reports, uint64_t now_us)
{
	for (size_t i = 0; i < reports->n; i++)
		if (reports->items[i].ops->tick)
			reports->items[i].ops->tick(reports->items[i].report, now_us);
}

int reports_close(struct reports *reports, struct err *err)
{
	int r = 0;
	if (!reports)
		return 0;
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
