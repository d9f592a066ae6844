// SPDX-License-Identifier: Apache-2.0
/* main.c - paddock-box: the keeper's entry, the one-shot program, the probe. Not for doing any of
 * it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "sandbox/cli.h"
#include "sandbox/fence.h"
#include "sandbox/filter.h"
#include "sandbox/probe.h"
#include "sandbox/result.h"
#include "sandbox/serve.h"

static int run(const struct cli *cli)
{
	struct box_result result;
	FILE *out = cli->json && cli->json_fd != 2 ? fdopen(cli->json_fd, "w") : stderr;
	int r;

	if (!out) {
		fprintf(stderr, "paddock-box: write to descriptor %d: %s; open it in the caller\n",
			cli->json_fd, strerror(errno));
		return RESULT_EXIT_SETUP;
	}
	if (cli->spec.keep)
		mkdir(cli->spec.keep, 0700); /* what fails is told by the start */
	r = serve_once(&cli->spec, cli->output_bytes, &result);
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

/* What a sandbox of these options leaves open; what it does not say is closed. */
static int explain(const struct cli *cli)
{
	const struct box_spec *spec = &cli->spec;
	static const char *const writes[] = { "a private copy of", "the host's own", "nothing of" };
	static const char *const networks[] = { "loopback", "none", "the host's", "used again" };

	puts("reads: the host's files that this user may read, but /tmp, /var, /home, /root, /run");
	if (spec->workspace_path)
		printf("writes: %s %s\n", writes[spec->workspace], spec->workspace_path);
	if (spec->keep)
		printf("writes: without a limit to the host's %s\n", spec->keep);
	for (size_t i = 0; i < spec->n_binds; i++)
		printf("%s: the host's own %s\n", spec->binds[i].writable ? "writes" : "reads",
		       spec->binds[i].path);
	printf("network: %s\n", networks[spec->network]);
	printf("not limited:%s%s%s%s%s\n", spec->memory_bytes ? "" : " memory",
	       spec->cpu_milli || spec->cpuset ? "" : " processors", spec->wall_us ? "" : " time",
	       spec->cpu_us ? "" : " processor-time", cli->output_bytes ? "" : " output");
	if (spec->level == BOX_LEVEL_STRICT)
		printf("strict adds:%s%s\n", fence_version() ? " Landlock" : "",
		       fence_cores() ? " cores of its own" : "");
	puts("calls that some level or the lack of a grant would refuse:");
	filter_explain(spec->level, spec->grants, stdout);
	return 0;
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
	case CLI_EXPLAIN: return explain(&cli);
	case CLI_PROBE: return probe_run(cli.json);
	case CLI_HELP: cli_help(stdout); return 0;
	case CLI_VERSION: puts("paddock-box " PADDOCK_BUILD_ID); return 0;
	case CLI_RUN: break;
	}
	return run(&cli);
}
