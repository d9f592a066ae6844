// SPDX-License-Identifier: Apache-2.0
/* cli.h - the command line of paddock-box. */
#ifndef PADDOCK_SANDBOX_CLI_H
#define PADDOCK_SANDBOX_CLI_H

#include <stdio.h>

#include "sandbox/box.h"

enum cli_verb {
	CLI_RUN,
	CLI_SERVE,
	CLI_PROBE,
	CLI_EXPLAIN,
	CLI_HELP,
	CLI_VERSION,
};

struct cli {
	enum cli_verb verb;
	struct box_spec spec;
	struct box_bind binds[BOX_BINDS_MAX];
	bool json;
	int json_fd; /* where the record goes; 2 unless told */
	uint64_t slots;
	uint64_t output_bytes; /* 0: all of it, by CMD itself */
};

/* Reads the arguments; strings are borrowed. 0, or -EINVAL with `err` naming the argument and what
 * it takes. */
int cli_parse(int argc, char **argv, struct cli *ret_cli, struct box_error *err);

/* The text of --help, made from the option table. */
void cli_help(FILE *out);

#endif
