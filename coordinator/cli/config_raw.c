// SPDX-License-Identifier: Apache-2.0
/*
 * config_raw.c - paddock.yaml through libcyaml, and nobody else includes it. The schema is built
 * for each file: its fixed part stands below, its options come from the option table, and the names
 * people chose (suites, profiles, variables) from the outline, since libcyaml knows only keys that
 * are known beforehand.
 *
 * libcyaml tells its errors to a log callback: a complaint keeps them, rephrase makes a sentence.
 */
#include "coordinator/cli/config_raw.h"

#include "protocol/base/assert.h"
#include "protocol/base/vec.h"
#include "protocol/wire/limits.h"

#include <cyaml/cyaml.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	KEYS_SHOWN = 512,
	ITEMS_MAX = 65536,
	PLACE_BYTES = 1024,
	NAMES_MAX = 8192,    /* libcyaml looks through all names for each */
	CELLS_MAX = 4 << 20, /* suites times variables: each suite has room for all */
};

/* What libcyaml said, innermost place first. */
struct complaint {
	char what[256];
	char places[OUTLINE_DEPTH_MAX][256];
	size_t n_places;
};

/* ---- errors ---- */

static const char *put_place(const struct config_raw *raw, struct str path, char *out, size_t size)
{
	unsigned long long line = outline_line(&raw->outline, path);
	ASSERT(size > 1);
	int n = snprintf(out, size, "%s:%llu%s%.*s", raw->file, line, path.len ? ": " : "",
			 STR_ARG(path));
	ASSERT(n > 0);
	for (char *c = out; *c; c++)
		if (*c == OUTLINE_SEPARATOR)
			*c = '.';
	return out;
}

/* The outline's spelling of a path. */
static void join(const char *const path[3], struct buf *buf)
{
	char separator = OUTLINE_SEPARATOR;
	for (size_t i = 0; i < 3 && path[i]; i++) {
		if (i)
			buf_append(buf, &separator, 1);
		buf_puts(buf, path[i]);
	}
}

const char *config_raw_place(const struct config_raw *raw, const char *const path[3], char *out,
			     size_t size)
{
	struct buf buf;
	buf_init(&buf, 4 * OUTLINE_KEY_BYTES);
	join(path, &buf);
	put_place(raw, buf_str(&buf), out, size);
	buf_done(&buf);
	return out;
}

uint64_t config_raw_line(const struct config_raw *raw, const char *const path[3])
{
	struct buf buf;
	buf_init(&buf, 4 * OUTLINE_KEY_BYTES);
	join(path, &buf);
	uint64_t line = outline_line(&raw->outline, buf_str(&buf));
	buf_done(&buf);
	return line;
}

static int no_memory(const struct config_raw *raw, struct err *err)
{
	return err_set(err, -ENOMEM, "%s: out of memory", raw->file);
}

/* Text between the quotes of "in mapping field 'x' (line: ...". */
static struct str quoted(struct str line)
{
	ptrdiff_t first = str_find(line, STR_LIT("'"));
	ptrdiff_t end = str_find(line, STR_LIT("' (line"));
	if (first < 0 || end <= first)
		return (struct str){ 0 };
	return (struct str){ line.data + first + 1, (size_t)(end - first - 1) };
}

static void listen(cyaml_log_t level, void *data, const char *fmt, va_list args)
	__attribute__((format(printf, 3, 0)));

static void listen(cyaml_log_t level, void *data, const char *fmt, va_list args)
{
	struct complaint *complaint = data;
	char text[512];
	if (level < CYAML_LOG_ERROR)
		return;
	vsnprintf(text, sizeof(text), fmt, args);
	struct str line = str_trim(str_of(text));
	if (str_starts(line, STR_LIT("Load: ")))
		line = (struct str){ line.data + 6, line.len - 6 };
	struct str place = quoted(line);
	if (place.len && complaint->n_places < OUTLINE_DEPTH_MAX)
		snprintf(complaint->places[complaint->n_places++], sizeof(complaint->places[0]),
			 "%.*s", STR_ARG(place));
	else if (!complaint->what[0])
		snprintf(complaint->what, sizeof(complaint->what), "%.*s", STR_ARG(line));
}

