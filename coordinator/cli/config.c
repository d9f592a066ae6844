// SPDX-License-Identifier: Apache-2.0
/*
 * config.c - from the texts of paddock.yaml (config_raw.h) to the records of config.h: numbers,
 * durations and dates are parsed, paths made absolute, names checked. Everything is copied; nothing
 * of libcyaml's is left when config_parse returns. Finding the file and giving its options to conf
 * is in config_apply.c.
 */
#include "coordinator/cli/config.h"

#include "coordinator/cli/config_raw.h"
#include "protocol/base/assert.h"
#include "protocol/base/fd.h"
#include "protocol/base/vec.h"
#include "protocol/wire/kind.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PLACE_BYTES = 1024 };

/* What every step below needs. */
struct reading {
	const struct conf_table *table;
	const struct config_raw *raw;
	struct config *config;
	struct err *err;
};

/* ---- errors and texts ---- */

#define PATH(...) ((const char *const[3]){ __VA_ARGS__ })

static int refuse(const struct reading *reading, const char *const path[3], const char *what)
{
	char place[PLACE_BYTES];
	return err_set(reading->err, -EINVAL, "%s: %s",
		       config_raw_place(reading->raw, path, place, sizeof(place)), what);
}

static int no_memory(const struct reading *reading)
{
	return err_set(reading->err, -ENOMEM, "%s: out of memory", reading->config->path);
}

/* Copy `text` when there is one. */
static int copy_text(const struct reading *reading, const char *text, const char **ret_copy)
{
	*ret_copy = text ? arena_copy(&reading->config->arena, str_of(text)) : NULL;
	return text && !*ret_copy ? no_memory(reading) : 0;
}

/* The same for a path, from the folder of the file. */
static int copy_path(const struct reading *reading, const char *text, const char **ret_copy)
{
	if (!text || text[0] == '/')
		return copy_text(reading, text, ret_copy);
	struct arena *arena = &reading->config->arena;
	*ret_copy = strcmp(text, ".") == 0
			    ? arena_copy(arena, str_of(reading->config->folder))
			    : arena_printf(arena, "%s/%s", reading->config->folder, text);
	return *ret_copy ? 0 : no_memory(reading);
}

static int copy_list(const struct reading *reading, const struct config_raw_list *list, bool paths,
		     struct config_texts *texts)
{
	for (size_t i = 0; i < list->n; i++) {
		const char *copy;
		int r = paths ? copy_path(reading, list->items[i], &copy)
			      : copy_text(reading, list->items[i], &copy);
		if (r < 0)
			return r;
		if (VEC_PUSH(texts, copy) < 0)
			return no_memory(reading);
	}
	return 0;
}

/* ---- numbers ---- */

static int read_duration(const struct reading *reading, const char *const path[3], const char *text,
			 uint64_t *ret_us)
{
	if (text && str_parse_duration(str_of(text), ret_us) < 0)
		return refuse(reading, path, "not a duration; write it as 90, 1.5s or 1h30m");
	return 0;
}

static int read_number(const struct reading *reading, const char *const path[3], const char *text,
		       uint64_t max, uint64_t *ret_number)
{
	char what[64];
	if (!text || str_parse_u64(str_of(text), 0, max, ret_number) == 0)
		return 0;
	snprintf(what, sizeof(what), "not a whole number up to %llu", (unsigned long long)max);
	return refuse(reading, path, what);
}

static int read_flag(const struct reading *reading, const char *const path[3], const char *text,
		     uint64_t *ret_flag)
{
	if (!text)
		return 0;
	if (strcmp(text, "true") == 0 || strcmp(text, "yes") == 0 || strcmp(text, "on") == 0)
		*ret_flag = 1;
	else if (strcmp(text, "false") == 0 || strcmp(text, "no") == 0 || strcmp(text, "off") == 0)
		*ret_flag = 0;
	else
		return refuse(reading, path, "neither true nor false");
	return 0;
}

/* "2026-12-31" is the end of that day, UTC. */
static int read_date(const struct reading *reading, const char *const path[3], const char *text,
		     uint64_t *ret_us)
{
	struct tm tm = { 0 };
	if (!text)
		return 0;
	const char *end = strlen(text) == 10 ? strptime(text, "%Y-%m-%d", &tm) : NULL;
	time_t day = end && !*end ? timegm(&tm) : -1;
	if (day < 0)
		return refuse(reading, path, "not a date; write it as 2026-12-31");
	*ret_us = ((uint64_t)day + 86400) * 1000000;
	return 0;
}

