// SPDX-License-Identifier: Apache-2.0
/* report.c - the table of reporters. */
#include "coordinator/report/report.h"

#include "coordinator/report/table.h"

#include <stddef.h>
#include <string.h>

static const struct report_ops *const reporters[] = {
	&table_bar, &table_lines, &table_jsonl, &table_junit,
	&table_tap, &table_html,  &table_trace, &table_github,
};

const struct report_ops *report_nth(size_t i)
{
	return i < sizeof(reporters) / sizeof(reporters[0]) ? reporters[i] : NULL;
}

const struct report_ops *report_find(const char *name)
{
	const struct report_ops *ops;
	for (size_t i = 0; (ops = report_nth(i)); i++)
		if (strcmp(ops->name, name) == 0)
			return ops;
	return NULL;
}