/* The keys that may stand at the place of the complaint; NULL where none may. */
static const cyaml_schema_field_t *keys_at(const cyaml_schema_value_t *value,
					   const struct complaint *complaint)
{
	for (size_t i = complaint->n_places; i > 0; i--) {
		if (value->type == CYAML_SEQUENCE) {
			value = value->sequence.entry;
			continue;
		}
		if (value->type != CYAML_MAPPING)
			return NULL;
		const cyaml_schema_field_t *field = value->mapping.fields;
		while (field->key && strcmp(field->key, complaint->places[i - 1]) != 0)
			field++;
		if (!field->key)
			return NULL;
		value = &field->value;
	}
	return value->type == CYAML_MAPPING ? value->mapping.fields : NULL;
}

static int unknown_key(const cyaml_schema_field_t *fields, const char *place, const char *key,
		       struct err *err)
{
	const char *names[KEYS_SHOWN];
	size_t n = 0;
	char list[512] = "";
	for (; fields && fields->key && n < KEYS_SHOWN; fields++) {
		size_t len = strlen(list);
		names[n++] = fields->key;
		snprintf(list + len, sizeof(list) - len, "%s%s", len ? ", " : "", fields->key);
	}
	const char *nearest = conf_nearest(str_of(key), names, n);
	if (nearest)
		return err_set(err, -EINVAL, "%s: no such key; did you mean \"%s\"?", place,
			       nearest);
	return err_set(err, -EINVAL, "%s: no such key; known are %s", place, list);
}

/* libcyaml's words for what it wants and what it met. */
static const char *plain_word(struct str word)
{
	static const char *const words[][2] = {
		{ "STRING", "one value" },	   { "SCALAR", "one value" },
		{ "SEQUENCE", "a list" },	   { "SEQUENCE_START", "a list" },
		{ "MAPPING", "keys with values" }, { "MAPPING_START", "keys with values" },
	};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (str_eq(word, str_of(words[i][0])))
			return words[i][1];
	return "something else";
}

/* `what` is "Expecting STRING, got event: SEQUENCE_START". False when it is not. */
static bool wrong_type(struct str what, const char *place, struct err *err)
{
	static const char wants[] = "Expecting ", got[] = ", got event: ";
	ptrdiff_t comma = str_find(what, str_of(got));
	if (!str_starts(what, str_of(wants)) || comma < 0)
		return false;
	size_t from = sizeof(wants) - 1, met = (size_t)comma + sizeof(got) - 1;
	err_set(err, -EINVAL, "%s: needs %s here, found %s", place,
		plain_word((struct str){ what.data + from, (size_t)comma - from }),
		plain_word((struct str){ what.data + met, what.len - met }));
	return true;
}

/* The outline's path of the complaint, without its `skip` innermost parts, and with `key`. */
static void path_of(const struct complaint *complaint, size_t skip, const char *key,
		    struct buf *path)
{
	char separator = OUTLINE_SEPARATOR;
	for (size_t i = complaint->n_places; i > skip; i--) {
		if (path->len)
			buf_append(path, &separator, 1);
		buf_puts(path, complaint->places[i - 1]);
	}
	if (key && path->len)
		buf_append(path, &separator, 1);
	if (key)
		buf_puts(path, key);
}

/* The rest of `what` behind `head`, or NULL when it does not begin with it. */
static const char *behind(const char *what, const char *head)
{
	size_t len = strlen(head);
	return strncmp(what, head, len) == 0 ? what + len : NULL;
}

/* Make a sentence of what libcyaml complained about. */
static int rephrase(const struct config_raw *raw, const struct complaint *complaint,
		    cyaml_err_t code, struct err *err)
{
	const char *unknown = behind(complaint->what, "Unexpected key: ");
	const char *missing = behind(complaint->what, "Missing required mapping field: ");
	char place[PLACE_BYTES];
	struct buf path;
	if (code == CYAML_ERR_OOM)
		return no_memory(raw, err);
	buf_init(&path, sizeof(*complaint));
	path_of(complaint, missing && complaint->n_places ? 1 : 0, unknown, &path);
	put_place(raw, buf_str(&path), place, sizeof(place));
	buf_done(&path);
	if (unknown)
		return unknown_key(keys_at(raw->schema, complaint), place, unknown, err);
	if (missing)
		return err_set(err, -EINVAL, "%s: the key \"%s\" is missing", place, missing);
	if (wrong_type(str_of(complaint->what), place, err))
		return -EINVAL;
	return err_set(err, -EINVAL, "%s: %s", place,
		       complaint->what[0] ? complaint->what : cyaml_strerror(code));
}