/* ---- suites ---- */

static int check_kind(const struct reading *reading, const char *name, const char *kind)
{
	const char *names[KIND_MAX + 1] = { "auto" };
	char what[256];
	if (!kind || strcmp(kind, "auto") == 0 || kind_parse(str_of(kind)) >= 0)
		return 0;
	for (int i = 0; i < KIND_MAX; i++)
		names[i + 1] = kind_name((enum kind)i);
	const char *nearest = conf_nearest(str_of(kind), names, KIND_MAX + 1);
	snprintf(what, sizeof(what), "\"%.60s\" is no kind of suite that is known%s%s%s", kind,
		 nearest ? "; did you mean \"" : "; see paddock run --help", nearest ? nearest : "",
		 nearest ? "\"?" : "");
	return refuse(reading, PATH("suites", name, "kind"), what);
}

static int check_suite(const struct reading *reading, const char *name,
		       const struct config_raw_suite *raw)
{
	if (strstr(name, "::"))
		return refuse(reading, PATH("suites", name), "a name must not hold \"::\"");
	if (!raw->path == !raw->command)
		return refuse(reading, PATH("suites", name), "needs either a path or a command");
	if (raw->command && raw->args.n)
		return refuse(reading, PATH("suites", name, "args"),
			      "they go with a path; a command holds its own");
	if (raw->command && raw->kind && strcmp(raw->kind, "list") != 0 &&
	    strcmp(raw->kind, "tap") != 0 && strcmp(raw->kind, "auto") != 0)
		return refuse(reading, PATH("suites", name, "kind"),
			      "a command is of kind list or tap; others need a path");
	return check_kind(reading, name, raw->kind);
}

static int check_requires(const struct reading *reading, const char *name,
			  const struct config_raw_list *list)
{
	for (uint32_t i = 0; i < list->n; i++)
		if (list->items[i][0] == '=' || !strchr(list->items[i], '='))
			return refuse(reading, PATH("suites", name, "requires"),
				      "what a worker must offer has the form K=V, as its --tag");
	return 0;
}

static int copy_env(const struct reading *reading, const char *name, char *const *env,
		    struct config_texts *texts)
{
	const struct config_raw_names *names = &reading->raw->variables;
	for (size_t i = 0; env && i < names->len; i++) {
		if (!env[i])
			continue;
		if (strchr(names->items[i], '='))
			return refuse(reading, PATH("suites", name, "env"),
				      "the name of a variable must not hold \"=\"");
		const char *text = arena_printf(&reading->config->arena, "%s=%s", names->items[i],
						env[i]);
		if (!text || VEC_PUSH(texts, text) < 0)
			return no_memory(reading);
	}
	return 0;
}

static int read_suite(const struct reading *reading, const char *name,
		      const struct config_raw_suite *raw)
{
	struct config *config = reading->config;
	struct config_suite blank = { .line = config_raw_line(reading->raw, PATH("suites", name)) };
	int r = check_suite(reading, name, raw);
	if (r < 0)
		return r;
	if (VEC_PUSH(&config->suites, blank) < 0)
		return no_memory(reading);
	struct config_suite *suite = &config->suites.items[config->suites.len - 1];
	r = copy_text(reading, name, &suite->name);
	r = r < 0 ? r : copy_text(reading, raw->kind ? raw->kind : "auto", &suite->kind);
	r = r < 0 ? r : copy_text(reading, raw->command, &suite->command);
	r = r < 0 ? r : copy_path(reading, raw->path, &suite->path);
	r = r < 0 ? r : copy_path(reading, raw->cwd, &suite->cwd);
	r = r < 0 ? r : copy_path(reading, raw->workspace, &suite->workspace);
	r = r < 0 ? r : copy_list(reading, &raw->args, false, &suite->args);
	r = r < 0 ? r : copy_list(reading, &raw->tags, false, &suite->tags);
	r = r < 0 ? r : check_requires(reading, name, &raw->requires);
	r = r < 0 ? r : copy_list(reading, &raw->requires, false, &suite->requires);
	r = r < 0 ? r : copy_list(reading, &raw->inputs, true, &suite->inputs);
	r = r < 0 ? r : copy_env(reading, name, raw->env, &suite->env);
	return r < 0 ? r
		     : read_duration(reading, PATH("suites", name, "timeout"), raw->timeout,
				     &suite->timeout_us);
}

/* ---- options and profiles ---- */

