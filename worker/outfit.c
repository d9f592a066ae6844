// SPDX-License-Identifier: Apache-2.0
/*
 * outfit.c - environment and sandbox of a payload.
 *
 * A sandbox shows the host's system folders and hides what is private: /home, /root, /run, /tmp and
 * /var. A program or working directory below one of those is shown by a read-only bind, unless
 * the workspace holds it already. A bind costs a mount per process, so nothing visible anyway is
 * bound. Not for files: scratch.c writes them.
 */
#include "worker/outfit.h"

#include "protocol/base/assert.h"
#include "protocol/base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

int outfit_env_put(struct outfit_env *env, const char *text)
{
	if (!text)
		return -ENOMEM;
	const char *sign = strchr(text, '=');
	size_t key = sign ? (size_t)(sign - text) : strlen(text);
	for (size_t i = 0; i < env->len; i++) {
		if (strncmp(env->items[i], text, key) != 0 || env->items[i][key] != '=')
			continue;
		env->items[i] = sign ? text : env->items[--env->len];
		env->items[env->len] = NULL;
		return 0;
	}
	if (!sign)
		return 0;
	if (env->len + 2 > env->cap) {
		size_t cap = env->cap * 2 + 32;
		const char **items = arena_alloc(env->arena, cap * sizeof(*items));
		if (!items)
			return -ENOMEM;
		if (env->len)
			memcpy(items, env->items, env->len * sizeof(*items));
		env->items = items;
		env->cap = cap;
	}
	env->items[env->len++] = text;
	env->items[env->len] = NULL;
	return 0;
}

#define PUT(env, ...) outfit_env_put((env), arena_printf((env)->arena, __VA_ARGS__))

static int put_paddock(const struct outfit *outfit, struct outfit_env *env)
{
	const struct msg_assign *assign = outfit->assign;
	/* Inside a sandbox /tmp is private and dies with it; bare payloads share the host's, so
	 * they get the slot's. */
	const char *tmp = outfit->program->level == BOX_LEVEL_OFF
				  ? arena_printf(env->arena, "%s/tmp", outfit->scratch)
				  : "/tmp";
	int r = tmp ? 0 : -ENOMEM;
	r = r ? r : PUT(env, "PADDOCK_RUN=%.*s", STR_ARG(assign->run));
	r = r ? r : PUT(env, "PADDOCK_ATTEMPT=%" PRIu64, assign->retry ? assign->retry : 1);
	r = r ? r : PUT(env, "PADDOCK_SLOT=%u", outfit->slot);
	r = r ? r : PUT(env, "PADDOCK_WORKER=%s", outfit->worker);
	r = r ? r : PUT(env, "PADDOCK_SEED=%" PRIu64, assign->seed);
	r = r ? r : PUT(env, "PADDOCK_TMPDIR=%s", tmp);
	r = r ? r : PUT(env, "PADDOCK_ARTIFACTS=%s/artifacts", outfit->scratch);
	r = r ? r : PUT(env, "TEST_TMPDIR=%s", tmp);
	r = r ? r : PUT(env, "TEST_UNDECLARED_OUTPUTS_DIR=%s/artifacts", outfit->scratch);
	return r;
}

static int put_bazel(const struct outfit *outfit, struct outfit_env *env)
{
	uint64_t timeout_us = outfit->program->timeout_us;
	int r = outfit_env_put(env, "TEST_TOTAL_SHARDS=1");
	r = r ? r : outfit_env_put(env, "TEST_SHARD_INDEX=0");
	r = r ? r : PUT(env, "TEST_SHARD_STATUS_FILE=%s/shard-status", outfit->scratch);
	r = r ? r : PUT(env, "XML_OUTPUT_FILE=%s/test.xml", outfit->scratch);
	if (r == 0 && timeout_us)
		r = PUT(env, "TEST_TIMEOUT=%" PRIu64,
			(timeout_us + CLOCK_US_PER_S - 1) / CLOCK_US_PER_S);
	return r;
}

int outfit_base(const struct outfit *outfit, struct arena *arena, struct outfit_env *ret_env)
{
	const struct msg_program *program = outfit->program;
	struct outfit_env env = { .arena = arena };
	int r = 0;
	for (size_t i = 0; i < program->n_env && r == 0; i++)
		r = outfit_env_put(&env, program->env[i].data);
	r = r ? r : put_paddock(outfit, &env);
	r = r ? r : put_bazel(outfit, &env);
	if (r == 0)
		*ret_env = env;
	return r;
}

