// SPDX-License-Identifier: Apache-2.0
/*
 * spec.c - validate, encode, decode and dump a box_spec, from the table in spec.def.
 *
 * Invariants: decode accepts exactly what encode makes from a spec that validates; no count or
 * length is believed before it was compared with the bytes that are left; every string is
 * NUL-terminated inside its own length and has no NUL before it. Not for policy: what a spec means
 * is decided in layout.c and init.c.
 */
#include "sandbox/spec.h"

#include <stdlib.h>

#include "sandbox/util.h"

#define SPEC_MAGIC 0x31786270u /* "pbx1" */
#define SPEC_NULL  UINT32_MAX

static bool path_or_null_ok(const char *path)
{
	return !path || util_path_ok(path);
}

static bool args_ok(const char *const *args)
{
	size_t n = 0;

	while (args && args[n])
		if (++n > BOX_ARGS_MAX)
			return false;
	return true;
}

/* The folders that make the sandbox itself cannot be somebody's workspace. */
static bool workspace_ok(const char *path)
{
	static const char *const reserved[] = { "/proc", "/sys", "/dev" };

	if (!path)
		return true;
	if (!util_path_ok(path) || !path[1])
		return false;
	for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
		if (util_path_below(path, reserved[i]))
			return false;
	return true;
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
#define SPEC_PATH(field)                   \
	if (!path_or_null_ok(spec->field)) \
		return #field;
#include "sandbox/spec.def"
#undef SPEC_NUMBER
#undef SPEC_PATH
	if (!workspace_ok(spec->workspace_path))
		return "workspace_path";
	if (!spec->argv || !spec->argv[0] || !args_ok(spec->argv))
		return "argv";
	if (!args_ok(spec->envp))
		return "envp";
	return validate_binds(spec);
}

/* Where encode writes: counts always, stores only once there is memory. */
struct writer {
	unsigned char *bytes;
	size_t used;
};

static void put(struct writer *w, const void *data, size_t size)
{
	if (w->bytes)
		memcpy(w->bytes + w->used, data, size);
	w->used += size;
}

static void put_u32(struct writer *w, uint32_t value)
{
	put(w, &value, sizeof(value));
}

static void put_u64(struct writer *w, uint64_t value)
{
	put(w, &value, sizeof(value));
}

static void put_string(struct writer *w, const char *text)
{
	if (!text) {
		put_u32(w, SPEC_NULL);
		return;
	}
	size_t length = strlen(text);

	put_u32(w, length < BOX_SPEC_BYTES_MAX ? (uint32_t)length : BOX_SPEC_BYTES_MAX);
	put(w, text, length + 1);
}

static void put_args(struct writer *w, const char *const *args)
{
	uint32_t n = 0;

	while (args && args[n])
		n++;
	put_u32(w, n);
	for (uint32_t i = 0; i < n; i++)
		put_string(w, args[i]);
}

static void put_spec(struct writer *w, const struct box_spec *spec)
{
	put_u32(w, SPEC_MAGIC);
#define SPEC_NUMBER(field, type, max) put_u64(w, (uint64_t)spec->field);
#define SPEC_PATH(field)	      put_string(w, spec->field);
#include "sandbox/spec.def"
#undef SPEC_NUMBER
#undef SPEC_PATH
	put_args(w, spec->argv);
	put_args(w, spec->envp);
	put_u32(w, (uint32_t)spec->n_binds);
	for (size_t i = 0; i < spec->n_binds; i++) {
		put_u32(w, spec->binds[i].writable);
		put_string(w, spec->binds[i].path);
	}
}

int spec_encode(const struct box_spec *spec, void **ret_bytes, size_t *ret_size)
{
	struct writer w = { 0 };
	size_t size;

	BOX_ASSERT(!spec_validate(spec));
	put_spec(&w, spec);
	size = w.used;
	if (size > BOX_SPEC_BYTES_MAX)
		return -E2BIG;
	w = (struct writer){ .bytes = malloc(size) };
	if (!w.bytes)
		return -ENOMEM;
	put_spec(&w, spec);
	BOX_ASSERT(w.used == size);
	*ret_bytes = w.bytes;
	*ret_size = size;
	return 0;
}

