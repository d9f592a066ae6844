// SPDX-License-Identifier: Apache-2.0
/*
 * spec.c - validate and decode a box_spec, from the table in spec.def. Its owner encodes it: see
 * client.c.
 *
 * Encoded it is a sequence of NUL-terminated strings, numbers in decimal: magic, scalars, argv and
 * envp with their counts, binds with theirs. "" is a text that is not given.
 *
 * Invariants: what decode accepts validates and was used up to its last byte; no count is believed:
 * a string is only taken while there are bytes. Not for policy: what a spec means is decided in
 * layout.c and init.c.
 */
#include "sandbox/spec.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "sandbox/util.h"

size_t spec_count(const char *const *args)
{
	size_t n = 0;

	while (args && args[n] && n <= BOX_ARGS_MAX)
		n++;
	return n;
}

/* The folders that make the sandbox itself cannot be somebody's workspace. */
static bool workspace_ok(const char *path)
{
	static const char *const reserved[] = { "/proc", "/sys", "/dev" };

	if (!path[1])
		return false;
	for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
		if (util_path_below(path, reserved[i]))
			return false;
	return true;
}

/* The kernel knows which there are; it must not see other words of its own. */
static bool cpuset_ok(const char *list)
{
	return *list && !list[strspn(list, "0123456789,-")];
}

const char *spec_validate(const struct box_spec *spec)
{
	/* The workspace is not the host's own folder, or cannot be written. */
	bool own_view = spec->workspace_path && spec->workspace != BOX_WORKSPACE_SHARED &&
			spec->level != BOX_LEVEL_OFF;
#define SPEC_NUMBER(field, type, max)                \
	if ((uint64_t)spec->field > (uint64_t)(max)) \
		return #field;
#define SPEC_TEXT(field, ok)                 \
	if (spec->field && !ok(spec->field)) \
		return #field;
#include "sandbox/spec.def"
	if (spec->workspace_path && !workspace_ok(spec->workspace_path))
		return "workspace_path";
	if (spec->keep && (!own_view || spec->workspace != BOX_WORKSPACE_OVERLAY))
		return "keep";
	if (spec->workspace_source && !own_view)
		return "workspace_source";
	if (!spec_count(spec->argv) || spec_count(spec->argv) > BOX_ARGS_MAX)
		return "argv";
	if (spec->n_binds > BOX_BINDS_MAX || (spec->n_binds && !spec->binds))
		return "binds";
	for (size_t i = 0; i < spec->n_binds; i++)
		if (!util_path_ok(spec->binds[i].path) || !spec->binds[i].path[1])
			return "binds";
	return spec_count(spec->envp) > BOX_ARGS_MAX ? "envp" : NULL;
}

/* What decode still has to read; the byte before `end` is NUL. After a failure `bad` stays set. */
struct reader {
	const char *at;
	const char *end;
	bool bad;
};

static const char *take_text(struct reader *r)
{
	const char *text = r->at;

	if (r->at == r->end) {
		r->bad = true;
		return "";
	}
	r->at += strlen(text) + 1;
	return text;
}

static uint64_t take_number(struct reader *r, uint64_t max)
{
	uint64_t value = 0;

	if (util_parse_u64(take_text(r), max, &value) < 0)
		r->bad = true;
	return value;
}

static void take_scalars(struct reader *r, struct box_spec *spec)
{
#define SPEC_NUMBER(field, type, max) spec->field = (type)take_number(r, (uint64_t)(max));
#define SPEC_TEXT(field, ok)        \
	spec->field = take_text(r); \
	spec->field = *spec->field ? spec->field : NULL;
#include "sandbox/spec.def"
}

/* The kernel gives NULL-terminated arrays, and so do we. */
static const char **take_args(struct reader *r, const char ***array)
{
	const char **args = *array;
	size_t n = take_number(r, BOX_ARGS_MAX);

	/* Every string has a byte at least: so many are left, or it is a lie. */
	for (size_t i = 0; i < n && !r->bad; i++)
		*(*array)++ = take_text(r);
	*(*array)++ = NULL;
	return args;
}

/* The three tables behind the scalars, into one allocation the store owns. */
static int take_tables(struct reader *r, struct spec_store *store)
{
	size_t strings_max = 2;
	struct box_bind *binds;
	const char **strings;

	for (const char *at = r->at; at < r->end; at += strlen(at) + 1)
		strings_max++;
	if (strings_max > 2 * (BOX_ARGS_MAX + 1))
		strings_max = 2 * (BOX_ARGS_MAX + 1);
	binds = calloc(1, BOX_BINDS_MAX * sizeof(*binds) + strings_max * sizeof(char *));
	if (!binds)
		return -ENOMEM;
	strings = (const char **)(binds + BOX_BINDS_MAX);
	store->memory = binds;
	store->spec.argv = take_args(r, &strings);
	store->spec.envp = take_args(r, &strings);
	store->spec.binds = binds;
	store->spec.n_binds = take_number(r, BOX_BINDS_MAX);
	for (size_t i = 0; i < store->spec.n_binds; i++) {
		binds[i].writable = take_number(r, 1) != 0;
		binds[i].path = take_text(r);
	}
	return 0;
}

int spec_decode(const void *bytes, size_t size, struct spec_store *ret_store)
{
	struct reader r = { .at = bytes, .end = (const char *)bytes + size };
	struct spec_store store = { 0 };
	int error;

	if (size == 0 || size > BOX_SPEC_BYTES_MAX || r.end[-1] != '\0' ||
	    strcmp(take_text(&r), SPEC_MAGIC) != 0)
		return -EINVAL;
	take_scalars(&r, &store.spec);
	error = take_tables(&r, &store);
	if (!error && (r.bad || r.at != r.end || spec_validate(&store.spec)))
		error = -EINVAL;
	if (error) {
		spec_done(&store);
		return error;
	}
	*ret_store = store;
	return 0;
}

void spec_defaults(struct box_spec *spec)
{
	spec->grace_us = spec->grace_us ?: 2000000;
	spec->leak_grace_us = spec->leak_grace_us ?: 200000;
	spec->pids = spec->pids ?: 4096;
}

void spec_done(struct spec_store *store)
{
	free(store->memory);
	free(store->bytes);
	*store = (struct spec_store){ 0 };
}
