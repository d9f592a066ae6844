// SPDX-License-Identifier: Apache-2.0
/*
 * ship.c - the decision to send files, per run, and the choice of files, per program.
 *
 * What is sent is the workspace, since that is what a sandbox shows at its own path on a machine
 * that has no such folder. So nothing outside it can be sent, a shared workspace would be nobody's,
 * and without a sandbox there is no way to show it.
 */
#include "coordinator/cli/ship.h"

#include "protocol/wire/outcome.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum ship_when { SHIP_AUTO, SHIP_ALWAYS, SHIP_NEVER }; /* as the option lists them */

/* As the wire numbers them. */
enum { LEVEL_OFF = 0, WORKSPACE_SHARED = 1 };

/* What stands in the way of sending, or NULL. */
static const char *obstacle(const struct conf *conf)
{
	if (conf_choice(conf, OPTIONS_SANDBOX) == LEVEL_OFF)
		return "--sandbox off: without a sandbox a worker cannot show them at their own "
		       "path";
	if (conf_choice(conf, OPTIONS_WORKSPACE) == WORKSPACE_SHARED)
		return "--workspace shared: what tests write would reach nobody";
	return NULL;
}

/* 1 to send, 0 not to, or an exit code with err. */
static int decide(const struct conf *conf, const char *url, bool *ret_ship, struct err *err)
{
	enum ship_when when = (enum ship_when)conf_choice(conf, OPTIONS_SHIP);
	const char *why_not = obstacle(conf);
	if (when == SHIP_ALWAYS && why_not) {
		err_set(err, -EINVAL, "--ship always: files cannot be sent with %s", why_not);
		return EXIT_CODE_USAGE;
	}
	*ret_ship = when == SHIP_ALWAYS ||
		    (when == SHIP_AUTO && !why_not && strncmp(url, "ipc:", 4) != 0);
	return 0;
}

static bool is_below(struct str path, struct str folder)
{
	return str_starts(path, folder) && (path.len == folder.len || path.data[folder.len] == '/');
}

/* `path` without "." and "..", double slashes and a slash at the end, in the arena. */
static const char *clean(struct arena *arena, const char *path)
{
	char *out = arena_alloc(arena, strlen(path) + 2), *end = out;
	struct str rest = str_of(path), part;
	while (out && str_split(&rest, '/', &part)) {
		if (!part.len || str_eq(part, STR_LIT(".")))
			continue;
		if (str_eq(part, STR_LIT(".."))) {
			while (end > out && *--end != '/')
				;
			continue;
		}
		*end++ = '/';
		memcpy(end, part.data, part.len);
		end += part.len;
	}
	if (out)
		*end = '\0';
	return out;
}

/* The suite of paddock.yaml that a program belongs to, or NULL: it was found by its path alone. */
static const struct config_suite *suite_of(const struct config *config,
					   const struct msg_program *program)
{
	const struct config_suite *suite = config ? config_suite(config, program->suite) : NULL;
	if (!suite || (suite->path && !is_below(program->path, str_of(suite->path))))
		return NULL;
	return suite;
}

/* The inputs a suite declares, and what it names as its path. */
static int declared(struct request *request, const struct config_suite *suite,
		    struct parcel_want *want)
{
	size_t n = suite->inputs.len;
	const char **inputs = arena_alloc(&request->arena, (n + 1) * sizeof(*inputs));
	if (!inputs)
		return -ENOMEM;
	want->inputs = inputs;
	for (size_t i = 0; i < n; i++)
		inputs[want->n_inputs++] = clean(&request->arena, suite->inputs.items[i]);
	if (suite->path)
		inputs[want->n_inputs++] = clean(&request->arena, suite->path);
	for (size_t i = 0; i < want->n_inputs; i++)
		if (!inputs[i])
			return -ENOMEM;
	return 0;
}

static int pack(const struct verbs_call *call, struct request *request, struct parcel *parcel,
		struct msg_program *program, struct err *err)
{
	const struct config_suite *suite = suite_of(call->config, program);
	struct digest tree;
	if (!program->workspace.len)
		return 0;
	if (!program->n_args && !is_below(program->path, program->workspace))
		return err_set(err, -EINVAL,
			       "%.*s lies outside its workspace %.*s, which is what a coordinator "
			       "is sent: give the suite a workspace that holds both, or say --ship "
			       "never where workers have the same files",
			       STR_ARG(program->path), STR_ARG(program->workspace));
	struct parcel_want want = { .workspace = arena_copy(&request->arena, program->workspace) };
	int r = want.workspace ? 0 : -ENOMEM;
	if (r == 0 && suite && suite->inputs.len)
		r = declared(request, suite, &want);
	if (r < 0)
		return err_set(err, r, "out of memory while choosing the inputs");
	r = parcel_add(parcel, &want, &tree, err);
	if (r < 0)
		return r;
	char *id = arena_copy(&request->arena, (struct str){ (char *)tree.bytes, DIGEST_BYTES });
	program->tree = (struct str){ id, DIGEST_BYTES };
	return id ? 0 : err_set(err, -ENOMEM, "out of memory while choosing the inputs");
}

int ship_prepare(const struct verbs_call *call, const char *url, struct request *request,
		 struct parcel **ret_parcel, struct err *err)
{
	bool ship = false;
	int code = decide(call->conf, url, &ship, err);
	*ret_parcel = NULL;
	if (code || !ship)
		return code;
	struct parcel *parcel = parcel_new(NULL);
	int r = parcel ? 0 : err_set(err, -ENOMEM, "out of memory while choosing the inputs");
	for (size_t i = 0; r == 0 && i < request->found.len; i++)
		r = pack(call, request, parcel, &request->found.items[i], err);
	if (r < 0) {
		parcel_free(parcel);
		return EXIT_CODE_SETUP;
	}
	struct parcel_counts counts = parcel_counts(parcel);
	if (counts.left_out)
		fprintf(stderr,
			"paddock: inputs: %llu left out: sockets, pipes, devices, and links that "
			"leave the workspace\n",
			(unsigned long long)counts.left_out);
	*ret_parcel = parcel;
	return 0;
}
