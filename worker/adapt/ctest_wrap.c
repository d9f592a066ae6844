// SPDX-License-Identifier: Apache-2.0
/*
 * ctest_wrap.c - from properties to a command. Values never enter the script: they are its
 * positional parameters, so no quoting can go wrong. Names of variables do, and are checked.
 *
 * ENVIRONMENT_MODIFICATION as CMake 3.25 has it: the last of several settings of a variable counts,
 * "reset" forgets those before it, lists are joined by ":" (path_list) or ";" (cmake_list) and by
 * nothing at all when the variable is empty.
 */
#include "worker/adapt/ctest_wrap.h"

#include "protocol/base/assert.h"

#include <errno.h>
#include <string.h>

enum mod_op {
	OP_SET,
	OP_UNSET,
	OP_RESET,
	OP_STRING_APPEND,
	OP_STRING_PREPEND,
	OP_PATH_APPEND,
	OP_PATH_PREPEND,
	OP_LIST_APPEND,
	OP_LIST_PREPEND,
	OP_MAX,
};

static const char *const op_names[OP_MAX] = {
	[OP_SET] = "set",
	[OP_UNSET] = "unset",
	[OP_RESET] = "reset",
	[OP_STRING_APPEND] = "string_append",
	[OP_STRING_PREPEND] = "string_prepend",
	[OP_PATH_APPEND] = "path_list_append",
	[OP_PATH_PREPEND] = "path_list_prepend",
	[OP_LIST_APPEND] = "cmake_list_append",
	[OP_LIST_PREPEND] = "cmake_list_prepend",
};

struct mod {
	struct str name, value;
	enum mod_op op;
};

static bool is_identifier(struct str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.data[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
		if (!letter && !(i && c >= '0' && c <= '9'))
			return false;
	}
	return name.len > 0;
}

/* "NAME=OP:VALUE". */
static int parse_mod(struct str text, struct mod *ret_mod)
{
	struct str name, op, rest = text;
	str_split(&rest, '=', &name);
	if (!rest.data || !is_identifier(name) || !str_split(&rest, ':', &op))
		return -EINVAL;
	for (int i = 0; i < OP_MAX; i++)
		if (str_eq(op, str_of(op_names[i]))) {
			*ret_mod = (struct mod){ name, rest.data ? rest : (struct str){ "", 0 },
						 (enum mod_op)i };
			return 0;
		}
	return -EINVAL;
}

/* Does a later entry make mods[i] void? Only "reset" looks back; "set" and "unset" simply
 * overwrite. */
static bool is_void(const struct ctest_props_list *mods, size_t i, struct str name)
{
	struct mod later;
	for (size_t j = i + 1; j < mods->len; j++)
		if (parse_mod(mods->items[j], &later) == 0 && later.op == OP_RESET &&
		    str_eq(later.name, name))
			return true;
	return false;
}

/* One change as shell; its value is the next positional parameter. */
static int put_mod(struct buf *script, const struct mod *mod, struct args *values)
{
	if (mod->op == OP_RESET)
		return 0;
	if (mod->op == OP_UNSET)
		return buf_printf(script, "unset %.*s; ", STR_ARG(mod->name));
	args_add_str(values, mod->value);
	const char *sep = mod->op >= OP_LIST_APPEND ? ";" : ":";
	switch (mod->op) {
	case OP_SET:
		return buf_printf(script, "%.*s=$1; export %.*s; shift; ", STR_ARG(mod->name),
				  STR_ARG(mod->name));
	case OP_STRING_APPEND:
		return buf_printf(script, "export %.*s=\"$%.*s$1\"; shift; ", STR_ARG(mod->name),
				  STR_ARG(mod->name));
	case OP_STRING_PREPEND:
		return buf_printf(script, "export %.*s=\"$1$%.*s\"; shift; ", STR_ARG(mod->name),
				  STR_ARG(mod->name));
	case OP_PATH_APPEND:
	case OP_LIST_APPEND:
		return buf_printf(script, "export %.*s=\"${%.*s:+$%.*s%s}$1\"; shift; ",
				  STR_ARG(mod->name), STR_ARG(mod->name), STR_ARG(mod->name), sep);
	default:
		return buf_printf(script, "export %.*s=\"$1${%.*s:+%s$%.*s}\"; shift; ",
				  STR_ARG(mod->name), STR_ARG(mod->name), sep, STR_ARG(mod->name));
	}
}

static int put_mods(struct buf *script, const struct ctest_props_list *mods, struct args *values,
		    struct err *err)
{
	for (size_t i = 0; i < mods->len; i++) {
		struct mod mod;
		if (parse_mod(mods->items[i], &mod) < 0)
			return err_set(
				err, -EINVAL,
				"ENVIRONMENT_MODIFICATION \"%.*s\" is not NAME=OPERATION:VALUE "
				"with a known operation",
				(int)(mods->items[i].len < 200 ? mods->items[i].len : 200),
				mods->items[i].data);
		if (is_void(mods, i, mod.name))
			continue;
		if (put_mod(script, &mod, values) < 0)
			return err_set(err, -E2BIG, "ENVIRONMENT_MODIFICATION is too long");
	}
	return 0;
}

static void put_required(struct buf *script, const struct ctest_props_list *files,
			 struct args *values)
{
	for (size_t i = 0; i < files->len; i++) {
		args_add_str(values, files->items[i]);
		buf_printf(script,
			   "[ -e \"$1\" ] || { echo \"" CTEST_WRAP_SAYS
			   "$1\" >&2; exit %d; }; shift; ",
			   CTEST_WRAP_MISSING);
	}
}

int ctest_wrap_command(const struct ctest_props *props, struct args *args, struct args *env,
		       struct err *err)
{
	enum { SCRIPT_BYTES = 512 << 10 };
	struct buf script;
	struct args values;
	ASSERT(props->command.len > 0);
	for (size_t i = 0; i < props->env.len; i++)
		args_add_str(env, props->env.items[i]);
	args_init(&values, args->arena);
	buf_init(&script, SCRIPT_BYTES);
	int r = put_mods(&script, &props->mods, &values, err);
	put_required(&script, &props->required, &values);
	if (r == 0 && script.len) {
		args_add(args, "/bin/sh");
		args_add(args, "-c");
		buf_puts(&script, "exec \"$@\"");
		args_add_str(args, buf_str(&script));
		args_add(args, "sh");
		for (size_t i = 0; i < values.len; i++)
			args_add(args, values.items[i]);
		args->failed |= values.failed;
	}
	for (size_t i = 0; i < props->command.len; i++)
		args_add_str(args, props->command.items[i]);
	buf_done(&script);
	return r;
}
