// SPDX-License-Identifier: Apache-2.0
/* main.c - paddock-box: the keeper's entry, the one-shot program, the probe. Not for doing any of
 * it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sandbox/cli.h"
#include "sandbox/oneshot.h"
#include "sandbox/probe.h"
#include "sandbox/result.h"
#include "sandbox/serve.h"

static int report(const struct cli *cli, const struct box_result *result)
{
	FILE *out;

	result_explain(result, stderr);
	if (cli->json) {
		out = cli->json_fd == 2 ? stderr : fdopen(cli->json_fd, "w");
		if (!out) {
			fprintf(stderr,
				"paddock-box: write to descriptor %d: %s; open it in the caller\n",
				cli->json_fd, strerror(errno));
			return RESULT_EXIT_SETUP;
		}
		result_json(result, out);
		fflush(out);
	}
	return result_exit_code(result);
}

static int run(const struct cli *cli)
{
	struct box_error err;
	struct box_result result;

	if (oneshot_run(&cli->spec, &result, &err) < 0) {
		fprintf(stderr, "paddock-box: %s\n", err.text);
		return RESULT_EXIT_SETUP;
	}
	return report(cli, &result);
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
	case CLI_SERVE: return serve_run(cli.slots, cli.on_demand);
	case CLI_PROBE: return probe_run(cli.json);
	case CLI_HELP: cli_help(stdout); return 0;
	case CLI_VERSION: printf("paddock-box %s\n", serve_build()); return 0;
	case CLI_RUN: break;
	}
	return run(&cli);
}
