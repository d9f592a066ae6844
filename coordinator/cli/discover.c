// SPDX-License-Identifier: Apache-2.0
/*
 * discover.c - looks at files, never runs one. A file's kind is told by kind.h; here is decided
 * which files are worth opening, how programs are named, and what a named file is when its bytes
 * do not say: an executable is a test that is judged by its exit code, a text a list of commands.
 */
#include "coordinator/cli/discover.h"

#include "coordinator/cli/inherit.h"
#include "coordinator/cli/peek.h"
#include "coordinator/cli/project.h"
#include "coordinator/cli/walk.h"
#include "protocol/base/assert.h"
#include "protocol/base/vec.h"
#include "protocol/wire/kind.h"
#include "protocol/wire/outcome.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KIND_AUTO = -1 };

/* One argument on its way to programs. */
struct search {
	const struct discover_options *options;
	struct discover *found;
	const struct config_suite *suite; /* of paddock.yaml; NULL: a path */
	const char *name;		  /* of the suite */
	const char *root;		  /* folder searched, or the parent of the file */
	const char *project;		  /* the checkout around root, or root */
	const char *project_of;		  /* root that project was found for */
	int kind;			  /* KIND_AUTO or what was asked for */
	bool any;			  /* something was found, new or not */
	struct err *err;
};

void discover_done(struct discover *found)
{
	if (!found)
		return;
	map_done(&found->suites);
	map_done(&found->programs);
	VEC_DONE(&found->sources);
	free(found->items);
	arena_done(&found->arena);
	*found = (struct discover){ 0 };
}

static int no_memory(struct err *err)
{
	err_set(err, -ENOMEM, "out of memory while looking for tests");
	return EXIT_CODE_SETUP;
}

/* ---- programs ---- */

static struct str keep(struct discover *found, const char *text)
{
	const char *copy = text ? arena_copy(&found->arena, str_of(text)) : NULL;
	return copy ? str_of(copy) : (struct str){ 0 };
}

static int copy_texts(struct discover *found, const struct config_texts *texts,
		      const struct str **ret_items, size_t *ret_n)
{
	struct str *items = arena_alloc(&found->arena, (texts->len + 1) * sizeof(*items));
	if (!items)
		return -ENOMEM;
	for (size_t i = 0; i < texts->len; i++)
		items[i] = keep(found, texts->items[i]);
	*ret_items = items;
	*ret_n = texts->len;
	return 0;
}

/* What paddock.yaml adds to each program of its suite. */
static int dress(struct search *search, struct msg_program *program)
{
	static const struct config_texts none = { 0 };
	const struct config_suite *suite = search->suite;
	struct discover *found = search->found;
	int r = inherit_merge(found->env, found->n_env, suite ? &suite->env : &none, &found->arena,
			      &program->env);
	if (r >= 0)
		program->n_env = (size_t)r;
	if (r < 0 || !suite)
		return r;
	if (suite->args.len)
		r = copy_texts(found, &suite->args, &program->args, &program->n_args);
	r = r < 0 ? r : copy_texts(found, &suite->tags, &program->tags, &program->n_tags);
	r = r < 0 ? r
		  : copy_texts(found, &suite->requires, &program->requires, &program->n_requires);
	if (suite->cwd || suite->workspace)
		program->cwd = keep(found, suite->cwd); /* none: the workspace asked for */
	if (suite->workspace)
		program->workspace = keep(found, suite->workspace);
	program->timeout_us = suite->timeout_us;
	return r;
}

/* Command words for a file that is started as it is. */
static int run_itself(struct discover *found, struct msg_program *program)
{
	struct str *args = arena_alloc(&found->arena, sizeof(*args));
	if (!args)
		return -ENOMEM;
	args[0] = program->path;
	program->args = args;
	program->n_args = 1;
	return 0;
}

/* What a file called `name` is called as a program: an installed test without its suffix, as its
 * own runner and its package call it, and a folder searched whole by its kind. */
static struct str program_name(struct discover *found, const char *name, int kind)
{
	struct str text = str_of(*name ? name : kind_name((enum kind)kind));
	if (kind == KIND_INSTALLED_TESTS && text.len > 5 && str_ends(text, STR_LIT(".test")))
		text.len -= 5;
	const char *copy = arena_copy(&found->arena, text);
	return copy ? str_of(copy) : (struct str){ 0 };
}

/* Was this program found before, by another argument? One of the same name that is another file is
 * called by its whole path. 1 when it is known, 0 when it is new, -ENOMEM. */
