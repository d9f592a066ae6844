// SPDX-License-Identifier: Apache-2.0
/*
 * cli.c - options of paddock-box from one table: parsing and help. Pure but for printing.
 * Invariant: every option in the table is parsed, explained in --help and, with its default, in the manual page.
 */
#include "sandbox/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sandbox/result.h"
#include "sandbox/spec.h"
#include "sandbox/util.h"

enum option_id {
	OPT_LEVEL,
	OPT_WORKSPACE,
	OPT_CWD,
	OPT_HOME,
	OPT_NETWORK,
	OPT_BIND,
	OPT_RW,
	OPT_MEMORY,
	OPT_PIDS,
	OPT_CPU,
	OPT_TMP,
	OPT_FSIZE,
	OPT_CORE,
	OPT_TIMEOUT,
	OPT_GRACE,
	OPT_BEST_EFFORT,
	OPT_JSON,
	OPT_PROBE,
	OPT_SERVE,
	OPT_SLOTS,
	OPT_HELP,
	OPT_VERSION,
};

struct option {
	enum option_id id;
	const char *name;
	const char *value;	/* how its value is called; NULL: none; in [] when it may be left out with '=' */
	const char *help;
};

static const struct option options[] = {
	{ OPT_LEVEL, "level", "LEVEL", "strict, default, permissive or off (default: default)" },
	{ OPT_WORKSPACE, "workspace", "MODE[:PATH]", "overlay, shared or readonly of PATH (default: overlay of the current folder)" },
	{ OPT_CWD, "cwd", "PATH", "start in PATH (default: the current folder)" },
	{ OPT_HOME, "home", "PATH", "use PATH as HOME (default: a private, empty one)" },
	{ OPT_NETWORK, "network", "KIND", "loopback, none or host (default: loopback)" },
	{ OPT_BIND, "bind", "PATH", "show PATH read-only; repeatable" },
	{ OPT_RW, "rw", "PATH", "show PATH writable; repeatable" },
	{ OPT_MEMORY, "memory", "SIZE", "memory limit, swap included, such as 512M (default: none)" },
	{ OPT_PIDS, "pids", "N", "limit of processes and threads (default: 4096)" },
	{ OPT_CPU, "cpu", "MILLI", "processor quota in thousandths of one (default: none)" },
	{ OPT_TMP, "tmp", "SIZE", "size of /tmp, HOME and the workspace's changes together (default: half of --memory, or 2G)" },
	{ OPT_FSIZE, "fsize", "SIZE", "largest file that may be written (default: any)" },
	{ OPT_CORE, "core", "SIZE", "largest core dump (default: 0)" },
	{ OPT_TIMEOUT, "timeout", "TIME", "deadline, such as 90s or 500ms; ends with exit code 124 (default: none)" },
	{ OPT_GRACE, "grace", "TIME", "between TERM and KILL (default: 2s)" },
	{ OPT_BEST_EFFORT, "best-effort", NULL, "run without the limits this host cannot enforce, and say so" },
	{ OPT_JSON, "json", "[FD]", "write the record as JSON to file descriptor FD (default: 2)" },
	{ OPT_PROBE, "probe", NULL, "print what this host can enforce; with --json for programs" },
	{ OPT_SERVE, "serve", NULL, "be the keeper of a paddock-worker, on descriptor 3" },
	{ OPT_SLOTS, "slots", "N", "with --serve: how many payloads at once (default: 1)" },
	{ OPT_HELP, "help", NULL, "print this" },
	{ OPT_VERSION, "version", NULL, "print the version" },
};

static int bad(struct box_error *err, const char *name, const char *value, const char *next)
{
	util_print(err->text, sizeof(err->text), "read option --%s%s%.100s: not a valid value; %s", name, value ? " " : "",
		value ? value : "", next);
	return -EINVAL;
}

static int set_workspace(struct cli *cli, const char *value)
{
	const char *colon = strchr(value, ':');
	char mode[16];
	int kind;

	if (colon && (size_t)(colon - value) >= sizeof(mode))
		return -EINVAL;
	util_copy(mode, colon ? (size_t)(colon - value) + 1 : sizeof(mode), value);
	kind = box_workspace_parse(mode);
	if (kind < 0)
		return kind;
	cli->spec.workspace = (enum box_workspace)kind;
	if (colon)
		cli->spec.workspace_path = colon + 1;
	return 0;
}

static int set_bind(struct cli *cli, const char *path, bool writable)
{
	if (cli->spec.n_binds == BOX_BINDS_MAX)
		return -E2BIG;
	cli->binds[cli->spec.n_binds++] = (struct box_bind){ .path = path, .writable = writable };
	return 0;
}

static int set_enum(int value, unsigned *out)
{
	if (value >= 0)
		*out = (unsigned)value;
	return value < 0 ? value : 0;
}

static int set_json(struct cli *cli, const char *value)
{
	uint64_t fd = 2;
	int r = value ? util_parse_u64(value, 1023, &fd) : 0;

	cli->json = true;
	cli->json_fd = (int)fd;
	return r;
}

static int set_slots(struct cli *cli, const char *value)
{
	uint64_t n;
	int r = util_parse_u64(value, SPEC_SLOTS_MAX, &n);

	if (r < 0 || n == 0)
		return -EINVAL;
	cli->slots = (unsigned)n;
	return 0;
}