static int add_value(const struct reading *reading, struct config_profile *profile, size_t option,
		     const char *text, const char *const path[3])
{
	struct config_value value = { .option = option,
				      .line = config_raw_line(reading->raw, path) };
	int r = copy_text(reading, text, &value.text);
	if (r < 0)
		return r;
	return VEC_PUSH(profile, value) < 0 ? no_memory(reading) : 0;
}

/* `head` is "options" or "profiles", `name` that of the profile or NULL. */
static int read_profile(const struct reading *reading, const char *head, const char *name,
			const struct config_raw_profile *raw, struct config_profile *profile)
{
	profile->line = config_raw_line(reading->raw, PATH(head, name));
	int r = copy_text(reading, name, &profile->name);
	r = r < 0 ? r : copy_text(reading, name ? raw->inherits : NULL, &profile->inherits);
	for (size_t i = 0; r == 0 && i < reading->table->n_options; i++) {
		const char *key = reading->table->options[i].name;
		const struct config_raw_option *option = &raw->options[i];
		const char *const path[3] = { head, name ? name : key, name ? key : NULL };
		if (name && (option->text || option->list.n) && strcmp(key, "profile") == 0)
			return refuse(reading, path,
				      "a profile takes another's options with "
				      "\"inherits\"");
		if (option->text)
			r = add_value(reading, profile, i, option->text, path);
		for (size_t j = 0; r == 0 && j < option->list.n; j++)
			r = add_value(reading, profile, i, option->list.items[j], path);
	}
	return r;
}

static int read_profiles(const struct reading *reading)
{
	struct config *config = reading->config;
	const struct config_raw_top *top = reading->raw->top;
	int r = top->options
			? read_profile(reading, "options", NULL, top->options, &config->options)
			: 0;
	for (size_t i = 0; r == 0 && top->profiles && i < reading->raw->profiles.len; i++) {
		if (VEC_PUSH(&config->profiles, (struct config_profile){ 0 }) < 0)
			return no_memory(reading);
		r = read_profile(reading, "profiles", reading->raw->profiles.items[i],
				 top->profiles[i], &config->profiles.items[i]);
	}
	return r;
}

/* ---- overrides ---- */

static int read_locks(const struct reading *reading, const char *number,
		      const struct config_raw_list *list, struct msg_override *wire)
{
	if (!list->n)
		return 0;
	if (list->n > LIMIT_TAGS)
		return refuse(reading, PATH("overrides", number, "locks"), "too many locks");
	struct str *locks = arena_alloc(&reading->config->arena, list->n * sizeof(*locks));
	if (!locks)
		return no_memory(reading);
	for (size_t i = 0; i < list->n; i++) {
		const char *copy;
		int r = copy_text(reading, list->items[i], &copy);
		if (r < 0)
			return r;
		locks[i] = str_of(copy);
	}
	wire->locks = locks;
	wire->n_locks = list->n;
	wire->has |= MSG_OVERRIDE_LOCKS;
	return 0;
}

static int read_quarantine(const struct reading *reading, const char *number,
			   const struct config_raw_quarantine *raw,
			   struct config_override *override)
{
	if (!raw)
		return 0;
	override->wire.quarantine = 1;
	override->wire.has |= MSG_OVERRIDE_QUARANTINE;
	int r = copy_text(reading, raw->reason, &override->quarantine_reason);
	r = r < 0 ? r : copy_text(reading, raw->owner, &override->quarantine_owner);
	return r < 0 ? r
		     : read_date(reading, PATH("overrides", number, "quarantine"), raw->expires,
				 &override->quarantine_until_us);
}

static int read_limits(const struct reading *reading, const char *number,
		       const struct config_raw_override *raw, struct msg_override *wire)
{
	int r = read_duration(reading, PATH("overrides", number, "timeout"), raw->timeout,
			      &wire->timeout_us);
	r = r < 0 ? r
		  : read_number(reading, PATH("overrides", number, "retries"), raw->retries, 1000,
				&wire->retries);
	r = r < 0 ? r
		  : read_number(reading, PATH("overrides", number, "threads"), raw->threads, 4096,
				&wire->threads);
	r = r < 0 ? r
		  : read_flag(reading, PATH("overrides", number, "isolate"), raw->isolate,
			      &wire->isolate);
	if (r == 0 && raw->memory && str_parse_size(str_of(raw->memory), &wire->memory_bytes) < 0)
		r = refuse(reading, PATH("overrides", number, "memory"),
			   "not a size; write it as 512K, 64M or 1.5G");
	wire->has |= raw->timeout ? MSG_OVERRIDE_TIMEOUT : 0;
	wire->has |= raw->retries ? MSG_OVERRIDE_RETRIES : 0;
	wire->has |= raw->threads ? MSG_OVERRIDE_THREADS : 0;
	wire->has |= raw->isolate ? MSG_OVERRIDE_ISOLATE : 0;
	wire->has |= raw->memory ? MSG_OVERRIDE_MEMORY : 0;
	return r;
}

