// SPDX-License-Identifier: Apache-2.0
/*
 * config_raw.h - paddock.yaml as libcyaml fills it: texts in the places the schema gives them, and
 * nothing interpreted yet. For config.c alone.
 */
#ifndef PADDOCK_CLI_CONFIG_RAW_H
#define PADDOCK_CLI_CONFIG_RAW_H

#include "coordinator/cli/outline.h"
#include "protocol/base/arena.h"
#include "protocol/base/conf.h"
#include "protocol/base/err.h"
#include "protocol/base/map.h"

#include <stddef.h>
#include <stdint.h>

struct config_raw_list {
	char **items;
	uint32_t n;
};

struct config_raw_suite {
	char *kind, *path, *command, *cwd, *workspace, *timeout;
	struct config_raw_list args, inputs, tags, requires;
	char **env; /* by number of the variable's name */
};

struct config_raw_option {
	char *text;
	struct config_raw_list list;
};

struct config_raw_profile {
	char *inherits;
	struct config_raw_option options[]; /* by number of the option */
};

struct config_raw_quarantine {
	char *reason, *owner, *expires;
};

struct config_raw_override {
	char *filter, *timeout, *retries, *threads, *memory, *isolate;
	struct config_raw_list locks;
	struct config_raw_quarantine *quarantine;
};

struct config_raw_top {
	struct config_raw_profile *options;
	struct config_raw_suite **suites; /* by number of the name */
	struct config_raw_profile **profiles;
	struct config_raw_override *overrides;
	uint32_t n_overrides;
	struct config_raw_list setup, teardown;
};

/* Names that people chose, in the order of the file. */
struct config_raw_names {
	const char **items;
	size_t len, cap;
	struct map seen;
};

/* A file that was read. Absent texts, lists and parts are NULL. */
struct config_raw {
	struct config_raw_top *top; /* NULL for an empty file */
	struct config_raw_names suites, profiles, variables;
	struct outline outline;
	const char *file;   /* as errors show it; borrowed */
	struct arena arena; /* schema and names */
	const void *schema; /* libcyaml's, to free `top` with */
};

/*
 * Read `text`, which `file` is said to hold. 0 with *ret_raw (free it with config_raw_done), or
 * -EINVAL with err naming line and key, -ENOMEM.
 */
int config_raw_read(struct str text, const char *file, const struct conf_table *table,
		    struct config_raw *ret_raw, struct err *err);

/* Free it. Accepts NULL and zeroed. */
void config_raw_done(struct config_raw *raw);

/*
 * The place of a key for the head of an error, "file:LINE: suites.unit.kind", from its path of up
 * to three parts (NULL ends them). Returns out.
 */
const char *config_raw_place(const struct config_raw *raw, const char *const path[3], char *out,
			     size_t size);

/* The line of the thing at that path. */
uint64_t config_raw_line(const struct config_raw *raw, const char *const path[3]);

#endif