/* ---- names people chose ---- */

static int add_name(struct config_raw *raw, struct config_raw_names *names, struct str name)
{
	if (names->len >= NAMES_MAX)
		return -E2BIG;
	int r = map_put(&names->seen, name, names->len);
	if (r <= 0)
		return r;
	const char *copy = arena_copy(&raw->arena, name);
	return copy ? VEC_PUSH(names, copy) : -ENOMEM;
}

/* A path of the outline is suites/NAME, profiles/NAME or suites/NAME/env/NAME, or of no interest.
 */
static int take_path(struct config_raw *raw, struct str path)
{
	struct str parts[5];
	size_t n = 0;
	while (n < 5 && str_split(&path, OUTLINE_SEPARATOR, &parts[n]))
		n++;
	if (n == 2 && str_eq(parts[0], STR_LIT("suites")))
		return add_name(raw, &raw->suites, parts[1]);
	if (n == 2 && str_eq(parts[0], STR_LIT("profiles")))
		return add_name(raw, &raw->profiles, parts[1]);
	if (n == 4 && str_eq(parts[0], STR_LIT("suites")) && str_eq(parts[2], STR_LIT("env")))
		return add_name(raw, &raw->variables, parts[3]);
	return 0;
}

/* ---- the schema ---- */

static const cyaml_schema_value_t list_entry = {
	.type = CYAML_STRING,
	.flags = CYAML_FLAG_POINTER,
	.data_size = 1,
	.string = { .min = 0, .max = LIMIT_TEXT_BYTES },
};

static cyaml_schema_field_t text_field(const char *key, size_t offset)
{
	return (cyaml_schema_field_t){
		.key = key,
		.data_offset = (uint32_t)offset,
		.value = { .type = CYAML_STRING,
			   .flags = CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
			   .data_size = 1,
			   .string = { .min = 0, .max = LIMIT_TEXT_BYTES } },
	};
}

static cyaml_schema_field_t needed_field(const char *key, size_t offset)
{
	cyaml_schema_field_t field = text_field(key, offset);
	field.value.flags = CYAML_FLAG_POINTER;
	return field;
}

/* A list of `item_bytes` items at `offset`, counted by a uint32_t at `count_offset`. */
static cyaml_schema_field_t items_field(const char *key, size_t offset, size_t count_offset,
					size_t item_bytes, const cyaml_schema_value_t *entry)
{
	return (cyaml_schema_field_t){
		.key = key,
		.data_offset = (uint32_t)offset,
		.count_offset = (uint32_t)count_offset,
		.count_size = sizeof(uint32_t),
		.value = { .type = CYAML_SEQUENCE,
			   .flags = CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
			   .data_size = (uint32_t)item_bytes,
			   .sequence = { .entry = entry, .min = 0, .max = ITEMS_MAX } },
	};
}

/* A struct config_raw_list at `offset`. */
static cyaml_schema_field_t list_field(const char *key, size_t offset)
{
	return items_field(key, offset + offsetof(struct config_raw_list, items),
			   offset + offsetof(struct config_raw_list, n), sizeof(char *),
			   &list_entry);
}

static cyaml_schema_field_t map_field(const char *key, size_t offset, size_t bytes,
				      const cyaml_schema_field_t *fields)
{
	return (cyaml_schema_field_t){
		.key = key,
		.data_offset = (uint32_t)offset,
		.value = { .type = CYAML_MAPPING,
			   .flags = CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
			   .data_size = (uint32_t)bytes,
			   .mapping = { .fields = fields } },
	};
}

static cyaml_schema_field_t *new_fields(struct config_raw *raw, size_t n)
{
	return arena_alloc(&raw->arena, (n + 1) * sizeof(cyaml_schema_field_t));
}

