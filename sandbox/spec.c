// SPDX-License-Identifier: Apache-2.0
/*
 * spec.c - validate, encode and decode a box_spec, from the table in spec.def.
 *
 * Encoded it is a sequence of NUL-terminated strings, numbers in decimal: magic, scalars, argv and
 * envp with their counts, binds with theirs. "" is a text that is not given.
 *
 * Invariants: what decode accepts validates and was used up to its last byte; no count is believed:
 * a string is only taken while there are bytes. Not for policy: what a spec means is decided in
 * layout.c and init.c.
 */
#include "sandbox/spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "sandbox/util.h"

#define SPEC_MAGIC "pbx3"

/* How many there are; beyond BOX_ARGS_MAX it does not matter. */
static size_t count(const char *const *args)
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

static const char *validate_binds(const struct box_spec *spec)
{
	if (spec->n_binds > BOX_BINDS_MAX || (spec->n_binds && !spec->binds))
		return "binds";
	for (size_t i = 0; i < spec->n_binds; i++)
		if (!util_path_ok(spec->binds[i].path) || !spec->binds[i].path[1])
			return "binds";
	return NULL;
}

const char *spec_validate(const struct box_spec *spec)
{
#define SPEC_NUMBER(field, type, max)                \
	if ((uint64_t)spec->field > (uint64_t)(max)) \
		return #field;
#define SPEC_TEXT(field, ok)                 \
	if (spec->field && !ok(spec->field)) \
		return #field;
#include "sandbox/spec.def"
	if (spec->workspace_path && !workspace_ok(spec->workspace_path))
		return "workspace_path";
	if (spec->keep && (!spec->workspace_path || spec->workspace != BOX_WORKSPACE_OVERLAY ||
			   spec->level == BOX_LEVEL_OFF))
		return "keep";
	if (!count(spec->argv) || count(spec->argv) > BOX_ARGS_MAX)
		return "argv";
	if (count(spec->envp) > BOX_ARGS_MAX)
		return "envp";
	return validate_binds(spec);
}

static void put_number(FILE *out, uint64_t value)
{
	fprintf(out, "%llu%c", (unsigned long long)value, '\0');
}

static void put_text(FILE *out, const char *text)
{
	fwrite(text, strlen(text) + 1, 1, out);
}

static void put_spec(FILE *out, const struct box_spec *spec)
{
	const char *const *const lists[] = { spec->argv, spec->envp };

	put_text(out, SPEC_MAGIC);
#define SPEC_NUMBER(field, type, max) put_number(out, (uint64_t)spec->field);
#define SPEC_TEXT(field, ok)	      put_text(out, spec->field ? spec->field : "");
#include "sandbox/spec.def"
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		put_number(out, count(lists[i]));
		for (size_t j = 0; lists[i] && lists[i][j]; j++)
			put_text(out, lists[i][j]);
	}
	put_number(out, spec->n_binds);
	for (size_t i = 0; i < spec->n_binds; i++) {
		put_number(out, spec->binds[i].writable);
		put_text(out, spec->binds[i].path);
	}
}

int spec_encode(const struct box_spec *spec, void **ret_bytes, size_t *ret_size)
{
	char *bytes = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&bytes, &size);

	BOX_ASSERT(!spec_validate(spec));
	if (!out)
		return -ENOMEM;
	put_spec(out, spec);
	if (fclose(out) != 0 || size > BOX_SPEC_BYTES_MAX) {
		free(bytes);
		return size > BOX_SPEC_BYTES_MAX ? -E2BIG : -ENOMEM;
	}
	*ret_bytes = bytes;
	*ret_size = size;
	return 0;
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

static const char *take_optional(struct reader *r)
{
	const char *text = take_text(r);

	return *text ? text : NULL;
}

static void take_scalars(struct reader *r, struct box_spec *spec)
{
#define SPEC_NUMBER(field, type, max) spec->field = (type)take_number(r, (uint64_t)(max));
#define SPEC_TEXT(field, ok)	      spec->field = take_optional(r);
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
	size_t strings_max = (size_t)(r->end - r->at) + 2;
	struct box_bind *binds;
	const char **strings;

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