static int is_known(struct discover *found, struct msg_program *program)
{
	struct buf key;
	uint64_t at;
	buf_init(&key, 3 * LIMIT_NAME_BYTES);
	int r = 0;
	for (int round = 0; r == 0 && round < 2; round++) {
		buf_clear(&key);
		r = buf_printf(&key, "%.*s\x1f%.*s", STR_ARG(program->suite),
			       STR_ARG(program->name));
		if (r == 0 && !map_get(&found->programs, buf_str(&key), &at))
			break;
		if (r == 0 && str_eq(found->items[at].path, program->path))
			r = 1;
		else
			program->name = program->path;
	}
	if (r == 0 && map_put(&found->programs, buf_str(&key), found->len) < 0)
		r = -ENOMEM;
	buf_done(&key);
	return r;
}

/* The workspace: the checkout around the folder searched. "" for /, NULL on no memory. */
static const char *project_of(struct search *search)
{
	if (search->project_of != search->root) {
		struct str text = { search->root, project_length(search->root) };
		search->project = strcmp(search->root, "/") == 0
					  ? ""
					  : arena_copy(&search->found->arena, text);
		search->project_of = search->root;
	}
	return search->project;
}

/* The program `name` of the suite, at `path`. `itself`: a list of one command, the file. */
static int add_program(struct search *search, const char *name, const char *path, int kind,
		       bool itself)
{
	struct discover *found = search->found;
	const char *workspace = project_of(search);
	struct msg_program program = {
		.suite = keep(found, search->name),
		.name = program_name(found, name, kind),
		.kind = str_of(kind_name((enum kind)kind)),
		.path = keep(found, path),
		.workspace = keep(found, workspace),
	};
	/* An installed test gets a folder of its own; others run in the folder that was named. */
	if (workspace && *workspace && kind != KIND_INSTALLED_TESTS)
		program.cwd = keep(found, search->root);
	if (found->len >= DISCOVER_PROGRAMS_MAX) {
		err_set(search->err, -E2BIG, "more than %d programs; name fewer suites",
			DISCOVER_PROGRAMS_MAX);
		return EXIT_CODE_LISTING;
	}
	if (!program.suite.len || !program.name.len || !program.path.len || !workspace)
		return no_memory(search->err);
	int known = is_known(found, &program);
	search->any = true;
	if (known == 1)
		return 0;
	if (known < 0 || (itself && run_itself(found, &program) < 0) ||
	    dress(search, &program) < 0 || VEC_PUSH(found, program) < 0)
		return no_memory(search->err);
	return 0;
}

/* ---- what a file is ---- */

/* Is a file that cannot be executed worth opening? Those that kind.h knows by their name. */
static bool is_candidate(const char *name)
{
	static const char *const suffixes[] = { ".test", ".py", ".t",  ".js",	".mjs",
						".cjs",	 ".pl", ".sh", ".bash", ".list" };
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
		if (str_ends(str_of(name), str_of(suffixes[i])))
			return true;
	return false;
}

static bool is_program(struct str bytes)
{
	return str_starts(bytes, STR_LIT("\177ELF")) || str_starts(bytes, STR_LIT("#!"));
}

/* Does a file found in a folder belong to the kind that was asked for? */
static bool belongs(int asked, int detected, struct str bytes, bool executable)
{
	if (asked == KIND_AUTO || detected == asked)
		return detected >= 0;
	switch (asked) {
	case KIND_LIST:
	case KIND_TAP: return executable && is_program(bytes);
	case KIND_GTEST:
	case KIND_GLIB: return executable && str_starts(bytes, STR_LIT("\177ELF"));
	default: return false;
	}
}

/* ---- folders ---- */

static bool holds_ctest(const char *folder)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/CTestTestfile.cmake", folder);
	return n > 0 && (size_t)n < sizeof(path) && access(path, F_OK) == 0;
}

static int visit_file(struct search *search, const struct walk_entry *entry)
{
	struct peek file = { 0 };
	int r = peek_open(entry->path, &file);
	if (r == -ENOENT || (r == -EACCES && entry->executable))
		r = 0; /* gone meanwhile, or for others to run */
	else if (r < 0)
		err_errno(search->err, r, "cannot read %s", entry->path);
	if (r == 0 && file.bytes.len) {
		int kind = kind_detect(str_of(entry->path), file.bytes, entry->executable);
		int as = search->kind == KIND_AUTO ? kind : search->kind;
		if (belongs(search->kind, kind, file.bytes, entry->executable))
			r = add_program(search, entry->name, entry->path, as,
					as == KIND_LIST && kind != KIND_LIST);
	}
	peek_done(&file);
	return r < 0 ? EXIT_CODE_LISTING : r;
}

/* walk_fn: exit codes travel as negative numbers below every errno. */
enum { EXIT_BASE = 10000 };

static int visit(void *data, const struct walk_entry *entry)
{
	struct search *search = data;
	int code = 0, stay = 0;
	if (entry->folder) {
		bool wanted = search->kind == KIND_AUTO || search->kind == KIND_CTEST;
		if (wanted && holds_ctest(entry->path)) {
			code = add_program(search, entry->name, entry->path, KIND_CTEST, false);
			stay = WALK_PRUNE;
		}
	} else if (entry->executable || is_candidate(entry->name)) {
		code = visit_file(search, entry);
	}
	return code ? -EXIT_BASE - code : stay;
}