static int set_limit(struct box_spec *spec, enum option_id id, const char *value)
{
	switch (id) {
	case OPT_MEMORY:
		return util_parse_bytes(value, &spec->memory_bytes);
	case OPT_PIDS:
		return util_parse_u64(value, SPEC_PIDS_MAX, &spec->pids);
	case OPT_CPU:
		return util_parse_u64(value, SPEC_CPU_MILLI_MAX, &spec->cpu_milli);
	case OPT_TMP:
		return util_parse_bytes(value, &spec->tmp_bytes);
	case OPT_FSIZE:
		return util_parse_bytes(value, &spec->file_bytes);
	case OPT_CORE:
		return util_parse_bytes(value, &spec->core_bytes);
	case OPT_TIMEOUT:
		return util_parse_duration(value, &spec->wall_us);
	case OPT_GRACE:
		return util_parse_duration(value, &spec->grace_us);
	default:
		return -EINVAL;
	}
}

static int set(struct cli *cli, enum option_id id, const char *value)
{
	switch (id) {
	case OPT_LEVEL:
		return set_enum(box_level_parse(value), &cli->spec.level);
	case OPT_NETWORK:
		return set_enum(box_network_parse(value), &cli->spec.network);
	case OPT_WORKSPACE:
		return set_workspace(cli, value);
	case OPT_CWD:
		cli->spec.cwd = value;
		return 0;
	case OPT_HOME:
		cli->spec.home = value;
		return 0;
	case OPT_BIND:
	case OPT_RW:
		return set_bind(cli, value, id == OPT_RW);
	case OPT_BEST_EFFORT:
		cli->spec.best_effort = true;
		return 0;
	case OPT_JSON:
		return set_json(cli, value);
	case OPT_SLOTS:
		return set_slots(cli, value);
	case OPT_PROBE:
		cli->verb = CLI_PROBE;
		return 0;
	case OPT_SERVE:
		cli->verb = CLI_SERVE;
		return 0;
	case OPT_HELP:
		cli->verb = CLI_HELP;
		return 0;
	case OPT_VERSION:
		cli->verb = CLI_VERSION;
		return 0;
	default:
		return set_limit(&cli->spec, id, value);
	}
}

static const struct option *find(const char *word, size_t length)
{
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (strlen(options[i].name) == length && memcmp(options[i].name, word, length) == 0)
			return &options[i];
	return NULL;
}

/* One option at argv[*at], which is moved behind it. */
static int take_option(int argc, char **argv, int *at, struct cli *cli, struct box_error *err)
{
	const char *word = argv[*at] + 2;
	size_t length = strcspn(word, "=");
	const char *value = word[length] ? word + length + 1 : NULL;
	const struct option *option = find(word, length);

	if (!option) {
		util_print(err->text, sizeof(err->text), "read option %.100s: there is no such option; see paddock-box --help", argv[*at]);
		return -EINVAL;
	}
	*at += 1;
	if (!option->value && value)
		return bad(err, option->name, value, "it takes no value");
	if (option->value && option->value[0] != '[' && !value) {
		if (*at >= argc)
			return bad(err, option->name, NULL, "it needs a value");
		value = argv[(*at)++];
	}
	return set(cli, option->id, value) < 0 ? bad(err, option->name, value, option->help) : 0;
}

/* Paths are the same inside and outside, so the current folder is where one expects to be. */
static int fill_defaults(struct cli *cli, struct box_error *err)
{
	static char here[4096];
	const char *field;

	if (!getcwd(here, sizeof(here)))
		return bad(err, "cwd", NULL, "the current folder is gone; change to one that exists");
	if (!cli->spec.workspace_path && strcmp(here, "/") != 0)
		cli->spec.workspace_path = here;
	if (!cli->spec.cwd)
		cli->spec.cwd = here;
	field = spec_validate(&cli->spec);
	if (!field)
		return 0;
	util_print(err->text, sizeof(err->text), "check the request: %s is missing or out of bounds; paths must be absolute and normal; "
		"see paddock-box --help", field);
	return -EINVAL;
}

int cli_parse(int argc, char **argv, struct cli *ret_cli, struct box_error *err)
{
	int at = 1;
	int r = 0;

	*ret_cli = (struct cli){ .verb = CLI_RUN, .json_fd = 2, .slots = 1, .spec.level = BOX_LEVEL_DEFAULT };
	while (r == 0 && at < argc && strncmp(argv[at], "--", 2) == 0 && argv[at][2])
		r = take_option(argc, argv, &at, ret_cli, err);
	if (r < 0 || ret_cli->verb != CLI_RUN)
		return r;
	if (at < argc && strcmp(argv[at], "--") == 0)
		at++;
	ret_cli->spec.binds = ret_cli->binds;
	ret_cli->spec.argv = (const char *const *)argv + at;
	ret_cli->spec.envp = (const char *const *)environ;
	if (at >= argc) {
		util_print(err->text, sizeof(err->text), "run a command: none was given; paddock-box [OPTIONS] -- CMD [ARG...]");
		return -EINVAL;
	}
	return fill_defaults(ret_cli, err);
}

void cli_help(FILE *out)
{
	fputs("Usage: paddock-box [OPTIONS] -- CMD [ARG...]\n"
	      "Run one command in a sandbox: own namespaces, the host read-only, a copy-on-write workspace,\n"
	      "no rights, a system call filter, limits, and nothing left at the end.\n\n",
		out);
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		const struct option *o = &options[i];
		char left[40];
		bool optional = o->value && o->value[0] == '[';

		util_print(left, sizeof(left), "--%s%s%s", o->name, o->value ? (optional ? "[=" : " ") : "",
			o->value ? o->value + optional : "");
		fprintf(out, "  %-26s %s\n", left, o->help);
	}
	fprintf(out, "\nExit code: CMD's own; 128+n: killed by signal n; %d: past the deadline; %d: set-up failed;\n"
		     "%d: the sandbox asked for cannot be enforced here; %d: wrong usage.\n",
		RESULT_EXIT_TIMEOUT, RESULT_EXIT_SETUP, RESULT_EXIT_REFUSED, RESULT_EXIT_USAGE);
}