/* Fields for names people chose: a pointer each, as `like` says. libcyaml wants room for one. */
static cyaml_schema_field_t *named_fields(struct config_raw *raw,
					  const struct config_raw_names *names,
					  const cyaml_schema_field_t *like)
{
	cyaml_schema_field_t *fields = new_fields(raw, names->len);
	for (size_t i = 0; fields && i < names->len; i++) {
		fields[i] = *like;
		fields[i].key = names->items[i];
		fields[i].data_offset = (uint32_t)(i * sizeof(void *));
	}
	return fields;
}

static size_t pointers(const struct config_raw_names *names)
{
	return (names->len ? names->len : 1) * sizeof(void *);
}

/* One field per option, `inherits` in front of them where there is something to inherit. */
static cyaml_schema_field_t *option_fields(struct config_raw *raw, const struct conf_table *table,
					   bool inherits)
{
	cyaml_schema_field_t *fields = new_fields(raw, table->n_options + 1);
	size_t n = 0;
	if (!fields)
		return NULL;
	if (inherits)
		fields[n++] = text_field("inherits", offsetof(struct config_raw_profile, inherits));
	for (size_t i = 0; i < table->n_options; i++) {
		const struct conf_option *option = &table->options[i];
		size_t offset = offsetof(struct config_raw_profile, options) +
				i * sizeof(struct config_raw_option);
		if (option->flag_only)
			continue;
		if (option->type == CONF_LIST)
			fields[n++] = list_field(option->name,
						 offset + offsetof(struct config_raw_option, list));
		else
			fields[n++] = text_field(option->name,
						 offset + offsetof(struct config_raw_option, text));
	}
	return fields;
}

static cyaml_schema_field_t *suite_fields(struct config_raw *raw)
{
#define AT(member) offsetof(struct config_raw_suite, member)
	const cyaml_schema_field_t variable = text_field(NULL, 0);
	const cyaml_schema_field_t *variables = named_fields(raw, &raw->variables, &variable);
	cyaml_schema_field_t *fields = new_fields(raw, 11);
	if (!fields || !variables)
		return NULL;
	const cyaml_schema_field_t all[] = {
		text_field("kind", AT(kind)),
		text_field("path", AT(path)),
		text_field("command", AT(command)),
		list_field("args", AT(args)),
		map_field("env", AT(env), pointers(&raw->variables), variables),
		text_field("cwd", AT(cwd)),
		text_field("workspace", AT(workspace)),
		list_field("inputs", AT(inputs)),
		list_field("tags", AT(tags)),
		list_field("requires", AT(requires)),
		text_field("timeout", AT(timeout)),
	};
#undef AT
	memcpy(fields, all, sizeof(all));
	return fields;
}

static const cyaml_schema_value_t *override_schema(struct config_raw *raw)
{
#define AT(member) offsetof(struct config_raw_override, member)
	cyaml_schema_field_t *quarantine = new_fields(raw, 3), *fields = new_fields(raw, 8);
	cyaml_schema_value_t *schema = arena_alloc(&raw->arena, sizeof(*schema));
	if (!quarantine || !fields || !schema)
		return NULL;
	quarantine[0] = needed_field("reason", offsetof(struct config_raw_quarantine, reason));
	quarantine[1] = text_field("owner", offsetof(struct config_raw_quarantine, owner));
	quarantine[2] = text_field("expires", offsetof(struct config_raw_quarantine, expires));
	const cyaml_schema_field_t all[] = {
		needed_field("filter", AT(filter)),
		text_field("timeout", AT(timeout)),
		text_field("retries", AT(retries)),
		text_field("threads", AT(threads)),
		text_field("memory", AT(memory)),
		text_field("isolate", AT(isolate)),
		list_field("locks", AT(locks)),
		map_field("quarantine", AT(quarantine), sizeof(struct config_raw_quarantine),
			  quarantine),
	};
#undef AT
	memcpy(fields, all, sizeof(all));
	*schema = (cyaml_schema_value_t){
		.type = CYAML_MAPPING,
		.data_size = sizeof(struct config_raw_override),
		.mapping = { .fields = fields },
	};
	return schema;
}