int outfit_step(const struct outfit_env *base, const struct adapt_command *command,
		struct str case_name, struct arena *arena, struct outfit_env *ret_env)
{
	struct outfit_env env = { .arena = arena, .len = base->len, .cap = base->len + 8 };
	int r = 0;
	env.items = arena_alloc(arena, env.cap * sizeof(*env.items));
	if (!env.items)
		return -ENOMEM;
	memcpy(env.items, base->items, base->len * sizeof(*env.items));
	for (const char **add = command->env; add && *add && r == 0; add++)
		r = outfit_env_put(&env, *add);
	if (r == 0 && case_name.len)
		r = PUT(&env, "PADDOCK_CASE=%.*s", STR_ARG(case_name));
	if (r == 0)
		*ret_env = env;
	return r;
}

/* Is `path` the folder `folder` or below it? */
static bool is_below(const char *path, const char *folder)
{
	size_t n = strlen(folder);
	return strncmp(path, folder, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

bool outfit_hides(const char *path)
{
	static const char *const hidden[] = { "/home", "/root", "/run", "/tmp", "/var" };
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
		if (is_below(path, hidden[i]) && strcmp(path, hidden[i]) != 0)
			return true;
	return false;
}

static void add_bind(struct outfit_box *box, const char *path, bool writable)
{
	const struct box_spec *spec = &box->spec;
	if (!path || path[0] != '/')
		return;
	if (!writable &&
	    (!outfit_hides(path) || (spec->workspace_path && is_below(path, spec->workspace_path))))
		return;
	for (size_t i = 0; i < spec->n_binds; i++)
		if (is_below(path, spec->binds[i].path))
			return;
	ASSERT(spec->n_binds < OUTFIT_BINDS);
	box->binds[box->spec.n_binds++] = (struct box_bind){ .path = path, .writable = writable };
}

/* The folder that holds the program, so that its libraries and data are there too; a build folder
 * is its own. */
static const char *program_folder(const struct msg_program *program, struct arena *arena)
{
	struct str path = program->path;
	if (str_eq(program->kind, STR_LIT("ctest")))
		return path.data;
	while (path.len && path.data[path.len - 1] != '/')
		path.len--;
	while (path.len && path.data[path.len - 1] == '/')
		path.len--;
	return path.len ? arena_copy(arena, path) : "/";
}

static const char *text_or_null(struct str text)
{
	return text.len ? text.data : NULL;
}

int outfit_box(const struct outfit *outfit, const struct adapt_command *command,
	       const struct outfit_env *env, uint64_t limit_us, struct arena *arena,
	       struct outfit_box *ret_box)
{
	const struct msg_program *program = outfit->program;
	const char *folder = program_folder(program, arena);
	if (!folder)
		return -ENOMEM;
	memset(ret_box, 0, sizeof(*ret_box));
	ret_box->spec = (struct box_spec){
		.level = (enum box_level)program->level,
		.workspace = (enum box_workspace)program->workspace_mode,
		.network = (enum box_network)program->network,
		.best_effort = program->best_effort,
		.grants = program->level == BOX_LEVEL_OFF ? 0 : (unsigned)program->grants,
		.slot = outfit->slot,
		.workspace_path = text_or_null(program->workspace),
		.keep = outfit->keep,
		.workspace_source = outfit->source,
		.cwd = command->cwd ? command->cwd : text_or_null(program->cwd),
		.argv = command->argv,
		.envp = env->items,
		.binds = ret_box->binds,
		.wall_us = limit_us,
		.grace_us = program->grace_us,
		.memory_bytes = program->memory_bytes,
		.pids = program->pids,
		.cpu_milli = program->cpu_milli,
		.core_bytes = outfit->core_bytes,
	};
	if (program->level != BOX_LEVEL_OFF) {
		add_bind(ret_box, outfit->scratch, true);
		add_bind(ret_box, folder, false);
		add_bind(ret_box, ret_box->spec.cwd, false);
		add_bind(ret_box, outfit->machine_id, false);
		return 0;
	}
	if (!ret_box->spec.cwd)
		ret_box->spec.cwd = ret_box->spec.workspace_path
					    ? ret_box->spec.workspace_path
					    : arena_printf(arena, "%s/tmp", outfit->scratch);
	return ret_box->spec.cwd ? 0 : -ENOMEM;
}