static int search_folder(struct search *search, const char *path)
{
	search->root = path;
	if (search->kind == KIND_PYTEST)
		return add_program(search, "", path, KIND_PYTEST, false);
	int r = walk_tree(path, visit, search, search->err);
	if (r <= -EXIT_BASE)
		return -r - EXIT_BASE;
	if (r < 0)
		return EXIT_CODE_LISTING;
	if (search->any)
		return 0;
	err_set(search->err, -ENODATA,
		"no %s%stest found in %s; name a kind with --kind, or an executable",
		search->kind == KIND_AUTO ? "" : kind_name((enum kind)search->kind),
		search->kind == KIND_AUTO ? "" : " ", path);
	return EXIT_CODE_NO_TESTS;
}

/* ---- files ---- */

static int add_named_file(struct search *search, const char *path, struct str bytes,
			  bool executable)
{
	const char *name = strrchr(path, '/') + 1;
	int kind = search->kind;
	if (kind == KIND_AUTO)
		kind = kind_detect(str_of(path), bytes, executable);
	if (kind == KIND_LIST)
		return add_program(search, name, path, KIND_LIST, executable && is_program(bytes));
	if (kind >= 0)
		return add_program(search, name, path, kind, false);
	if (executable && is_program(bytes))
		return add_program(search, name, path, KIND_LIST, true);
	if (kind_is_text(bytes))
		return add_program(search, name, path, KIND_LIST, false);
	err_set(search->err, -EINVAL,
		bytes.len
			? "%s is neither executable nor a text file of commands; make it executable"
			: "%s is empty: there is no command in it",
		path);
	return bytes.len ? EXIT_CODE_USAGE : EXIT_CODE_NO_TESTS;
}

static int search_file(struct search *search, const char *path, bool executable)
{
	struct peek file = { 0 };
	const char *slash = strrchr(path, '/');
	const char *root = arena_copy(&search->found->arena,
				      (struct str){ path, (size_t)(slash - path) });
	if (!root)
		return no_memory(search->err);
	search->root = *root ? root : "/";
	int r = peek_open(path, &file);
	int code;
	if (r == -EACCES && executable) {
		code = add_program(search, slash + 1, path, KIND_LIST, true);
	} else if (r < 0) {
		err_errno(search->err, r, "cannot read %s", path);
		code = EXIT_CODE_LISTING;
	} else {
		code = add_named_file(search, path, file.bytes, executable);
	}
	peek_done(&file);
	return code;
}

/* ---- arguments ---- */

/* The absolute path of a file with its folder resolved but not itself: what a program is called
 * may decide what it does. Of a folder, all is resolved. */
static const char *absolute_path(struct search *search, const char *path)
{
	struct arena *arena = &search->found->arena;
	char *resolved = realpath(path, NULL);
	const char *slash = strrchr(path, '/'), *result = NULL;
	struct stat st;
	if (resolved && stat(resolved, &st) == 0 && S_ISDIR(st.st_mode)) {
		result = arena_copy(arena, str_of(resolved));
	} else if (resolved) {
		const char *parent = arena_copy(arena,
						(struct str){ path, (size_t)(slash - path) });
		free(resolved);
		resolved = realpath(parent && *parent ? parent : "/", NULL);
		if (resolved)
			result = arena_printf(arena, "%s/%s",
					      strcmp(resolved, "/") == 0 ? "" : resolved,
					      slash + 1);
	}
	free(resolved);
	return result;
}

/* The suite's name of a folder: its own, or all of its path when another has that already. */
static const char *name_of(struct search *search, const char *root)
{
	struct discover *found = search->found;
	const char *slash = strrchr(root, '/');
	const char *name = slash && slash[1] ? slash + 1 : root;
	uint64_t at;
	if (map_get(&found->suites, str_of(name), &at))
		return strcmp(found->sources.items[at], root) == 0 ? name : root;
	at = found->sources.len;
	if (VEC_PUSH(&found->sources, root) < 0 || map_put(&found->suites, str_of(name), at) < 0)
		return NULL;
	return name;
}

