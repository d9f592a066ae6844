// SPDX-License-Identifier: Apache-2.0
/* main.c - paddock-box: the keeper's entry, the one-shot program, the probe. Not for doing any of
 * it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sandbox/cli.h"
#include "sandbox/probe.h"
#include "sandbox/result.h"
#include "sandbox/serve.h"

static int run(const struct cli *cli)
{
	struct box_result result;
	FILE *out = stderr;
	int r;

	if (cli->json && cli->json_fd != 2)
		out = fdopen(cli->json_fd, "w");
	if (!out) {
		fprintf(stderr, "paddock-box: write to descriptor %d: %s; open it in the caller\n",
			cli->json_fd, strerror(errno));
		return RESULT_EXIT_SETUP;
	}
	r = serve_once(&cli->spec, &result);
	if (r < 0) {
		fprintf(stderr, "paddock-box: run %s: %s\n", cli->spec.argv[0], strerror(-r));
		return RESULT_EXIT_SETUP;
	}
	result_explain(&result, stderr);
	if (cli->json) {
		result_json(&result, out);
		fflush(out);
	}
	return result_exit_code(&result);
}

int main(int argc, char **argv)
{
	struct box_error err;
	struct cli cli;

	if (cli_parse(argc, argv, &cli, &err) < 0) {
		fprintf(stderr, "paddock-box: %s\n", err.text);
		return RESULT_EXIT_USAGE;
	}
	switch (cli.verb) {
	case CLI_SERVE: return cli.slots ? serve_run((unsigned)cli.slots) : RESULT_EXIT_USAGE;
	case CLI_PROBE: return probe_run(cli.json);
	case CLI_HELP: cli_help(stdout); return 0;
	case CLI_VERSION: printf("paddock-box %s\n", serve_build()); return 0;
	case CLI_RUN: break;
	}
	return run(&cli);
}
