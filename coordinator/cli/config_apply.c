// SPDX-License-Identifier: Apache-2.0
/*
 * config_apply.c - finding paddock.yaml, and handing its options to conf. Of a chain of profiles
 * the one nearest to the chosen decides each option; the file's own options are weaker than all.
 */
#include "coordinator/cli/config.h"

#include "protocol/base/assert.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int config_find(const char *folder, char **ret_path)
{
	size_t size = strlen(folder) + sizeof("/" CONFIG_FILE_NAME);
	char *path = malloc(size);
	ASSERT(folder[0] == '/');
	if (!path)
		return -ENOMEM;
	for (size_t len = strlen(folder);; len--) {
		if (len && folder[len] != '/' && folder[len])
			continue;
		snprintf(path, size, "%.*s/" CONFIG_FILE_NAME, (int)len, folder);
		if (access(path, F_OK) == 0) {
			*ret_path = path;
			return 0;
		}
		if (!len)
			break;
	}
	free(path);
	return -ENOENT;
}

const struct config_suite *config_suite(const struct config *config, struct str name)
{
	for (size_t i = 0; i < config->suites.len; i++)
		if (str_eq(name, str_of(config->suites.items[i].name)))
			return &config->suites.items[i];
	return NULL;
}

static const struct config_profile *find_profile(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->profiles.len; i++)
		if (strcmp(name, config->profiles.items[i].name) == 0)
			return &config->profiles.items[i];
	return NULL;
}

static int no_profile(const struct config *config, const char *name, const char *origin,
		      struct err *err)
{
	const char *names[256];
	size_t n = 0;
	for (; n < config->profiles.len && n < sizeof(names) / sizeof(names[0]); n++)
		names[n] = config->profiles.items[n].name;
	const char *nearest = conf_nearest(str_of(name), names, n);
	return err_set(err, -EINVAL, "%s: there is no profile \"%.100s\" in %s%s%s%s", origin, name,
		       config->path, nearest ? "; did you mean \"" : "", nearest ? nearest : "",
		       nearest ? "\"?" : "");
}

/* Give conf those options of a profile that no nearer one has given. */
static int give(const struct config *config, const struct config_profile *profile,
		enum conf_source source, bool *given, struct conf *conf, struct err *err)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < profile->len; i++) {
		const struct config_value *value = &profile->items[i];
		char origin[512];
		if (given[value->option])
			continue;
		snprintf(origin, sizeof(origin), "%.400s:%llu: %s", config->path,
			 (unsigned long long)value->line,
			 conf_table(conf)->options[value->option].name);
		r = conf_set(conf, value->option, source, origin, str_of(value->text), err);
	}
	for (size_t i = 0; i < profile->len; i++)
		given[profile->items[i].option] = true;
	return r;
}

static int give_chain(const struct config *config, const char *name, bool *given, struct conf *conf,
		      struct err *err)
{
	char origin[512] = "--profile";
	size_t length = 0;
	while (name) {
		const struct config_profile *profile = find_profile(config, name);
		if (!profile)
			return no_profile(config, name, origin, err);
		if (length++ > config->profiles.len)
			return err_set(err, -EINVAL,
				       "%s: profiles inherit from each other in a "
				       "circle",
				       origin);
		int r = give(config, profile, CONF_SOURCE_PROFILE, given, conf, err);
		if (r < 0)
			return r;
		snprintf(origin, sizeof(origin), "%.400s:%llu: profiles.%s", config->path,
			 (unsigned long long)profile->line, profile->name);
		name = profile->inherits;
	}
	return 0;
}

int config_apply(const struct config *config, struct conf *conf, struct err *err)
{
	const struct conf_table *table = conf_table(conf);
	int option = conf_find_option(table, STR_LIT("profile"));
	bool *given = calloc(table->n_options, sizeof(*given));
	ASSERT(option >= 0);
	if (!given)
		return err_set(err, -ENOMEM, "%s: out of memory", config->path);
	int r = give(config, &config->options, CONF_SOURCE_FILE, given, conf, err);
	memset(given, 0, table->n_options * sizeof(*given));
	if (r == 0)
		r = give_chain(config, conf_text(conf, (size_t)option), given, conf, err);
	free(given);
	return r;
}