static int not_there(struct search *search, const char *argument, int code)
{
	const struct config *config = search->options->config;
	const char *names[256], *nearest = NULL;
	size_t n = 0;
	if (search->suite) {
		err_errno(search->err, code, "%s:%llu: suite %s: %s", config->path,
			  (unsigned long long)search->suite->line, search->suite->name, argument);
		return EXIT_CODE_LISTING;
	}
	for (; config && n < config->suites.len && n < sizeof(names) / sizeof(names[0]); n++)
		names[n] = config->suites.items[n].name;
	nearest = conf_nearest(str_of(argument), names, n);
	if (config && nearest)
		err_set(search->err, -ENOENT,
			"%s: neither a path nor a suite of %s; did you mean \"%s\"?", argument,
			config->path, nearest);
	else if (code == -ENOENT)
		err_set(search->err, -ENOENT,
			"%s: there is no such file or folder, and no suite of that name%s%s",
			argument, config ? " in " : "", config ? config->path : "");
	else
		err_errno(search->err, code, "%s", argument);
	return code == -EACCES ? EXIT_CODE_LISTING : EXIT_CODE_USAGE;
}

/* `path` is absolute; `argument` is what was typed, for errors. */
static int search_path(struct search *search, const char *path, const char *argument)
{
	struct stat st;
	if (stat(path, &st) < 0)
		return not_there(search, argument, -errno);
	const char *resolved = absolute_path(search, path);
	if (!resolved)
		return no_memory(search->err);
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)) {
		err_set(search->err, -EINVAL, "%s is neither a file nor a folder", argument);
		return EXIT_CODE_USAGE;
	}
	const char *slash = strrchr(resolved, '/');
	const char *root =
		S_ISDIR(st.st_mode)
			? resolved
			: arena_copy(&search->found->arena,
				     (struct str){
					     resolved,
					     slash == resolved ? 1 : (size_t)(slash - resolved) });
	if (!search->name)
		search->name = root ? name_of(search, root) : NULL;
	if (!search->name)
		return no_memory(search->err);
	return S_ISDIR(st.st_mode) ? search_folder(search, resolved)
				   : search_file(search, resolved, st.st_mode & 0111);
}

/* A suite that is a command for sh: one case. */
static int add_command(struct search *search)
{
	const char *words[] = { "/bin/sh", "-c", search->suite->command };
	int kind = search->kind == KIND_TAP ? KIND_TAP : KIND_LIST;
	struct discover *found = search->found;
	size_t before = found->len;
	search->root = search->options->config->folder;
	int code = add_program(search, search->name, words[0], kind, false);
	struct str *args = arena_alloc(&found->arena, 3 * sizeof(*args));
	if (code || found->len == before) /* named twice */
		return code;
	if (!args)
		return no_memory(search->err);
	for (size_t i = 0; i < 3; i++)
		args[i] = keep(found, words[i]);
	found->items[found->len - 1].args = args;
	found->items[found->len - 1].n_args = 3;
	return 0;
}

static int search_suite(struct search *search)
{
	const struct config_suite *suite = search->suite;
	search->name = suite->name;
	if (search->kind == KIND_AUTO && strcmp(suite->kind, "auto") != 0)
		search->kind = kind_parse(str_of(suite->kind));
	ASSERT(search->kind >= KIND_AUTO);
	return suite->command ? add_command(search) : search_path(search, suite->path, suite->path);
}

static int take_env(const struct discover_options *options, struct discover *found)
{
	int n = found->env ? 0 : inherit_filter(options->env, &found->arena, &found->env);
	if (n > 0)
		found->n_env = (size_t)n;
	return n;
}

static int begin(const struct discover_options *options, struct discover *found,
		 struct search *ret_search, struct err *err)
{
	*ret_search = (struct search){
		.options = options,
		.found = found,
		.kind = KIND_AUTO,
		.err = err,
	};
	ASSERT(options->folder[0] == '/');
	if (options->kind && strcmp(options->kind, "auto") != 0) {
		ret_search->kind = kind_parse(str_of(options->kind));
		if (ret_search->kind < 0) {
			err_set(err, -EINVAL,
				"--kind: \"%.60s\" is no kind of suite that is known; "
				"paddock run --help lists them",
				options->kind);
			return EXIT_CODE_USAGE;
		}
	}
	return take_env(options, found) < 0 ? no_memory(err) : 0;
}

int discover_argument(const struct discover_options *options, const char *argument,
		      struct discover *found, struct err *err)
{
	struct search search;
	int code = begin(options, found, &search, err);
	if (code)
		return code;
	if (options->config)
		search.suite = config_suite(options->config, str_of(argument));
	if (search.suite)
		return search_suite(&search);
	const char *path = argument[0] == '/' ? argument
					      : arena_printf(&found->arena, "%s/%s",
							     options->folder, argument);
	return path ? search_path(&search, path, argument) : no_memory(err);
}

int discover_all(const struct discover_options *options, struct discover *found, struct err *err)
{
	const struct config *config = options->config;
	int code = 0;
	if (!config || !config->suites.len)
		return discover_argument(options, options->folder, found, err);
	for (size_t i = 0; code == 0 && i < config->suites.len; i++) {
		struct search search;
		code = begin(options, found, &search, err);
		search.suite = &config->suites.items[i];
		code = code ? code : search_suite(&search);
	}
	return code;
}