/* What decode still has to read. After a failure `bad` stays set and every read gives zero. */
struct reader {
	const unsigned char *bytes;
	size_t left;
	bool bad;
};

static const void *take(struct reader *r, size_t size)
{
	const void *at = r->bytes;

	if (r->bad || size > r->left) {
		r->bad = true;
		return NULL;
	}
	r->bytes += size;
	r->left -= size;
	return at;
}

static uint32_t take_u32(struct reader *r)
{
	const void *at = take(r, sizeof(uint32_t));
	uint32_t value = 0;

	if (at)
		memcpy(&value, at, sizeof(value));
	return value;
}

static uint64_t take_u64(struct reader *r, uint64_t max)
{
	const void *at = take(r, sizeof(uint64_t));
	uint64_t value = 0;

	if (at)
		memcpy(&value, at, sizeof(value));
	if (value > max) {
		r->bad = true;
		return 0;
	}
	return value;
}

static const char *take_string(struct reader *r)
{
	uint32_t length = take_u32(r);
	const char *text;

	if (r->bad || length == SPEC_NULL)
		return NULL;
	text = take(r, (size_t)length + 1);
	if (text && (text[length] != '\0' || memchr(text, '\0', length)))
		r->bad = true;
	return r->bad ? NULL : text;
}

/* A count of things that need at least `each` bytes, so that nothing is allocated on a lie. */
static uint32_t take_count(struct reader *r, uint32_t max, size_t each)
{
	uint32_t n = take_u32(r);

	if (n > max || n > r->left / each) {
		r->bad = true;
		return 0;
	}
	return n;
}

/* The kernel gives NULL-terminated arrays, and so do we. */
static const char **take_args(struct reader *r, const char **array, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		array[i] = take_string(r);
		if (!array[i])
			r->bad = true;
	}
	array[n] = NULL;
	return array;
}

static void take_scalars(struct reader *r, struct box_spec *spec)
{
#define SPEC_NUMBER(field, type, max) spec->field = (type)take_u64(r, (uint64_t)(max));
#define SPEC_PATH(field)	      spec->field = take_string(r);
#include "sandbox/spec.def"
#undef SPEC_NUMBER
#undef SPEC_PATH
}

/* The three tables behind the scalars, into one allocation the store owns. */
static int take_tables(struct reader *r, struct spec_store *store)
{
	/* No string is shorter than its length and its NUL, so this many there are at most. */
	size_t strings_max = r->left / 5 + 2;
	struct box_bind *binds = calloc(1, BOX_BINDS_MAX * sizeof(*binds) +
						   strings_max * sizeof(char *));
	const char **strings = (const char **)(binds + BOX_BINDS_MAX);
	uint32_t n;

	if (!binds)
		return -ENOMEM;
	store->memory = binds;
	n = take_count(r, BOX_ARGS_MAX, 5);
	store->spec.argv = take_args(r, strings, n);
	store->spec.envp = take_args(r, strings + n + 1, take_count(r, BOX_ARGS_MAX, 5));
	store->spec.binds = binds;
	store->spec.n_binds = take_count(r, BOX_BINDS_MAX, 9);
	for (size_t i = 0; i < store->spec.n_binds; i++) {
		binds[i].writable = take_u32(r) != 0;
		binds[i].path = take_string(r);
	}
	return 0;
}

int spec_decode(const void *bytes, size_t size, struct spec_store *ret_store)
{
	struct reader r = { .bytes = bytes, .left = size };
	struct spec_store store = { 0 };
	int error;

	if (size > BOX_SPEC_BYTES_MAX || take_u32(&r) != SPEC_MAGIC)
		return -EINVAL;
	take_scalars(&r, &store.spec);
	error = take_tables(&r, &store);
	if (!error && (r.bad || r.left || spec_validate(&store.spec)))
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
	if (!spec->grace_us)
		spec->grace_us = 2000000;
	if (!spec->leak_grace_us)
		spec->leak_grace_us = 200000;
	if (!spec->pids)
		spec->pids = 4096;
}

void spec_done(struct spec_store *store)
{
	free(store->memory);
	*store = (struct spec_store){ 0 };
}
