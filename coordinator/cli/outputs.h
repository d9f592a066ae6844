// SPDX-License-Identifier: Apache-2.0
/*
 * outputs.h - which reports the options ask for, and what the terminal can show.
 */
#ifndef PADDOCK_CLI_OUTPUTS_H
#define PADDOCK_CLI_OUTPUTS_H

#include "coordinator/serve/embed.h"
#include "protocol/base/conf.h"
#include "protocol/base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum { OUTPUTS_MAX = 8 };

struct outputs {
	struct embed_report items[OUTPUTS_MAX];
	size_t n;
};

/* What standard output is. */
struct outputs_terminal {
	bool is_terminal;
	bool is_dumb;	  /* TERM says that it cannot move its cursor */
	bool no_color;	  /* NO_COLOR is set */
	unsigned columns; /* 0: unknown */
};

/* Ask the process's standard output and environment. */
struct outputs_terminal outputs_terminal(void);

/*
 * The files and streams that the options name, into *ret_outputs; texts are borrowed from conf. A
 * verb's options are looked at only where it has them. 0, or -EINVAL with err: two reports for one
 * file, or one that this build does not have.
 */
int outputs_files(const struct conf *conf, size_t verb, struct outputs *ret_outputs,
		  struct err *err);

/*
 * Add the display of a run, as --progress asks for: nothing when a report goes to standard output
 * and nobody asked for more. 0, or -EINVAL as outputs_files.
 */
int outputs_display(const struct conf *conf, const struct outputs_terminal *terminal,
		    struct outputs *outputs, struct err *err);

/* Add the plain summary of a run that is over. As outputs_display. */
int outputs_summary(const struct conf *conf, const struct outputs_terminal *terminal,
		    struct outputs *outputs, struct err *err);

#endif
