// SPDX-License-Identifier: Apache-2.0
/*
 * cli.c - options of paddock-box from one table: parsing and help. Pure but for printing.
 * Invariant: every option in the table is parsed, explained in --help and, with its default, in the
 * manual page.
 */
#include "sandbox/cli.h"

#include "sandbox/result.h"
#include "sandbox/spec.h"
#include "sandbox/util.h"

/* How the text of an option becomes a field of struct cli. */
enum option_kind {
	KIND_LEVEL,
	KIND_NETWORK,
	KIND_GRANT,
	KIND_WORKSPACE,
	KIND_TEXT,
	KIND_BIND, /* at: whether it is writable */
	KIND_BYTES,
	KIND_NUMBER,
	KIND_DURATION,
	KIND_FLAG,
	KIND_JSON,
	KIND_SLOTS,
	KIND_VERB, /* at: the verb */
};

struct option {
	const char *name;
	const char *value; /* how its value is called; NULL: none; in [] when it may be left out
			      with '=' */
	enum option_kind kind;
	size_t at;
	const char *help;
};

#define SPEC(field) offsetof(struct cli, spec.field)

static const struct option options[] = {
#define OPTION(name, value, kind, at, help) { name, value, kind, at, help },
#include "sandbox/cli.def"
};

static int bad(struct box_error *err, const char *name, const char *value, const char *next)
{
	util_print(err->text, sizeof(err->text), "read option --%s%s%.100s: not a valid value; %s",
		   name, value ? " " : "", value ? value : "", next);
	return -EINVAL;
}

static int set_enum(int value, unsigned *out)
{
	if (value >= 0)
		*out = (unsigned)value;
	return value < 0 ? value : 0;
}

static int set_workspace(struct cli *cli, const char *value)
{
	BOX_ASSERT(value);
	size_t length = strcspn(value, ":");
	char mode[16];
	int r = util_print(mode, sizeof(mode), "%.*s", (int)length, value);

	if (value[length])
		cli->spec.workspace_path = value + length + 1;
	return r < 0 ? r : set_enum(box_workspace_parse(mode), &cli->spec.workspace);
}

static int set_bind(struct cli *cli, const char *path, bool writable)
{
	if (cli->spec.n_binds == BOX_BINDS_MAX)
		return -E2BIG;
	cli->binds[cli->spec.n_binds++] = (struct box_bind){ .path = path, .writable = writable };
	return 0;
}

static int set_json(struct cli *cli, const char *value)
{
	uint64_t fd = 2;
	int r = value ? util_parse_u64(value, 1023, &fd) : 0;

	cli->json = true;
	cli->json_fd = (int)fd;
	return r;
}

static int set(struct cli *cli, const struct option *option, const char *value)
{
	void *field = (char *)cli + option->at;

	switch (option->kind) {
	case KIND_LEVEL: return set_enum(box_level_parse(value), &cli->spec.level);
	case KIND_NETWORK: return set_enum(box_network_parse(value), &cli->spec.network);
	case KIND_GRANT: return set_enum(box_grants_parse(value), &cli->spec.grants);
	case KIND_WORKSPACE: return set_workspace(cli, value);
	case KIND_TEXT: *(const char **)field = value; return 0;
	case KIND_BIND: return set_bind(cli, value, option->at);
	case KIND_BYTES: return util_parse_bytes(value, field);
	case KIND_NUMBER: return util_parse_u64(value, UINT64_MAX, field);
	case KIND_DURATION: return util_parse_duration(value, field);
	case KIND_FLAG: *(bool *)field = true; return 0;
	case KIND_JSON: return set_json(cli, value);
	case KIND_SLOTS: return util_parse_u64(value, SPEC_SLOTS_MAX, field);
	case KIND_VERB: cli->verb = (enum cli_verb)option->at; return 0;
	}
	return -EINVAL;
}

static const struct option *find(const char *word, size_t length)
{
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (strncmp(options[i].name, word, length) == 0 && !options[i].name[length])
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
		util_print(err->text, sizeof(err->text),
			   "read option %.100s: there is no such option; see paddock-box --help",
			   argv[*at]);
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
	return set(cli, option, value) < 0 ? bad(err, option->name, value, option->help) : 0;
}

/* Paths are the same inside and outside, so the current folder is where one expects to be. */
static int fill_defaults(struct cli *cli, struct box_error *err)
{
	static char here[4096];
	const char *field;

	if (!getcwd(here, sizeof(here)))
		return bad(err, "cwd", NULL,
			   "the current folder is gone; change to one that exists");
	if (!cli->spec.workspace_path && strcmp(here, "/") != 0)
		cli->spec.workspace_path = here;
	if (!cli->spec.cwd)
		cli->spec.cwd = here;
	field = spec_validate(&cli->spec);
	if (!field)
		return 0;
	util_print(err->text, sizeof(err->text),
		   "check the request: %s is missing or out of bounds; see paddock-box --help",
		   field);
	return -EINVAL;
}

int cli_parse(int argc, char **argv, struct cli *ret_cli, struct box_error *err)
{
	static const char *const nothing[] = { "true", NULL };
	int at = 1, r = 0;

	*ret_cli = (struct cli){
		.verb = CLI_RUN, .json_fd = 2, .slots = 1, .spec.level = BOX_LEVEL_DEFAULT
	};
	while (r == 0 && at < argc && strncmp(argv[at], "--", 2) == 0 && argv[at][2])
		r = take_option(argc, argv, &at, ret_cli, err);
	if (r < 0 || (ret_cli->verb != CLI_RUN && ret_cli->verb != CLI_EXPLAIN))
		return r;
	if (at < argc && strcmp(argv[at], "--") == 0)
		at++;
	ret_cli->spec.binds = ret_cli->binds;
	ret_cli->spec.argv = at < argc ? (const char *const *)argv + at : nothing;
	ret_cli->spec.envp = (const char *const *)environ;
	if (at >= argc && ret_cli->verb == CLI_RUN) {
		util_print(err->text, sizeof(err->text),
			   "run a command: none was given; paddock-box [OPTIONS] -- CMD [ARG...]");
		return -EINVAL;
	}
	return fill_defaults(ret_cli, err);
}

void cli_help(FILE *out)
{
	fputs("Usage: paddock-box [OPTIONS] -- CMD [ARG...]\n"
	      "Run one command in a sandbox: own namespaces, the host read-only, the workspace\n"
	      "copy-on-write, no rights, a call filter, limits, and nothing left at the end.\n\n",
	      out);
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		const struct option *o = &options[i];
		char left[40];
		bool optional = o->value && o->value[0] == '[';

		util_print(left, sizeof(left), "--%s%s%s", o->name,
			   o->value ? (optional ? "[=" : " ") : "",
			   o->value ? o->value + optional : "");
		fprintf(out, "  %-26s %s\n", left, o->help);
	}
	fprintf(out,
		"\nExit code: CMD's own; 128+n: killed by signal n; %d: past the deadline;\n"
		"%d: set-up failed; %d: cannot be enforced here; %d: wrong usage.\n",
		RESULT_EXIT_TIMEOUT, RESULT_EXIT_SETUP, RESULT_EXIT_REFUSED, RESULT_EXIT_USAGE);
}
