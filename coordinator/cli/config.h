// SPDX-License-Identifier: Apache-2.0
/*
 * config.h - paddock.yaml: found upward from a folder, checked against a schema, turned into plain
 * records. Every error names file and line, and the nearest known key where a key is unknown; a
 * caller exits with EXIT_CODE_CONFIG.
 *
 *	suites:                         # what to run, by name
 *	  unit:
 *	    kind: gtest                 # auto unless given
 *	    path: build/unit_tests      # from the folder of this file
 *	    env: { LANG: C }
 *	options: { jobs: 4 }            # any option of the command line
 *	profiles:
 *	  ci: { retries: 2, junit: out.xml }
 *	  nightly: { inherits: ci, repeat: 10 }
 *	overrides:
 *	  - { filter: "test(/slow/)", timeout: 5m }
 */
#ifndef PADDOCK_CLI_CONFIG_H
#define PADDOCK_CLI_CONFIG_H

#include "protocol/base/arena.h"
#include "protocol/base/conf.h"
#include "protocol/base/err.h"
#include "protocol/base/str.h"
#include "protocol/wire/msg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CONFIG_FILE_BYTES = 4 << 20 };

#define CONFIG_FILE_NAME "paddock.yaml"

struct config_texts {
	const char **items;
	size_t len, cap;
};

/* What a user calls a suite. Unset texts are NULL. */
struct config_suite {
	const char *name;
	const char *kind;	  /* name of a kind, or "auto" */
	const char *path;	  /* absolute; NULL when there is a command */
	const char *command;	  /* for sh */
	const char *cwd;	  /* absolute */
	const char *workspace;	  /* absolute */
	uint64_t timeout_us;	  /* 0: not said */
	struct config_texts args; /* words put in place of the path alone */
	struct config_texts env;  /* "NAME=value" */
	struct config_texts tags;
	struct config_texts requires; /* "K=V" that its worker must offer */
	struct config_texts inputs;   /* absolute; on one machine they are where they are */
	uint64_t line;
};

/* One option with its value. */
struct config_value {
	size_t option;
	const char *text;
	uint64_t line;
};

/* Options under a name. */
struct config_profile {
	const char *name;     /* NULL: the `options` of the file */
	const char *inherits; /* NULL: nothing */
	struct config_value *items;
	size_t len, cap;
	uint64_t line;
};

/* A line of `overrides`, ready for the wire, and when its quarantine ends. */
struct config_override {
	struct msg_override wire;
	uint64_t quarantine_until_us; /* wall time; 0: it does not end */
	const char *quarantine_reason, *quarantine_owner;
	uint64_t line;
};

struct config {
	char *path;   /* of the file, absolute */
	char *folder; /* it lies in */
	struct config_profile options;
	struct {
		struct config_suite *items;
		size_t len, cap;
	} suites;
	struct {
		struct config_profile *items;
		size_t len, cap;
	} profiles;
	struct {
		struct config_override *items;
		size_t len, cap;
	} overrides;
	struct arena arena; /* owns every text */
};

/*
 * The nearest CONFIG_FILE_NAME at or above `folder`, as a heap copy of its path in *ret_path. 0;
 * -ENOENT when there is none.
 */
int config_find(const char *folder, char **ret_path);

/*
 * Read a file. 0 with *ret_config (free it with config_done), or -errno with err. Options are those
 * of `table`. Blocks on the file.
 */
int config_load(const char *path, const struct conf_table *table, struct config *ret_config,
		struct err *err);

/* As config_load, from `text` that `path` (absolute) is said to hold. Touches no file. */
int config_parse(struct str text, const char *path, const struct conf_table *table,
		 struct config *ret_config, struct err *err);

/* Free what it owns and zero it. Accepts NULL and zeroed. */
void config_done(struct config *config);

/*
 * Give conf the file's options, then those of its profile (the option called "profile" of the
 * table, wherever it was set). 0, or -EINVAL with err: no such profile, a circle, a value out of
 * range.
 */
int config_apply(const struct config *config, struct conf *conf, struct err *err);

/* The suite called `name`, or NULL. */
const struct config_suite *config_suite(const struct config *config, struct str name);

#endif
