// SPDX-License-Identifier: Apache-2.0
/* outputs.c - reporters by name from options. Opens nothing: the run does, before it starts. */
#include "coordinator/cli/outputs.h"

#include "coordinator/cli/options.h"
#include "protocol/base/assert.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Options that name a file, and the reporter that writes it. */
static const struct {
	size_t option;
	const char *reporter;
} files[] = {
	{ OPTIONS_JUNIT, "junit" }, { OPTIONS_EVENTS, "jsonl" }, { OPTIONS_TAP, "tap" },
	{ OPTIONS_HTML, "html" },   { OPTIONS_TRACE, "trace" },
};

enum { FILES = sizeof(files) / sizeof(files[0]) };
enum { PROGRESS_AUTO, PROGRESS_BAR, PROGRESS_LINES, PROGRESS_NONE };
enum { COLOR_AUTO, COLOR_ALWAYS };

struct outputs_terminal outputs_terminal(void)
{
	struct outputs_terminal terminal = { .is_terminal = isatty(STDOUT_FILENO) };
	const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
	struct winsize size = { 0 };
	terminal.is_dumb = !term || !*term || strcmp(term, "dumb") == 0;
	terminal.no_color = no_color && *no_color;
	if (terminal.is_terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		terminal.columns = size.ws_col;
	return terminal;
}

static int add(struct outputs *outputs, const char *reporter, const char *origin,
	       const struct report_options *options, struct err *err)
{
	const struct report_ops *ops = report_find(reporter);
	if (!ops)
		return err_set(err, -EINVAL, "%s: this build of paddock cannot write it", origin);
	ASSERT(outputs->n < OUTPUTS_MAX);
	outputs->items[outputs->n++] = (struct embed_report){ .ops = ops, .options = *options };
	return 0;
}

static bool is_taken(const struct outputs *outputs, const char *path)
{
	for (size_t i = 0; i < outputs->n; i++)
		if (outputs->items[i].options.path &&
		    strcmp(outputs->items[i].options.path, path) == 0)
			return true;
	return false;
}

int outputs_files(const struct conf *conf, size_t verb, struct outputs *ret_outputs,
		  struct err *err)
{
	struct outputs outputs = { .n = 0 };
	int r = 0;
	for (size_t i = 0; r == 0 && i < FILES; i++) {
		bool takes = conf_takes(&options_table, verb, files[i].option);
		const char *path = takes ? conf_text(conf, files[i].option) : NULL;
		const char *name = options_table.options[files[i].option].name;
		char origin[32];
		if (!path || !*path)
			continue;
		snprintf(origin, sizeof(origin), "--%s", name);
		if (is_taken(&outputs, path))
			return err_set(err, -EINVAL,
				       "%s: another report goes to %s already; name "
				       "another file",
				       origin, path);
		const struct report_options options = { .path = path };
		r = add(&outputs, files[i].reporter, origin, &options, err);
	}
	if (r == 0 && conf_takes(&options_table, verb, OPTIONS_GITHUB) &&
	    conf_flag(conf, OPTIONS_GITHUB))
		r = add(&outputs, "github", "--github", &(struct report_options){ .path = NULL },
			err);
	if (r == 0)
		*ret_outputs = outputs;
	return r;
}

static struct report_options display_options(const struct conf *conf,
					     const struct outputs_terminal *terminal)
{
	unsigned color = conf_choice(conf, OPTIONS_COLOR);
	bool fit = terminal->is_terminal && !terminal->is_dumb && !terminal->no_color;
	return (struct report_options){
		.path = "-",
		.color = color == COLOR_ALWAYS || (color == COLOR_AUTO && fit),
		.columns = terminal->columns,
		.durations = (unsigned)conf_u64(conf, OPTIONS_DURATIONS),
		.verbose = conf_flag(conf, OPTIONS_VERBOSE),
		.failure_output = conf_choice(conf, OPTIONS_FAILURE_OUTPUT),
	};
}

int outputs_display(const struct conf *conf, const struct outputs_terminal *terminal,
		    struct outputs *outputs, struct err *err)
{
	const struct report_options options = display_options(conf, terminal);
	unsigned progress = conf_choice(conf, OPTIONS_PROGRESS);
	if (progress == PROGRESS_AUTO && is_taken(outputs, "-"))
		return 0;
	if (progress == PROGRESS_AUTO)
		progress = terminal->is_terminal && !terminal->is_dumb ? PROGRESS_BAR
								       : PROGRESS_LINES;
	if (progress == PROGRESS_NONE)
		return 0;
	return add(outputs, progress == PROGRESS_BAR ? "bar" : "lines", "--progress", &options,
		   err);
}

int outputs_summary(const struct conf *conf, const struct outputs_terminal *terminal,
		    struct outputs *outputs, struct err *err)
{
	const struct report_options options = display_options(conf, terminal);
	return add(outputs, "lines", "the summary", &options, err);
}