static cyaml_schema_field_t *top_fields(struct config_raw *raw, const struct conf_table *table)
{
#define AT(member) offsetof(struct config_raw_top, member)
	size_t profile_bytes = sizeof(struct config_raw_profile) +
			       table->n_options * sizeof(struct config_raw_option);
	const cyaml_schema_field_t suite = map_field(NULL, 0, sizeof(struct config_raw_suite),
						     suite_fields(raw));
	const cyaml_schema_field_t profile = map_field(NULL, 0, profile_bytes,
						       option_fields(raw, table, true));
	const cyaml_schema_field_t *options = option_fields(raw, table, false);
	const cyaml_schema_field_t *suites = named_fields(raw, &raw->suites, &suite);
	const cyaml_schema_field_t *profiles = named_fields(raw, &raw->profiles, &profile);
	const cyaml_schema_value_t *override = override_schema(raw);
	cyaml_schema_field_t *fields = new_fields(raw, 6);
	if (!suite.value.mapping.fields || !profile.value.mapping.fields || !options || !suites ||
	    !profiles || !override || !fields)
		return NULL;
	const cyaml_schema_field_t all[] = {
		map_field("suites", AT(suites), pointers(&raw->suites), suites),
		map_field("options", AT(options), profile_bytes, options),
		map_field("profiles", AT(profiles), pointers(&raw->profiles), profiles),
		items_field("overrides", AT(overrides), AT(n_overrides),
			    sizeof(struct config_raw_override), override),
		list_field("setup", AT(setup)),
		list_field("teardown", AT(teardown)),
	};
#undef AT
	memcpy(fields, all, sizeof(all));
	return fields;
}

static int make_schema(struct config_raw *raw, const struct conf_table *table)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < raw->outline.lines.len; i++)
		r = take_path(raw, raw->outline.lines.entries[i].key);
	if (r < 0 || raw->suites.len * raw->variables.len > CELLS_MAX)
		return r < 0 ? r : -E2BIG;
	cyaml_schema_value_t *schema = arena_alloc(&raw->arena, sizeof(*schema));
	const cyaml_schema_field_t *fields = top_fields(raw, table);
	if (!schema || !fields)
		return -ENOMEM;
	*schema = (cyaml_schema_value_t){
		.type = CYAML_MAPPING,
		.flags = CYAML_FLAG_POINTER,
		.data_size = sizeof(struct config_raw_top),
		.mapping = { .fields = fields },
	};
	raw->schema = schema;
	return 0;
}

/* ---- reading ---- */

static int load(struct config_raw *raw, struct str text, struct err *err)
{
	struct complaint complaint = { 0 };
	const cyaml_config_t how = {
		.log_fn = listen,
		.log_ctx = &complaint,
		.mem_fn = cyaml_mem,
		.log_level = CYAML_LOG_ERROR,
		.flags = CYAML_CFG_NO_ALIAS,
	};
	cyaml_data_t *data = NULL;
	cyaml_err_t code = cyaml_load_data((const uint8_t *)text.data, text.len, &how, raw->schema,
					   &data, NULL);
	if (code != CYAML_OK)
		return rephrase(raw, &complaint, code, err);
	raw->top = data;
	return 0;
}

int config_raw_read(struct str text, const char *file, const struct conf_table *table,
		    struct config_raw *ret_raw, struct err *err)
{
	struct config_raw raw = { .file = file };
	int r = outline_read(text, file, &raw.outline, err);
	if (r < 0)
		return r;
	/* libcyaml takes no empty text for an empty mapping */
	if (raw.outline.filled) {
		r = make_schema(&raw, table);
		if (r == -E2BIG)
			err_set(err, r,
				"%s: more names of suites, profiles or variables than one "
				"file may have; split it",
				file);
		else
			r = r < 0 ? no_memory(&raw, err) : load(&raw, text, err);
		if (r < 0) {
			config_raw_done(&raw);
			return r;
		}
	}
	*ret_raw = raw;
	return 0;
}

static void names_done(struct config_raw_names *names)
{
	VEC_DONE(names);
	map_done(&names->seen);
}

void config_raw_done(struct config_raw *raw)
{
	if (!raw)
		return;
	const cyaml_config_t how = { .mem_fn = cyaml_mem };
	if (raw->top)
		cyaml_free(&how, raw->schema, raw->top, 0);
	names_done(&raw->suites);
	names_done(&raw->profiles);
	names_done(&raw->variables);
	outline_done(&raw->outline);
	arena_done(&raw->arena);
	*raw = (struct config_raw){ 0 };
}