static int read_override(const struct reading *reading, size_t i,
			 const struct config_raw_override *raw)
{
	struct config_override override = { 0 };
	const char *filter;
	char number[24];
	snprintf(number, sizeof(number), "%zu", i + 1); /* as people count */
	override.line = config_raw_line(reading->raw, PATH("overrides", number));
	int r = copy_text(reading, raw->filter, &filter);
	if (r < 0)
		return r;
	override.wire.filter = str_of(filter);
	r = read_limits(reading, number, raw, &override.wire);
	r = r < 0 ? r : read_locks(reading, number, &raw->locks, &override.wire);
	r = r < 0 ? r : read_quarantine(reading, number, raw->quarantine, &override);
	if (r == 0 && !override.wire.has)
		r = refuse(reading, PATH("overrides", number),
			   "changes nothing: give timeout, "
			   "retries, threads, memory, isolate, locks or quarantine");
	if (r < 0)
		return r;
	return VEC_PUSH(&reading->config->overrides, override) < 0 ? no_memory(reading) : 0;
}

/* ---- the whole ---- */

static int read_top(const struct reading *reading)
{
	const struct config_raw_top *top = reading->raw->top;
	static const char later[] =
		"scripts around a run are not supported by this version; run them "
		"before and after paddock, and remove this key";
	if (!top)
		return 0;
	if (top->setup.items)
		return refuse(reading, PATH("setup"), later);
	if (top->teardown.items)
		return refuse(reading, PATH("teardown"), later);
	int r = read_profiles(reading);
	for (size_t i = 0; r == 0 && top->suites && i < reading->raw->suites.len; i++)
		r = read_suite(reading, reading->raw->suites.items[i], top->suites[i]);
	for (size_t i = 0; r == 0 && i < top->n_overrides; i++)
		r = read_override(reading, i, &top->overrides[i]);
	return r;
}

static int name_file(struct config *config, const char *path)
{
	const char *slash = strrchr(path, '/');
	ASSERT(path[0] == '/' && slash);
	config->path = str_dup(str_of(path));
	config->folder = str_dup((struct str){ path, slash == path ? 1 : (size_t)(slash - path) });
	return config->path && config->folder ? 0 : -ENOMEM;
}

int config_parse(struct str text, const char *path, const struct conf_table *table,
		 struct config *ret_config, struct err *err)
{
	struct config config = { 0 };
	struct config_raw raw = { 0 };
	struct reading reading = { .table = table, .raw = &raw, .config = &config, .err = err };
	if (name_file(&config, path) < 0) {
		config_done(&config);
		return err_set(err, -ENOMEM, "%s: out of memory", path);
	}
	int r = config_raw_read(text, path, table, &raw, err);
	r = r < 0 ? r : read_top(&reading);
	config_raw_done(&raw);
	if (r < 0) {
		config_done(&config);
		return r;
	}
	*ret_config = config;
	return 0;
}

int config_load(const char *path, const struct conf_table *table, struct config *ret_config,
		struct err *err)
{
	struct buf buf = { 0 };
	char *absolute = realpath(path, NULL);
	int r = absolute ? fd_read_file(absolute, CONFIG_FILE_BYTES, &buf) : -errno;
	if (r < 0)
		err_errno(err, r, "%s: the configuration cannot be read", path);
	else
		r = config_parse(buf_str(&buf), absolute, table, ret_config, err);
	buf_done(&buf);
	free(absolute);
	return r;
}

static void texts_done(struct config_texts *texts)
{
	VEC_DONE(texts);
}

void config_done(struct config *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < config->suites.len; i++) {
		struct config_suite *suite = &config->suites.items[i];
		texts_done(&suite->args);
		texts_done(&suite->env);
		texts_done(&suite->tags);
		texts_done(&suite->requires);
		texts_done(&suite->inputs);
	}
	for (size_t i = 0; i < config->profiles.len; i++)
		VEC_DONE(&config->profiles.items[i]);
	VEC_DONE(&config->options);
	VEC_DONE(&config->suites);
	VEC_DONE(&config->profiles);
	VEC_DONE(&config->overrides);
	arena_done(&config->arena);
	free(config->path);
	free(config->folder);
	*config = (struct config){ 0 };
}
